//! The orders of the index: topics level by level, and messages by the end of their time.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::sync::Arc;

use super::entry::Entry;
use crate::message::Message;

/// Compares two topics level by level, as if `/` were the lowest of all bytes: `a`, `a/b`, `a-b`.
///
/// Since no topic holds a NUL \[MQTT-1.5.4-2\], `/` can take its place. What lies under `a` then
/// follows `a` without a gap, and the first string behind a string is the one with `/` added.
pub(super) fn compare(left: &[u8], right: &[u8]) -> Ordering {
    match left.iter().zip(right).position(|(l, r)| l != r) {
        Some(at) => rank(left[at]).cmp(&rank(right[at])),
        None => left.len().cmp(&right.len()),
    }
}

fn rank(byte: u8) -> u8 {
    if byte == b'/' { 0 } else { byte }
}

/// Whatever has a place in the order of topics.
///
/// A set looks up by what its entries lend out. Lending a trait object lets a bare string be looked
/// up among messages without building a message around it.
pub(super) trait Topic {
    fn topic(&self) -> &[u8];
}

/// A message, ordered by its topic.
#[derive(Debug)]
pub(super) struct ByTopic(pub(super) Entry);

/// A place to look at.
pub(super) struct Probe<'a>(pub(super) &'a [u8]);

impl Topic for ByTopic {
    fn topic(&self) -> &[u8] {
        self.0.topic()
    }
}

impl Topic for Probe<'_> {
    fn topic(&self) -> &[u8] {
        self.0
    }
}

impl<'a> Borrow<dyn Topic + 'a> for ByTopic {
    fn borrow(&self) -> &(dyn Topic + 'a) {
        self
    }
}

impl PartialEq for dyn Topic + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.topic() == other.topic()
    }
}

impl Eq for dyn Topic + '_ {}

impl PartialOrd for dyn Topic + '_ {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for dyn Topic + '_ {
    fn cmp(&self, other: &Self) -> Ordering {
        compare(self.topic(), other.topic())
    }
}

impl PartialEq for ByTopic {
    fn eq(&self, other: &Self) -> bool {
        self.topic() == other.topic()
    }
}

impl Eq for ByTopic {}

impl PartialOrd for ByTopic {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ByTopic {
    fn cmp(&self, other: &Self) -> Ordering {
        compare(self.topic(), other.topic())
    }
}

/// A message that expires, ordered by when.
#[derive(Debug)]
pub(super) struct Due(pub(super) Arc<Message>);

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_time = self.0.expires_at_sec.cmp(&other.0.expires_at_sec);
        by_time.then_with(|| self.0.topic.cmp(&other.0.topic))
    }
}
