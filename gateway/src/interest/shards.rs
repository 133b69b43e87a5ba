//! A set of shards.

use crate::limits::SHARDS_MAX;

const WORDS: usize = SHARDS_MAX / u64::BITS as usize;

/// Some of a process's shards.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ShardSet([u64; WORDS]);

impl ShardSet {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0 == [0; WORDS]
    }

    /// Whether this shard is one of them.
    pub fn contains(&self, shard: usize) -> bool {
        self.0[shard / 64] & (1 << (shard % 64)) != 0
    }

    /// Adds a shard.
    pub fn insert(&mut self, shard: usize) {
        self.0[shard / 64] |= 1 << (shard % 64);
    }

    /// Takes a shard out.
    pub fn remove(&mut self, shard: usize) {
        self.0[shard / 64] &= !(1 << (shard % 64));
    }

    /// Adds all of the other set.
    pub fn add(&mut self, other: &ShardSet) {
        for (word, more) in self.0.iter_mut().zip(other.0) {
            *word |= more;
        }
    }

    /// The shards from the lowest up.
    pub fn iter(&self) -> impl Iterator<Item = usize> {
        (0..).zip(self.0).flat_map(|(index, word)| {
            let lowest = |rest: &u64| Some(rest & (rest - 1)).filter(|rest| *rest != 0);
            let rests = std::iter::successors(Some(word).filter(|word| *word != 0), lowest);
            rests.map(move |rest| index * 64 + rest.trailing_zeros() as usize)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_comes_out_in_order() {
        let mut set = ShardSet::default();
        for shard in [255, 0, 63, 64, 7, 64] {
            set.insert(shard);
        }
        assert_eq!(set.iter().collect::<Vec<_>>(), [0, 7, 63, 64, 255]);
        assert!(set.contains(63) && !set.contains(62));
        for shard in [0, 7, 63, 64, 255] {
            assert!(!set.is_empty());
            set.remove(shard);
        }
        assert!(set.is_empty());
    }
}
