//! The keyed hash of topics and levels, the same one on all shards.
//!
//! Devices choose what is hashed, so the key must be secret: all seeds come from it. Keyed SipHash
//! would do too, at several times the instructions for strings as short as the levels of a topic.

use std::hash::Hasher;

use foldhash::SharedSeed;
use foldhash::fast::FoldHasher;

/// Hashes topics and levels under one key.
#[derive(Clone, Debug)]
pub struct TopicHasher {
    seed: u64,
    shared: SharedSeed,
}

impl TopicHasher {
    /// A hasher whose `key` nobody outside should know.
    pub fn new(key: u64) -> TopicHasher {
        TopicHasher {
            seed: key,
            shared: SharedSeed::from_u64(key.rotate_left(32)),
        }
    }

    /// The hash of a topic, a filter or one level.
    #[inline]
    pub fn hash(&self, text: &str) -> u64 {
        self.hash_bytes(text.as_bytes())
    }

    /// The same of the bytes of a text.
    #[inline]
    pub(super) fn hash_bytes(&self, text: &[u8]) -> u64 {
        let mut hasher = FoldHasher::with_seed(self.seed, &self.shared);
        hasher.write(text);
        hasher.finish()
    }
}

/// Spreads a small number, which nobody chooses, over 64 bits. Multiplying by an odd number maps
/// the low bits one to one, so that neighbours never meet in one place of a table.
#[inline]
pub(super) const fn spread(number: u32) -> u64 {
    (number as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}
