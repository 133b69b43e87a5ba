//! The messages that wait for one client, QoS 0 apart from the rest.

use std::collections::VecDeque;
use std::sync::Arc;

use super::handed::Receipt;
use crate::message::Message;
use crate::version::Qos;

/// The subscription identifiers of one copy; most have none or one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Identifiers {
    /// One, or none when it is 0.
    One(u32),
    /// Two and more.
    Many(Box<[u32]>),
}

const _: () = assert!(size_of::<Identifiers>() == 16);

/// A copy of a message on its way to one client.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) message: Arc<Message>,
    pub(super) identifiers: Identifiers,
    /// Place in the order of arrival, and its name in the journal.
    pub(super) seq: u64,
    /// The shared subscription it came by; 0 for none.
    pub(super) group: u32,
    /// Who wants to know what becomes of it.
    pub(super) receipt: Option<Receipt>,
    pub(super) qos: Qos,
    pub(super) retain: bool,
}

const _: () = assert!(size_of::<Waiting>() == 48);

/// What waits. QoS 0 waits only for room, the rest also for a place in flight; the server keeps the
/// order within a QoS \[MQTT-4.6.0-6\], and by `seq` among all that may go.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// QoS 1 and 2.
    pub(super) kept: VecDeque<Waiting>,
    /// QoS 0.
    pub(super) loose: VecDeque<Waiting>,
}

impl Identifiers {
    /// All of them.
    pub fn as_slice(&self) -> &[u32] {
        match self {
            Self::One(0) => &[],
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

impl From<&[u32]> for Identifiers {
    fn from(identifiers: &[u32]) -> Self {
        match identifiers {
            [] => Self::One(0),
            [one] => Self::One(*one),
            many => Self::Many(many.into()),
        }
    }
}

impl Waiting {
    /// What it counts against the bounds on bytes, as if no other client shared the message.
    pub(super) fn bytes(&self) -> usize {
        self.message.bytes() + size_of::<Self>()
    }

    /// Whether a store must keep it.
    ///
    /// Where a receipt is owed, whoever gave the message keeps it until then. From a store it would
    /// come a second time, and perhaps after newer ones. At QoS 2 the packet id must be kept, and
    /// so must what belongs to it \[MQTT-4.3.3-10\].
    pub(super) fn is_journaled(&self) -> bool {
        self.receipt.is_none() || self.qos == Qos::ExactlyOnce
    }
}

impl Queue {
    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.kept.len() + self.loose.len()
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.kept.is_empty() && self.loose.is_empty()
    }

    /// Forgets all, and gives memory back that one busy moment needed and the next does not.
    pub(super) fn clear(&mut self, entries_kept: usize) {
        for queue in [&mut self.kept, &mut self.loose] {
            queue.clear();
            queue.shrink_to(entries_kept);
        }
    }
}
