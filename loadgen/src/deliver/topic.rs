//! One topic: what its publisher owes, and how far its messages have come. Pure: answers and time
//! in, bytes out.

use super::plan::DeliverPlan;
use crate::books::Books;
use crate::close::Close;
use crate::codec::encode::{PublishHead, acknowledge};
use crate::codec::packet;
use crate::pace::Timetable;
use crate::stamp::Stamp;
use std::collections::VecDeque;

/// One pump writes about this much at most, so that one topic cannot hold up the others.
const PUMP_BYTES_MAX: usize = 48 << 10;
/// Reasons from here on are refusals (MQTT 5, 2.4).
const REASON_REFUSAL: u8 = 0x80;
const PACKET_IDS: u32 = 65_535;

pub(super) struct Topic {
    pub(super) name: Box<str>,
    stamp: Stamp,
    head: PublishHead,
    qos: u8,
    payload_bytes: usize,
    /// Among the topics of the thread, as the timetable counts them.
    place: u32,
    /// Messages that ought to have left by now.
    due: u32,
    under_way_max: u32,
    receive_max: u32,
    unacknowledged: u32,
    /// Subscribers whom a message has to reach before it is out of the way.
    awaited: u32,
    /// From the oldest that is not out of the way to the newest.
    under_way: VecDeque<UnderWay>,
}

struct UnderWay {
    intended_ns: u64,
    unseen: u32,
    awaits: Awaits,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Awaits {
    Nothing,
    Puback,
    Pubrec,
    Pubcomp,
}

impl Topic {
    pub(super) fn new(plan: &DeliverPlan, number: u32, place: u32) -> Self {
        let name = plan.topic(number);
        let version = plan.clients.version;
        Self {
            stamp: Stamp {
                run: plan.clients.run,
                device: number,
                sequence: 0,
            },
            head: PublishHead::new(version, plan.qos, name.as_bytes(), plan.payload_bytes),
            name: name.into(),
            qos: plan.qos,
            payload_bytes: plan.payload_bytes,
            place,
            due: 0,
            under_way_max: plan.under_way_max,
            receive_max: u32::from(u16::MAX),
            unacknowledged: 0,
            awaited: if plan.is_away() { 0 } else { plan.subscribers },
            under_way: VecDeque::new(),
        }
    }

    /// Keeps to the server's Receive Maximum [MQTT-3.3.4-9].
    pub(super) fn on_connack(&mut self, receive_maximum: u16) {
        self.receive_max = u32::from(receive_maximum.max(1));
    }

    pub(super) fn owe(&mut self, messages: u32) {
        self.due = self.due.saturating_add(messages);
    }

    /// Nothing more becomes due; in a closed loop everything that was to leave has left.
    pub(super) fn on_last_due(&mut self) {
        if self.due == u32::MAX {
            self.due = self.stamp.sequence;
        }
    }

    pub(super) fn number(&self) -> u32 {
        self.stamp.device
    }

    pub(super) fn sent(&self) -> u32 {
        self.stamp.sequence
    }

    pub(super) fn unsent(&self) -> u32 {
        match self.due {
            u32::MAX => 0,
            due => due - self.stamp.sequence,
        }
    }

    pub(super) fn unacknowledged(&self) -> u32 {
        self.unacknowledged
    }

    /// Whether everything that was due has come to its end.
    pub(super) fn is_settled(&self) -> bool {
        self.due == self.stamp.sequence && self.under_way.is_empty()
    }

    /// Writes what may go now; says whether more could go at once.
    pub(super) fn pump(
        &mut self,
        now_ns: u64,
        table: Option<&Timetable>,
        books: &mut Books,
        out: &mut Vec<u8>,
    ) -> bool {
        let bytes_max = out.len() + PUMP_BYTES_MAX;
        let allowed = self.allowed();
        let mut written = 0;
        while written < allowed && out.len() < bytes_max {
            let at_ns = table.and_then(|table| table.intended_ns(self.place, self.stamp.sequence));
            self.write(at_ns.unwrap_or(now_ns), out);
            written += 1;
        }
        if written > 0 {
            books.sent(now_ns, u64::from(written));
        }
        written < allowed
    }

