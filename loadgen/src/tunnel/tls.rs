//! One client's TLS: rustls without buffers of its own, so that an idle client keeps none.

use crate::close::Close;
use crate::fault::TlsFault;
use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::ServerName;
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, UnbufferedStatus};
use rustls::{ClientConfig, HandshakeKind};
use std::sync::Arc;

/// What one record holds at most, and what it costs beside that: header, nonce of TLS 1.2, content
/// type and tag (RFC 8446, 5.2; RFC 5288, 3).
const RECORD_PLAIN_BYTES_MAX: usize = 1 << 14;
const RECORD_EXTRA_BYTES_MAX: usize = 5 + 8 + 1 + 16;

pub(super) struct Tls {
    connection: UnbufferedClientConnection,
    /// The front of a record whose end has not come yet; owns memory only while there is one.
    cut: Vec<u8>,
    is_up: bool,
}

impl Tls {
    /// Begins a handshake: its ClientHello goes to `out`.
    pub(super) fn dial(
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
        out: &mut Vec<u8>,
    ) -> Result<Self, TlsFault> {
        let mut tls = Self {
            connection: UnbufferedClientConnection::new(config, name)?,
            cut: Vec::new(),
            is_up: false,
        };
        let (_, seen) = tls.show(&mut [], &mut Vec::new(), out);
        seen.map(|_| tls)
    }

    /// Whether data may flow.
    pub(super) fn is_up(&self) -> bool {
        self.is_up
    }

    pub(super) fn is_resumed(&self) -> bool {
        self.connection.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// Appends to `plain` what is in the records; what is owed goes to `out`, an alert among it.
    pub(super) fn open(
        &mut self,
        records: &mut Vec<u8>,
        plain: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> Result<(), Close> {
        if !self.cut.is_empty() {
            self.cut.append(records);
            std::mem::swap(&mut self.cut, records);
        }
        let (done, seen) = self.show(records, plain, out);
        if seen.is_err() {
            // rustls hands out its alert only when it is asked once more.
            let _ = self.show(&mut records[done..], &mut Vec::new(), out);
        }
        self.cut = records[done..].to_vec();
        if seen? { Err(Close::Ended) } else { Ok(()) }
    }

    /// Lets rustls work on whole records; returns how many bytes it is done with, and whether the
    /// server has said goodbye.
    fn show(
        &mut self,
        records: &mut [u8],
        plain: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> (usize, Result<bool, TlsFault>) {
        let mut done = 0;
        loop {
            let UnbufferedStatus { discard, state } =
                self.connection.process_tls_records(&mut records[done..]);
            let mut taken = discard;
            let step = match state {
                Ok(ConnectionState::ReadTraffic(mut traffic)) => loop {
                    match traffic.next_record() {
                        Some(Ok(record)) => {
                            taken += record.discard;
                            plain.extend_from_slice(record.payload);
                        }
                        Some(Err(error)) => break Some(Err(error.into())),
                        None => break None,
                    }
                },
                Ok(ConnectionState::EncodeTlsData(mut encoder)) => {
                    append(out, |place| match encoder.encode(place) {
                        Ok(bytes) => Ok(bytes),
                        Err(EncodeError::InsufficientSize(size)) => Err(size.required_size),
                        Err(EncodeError::AlreadyEncoded) => Ok(0),
                    });
                    None
                }
                Ok(ConnectionState::TransmitTlsData(transmit)) => {
                    transmit.done();
                    None
                }
                Ok(ConnectionState::BlockedHandshake) => Some(Ok(false)),
                Ok(ConnectionState::WriteTraffic(_)) => {
                    self.is_up = true;
                    Some(Ok(false))
                }
                Ok(ConnectionState::PeerClosed | ConnectionState::Closed) => Some(Ok(true)),
                Ok(_) => Some(Err(TlsFault::Other)),
                Err(error) => Some(Err(error.into())),
            };
            done += taken;
            if let Some(end) = step {
                return (done, end);
            }
        }
    }

    /// Appends records with these bytes.
    pub(super) fn seal(&mut self, plain: &[u8], out: &mut Vec<u8>) {
        if !self.is_up || plain.is_empty() {
            return;
        }
        // A message of the handshake that has come in part is known by its place in these bytes.
        let UnbufferedStatus { state, .. } = self.connection.process_tls_records(&mut self.cut);
        if let Ok(ConnectionState::WriteTraffic(mut traffic)) = state {
            let records = plain.len().div_ceil(RECORD_PLAIN_BYTES_MAX);
            // One more, for a KeyUpdate that is due.
            let extra_bytes = (records + 1) * RECORD_EXTRA_BYTES_MAX;
            let (start, whole) = (out.len(), plain.len() + extra_bytes);
            out.resize(start + whole, 0);
            let sealed = traffic.encrypt(plain, &mut out[start..]);
            // Keys are spent after 2^64 records: no run comes so far.
            out.truncate(start + sealed.unwrap_or(0));
        }
    }

    /// Appends close_notify (RFC 8446, 6.1).
    pub(super) fn close(&mut self, out: &mut Vec<u8>) {
        let UnbufferedStatus { state, .. } = self.connection.process_tls_records(&mut self.cut);
        if let Ok(ConnectionState::WriteTraffic(mut traffic)) = state {
            append(out, |place| match traffic.queue_close_notify(place) {
                Ok(bytes) => Ok(bytes),
                Err(EncryptError::InsufficientSize(size)) => Err(size.required_size),
                Err(EncryptError::EncryptExhausted) => Ok(0),
            });
        }
    }
}

/// Appends what `write` writes; where it lacks room it says how much it needs.
fn append(out: &mut Vec<u8>, mut write: impl FnMut(&mut [u8]) -> Result<usize, usize>) {
    let start = out.len();
    let written = write(&mut []).or_else(|needed| {
        out.resize(start + needed, 0);
        write(&mut out[start..])
    });
    out.truncate(start + written.unwrap_or(0));
}
