//! Connections are counted exactly, rates hold over all of an owner's, and nothing stays behind.

use super::*;
use crate::draw::Draw;

const SEED: u64 = 0x5EED_0008;
const ONE: Tokens = Tokens {
    messages: 1,
    bytes: 10,
};

fn rate(per_sec: u64, burst: u32) -> Option<Rate> {
    Some(Rate::per_sec(per_sec, burst).expect("in bounds"))
}

fn bounded() -> Terms {
    Terms {
        connections_max: Some(2),
        ..Terms::default()
    }
}

#[test]
fn so_many_connections_and_no_more_until_one_leaves() {
    let mut accounts = Accounts::new(bounded(), 100, 7);
    assert_eq!(accounts.enter(0, "u", false), Entry::Counted);
    assert_eq!(accounts.enter(0, "u", false), Entry::Counted);
    assert_eq!(accounts.enter(0, "u", false), Entry::TooMany);
    assert_eq!(accounts.enter(0, "other", false), Entry::Counted);
    accounts.leave(0, &"u");
    assert_eq!(accounts.enter(0, "u", false), Entry::Counted);
    for owner in ["u", "u", "other"] {
        accounts.leave(0, &owner);
    }
    assert!(accounts.is_empty());
}

#[test]
fn who_takes_its_own_place_needs_no_new_one() {
    let mut accounts = Accounts::new(bounded(), 100, 7);
    let _ = accounts.enter(0, "u", false);
    let _ = accounts.enter(0, "u", false);
    assert_eq!(accounts.enter(0, "u", true), Entry::Counted);
    accounts.leave(0, &"u");
    assert_eq!(accounts.connections(&"u"), 2);
}

#[test]
fn connections_that_come_too_fast_wait_for_their_tokens() {
    let terms = Terms {
        connects: rate(10, 3),
        ..Terms::default()
    };
    let mut accounts = Accounts::new(terms, 100, 7);
    for now in [0, 0, 0] {
        assert_eq!(accounts.enter(now, 1, false), Entry::Free);
    }
    assert_eq!(accounts.enter(99, 1, false), Entry::TooFast);
    assert_eq!(accounts.enter(100, 1, false), Entry::Free);
    assert_eq!(accounts.sweep(399, 10), 0);
    assert_eq!(accounts.sweep(400, 10), 1);
}

#[test]
fn who_is_turned_away_does_not_count() {
    let terms = Terms {
        connects: rate(1, 1),
        ..bounded()
    };
    let mut accounts = Accounts::new(terms, 100, 7);
    assert_eq!(accounts.enter(0, "u", false), Entry::Counted);
    assert_eq!(accounts.enter(0, "u", false), Entry::TooFast);
    assert_eq!(accounts.connections(&"u"), 1);
}

#[test]
fn all_connections_of_an_owner_share_its_meter() {
    let terms = Terms {
        meter: meter::Terms {
            messages: rate(1, 2),
            bytes: None,
        },
        ..Terms::default()
    };
    let mut accounts = Accounts::new(terms, 100, 7);
    assert_eq!(accounts.grab(0, "u", ONE, ONE), Ok(ONE));
    assert_eq!(accounts.grab(0, "u", ONE, ONE), Ok(ONE));
    assert!(accounts.grab(0, "u", ONE, ONE).is_err());
    assert_eq!(accounts.grab(0, "other", ONE, ONE), Ok(ONE));
    accounts.give_back(&"u", ONE);
    assert_eq!(accounts.grab(0, "u", ONE, ONE), Ok(ONE));
}

#[test]
fn when_there_is_no_room_an_unknown_owner_goes_unbounded_and_known_ones_do_not() {
    let mut accounts = Accounts::new(bounded(), 2, 7);
    let _ = (accounts.enter(0, 1, false), accounts.enter(0, 2, false));
    assert_eq!(accounts.enter(0, 3, false), Entry::Unknown);
    assert_eq!(accounts.connections(&3), 0);
    assert_eq!(accounts.enter(0, 1, false), Entry::Counted);
    assert_eq!(accounts.enter(0, 1, false), Entry::TooMany);
    accounts.leave(0, &2);
    assert_eq!(accounts.enter(0, 3, false), Entry::Counted);
}

#[test]
fn the_counts_are_those_of_a_plain_model() {
    let mut draw = Draw::new(SEED);
    let mut accounts = Accounts::new(bounded(), 100, 7);
    let mut model = [0_u32; 8];
    let mut refused = 0;
    for now in 0..20_000 {
        let owner = draw.below(8) as usize;
        if draw.below(2) == 0 {
            let wanted = match model[owner] {
                2 => Entry::TooMany,
                _ => Entry::Counted,
            };
            assert_eq!(accounts.enter(now, owner, false), wanted);
            refused += u32::from(wanted == Entry::TooMany);
            model[owner] = (model[owner] + 1).min(2);
        } else if model[owner] > 0 {
            accounts.leave(now, &owner);
            model[owner] -= 1;
        }
        assert_eq!(accounts.connections(&owner), model[owner]);
    }
    assert!(refused > 100);
    assert_eq!(
        accounts.len(),
        model.iter().filter(|count| **count > 0).count()
    );
}
