//! The rustls record layer: its unbuffered connection is kept, its buffers only while in use.
//!
//! It serves TLS 1.2, and TLS 1.3 where nobody wants a record layer of our own. rustls looks at one
//! record at a time. What it cannot use yet (a KeyUpdate that is split over records) it refers to
//! by its place in the buffer, so those records are held until the message is whole.

use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, EncryptError, UnbufferedStatus, WriteTraffic};

use crate::fault::Fault;
use crate::limits::{
    HEADER_BYTES, HELD_BYTES_MAX, HOLLOW_RECORDS_MAX, PLAIN_BYTES_MAX, SEAL_BYTES,
};
use crate::opened::{Opened, Spent};

type Data = rustls::server::ServerConnectionData;

/// A connection of rustls's after its handshake.
pub struct Unbuffered {
    connection: UnbufferedServerConnection,
    held: Vec<u8>,
    read_closed: bool,
    write_closed: bool,
}

impl Unbuffered {
    pub(crate) fn new(connection: UnbufferedServerConnection) -> Box<Unbuffered> {
        Box::new(Unbuffered {
            connection,
            held: Vec::new(),
            read_closed: false,
            write_closed: false,
        })
    }

    /// rustls has its keys for itself; a burst is the connection itself.
    pub fn burst(&mut self) -> Burst<'_> {
        Burst { kept: self }
    }
}

/// Says nothing of the connection's insides.
impl std::fmt::Debug for Unbuffered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Unbuffered").finish_non_exhaustive()
    }
}

/// See [`crate::Burst`].
pub struct Burst<'a> {
    kept: &'a mut Unbuffered,
}

/// What rustls made of the bytes it was shown.
#[derive(Default)]
struct Seen {
    discard_bytes: usize,
    plain: Vec<u8>,
    closed: bool,
    failed: Option<Fault>,
}

impl Burst<'_> {
    pub fn open(&mut self, record: &mut [u8], out: &mut Vec<u8>) -> Opened {
        let kept = &mut *self.kept;
        if kept.read_closed {
            return if kept.write_closed {
                Opened::Failed(Fault::Over)
            } else {
                Opened::Closed
            };
        }
        let seen = if kept.held.is_empty() {
            let seen = show(&mut kept.connection, record, out);
            kept.held.extend_from_slice(&record[seen.discard_bytes..]);
            seen
        } else {
            kept.held.extend_from_slice(record);
            let seen = show(&mut kept.connection, &mut kept.held, out);
            kept.held.drain(..seen.discard_bytes);
            seen
        };
        if kept.held.is_empty() {
            kept.held = Vec::new();
        }
        if let Some(fault) = seen.failed {
            (kept.read_closed, kept.write_closed) = (true, true);
            return Opened::Failed(fault);
        }
        if seen.closed {
            kept.read_closed = true;
            return Opened::Closed;
        }
        if kept.held.len() > HELD_BYTES_MAX {
            self.refuse(Fault::HandshakeOverflow, out);
            return Opened::Failed(Fault::HandshakeOverflow);
        }
        // Decrypting never makes a record longer, so its data fits where it came in.
        let content = HEADER_BYTES..HEADER_BYTES + seen.plain.len();
        match record.get_mut(content.clone()) {
            Some(place) if !place.is_empty() => place.copy_from_slice(&seen.plain),
            _ => return Opened::Control,
        }
        Opened::Data(content)
    }

    pub fn seal(&mut self, plain: &[u8], out: &mut Vec<u8>) -> Result<(), Spent> {
        if self.kept.write_closed {
            return Err(Spent);
        }
        let records = plain.len().div_ceil(PLAIN_BYTES_MAX);
        // TLS 1.2 has eight bytes of explicit nonce in the place of the content type.
        let bytes = plain.len() + (records + 1) * (SEAL_BYTES + 8);
        let sealed = self.write(bytes, out, |writer, place| writer.encrypt(plain, place));
        if sealed.is_err() {
            self.kept.write_closed = true;
        }
        sealed
    }

    pub fn update_keys(&mut self, request: bool, out: &mut Vec<u8>) {
        // rustls has no KeyUpdate without a request, nor TLS 1.2 any.
        let tls13 = Some(rustls::ProtocolVersion::TLSv1_3);
        if self.kept.write_closed || !request || self.kept.connection.protocol_version() != tls13 {
            return;
        }
        let UnbufferedStatus { state, .. } = self
            .kept
            .connection
            .process_tls_records(&mut self.kept.held);
        if let Ok(ConnectionState::WriteTraffic(writer)) = state
            && writer.refresh_traffic_keys().is_ok()
        {
            let _ = show(&mut self.kept.connection, &mut self.kept.held, out);
        }
    }

    pub fn close(&mut self, out: &mut Vec<u8>) {
        if !self.kept.write_closed {
            // A connection that cannot say goodbye is closed all the same.
            let _ = self.write(2 * SEAL_BYTES, out, |writer, place| {
                writer.queue_close_notify(place)
            });
            self.kept.write_closed = true;
        }
    }

    /// rustls has no way to send an alert of our choice: the peer gets close_notify.
    pub fn refuse(&mut self, _: Fault, out: &mut Vec<u8>) {
        self.close(out);
        self.kept.read_closed = true;
        self.kept.held = Vec::new();
    }

    /// Runs one call that writes into `bytes` of room, more if rustls says so.
    fn write(
        &mut self,
        bytes: usize,
        out: &mut Vec<u8>,
        mut call: impl FnMut(&mut WriteTraffic<'_, Data>, &mut [u8]) -> Result<usize, EncryptError>,
    ) -> Result<(), Spent> {
        let mut room = bytes;
        // An answer that waits goes first, then the call; a second time if the room was short.
        for _ in 0..HOLLOW_RECORDS_MAX {
            let UnbufferedStatus { state, .. } = self
                .kept
                .connection
                .process_tls_records(&mut self.kept.held);
            let mut writer = match state {
                Ok(ConnectionState::WriteTraffic(writer)) => writer,
                Ok(ConnectionState::EncodeTlsData(mut encoder)) => {
                    encode(&mut encoder, out);
                    continue;
                }
                Ok(ConnectionState::TransmitTlsData(transmit)) => {
                    transmit.done();
                    continue;
                }
                _ => return Err(Spent),
            };
            let start = out.len();
            out.resize(start + room, 0);
            let written = call(&mut writer, &mut out[start..]);
            out.truncate(start + *written.as_ref().unwrap_or(&0));
            match written {
                Ok(_) => return Ok(()),
                Err(EncryptError::InsufficientSize(short)) => room = short.required_size,
                Err(EncryptError::EncryptExhausted) => return Err(Spent),
            }
        }
        Err(Spent)
    }
}

