//! Keeps the acknowledgements that a client is owed in the order of its PUBLISHes.
//!
//! Kafka's partitions answer in any order; the client must not see that \[MQTT-4.6.0-2\],
//! \[MQTT-4.6.0-3\]. An entry waits until all parties have answered *and* it stands at the front.

use std::collections::VecDeque;

use crate::encode;
use crate::reason::Reason;
use crate::version::{Qos, Version};

/// One PUBLISH of QoS 1 or 2 whose PUBACK or PUBREC has not been written yet. 6 bytes.
#[derive(Clone, Copy, Debug)]
struct Owed {
    packet_id: u16,
    qos: Qos,
    /// Who is still to be heard: Kafka, other shards, the store.
    parties: u8,
    /// The worst answer so far; 0x00 is a valid reason, hence not a plain code.
    answer: Option<Reason>,
}

/// The acknowledgements a client is owed, oldest first.
#[derive(Debug, Default)]
pub(super) struct Window {
    owed: VecDeque<Owed>,
    /// How many of `owed` are of QoS 1; the rest are of QoS 2.
    at_least_once_count: usize,
    /// How many at the front of `owed` are from earlier connections.
    earlier_count: usize,
    /// QoS 1 PUBLISHes of earlier connections, and how many parties have not answered for each.
    late: Vec<(u16, u8)>,
}

/// What an answer led to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Answered {
    /// Nobody waits for it.
    Unknown,
    /// Other parties are still to be heard.
    Partly,
    /// All are in.
    Whole { qos: Qos, reason: Reason },
}

impl Window {
    /// How many PUBLISHes wait here.
    pub(super) fn len(&self) -> usize {
        self.owed.len()
    }

    /// How many of them came on this connection.
    pub(super) fn count_here(&self) -> usize {
        self.owed.len() - self.earlier_count
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.owed.is_empty() && self.late.is_empty()
    }

    /// How many of QoS 1 wait here.
    pub(super) fn at_least_once_count(&self) -> usize {
        self.at_least_once_count
    }

