//! What the server says: headers for runs of MQTT packets, pongs, and the close frame. A server
//! masks nothing [RFC 6455 5.1].

use super::{CloseCode, ControlPayload};

/// A server's longest header: two bytes and eight of length.
pub const HEADER_BYTES_MAX: usize = 2 + 8;

const FINAL: u8 = 0x80;
const BINARY: u8 = FINAL | 2;
const CLOSE: u8 = FINAL | 8;
const PONG: u8 = FINAL | 10;

/// A header of 2, 4 or 10 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    bytes: [u8; HEADER_BYTES_MAX],
    length: u8,
}

impl Header {
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

/// The header of one binary frame with `payload_bytes` behind it: one for a whole batch of packets
/// [MQTT-6.0.0-2], to be written in front of it or given to the kernel as a slice of its own.
pub fn binary(payload_bytes: usize) -> Header {
    let mut bytes = [0; HEADER_BYTES_MAX];
    bytes[0] = BINARY;
    let length = match payload_bytes {
        0..=125 => {
            bytes[1] = payload_bytes as u8;
            2
        }
        126..=0xFFFF => {
            bytes[1] = 126;
            bytes[2..4].copy_from_slice(&(payload_bytes as u16).to_be_bytes());
            4
        }
        _ => {
            bytes[1] = 127;
            bytes[2..].copy_from_slice(&(payload_bytes as u64).to_be_bytes());
            10
        }
    };
    Header { bytes, length }
}

/// Appends the answer to a ping: what it held, and nothing else [RFC 6455 5.5.3].
pub fn pong(ping: &ControlPayload, out: &mut Vec<u8>) {
    let payload = ping.as_slice();
    // At most 125 bytes, so the length is one byte.
    out.extend_from_slice(&[PONG, payload.len() as u8]);
    out.extend_from_slice(payload);
}

/// Appends a close frame without a reason: none of the peer's business.
pub fn close(code: Option<CloseCode>, out: &mut Vec<u8>) {
    match code.map(|code| code.value().to_be_bytes()) {
        None => out.extend_from_slice(&[CLOSE, 0]),
        Some([high, low]) => out.extend_from_slice(&[CLOSE, 2, high, low]),
    }
}
