//! Spare buffers of a shard: what a busy client borrows and gives back when it falls idle.

use super::client::Io;
use crate::limits::{SPARE_BUFFER_BYTES_MAX, SPARE_BUFFERS_MAX};

/// The pool; bounded in count and in the size of what it keeps.
#[derive(Default)]
pub(super) struct Spares {
    #[expect(
        clippy::vec_box,
        reason = "a client holds the box itself: 8 bytes of its record"
    )]
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
        for buffer in [&mut io.partial, &mut io.out] {
            buffer.clear();
            if buffer.capacity() > SPARE_BUFFER_BYTES_MAX {
                *buffer = Vec::new();
            }
        }
        self.ios.push(io);
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
