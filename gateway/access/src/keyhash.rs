//! Hashes what clients have a say in, under a key that nobody outside knows.

use std::hash::{Hash, Hasher};

use foldhash::SharedSeed;
use foldhash::fast::FoldHasher;

/// A hash with its key.
#[derive(Clone, Debug)]
pub(crate) struct KeyHash {
    seed: u64,
    shared: SharedSeed,
}

impl KeyHash {
    pub(crate) fn new(key: u64) -> KeyHash {
        KeyHash {
            seed: key,
            shared: SharedSeed::from_u64(key.rotate_left(32)),
        }
    }

    #[inline]
    pub(crate) fn of(&self, what: &impl Hash) -> u64 {
        let mut hasher = FoldHasher::with_seed(self.seed, &self.shared);
        what.hash(&mut hasher);
        hasher.finish()
    }
}
