//! What a session is given besides the packet: its shard's common things, time and room.

use super::busy::BusyPool;
use super::handed::{Handed, Receipt};
use super::journal::{Change, Journal};
use super::losses::{Loss, Losses};
use super::profile::Profiles;
use super::queue::Waiting;
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
    /// What became of messages that a receipt is owed for, since the last look.
    pub handed: Vec<(Receipt, Handed)>,
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

    /// Nothing is left of a message.
    pub(super) fn note_done(&mut self, waiting: &Waiting) {
        if waiting.is_journaled() {
            let seq = waiting.seq;
            self.journal.note(|| Change::Done { seq });
        }
    }

    /// Tells the giver of a message that the client has it.
    pub(super) fn hand_over(&mut self, waiting: &Waiting) {
        let handed = waiting.receipt.map(|receipt| (receipt, Handed::Over));
        self.commons.handed.extend(handed);
    }

    /// Counts a message that the client will never have, and tells its giver.
    pub(super) fn lose_one(&mut self, waiting: &Waiting, loss: Loss) {
        self.lose(loss);
        let handed = waiting.receipt.map(|receipt| (receipt, Handed::Lost(loss)));
        self.commons.handed.extend(handed);
    }

    /// Lets go of a message: its giver has it back, or it is lost.
    pub(super) fn give_back(&mut self, waiting: &Waiting, loss: Loss) {
        match waiting.receipt {
            Some(receipt) => self.commons.handed.push((receipt, Handed::Back)),
            None => self.lose(loss),
        }
    }
}
