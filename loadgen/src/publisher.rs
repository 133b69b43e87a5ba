//! One publishing device: what it still owes, what is in flight, what it does with answers. Pure:
//! bytes and time in, bytes out.

use crate::books::Books;
use crate::close::Close;
use crate::codec::encode::{PINGREQ, PublishHead, acknowledge};
use crate::codec::packet;
use crate::in_flight::{Awaits, InFlight, Message};
use crate::ledger::Kind;
use crate::pace::Timetable;
use crate::plan::Plan;
use crate::stamp::{RunId, Stamp};
use std::collections::VecDeque;

/// One pump writes about this much at most, so that one device cannot hold up the others.
const PUMP_BYTES_MAX: usize = 48 << 10;
/// At QoS 0 nothing says that the server has read a message but the answer to a later PINGREQ. A
/// closed loop asks this often and lets this many answers be open; without it megabytes in socket
/// buffers would pass for messages served.
const MARK_BYTES: usize = 64 << 10;
const MARKS_OPEN_MAX: u32 = 2;
/// Reasons from here on are refusals (MQTT 5, 2.4).
const REASON_REFUSAL: u8 = 0x80;

pub struct Publisher {
    stamp: Stamp,
    head: PublishHead,
    qos: u8,
    payload_bytes: usize,
    place: u32,
    /// Messages that ought to have left by now.
    due: u32,
    window: InFlight,
    window_max: u32,
    unit: u32,
    resend: VecDeque<(u32, u64)>,
    unmarked_bytes: usize,
    marks_open: u32,
    end: End,
}

/// How far the last mark of QoS 0 has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    NotYet,
    ToMark,
    Marked,
}

/// Whether another pump would find something to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pumped {
    More,
    Dry,
}

impl Publisher {
    /// A device at `place` among the clients of its thread. `None` where the plan has no publish.
    pub fn new(plan: &Plan, device: u32, place: u32, topic: &str) -> Option<Self> {
        let publish = plan.publish.as_ref()?;
        let payload_bytes = publish.payload_bytes;
        let run: RunId = plan.run;
        Some(Self {
            stamp: Stamp {
                run,
                device,
                sequence: 0,
            },
            head: PublishHead::new(plan.version, publish.qos, topic.as_bytes(), payload_bytes),
            qos: publish.qos,
            payload_bytes,
            place,
            due: 0,
            window: InFlight::default(),
            window_max: u32::from(publish.in_flight_max),
            unit: publish.coalesce,
            resend: VecDeque::new(),
            unmarked_bytes: 0,
            marks_open: 0,
            end: if publish.qos == 0 {
                End::NotYet
            } else {
                End::Marked
            },
        })
    }

    /// Keeps to the server's Receive Maximum [MQTT-3.3.4-9].
    pub fn on_connack(&mut self, receive_maximum: u16) {
        self.window_max = self.window_max.min(u32::from(receive_maximum.max(1)));
        if self.qos > 0 {
            self.unit = self.unit.min(self.window_max);
        }
    }

    pub fn owe(&mut self, messages: u32) {
        self.due = self.due.saturating_add(messages);
    }

    /// Nothing more becomes due: once everything has left, one last mark asks whether it was read.
    pub fn on_last_due(&mut self) {
        if self.due == u32::MAX {
            self.due = self.stamp.sequence;
        }
        if self.end == End::NotYet {
            self.end = End::ToMark;
        }
    }

    /// Sends nothing new from now on; returns how many messages were due and never left.
    pub fn stop(&mut self) -> u32 {
        let unsent = if self.due == u32::MAX {
            0
        } else {
            self.due - self.stamp.sequence
        };
        self.due = self.stamp.sequence;
        unsent
    }

    pub fn is_settled(&self) -> bool {
        self.due == self.stamp.sequence && self.unacknowledged() == 0 && !self.is_unread()
    }

    /// Whether the server has not said that it read everything that left at QoS 0.
    pub fn is_unread(&self) -> bool {
        self.qos == 0 && (self.marks_open > 0 || self.end != End::Marked)
    }

    pub fn unacknowledged(&self) -> u32 {
        self.window.count() + self.resend.len() as u32
    }

    /// How many messages have left, each counted once.
    pub fn sent(&self) -> u32 {
        self.stamp.sequence
    }

    /// Writes what may go now.
    pub fn pump(
        &mut self,
        now_ns: u64,
        table: &Timetable,
        books: &mut Books,
        out: &mut Vec<u8>,
    ) -> Pumped {
        let bytes_max = out.len() + PUMP_BYTES_MAX;
        while self.window.count() < self.window_max && self.window.ids_left() > 0 {
            let Some((sequence, intended_ns)) = self.resend.pop_front() else {
                break;
            };
            self.write(sequence, intended_ns, true, out);
            books.counts.resent += 1;
            books.note(Kind::Resent, self.stamp.device, sequence);
        }
        if !self.resend.is_empty() {
            return Pumped::Dry;
        }
        let allowed = self.allowed(table.is_closed_loop());
        let mut written = 0;
        while written < allowed && out.len() < bytes_max {
            let sequence = self.stamp.sequence;
            let intended_ns = table.intended_ns(self.place, sequence).unwrap_or(now_ns);
            self.write(sequence, intended_ns, false, out);
            self.stamp.sequence += 1;
            written += 1;
        }
        if written > 0 {
            books.sent(now_ns, u64::from(written));
        }
        if self.qos == 0 {
            self.mark(table.is_closed_loop(), written, books, out);
        }
        let endless = self.qos == 0 && self.allowed(table.is_closed_loop()) > 0;
        if written < allowed || endless {
            Pumped::More
        } else {
            Pumped::Dry
        }
    }

