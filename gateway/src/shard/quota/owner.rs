//! Whose a client is: the accounts of its user and of its address, in two words per slot.

use std::hash::BuildHasher;

/// An owner's key in its accounts, and whether this client counts there. 0 is nobody.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(in crate::shard) struct Owner(u64);

/// In an owner's word: the client counts as one of its connections.
const COUNTS: u64 = 1;
/// Stands for a hash that would read as nobody.
const NOT_ZERO: u64 = 2;

impl Owner {
    /// The owner of this name. The key is a keyed hash: that two of a million owners share one is
    /// as likely as one in forty million, and nobody outside can bring it about.
    pub(super) fn of(hasher: &impl BuildHasher, name: &[u8]) -> Self {
        match hasher.hash_one(name) & !COUNTS {
            0 => Self(NOT_ZERO),
            key => Self(key),
        }
    }

    /// Its key, if it is somebody.
    pub(super) fn key(self) -> Option<u64> {
        Some(self.0 & !COUNTS).filter(|key| *key != 0)
    }

    /// Its key, if the client counts as one of its connections.
    pub(super) fn counted_key(self) -> Option<u64> {
        self.key().filter(|_| self.0 & COUNTS != 0)
    }

    /// The same, with a client that counts.
    pub(super) fn counting(self) -> Self {
        Self(self.0 | COUNTS)
    }
}

/// The owners of one client.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Owners {
    pub user: Owner,
    pub address: Owner,
}

const _: () = assert!(size_of::<Owners>() <= crate::limits::OWNERS_BYTES);
