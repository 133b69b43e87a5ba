//! Values on disk: written by hand, since every byte is written for each of a million sessions.
//!
//! Numbers are little-endian; what has no length takes the rest. A reader answers `None` when the
//! bytes are not what was written, and never panics.

use std::sync::Arc;

use tributary_proto::message::Message;
use tributary_proto::version::{Qos, Version};

use super::op::{QueueEntry, SessionRecord, StoredGrant, StoredWill, Whose};
use super::recovered::EntryState;

/// Of a session: the bits of its version. What stands above them came with format 2.
const VERSION_BITS: u8 = 0b111;
/// Of a session: its client has no user.
const ANONYMOUS: u8 = 1 << 3;
/// Of a session: its user stands before its client id.
const HAS_USER: u8 = 1 << 4;
const RETAIN: u8 = 1 << 2;
/// Of a queue entry: the number of a shared body follows instead of the message.
const SHARED: u8 = 1 << 3;
const NO_LOCAL: u8 = 1 << 2;
const RETAIN_AS_PUBLISHED: u8 = 1 << 3;
const RETAIN_HANDLING_SHIFT: u32 = 4;

/// What a queue entry holds beside its session and number.
pub(super) enum Content {
    Inline(Message),
    Shared(u64),
}

/// The fixed part of a queue entry.
pub(super) struct EntryHead {
    pub(super) qos: Qos,
    pub(super) retain: bool,
    pub(super) identifiers: Box<[u32]>,
    pub(super) content: Content,
}

/// Writes a session's record: version and whose it is, expiry, end of the connection (0:
/// connected), user if it has one, client id.
pub(super) fn write_session(out: &mut Vec<u8>, client_id: &str, record: &SessionRecord) {
    let whose = match &record.whose {
        Whose::Unknown => 0,
        Whose::Anonymous => ANONYMOUS,
        Whose::User(_) => HAS_USER,
    };
    out.push(record.version as u8 | whose);
    out.extend_from_slice(&record.expiry_secs.to_le_bytes());
    // Second 0 is 1970: no connection ended then.
    let at_sec = record.disconnected_at_sec.map_or(0, |sec| sec.max(1));
    out.extend_from_slice(&at_sec.to_le_bytes());
    if let Whose::User(user) = &record.whose {
        write_part(out, user.as_bytes());
    }
    out.extend_from_slice(client_id.as_bytes());
}

pub(super) fn read_session(bytes: &[u8]) -> Option<(&str, SessionRecord)> {
    let mut reader = Reader(bytes);
    let bits = reader.u8()?;
    let version = match bits & VERSION_BITS {
        3 => Version::V31,
        4 => Version::V311,
        5 => Version::V5,
        _ => return None,
    };
    let expiry_secs = reader.u32()?;
    let at_sec = reader.u32()?;
    let whose = match bits & !VERSION_BITS {
        0 => Whose::Unknown,
        ANONYMOUS => Whose::Anonymous,
        HAS_USER => Whose::User(std::str::from_utf8(reader.part()?).ok()?.into()),
        _ => return None,
    };
    let record = SessionRecord {
        version,
        whose,
        expiry_secs,
        disconnected_at_sec: (at_sec != 0).then_some(at_sec),
    };
    Some((std::str::from_utf8(reader.0).ok()?, record))
}

pub(super) fn write_grant(out: &mut Vec<u8>, grant: &StoredGrant) {
    out.push(
        grant.qos as u8
            | if grant.no_local { NO_LOCAL } else { 0 }
            | if grant.retain_as_published {
                RETAIN_AS_PUBLISHED
            } else {
                0
            }
            | (grant.retain_handling & 3) << RETAIN_HANDLING_SHIFT,
    );
    if grant.identifier != 0 {
        write_varint(out, grant.identifier);
    }
}

pub(super) fn read_grant(bytes: &[u8]) -> Option<StoredGrant> {
    let mut reader = Reader(bytes);
    let bits = reader.u8()?;
    Some(StoredGrant {
        qos: Qos::from_bits(bits & 3)?,
        no_local: bits & NO_LOCAL != 0,
        retain_as_published: bits & RETAIN_AS_PUBLISHED != 0,
        retain_handling: bits >> RETAIN_HANDLING_SHIFT & 3,
        identifier: if reader.0.is_empty() {
            0
        } else {
            reader.varint()?
        },
    })
}

pub(super) fn write_will(out: &mut Vec<u8>, will: &StoredWill) {
    out.extend_from_slice(&will.delay_secs.to_le_bytes());
    out.extend_from_slice(&will.due_sec.unwrap_or(0).to_le_bytes());
    write_message(out, &will.message, &will.message.topic);
}

