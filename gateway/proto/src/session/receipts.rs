//! The client's acknowledgements of what it was sent: PUBACK, PUBREC and PUBCOMP.

use super::busy::Busy;
use super::flight::{Released, Sent};
use super::journal::Change;
use super::losses::Loss;
use super::room::release;
use super::{Context, Reaction, Session};
use crate::close::Close;
use crate::encode;
use crate::packet::Ack;
use crate::reason::Reason;
use crate::version::Qos;

impl Session {
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
            ctx.hand_over(&sent.waiting);
            busy.flight.released.push_back(Released { seq, packet_id });
            ctx.commons.counts.sent -= 1;
            ctx.commons.counts.released += 1;
            ctx.journal.note(|| Change::Received { seq });
        }
        encode::pubrel(ctx.out, version, packet_id, Reason::Success, None);
        Reaction::Done
    }

    pub(super) fn on_pubcomp(&mut self, completion: &Ack<'_>, ctx: &mut Context<'_>) {
        let busy = self.busy.as_mut();
        if let Some(done) = busy.and_then(|busy| busy.flight.complete(completion.packet_id)) {
            ctx.commons.counts.released -= 1;
            ctx.journal.note(|| Change::Done { seq: done.seq });
            self.pump(ctx);
        }
    }

    fn in_flight(&mut self, packet_id: u16) -> Option<(&mut Busy, usize, Qos)> {
        let busy = self.busy.as_deref_mut()?;
        let (place, qos) = busy.flight.find(packet_id)?;
        Some((busy, place, qos))
    }
}

/// One client's acknowledgement ends an exchange; with a failure it was in vain.
fn finish(busy: &mut Busy, place: usize, reason: Reason, ctx: &mut Context<'_>) {
    let Some(Sent { waiting, .. }) = busy.flight.take(place) else {
        return;
    };
    release(busy, waiting.bytes(), ctx);
    ctx.commons.counts.sent -= 1;
    ctx.note_done(&waiting);
    match reason.is_failure() {
        true => ctx.lose_one(&waiting, Loss::Refused),
        false => ctx.hand_over(&waiting),
    }
}