    /// Asks whether the server has read so far, where it is time to.
    fn mark(&mut self, closed_loop: bool, written: u32, books: &mut Books, out: &mut Vec<u8>) {
        self.unmarked_bytes += written as usize * (self.head.head_bytes() + self.payload_bytes);
        let is_last = self.end == End::ToMark && self.due == self.stamp.sequence;
        if is_last || closed_loop && self.unmarked_bytes >= MARK_BYTES {
            self.unmarked_bytes = 0;
            self.marks_open += 1;
            books.counts.pings_sent += 1;
            out.extend_from_slice(&PINGREQ);
        }
        if is_last {
            self.end = End::Marked;
        }
    }

    /// Everything before some PINGREQ has been read.
    pub fn on_pingresp(&mut self) {
        self.marks_open = self.marks_open.saturating_sub(1);
    }

    /// How many new messages may leave in this pump.
    fn allowed(&self, closed_loop: bool) -> u32 {
        let due = self.due - self.stamp.sequence;
        if self.qos == 0 {
            return match closed_loop {
                true if self.marks_open >= MARKS_OPEN_MAX => 0,
                true => due.min(self.unit),
                false => due,
            };
        }
        let window = self.window_max.saturating_sub(self.window.count());
        let room = window.min(self.window.ids_left()).min(due);
        // In a closed loop nothing goes until a whole write of it may.
        if closed_loop {
            room / self.unit * self.unit
        } else {
            room
        }
    }

    fn write(&mut self, sequence: u32, intended_ns: u64, duplicate: bool, out: &mut Vec<u8>) {
        let awaits = match self.qos {
            0 => None,
            1 => Some(Awaits::Puback),
            _ => Some(Awaits::Pubrec),
        };
        let packet_id = awaits.map(|awaits| {
            self.window.push(Message {
                intended_ns,
                sequence,
                awaits,
            })
        });
        self.head.write(out, packet_id, duplicate);
        Stamp {
            sequence,
            ..self.stamp
        }
        .write(out, self.payload_bytes);
    }

    /// Takes PUBACK, PUBREC or PUBCOMP; a PUBREL goes to `out` where one is asked for.
    pub fn on_ack(
        &mut self,
        (packet_type, packet_id, reason): (u8, u16, u8),
        now_ns: u64,
        books: &mut Books,
        out: &mut Vec<u8>,
    ) -> Result<(), Close> {
        let device = self.stamp.device;
        let message = self.window.find(packet_id).ok_or(Close::UnknownPacketId)?;
        match (packet_type, message.awaits) {
            (packet::PUBACK, Awaits::Puback) | (packet::PUBREC, Awaits::Pubrec)
                if reason >= REASON_REFUSAL =>
            {
                books.counts.refused += 1;
                books.note(Kind::Refused, device, message.sequence);
                self.window.settle(packet_id);
            }
            (packet::PUBACK, Awaits::Puback) => {
                books.acknowledged(now_ns, message.intended_ns);
                books.note(Kind::Acknowledged, device, message.sequence);
                self.window.settle(packet_id);
            }
            (packet::PUBREC, Awaits::Pubrec) => {
                // From here on the message is the server's [MQTT-4.3.3-8].
                books.note(Kind::Acknowledged, device, message.sequence);
                message.awaits = Awaits::Pubcomp;
                acknowledge(out, packet::PUBREL, packet_id);
            }
            (packet::PUBCOMP, Awaits::Pubcomp) => {
                books.acknowledged(now_ns, message.intended_ns);
                self.window.settle(packet_id);
            }
            _ => return Err(Close::UnknownPacketId),
        }
        Ok(())
    }

    /// Keeps what is unacknowledged to send it again, in order, on the next connection. With a
    /// clean start the server may have taken it already: that is what the ledger notes.
    pub fn on_close(&mut self, books: &mut Books) {
        let mut again = VecDeque::new();
        for message in self.window.take() {
            if message.awaits == Awaits::Pubcomp {
                books.counts.acknowledged += 1;
            } else {
                again.push_back((message.sequence, message.intended_ns));
            }
        }
        again.append(&mut self.resend);
        self.resend = again;
        // The answers went with the connection, and so did what they would have told.
        (self.marks_open, self.unmarked_bytes) = (0, 0);
        if self.qos == 0 && self.end == End::Marked {
            self.end = End::ToMark;
        }
    }
}

#[cfg(test)]
mod tests;
