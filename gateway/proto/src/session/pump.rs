//! Writes to the client what waits for it, as far as it allows and there is room.

use super::busy::Busy;
use super::flight::Released;
use super::journal::Change;
use super::losses::Loss;
use super::queue::Waiting;
use super::room::release;
use super::{Context, Session};
use crate::encode::{self, Copy, Topic};
use crate::message::Message;
use crate::reason::Reason;
use crate::version::Qos;

impl Session {
    /// Writes what waits, as far as there is room and the client allows: first what is to be sent
    /// again, then the queue in the order of arrival.
    pub fn pump(&mut self, ctx: &mut Context<'_>) {
        while ctx.room_bytes > 0 && self.is_connected() && self.pump_one(ctx) {}
        self.rest(&mut ctx.commons.pool);
    }

    /// Does something about one message; says whether there was one.
    fn pump_one(&mut self, ctx: &mut Context<'_>) -> bool {
        let receive_max = self.profile(&ctx.commons.profiles).receive_max;
        let Some(busy) = self.busy.as_deref() else {
            return false;
        };
        let in_quota = busy.flight.unacknowledged_count() < usize::from(receive_max);
        if busy.flight.owes_repeats() && in_quota {
            self.repeat(ctx);
            return true;
        }
        let kept = busy
            .queue
            .kept
            .front()
            .filter(|_| self.may_send(busy, receive_max));
        let loose = busy.queue.loose.front();
        match (kept.map(|one| one.seq), loose.map(|one| one.seq)) {
            (None, None) => return false,
            (Some(kept), Some(loose)) if kept < loose => self.send_kept(ctx),
            (Some(_), None) => self.send_kept(ctx),
            _ => self.send_loose(ctx),
        }
        true
    }

    /// Sends a PUBLISH of an earlier connection again, its topic in full: aliases ended with that.
    fn repeat(&mut self, ctx: &mut Context<'_>) {
        let Some((waiting, packet_id)) = self.busy.as_ref().and_then(|busy| {
            let sent = busy.flight.next_repeat()?;
            Some((sent.waiting.clone(), sent.packet_id))
        }) else {
            return;
        };
        let copy = Copy {
            dup: true,
            ..copy_of(&waiting, packet_id, ctx)
        };
        let written = self.write_plain(&waiting.message, copy, ctx);
        let Some(busy) = self.busy.as_mut() else {
            return;
        };
        if written {
            busy.flight.repeated();
            return;
        }
        // The client takes less than it did: the message is as good as sent [MQTT-3.1.2-25].
        ctx.lose_one(&waiting, Loss::TooLarge);
        let Some((place, qos)) = busy.flight.find(packet_id) else {
            return;
        };
        busy.flight.take(place);
        ctx.commons.counts.sent -= 1;
        let seq = waiting.seq;
        release(busy, waiting.bytes(), ctx);
        if qos == Qos::ExactlyOnce {
            // It may have the packet id already; PUBREL frees that on both sides.
            busy.flight.released.push_back(Released { seq, packet_id });
            ctx.commons.counts.released += 1;
            ctx.journal.note(|| Change::Received { seq });
            encode::pubrel(ctx.out, self.version, packet_id, Reason::Success, None);
        } else {
            ctx.note_done(&waiting);
        }
    }

    fn send_kept(&mut self, ctx: &mut Context<'_>) {
        let packet_id = self.next_id();
        let Some(waiting) = self
            .busy
            .as_mut()
            .and_then(|busy| busy.queue.kept.pop_front())
        else {
            return;
        };
        let loss = if waiting.message.is_expired(ctx.now_sec) {
            Some(Loss::Expired)
        } else {
            let copy = copy_of(&waiting, packet_id, ctx);
            let written = self.write(&waiting.message, copy, ctx);
            (!written).then_some(Loss::TooLarge)
        };
        let Some(loss) = loss else {
            return self.took_off(waiting, packet_id, ctx);
        };
        if let Some(busy) = self.busy.as_mut() {
            release(busy, waiting.bytes(), ctx);
        }
        ctx.note_done(&waiting);
        ctx.lose_one(&waiting, loss);
    }

