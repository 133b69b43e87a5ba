//! What a session is given besides the packet: its shard's common things, time and room.

use super::busy::BusyPool;
use super::journal::Journal;
use super::losses::{Loss, Losses};
use super::profile::Profiles;
use super::terms::Terms;

/// What all sessions of one shard have in common.
#[derive(Debug, Default)]
pub struct Commons {
    /// What their CONNECTs said.
    pub profiles: Profiles,
    /// Boxes for what is unfinished.
    pub pool: BusyPool,
    /// Bytes of messages that wait for clients or are in flight to them.
    pub queued_bytes: usize,
    /// How many those are.
    pub counts: Counts,
    /// Messages that did not arrive.
    pub losses: Losses,
    /// Messages that were sent since the last look.
    pub sent: Sent,
}

/// Messages on their way to clients, by how far they have come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Waiting, or sent and not acknowledged.
    pub(super) held: usize,
    /// Sent and not acknowledged.
    pub(super) sent: usize,
    /// PUBREL was sent, PUBCOMP has not come.
    pub(super) released: usize,
}

impl Counts {
    /// Messages that were not sent yet.
    pub fn queued(&self) -> usize {
        self.held - self.sent
    }

    /// Messages whose acknowledgement is not complete.
    pub fn in_flight(&self) -> usize {
        self.sent + self.released
    }
}

/// How much was sent to subscribers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sent {
    /// For the first time, by QoS.
    pub first: [u64; 3],
    /// Once more, after the client came back.
    pub again: u64,
    /// Bytes of their payloads.
    pub payload_bytes: u64,
}

impl Sent {
    /// What was sent since the last look.
    pub fn take(&mut self) -> Self {
        std::mem::take(self)
    }
}

/// What surrounds one call of a session.
#[derive(Debug)]
pub struct Context<'a> {
    pub terms: &'a Terms,
    pub commons: &'a mut Commons,
    /// Switched on exactly when this session is durable.
    pub journal: &'a mut Journal,
    /// Seconds since 1970.
    pub now_sec: u32,
    /// How much the client's connection may still take. A PUBLISH goes out while this is above 0,
    /// so that one may be longer; it goes down by what was written. Answers to the client's own
    /// packets are not held back by it.
    pub room_bytes: usize,
    /// Where to write to.
    pub out: &'a mut Vec<u8>,
}

impl Context<'_> {
    /// Counts a message that will not arrive.
    pub(super) fn lose(&mut self, loss: Loss) {
        self.commons.losses.add(loss, 1);
    }
}
