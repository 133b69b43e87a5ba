//! The header of one frame of a client: 6, 8 or 14 bytes [RFC 6455 5.2].

use super::Malformed;
use super::mask::Mask;
use crate::limits::CONTROL_BYTES_MAX;

/// A client's longest header: two bytes, eight of length, four of key.
pub(super) const HEADER_BYTES_MAX: usize = 2 + 8 + 4;

/// What a frame is for. Text is none of it: it is refused by its first byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Opcode {
    Continuation,
    Binary,
    Close,
    Ping,
    Pong,
}

impl Opcode {
    pub(super) const fn is_control(self) -> bool {
        matches!(self, Opcode::Close | Opcode::Ping | Opcode::Pong)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Header {
    pub(super) opcode: Opcode,
    pub(super) is_final: bool,
    pub(super) payload_bytes: u32,
    pub(super) mask: Mask,
}

/// What stands in the first bytes of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Front {
    Header(Header),
    /// At least this many more bytes of header are to come.
    Short {
        missing: usize,
    },
}

/// Reads a header. What can be known to be wrong is said as soon as its bytes are there.
pub(super) fn front(bytes: &[u8], frame_bytes_max: u32) -> Result<Front, Malformed> {
    let Some((&first, after)) = bytes.split_first() else {
        return Ok(Front::Short { missing: 2 });
    };
    let opcode = opcode(first)?;
    let is_final = first & 0x80 != 0;
    let Some((&second, after)) = after.split_first() else {
        return Ok(Front::Short { missing: 1 });
    };
    if second & 0x80 == 0 {
        return Err(Malformed::NotMasked);
    }
    let short = second & 0x7F;
    if opcode.is_control() && usize::from(short) > CONTROL_BYTES_MAX {
        return Err(Malformed::ControlTooLong);
    }
    let length_bytes = match short {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let missing = (length_bytes + 4usize).saturating_sub(after.len());
    let Some((length, key)) = after.split_at_checked(length_bytes) else {
        return Ok(Front::Short { missing });
    };
    let payload_bytes = payload_bytes(short, length, frame_bytes_max)?;
    let Some(key) = key.first_chunk() else {
        return Ok(Front::Short { missing });
    };
    Ok(Front::Header(Header {
        opcode,
        is_final,
        payload_bytes,
        mask: Mask(*key),
    }))
}

fn opcode(first: u8) -> Result<Opcode, Malformed> {
    if first & 0x70 != 0 {
        return Err(Malformed::ReservedBitSet);
    }
    let opcode = match first & 0x0F {
        0 => Opcode::Continuation,
        1 => return Err(Malformed::TextFrame),
        2 => Opcode::Binary,
        8 => Opcode::Close,
        9 => Opcode::Ping,
        10 => Opcode::Pong,
        opcode => return Err(Malformed::OpcodeUnknown { opcode }),
    };
    if opcode.is_control() && first & 0x80 == 0 {
        return Err(Malformed::ControlFragmented);
    }
    Ok(opcode)
}

/// The length in `short`, or in the bytes that it announces; "the minimal number of bytes MUST be
/// used", and the highest of 64 bits must be 0.
fn payload_bytes(short: u8, long: &[u8], frame_bytes_max: u32) -> Result<u32, Malformed> {
    let length = long
        .iter()
        .fold(0, |length: u64, byte| length << 8 | u64::from(*byte));
    let bytes = match (short, length) {
        (126, 0..=125) | (127, 0..=0xFFFF) => return Err(Malformed::LengthNotMinimal),
        (127, length) if length >> 63 != 0 => return Err(Malformed::LengthTooLarge),
        (126 | 127, length) => length,
        (short, _) => u64::from(short),
    };
    match u32::try_from(bytes) {
        Ok(payload_bytes) if payload_bytes <= frame_bytes_max => Ok(payload_bytes),
        _ => Err(Malformed::FrameTooLarge { bytes }),
    }
}
