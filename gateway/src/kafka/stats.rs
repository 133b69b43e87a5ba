//! The counters of one lane, written on its threads and read by the control plane.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};

use super::outcome::{Outcome, Refusal};

/// Whether the cluster answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaneState {
    /// Nothing has been heard from the cluster yet.
    Starting = 0,
    Up = 1,
    /// Kafka answers late.
    Slow = 2,
    /// No broker can be reached, or Kafka takes a record no longer; records wait.
    Down = 3,
    /// Between a producer that was given up and the next.
    Rebuilding = 4,
}

impl LaneState {
    pub const ALL: [LaneState; 5] = [
        LaneState::Starting,
        LaneState::Up,
        LaneState::Slow,
        LaneState::Down,
        LaneState::Rebuilding,
    ];

    pub fn name(self) -> &'static str {
        match self {
            LaneState::Starting => "starting",
            LaneState::Up => "up",
            LaneState::Slow => "slow",
            LaneState::Down => "down",
            LaneState::Rebuilding => "rebuilding",
        }
    }
}

/// What one lane has done so far.
#[derive(Debug, Default)]
pub struct LaneStats {
    delivered: AtomicU64,
    spooled: AtomicU64,
    failed: [AtomicU64; Refusal::ALL.len()],
    requests: AtomicU64,
    rebuilds: AtomicU64,
    state: AtomicU8,
}

impl LaneStats {
    /// Records that Kafka has acknowledged.
    pub fn delivered(&self) -> u64 {
        self.delivered.load(Relaxed)
    }

    /// Records that were answered when the spool had them on disk.
    pub fn spooled(&self) -> u64 {
        self.spooled.load(Relaxed)
    }

    /// Records that were refused for this reason after they had been submitted.
    pub fn failed(&self, reason: Refusal) -> u64 {
        self.failed[reason as usize].load(Relaxed)
    }

    /// Blocks handed to librdkafka, each meant to be one ProduceRequest.
    pub fn requests(&self) -> u64 {
        self.requests.load(Relaxed)
    }

    /// How often a producer was given up for a new one.
    pub fn rebuilds(&self) -> u64 {
        self.rebuilds.load(Relaxed)
    }

    pub fn state(&self) -> LaneState {
        LaneState::ALL[usize::from(self.state.load(Relaxed))]
    }

    pub(super) fn count(&self, outcome: Outcome) {
        match outcome {
            Outcome::Delivered => &self.delivered,
            Outcome::Spooled => &self.spooled,
            Outcome::Failed(reason) => &self.failed[reason as usize],
        }
        .fetch_add(1, Relaxed);
    }

    pub(super) fn count_request(&self) {
        self.requests.fetch_add(1, Relaxed);
    }

    pub(super) fn count_rebuild(&self) {
        self.rebuilds.fetch_add(1, Relaxed);
    }

    /// Notes the state; gives the one before if that was another.
    pub(super) fn enter(&self, state: LaneState) -> Option<LaneState> {
        let before = self.state();
        self.state.store(state as u8, Relaxed);
        (before != state).then_some(before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_counter_of_its_own() {
        let stats = LaneStats::default();
        for (count, reason) in (1..).zip(Refusal::ALL) {
            (0..count).for_each(|_| stats.count(Outcome::Failed(reason)));
        }
        for (count, reason) in (1..).zip(Refusal::ALL) {
            assert_eq!(stats.failed(reason), count, "{}", reason.name());
        }
        assert_eq!(stats.delivered(), 0);
    }

    #[test]
    fn entering_a_state_tells_of_the_change_once() {
        let stats = LaneStats::default();
        assert_eq!(stats.state(), LaneState::Starting);
        assert_eq!(stats.enter(LaneState::Up), Some(LaneState::Starting));
        assert_eq!(stats.enter(LaneState::Up), None);
        assert_eq!(stats.enter(LaneState::Down), Some(LaneState::Up));
        assert_eq!(stats.state(), LaneState::Down);
    }
}