/// Shows rustls bytes until it has nothing more to say to them.
fn show(connection: &mut UnbufferedServerConnection, bytes: &mut [u8], out: &mut Vec<u8>) -> Seen {
    let mut seen = Seen::default();
    loop {
        let UnbufferedStatus { discard, state, .. } =
            connection.process_tls_records(&mut bytes[seen.discard_bytes..]);
        seen.discard_bytes += discard;
        let failed = match state {
            Ok(ConnectionState::ReadTraffic(mut reader)) => {
                while let Some(Ok(record)) = reader.next_record() {
                    seen.discard_bytes += record.discard;
                    seen.plain.extend_from_slice(record.payload);
                }
                continue;
            }
            Ok(ConnectionState::EncodeTlsData(mut encoder)) => {
                encode(&mut encoder, out);
                continue;
            }
            Ok(ConnectionState::TransmitTlsData(transmit)) => {
                transmit.done();
                continue;
            }
            Ok(ConnectionState::PeerClosed) => {
                seen.closed = true;
                continue;
            }
            Ok(_) => None,
            Err(error) => Some(Fault::of(&error)),
        };
        if let Some(fault) = failed {
            seen.failed = Some(fault);
            flush(connection, &mut bytes[seen.discard_bytes..], out);
        }
        return seen;
    }
}

/// Takes out what rustls has queued, an alert after an error for one, and looks at no more input:
/// behind an error there is input that it must not be shown again.
pub(crate) fn flush(
    connection: &mut UnbufferedServerConnection,
    bytes: &mut [u8],
    out: &mut Vec<u8>,
) {
    while connection.wants_write() {
        let UnbufferedStatus { state, .. } = connection.process_tls_records(bytes);
        match state {
            Ok(ConnectionState::EncodeTlsData(mut encoder)) => encode(&mut encoder, out),
            _ => return,
        }
    }
}

/// Appends one message that rustls has ready.
pub(crate) fn encode(encoder: &mut rustls::unbuffered::EncodeTlsData<'_, Data>, out: &mut Vec<u8>) {
    use rustls::unbuffered::EncodeError;
    let start = out.len();
    let mut room = 512;
    loop {
        out.resize(start + room, 0);
        match encoder.encode(&mut out[start..]) {
            Ok(written) => return out.truncate(start + written),
            Err(EncodeError::InsufficientSize(short)) if short.required_size > room => {
                room = short.required_size;
            }
            Err(_) => return out.truncate(start),
        }
    }
}
