//! Keeps the acknowledgements that a client is owed in the order of its PUBLISHes.
//!
//! Kafka's partitions answer in any order; the client must not see that \[MQTT-4.6.0-2\],
//! \[MQTT-4.6.0-3\]. An entry waits until its own answer is known *and* it stands at the front.

use std::collections::VecDeque;

use crate::encode;
use crate::reason::Reason;
use crate::version::{Qos, Version};

/// One PUBLISH of QoS 1 or 2 whose PUBACK or PUBREC has not been written yet. 4 bytes.
#[derive(Clone, Copy, Debug)]
struct Owed {
    packet_id: u16,
    qos: Qos,
    /// `None` while the answer is not known; 0x00 is a valid reason, hence not a plain code.
    answer: Option<Reason>,
}

/// The acknowledgements a client is owed, oldest first.
#[derive(Debug, Default)]
pub(super) struct Window {
    owed: VecDeque<Owed>,
    /// How many of `owed` are of QoS 1; the rest are of QoS 2.
    at_least_once_count: usize,
}

impl Window {
    /// How many PUBLISHes wait here.
    pub(super) fn len(&self) -> usize {
        self.owed.len()
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.owed.is_empty()
    }

    /// How many of QoS 1 wait here.
    pub(super) fn at_least_once_count(&self) -> usize {
        self.at_least_once_count
    }

    /// Remembers a PUBLISH whose answer will come later.
    pub(super) fn expect(&mut self, packet_id: u16, qos: Qos) {
        self.push(Owed {
            packet_id,
            qos,
            answer: None,
        });
    }

    /// Takes in an answer that is known at once, and writes what may go out.
    pub(super) fn settle_now(
        &mut self,
        version: Version,
        packet_id: u16,
        qos: Qos,
        reason: Reason,
        out: &mut Vec<u8>,
    ) {
        let owed = Owed {
            packet_id,
            qos,
            answer: Some(reason),
        };
        if self.owed.is_empty() {
            owed.write(version, reason, out);
        } else {
            self.push(owed);
        }
    }

    /// The quality of service of the PUBLISH with this packet id, while it waits for its answer.
    pub(super) fn awaited(&self, packet_id: u16) -> Option<Qos> {
        let unanswered = |owed: &&Owed| owed.packet_id == packet_id && owed.answer.is_none();
        self.owed.iter().find(unanswered).map(|owed| owed.qos)
    }

    /// Whether an acknowledgement of this kind for this packet id is still to be written.
    pub(super) fn holds(&self, packet_id: u16, qos: Qos) -> bool {
        self.owed
            .iter()
            .any(|owed| owed.packet_id == packet_id && owed.qos == qos)
    }

    /// Drops a PUBREC that waits for its turn, now that the client has said PUBREL.
    ///
    /// The client has had one, and this was the answer to a repetition. After PUBCOMP the packet id
    /// may stand for another message, which that PUBREC must not acknowledge \[MQTT-4.3.3-2\].
    pub(super) fn forget_repeat(&mut self, packet_id: u16) {
        // The front never waits for its turn, so nothing else moves up to it.
        self.owed.retain(|owed| {
            owed.packet_id != packet_id || owed.qos != Qos::ExactlyOnce || owed.answer.is_none()
        });
    }

    /// Takes in the answer to an earlier PUBLISH and writes every acknowledgement that now stands
    /// at the front. Says the quality of service of the PUBLISH, or `None` when it is not owed.
    pub(super) fn settle(
        &mut self,
        version: Version,
        packet_id: u16,
        reason: Reason,
        out: &mut Vec<u8>,
    ) -> Option<Qos> {
        let owed = self
            .owed
            .iter_mut()
            .find(|owed| owed.packet_id == packet_id && owed.answer.is_none())?;
        owed.answer = Some(reason);
        let qos = owed.qos;
        while let Some(&Owed {
            answer: Some(reason),
            ..
        }) = self.owed.front()
            && let Some(owed) = self.owed.pop_front()
        {
            self.at_least_once_count -= usize::from(owed.qos == Qos::AtLeastOnce);
            owed.write(version, reason, out);
        }
        Some(qos)
    }

    /// Forgets all, and gives memory back that one busy moment needed and the next does not.
    pub(super) fn clear(&mut self, entries_kept: usize) {
        self.owed.clear();
        self.at_least_once_count = 0;
        self.owed.shrink_to(entries_kept);
    }

    fn push(&mut self, owed: Owed) {
        self.at_least_once_count += usize::from(owed.qos == Qos::AtLeastOnce);
        self.owed.push_back(owed);
    }
}

impl Owed {
    fn write(self, version: Version, reason: Reason, out: &mut Vec<u8>) {
        match self.qos {
            Qos::ExactlyOnce => encode::pubrec(out, version, self.packet_id, reason, None),
            _ => encode::puback(out, version, self.packet_id, reason, None),
        }
    }
}
