//! The counters of one lane, written on its threads and read by the control plane.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};

use super::outcome::{Outcome, Refusal};

/// Whether the cluster answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaneState {
    /// Nothing has been heard from the cluster yet.
    Starting = 0,
    Up = 1,
    /// No broker can be reached; records wait.
    Down = 2,
}

impl LaneState {
    pub fn name(self) -> &'static str {
        match self {
            LaneState::Starting => "starting",
            LaneState::Up => "up",
            LaneState::Down => "down",
        }
    }
}

/// What one lane has done so far.
#[derive(Debug, Default)]
pub struct LaneStats {
    delivered: AtomicU64,
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
        match self.state.load(Relaxed) {
            1 => LaneState::Up,
            2 => LaneState::Down,
            _ => LaneState::Starting,
        }
    }

    pub(super) fn count(&self, outcome: Outcome) {
        match outcome {
            Outcome::Delivered => &self.delivered,
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

    /// Notes the state; says whether it is another one than before.
    pub(super) fn enter(&self, state: LaneState) -> bool {
        self.state() != state && self.state.swap(state as u8, Relaxed) != state as u8
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
        assert!(stats.enter(LaneState::Up));
        assert!(!stats.enter(LaneState::Up));
        assert!(stats.enter(LaneState::Down));
        assert_eq!(stats.state(), LaneState::Down);
    }
}
