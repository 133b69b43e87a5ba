//! Spare buffers of a shard: what a busy client borrows and gives back when it falls idle.

use super::client::Io;
use crate::limits::{SPARE_BUFFER_BYTES_MAX, SPARE_BUFFERS_MAX};

/// The pool; bounded in count and in the size of what it keeps.
#[derive(Default)]
pub(super) struct Spares {
    // A box goes from here into a client and back as it is: no copy, no allocation.
    #[allow(clippy::vec_box)]
    ios: Vec<Box<Io>>,
    buffers: Vec<Vec<u8>>,
}

impl Spares {
    /// A record for bytes on their way, with empty buffers.
    pub(super) fn lend_io(&mut self) -> Box<Io> {
        self.ios.pop().unwrap_or_default()
    }

    /// Takes a record back; its buffers are empty or small enough to keep.
    pub(super) fn give_back_io(&mut self, mut io: Box<Io>) {
        if self.ios.len() == SPARE_BUFFERS_MAX {
            return;
        }
        io.stalled_tick = 0;
        for buffer in [
            &mut io.partial,
            &mut io.out,
            &mut io.ready,
            &mut io.foreword,
        ] {
            buffer.clear();
            if buffer.capacity() > SPARE_BUFFER_BYTES_MAX {
                *buffer = Vec::new();
            }
        }
        self.ios.push(io);
    }

    /// Gives back half of what lies here: whoever is busy borrows the rest again and again, and a
    /// storm's share is gone within seconds.
    pub(super) fn shrink(&mut self) {
        self.ios.truncate(self.ios.len() - self.ios.len() / 2);
        self.buffers
            .truncate(self.buffers.len() - self.buffers.len() / 2);
    }

    /// An empty buffer.
    pub(super) fn lend(&mut self) -> Vec<u8> {
        self.buffers.pop().unwrap_or_default()
    }

    /// Takes a buffer back.
    pub(super) fn give_back(&mut self, mut buffer: Vec<u8>) {
        let worth_keeping = (1..=SPARE_BUFFER_BYTES_MAX).contains(&buffer.capacity());
        if worth_keeping && self.buffers.len() < SPARE_BUFFERS_MAX {
            buffer.clear();
            self.buffers.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_back_is_lent_again_empty() {
        let mut spares = Spares::default();
        let mut io = spares.lend_io();
        io.partial.extend([1; 100]);
        io.out.extend([2; 100]);
        io.foreword.extend([4; 100]);
        io.stalled_tick = 9;
        spares.give_back_io(io);
        let io = spares.lend_io();
        assert!(io.partial.is_empty() && io.unsent_bytes() == 0 && io.stalled_tick == 0);
        assert!(io.out.capacity() >= 100, "its memory is used again");
        spares.give_back(vec![3; 10]);
        let buffer = spares.lend();
        assert!(buffer.is_empty() && buffer.capacity() >= 10);
        assert_eq!(spares.lend().capacity(), 0);
    }

    #[test]
    fn neither_large_nor_empty_buffers_are_kept() {
        let mut spares = Spares::default();
        spares.give_back(Vec::new());
        spares.give_back(Vec::with_capacity(SPARE_BUFFER_BYTES_MAX + 1));
        assert!(spares.buffers.is_empty());
        let mut io = spares.lend_io();
        io.partial.reserve(SPARE_BUFFER_BYTES_MAX + 1);
        spares.give_back_io(io);
        assert_eq!(spares.lend_io().partial.capacity(), 0);
    }

    #[test]
    fn no_more_are_kept_than_the_bound() {
        let mut spares = Spares::default();
        for _ in 0..2 * SPARE_BUFFERS_MAX {
            spares.give_back(vec![0]);
            spares.give_back_io(Box::default());
        }
        assert_eq!(spares.buffers.len(), SPARE_BUFFERS_MAX);
        assert_eq!(spares.ios.len(), SPARE_BUFFERS_MAX);
    }
}
