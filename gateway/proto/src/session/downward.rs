//! To the client: messages sent, queued or dropped, and the client's acknowledgements of them.

use std::sync::Arc;

use super::busy::Busy;
use super::flight::Released;
use super::journal::Change;
use super::losses::Loss;
use super::queue::{Identifiers, Waiting};
use super::terms::DropRule;
use super::{Context, Profiles, Reaction, Session};
use crate::close::Close;
use crate::encode::{self, Copy, Topic};
use crate::message::Message;
use crate::packet::Ack;
use crate::reason::Reason;
use crate::version::Qos;

/// How one client is to get a message.
#[derive(Clone, Copy, Debug)]
pub struct Delivery<'a> {
    /// What its subscriptions grant; the message's own may be lower \[MQTT-3.8.4-8\].
    pub qos: Qos,
    /// The RETAIN flag of this copy.
    pub retain: bool,
    /// Of the subscriptions that match; empty for none \[MQTT-3.3.4-3\].
    pub identifiers: &'a [u32],
    /// The shared subscription it comes by, as the shard numbers them; 0 for none.
    pub group: u32,
}

/// What became of a message for one client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Delivered {
    /// Written.
    Sent,
    /// It waits.
    Queued,
    /// It is gone, and counted.
    Dropped(Loss),
    /// It was not taken, nor counted: the client reads too slowly. End its connection (0x97) and,
    /// when the session is kept, deliver it again.
    Full,
}

impl Session {
    /// Whether a message could be sent at once, as far as the client's acknowledgements go.
    pub fn is_ready(&self, profiles: &Profiles) -> bool {
        let fits = |busy: &Busy| {
            busy.queue.kept.is_empty() && self.may_send(busy, self.profile(profiles).receive_max)
        };
        self.is_connected() && self.busy.as_deref().is_none_or(fits)
    }

    /// Messages that wait for the client or are in flight to it.
    pub fn undelivered_count(&self) -> usize {
        self.busy.as_ref().map_or(0, |busy| {
            busy.queue.len() + busy.flight.sent.len() + busy.flight.released.len()
        })
    }

    /// A message for this client: sent, or kept for later.
    pub fn deliver(
        &mut self,
        message: &Arc<Message>,
        delivery: Delivery<'_>,
        ctx: &mut Context<'_>,
    ) -> Delivered {
        if message.is_expired(ctx.now_sec) {
            return drop_one(Loss::Expired, ctx);
        }
        let qos = delivery.qos.min(message.qos);
        match qos {
            Qos::AtMostOnce => self.deliver_loose(message, delivery, ctx),
            _ => self.deliver_kept(message, Delivery { qos, ..delivery }, ctx),
        }
    }

    /// QoS 0 is for those who are there; it waits for nothing but room.
    fn deliver_loose(
        &mut self,
        message: &Arc<Message>,
        delivery: Delivery<'_>,
        ctx: &mut Context<'_>,
    ) -> Delivered {
        if !self.is_connected() {
            return drop_one(Loss::Offline, ctx);
        }
        let goes_first = self
            .busy
            .as_ref()
            .is_none_or(|busy| busy.queue.loose.is_empty());
        if goes_first && ctx.room_bytes > 0 {
            let copy = Copy {
                qos: Qos::AtMostOnce,
                ..copy_of(delivery.retain, delivery.identifiers, ctx)
            };
            return match self.write(message, copy, ctx) {
                true => Delivered::Sent,
                false => drop_one(Loss::TooLarge, ctx),
            };
        }
        let mut waiting = waiting(message, delivery, Qos::AtMostOnce);
        if !self.make_room_loose(waiting.bytes(), ctx) {
            return drop_one(Loss::Slow, ctx);
        }
        let busy = self.busy.get_or_insert_with(|| ctx.commons.pool.lend());
        waiting.seq = busy.take_seq();
        hold(busy, waiting.bytes(), ctx);
        busy.queue.loose.push_back(waiting);
        Delivered::Queued
    }

