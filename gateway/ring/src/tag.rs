//! The word that every request carries to the kernel and that its completion brings back.
//!
//! ```text
//!  63   56 55        32 31            0
//! [  op  ][ generation ][    index     ]   a slot, or a place in one of the ring's slabs
//! [  op  ][           pointer          ]   only `Op::Arrive`: the parcel of a hand-over
//! ```
//!
//! The generation is how a completion that comes late misses the newcomer who took over its slot.

use crate::slots::{Conn, GENERATION_MASK};

const POINTER_MASK: u64 = (1 << 56) - 1;

/// What a request was for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Op {
    Accept = 1,
    Poll,
    Receive,
    Send,
    Shutdown,
    Abort,
    Close,
    Cancel,
    HandOver,
    HandOverClose,
    Arrive,
    Connect,
    Bell,
    PeerName,
}

impl Op {
    fn from_byte(byte: u8) -> Option<Op> {
        use Op::*;
        let known = [
            Accept,
            Poll,
            Receive,
            Send,
            Shutdown,
            Abort,
            Close,
            Cancel,
            HandOver,
            HandOverClose,
            Arrive,
            Connect,
            Bell,
            PeerName,
        ];
        known.get(usize::from(byte).wrapping_sub(1)).copied()
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Tag(pub(crate) u64);

impl Tag {
    pub(crate) fn new(op: Op, generation: u32, index: u32) -> Tag {
        debug_assert!(generation <= GENERATION_MASK);
        Tag((op as u64) << 56 | u64::from(generation & GENERATION_MASK) << 32 | u64::from(index))
    }

    pub(crate) fn of(op: Op, conn: Conn) -> Tag {
        Tag::new(op, conn.generation, conn.slot)
    }

    pub(crate) fn arrive(parcel: usize) -> Tag {
        let pointer = parcel as u64;
        // User space ends below 2^56 on every 64-bit Linux that does not hand out tagged pointers.
        assert_eq!(
            pointer & !POINTER_MASK,
            0,
            "a parcel lies above the 56-bit address space"
        );
        Tag((Op::Arrive as u64) << 56 | pointer)
    }

    pub(crate) fn op(self) -> Option<Op> {
        Op::from_byte((self.0 >> 56) as u8)
    }

    pub(crate) fn generation(self) -> u32 {
        (self.0 >> 32) as u32 & GENERATION_MASK
    }

    pub(crate) fn index(self) -> u32 {
        self.0 as u32
    }

    pub(crate) fn conn(self) -> Conn {
        Conn {
            slot: self.index(),
            generation: self.generation(),
        }
    }

    pub(crate) fn pointer(self) -> usize {
        (self.0 & POINTER_MASK) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_gives_back_what_was_put_in() {
        let conn = Conn {
            slot: u32::MAX,
            generation: GENERATION_MASK,
        };
        let tag = Tag::of(Op::Connect, conn);
        assert_eq!((tag.op(), tag.conn()), (Some(Op::Connect), conn));
    }

    #[test]
    fn every_operation_is_recognised_by_its_byte() {
        for byte in 0..=u8::MAX {
            let expected = (1..=Op::PeerName as u8).contains(&byte).then_some(byte);
            assert_eq!(Op::from_byte(byte).map(|op| op as u8), expected);
        }
    }

    #[test]
    fn a_parcel_keeps_its_address() {
        let parcel = Box::new(7u8);
        let address = &raw const *parcel as usize;
        let tag = Tag::arrive(address);
        assert_eq!((tag.op(), tag.pointer()), (Some(Op::Arrive), address));
    }
}
