//! When tick 0 was, from which a shard tells the time.

use crate::clock::since_1970;
use crate::limits::{TICK, TICKS_PER_SEC};

/// The moment of tick 0; a clock that is set later does not move it, so that messages live as long
/// as they should.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dawn {
    sec: u32,
    /// Ticks of that second that were over.
    ticks: u32,
}

impl Dawn {
    /// The beginning of a second since 1970.
    pub(super) fn at(sec: u32) -> Self {
        Self { sec, ticks: 0 }
    }

    pub(super) fn now() -> Self {
        let now = since_1970();
        Self {
            sec: now.as_secs() as u32,
            ticks: now.subsec_millis() / TICK.as_millis() as u32,
        }
    }

    /// Seconds since 1970 at a tick.
    pub(super) fn sec_at(self, tick: u32) -> u32 {
        self.sec + (self.ticks + tick) / TICKS_PER_SEC
    }

    /// Seconds from tick 0 until this one since 1970; none when it is past.
    pub(super) fn secs_until(self, sec: u32) -> u32 {
        sec.saturating_sub(self.sec)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_ends_where_it_ends_on_the_clock_and_not_a_second_after_the_start() {
        let dawn = Dawn { sec: 100, ticks: 7 };
        assert_eq!(
            [0, 2, 3, 12, 13].map(|tick| dawn.sec_at(tick)),
            [100, 100, 101, 101, 102]
        );
        assert_eq!(Dawn::at(100).sec_at(9), 100);
    }

    #[test]
    fn what_is_past_is_due_at_once() {
        assert_eq!(
            [90, 100, 130].map(|sec| Dawn::at(100).secs_until(sec)),
            [0, 0, 30]
        );
    }
}