    fn deliver_kept(
        &mut self,
        message: &Arc<Message>,
        delivery: Delivery<'_>,
        ctx: &mut Context<'_>,
    ) -> Delivered {
        let mut waiting = waiting(message, delivery, delivery.qos);
        let bytes = waiting.bytes();
        let goes_now = self.goes_now(bytes, ctx);
        if !goes_now && let Err(delivered) = self.make_room(bytes, ctx) {
            return delivered;
        }
        if goes_now {
            // Asked before it is noted: what the client does not take was never in its session.
            let packet_id = self.next_id();
            let copy = copy_of_waiting(&waiting, packet_id, false, ctx);
            if !self.write(message, copy, ctx) {
                return drop_one(Loss::TooLarge, ctx);
            }
            let busy = self.busy.get_or_insert_with(|| ctx.commons.pool.lend());
            waiting.seq = busy.take_seq();
            note_queued(&waiting, ctx);
            hold(busy, bytes, ctx);
            let seq = waiting.seq;
            ctx.journal.note(|| Change::Sent { seq, packet_id });
            busy.flight.send(waiting, packet_id);
            self.last_id = packet_id;
            return Delivered::Sent;
        }
        let busy = self.busy.get_or_insert_with(|| ctx.commons.pool.lend());
        waiting.seq = busy.take_seq();
        note_queued(&waiting, ctx);
        hold(busy, bytes, ctx);
        busy.queue.kept.push_back(waiting);
        Delivered::Queued
    }

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
        let copy = copy_of_waiting(&waiting, packet_id, true, ctx);
        let written = self.write_plain(&waiting.message, copy, ctx);
        let Some(busy) = self.busy.as_mut() else {
            return;
        };
        if written {
            busy.flight.repeated();
            return;
        }
        // The client takes less than it did: the message is as good as sent [MQTT-3.1.2-25].
        ctx.lose(Loss::TooLarge);
        let Some((place, qos)) = busy.flight.find(packet_id) else {
            return;
        };
        busy.flight.take(place);
        let seq = waiting.seq;
        release(busy, waiting.bytes(), ctx);
        if qos == Qos::ExactlyOnce {
            // It may have the packet id already; PUBREL frees that on both sides.
            busy.flight.released.push_back(Released { seq, packet_id });
            ctx.journal.note(|| Change::Received { seq });
            encode::pubrel(ctx.out, self.version, packet_id, Reason::Success, None);
        } else {
            ctx.journal.note(|| Change::Done { seq });
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
            let copy = copy_of_waiting(&waiting, packet_id, false, ctx);
            let written = self.write(&waiting.message, copy, ctx);
            (!written).then_some(Loss::TooLarge)
        };
        let Some(busy) = self.busy.as_mut() else {
            return;
        };
        let seq = waiting.seq;
        if let Some(loss) = loss {
            release(busy, waiting.bytes(), ctx);
            ctx.journal.note(|| Change::Done { seq });
            ctx.lose(loss);
            return;
        }
        ctx.journal.note(|| Change::Sent { seq, packet_id });
        busy.flight.send(waiting, packet_id);
        self.last_id = packet_id;
    }

    fn send_loose(&mut self, ctx: &mut Context<'_>) {
        let Some(waiting) = self.take_loose(ctx) else {
            return;
        };
        let copy = copy_of_waiting(&waiting, 0, false, ctx);
        if waiting.message.is_expired(ctx.now_sec) {
            ctx.lose(Loss::Expired);
        } else if !self.write(&waiting.message, copy, ctx) {
            ctx.lose(Loss::TooLarge);
        }
    }

    pub(super) fn on_puback(&mut self, ack: &Ack<'_>, ctx: &mut Context<'_>) -> Reaction {
        let Some((busy, place, qos)) = self.in_flight(ack.packet_id) else {
            // Late, or of a session that the client has and we have not.
            return Reaction::Done;
        };
        if qos != Qos::AtLeastOnce {
            return Reaction::Close(Close::Violation(Reason::ProtocolError));
        }
        finish(busy, place, ack.reason, ctx);
        self.pump(ctx);
        Reaction::Done
    }

    pub(super) fn on_pubrec(&mut self, receipt: &Ack<'_>, ctx: &mut Context<'_>) -> Reaction {
        let packet_id = receipt.packet_id;
        let version = self.version;
        let Some((busy, place, qos)) = self.in_flight(packet_id) else {
            let is_repeat = self.busy.as_ref().is_some_and(|busy| {
                let mut released = busy.flight.released.iter();
                released.any(|one| one.packet_id == packet_id)
            });
            let reason = match is_repeat {
                true => Reason::Success,
                false => Reason::PacketIdentifierNotFound,
            };
            // A failure ends the exchange, whichever it was: no PUBREL follows.
            if !receipt.reason.is_failure() {
                encode::pubrel(ctx.out, version, packet_id, reason, None);
            }
            return Reaction::Done;
        };
        if qos != Qos::ExactlyOnce {
            return Reaction::Close(Close::Violation(Reason::ProtocolError));
        }
        if receipt.reason.is_failure() {
            finish(busy, place, receipt.reason, ctx);
            self.pump(ctx);
            return Reaction::Done;
        }
        // From here on the message itself is not needed again [MQTT-4.3.3-6].
        if let Some(sent) = busy.flight.take(place) {
            let seq = sent.waiting.seq;
            release(busy, sent.waiting.bytes(), ctx);
            busy.flight.released.push_back(Released { seq, packet_id });
            ctx.journal.note(|| Change::Received { seq });
        }
        encode::pubrel(ctx.out, version, packet_id, Reason::Success, None);
        Reaction::Done
    }

    pub(super) fn on_pubcomp(&mut self, completion: &Ack<'_>, ctx: &mut Context<'_>) {
        let busy = self.busy.as_mut();
        if let Some(done) = busy.and_then(|busy| busy.flight.complete(completion.packet_id)) {
            ctx.journal.note(|| Change::Done { seq: done.seq });
            self.pump(ctx);
        }
    }

    fn in_flight(&mut self, packet_id: u16) -> Option<(&mut Busy, usize, Qos)> {
        let busy = self.busy.as_deref_mut()?;
        let (place, qos) = busy.flight.find(packet_id)?;
        Some((busy, place, qos))
    }

    /// Whether a message of QoS 1 or 2 may be sent for the first time \[MQTT-3.3.4-9\].
    fn may_send(&self, busy: &Busy, receive_max: u16) -> bool {
        !busy.flight.owes_repeats() && busy.flight.unacknowledged_count() < usize::from(receive_max)
    }

    /// Whether a message of QoS 1 or 2 goes out at once. What is in flight is bounded like what
    /// waits, but for one message when there is no other.
    fn goes_now(&self, bytes: usize, ctx: &Context<'_>) -> bool {
        let fits = |busy: &Busy| {
            busy.held_bytes == 0 || busy.held_bytes + bytes <= ctx.terms.queue_bytes_max
        };
        ctx.room_bytes > 0
            && self.is_ready(&ctx.commons.profiles)
            && self.busy.as_deref().is_none_or(fits)
    }

    fn next_id(&self) -> u16 {
        match &self.busy {
            Some(busy) => busy.flight.free_id(self.last_id),
            None => self.last_id.checked_add(1).unwrap_or(1),
        }
    }

    /// Makes room for one more of QoS 1 or 2: the oldest QoS 0 goes first; then an offline session
    /// follows the named rule, and a connected one has had its chance.
    fn make_room(&mut self, bytes: usize, ctx: &mut Context<'_>) -> Result<(), Delivered> {
        while !self.fits(bytes, ctx) {
            if self.take_loose(ctx).is_some() {
                ctx.lose(Loss::Slow);
                continue;
            }
            if self.is_connected() {
                return Err(Delivered::Full);
            }
            let oldest = match ctx.terms.drop_rule {
                DropRule::Oldest => self
                    .busy
                    .as_mut()
                    .and_then(|busy| Some((busy.queue.kept.pop_front()?, busy))),
                DropRule::Newest => None,
            };
            let Some((oldest, busy)) = oldest else {
                return Err(drop_one(Loss::QueueFull, ctx));
            };
            release(busy, oldest.bytes(), ctx);
            ctx.journal.note(|| Change::Done { seq: oldest.seq });
            ctx.lose(match oldest.message.is_expired(ctx.now_sec) {
                true => Loss::Expired,
                false => Loss::QueueFull,
            });
        }
        Ok(())
    }

    /// Makes room for one more of QoS 0 among its like.
    fn make_room_loose(&mut self, bytes: usize, ctx: &mut Context<'_>) -> bool {
        while !self.fits(bytes, ctx) {
            if self.take_loose(ctx).is_none() {
                return false;
            }
            ctx.lose(Loss::Slow);
        }
        true
    }

    /// Whether so many bytes more may wait.
    fn fits(&self, bytes: usize, ctx: &Context<'_>) -> bool {
        let (count, held_bytes) = self
            .busy
            .as_ref()
            .map_or((0, 0), |busy| (busy.queue.len(), busy.held_bytes));
        count < ctx.terms.queue_messages_max
            && held_bytes + bytes <= ctx.terms.queue_bytes_max
            && ctx.commons.queued_bytes + bytes <= ctx.terms.queued_bytes_max
    }

    /// Takes the oldest QoS 0 out of the queue.
    fn take_loose(&mut self, ctx: &mut Context<'_>) -> Option<Waiting> {
        let busy = self.busy.as_mut()?;
        let oldest = busy.queue.loose.pop_front()?;
        release(busy, oldest.bytes(), ctx);
        Some(oldest)
    }

    /// Writes a copy, its topic by an alias where the client allows that.
    fn write(&mut self, message: &Message, mut copy: Copy<'_>, ctx: &mut Context<'_>) -> bool {
        let alias_max = self.profile(&ctx.commons.profiles).topic_alias_max;
        if alias_max == 0 {
            return self.write_plain(message, copy, ctx);
        }
        let busy = self.busy.get_or_insert_with(|| ctx.commons.pool.lend());
        copy.topic = busy.spoken.say(&message.topic, alias_max);
        let written = self.write_plain(message, copy, ctx);
        if !written && let Some(busy) = self.busy.as_mut() {
            busy.spoken.unsay(copy.topic);
        }
        written
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
        written
    }
}

