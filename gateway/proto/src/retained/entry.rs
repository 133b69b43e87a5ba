//! One retained message as the index keeps it: small ones packed into one piece.
//!
//! ```text
//! packed:  flags, topic length, properties length, publisher (8), topic, properties, payload
//! ```
//!
//! As [`Message`] a small one would cost four allocations and 80 bytes beside its text, and most
//! retained messages are small. It is unpacked for who finds it. A large one stays as it came, so
//! that however many find it share one; and one that expires, since two orders know it.

use std::sync::Arc;

use crate::message::Message;
use crate::version::Qos;

/// Text of a message up to which it is packed: lengths take one byte each.
const PACKED_TEXT_BYTES_MAX: usize = 255;
const HEAD_BYTES: usize = 11;
const RETAIN_BIT: u8 = 4;

/// Its share of a node of the set, which is two thirds full when messages come in any order.
const SLOT_BYTES: usize = 24;
/// The two counts in front of what is shared.
const SHARED_BYTES: usize = 16;

#[derive(Debug)]
pub(super) enum Entry {
    Packed(Box<[u8]>),
    Shared(Arc<Message>),
}

/// What an entry for a message counts against the bound.
pub(super) fn weigh(message: &Message) -> usize {
    let bytes = if is_packed(message) {
        HEAD_BYTES + text_bytes(message)
    } else {
        SHARED_BYTES + message.bytes()
    };
    SLOT_BYTES + bytes
}

fn text_bytes(message: &Message) -> usize {
    message.topic.len() + message.properties.len() + message.payload.len()
}

fn is_packed(message: &Message) -> bool {
    message.expires_at_sec == Message::NEVER && text_bytes(message) <= PACKED_TEXT_BYTES_MAX
}

impl Entry {
    pub(super) fn new(message: Arc<Message>) -> Self {
        if !is_packed(&message) {
            return Entry::Shared(message);
        }
        let mut bytes = Vec::with_capacity(HEAD_BYTES + text_bytes(&message));
        bytes.push(message.qos as u8 | if message.retain { RETAIN_BIT } else { 0 });
        // Their sum fits one byte.
        bytes.push(message.topic.len() as u8);
        bytes.push(message.properties.len() as u8);
        bytes.extend_from_slice(&message.publisher.to_le_bytes());
        bytes.extend_from_slice(message.topic.as_bytes());
        bytes.extend_from_slice(&message.properties);
        bytes.extend_from_slice(&message.payload);
        Entry::Packed(bytes.into())
    }

    pub(super) fn topic(&self) -> &[u8] {
        match self {
            Entry::Packed(bytes) => &bytes[HEAD_BYTES..HEAD_BYTES + usize::from(bytes[1])],
            Entry::Shared(message) => message.topic.as_bytes(),
        }
    }

    pub(super) fn message(&self) -> Arc<Message> {
        match self {
            Entry::Packed(bytes) => Arc::new(unpacked(bytes)),
            Entry::Shared(message) => message.clone(),
        }
    }

    pub(super) fn is_expired(&self, now_sec: u32) -> bool {
        match self {
            Entry::Packed(_) => false,
            Entry::Shared(message) => message.is_expired(now_sec),
        }
    }

    /// See [`weigh`].
    pub(super) fn bytes(&self) -> usize {
        match self {
            Entry::Packed(bytes) => SLOT_BYTES + bytes.len(),
            Entry::Shared(message) => weigh(message),
        }
    }
}

fn unpacked(bytes: &[u8]) -> Message {
    let (head, text) = bytes.split_at(HEAD_BYTES);
    let (topic, rest) = text.split_at(usize::from(head[1]));
    let (properties, payload) = rest.split_at(usize::from(head[2]));
    let publisher = head[3..].iter().rev();
    Message {
        // It was a string when it was packed.
        topic: String::from_utf8_lossy(topic).into(),
        payload: payload.into(),
        properties: properties.into(),
        publisher: publisher.fold(0, |number, byte| number << 8 | u64::from(*byte)),
        expires_at_sec: Message::NEVER,
        qos: Qos::from_bits(head[0] & !RETAIN_BIT).unwrap_or_default(),
        retain: head[0] & RETAIN_BIT != 0,
    }
}

const _: () = assert!(size_of::<Entry>() == 16);
