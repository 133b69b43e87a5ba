//! What became of messages whose giver wants to know, since it keeps them until then.

use std::num::NonZeroU32;

use super::losses::Loss;

/// The number under which a message's giver hears of it.
pub type Receipt = NonZeroU32;

/// What became of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Handed {
    /// The client has it: it has acknowledged it, or it was written at QoS 0.
    Over,
    /// The client will never have it.
    Lost(Loss),
    /// The session has let go of it, and the client may or may not have seen it.
    Back,
}
