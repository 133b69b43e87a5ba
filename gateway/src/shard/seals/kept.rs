//! Where handshakes and record layers are kept: each kind packed beside its own, so that what a
//! client costs is its record layer, and no allocator's rounding.

use std::num::NonZeroU32;

use tributary_tls::lean::Lean;
use tributary_tls::{Burst, Records, Unbuffered};

use super::Begun;
use crate::shard::slab::{Place, Slab};

/// Record layers of one kind in a chunk of 20 or 28 KB.
const LEAN_PER_CHUNK: usize = 256;
/// The same of rustls's, in 64 KB: a box of its own would be a fifth larger than what is in it.
const RUSTLS_PER_CHUNK: usize = 58;
/// Boxes of handshakes.
const BEGUN_PER_CHUNK: usize = 256;

// The free places hide in a niche of the record layers' own fields.
const _: () = assert!(size_of::<Place<Lean<32>>>() == size_of::<Lean<32>>());
const _: () = assert!(size_of::<Place<Lean<48>>>() == size_of::<Lean<48>>());
const _: () = assert!(size_of::<Place<Unbuffered>>() * RUSTLS_PER_CHUNK <= 1 << 16);

/// What opens and seals the bytes of one socket: of which kind it is, and where it is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Seal {
    /// Nothing: they are as they are.
    #[default]
    Absent,
    /// Nothing yet, and nothing has come.
    Awaited,
    /// A handshake.
    Begun(u32),
    /// A record layer.
    Lean(u32),
    /// The same with longer secrets.
    LeanWide(u32),
    /// The same of rustls's.
    Rustls(u32),
    /// Nothing any more: the handshake went wrong.
    Over,
}

/// A seal as it is kept for each socket: its kind in the lowest bits, its number above them. No
/// kind is 0, so that a table of them needs no room to say that there is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Packed(NonZeroU32);

const _: () = assert!(size_of::<Option<Packed>>() == crate::limits::SEAL_BYTES);

const KIND_BITS: u32 = 3;

impl Seal {
    pub(super) fn pack(self) -> Packed {
        let (kind, number) = match self {
            Self::Absent => (1, 0),
            Self::Awaited => (2, 0),
            Self::Begun(number) => (3, number),
            Self::Lean(number) => (4, number),
            Self::LeanWide(number) => (5, number),
            Self::Rustls(number) => (6, number),
            Self::Over => (7, 0),
        };
        // 536,870,912 of them: no shard has as many sockets.
        debug_assert!(number >> (u32::BITS - KIND_BITS) == 0);
        let kind = const { NonZeroU32::MIN }.saturating_add(kind - 1);
        Packed(kind | number << KIND_BITS)
    }
}

impl Packed {
    pub(super) fn seal(self) -> Seal {
        let number = self.0.get() >> KIND_BITS;
        match self.0.get() & ((1 << KIND_BITS) - 1) {
            1 => Seal::Absent,
            2 => Seal::Awaited,
            3 => Seal::Begun(number),
            4 => Seal::Lean(number),
            5 => Seal::LeanWide(number),
            6 => Seal::Rustls(number),
            _ => Seal::Over,
        }
    }
}

impl Default for Packed {
    fn default() -> Self {
        Seal::Absent.pack()
    }
}

/// The handshakes and record layers of a shard.
#[derive(Default)]
pub(super) struct Kept {
    begun: Slab<Box<Begun>, BEGUN_PER_CHUNK>,
    lean: Slab<Lean<32>, LEAN_PER_CHUNK>,
    wide: Slab<Lean<48>, LEAN_PER_CHUNK>,
    rustls: Slab<Unbuffered, RUSTLS_PER_CHUNK>,
}

impl Kept {
    pub(super) fn put_begun(&mut self, begun: Box<Begun>) -> Seal {
        Seal::Begun(self.begun.insert(begun))
    }

    pub(super) fn put(&mut self, records: Records) -> Seal {
        match records {
            Records::Lean(mut lean) => Seal::Lean(self.lean.insert(lean.hand_over())),
            Records::LeanWide(mut lean) => Seal::LeanWide(self.wide.insert(lean.hand_over())),
            Records::Rustls(connection) => Seal::Rustls(self.rustls.insert(*connection)),
        }
    }

    /// For the records of one read or one write, once there is a record layer.
    pub(super) fn burst(&mut self, seal: Seal) -> Option<Burst<'_>> {
        match seal {
            Seal::Lean(number) => Some(Burst::Lean(self.lean.at(number)?.burst())),
            Seal::LeanWide(number) => Some(Burst::LeanWide(self.wide.at(number)?.burst())),
            Seal::Rustls(number) => Some(Burst::Rustls(self.rustls.at(number)?.burst())),
            Seal::Absent | Seal::Awaited | Seal::Begun(_) | Seal::Over => None,
        }
    }

    pub(super) fn take_begun(&mut self, seal: Seal) -> Option<Box<Begun>> {
        match seal {
            Seal::Begun(number) => self.begun.remove(number),
            _ => None,
        }
    }

    /// Takes a record layer out. Its place is wiped before it is free.
    pub(super) fn take(&mut self, seal: Seal) -> Option<Records> {
        match seal {
            Seal::Lean(number) => {
                let lean = Box::new(self.lean.at(number)?.hand_over());
                self.lean.remove(number);
                Some(Records::Lean(lean))
            }
            Seal::LeanWide(number) => {
                let lean = Box::new(self.wide.at(number)?.hand_over());
                self.wide.remove(number);
                Some(Records::LeanWide(lean))
            }
            Seal::Rustls(number) => Some(Records::Rustls(Box::new(self.rustls.remove(number)?))),
            Seal::Absent | Seal::Awaited | Seal::Begun(_) | Seal::Over => None,
        }
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.begun.is_empty()
            && self.lean.is_empty()
            && self.wide.is_empty()
            && self.rustls.is_empty()
    }
}
