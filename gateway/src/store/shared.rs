//! What the shards and the store thread share: batches on their way, room, counters and the bell.

use std::sync::OnceLock;
use std::sync::atomic::{
    AtomicBool, AtomicU64,
    Ordering::{Relaxed, SeqCst},
    fence,
};
use std::thread::Thread;

use crossbeam_queue::SegQueue;

use super::limits;
use super::op::Op;

/// What one shard submitted at once.
pub(super) struct Batch {
    pub(super) shard: usize,
    pub(super) number: u64,
    pub(super) ops: Vec<Op>,
    pub(super) bytes: u64,
}

/// What one shard has waiting. Only the shard claims, only the store thread releases.
#[derive(Default)]
pub(super) struct Room {
    ops: AtomicU64,
    bytes: AtomicU64,
    /// The shard was told `Full` and waits for [`Room::release`] to answer `true`.
    awaited: AtomicBool,
}

impl Room {
    /// Claims room. A batch larger than the bounds is taken when nothing else waits: it must go
    /// through sometime.
    pub(super) fn claim(&self, ops: u64, bytes: u64) -> bool {
        if self.has_room(ops, bytes) {
            self.add(ops, bytes);
            return true;
        }
        // Between the look and this note all may have been committed without telling anybody.
        self.awaited.store(true, SeqCst);
        if self.has_room(ops, bytes) {
            self.awaited.store(false, SeqCst);
            self.add(ops, bytes);
            return true;
        }
        false
    }

    /// Gives room back; `true` when the shard is to be told that there is some again.
    #[must_use]
    pub(super) fn release(&self, ops: u64, bytes: u64) -> bool {
        let ops = self.ops.fetch_sub(ops, SeqCst) - ops;
        let bytes = self.bytes.fetch_sub(bytes, SeqCst) - bytes;
        let is_low = ops * 100 <= limits::OPS_PER_SHARD_MAX * limits::LOW_WATER_PERCENT
            && bytes * 100 <= limits::BYTES_PER_SHARD_MAX * limits::LOW_WATER_PERCENT;
        is_low && self.awaited.load(SeqCst) && self.awaited.swap(false, SeqCst)
    }

    fn has_room(&self, ops: u64, bytes: u64) -> bool {
        let (ops_before, bytes_before) = (self.ops.load(SeqCst), self.bytes.load(SeqCst));
        ops_before == 0
            || ops_before + ops <= limits::OPS_PER_SHARD_MAX
                && bytes_before + bytes <= limits::BYTES_PER_SHARD_MAX
    }

    fn add(&self, ops: u64, bytes: u64) {
        self.ops.fetch_add(ops, SeqCst);
        self.bytes.fetch_add(bytes, SeqCst);
    }
}

/// What the store has done so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct StoreStats {
    /// Transactions that are on disk, each one fsync.
    pub commits: u64,
    /// Operations in them.
    pub ops: u64,
    /// Bytes of keys and values in them, before the file's own overhead.
    pub bytes: u64,
    /// How long the last commit took, its fsync included.
    pub last_commit_micros: u64,
    /// Operations accepted and not committed.
    pub queued_ops: u64,
    /// The disk failed: nothing is committed any more.
    pub failed: bool,
}

#[derive(Default)]
pub(super) struct Counters {
    pub(super) commits: AtomicU64,
    pub(super) ops: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) last_commit_micros: AtomicU64,
}

pub(super) struct Shared {
    pub(super) rooms: Box<[Room]>,
    /// Bounded by the rooms: a batch without operations counts as one.
    pub(super) batches: SegQueue<Batch>,
    pub(super) counters: Counters,
    /// The next session number.
    pub(super) next_session: AtomicU64,
    pub(super) failed: AtomicBool,
    /// No more batches come: commit what is there and go.
    pub(super) ended: AtomicBool,
    asleep: AtomicBool,
    thread: OnceLock<Thread>,
}

impl Shared {
    pub(super) fn new(shards: usize, next_session: u64) -> Shared {
        Shared {
            rooms: (0..shards).map(|_| Room::default()).collect(),
            batches: SegQueue::new(),
            counters: Counters::default(),
            next_session: AtomicU64::new(next_session),
            failed: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            asleep: AtomicBool::new(false),
            thread: OnceLock::new(),
        }
    }

    /// Says which thread [`Self::ring`] wakes.
    pub(super) fn set_thread(&self, thread: Thread) {
        // Set once, by the only thread that serves this store.
        let _ = self.thread.set(thread);
    }

    /// Wakes the store thread if it sleeps. Called after what it is to see was left.
    pub(super) fn ring(&self) {
        fence(SeqCst);
        if self.asleep.load(SeqCst)
            && self.asleep.swap(false, SeqCst)
            && let Some(thread) = self.thread.get()
        {
            thread.unpark();
        }
    }

    /// Sleeps on the store thread until somebody rings; looks once more before.
    pub(super) fn sleep(&self) {
        self.asleep.store(true, SeqCst);
        fence(SeqCst);
        if self.batches.is_empty() && !self.ended.load(SeqCst) {
            std::thread::park();
        }
        self.asleep.store(false, SeqCst);
    }

    pub(super) fn stats(&self) -> StoreStats {
        let counters = &self.counters;
        StoreStats {
            commits: counters.commits.load(Relaxed),
            ops: counters.ops.load(Relaxed),
            bytes: counters.bytes.load(Relaxed),
            last_commit_micros: counters.last_commit_micros.load(Relaxed),
            queued_ops: self.rooms.iter().map(|room| room.ops.load(Relaxed)).sum(),
            failed: self.failed.load(Relaxed),
        }
    }
}