    /// A message was written for the first time.
    pub(super) fn took_off(&mut self, waiting: Waiting, packet_id: u16, ctx: &mut Context<'_>) {
        let (seq, qos) = (waiting.seq, waiting.qos);
        if waiting.is_journaled() {
            ctx.journal.note(|| Change::Sent {
                seq,
                packet_id,
                qos,
            });
        }
        if let Some(busy) = self.busy.as_mut() {
            busy.flight.send(waiting, packet_id);
            ctx.commons.counts.sent += 1;
        }
        self.last_id = packet_id;
    }

    fn send_loose(&mut self, ctx: &mut Context<'_>) {
        let Some(waiting) = self.take_loose(ctx) else {
            return;
        };
        let copy = copy_of(&waiting, 0, ctx);
        if waiting.message.is_expired(ctx.now_sec) {
            ctx.lose_one(&waiting, Loss::Expired);
        } else if self.write(&waiting.message, copy, ctx) {
            ctx.hand_over(&waiting);
        } else {
            ctx.lose_one(&waiting, Loss::TooLarge);
        }
    }

    /// Whether a message of QoS 1 or 2 may be sent for the first time \[MQTT-3.3.4-9\].
    pub(super) fn may_send(&self, busy: &Busy, receive_max: u16) -> bool {
        !busy.flight.owes_repeats() && busy.flight.unacknowledged_count() < usize::from(receive_max)
    }

    pub(super) fn next_id(&self) -> u16 {
        match &self.busy {
            Some(busy) => busy.flight.free_id(self.last_id),
            None => self.last_id.checked_add(1).unwrap_or(1),
        }
    }

    /// Writes a copy, its topic by an alias where the client allows that.
    pub(super) fn write(
        &mut self,
        message: &Message,
        mut copy: Copy<'_>,
        ctx: &mut Context<'_>,
    ) -> bool {
        let alias_max = self.profile(&ctx.commons.profiles).topic_alias_max;
        if alias_max == 0 || !self.version.has_properties() {
            return self.write_plain(message, copy, ctx);
        }
        let busy = self.busy.get_or_insert_with(|| ctx.commons.pool.lend());
        copy.topic = busy.spoken.say(&message.topic, alias_max);
        if self.write_plain(message, copy, ctx) {
            return true;
        }
        if let Some(busy) = self.busy.as_mut() {
            busy.spoken.unsay(copy.topic);
        }
        // A new alias makes the packet longer, perhaps by just too much.
        copy.topic = Topic::Full;
        self.write_plain(message, copy, ctx)
    }

    fn write_plain(&self, message: &Message, copy: Copy<'_>, ctx: &mut Context<'_>) -> bool {
        let packet_bytes_max = self.profile(&ctx.commons.profiles).packet_bytes_max;
        let copy = Copy {
            packet_bytes_max,
            ..copy
        };
        let before = ctx.out.len();
        let written = encode::message(ctx.out, self.version, message, &copy);
        ctx.room_bytes = ctx.room_bytes.saturating_sub(ctx.out.len() - before);
        if written {
            let sent = &mut ctx.commons.sent;
            match copy.dup {
                true => sent.again += 1,
                false => sent.first[copy.qos as usize] += 1,
            }
            sent.payload_bytes += message.payload.len() as u64;
        }
        written
    }
}

/// A copy of QoS 0.
pub(super) fn loose_copy<'a>(retain: bool, identifiers: &'a [u32], ctx: &Context<'_>) -> Copy<'a> {
    Copy {
        qos: Qos::AtMostOnce,
        retain,
        dup: false,
        packet_id: 0,
        topic: Topic::Full,
        identifiers,
        now_sec: ctx.now_sec,
        packet_bytes_max: u32::MAX,
    }
}

/// A copy of a message that waits, sent for the first time.
pub(super) fn copy_of<'a>(waiting: &'a Waiting, packet_id: u16, ctx: &Context<'_>) -> Copy<'a> {
    Copy {
        qos: waiting.qos,
        packet_id,
        ..loose_copy(waiting.retain, waiting.identifiers.as_slice(), ctx)
    }
}
