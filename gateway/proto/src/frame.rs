//! Cuts the stream of bytes into frames: first byte, body, and what comes after.

use crate::malformed::{Field, Malformed};
use crate::packet::PacketType;
use crate::varint::{self, Varint};
use crate::version::Qos;

/// What stands at the front of the bytes read so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Front<'a> {
    /// A whole frame, and whatever came after it.
    Frame {
        first_byte: u8,
        body: &'a [u8],
        rest: &'a [u8],
    },
    /// Not a frame yet: looking again is pointless until this many more bytes have arrived.
    Short { missing: usize },
}

/// Looks at the front of `bytes`, which a client sent.
///
/// `packet_bytes_max` counts the whole packet, first byte and length included [section 3.2.2.3.6].
/// What can be known to be wrong is said as soon as its bytes are there: a peer with a bad first
/// byte or an absurd length never gets a buffer.
#[inline]
pub fn front(bytes: &[u8], packet_bytes_max: u32) -> Result<Front<'_>, Malformed> {
    let Some((&first_byte, after)) = bytes.split_first() else {
        return Ok(Front::Short { missing: 2 });
    };
    check_first_byte(first_byte)?;
    let (body_bytes, length_bytes) = match varint::read(after) {
        Varint::Whole {
            value,
            length_bytes,
        } => (value, length_bytes),
        Varint::Short => return Ok(Front::Short { missing: 1 }),
        Varint::TooLong => {
            return Err(Malformed::VarintTooLong {
                field: Field::RemainingLength,
            });
        }
        Varint::NotMinimal => {
            return Err(Malformed::VarintNotMinimal {
                field: Field::RemainingLength,
            });
        }
    };
    // At most 1 + 4 + 268,435,455, so this cannot overflow.
    let packet_bytes = 1 + length_bytes as u32 + body_bytes;
    if packet_bytes > packet_bytes_max {
        return Err(Malformed::PacketTooLarge {
            bytes: packet_bytes,
        });
    }
    let after = &after[length_bytes..];
    match after.split_at_checked(body_bytes as usize) {
        Some((body, rest)) => Ok(Front::Frame {
            first_byte,
            body,
            rest,
        }),
        None => Ok(Front::Short {
            missing: body_bytes as usize - after.len(),
        }),
    }
}

/// Whether a client may begin a packet with this byte in any version: a type that clients send,
/// with flags as [MQTT-2.1.3-1] has them.
#[inline]
pub(crate) fn check_first_byte(first_byte: u8) -> Result<(), Malformed> {
    let Some(packet_type) = PacketType::of(first_byte) else {
        return Err(Malformed::TypeReserved);
    };
    let flags = first_byte & 0x0F;
    match packet_type {
        PacketType::Publish => match Qos::from_bits(flags >> 1 & 0b11) {
            None => Err(Malformed::QosReserved),
            // [MQTT-3.3.1-2]
            Some(Qos::AtMostOnce) if flags & 0b1000 != 0 => Err(Malformed::DupAtQos0),
            Some(_) => Ok(()),
        },
        // MQTT 3.1 sets DUP on these when it sends them again; who does so in a later version is
        // found out when the packet is decoded.
        PacketType::PubRel | PacketType::Subscribe | PacketType::Unsubscribe => match flags {
            0b0010 | 0b1010 => Ok(()),
            _ => Err(Malformed::FlagsReserved { first_byte }),
        },
        PacketType::ConnAck | PacketType::SubAck | PacketType::UnsubAck | PacketType::PingResp => {
            Err(Malformed::FromServerOnly {
                packet_type: packet_type as u8,
            })
        }
        _ if flags == 0 => Ok(()),
        _ => Err(Malformed::FlagsReserved { first_byte }),
    }
}

/// How many whole packets stand in `bytes`; for counting what was written here.
pub fn count(mut bytes: &[u8]) -> u64 {
    let mut count = 0;
    while let Ok(Front::Frame { rest, .. }) = front(bytes, u32::MAX) {
        bytes = rest;
        count += 1;
    }
    count
}

#[cfg(test)]
mod tests;
