//! A place in a packet's body: takes one field after the other off the front, naming what is cut.

use crate::malformed::{Field, Malformed};
use crate::varint::{self, Varint};

/// The bytes of a body that are still to be read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    #[inline]
    pub(crate) fn new(bytes: &'a [u8]) -> Cursor<'a> {
        Cursor { rest: bytes }
    }

    #[inline]
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    #[inline]
    pub(crate) fn take(&mut self, count: usize, field: Field) -> Result<&'a [u8], Malformed> {
        match self.rest.split_at_checked(count) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => Err(Malformed::Truncated { field }),
        }
    }

    #[inline]
    pub(crate) fn u8(&mut self, field: Field) -> Result<u8, Malformed> {
        match self.rest {
            [byte, rest @ ..] => {
                self.rest = rest;
                Ok(*byte)
            }
            [] => Err(Malformed::Truncated { field }),
        }
    }

    #[inline]
    pub(crate) fn u16(&mut self, field: Field) -> Result<u16, Malformed> {
        match self.rest {
            [high, low, rest @ ..] => {
                self.rest = rest;
                Ok(u16::from_be_bytes([*high, *low]))
            }
            _ => Err(Malformed::Truncated { field }),
        }
    }

    pub(crate) fn u32(&mut self, field: Field) -> Result<u32, Malformed> {
        match self.rest {
            [a, b, c, d, rest @ ..] => {
                self.rest = rest;
                Ok(u32::from_be_bytes([*a, *b, *c, *d]))
            }
            _ => Err(Malformed::Truncated { field }),
        }
    }

    #[inline]
    pub(crate) fn varint(&mut self, field: Field) -> Result<u32, Malformed> {
        match varint::read(self.rest) {
            Varint::Whole {
                value,
                length_bytes,
            } => {
                self.rest = &self.rest[length_bytes..];
                Ok(value)
            }
            Varint::Short => Err(Malformed::Truncated { field }),
            Varint::TooLong => Err(Malformed::VarintTooLong { field }),
            Varint::NotMinimal => Err(Malformed::VarintNotMinimal { field }),
        }
    }

    /// Binary data with its two bytes of length [MQTT-1.5.6].
    #[inline]
    pub(crate) fn binary(&mut self, field: Field) -> Result<&'a [u8], Malformed> {
        let count = self.u16(field)?;
        self.take(usize::from(count), field)
    }

    /// A string with its two bytes of length: well-formed [MQTT-1.5.4-1] and without U+0000
    /// [MQTT-1.5.4-2]. Control and non-characters pass: the specification leaves them to us, and
    /// what a device calls its topic is no business of a gateway. A byte order mark stays where
    /// it is [MQTT-1.5.4-3].
    #[inline]
    pub(crate) fn text(&mut self, field: Field) -> Result<&'a str, Malformed> {
        let text = self.utf8(field)?;
        match memchr::memchr(0, text.as_bytes()) {
            None => Ok(text),
            Some(_) => Err(Malformed::HasNul { field }),
        }
    }

    /// As `text`, for those who look for U+0000 together with other things.
    #[inline]
    pub(crate) fn utf8(&mut self, field: Field) -> Result<&'a str, Malformed> {
        let bytes = self.binary(field)?;
        str::from_utf8(bytes).map_err(|_| Malformed::NotUtf8 { field })
    }

    /// An identifier of a packet, which is never zero [MQTT-2.2.1-3].
    #[inline]
    pub(crate) fn packet_id(&mut self) -> Result<u16, Malformed> {
        match self.u16(Field::PacketId)? {
            0 => Err(Malformed::PacketIdZero),
            packet_id => Ok(packet_id),
        }
    }

    /// Says that the body must have ended here.
    #[inline]
    pub(crate) fn finish(self) -> Result<(), Malformed> {
        match self.rest.len() {
            0 => Ok(()),
            left => Err(Malformed::TrailingBytes { bytes: left as u32 }),
        }
    }
}
