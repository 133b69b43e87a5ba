//! The receive buffers of a ring: lent to the kernel, filled, lent to the caller, given back.
//!
//! ```text
//!   kernel's ring ──(receive completes)──> Buffer token ──(give_back)──> waiting ──(publish)──┐
//!        ^────────────────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! A buffer is in exactly one of those places. The kernel takes them in turn, so in time all of
//! them are touched: count times size is what a ring's buffers cost in memory.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};

use io_uring::types::BufRingEntry;

const PAGE_BYTES: usize = 4096;

/// A filled receive buffer. Read it with `Ring::bytes`, then `Ring::give_back` it: one that is
/// dropped instead is lost to the ring.
#[derive(Debug)]
#[must_use = "a buffer that is not given back is lost to the ring"]
pub struct Buffer {
    /// Which set of buffers it belongs to: a token of another ring must not open this one's memory.
    owner: u32,
    len: u32,
    id: u16,
}

impl Buffer {
    /// Bytes in it; never 0.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.len as usize
    }
}

pub(crate) struct ReceiveBuffers {
    /// The descriptors that the kernel reads; the tail lies in a spare field of the first one.
    ring: NonNull<BufRingEntry>,
    memory: NonNull<u8>,
    count: u16,
    buffer_bytes: u32,
    tail: u16,
    owner: u32,
    lent: u32,
}

impl ReceiveBuffers {
    /// `count` is rounded up to a power of two, as the kernel wants it.
    pub(crate) fn new(count: u16, buffer_bytes: u32) -> ReceiveBuffers {
        static OWNERS: AtomicU32 = AtomicU32::new(0);
        let count = count.clamp(1, 1 << 15).next_power_of_two();
        let buffer_bytes = buffer_bytes.max(1);
        let mut buffers = ReceiveBuffers {
            ring: allocate(ring_layout(count)).cast(),
            memory: allocate(memory_layout(count, buffer_bytes)),
            count,
            buffer_bytes,
            tail: 0,
            owner: OWNERS.fetch_add(1, Ordering::Relaxed),
            lent: 0,
        };
        for id in 0..count {
            buffers.recycle(id);
        }
        buffers.publish();
        buffers
    }

    pub(crate) fn ring_address(&self) -> u64 {
        self.ring.as_ptr() as u64
    }

    pub(crate) fn count(&self) -> u16 {
        self.count
    }

    pub(crate) fn buffer_bytes(&self) -> u32 {
        self.buffer_bytes
    }

    /// True while somebody holds a token, and so may be reading.
    pub(crate) fn any_lent(&self) -> bool {
        self.lent > 0
    }

    /// Makes the token for a buffer that the kernel has just filled.
    pub(crate) fn lend(&mut self, id: u16, len: u32) -> Buffer {
        assert!(
            id < self.count,
            "the kernel named a buffer that does not exist"
        );
        self.lent += 1;
        Buffer {
            owner: self.owner,
            len: len.min(self.buffer_bytes),
            id,
        }
    }

