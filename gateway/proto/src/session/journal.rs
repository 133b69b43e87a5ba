//! What changed in a durable session, for its store to keep, and to build it up from again.

use std::sync::Arc;

use super::queue::Identifiers;
use crate::message::Message;
use crate::version::Qos;

/// One step of a session that must outlive the process.
///
/// ```text
/// down:  Queued -> Sent -> (QoS 2: Received) -> Done
/// up:    Taken -> Released
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// A message waits for the client; `seq` rises with each, and names it until it is done.
    Queued {
        seq: u64,
        message: Arc<Message>,
        qos: Qos,
        retain: bool,
        identifiers: Identifiers,
    },
    /// It was sent under this packet id.
    Sent { seq: u64, packet_id: u16, qos: Qos },
    /// PUBREC came: what is left is PUBREL and PUBCOMP.
    Received { seq: u64 },
    /// Nothing of it is left.
    Done { seq: u64 },
    /// A QoS 2 PUBLISH of the client's was taken for good; only now may its PUBREC be sent.
    ///
    /// It is told once its answer is known, not when it is offered: a gateway that is killed in
    /// between knows nothing of the packet id and takes the PUBLISH again, rather than answer for a
    /// message that went nowhere.
    Taken { packet_id: u16 },
    /// Its PUBREL came.
    Released { packet_id: u16 },
}

/// The changes of the session at hand since the last look; takes none while it is off.
#[derive(Debug, Default)]
pub struct Journal {
    is_on: bool,
    changes: Vec<Change>,
}

impl Journal {
    /// Keeps changes from now on, or no longer: only durable sessions need it.
    pub fn switch(&mut self, on: bool) {
        self.is_on = on;
    }

    /// Whether nothing changed since the last look.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The changes since the last look, in their order.
    pub fn drain(&mut self) -> impl Iterator<Item = Change> {
        self.changes.drain(..)
    }

    /// Notes a change; it is made only when it is wanted.
    pub(super) fn note(&mut self, change: impl FnOnce() -> Change) {
        if self.is_on {
            self.changes.push(change());
        }
    }
}
