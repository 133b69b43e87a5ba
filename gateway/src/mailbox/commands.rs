//! How the readers of Kafka topics leave commands with the shards.

use std::hash::{BuildHasher, RandomState};

use super::{Mailboxes, Note};
use crate::kafka::downlink::{CaughtUp, Command, CommandSink, Withdrawal};

/// The letter boxes of all shards, as a reader sees them.
pub struct Commands {
    mailboxes: Mailboxes,
    /// The hash that all shards agree on.
    hasher: RandomState,
}

impl Commands {
    /// Over the shards' letter boxes.
    pub fn new(mailboxes: Mailboxes, hasher: RandomState) -> Self {
        Self { mailboxes, hasher }
    }

    fn leave_note(&self, shard: usize, note: Note) {
        let mailbox = &self.mailboxes.0[shard];
        mailbox.leave(note);
        mailbox.ring_bell();
    }
}

impl CommandSink for Commands {
    fn shards(&self) -> usize {
        self.mailboxes.0.len()
    }

    fn home(&self, device: &str) -> usize {
        (self.hasher.hash_one(device) % self.shards() as u64) as usize
    }

    fn has_room(&self, shard: usize, bytes: usize) -> bool {
        self.mailboxes.0[shard].has_room(bytes)
    }

    fn leave(&self, shard: usize, command: Command) {
        self.leave_note(shard, Note::Command(command));
    }

    /// A withdrawal needs no room: there is at most one for each command that was left before.
    fn withdraw(&self, shard: usize, withdrawal: Withdrawal) {
        self.leave_note(shard, Note::Withdraw(withdrawal));
    }

    /// Neither does this: a reader tells so fifty times a second at most.
    fn tell_caught_up(&self, shard: usize, caught_up: CaughtUp) {
        self.leave_note(shard, Note::CaughtUp(caught_up));
    }
}
