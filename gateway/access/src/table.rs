//! Remembers something per key for as long as there is something to remember, and never too much.
//!
//! Entries lie densely, so that a cursor can go round them: every new key pays for looking at a few
//! old ones. An entry that its owner calls *spent* is forgotten; nobody can tell the difference,
//! since a key without an entry is treated like a spent one.

use std::hash::Hash;

use hashbrown::HashTable;

use crate::keyhash::KeyHash;
use crate::limits::{KEYS_MAX, SWEEP_PER_INSERT, SWEEP_WHEN_FULL};

/// Entries under which memory is not worth giving back.
const KEPT_MIN: usize = 64;

/// A table is full, and the entries looked at are all in use.
///
/// A key that asks for tokens is then treated as over its limit: a table that fills up is an attack
/// or a bound set too low, and in neither case may newcomers go unlimited.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Full;

/// State by key, bounded in entries.
#[derive(Debug)]
pub(crate) struct Table<K, V> {
    places: HashTable<u32>,
    entries: Vec<(K, V)>,
    hash: KeyHash,
    entries_max: usize,
    /// The entry that is looked at next.
    cursor: usize,
}

impl<K: Hash + Eq, V> Table<K, V> {
    /// Nobody outside should know `hash_key`.
    pub(crate) fn new(entries_max: usize, hash_key: u64) -> Table<K, V> {
        Table {
            places: HashTable::new(),
            entries: Vec::new(),
            hash: KeyHash::new(hash_key),
            entries_max: entries_max.min(KEYS_MAX),
            cursor: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Bytes allocated.
    pub(crate) fn bytes(&self) -> usize {
        self.entries.capacity() * size_of::<(K, V)>() + self.places.allocation_size()
    }

    pub(crate) fn find_mut(&mut self, key: &K) -> Option<&mut V> {
        let place = self.place(key)?;
        Some(&mut self.entries[place].1)
    }

    pub(crate) fn find(&self, key: &K) -> Option<&V> {
        let place = self.place(key)?;
        Some(&self.entries[place].1)
    }

    /// Remembers a key that is not here yet.
    pub(crate) fn insert(
        &mut self,
        key: K,
        value: V,
        is_spent: impl Fn(&V) -> bool,
    ) -> Result<(), Full> {
        debug_assert!(self.place(&key).is_none(), "each key has one entry");
        self.sweep(SWEEP_PER_INSERT, &is_spent);
        if self.entries.len() >= self.entries_max {
            self.sweep(SWEEP_WHEN_FULL, &is_spent);
        }
        if self.entries.len() >= self.entries_max {
            return Err(Full);
        }
        let place = self.entries.len() as u32;
        let hash = self.hash.of(&key);
        self.entries.push((key, value));
        let (entries, by) = (&self.entries, &self.hash);
        let hash_of = |place: &u32| by.of(&entries[*place as usize].0);
        self.places.insert_unique(hash, place, hash_of);
        Ok(())
    }

    /// Looks at the next `count` entries, forgets those that are spent, and says how many were.
    pub(crate) fn sweep(&mut self, count: usize, is_spent: impl Fn(&V) -> bool) -> usize {
        let before = self.entries.len();
        for _ in 0..count.min(before) {
            if self.cursor >= self.entries.len() {
                self.cursor = 0;
            }
            match self.entries.get(self.cursor) {
                // The last entry takes its place and is looked at next.
                Some((_, value)) if is_spent(value) => self.remove(self.cursor),
                Some(_) => self.cursor += 1,
                None => break,
            }
        }
        self.shrink();
        before - self.entries.len()
    }

    /// Forgets one key.
    pub(crate) fn forget(&mut self, key: &K) -> bool {
        let place = self.place(key);
        place.map(|place| self.remove(place)).is_some()
    }

    fn place(&self, key: &K) -> Option<usize> {
        let is_it = |place: &u32| self.entries[*place as usize].0 == *key;
        let place = self.places.find(self.hash.of(key), is_it)?;
        Some(*place as usize)
    }

    fn remove(&mut self, place: usize) {
        let last = self.entries.len() - 1;
        let hash = self.hash.of(&self.entries[place].0);
        if let Ok(entry) = self
            .places
            .find_entry(hash, |other| *other as usize == place)
        {
            entry.remove();
        }
        if place != last {
            let hash = self.hash.of(&self.entries[last].0);
            if let Some(moved) = self.places.find_mut(hash, |other| *other as usize == last) {
                *moved = place as u32;
            }
        }
        self.entries.swap_remove(place);
    }

    /// Gives memory back when three quarters are unused: after an attack, not at every ebb.
    fn shrink(&mut self) {
        let kept = (2 * self.entries.len()).max(KEPT_MIN);
        if self.entries.capacity() >= 2 * kept {
            self.entries.shrink_to(kept);
            let (entries, by) = (&self.entries, &self.hash);
            self.places
                .shrink_to(kept, |place| by.of(&entries[*place as usize].0));
        }
    }
}

#[cfg(test)]
mod tests;
