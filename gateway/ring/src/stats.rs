//! What a ring has counted since it was opened.

/// Plain counters: the ring's thread alone writes and reads them.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct RingStats {
    pub accepted: u64,
    pub accept_refused: u64,
    pub arrived: u64,
    pub handed_over: u64,
    pub hand_over_refused: u64,
    /// Receives that ended because every buffer was lent out.
    pub no_buffers: u64,
    /// Enters that found the completion queue overflowing; the kernel keeps what does not fit.
    pub cq_overflow: u64,
    /// Completions that belonged to a life of the slot that was over, or being closed.
    pub stale_completions: u64,
    /// Calls with a connection that was over, being closed, or on its way to another ring.
    pub stale_calls: u64,
    /// Times the bell was heard.
    pub bells: u64,
    /// System calls.
    pub enters: u64,
    /// Requests made.
    pub sqes: u64,
    /// Requests that found the submission queue full and had to wait their turn.
    pub backlogged: u64,
    /// Completions taken.
    pub cqes: u64,
    /// Closes with nothing in flight: CLOSE alone.
    pub closes_alone: u64,
    /// Closes that had to end a request first: SHUTDOWN linked to CLOSE.
    pub closes_linked: u64,
}
