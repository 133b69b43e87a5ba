//! Which other shards may have a subscriber for a topic, so that a publish is told to those alone.
//!
//! Exact filters are counted by hash in one table that all shards share. Filters with wildcards,
//! templates and groups go through a log that each shard reads into a trie of its own.
//!
//! ```text
//!   shard --tell--> Interest: cells by hash ------------------------> View of a shard --> Targets
//!                             log of patterns and groups --catch up--> trie of all shards'
//! ```
//!
//! A shard tells before it answers SUBSCRIBE. Every publish after that answer therefore finds it:
//! a target too many costs a note, a target too few would lose a message and cannot happen.

use tributary_proto::subscriptions::{InterestChange, TopicHasher};

use cells::Cells;
use log::Log;

pub use shards::ShardSet;
pub use view::{GroupAt, Targets, View};

mod view;
mod balance;
mod log;
mod cells;
mod shards;

/// What all shards want; shared by them.
pub struct Interest {
    shards: usize,
    hasher: TopicHasher,
    cells: Cells,
    log: Log,
}

impl Interest {
    /// Nobody wants anything yet. `hasher` is the one that the shards' subscriptions have.
    pub fn new(shards: usize, hasher: TopicHasher) -> Interest {
        Interest {
            shards,
            hasher,
            cells: Cells::new(shards),
            log: Log::new(shards),
        }
    }

    /// A shard tells what changed, before it answers the client that made it change.
    pub fn tell(&self, shard: usize, change: InterestChange) {
        match change {
            InterestChange::Exact { hash, wanted } => self.cells.count(shard, hash, wanted),
            // A shard alone has nobody to tell; its groups are picked from all the same.
            InterestChange::Pattern { .. } if self.shards == 1 => {}
            change => self.log.append(shard, change),
        }
    }

    /// How many changes some shard has yet to read; each reads them at its next publish or tick.
    pub fn backlog(&self) -> usize {
        self.log.len()
    }
}

#[cfg(test)]
mod tests;
