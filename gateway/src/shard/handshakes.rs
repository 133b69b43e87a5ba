//! What TLS handshakes may take of a shard's time, full and resumed ones apart.
//!
//! A handshake is asked for before its key exchange, when only the client's own word says whether
//! it has a ticket. One that lied is put on the account of the full ones when it is over, and that
//! account may fall below zero: the next ones pay.

use crate::config::Handshakes;
use crate::limits::TICKS_PER_SEC;

/// Handshakes that may still begin, in tenths of one. Each tick brings a tenth of a second's, and
/// no more than that is saved up: a second's worth begun at once would keep all clients waiting for
/// a quarter of one.
pub(super) struct Budget {
    plan: Handshakes,
    full: i64,
    resumed: i64,
}

const ONE: i64 = TICKS_PER_SEC as i64;

impl Budget {
    /// Begins with a tick's worth.
    pub(super) fn new(plan: Handshakes) -> Self {
        Self {
            full: most(plan.full_per_sec),
            resumed: most(plan.resumed_per_sec),
            plan,
        }
    }

    /// Whether one more may begin; takes it off if so.
    pub(super) fn take(&mut self, claims_ticket: bool) -> bool {
        let account = match claims_ticket {
            true => &mut self.resumed,
            false => &mut self.full,
        };
        let may = *account >= ONE;
        if may {
            *account -= ONE;
        }
        may
    }

    /// One was full though its client claimed a ticket. Debts end after a second.
    pub(super) fn correct(&mut self) {
        let floor = -i64::from(self.plan.full_per_sec) * ONE;
        self.full = (self.full - ONE).max(floor);
    }

    /// Some tenths of a second have gone.
    pub(super) fn on_tick(&mut self, ticks: u32) {
        let fill = |account: i64, per_sec: u32| {
            (account + i64::from(per_sec) * i64::from(ticks)).min(most(per_sec))
        };
        self.full = fill(self.full, self.plan.full_per_sec);
        self.resumed = fill(self.resumed, self.plan.resumed_per_sec);
    }
}

/// What a tick brings, and one handshake at least, or none could ever begin.
fn most(per_sec: u32) -> i64 {
    i64::from(per_sec).max(ONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget() -> Budget {
        Budget::new(Handshakes {
            full_per_sec: 20,
            resumed_per_sec: 30,
        })
    }

    #[test]
    fn each_kind_has_a_tick_s_worth_of_its_own() {
        let mut budget = budget();
        assert_eq!(
            [false; 3].map(|kind| budget.take(kind)),
            [true, true, false]
        );
        assert_eq!(
            [true; 4].map(|kind| budget.take(kind)),
            [true, true, true, false]
        );
        budget.on_tick(100 * TICKS_PER_SEC);
        assert_eq!(
            [false; 3].map(|kind| budget.take(kind)),
            [true, true, false],
            "nothing is saved up"
        );
    }

    #[test]
    fn over_a_second_it_is_what_was_asked_for_however_little() {
        for (per_sec, begun_count) in [(1, 1 + 5), (2, 1 + 10), (20, 2 + 100)] {
            let mut budget = Budget::new(Handshakes {
                full_per_sec: per_sec,
                resumed_per_sec: 1,
            });
            let mut begun = 0;
            for _ in 0..=5 * TICKS_PER_SEC {
                begun += std::iter::from_fn(|| budget.take(false).then_some(())).count();
                budget.on_tick(1);
            }
            assert_eq!(
                begun, begun_count,
                "{per_sec} per second, and what was there"
            );
        }
    }

    #[test]
    fn who_claims_a_ticket_in_vain_is_paid_for_by_the_full_ones() {
        let mut budget = budget();
        for _ in 0..100 {
            budget.correct();
        }
        budget.on_tick(TICKS_PER_SEC);
        assert!(!budget.take(false), "a second went into the debt");
        budget.on_tick(TICKS_PER_SEC);
        assert!(budget.take(false), "which ends there");
    }
}
