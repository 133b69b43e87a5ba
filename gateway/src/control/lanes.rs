//! What the control plane asks of a lane, whichever library is behind it.

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
}

/// Whether a lane reaches its Kafka.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaneState {
    /// Never reached a broker yet.
    Connecting,
    Up,
    /// No broker is reached, whether or not one was before.
    Down,
}

impl LaneState {
    pub fn name(self) -> &'static str {
        match self {
            LaneState::Connecting => "connecting",
            LaneState::Up => "up",
            LaneState::Down => "down",
        }
    }
}
