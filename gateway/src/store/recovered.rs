//! What was found in the store at start, as a shard takes it over.

use std::sync::Arc;

use tributary_proto::message::Message;

use super::op::{QueueEntry, SessionNumber, SessionRecord, StoredGrant, StoredWill};

/// Everything whose home is one shard.
#[derive(Debug, Default)]
pub struct Recovered {
    /// Sessions that have not expired, in no order that means anything.
    pub sessions: Vec<RecoveredSession>,
    /// Retained messages that have not expired.
    pub retained: Vec<Arc<Message>>,
    /// Wills of sessions that ended while the gateway was down: they are due
    /// \[MQTT-3.1.2-8\]. The store forgets them with their sessions.
    pub wills: Vec<StoredWill>,
}

/// One session. Lists are boxed slices, since a million of them stand in memory at once.
#[derive(Debug, PartialEq, Eq)]
pub struct RecoveredSession {
    pub number: SessionNumber,
    pub client_id: Box<str>,
    pub record: SessionRecord,
    /// Filters as subscribed, with `$share`.
    pub subscriptions: Box<[(Box<str>, StoredGrant)]>,
    /// In the order of their sequence numbers.
    pub queue: Box<[RecoveredEntry]>,
    /// The client's QoS 2 packet ids that are in use.
    pub taken: Box<[u16]>,
    pub will: Option<Box<StoredWill>>,
}

/// One message of a queue; entries that shared a message share it again.
#[derive(Debug, PartialEq, Eq)]
pub struct RecoveredEntry {
    pub seq: u64,
    pub entry: QueueEntry,
    pub state: EntryState,
}

/// How far the delivery of an entry had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryState {
    /// Not sent yet.
    Waiting,
    /// Sent with this packet id, no answer yet.
    Sent { packet_id: u16 },
    /// PUBREC came for this packet id, PUBCOMP did not.
    Received { packet_id: u16 },
}