    /// Remembers a PUBLISH for which so many parties will answer later.
    pub(super) fn expect(&mut self, packet_id: u16, qos: Qos, parties: u8) {
        debug_assert!(parties > 0, "an answer on the spot is not expected");
        // An answer says its packet id and nothing else. Those still on their way to an earlier
        // PUBLISH of the same id are waited for too, or one of them would speak for this one.
        let late = self.late.iter().position(|(id, _)| *id == packet_id);
        let late = late.map_or(0, |place| self.late.swap_remove(place).1);
        self.push(Owed {
            packet_id,
            qos,
            parties: parties.saturating_add(late),
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
            parties: 0,
            answer: Some(reason),
        };
        if self.owed.is_empty() {
            owed.write(version, reason, out);
        } else {
            self.push(owed);
        }
    }

    /// Whether an acknowledgement of this kind for this packet id is still to be written.
    pub(super) fn holds(&self, packet_id: u16, qos: Qos) -> bool {
        self.owed
            .iter()
            .any(|owed| owed.packet_id == packet_id && owed.qos == qos)
    }

    /// The client says a QoS 2 PUBLISH again. If it was of an earlier connection, its PUBREC takes
    /// the place in the order that the repetition has \[MQTT-4.6.0-3\].
    pub(super) fn said_again(&mut self, version: Version, packet_id: u16, out: &mut Vec<u8>) {
        let mut earlier = self.owed.iter().take(self.earlier_count);
        let place = earlier.position(|owed| owed.packet_id == packet_id);
        if let Some(owed) = place.and_then(|place| self.owed.remove(place)) {
            self.earlier_count -= 1;
            self.owed.push_back(owed);
            // It may have stood before others that were answered.
            self.flush(version, out);
        }
    }

    /// Drops a PUBREC that waits for its turn, now that the client has said PUBREL.
    ///
    /// The client has had one, and this was the answer to a repetition. After PUBCOMP the packet id
    /// may stand for another message, which that PUBREC must not acknowledge \[MQTT-4.3.3-2\].
    pub(super) fn forget_repeat(&mut self, packet_id: u16) {
        // The front never waits for its turn, so nothing else moves up to it.
        let is_repeat = |owed: &Owed| {
            owed.packet_id == packet_id && owed.qos == Qos::ExactlyOnce && owed.parties == 0
        };
        self.drop_where(is_repeat);
    }

    /// Takes in one party's answer to an earlier PUBLISH.
    pub(super) fn settle(&mut self, packet_id: u16, reason: Reason) -> Answered {
        let awaited = |owed: &&mut Owed| owed.packet_id == packet_id && owed.parties > 0;
        let Some(owed) = self.owed.iter_mut().find(awaited) else {
            self.settle_late(packet_id);
            return Answered::Unknown;
        };
        owed.parties -= 1;
        let reason = owed.answer.map_or(reason, |other| worse(other, reason));
        owed.answer = Some(reason);
        match owed.parties {
            0 => Answered::Whole {
                qos: owed.qos,
                reason,
            },
            _ => Answered::Partly,
        }
    }

    /// How many have not been answered by all, and would never be if the connection, or with
    /// `even_kept` the session, ended now.
    pub(super) fn unanswered_count(&self, even_kept: bool) -> usize {
        let goes = |owed: &&Owed| even_kept || owed.qos == Qos::AtLeastOnce;
        let unanswered = self.owed.iter().filter(|owed| owed.parties > 0);
        unanswered.filter(goes).count()
    }

    /// Drops a PUBLISH that all have answered, without a word to the client.
    pub(super) fn forget_settled(&mut self, packet_id: u16) {
        self.drop_where(|owed| owed.packet_id == packet_id && owed.parties == 0);
    }

    /// Writes every acknowledgement that now stands at the front.
    pub(super) fn flush(&mut self, version: Version, out: &mut Vec<u8>) {
        while let Some(&Owed {
            parties: 0,
            answer: Some(reason),
            ..
        }) = self.owed.front()
            && let Some(owed) = self.owed.pop_front()
        {
            self.at_least_once_count -= usize::from(owed.qos == Qos::AtLeastOnce);
            self.earlier_count = self.earlier_count.saturating_sub(1);
            owed.write(version, reason, out);
        }
    }

    /// The connection is gone. QoS 1 will be said again by the client, so its answers speak to no
    /// one; QoS 2 stays, since the repetition will not be offered again \[MQTT-4.4.0-1\].
    pub(super) fn on_gone(&mut self) {
        for owed in &self.owed {
            if owed.qos == Qos::AtLeastOnce && owed.parties > 0 {
                self.late.push((owed.packet_id, owed.parties));
            }
        }
        // An answered PUBREC that waited for its turn is written when the client repeats itself.
        self.owed
            .retain(|owed| owed.qos == Qos::ExactlyOnce && owed.parties > 0);
        self.at_least_once_count = 0;
        self.earlier_count = self.owed.len();
    }

    /// Forgets all, and gives memory back that one busy moment needed and the next does not.
    pub(super) fn clear(&mut self, entries_kept: usize) {
        self.owed.clear();
        self.owed.shrink_to(entries_kept);
        self.late.clear();
        self.late.shrink_to(entries_kept);
        self.at_least_once_count = 0;
        self.earlier_count = 0;
    }

    fn push(&mut self, owed: Owed) {
        self.at_least_once_count += usize::from(owed.qos == Qos::AtLeastOnce);
        self.owed.push_back(owed);
    }

    fn drop_where(&mut self, goes: impl Fn(&Owed) -> bool) {
        let (mut place, earlier_count) = (0, self.earlier_count);
        self.owed.retain(|owed| {
            let went = goes(owed);
            if went {
                self.earlier_count -= usize::from(place < earlier_count);
                self.at_least_once_count -= usize::from(owed.qos == Qos::AtLeastOnce);
            }
            place += 1;
            !went
        });
    }

    fn settle_late(&mut self, packet_id: u16) {
        let place = self.late.iter().position(|(id, _)| *id == packet_id);
        if let Some(place) = place {
            self.late[place].1 -= 1;
            if self.late[place].1 == 0 {
                self.late.swap_remove(place);
            }
        }
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

/// Of two answers the one that the client is told: a failure above all, and that nobody was there
/// (0x10) only when all say so.
fn worse(one: Reason, other: Reason) -> Reason {
    match (one, other) {
        (failure, _) if failure.is_failure() => failure,
        (_, failure) if failure.is_failure() => failure,
        (Reason::NoMatchingSubscribers, other) => other,
        (one, _) => one,
    }
}
