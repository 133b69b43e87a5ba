//! The cells of the books: a count that one thread writes without a locked instruction.

use std::sync::atomic::{AtomicU64, Ordering};

/// The most values one label may have.
pub const LABELS_MAX: usize = 64;

/// A number with one writer and any number of readers.
///
/// Adding is a load and a store instead of `fetch_add`: with one writer nothing can come between
/// them, and the lock prefix would cost some 20 cycles per message for nothing.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    pub const fn new() -> Self {
        Count(AtomicU64::new(0))
    }

    pub fn add(&self, more: u64) {
        self.set(self.read().wrapping_add(more));
    }

    /// For gauges. The writer must not take more than there is.
    pub fn sub(&self, less: u64) {
        debug_assert!(self.read() >= less, "a gauge would fall below zero");
        self.set(self.read().wrapping_sub(less));
    }

    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    pub fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Counts by the values of one label; room for `N`, in place, so that no two shards' counts ever
/// share a cache line.
#[derive(Debug)]
pub struct Tally<const N: usize = LABELS_MAX> {
    labels: &'static [&'static str],
    counts: [Count; N],
}

impl<const N: usize> Tally<N> {
    pub fn new(labels: &'static [&'static str]) -> Self {
        assert!(labels.len() <= N, "{} labels, room for {N}", labels.len());
        Tally {
            labels,
            counts: [const { Count::new() }; N],
        }
    }

    /// `index` is the place of the label in the vocabulary given to `new`.
    pub fn add(&self, index: usize, more: u64) {
        debug_assert!(index < self.labels.len(), "no label has index {index}");
        self.counts[index].add(more);
    }

    /// For gauges.
    pub fn set(&self, index: usize, value: u64) {
        debug_assert!(index < self.labels.len(), "no label has index {index}");
        self.counts[index].set(value);
    }

    pub fn read(&self, index: usize) -> u64 {
        self.counts[index].read()
    }

    pub fn sum(&self) -> u64 {
        self.counts.iter().map(Count::read).sum()
    }
}

/// What the table of books needs of a field, whether it has a label or not.
pub trait Cells {
    fn labels(&self) -> &'static [&'static str];
    fn values(&self) -> Vec<u64>;
}

impl Cells for Count {
    fn labels(&self) -> &'static [&'static str] {
        &[""]
    }

    fn values(&self) -> Vec<u64> {
        vec![self.read()]
    }
}

impl<const N: usize> Cells for Tally<N> {
    fn labels(&self) -> &'static [&'static str] {
        self.labels
    }

    fn values(&self) -> Vec<u64> {
        self.counts[..self.labels.len()]
            .iter()
            .map(Count::read)
            .collect()
    }
}
