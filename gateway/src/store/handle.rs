//! A shard's end of the store: submit a batch, hear when it is on disk.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};

use super::op::{Op, SessionNumber};
use super::shared::{Batch, Shared, StoreStats};

/// Who hears of commits. Called on the store thread: leave a note and return.
pub trait StoreSink: Send + Sync {
    /// Every batch of this shard up to and with `number` is on disk, also if the system dies now.
    fn committed(&self, shard: usize, number: u64);
    /// A shard that was told [`Submitted::Full`] may submit again.
    fn room(&self, shard: usize);
    /// The disk failed; told once. What was not told as committed by now never will be.
    fn failed(&self);
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Submitted {
    /// It was taken, under this number; the numbers of one shard count up by one.
    Accepted(u64),
    /// It was not taken: too much of this shard waits. Submit it again after [`StoreSink::room`],
    /// and let nothing new in that needs the store until then.
    Full,
    /// It was not taken and none ever will be: the disk failed.
    Failed,
}

/// One shard's end of the store.
pub struct StoreHandle {
    shard: usize,
    /// The number of the last batch that was taken.
    last: u64,
    shared: Arc<Shared>,
}

impl StoreHandle {
    pub(super) fn new(shard: usize, shared: Arc<Shared>) -> StoreHandle {
        StoreHandle {
            shard,
            last: 0,
            shared,
        }
    }

    /// A number for a new session.
    pub fn session_number(&self) -> SessionNumber {
        let number = self.shared.next_session.fetch_add(1, Relaxed);
        // It begins at 1, and 2^64 sessions do not begin in the life of a disk.
        SessionNumber(NonZeroU64::new(number).unwrap_or(NonZeroU64::MAX))
    }

    /// Hands a batch over, to take effect as a whole; never waits. `batch` is empty afterwards when
    /// it was taken and untouched when not. An empty batch is answered when all before it are.
    pub fn submit(&mut self, batch: &mut Vec<Op>) -> Submitted {
        if self.shared.failed.load(SeqCst) {
            return Submitted::Failed;
        }
        let bytes = batch.iter().map(Op::bytes).sum::<usize>() as u64;
        let count = batch.len().max(1) as u64;
        if !self.shared.rooms[self.shard].claim(count, bytes) {
            return Submitted::Full;
        }
        self.last += 1;
        self.shared.batches.push(Batch {
            shard: self.shard,
            number: self.last,
            ops: std::mem::take(batch),
            bytes,
        });
        self.shared.ring();
        Submitted::Accepted(self.last)
    }

    /// The number of the last batch that was taken; 0: none yet.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// What the whole store has done so far.
    pub fn stats(&self) -> StoreStats {
        self.shared.stats()
    }
}
