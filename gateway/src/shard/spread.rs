//! Across: a message to the subscribers of all shards, to one member of each group, and to the
//! shard that keeps the topic's retained message.
//!
//! ```text
//!  PUBLISH --> reach: which shards and groups may want it --> room in their mailboxes?
//!          --> spread: own subscribers now, a note to the others
//! ```

use std::mem;
use std::num::NonZeroU64;
use std::sync::Arc;

use tributary_proto::message::Message;
use tributary_proto::reason::Reason;

use super::world::World;
use crate::mailbox::Note;

/// Topics that only the server publishes.
pub(super) const SYS_PREFIX: &str = "$SYS";

impl World {
    /// Finds out who may want a topic: our own clients into `self.found`, other shards and groups
    /// into `self.reach`. Says whether anyone does.
    pub(super) fn find_reach(&mut self, topic: &str) -> bool {
        self.find_own(topic);
        let (clients, shard_count) = (&self.clients, self.shard_count as u64);
        let home = |id: &str| (clients.hash(id) % shard_count) as usize;
        self.view.find(topic, home, &mut self.reach);
        self.found.receivers().len() > 0
            || !self.reach.shards.is_empty()
            || !self.reach.groups.is_empty()
    }

    /// Whether every shard that a message of this size may go to has room for it. A group's message
    /// goes to one shard that is not picked yet; so all must have.
    pub(super) fn has_room(&self, topic: &str, bytes: usize, retains: bool) -> bool {
        let has_room =
            |shard: usize| shard == self.index || self.mailboxes.0[shard].has_room(bytes);
        let all = || (0..self.shard_count).all(has_room);
        self.reach.shards.iter().all(has_room)
            && (self.reach.groups.is_empty() || all())
            && (!retains || has_room(self.topic_home(topic)))
    }

    /// Takes a message to everyone that was found. Says how many will answer to `claim`.
    pub(super) fn spread(&mut self, message: &Arc<Message>, claim: Option<NonZeroU64>) -> u8 {
        let mut parties = 0_usize;
        self.deliver_found(message);
        // Without a store a message is as safe over there as here: nobody needs to answer.
        let safety = claim.filter(|_| self.keeper.is_durable());
        let shards = mem::take(&mut self.reach.shards);
        for shard in shards.iter() {
            parties += usize::from(safety.is_some());
            let message = Arc::clone(message);
            self.leave(
                shard,
                Note::Forward {
                    message,
                    claim: safety,
                },
            );
        }
        let groups = mem::take(&mut self.reach.groups);
        for group in &groups {
            parties += usize::from(self.spread_to_group(message, *group, safety));
        }
        self.reach.groups = groups;
        if message.retain {
            parties += usize::from(self.retain(message, claim));
        }
        if let Some(claim) = claim
            && self.keeper.is_waiting()
        {
            self.keeper.settle_with_batch(claim);
            parties += 1;
        }
        u8::try_from(parties).unwrap_or(u8::MAX)
    }

    /// Leaves a note with another shard; its bell is rung at the end of the turn.
    pub(super) fn leave(&mut self, shard: usize, note: Note) {
        self.book().forwarded.add(1);
        self.mailboxes.0[shard].leave(note);
        if !self.rung.contains(&shard) {
            self.rung.push(shard);
        }
    }

    /// Tells the shard that asked what became of its message.
    pub(super) fn settle(&mut self, claim: NonZeroU64, reason: Reason) {
        let shard = usize::from(crate::kafka::Ticket::from_word(claim.get()).shard);
        if shard == self.index {
            // The publisher may be at this very message: its window knows of the claim only then.
            self.later.push((claim, reason));
        } else {
            self.leave(shard, Note::Settled { claim, reason });
        }
    }

    /// Settles a claim once everything that was written down in this turn is on disk.
    pub(super) fn settle_when_safe(&mut self, claim: Option<NonZeroU64>) {
        let Some(claim) = claim else { return };
        match self.keeper.is_waiting() {
            true => self.keeper.settle_with_batch(claim),
            false => self.settle(claim, Reason::Success),
        }
    }

    /// Which shard keeps the retained message of a topic.
    pub(super) fn topic_home(&self, topic: &str) -> usize {
        (self.clients.hash(topic) % self.shard_count as u64) as usize
    }
}
