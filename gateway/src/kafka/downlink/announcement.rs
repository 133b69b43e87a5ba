//! What gateways that share a downlink tell each other: which records were handed off.
//!
//! ```text
//! 1 | length, topic | partition | count | first offset, steps to the next ones | length, topic ...
//! ```
//!
//! All numbers are varints. An announcement is a fact that stays true, so it may come twice, late
//! and in any order.

use std::fmt;

use super::varint::{put_varint, take_varint};

/// The first byte; another one is of another form.
const FORM: u8 = 1;

/// Records of one partition that were handed off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Section<'a> {
    pub(super) topic: &'a str,
    pub(super) partition: i32,
    /// In order, each once.
    pub(super) offsets: Vec<i64>,
}

/// Why an announcement cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// It does not begin as ours do.
    Form,
    /// It ends in the middle of a number or a name.
    Cut,
    /// A name is no text.
    Topic,
    /// A partition has no such number.
    Partition,
    /// A section names no record, or more than there are bytes.
    Count,
    /// Offsets do not ascend, or there are none so high.
    Offset,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "it has another form",
            Self::Cut => "it is cut off",
            Self::Topic => "a topic is no text",
            Self::Partition => "a partition is out of range",
            Self::Count => "a count is out of range",
            Self::Offset => "an offset is out of range",
        })
    }
}

/// Writes an announcement.
pub(super) fn encode<'a>(sections: impl Iterator<Item = Section<'a>>) -> Vec<u8> {
    let mut bytes = vec![FORM];
    for section in sections {
        put_varint(&mut bytes, section.topic.len() as u64);
        bytes.extend_from_slice(section.topic.as_bytes());
        put_varint(&mut bytes, section.partition.unsigned_abs().into());
        put_varint(&mut bytes, section.offsets.len() as u64);
        let mut at = 0;
        for offset in section.offsets {
            put_varint(&mut bytes, offset.abs_diff(at));
            at = offset;
        }
    }
    bytes
}

/// Reads an announcement, all of it or nothing.
pub(super) fn decode(bytes: &[u8]) -> Result<Vec<Section<'_>>, Unreadable> {
    let (form, mut rest) = bytes.split_first().ok_or(Unreadable::Cut)?;
    if *form != FORM {
        return Err(Unreadable::Form);
    }
    let mut sections = Vec::new();
    while !rest.is_empty() {
        sections.push(take_section(&mut rest)?);
    }
    Ok(sections)
}

fn take_section<'a>(rest: &mut &'a [u8]) -> Result<Section<'a>, Unreadable> {
    let number = |rest: &mut &'a [u8]| take_varint(rest).ok_or(Unreadable::Cut);
    let length = usize::try_from(number(rest)?).map_err(|_| Unreadable::Cut)?;
    let (topic, after) = rest.split_at_checked(length).ok_or(Unreadable::Cut)?;
    *rest = after;
    let topic = std::str::from_utf8(topic).map_err(|_| Unreadable::Topic)?;
    let partition = i32::try_from(number(rest)?).map_err(|_| Unreadable::Partition)?;
    let count = number(rest)?;
    // Each takes a byte at least: nobody makes us reserve what was never sent.
    if count == 0 || count > rest.len() as u64 {
        return Err(Unreadable::Count);
    }
    let mut offsets = Vec::with_capacity(count as usize);
    let mut at = 0_i64;
    for index in 0..count {
        let step = number(rest)?;
        if index > 0 && step == 0 {
            return Err(Unreadable::Offset);
        }
        at = at.checked_add_unsigned(step).ok_or(Unreadable::Offset)?;
        offsets.push(at);
    }
    Ok(Section {
        topic,
        partition,
        offsets,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sections() -> Vec<Section<'static>> {
        let section = |topic, partition, offsets: &[i64]| Section {
            topic,
            partition,
            offsets: offsets.to_vec(),
        };
        vec![
            section("commands", 0, &[0]),
            section("commands", 11, &[5, 6, 7, 200, 1 << 40]),
            section("states", i32::MAX, &[i64::MAX - 1, i64::MAX]),
        ]
    }

    #[test]
    fn what_is_announced_is_heard() {
        let bytes = encode(sections().into_iter());
        assert_eq!(decode(&bytes), Ok(sections()));
        assert_eq!(decode(&encode(std::iter::empty())), Ok(Vec::new()));
    }

    #[test]
    fn neighbours_take_a_byte_each() {
        let many = Section {
            topic: "t",
            partition: 0,
            offsets: (1_000_000..1_010_000).collect(),
        };
        let bytes = encode([many].into_iter());
        assert!(bytes.len() < 10_020, "{} bytes", bytes.len());
    }

    #[test]
    fn bytes_that_are_no_announcement_are_refused_by_name() {
        let head = [FORM, 1, b't'];
        let bad = |tail: &[u8]| decode(&[&head, tail].concat()).expect_err("it is none");
        assert_eq!(decode(&[]), Err(Unreadable::Cut));
        assert_eq!(decode(b"\x02anything"), Err(Unreadable::Form));
        assert_eq!(decode(&[FORM, 9, b't']), Err(Unreadable::Cut));
        assert_eq!(decode(&[FORM, 1, 0xFF, 0, 1, 1]), Err(Unreadable::Topic));
        assert_eq!(bad(&[0xFF; 11]), Unreadable::Cut);
        assert_eq!(bad(&[0xFF, 0xFF, 0xFF, 0xFF, 0x0F]), Unreadable::Partition);
        assert_eq!(bad(&[0, 0]), Unreadable::Count);
        assert_eq!(bad(&[0, 0xFF, 0xFF, 0x7F, 1]), Unreadable::Count);
        assert_eq!(bad(&[0, 2, 7, 0]), Unreadable::Offset);
        let most = [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1];
        assert_eq!(bad(&[&[0, 1][..], &most].concat()), Unreadable::Offset);
    }

    #[test]
    fn an_announcement_that_is_cut_anywhere_is_refused_or_tells_whole_sections() {
        let bytes = encode(sections().into_iter());
        for length in 0..bytes.len() {
            if let Ok(heard) = decode(&bytes[..length]) {
                assert_eq!(heard, sections()[..heard.len()], "cut at {length}");
            }
        }
    }
}
