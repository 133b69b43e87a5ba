//! Closing: CLOSE alone when nothing is in flight, otherwise SHUTDOWN first.
//!
//! A request in flight pins the socket, so that CLOSE by itself would free the slot and send no
//! FIN. SHUTDOWN ends such requests without a search, but always costs a trip through the kernel's
//! worker threads (7 to 17 us measured), so it is kept for when it is needed.
//!
//! Such a thread looks the slot up only when it gets there. A SHUTDOWN that a CLOSE overtook would
//! end whoever has the slot by then, so no CLOSE is submitted while one is on its way.

use crate::event::Event;
use crate::queue::Completion;
use crate::request::Request;
use crate::ring::Ring;
use crate::slots::{Conn, Reading, State, Word};
use crate::tag::{Op, Tag};

impl<H: Send + 'static> Ring<H> {
    /// Ends our side of the stream and keeps reading: the first half of a lingering close.
    pub fn shutdown_write(&mut self, conn: Conn) {
        self.with_live(conn, |ring| {
            ring.slots.set_shutting(conn, true);
            ring.push(Request::shutdown_write(conn));
        });
    }

    /// Closes the connection. Of `conn` nothing more is heard but `Closed`: what is in flight ends,
    /// a send possibly in the middle.
    pub fn close(&mut self, conn: Conn) {
        self.with_live(conn, |ring| ring.start_close(conn, false));
    }

    /// Closes with RST and drops what is still unsent. With requests in flight a FIN goes out just
    /// before it; on kernels before 6.7 it is a plain `close`.
    pub fn reset(&mut self, conn: Conn) {
        self.with_live(conn, |ring| ring.start_close(conn, true));
    }

    fn start_close(&mut self, conn: Conn, abort: bool) {
        let Some(word) = self.slots.live(conn) else {
            return;
        };
        self.slots.set_state(conn, State::Closing);
        if word.connecting() {
            // SHUTDOWN would only make a connection attempt start over.
            self.cancel_dial(conn);
        }
        match (word.shutting(), abort) {
            (false, _) => self.push_close(conn, word, abort),
            // The close comes when the SHUTDOWN has been; the option need not wait for it.
            (true, true) => self.push(Request::abort(conn)),
            (true, false) => {}
        }
    }

    fn push_close(&mut self, conn: Conn, word: Word, abort: bool) {
        // Hard links: CLOSE must come whether or not SHUTDOWN found a peer (ENOTCONN after RST).
        let in_flight = word.reading() != Reading::Nothing || word.sending();
        let close = Request::close(conn);
        let shutdown = || Request::shutdown(conn);
        let option = || Request::abort(conn).then_in_any_case();
        match (abort, in_flight) {
            (false, false) => self.push(close),
            (false, true) => self.push_chain([shutdown(), close]),
            (true, false) => self.push_chain([option(), close]),
            (true, true) => self.push_chain([option(), shutdown(), close]),
        }
        if in_flight {
            self.stats.closes_linked += 1;
        } else {
            self.stats.closes_alone += 1;
        }
    }

    /// A SHUTDOWN has been, or found that the peer had gone.
    pub(crate) fn on_shutdown(&mut self, completion: Completion) -> Option<Event<H>> {
        let conn = completion.tag.conn();
        let word = self.slots.word(conn).filter(|word| word.shutting())?;
        self.slots.set_shutting(conn, false);
        if word.state() == State::Closing {
            self.push_close(conn, word, false);
        }
        None
    }

    pub(crate) fn on_close(&mut self, completion: Completion) -> Option<Event<H>> {
        let conn = completion.tag.conn();
        let closing = self
            .slots
            .word(conn)
            .is_some_and(|word| word.state() == State::Closing);
        if !closing {
            // The slot's next life was told of first, and `Closed` came with it.
            return self.stale();
        }
        if completion.result == -libc::ECANCELED {
            self.push(Request::close(conn));
            return None;
        }
        self.end_life(conn);
        Some(Event::Closed { conn })
    }

    fn cancel_dial(&mut self, conn: Conn) {
        if let Some(key) = self.dials.find(|dial| dial.conn == conn) {
            self.push(Request::cancel(Tag::new(
                Op::Connect,
                key.generation,
                key.index,
            )));
        }
    }
}
