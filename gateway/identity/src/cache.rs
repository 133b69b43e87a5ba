//! Remembers answers by the fingerprint of their question, for a while and up to a number.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::clock::Clock;
use crate::fingerprint::Fingerprint;

/// Shards ask at once; each asks one of these.
const PARTS: usize = 16;

/// Answers of late. When it is full the oldest go first, whether they have ended or not.
pub(crate) struct Cache<V> {
    clock: Clock,
    part_max: usize,
    parts: [Mutex<Part<V>>; PARTS],
}

struct Part<V> {
    answers: HashMap<Fingerprint, Kept<V>>,
    /// Each key of `answers` once, the oldest in front.
    order: VecDeque<Fingerprint>,
}

struct Kept<V> {
    value: V,
    ends_ms: u64,
}

impl<V: Clone> Cache<V> {
    /// One that keeps at most `entries_max`, rounded up to a multiple of 16.
    pub(crate) fn new(entries_max: usize, clock: Clock) -> Self {
        Self {
            clock,
            part_max: entries_max.div_ceil(PARTS),
            parts: std::array::from_fn(|_| Mutex::default()),
        }
    }

    pub(crate) fn find(&self, key: &Fingerprint) -> Option<V> {
        let part = self.part(key);
        let kept = part.answers.get(key);
        let kept = kept.filter(|kept| self.clock.ticks_ms() < kept.ends_ms);
        kept.map(|kept| kept.value.clone())
    }

    /// Keeps an answer for `keep_ms`. One that is known and has not ended keeps its end: it must be
    /// asked for again some day.
    pub(crate) fn keep(&self, key: Fingerprint, value: V, keep_ms: u64) {
        if self.part_max == 0 || keep_ms == 0 {
            return;
        }
        let now_ms = self.clock.ticks_ms();
        let mut part = self.part(&key);
        part.forget(now_ms, self.part_max - 1);
        let ends_ms = now_ms.saturating_add(keep_ms);
        match part.answers.entry(key) {
            Entry::Vacant(entry) => {
                entry.insert(Kept { value, ends_ms });
                part.order.push_back(key);
            }
            Entry::Occupied(mut entry) if entry.get().ends_ms <= now_ms => {
                entry.insert(Kept { value, ends_ms });
            }
            Entry::Occupied(_) => {}
        }
    }

    fn part(&self, key: &Fingerprint) -> MutexGuard<'_, Part<V>> {
        let part = &self.parts[usize::from(key[0]) % PARTS];
        // Nothing can be half done in it: a panic elsewhere leaves it as good as it was.
        part.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        let lengths = self.parts.each_ref().map(|part| {
            let part = part.lock().expect("nobody panics here");
            assert_eq!(part.order.len(), part.answers.len());
            part.order.len()
        });
        lengths.iter().sum()
    }
}

impl<V> Part<V> {
    /// Drops what has ended at the front, and the oldest until `room` are left.
    fn forget(&mut self, now_ms: u64, room: usize) {
        while let Some(oldest) = self.order.front() {
            let has_ended = self
                .answers
                .get(oldest)
                .is_none_or(|kept| kept.ends_ms <= now_ms);
            if !has_ended && self.order.len() <= room {
                break;
            }
            self.answers.remove(oldest);
            self.order.pop_front();
        }
    }
}

impl<V> Default for Part<V> {
    fn default() -> Self {
        Self {
            answers: HashMap::new(),
            order: VecDeque::new(),
        }
    }
}