    /// What is in `buffer`. The slice lives as long as the token is kept, not as long as the ring
    /// is left alone: the memory stays until every token is back.
    pub(crate) fn bytes<'b>(&self, buffer: &'b Buffer) -> &'b [u8] {
        assert_eq!(buffer.owner, self.owner, "a buffer of another ring");
        // SAFETY: the token was made by `lend`, so its index and length lie inside the memory,
        // which was zeroed when it was allocated. The kernel writes to a buffer only while it is
        // in its ring, and it gets there only when the token has been consumed. Memory with tokens
        // outstanding is never freed (`Ring`'s drop asks `any_lent`).
        unsafe {
            let start = self
                .memory
                .add(buffer.id as usize * self.buffer_bytes as usize);
            std::slice::from_raw_parts(start.as_ptr(), buffer.len as usize)
        }
    }

    /// The same to write to: whoever holds the only token holds the only way to these bytes.
    pub(crate) fn bytes_mut<'b>(&self, buffer: &'b mut Buffer) -> &'b mut [u8] {
        assert_eq!(buffer.owner, self.owner, "a buffer of another ring");
        // SAFETY: as in `bytes`. Tokens are neither copied nor made twice for one life of a buffer,
        // and no two buffers overlap, so the exclusive borrow of the token is one of the memory.
        unsafe {
            let start = self
                .memory
                .add(buffer.id as usize * self.buffer_bytes as usize);
            std::slice::from_raw_parts_mut(start.as_ptr(), buffer.len as usize)
        }
    }

    pub(crate) fn give_back(&mut self, buffer: Buffer) {
        assert_eq!(buffer.owner, self.owner, "a buffer of another ring");
        self.lent -= 1;
        self.recycle(buffer.id);
    }

    /// Puts a buffer that nobody holds at the end of the kernel's ring; `publish` makes it count.
    pub(crate) fn recycle(&mut self, id: u16) {
        assert!(id < self.count);
        let place = usize::from(self.tail & (self.count - 1));
        // SAFETY: `place` and `id` are below `count`, the size of both allocations. The kernel
        // reads an entry only after `publish` has moved the tail past it, and it cannot still be
        // reading this one: there are as many places as buffers.
        unsafe {
            let entry = self.ring.add(place).as_mut();
            let start = self
                .memory
                .add(usize::from(id) * self.buffer_bytes as usize);
            entry.set_addr(start.as_ptr() as u64);
            entry.set_len(self.buffer_bytes);
            entry.set_bid(id);
        }
        self.tail = self.tail.wrapping_add(1);
    }

    pub(crate) fn publish(&self) {
        // SAFETY: the tail is an aligned u16 inside the first entry, and we are its only writer.
        let tail = unsafe { &*BufRingEntry::tail(self.ring.as_ptr()).cast::<AtomicU16>() };
        tail.store(self.tail, Ordering::Release);
    }

    /// Frees the memory.
    ///
    /// # Safety
    /// The kernel must not be able to touch it any more, and no token may be outstanding.
    pub(crate) unsafe fn free(&mut self) {
        debug_assert!(!self.any_lent());
        // SAFETY: allocated in `new` with these layouts; the caller vouches for the rest.
        unsafe {
            dealloc(self.ring.as_ptr().cast(), ring_layout(self.count));
            dealloc(
                self.memory.as_ptr(),
                memory_layout(self.count, self.buffer_bytes),
            );
        }
    }
}

fn ring_layout(count: u16) -> Layout {
    // The kernel wants the ring page-aligned.
    let bytes = usize::from(count) * size_of::<BufRingEntry>();
    Layout::from_size_align(bytes, PAGE_BYTES).expect("at most 32768 entries of 16 bytes")
}

fn memory_layout(count: u16, buffer_bytes: u32) -> Layout {
    let bytes = usize::from(count) * buffer_bytes as usize;
    Layout::from_size_align(bytes, PAGE_BYTES).expect("at most 2^15 buffers of 2^32 bytes")
}

fn allocate(layout: Layout) -> NonNull<u8> {
    // SAFETY: both layouts above have a size of at least one.
    let memory = unsafe { alloc_zeroed(layout) };
    NonNull::new(memory).unwrap_or_else(|| handle_alloc_error(layout))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "a buffer of another ring")]
    fn a_token_opens_only_the_memory_it_was_made_for() {
        let mut ours = ReceiveBuffers::new(2, 64);
        let theirs = ReceiveBuffers::new(2, 64);
        let token = ours.lend(0, 10);
        theirs.bytes(&token);
    }

    #[test]
    fn what_is_written_through_a_token_stays_in_its_buffer() {
        let mut buffers = ReceiveBuffers::new(2, 4);
        let (mut first, second) = (buffers.lend(0, 4), buffers.lend(1, 4));
        buffers.bytes_mut(&mut first).copy_from_slice(b"mqtt");
        assert_eq!(buffers.bytes(&first), b"mqtt");
        assert_eq!(buffers.bytes(&second), [0; 4]);
    }

    #[test]
    fn a_token_never_reaches_past_its_buffer() {
        let mut buffers = ReceiveBuffers::new(2, 64);
        let token = buffers.lend(1, 1000);
        assert_eq!(buffers.bytes(&token).len(), 64);
        assert!(buffers.any_lent());
        buffers.give_back(token);
        assert!(!buffers.any_lent());
    }
}
