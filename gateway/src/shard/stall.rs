//! Pardons clients for a silence that was ours: a thread that did not run has heard nobody.
//!
//! What came meanwhile lies in the sockets. Until that is read no keep-alive and no deadline for a
//! CONNECT is held against anyone.

use std::time::{Duration, Instant};

use tributary_ring::Wake;

use crate::limits::{CATCH_UP_TICKS, STALL_TICKS_MIN};

/// How long silence is borne.
#[derive(Default)]
pub(super) struct Pardon {
    /// Until when it does not count.
    until_tick: u32,
    /// Slots or memory are short: who says nothing is not waited for as long as usual.
    pub(super) is_impatient: bool,
}

impl Pardon {
    /// So many ticks have passed at once by `now_tick`; says how many of them were slept through.
    pub(super) fn on_ticks(&mut self, now_tick: u32, ticks: u32) -> u32 {
        if ticks <= STALL_TICKS_MIN {
            return 0;
        }
        self.grant(now_tick, ticks);
        ticks - 1
    }

    /// Events have waited for so many ticks.
    pub(super) fn on_delay(&mut self, now_tick: u32, ticks: u32) {
        if ticks > STALL_TICKS_MIN {
            self.grant(now_tick, ticks);
        }
    }

    /// Until when silence is not held against anyone, if it is not now.
    pub(super) fn holds(&self, now_tick: u32) -> Option<u32> {
        (now_tick < self.until_tick).then_some(self.until_tick)
    }

    fn grant(&mut self, now_tick: u32, ticks: u32) {
        let until = now_tick
            .saturating_add(ticks)
            .saturating_add(CATCH_UP_TICKS);
        self.until_tick = self.until_tick.max(until);
    }
}

/// Rings the shard's own bell and looks how long it takes to be heard: as long as anything that
/// happens on a socket has to wait.
#[derive(Default)]
pub(super) struct Probe {
    rung: Option<(Instant, u64)>,
}

impl Probe {
    /// Begins to measure, when no ring is on its way; the bell has been heard so many times.
    pub(super) fn ring(&mut self, wake: &Wake, bells: u64, now: Instant) {
        if self.rung.is_none() {
            self.rung = Some((now, bells));
            wake.signal();
        }
    }

    /// How long the bell took, once; or takes already, when `until_now` asks for that.
    pub(super) fn heard(&mut self, bells: u64, until_now: bool) -> Option<Duration> {
        let (since, before) = self.rung?;
        let is_heard = bells != before;
        if is_heard {
            self.rung = None;
        }
        (is_heard || until_now).then(|| since.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_that_comes_in_time_pardons_nobody() {
        let mut pardon = Pardon::default();
        for tick in 1..100 {
            assert_eq!(pardon.on_ticks(tick, 1), 0);
            pardon.on_delay(tick, 0);
            assert_eq!(pardon.holds(tick), None);
        }
    }

    #[test]
    fn a_stall_pardons_for_as_long_as_it_was_and_the_time_to_catch_up() {
        let mut pardon = Pardon::default();
        assert_eq!(pardon.on_ticks(50, 30), 29);
        let until = 50 + 30 + CATCH_UP_TICKS;
        assert_eq!(pardon.holds(50), Some(until));
        assert_eq!(pardon.holds(until - 1), Some(until));
        assert_eq!(pardon.holds(until), None);
        // A shorter one later does not cut the pardon for the longer one.
        pardon.on_ticks(60, 3);
        assert_eq!(pardon.holds(60), Some(until));
    }

    #[test]
    fn events_that_wait_are_pardoned_like_a_stall() {
        let mut pardon = Pardon::default();
        pardon.on_delay(10, 5);
        assert_eq!(pardon.holds(10), Some(15 + CATCH_UP_TICKS));
    }
}
