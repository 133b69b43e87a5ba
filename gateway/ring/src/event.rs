//! What a ring has to say: one value per thing that happened to a connection.

use std::net::SocketAddr;

use crate::buffers::Buffer;
use crate::slots::Conn;

/// One thing that happened. `H` is what travels along when a connection is handed to another ring.
///
/// All error numbers are positive `errno` values, as `io::Error::from_raw_os_error` takes them.
#[derive(Debug)]
#[must_use = "an event may carry a connection or a buffer that nobody else knows of"]
pub enum Event<H> {
    /// A new connection; nothing is armed on it. `listener` counts the calls of `Ring::listen`.
    Accepted { conn: Conn, listener: u32 },
    /// Who is at the other end; the answer to `ask_peer_name`.
    PeerName {
        conn: Conn,
        result: Result<SocketAddr, i32>,
    },
    /// The one-shot poll fired: data, end of stream or an error waits. Nothing is armed any more.
    Readable { conn: Conn },
    /// Bytes came in; `more` says that the multishot receive is still armed.
    Received {
        conn: Conn,
        buffer: Buffer,
        more: bool,
    },
    /// Nothing is armed for reading any more, and this is why.
    ReceiveEnded { conn: Conn, end: ReceiveEnd },
    /// The whole buffer is with the kernel, or the connection failed on the way. `bytes` is empty
    /// again and keeps its capacity.
    Sent {
        conn: Conn,
        result: Result<(), i32>,
        bytes: Vec<u8>,
    },
    /// The slot is free again; the answer to `close` and `reset`.
    Closed { conn: Conn },
    /// A connection came from another ring; nothing is armed on it.
    Arrived { conn: Conn, parcel: Box<H> },
    /// The target would not take it (`ENFILE`: its table is full). Connection and parcel are still
    /// ours, nothing is armed, and the connection can be answered and closed.
    HandOverRefused {
        conn: Conn,
        parcel: Box<H>,
        error: i32,
    },
    /// The target has it; the slot here is free again.
    HandedOver { conn: Conn },
    /// A connection could not be taken, most often `ENFILE`: the table is full. The kernel closed
    /// it. Accepting goes on by itself once a 64th of the
    /// slots is free again; after any other error once
    /// [`crate::Ring::retry_accepting`] was called.
    AcceptRefused { error: i32 },
    /// A dialled connection stands, or failed; either way it is the caller's to close.
    Connected { conn: Conn, result: Result<(), i32> },
}

/// Why reading came to a stop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReceiveEnd {
    /// The peer has closed its side.
    Eof,
    /// Nothing to read just now (only after `receive`).
    WouldBlock,
    /// Every receive buffer is lent out: give some back, then arm again.
    NoBuffers,
    /// `cancel_receive` took effect.
    Cancelled,
    /// The connection failed with this `errno`.
    Error(i32),
}

impl ReceiveEnd {
    /// Sorts the result of a finished receive or poll, zero or a negated `errno`.
    pub(crate) fn from_result(result: i32) -> ReceiveEnd {
        match -result {
            0 => ReceiveEnd::Eof,
            libc::EAGAIN => ReceiveEnd::WouldBlock,
            libc::ENOBUFS => ReceiveEnd::NoBuffers,
            libc::ECANCELED => ReceiveEnd::Cancelled,
            error => ReceiveEnd::Error(error),
        }
    }
}
