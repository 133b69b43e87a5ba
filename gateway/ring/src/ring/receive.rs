//! Reading: the one-shot poll of an idle connection, and the three ways to receive.

use crate::event::{Event, ReceiveEnd};
use crate::queue::Completion;
use crate::request::{ReceiveMode, Request};
use crate::ring::Ring;
use crate::slots::{Conn, Reading};
use crate::tag::{Op, Tag};

/// At most one of these may be armed on a connection; a second one is a mistake of the caller's
/// that release builds ignore.
impl<H: Send + 'static> Ring<H> {
    /// Waits, for 264 bytes of kernel memory, until there is something to read: `Readable`.
    pub fn poll_readable(&mut self, conn: Conn) {
        self.with_live(conn, |ring| {
            if ring.reading_is(conn, Reading::Nothing) {
                ring.slots.set_reading(conn, Reading::Poll);
                ring.push(Request::poll(conn));
            }
        });
    }

    /// Receives what is there now; `ReceiveEnded` with `WouldBlock` when that is nothing.
    pub fn receive(&mut self, conn: Conn) {
        self.start_receive(conn, ReceiveMode::Now);
    }

    /// Waits for the first bytes and receives them, for 873 bytes of kernel memory; for a fresh
    /// connection, which will speak soon or never.
    pub fn receive_armed(&mut self, conn: Conn) {
        self.start_receive(conn, ReceiveMode::Armed);
    }

    /// Receives whenever something comes, for 873 bytes of kernel memory; for busy connections.
    pub fn receive_multishot(&mut self, conn: Conn) {
        self.start_receive(conn, ReceiveMode::Multishot);
    }

    /// Ends whatever is armed for reading: `ReceiveEnded` with `Cancelled` follows, unless it has
    /// ended by itself meanwhile. Data that has arrived stays in the socket. Arm nothing new
    /// before one or the other has come.
    ///
    /// Costs the kernel a search of about (armed requests / 256) entries; for closing a
    /// connection `close` needs none.
    pub fn cancel_receive(&mut self, conn: Conn) {
        self.with_live(conn, |ring| {
            let Some(word) = ring.slots.word(conn) else {
                return;
            };
            let op = match word.reading() {
                Reading::Nothing => return,
                Reading::Poll => Op::Poll,
                Reading::Receive => Op::Receive,
            };
            if !word.cancelling() {
                ring.slots.set_cancelling(conn);
                ring.push(Request::cancel(Tag::of(op, conn)));
            }
        });
    }

    /// True while a poll or a receive is armed on `conn`.
    pub fn is_reading(&self, conn: Conn) -> bool {
        self.slots
            .live(conn)
            .is_some_and(|word| word.reading() != Reading::Nothing)
    }

    fn start_receive(&mut self, conn: Conn, mode: ReceiveMode) {
        self.with_live(conn, |ring| {
            if ring.reading_is(conn, Reading::Nothing) {
                ring.slots.set_reading(conn, Reading::Receive);
                ring.receives_in_flight += 1;
                let request = Request::receive(conn, mode, ring.buffers.buffer_bytes());
                ring.push(request);
            }
        });
    }

    fn reading_is(&self, conn: Conn, expected: Reading) -> bool {
        let reading = self.slots.word(conn).map(|word| word.reading());
        debug_assert_eq!(reading, Some(expected), "two reads armed on {conn:?}");
        reading == Some(expected)
    }

    pub(crate) fn on_poll(&mut self, completion: Completion) -> Option<Event<H>> {
        let conn = completion.tag.conn();
        if self.slots.live(conn).is_none() {
            return self.stale();
        }
        self.slots.set_reading(conn, Reading::Nothing);
        if completion.result >= 0 {
            return Some(Event::Readable { conn });
        }
        Some(Event::ReceiveEnded {
            conn,
            end: ReceiveEnd::from_result(completion.result),
        })
    }

    pub(crate) fn on_receive(&mut self, completion: Completion) -> Option<Event<H>> {
        let conn = completion.tag.conn();
        let more = completion.more();
        if !more {
            self.receives_in_flight -= 1;
        }
        let live = self.slots.live(conn).is_some();
        if live && !more {
            self.slots.set_reading(conn, Reading::Nothing);
        }
        match completion.buffer() {
            Some(id) if live && completion.result > 0 => {
                let buffer = self.buffers.lend(id, completion.result as u32);
                return Some(Event::Received { conn, buffer, more });
            }
            Some(id) => self.buffers.recycle(id),
            None => {}
        }
        if !live {
            return self.stale();
        }
        debug_assert!(!more && completion.result <= 0);
        let end = ReceiveEnd::from_result(completion.result.min(0));
        self.stats.no_buffers += u64::from(end == ReceiveEnd::NoBuffers);
        Some(Event::ReceiveEnded { conn, end })
    }
}
