//! What a shard can ask the store to remember or forget.

use std::num::NonZeroU64;
use std::sync::Arc;

use tributary_proto::message::Message;
use tributary_proto::version::{Qos, Version};

/// A session's name on disk: short, given by [`super::StoreHandle::session_number`], never given
/// twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SessionNumber(pub(super) NonZeroU64);

impl SessionNumber {
    /// The number as a word, for tables and logs.
    pub fn word(self) -> u64 {
        self.0.get()
    }
}

/// Whose a session is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Whose {
    /// Nobody can say: no listener asked who its client was when it was written, or the gateway
    /// that wrote it kept no account of that.
    Unknown,
    /// A client's that has no user.
    Anonymous,
    /// This user's.
    User(Box<str>),
}

/// What is kept of a session beside what hangs on it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SessionRecord {
    pub version: Version,
    pub whose: Whose,
    /// Seconds that it outlives its connection \[MQTT-3.1.2-23\]; `u32::MAX`: for ever.
    pub expiry_secs: u32,
    /// Seconds since 1970 at which its connection ended; `None` while it is connected.
    pub disconnected_at_sec: Option<u32>,
}

impl Whose {
    fn bytes(&self) -> usize {
        match self {
            Whose::Unknown | Whose::Anonymous => 0,
            Whose::User(user) => user.len(),
        }
    }
}

impl SessionRecord {
    /// The expiry of a session that does not expire.
    pub const NEVER: u32 = u32::MAX;

    /// Whether its time is over. A session that was connected when the gateway died begins to age
    /// with the restart, unless it was to end with its connection.
    pub fn is_expired(&self, now_sec: u32) -> bool {
        match (self.expiry_secs, self.disconnected_at_sec) {
            (Self::NEVER, _) => false,
            (0, _) => true,
            (_, None) => false,
            (secs, Some(at_sec)) => at_sec.saturating_add(secs) <= now_sec,
        }
    }
}

/// The options of one subscription.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StoredGrant {
    pub qos: Qos,
    pub no_local: bool,
    pub retain_as_published: bool,
    /// 0, 1 or 2, as in SUBSCRIBE \[MQTT-3.8.3-4\].
    pub retain_handling: u8,
    /// 0: none.
    pub identifier: u32,
}

/// A will that waits for its session's connection or delay to end \[MQTT-3.1.3-9\].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredWill {
    pub message: Arc<Message>,
    pub delay_secs: u32,
    /// Seconds since 1970 at which it is due; `None` while the connection is open.
    pub due_sec: Option<u32>,
}

/// One message in a session's queue.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QueueEntry {
    /// Written once when several entries of one batch share it.
    pub message: Arc<Message>,
    pub qos: Qos,
    pub retain: bool,
    /// Subscription identifiers, in the order to send them.
    pub identifiers: Box<[u32]>,
}

/// One change. Operations of one shard take effect in the order in which they were submitted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Op {
    /// A session begins, or its record changes.
    SessionPut {
        session: SessionNumber,
        client_id: Box<str>,
        record: Box<SessionRecord>,
    },
    /// A session ends with all that hangs on it. Cheap however long its queue is: the entries are
    /// cleared away by later commits. Its number must not be used again.
    SessionDelete {
        session: SessionNumber,
    },
    /// A subscription, its filter as the client sent it (with `$share`).
    SubscriptionPut {
        session: SessionNumber,
        filter: Box<str>,
        grant: StoredGrant,
    },
    SubscriptionDelete {
        session: SessionNumber,
        filter: Box<str>,
    },
    WillPut {
        session: SessionNumber,
        will: Box<StoredWill>,
    },
    WillDelete {
        session: SessionNumber,
    },
    /// A message waits for the client, under a sequence number that grows within the session.
    QueuePut {
        session: SessionNumber,
        seq: u64,
        entry: QueueEntry,
    },
    /// It was sent with this packet id.
    QueueSent {
        session: SessionNumber,
        seq: u64,
        packet_id: u16,
    },
    /// PUBREC came for it. It must have been sent.
    QueueReceived {
        session: SessionNumber,
        seq: u64,
    },
    /// It is settled or dropped.
    QueueDone {
        session: SessionNumber,
        seq: u64,
    },
    /// A QoS 2 packet id of the client's is in use \[MQTT-4.3.3-10\].
    IdTaken {
        session: SessionNumber,
        packet_id: u16,
    },
    /// It is free again.
    IdReleased {
        session: SessionNumber,
        packet_id: u16,
    },
    /// A topic's retained message, in place of the one before.
    RetainedPut {
        message: Arc<Message>,
    },
    RetainedDelete {
        topic: Box<str>,
    },
}

impl Op {
    /// What it counts against the bound on waiting bytes; a shared message counts each time.
    pub fn bytes(&self) -> usize {
        size_of::<Op>()
            + match self {
                Op::SessionPut {
                    client_id, record, ..
                } => client_id.len() + size_of::<SessionRecord>() + record.whose.bytes(),
                Op::SubscriptionPut { filter, .. } | Op::SubscriptionDelete { filter, .. } => {
                    filter.len()
                }
                Op::WillPut { will, .. } => will.message.bytes(),
                Op::QueuePut { entry, .. } => entry.message.bytes(),
                Op::RetainedPut { message } => message.bytes(),
                Op::RetainedDelete { topic } => topic.len(),
                _ => 0,
            }
    }
}
