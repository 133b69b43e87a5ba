//! To the client: what becomes of a message for it, which is sent, kept for later, or dropped.

use std::sync::Arc;

use super::busy::Busy;
use super::journal::Change;
use super::losses::Loss;
use super::pump::{copy_of, loose_copy};
use super::queue::{Identifiers, Waiting};
use super::room::hold;
use super::{Context, Profiles, Receipt, Session};
use crate::message::Message;
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
    /// Under which its giver hears what became of it; what is said of it here and now it does not
    /// hear again.
    pub receipt: Option<Receipt>,
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
            let copy = loose_copy(delivery.retain, delivery.identifiers, ctx);
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
        if self.goes_now(bytes, ctx) {
            return self.send_now(waiting, ctx);
        }
        if let Err(delivered) = self.make_room(bytes, ctx) {
            return delivered;
        }
        let busy = self.busy.get_or_insert_with(|| ctx.commons.pool.lend());
        waiting.seq = busy.take_seq();
        note_queued(&waiting, ctx);
        hold(busy, bytes, ctx);
        busy.queue.kept.push_back(waiting);
        Delivered::Queued
    }

    /// Sends a message that never waits. Only what was written is noted: what the client does not
    /// take was never in its session.
    fn send_now(&mut self, mut waiting: Waiting, ctx: &mut Context<'_>) -> Delivered {
        let packet_id = self.next_id();
        let copy = copy_of(&waiting, packet_id, ctx);
        if !self.write(&waiting.message, copy, ctx) {
            return drop_one(Loss::TooLarge, ctx);
        }
        let busy = self.busy.get_or_insert_with(|| ctx.commons.pool.lend());
        waiting.seq = busy.take_seq();
        note_queued(&waiting, ctx);
        hold(busy, waiting.bytes(), ctx);
        self.took_off(waiting, packet_id, ctx);
        Delivered::Sent
    }
}

pub(super) fn drop_one(loss: Loss, ctx: &mut Context<'_>) -> Delivered {
    ctx.lose(loss);
    Delivered::Dropped(loss)
}

fn note_queued(waiting: &Waiting, ctx: &mut Context<'_>) {
    if !waiting.is_journaled() {
        return;
    }
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
        receipt: delivery.receipt,
        qos,
        retain: delivery.retain,
    }
}
