//! What the control plane asks of a lane, whichever library is behind it.

use crate::kafka::{SpoolReading, Trouble};

/// The books of one lane, as anyone may read them at any time.
pub trait LaneStats: Send + Sync {
    fn cluster(&self) -> &str;
    /// Records that Kafka has acknowledged.
    fn delivered(&self) -> u64;
    /// Records that Kafka will not have, by reason; every reason there is, also those at 0.
    fn failed(&self) -> Vec<(&'static str, u64)>;
    /// Records neither delivered nor failed yet.
    fn pending(&self) -> u64;
    /// ProduceRequests sent.
    fn requests(&self) -> u64;
    /// How often a fatal error made the lane start over.
    fn rebuilds(&self) -> u64;
    fn state(&self) -> LaneState;
    /// Why the cluster does not answer, as long as it does not.
    fn trouble(&self) -> Option<Trouble>;
    /// Records that were acknowledged when the spool had them.
    fn spooled(&self) -> u64;
    /// What is in its spool, if it has one.
    fn spool(&self) -> Option<SpoolReading>;
}

/// Whether a lane reaches its Kafka.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaneState {
    /// Never reached a broker yet.
    Connecting,
    Up,
    /// The oldest request waits for longer than it should.
    Slow,
    /// No broker is reached, or Kafka takes nothing any more.
    Down,
    /// Between a producer that was given up and the next.
    Rebuilding,
}

impl LaneState {
    pub const ALL: [LaneState; 5] = [
        LaneState::Connecting,
        LaneState::Up,
        LaneState::Slow,
        LaneState::Down,
        LaneState::Rebuilding,
    ];

    pub fn name(self) -> &'static str {
        match self {
            LaneState::Connecting => "connecting",
            LaneState::Up => "up",
            LaneState::Slow => "slow",
            LaneState::Down => "down",
            LaneState::Rebuilding => "rebuilding",
        }
    }
}
