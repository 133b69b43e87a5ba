//! From the client: PUBLISHes taken in, offered, and acknowledged in their order.

use super::window::Answered;
use super::{Context, RESUMED, Reaction, Session};
use crate::close::Close;
use crate::encode;
use crate::packet::{Ack, Publish};
use crate::reason::Reason;
use crate::session::journal::Change;
use crate::version::{Qos, Version};

/// What an answer to an earlier offer led to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Settled {
    /// All answers are in; the acknowledgement is written or waits for its turn. `reason` is the
    /// worst of them.
    Owed { qos: Qos, reason: Reason },
    /// Other parties are still to be heard.
    Partly,
    /// No such PUBLISH is waiting.
    Unknown,
    /// All answers are in, and the client cannot be told but by the end of its connection.
    Close {
        close: Close,
        qos: Qos,
        reason: Reason,
    },
}

impl Session {
    /// PUBLISHes whose acknowledgement is not yet written.
    pub fn owed_count(&self) -> usize {
        self.busy.as_ref().map_or(0, |busy| busy.window.len())
    }

    /// PUBLISHes whose answers will find no one if the connection ends now and the session is kept
    /// or not.
    pub fn unanswered_count(&self, keep: bool) -> usize {
        let busy = self.busy.as_ref();
        busy.map_or(0, |busy| busy.window.unanswered_count(!keep))
    }

    /// The topic an alias stands for on this connection.
    pub fn topic(&self, alias: u16) -> Option<&str> {
        self.busy.as_ref()?.aliases.topic(alias)
    }

    /// An offered message was taken; so many parties answer later, each by [`Self::on_settled`].
    pub fn on_taken(&mut self, packet_id: u16, qos: Qos, parties: u8, ctx: &mut Context<'_>) {
        if qos == Qos::AtMostOnce {
            return;
        }
        let busy = self.busy.get_or_insert_with(|| ctx.commons.pool.lend());
        busy.window.expect(packet_id, qos, parties);
        if qos == Qos::ExactlyOnce {
            busy.unreleased.add(packet_id);
        }
    }

    /// An offered message was answered on the spot, and nothing stays behind.
    pub fn on_answered(
        &mut self,
        packet_id: u16,
        qos: Qos,
        reason: Reason,
        ctx: &mut Context<'_>,
    ) -> Settled {
        if qos == Qos::AtMostOnce {
            return Settled::Owed { qos, reason };
        }
        if let Some(close) = self.unspeakable(reason) {
            return Settled::Close { close, qos, reason };
        }
        if self.busy.is_none() && qos == Qos::AtLeastOnce {
            encode::puback(ctx.out, self.version, packet_id, reason, None);
            return Settled::Owed { qos, reason };
        }
        let busy = self.busy.get_or_insert_with(|| ctx.commons.pool.lend());
        if qos == Qos::ExactlyOnce && !reason.is_failure() {
            busy.unreleased.add(packet_id);
            ctx.journal.note(|| Change::Taken { packet_id });
        }
        let (version, window) = (self.version, &mut busy.window);
        window.settle_now(version, packet_id, qos, reason, ctx.out);
        // A refusal on the spot leaves nothing to wait for.
        self.rest(&mut ctx.commons.pool);
        Settled::Owed { qos, reason }
    }

    /// One party's answer to a message taken earlier is known. While the client is away nothing is
    /// written: it says its PUBLISH again, and is answered then.
    pub fn on_settled(&mut self, packet_id: u16, reason: Reason, ctx: &mut Context<'_>) -> Settled {
        let Some(busy) = self.busy.as_mut() else {
            return Settled::Unknown;
        };
        let (qos, reason) = match busy.window.settle(packet_id, reason) {
            Answered::Whole { qos, reason } => (qos, reason),
            answered => {
                self.rest(&mut ctx.commons.pool);
                return match answered {
                    Answered::Partly => Settled::Partly,
                    _ => Settled::Unknown,
                };
            }
        };
        if qos == Qos::ExactlyOnce {
            if reason.is_failure() {
                // A PUBREC that refuses ends the exchange: no PUBREL follows [MQTT-4.3.3-4].
                busy.unreleased.remove(packet_id);
            } else if busy.unreleased.holds(packet_id) {
                ctx.journal.note(|| Change::Taken { packet_id });
            }
        }
        let unspeakable = self.unspeakable(reason);
        let (is_connected, version) = (self.is_connected(), self.version);
        if let Some(busy) = self.busy.as_mut() {
            match is_connected && unspeakable.is_none() {
                true => busy.window.flush(version, ctx.out),
                false => busy.window.forget_settled(packet_id),
            }
        }
        self.rest(&mut ctx.commons.pool);
        match unspeakable.filter(|_| is_connected) {
            Some(close) => Settled::Close { close, qos, reason },
            None => Settled::Owed { qos, reason },
        }
    }

