//! What TLS handshakes may take of a shard's time, full and resumed ones apart.
//!
//! A handshake is asked for before its key exchange, when only the client's own word says whether
//! it has a ticket. One that lied is put on the account of the full ones when it is over, and that
//! account may fall below zero: the next ones pay.

use crate::config::Handshakes;
use crate::limits::TICKS_PER_SEC;

/// Handshakes that may still begin in this second, in tenths of one, as a tick brings them.
pub(super) struct Budget {
    plan: Handshakes,
    full: i64,
    resumed: i64,
}

const ONE: i64 = TICKS_PER_SEC as i64;

impl Budget {
    /// Begins with a second's worth.
    pub(super) fn new(plan: Handshakes) -> Self {
        Self {
            full: i64::from(plan.full_per_sec) * ONE,
            resumed: i64::from(plan.resumed_per_sec) * ONE,
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
            let per_sec = i64::from(per_sec);
            (account + per_sec * i64::from(ticks)).min(per_sec * ONE)
        };
        self.full = fill(self.full, self.plan.full_per_sec);
        self.resumed = fill(self.resumed, self.plan.resumed_per_sec);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget() -> Budget {
        Budget::new(Handshakes {
            full_per_sec: 2,
            resumed_per_sec: 3,
        })
    }

    #[test]
    fn each_kind_has_a_second_s_worth_of_its_own() {
        let mut budget = budget();
        assert_eq!(
            [false; 3].map(|kind| budget.take(kind)),
            [true, true, false]
        );
        assert_eq!(
            [true; 4].map(|kind| budget.take(kind)),
            [true, true, true, false]
        );
        budget.on_tick(TICKS_PER_SEC / 2);
        assert_eq!([false; 2].map(|kind| budget.take(kind)), [true, false]);
        budget.on_tick(100 * TICKS_PER_SEC);
        assert_eq!(
            [false; 3].map(|kind| budget.take(kind)),
            [true, true, false]
        );
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