    fn allowed(&self) -> u32 {
        let due = self.due - self.stamp.sequence;
        let under_way = self.under_way.len() as u32;
        let window = self.receive_max.saturating_sub(self.unacknowledged);
        due.min(self.under_way_max.saturating_sub(under_way))
            .min(window)
    }

    fn write(&mut self, intended_ns: u64, out: &mut Vec<u8>) {
        let awaits = match self.qos {
            0 => Awaits::Nothing,
            1 => Awaits::Puback,
            _ => Awaits::Pubrec,
        };
        let packet_id = (self.stamp.sequence % PACKET_IDS) as u16 + 1;
        self.head
            .write(out, (self.qos > 0).then_some(packet_id), false);
        self.stamp.write(out, self.payload_bytes);
        self.stamp.sequence += 1;
        self.unacknowledged += u32::from(self.qos > 0);
        self.under_way.push_back(UnderWay {
            intended_ns,
            unseen: self.awaited,
            awaits,
        });
    }

    /// Takes PUBACK, PUBREC or PUBCOMP; a PUBREL goes to `out` where one is asked for.
    pub(super) fn on_ack(
        &mut self,
        (packet_type, packet_id, reason): (u8, u16, u8),
        now_ns: u64,
        books: &mut Books,
        out: &mut Vec<u8>,
    ) -> Result<(), Close> {
        let place = self.place_of(packet_id).ok_or(Close::UnknownPacketId)?;
        let message = &mut self.under_way[place];
        match (packet_type, message.awaits) {
            (packet::PUBACK, Awaits::Puback) | (packet::PUBREC, Awaits::Pubrec)
                if reason >= REASON_REFUSAL =>
            {
                books.counts.refused += 1;
                // Nobody will see it.
                message.unseen = 0;
            }
            (packet::PUBREC, Awaits::Pubrec) => {
                message.awaits = Awaits::Pubcomp;
                acknowledge(out, packet::PUBREL, packet_id);
                return Ok(());
            }
            (packet::PUBACK, Awaits::Puback) | (packet::PUBCOMP, Awaits::Pubcomp) => {
                books.acknowledged(now_ns, message.intended_ns);
            }
            _ => return Err(Close::UnknownPacketId),
        }
        message.awaits = Awaits::Nothing;
        self.unacknowledged -= 1;
        self.clear_away();
        Ok(())
    }

    /// A subscriber has a message that it had not seen; says when that ought to have left.
    pub(super) fn on_seen(&mut self, sequence: u32) -> Option<u64> {
        let place = sequence.checked_sub(self.first())? as usize;
        let message = self.under_way.get_mut(place)?;
        message.unseen = message.unseen.saturating_sub(1);
        let intended_ns = message.intended_ns;
        self.clear_away();
        Some(intended_ns)
    }

    fn clear_away(&mut self) {
        let is_done = |one: &UnderWay| one.unseen == 0 && one.awaits == Awaits::Nothing;
        while self.under_way.front().is_some_and(is_done) {
            self.under_way.pop_front();
        }
    }

    /// The sequence of the oldest that is under way.
    fn first(&self) -> u32 {
        self.stamp.sequence - self.under_way.len() as u32
    }

    /// Packet ids follow the sequences, and fewer are under way than there are ids.
    fn place_of(&self, packet_id: u16) -> Option<usize> {
        let front = self.first() % PACKET_IDS;
        let id = u32::from(packet_id.checked_sub(1)?);
        let place = ((id + PACKET_IDS - front) % PACKET_IDS) as usize;
        (place < self.under_way.len()).then_some(place)
    }
}
