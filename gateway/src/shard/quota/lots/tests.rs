//! Lots touch the account rarely, never give more than it has, and go back when nobody uses them.

use tributary_access::accounts;

use super::*;
use crate::quota::{Ledger, Share, Terms};

const OWNER: u64 = 42;

fn messages(count: u32) -> Tokens {
    Tokens {
        messages: count,
        bytes: 0,
    }
}

/// The lots of so many shards that share one account.
fn shards(count: usize, per_sec: u64, burst: u32) -> Vec<Lots> {
    let meter = meter::Terms {
        messages: Some(Rate::per_sec(per_sec, burst).expect("in bounds")),
        bytes: None,
    };
    let share = Share {
        accounts: accounts::Terms {
            meter,
            ..accounts::Terms::default()
        },
        over: Over::Slow,
    };
    let terms = Terms {
        user: Some(share),
        ..Terms::default()
    };
    let shared = Ledger::new(&terms, 7).user.expect("it is bounded");
    let lots = || Lots::new(Arc::clone(&shared), &meter, Over::Slow, count);
    std::iter::repeat_with(lots).take(count).collect()
}

#[test]
fn what_all_shards_use_is_no_more_than_the_rate_and_what_lay_in_lots() {
    let mut shards = shards(4, 1_000, 200);
    let one = messages(1);
    let mut used = 0_u64;
    for tick in 0..100 {
        for lots in &mut shards {
            while lots.grab(tick, OWNER, one, one).is_ok() {
                used += 1;
            }
        }
        // A lot is a tenth of a second's worth for all shards together.
        assert!(
            used <= 200 + u64::from(tick) * 100 + 100,
            "{used} at tick {tick}"
        );
    }
    assert!(
        used >= 200 + 99 * 100 - 100,
        "{used}: the rate is not used up"
    );
}

#[test]
fn an_account_is_asked_once_for_many_messages() {
    let mut shards = shards(1, 1_000, 100);
    let one = messages(1);
    assert_eq!(shards[0].grab(0, OWNER, one, one), Ok(one));
    // The lot has a hundred in it, and the account none any more.
    let none = shards[0].shared.grab(0, OWNER, one, one);
    assert!(none.is_err());
    for _ in 1..100 {
        assert_eq!(shards[0].grab(0, OWNER, one, one), Ok(one));
    }
    assert!(shards[0].grab(0, OWNER, one, one).is_err());
}

#[test]
fn a_lot_that_nobody_uses_goes_back_to_the_others() {
    let mut shards = shards(2, 10, 10);
    let [first, second] = &mut shards[..] else {
        unreachable!("there are two");
    };
    let all = first.grab(0, OWNER, messages(1), messages(10));
    assert_eq!(all, Ok(messages(10)));
    // More than a lot goes back at once, the lot itself when it has lain there.
    first.give_back(OWNER, messages(10));
    assert_eq!(
        second.grab(0, OWNER, messages(1), messages(10)),
        Ok(messages(9))
    );
    first.sweep(QUOTA_LOT_IDLE_TICKS - 1);
    assert_eq!(first.len(), 1);
    first.sweep(QUOTA_LOT_IDLE_TICKS);
    assert_eq!(first.len(), 0);
    assert_eq!(
        second.grab(0, OWNER, messages(1), messages(1)),
        Ok(messages(1))
    );
}

#[test]
fn a_lot_is_never_none_and_never_more_than_the_burst() {
    for (per_sec, burst, size) in [(1, 10, 1), (1_000_000, 5, 5), (100, 1_000, 5)] {
        assert_eq!(shards(2, per_sec, burst)[0].size, messages(size));
    }
}