    pub(super) fn on_publish(&mut self, publish: &Publish<'_>, ctx: &mut Context<'_>) -> Reaction {
        if publish.qos > ctx.terms.maximum_qos {
            // CONNACK said so [MQTT-3.2.2-11]; MQTT 3 has no word for it, and no PUBACK either.
            return Reaction::Close(Close::Violation(Reason::QosNotSupported));
        }
        let alias = match self.resolve(publish, ctx) {
            Ok(alias) => alias,
            Err(close) => return Reaction::Close(close),
        };
        if publish.qos == Qos::ExactlyOnce
            && let Some(reaction) = self.on_repeat(publish.packet_id, ctx)
        {
            return reaction;
        }
        if publish.qos != Qos::AtMostOnce && self.is_full(ctx.terms.receive_max) {
            // Only MQTT 5 was told the bound and can be blamed [MQTT-3.3.4-9].
            return match self.version {
                Version::V5 => Reaction::Close(Close::ReceiveMaximum),
                _ => Reaction::Wait,
            };
        }
        Reaction::Offer { alias }
    }

    /// Learns or looks up a topic alias; 0 when the topic is in the packet itself.
    fn resolve(&mut self, publish: &Publish<'_>, ctx: &mut Context<'_>) -> Result<u16, Close> {
        let Some(alias) = publish.properties.topic_alias else {
            return Ok(0);
        };
        let alias = alias.get();
        if alias > ctx.terms.topic_alias_max {
            return Err(Close::Violation(Reason::TopicAliasInvalid)); // [MQTT-3.3.2-9]
        }
        if !publish.topic.is_empty() {
            self.busy
                .get_or_insert_with(|| ctx.commons.pool.lend())
                .aliases
                .set(alias, publish.topic);
            return Ok(0);
        }
        match self.topic(alias) {
            Some(_) => Ok(alias),
            None => Err(Close::Violation(Reason::ProtocolError)),
        }
    }

    /// Answers again a QoS 2 PUBLISH that was taken \[MQTT-4.3.3-10\]; `None` when it is new.
    fn on_repeat(&mut self, packet_id: u16, ctx: &mut Context<'_>) -> Option<Reaction> {
        let version = self.version;
        let busy = self
            .busy
            .as_mut()
            .filter(|busy| busy.unreleased.holds(packet_id))?;
        busy.unreleased.said_again(packet_id);
        busy.window.said_again(version, packet_id, ctx.out);
        // One PUBREC answers however many repetitions came before it: else a client that repeats
        // itself behind an unanswered PUBLISH would grow the window without bound.
        if busy.window.holds(packet_id, Qos::ExactlyOnce) {
            return Some(Reaction::Done);
        }
        if busy.window.len() >= usize::from(ctx.terms.receive_max) {
            return Some(Reaction::Wait);
        }
        let (qos, reason) = (Qos::ExactlyOnce, Reason::Success);
        busy.window
            .settle_now(version, packet_id, qos, reason, ctx.out);
        Some(Reaction::Done)
    }

    pub(super) fn on_release(&mut self, release: &Ack<'_>, ctx: &mut Context<'_>) {
        let packet_id = release.packet_id;
        let known = self.busy.as_mut().is_some_and(|busy| {
            let known = busy.unreleased.remove(packet_id);
            if known {
                busy.window.forget_repeat(packet_id);
            }
            known
        });
        if known {
            ctx.journal.note(|| Change::Released { packet_id });
        }
        // On a session that goes on the PUBCOMP may have been lost with the connection: not knowing
        // the id is no error then (3.7.2.1), and there are clients that take it for one.
        let reason = match known || self.flags & RESUMED != 0 {
            true => Reason::Success,
            false => Reason::PacketIdentifierNotFound,
        };
        encode::pubcomp(ctx.out, self.version, packet_id, reason, None);
    }

    /// Whether one more PUBLISH of QoS 1 or 2 would be too many.
    ///
    /// MQTT 5 counts QoS 1 until its PUBACK and QoS 2 until its PUBCOMP (4.9), on this connection.
    /// For MQTT 3 only what *we* owe counts: waiting for a PUBREL with the socket unread would wait
    /// for ever.
    fn is_full(&self, receive_max: u16) -> bool {
        let Some(busy) = self.busy.as_ref() else {
            return false;
        };
        let unacknowledged = match self.version {
            // A PUBREL before its PUBREC frees the packet id, but not the place in the window.
            Version::V5 => {
                let unreleased = busy.window.at_least_once_count() + busy.unreleased.count_here();
                unreleased.max(busy.window.count_here())
            }
            _ => busy.window.len(),
        };
        unacknowledged >= usize::from(receive_max)
    }

    /// MQTT 3 has no refusing PUBACK: it would read as success. Only closing is honest.
    fn unspeakable(&self, reason: Reason) -> Option<Close> {
        (self.version != Version::V5 && reason.is_failure()).then_some(Close::PublishRefused)
    }
}
