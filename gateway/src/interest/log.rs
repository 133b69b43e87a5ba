//! Changes of patterns and groups in the order they were told, until every shard has read them.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tributary_proto::subscriptions::InterestChange;

/// Changes that are read in one go: the lock is not held for longer than that takes.
const BATCH: usize = 256;

/// The log. Its length is what the slowest shard has not read: shards read it at every tick, so it
/// holds what changes within a tick and is empty otherwise.
pub(super) struct Log {
    /// How many changes there ever were; ahead of a reader when there is news.
    version: AtomicU64,
    state: Mutex<State>,
}

struct State {
    changes: VecDeque<Arc<Told>>,
    /// How many changes came before the first one here.
    base: u64,
    /// How far each shard has read.
    read: Vec<u64>,
}

/// What one shard told.
pub(super) struct Told {
    /// Which shard.
    pub(super) shard: usize,
    /// What.
    pub(super) change: InterestChange,
}

impl Log {
    /// An empty log that so many shards read.
    pub(super) fn new(shards: usize) -> Log {
        Log {
            version: AtomicU64::new(0),
            state: Mutex::new(State {
                changes: VecDeque::new(),
                base: 0,
                read: vec![0; shards],
            }),
        }
    }

    /// Adds a change, for all shards to read.
    pub(super) fn append(&self, shard: usize, change: InterestChange) {
        let told = Arc::new(Told { shard, change });
        let mut state = self.state();
        state.changes.push_back(told);
        let version = state.base + state.changes.len() as u64;
        // Within the lock, so that the version never goes back.
        self.version.store(version, Ordering::Release);
    }

    /// Whether there is more than a reader has read up to `position`.
    #[inline]
    pub(super) fn has_news(&self, position: u64) -> bool {
        self.version.load(Ordering::Acquire) != position
    }

    /// Reads some changes from `position` on for a shard, and says where to go on from.
    pub(super) fn read(&self, shard: usize, position: u64, out: &mut Vec<Arc<Told>>) -> u64 {
        let mut state = self.state();
        let from = (position - state.base) as usize;
        let until = state.changes.len().min(from + BATCH);
        out.extend(state.changes.range(from..until).cloned());
        let position = state.base + until as u64;
        state.read[shard] = position;
        let slowest = state.read.iter().copied().min().unwrap_or(position);
        while state.base < slowest {
            state.changes.pop_front();
            state.base += 1;
        }
        if state.changes.is_empty() {
            state.changes.shrink_to(BATCH);
        }
        position
    }

    /// How many changes are kept for some shard to read.
    pub(super) fn len(&self) -> usize {
        self.state().changes.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No step in here leaves it half done: a panic elsewhere must not take all shards along.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
