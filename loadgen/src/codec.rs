//! The client's half of MQTT 3.1.1 and 5, written apart from the gateway's so that each checks the
//! other.

pub mod decode;
pub mod encode;

use clap::ValueEnum;

/// The protocol level that a CONNECT names [MQTT-3.1.2-1].
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Version {
    #[value(name = "4", alias = "3.1.1")]
    V311 = 4,
    #[value(name = "5")]
    V5 = 5,
}

/// Packet types as they stand in the high half of the first byte.
pub mod packet {
    pub const CONNECT: u8 = 1;
    pub const CONNACK: u8 = 2;
    pub const PUBLISH: u8 = 3;
    pub const PUBACK: u8 = 4;
    pub const PUBREC: u8 = 5;
    pub const PUBREL: u8 = 6;
    pub const PUBCOMP: u8 = 7;
    pub const SUBSCRIBE: u8 = 8;
    pub const SUBACK: u8 = 9;
    pub const PINGREQ: u8 = 12;
    pub const PINGRESP: u8 = 13;
    pub const DISCONNECT: u8 = 14;
}

/// The longest frame body worth waiting for: what comes to a load generator is short.
pub const BODY_BYTES_MAX: usize = 1 << 20;

/// What stands at the front of the bytes read so far.
#[derive(Debug, PartialEq, Eq)]
pub enum Front<'a> {
    /// A whole frame, and how many bytes it takes with its header.
    Frame {
        first_byte: u8,
        body: &'a [u8],
        frame_bytes: usize,
    },
    /// Not a frame yet.
    Short,
}

/// Why bytes of the peer are not MQTT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Malformed {
    LengthTooLong,
    PacketTooLong,
    PacketType(u8),
    Truncated(u8),
    Property(u8),
}

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::LengthTooLong => write!(f, "remaining length of more than 4 bytes"),
            Self::PacketTooLong => write!(f, "packet of more than {BODY_BYTES_MAX} bytes"),
            Self::PacketType(kind) => write!(f, "unexpected packet type {kind}"),
            Self::Truncated(kind) => write!(f, "packet type {kind} ends too early"),
            Self::Property(id) => write!(f, "property 0x{id:02x} is unknown or cut"),
        }
    }
}

/// Looks at the first frame in `bytes` without copying.
pub fn front(bytes: &[u8]) -> Result<Front<'_>, Malformed> {
    let mut body_bytes = 0usize;
    for index in 0..4 {
        let Some(&byte) = bytes.get(1 + index) else {
            return Ok(Front::Short);
        };
        body_bytes |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 != 0 {
            continue;
        }
        if body_bytes > BODY_BYTES_MAX {
            return Err(Malformed::PacketTooLong);
        }
        let head_bytes = 2 + index;
        let frame_bytes = head_bytes + body_bytes;
        return Ok(match bytes.get(head_bytes..frame_bytes) {
            Some(body) => Front::Frame {
                first_byte: bytes[0],
                body,
                frame_bytes,
            },
            None => Front::Short,
        });
    }
    Err(Malformed::LengthTooLong)
}

/// Hands every whole frame of `partial` + `fresh` to `on_frame`; the cut one at the end stays in
/// `partial`, which owns memory only while there is such a one.
pub fn each_frame<E: From<Malformed>>(
    partial: &mut Vec<u8>,
    fresh: &[u8],
    mut on_frame: impl FnMut(u8, &[u8]) -> Result<(), E>,
) -> Result<(), E> {
    if partial.is_empty() {
        let taken = frames_in(fresh, &mut on_frame)?;
        partial.extend_from_slice(&fresh[taken..]);
        return Ok(());
    }
    partial.extend_from_slice(fresh);
    let taken = frames_in(partial, &mut on_frame)?;
    partial.drain(..taken);
    if partial.is_empty() {
        *partial = Vec::new();
    }
    Ok(())
}

fn frames_in<E: From<Malformed>>(
    bytes: &[u8],
    on_frame: &mut impl FnMut(u8, &[u8]) -> Result<(), E>,
) -> Result<usize, E> {
    let mut taken = 0;
    while let Front::Frame {
        first_byte,
        body,
        frame_bytes,
    } = front(&bytes[taken..])?
    {
        on_frame(first_byte, body)?;
        taken += frame_bytes;
    }
    Ok(taken)
}

#[cfg(test)]
mod tests;
