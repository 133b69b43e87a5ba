//! Token buckets by key: a user, an address, a client. Who is idle and within limits costs nothing.

use std::hash::Hash;

use crate::bucket::{Bucket, Take};
use crate::rate::Rate;
use crate::table::Table;

pub use crate::table::Full;

/// One rate for many keys. A key without a bucket has a full one.
#[derive(Debug)]
pub struct Buckets<K> {
    rate: Rate,
    table: Table<K, Bucket>,
    turned_away_count: u64,
}

impl<K: Hash + Eq> Buckets<K> {
    /// Buckets for at most so many keys that are not full at one time. Nobody outside should know
    /// `hash_key`.
    pub fn new(rate: Rate, keys_max: usize, hash_key: u64) -> Buckets<K> {
        Buckets {
            rate,
            table: Table::new(keys_max, hash_key),
            turned_away_count: 0,
        }
    }

    /// See [`Bucket::take`]; [`Full`] counts as over the limit.
    pub fn take(&mut self, now_millis: u64, key: K, count: u32) -> Result<Take, Full> {
        self.change(now_millis, key, |bucket, rate| {
            bucket.take(now_millis, count, rate)
        })
    }

    /// See [`Bucket::take_or_owe`]; [`Full`] counts as over the limit.
    pub fn take_or_owe(&mut self, now_millis: u64, key: K, count: u32) -> Result<Take, Full> {
        self.change(now_millis, key, |bucket, rate| {
            bucket.take_or_owe(now_millis, count, rate)
        })
    }

    /// See [`Bucket::give_back`].
    pub fn give_back(&mut self, key: &K, count: u32) {
        if let Some(bucket) = self.table.find_mut(key) {
            bucket.give_back(count, &self.rate);
        }
    }

    /// Forgets full buckets among the next `count`, and says how many were. New keys do the same
    /// on their way; call it from housekeeping so that memory comes back when no new keys come.
    pub fn sweep(&mut self, now_millis: u64, count: usize) -> usize {
        let rate = self.rate;
        self.table
            .sweep(count, |bucket| bucket.is_full(now_millis, &rate))
    }

    /// Another rate from now on, with full buckets for all: what is owed under one rate has no
    /// meaning under another.
    pub fn set_rate(&mut self, rate: Rate) {
        self.rate = rate;
        self.table.clear();
    }

    /// Keys that have a bucket of their own.
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

    /// How often [`Full`] was the answer.
    pub fn turned_away_count(&self) -> u64 {
        self.turned_away_count
    }

    fn change(
        &mut self,
        now_millis: u64,
        key: K,
        take: impl Fn(&mut Bucket, &Rate) -> Take,
    ) -> Result<Take, Full> {
        if let Some(bucket) = self.table.find_mut(&key) {
            return Ok(take(bucket, &self.rate));
        }
        let mut bucket = Bucket::new();
        let taken = take(&mut bucket, &self.rate);
        if !bucket.is_full(now_millis, &self.rate) {
            let rate = self.rate;
            let is_spent = |bucket: &Bucket| bucket.is_full(now_millis, &rate);
            let inserted = self.table.insert(key, bucket, is_spent);
            self.turned_away_count += u64::from(inserted.is_err());
            inserted?;
        }
        Ok(taken)
    }
}

#[cfg(test)]
mod tests;
