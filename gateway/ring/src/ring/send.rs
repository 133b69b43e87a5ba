//! Writing: whole buffers, one in flight per connection.

use crate::event::Event;
use crate::queue::Completion;
use crate::request::Request;
use crate::ring::Ring;
use crate::slab::Key;
use crate::slots::Conn;

/// A buffer that the kernel is reading from.
pub(crate) struct Sending {
    conn: Conn,
    bytes: Vec<u8>,
    sent_bytes: usize,
}

impl<H: Send + 'static> Ring<H> {
    /// Sends all of `bytes`; `Sent` brings the buffer back, empty. At most one may be in flight per
    /// connection: a second one is a mistake of the caller's, and release builds refuse it with
    /// `EBUSY`.
    pub fn send(&mut self, conn: Conn, bytes: Vec<u8>) {
        let busy = self.send_in_flight(conn);
        debug_assert!(!busy, "two sends on {conn:?}");
        self.with_live(conn, |ring| {
            if busy || bytes.is_empty() {
                let result = if busy { Err(libc::EBUSY) } else { Ok(()) };
                ring.ready.push_back(Event::Sent {
                    conn,
                    result,
                    bytes: emptied(bytes),
                });
                return;
            }
            ring.slots.set_sending(conn, true);
            let key = ring.sends.insert(Sending {
                conn,
                bytes,
                sent_bytes: 0,
            });
            ring.push_rest(key);
        });
    }

    pub fn send_in_flight(&self, conn: Conn) -> bool {
        self.slots.live(conn).is_some_and(|word| word.sending())
    }

    pub(crate) fn on_send(&mut self, completion: Completion) -> Option<Event<H>> {
        let key = completion.tag.key();
        let Some(sending) = self.sends.value_mut(key) else {
            return self.stale();
        };
        let conn = sending.conn;
        if self.slots.live(conn).is_none() {
            self.sends.remove(key);
            return self.stale();
        }
        let result = match completion.result {
            0 => Err(libc::EPIPE),
            count if count > 0 => {
                sending.sent_bytes += count as usize;
                if sending.sent_bytes < sending.bytes.len() {
                    // MSG_WAITALL still ends short after an interruption; an error behind it
                    // comes with the next try.
                    self.push_rest(key);
                    return None;
                }
                Ok(())
            }
            error if -error == libc::EINTR || -error == libc::EAGAIN => {
                self.push_rest(key);
                return None;
            }
            error => Err(-error),
        };
        self.slots.set_sending(conn, false);
        let sending = self.sends.remove(key)?;
        Some(Event::Sent {
            conn,
            result,
            bytes: emptied(sending.bytes),
        })
    }

    fn push_rest(&mut self, key: Key) {
        let Some(sending) = self.sends.value_mut(key) else {
            return;
        };
        // SAFETY: the slab owns the vector until this request has completed, and nothing touches
        // its contents there. Moving the vector within the slab does not move its bytes.
        let request =
            unsafe { Request::send(sending.conn, &sending.bytes[sending.sent_bytes..], key) };
        self.push(request);
    }
}

fn emptied(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.clear();
    bytes
}
