//! Meters for many owners at once, of whom only those that have sent something lately cost memory.

use std::hash::Hash;

use crate::meter::{Meter, Short, Terms, Tokens};
use crate::table::Table;

/// One set of terms for many keys. A key without a meter has a full one.
#[derive(Debug)]
pub struct Meters<K> {
    terms: Terms,
    table: Table<K, Meter>,
    unmetered_count: u64,
}

impl<K: Hash + Eq> Meters<K> {
    /// Meters for at most so many keys that are not full at one time. Nobody outside should know
    /// `hash_key`.
    pub fn new(terms: Terms, keys_max: usize, hash_key: u64) -> Meters<K> {
        Meters {
            terms,
            table: Table::new(keys_max, hash_key),
            unmetered_count: 0,
        }
    }

    /// See [`Meter::grab`]. When there is no room for one more key, that one is not metered:
    /// whoever fills the table must not stop those who are not in it.
    pub fn grab(
        &mut self,
        now_millis: u64,
        key: K,
        least: Tokens,
        want: Tokens,
    ) -> Result<Tokens, Short> {
        let terms = self.terms;
        if let Some(meter) = self.table.find_mut(&key) {
            return meter.grab(now_millis, least, want, &terms);
        }
        let mut meter = Meter::default();
        let granted = meter.grab(now_millis, least, want, &terms);
        let is_spent = |meter: &Meter| meter.is_full(now_millis, &terms);
        let inserted = self.table.insert(key, meter, is_spent);
        self.unmetered_count += u64::from(inserted.is_err());
        granted
    }

    /// See [`Meter::give_back`].
    pub fn give_back(&mut self, key: &K, tokens: Tokens) {
        if let Some(meter) = self.table.find_mut(key) {
            meter.give_back(tokens, &self.terms);
        }
    }

    /// Forgets full meters among the next `count`, and says how many were.
    pub fn sweep(&mut self, now_millis: u64, count: usize) -> usize {
        let terms = self.terms;
        self.table
            .sweep(count, |meter| meter.is_full(now_millis, &terms))
    }

    /// Keys that have a meter of their own.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether no key has one.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes allocated.
    pub fn bytes(&self) -> usize {
        self.table.bytes()
    }

    /// How often a key went unmetered.
    pub fn unmetered_count(&self) -> u64 {
        self.unmetered_count
    }
}

#[cfg(test)]
mod tests;