/// One client's acknowledgement ends an exchange; with a failure it was in vain.
fn finish(busy: &mut Busy, place: usize, reason: Reason, ctx: &mut Context<'_>) {
    if let Some(sent) = busy.flight.take(place) {
        release(busy, sent.waiting.bytes(), ctx);
        let seq = sent.waiting.seq;
        ctx.journal.note(|| Change::Done { seq });
    }
    if reason.is_failure() {
        ctx.lose(Loss::Refused);
    }
}

fn drop_one(loss: Loss, ctx: &mut Context<'_>) -> Delivered {
    ctx.lose(loss);
    Delivered::Dropped(loss)
}

/// Counts bytes that the session holds from now on.
pub(super) fn hold(busy: &mut Busy, bytes: usize, ctx: &mut Context<'_>) {
    busy.held_bytes += bytes;
    ctx.commons.queued_bytes += bytes;
}

/// Counts bytes that the session held until now.
pub(super) fn release(busy: &mut Busy, bytes: usize, ctx: &mut Context<'_>) {
    busy.held_bytes -= bytes;
    ctx.commons.queued_bytes -= bytes;
}

fn note_queued(waiting: &Waiting, ctx: &mut Context<'_>) {
    ctx.journal.note(|| Change::Queued {
        seq: waiting.seq,
        message: waiting.message.clone(),
        qos: waiting.qos,
        retain: waiting.retain,
        identifiers: waiting.identifiers.clone(),
    });
}

fn waiting(message: &Arc<Message>, delivery: Delivery<'_>, qos: Qos) -> Waiting {
    Waiting {
        message: message.clone(),
        identifiers: Identifiers::from(delivery.identifiers),
        seq: 0,
        group: delivery.group,
        qos,
        retain: delivery.retain,
    }
}

fn copy_of<'a>(retain: bool, identifiers: &'a [u32], ctx: &Context<'_>) -> Copy<'a> {
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

fn copy_of_waiting<'a>(
    waiting: &'a Waiting,
    packet_id: u16,
    dup: bool,
    ctx: &Context<'_>,
) -> Copy<'a> {
    Copy {
        qos: waiting.qos,
        dup,
        packet_id,
        ..copy_of(waiting.retain, waiting.identifiers.as_slice(), ctx)
    }
}