pub(super) fn read_will(bytes: &[u8]) -> Option<StoredWill> {
    let mut reader = Reader(bytes);
    let delay_secs = reader.u32()?;
    let due_sec = reader.u32()?;
    Some(StoredWill {
        message: Arc::new(read_message(reader.0)?),
        delay_secs,
        due_sec: (due_sec != 0).then_some(due_sec),
    })
}

/// Writes a queue entry; `shared` is the number of the body that its message was written to.
pub(super) fn write_entry(out: &mut Vec<u8>, entry: &QueueEntry, shared: Option<u64>) {
    let retain = if entry.retain { RETAIN } else { 0 };
    out.push(entry.qos as u8 | retain | shared.map_or(0, |_| SHARED));
    write_varint(out, entry.identifiers.len() as u32);
    for identifier in &entry.identifiers {
        write_varint(out, *identifier);
    }
    match shared {
        Some(body) => out.extend_from_slice(&body.to_le_bytes()),
        None => write_message(out, &entry.message, &entry.message.topic),
    }
}

pub(super) fn read_entry(bytes: &[u8]) -> Option<EntryHead> {
    let mut reader = Reader(bytes);
    let bits = reader.u8()?;
    let identifiers = reader.identifiers()?;
    Some(EntryHead {
        qos: Qos::from_bits(bits & 3)?,
        retain: bits & RETAIN != 0,
        identifiers,
        content: if bits & SHARED != 0 {
            Content::Shared(reader.u64()?)
        } else {
            Content::Inline(read_message(reader.0)?)
        },
    })
}

/// The shared body that an entry refers to, without reading the rest of it.
pub(super) fn shared_body(bytes: &[u8]) -> Option<u64> {
    let mut reader = Reader(bytes);
    if reader.u8()? & SHARED == 0 {
        return None;
    }
    reader.identifiers()?;
    reader.u64()
}

/// How far a delivery has come, in three bytes.
pub(super) fn state(state: EntryState) -> [u8; 3] {
    let (tag, packet_id) = match state {
        EntryState::Waiting => (0, 0),
        EntryState::Sent { packet_id } => (1, packet_id),
        EntryState::Received { packet_id } => (2, packet_id),
    };
    let [low, high] = packet_id.to_le_bytes();
    [tag, low, high]
}

pub(super) fn read_state(bytes: &[u8]) -> Option<EntryState> {
    let [tag, low, high] = bytes.try_into().ok()?;
    let packet_id = u16::from_le_bytes([low, high]);
    match tag {
        0 => Some(EntryState::Waiting),
        1 => Some(EntryState::Sent { packet_id }),
        2 => Some(EntryState::Received { packet_id }),
        _ => None,
    }
}

/// Writes a message; `topic` is empty where the key says it.
pub(super) fn write_message(out: &mut Vec<u8>, message: &Message, topic: &str) {
    out.push(message.qos as u8 | if message.retain { RETAIN } else { 0 });
    out.extend_from_slice(&message.publisher.to_le_bytes());
    out.extend_from_slice(&message.expires_at_sec.to_le_bytes());
    for part in [topic.as_bytes(), &message.properties] {
        write_part(out, part);
    }
    out.extend_from_slice(&message.payload);
}

pub(super) fn read_message(bytes: &[u8]) -> Option<Message> {
    let mut reader = Reader(bytes);
    let bits = reader.u8()?;
    let publisher = reader.u64()?;
    let expires_at_sec = reader.u32()?;
    let topic = reader.part()?;
    let properties = reader.part()?;
    Some(Message {
        topic: std::str::from_utf8(topic).ok()?.into(),
        payload: reader.0.into(),
        properties: properties.into(),
        publisher,
        expires_at_sec,
        qos: Qos::from_bits(bits & 3)?,
        retain: bits & RETAIN != 0,
    })
}

fn write_part(out: &mut Vec<u8>, part: &[u8]) {
    write_varint(out, part.len() as u32);
    out.extend_from_slice(part);
}

/// Seven bits per byte, the lowest first; the highest bit says that more follow.
fn write_varint(out: &mut Vec<u8>, mut value: u32) {
    while value >= 1 << 7 {
        out.push(value as u8 | 1 << 7);
        value >>= 7;
    }
    out.push(value as u8);
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*first)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take().map(|[byte]| byte)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    fn varint(&mut self) -> Option<u32> {
        let mut value = 0u32;
        for shift in (0..u32::BITS).step_by(7) {
            let byte = self.u8()?;
            value |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn part(&mut self) -> Option<&'a [u8]> {
        let length = self.varint()? as usize;
        let (part, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(part)
    }

    fn identifiers(&mut self) -> Option<Box<[u32]>> {
        let count = self.varint()? as usize;
        // Each takes a byte at least: a damaged count must not reserve memory.
        if count > self.0.len() {
            return None;
        }
        (0..count).map(|_| self.varint()).collect()
    }
}
