//! The rules of one client's connection: packets in, reactions out, no I/O and no clock.
//!
//! ```text
//!            PUBLISH qos 0 -------------> offered --------------------------> settled
//!            PUBLISH qos 1 -> in window -> offered -> answer known, at front -> PUBACK
//!            PUBLISH qos 2 -> in window -> offered -> answer known, at front -> PUBREC
//!                                                     PUBREL ----------------> PUBCOMP
//! ```
//!
//! SUBSCRIBE and UNSUBSCRIBE are understood and refused; subscriptions, retained messages, wills
//! and sessions that outlive their connection take their place here beside `on_publish`.

mod admission;
mod alias;
mod terms;
#[cfg(test)]
mod tests;
mod window;

pub use admission::{Admission, admit, turn_away, welcome};
pub use terms::Terms;

use alias::Aliases;
use window::Window;

use crate::close::Close;
use crate::encode;
use crate::packet::{Ack, Disconnect, Packet, Publish};
use crate::reason::Reason;
use crate::version::{Qos, Version};

/// The state of one connected client. An idle client owns 16 bytes here and nothing behind them.
#[derive(Debug)]
pub struct Session {
    /// Only while something is unfinished.
    busy: Option<Box<Busy>>,
    keep_alive_secs: u16,
    version: Version,
}

const _: () = assert!(size_of::<Session>() == 16);

/// What a client has unfinished; taken from a pool while needed.
#[derive(Debug, Default)]
pub struct Busy {
    window: Window,
    /// Packet ids of QoS 2 PUBLISHes taken, until their PUBREL \[MQTT-4.3.3-10\].
    unreleased: Vec<u16>,
    aliases: Aliases,
}

/// What is to be done about a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reaction {
    /// Nothing further; any answer was written.
    Done,
    /// Offer this PUBLISH to its route, then say [`Session::on_taken`] or
    /// [`Session::on_answered`]. Nothing but its alias was remembered: when there is no room, the
    /// same bytes may be looked at again.
    Offer {
        /// The alias that stands for the topic, see [`Session::topic`]; 0 when the packet has it.
        alias: u16,
    },
    /// Too much is unacknowledged: look at the same bytes again once less is owed.
    Wait,
    /// The connection ends.
    Close(Close),
}

/// What an answer to an earlier offer led to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Settled {
    /// Written, or waiting for its turn.
    Owed,
    /// No such PUBLISH is waiting.
    Unknown,
    /// The client cannot be told, except by the end of its connection.
    Close(Close),
}

/// Boxes of [`Busy`] that wait for their next client; bounded.
#[derive(Debug, Default)]
pub struct BusyPool {
    // A box goes from here into a session and back as it is: no copy, no allocation.
    #[allow(clippy::vec_box)]
    spare: Vec<Box<Busy>>,
}

/// Spare boxes kept per shard; beyond that they go back to the allocator.
const BUSY_SPARE_COUNT_MAX: usize = 1024;
/// Entries of each list that a spare box may keep allocated.
const ENTRIES_KEPT: usize = 64;

impl Session {
    /// A session for a client that was just let in.
    pub fn new(admission: &Admission) -> Self {
        let Admission {
            version,
            keep_alive_secs,
            ..
        } = *admission;
        Self {
            busy: None,
            keep_alive_secs,
            version,
        }
    }

    /// Which MQTT the client speaks.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The keep-alive in force, in seconds; 0 is none.
    pub fn keep_alive_secs(&self) -> u16 {
        self.keep_alive_secs
    }

    /// PUBLISHes whose acknowledgement is not yet written.
    pub fn owed_count(&self) -> usize {
        self.busy.as_ref().map_or(0, |busy| busy.window.len())
    }

    /// Takes in a packet; answers are appended to `out`.
    pub fn on_packet(
        &mut self,
        packet: &Packet<'_>,
        terms: &Terms,
        pool: &mut BusyPool,
        out: &mut Vec<u8>,
    ) -> Reaction {
        match packet {
            Packet::Publish(publish) => return self.on_publish(publish, terms, pool, out),
            Packet::PingReq => encode::pingresp(out),
            Packet::PubRel(release) => self.on_release(release, out),
            Packet::Disconnect(farewell) => return Reaction::Close(self.on_farewell(farewell)),
            Packet::Subscribe(ask) => {
                // No subscriptions yet: say so rather than grant what will not happen.
                let no = (0..ask.count()).map(|_| Reason::ImplementationSpecificError);
                encode::suback(out, self.version, ask.packet_id, no, None);
            }
            Packet::Unsubscribe(ask) => {
                let none = (0..ask.count()).map(|_| Reason::NoSubscriptionExisted);
                encode::unsuback(out, self.version, ask.packet_id, none, None);
            }
            // The server sends no PUBLISH yet: an answer to one is late at best.
            Packet::PubAck(_) | Packet::PubComp(_) => {}
            Packet::PubRec(stray) => {
                let unknown = Reason::PacketIdentifierNotFound;
                encode::pubrel(out, self.version, stray.packet_id, unknown, None);
            }
            // CONNECT named no method, so no exchange was begun [MQTT-4.12.0-1].
            Packet::Auth(_) => return Reaction::Close(Close::Violation(Reason::ProtocolError)),
        }
        Reaction::Done
    }

    /// The topic an alias stands for on this connection.
    pub fn topic(&self, alias: u16) -> Option<&str> {
        self.busy.as_ref()?.aliases.topic(alias)
    }

    /// An offered message was taken by its route; the answer comes later by [`Self::on_settled`].
    pub fn on_taken(&mut self, packet_id: u16, qos: Qos, pool: &mut BusyPool) {
        if qos == Qos::AtMostOnce {
            return;
        }
        let busy = self.busy.get_or_insert_with(|| pool.lend());
        busy.window.expect(packet_id, qos);
        if qos == Qos::ExactlyOnce {
            busy.unreleased.push(packet_id);
        }
    }

    /// An offered message was answered on the spot, and nothing stays behind.
    pub fn on_answered(
        &mut self,
        packet_id: u16,
        qos: Qos,
        reason: Reason,
        pool: &mut BusyPool,
        out: &mut Vec<u8>,
    ) -> Settled {
        if qos == Qos::AtMostOnce {
            return Settled::Owed;
        }
        if let Some(close) = self.unspeakable(reason) {
            return Settled::Close(close);
        }
        if self.busy.is_none() && qos == Qos::AtLeastOnce {
            encode::puback(out, self.version, packet_id, reason, None);
            return Settled::Owed;
        }
        let busy = self.busy.get_or_insert_with(|| pool.lend());
        if qos == Qos::ExactlyOnce && !reason.is_failure() {
            busy.unreleased.push(packet_id);
        }
        busy.window
            .settle_now(self.version, packet_id, qos, reason, out);
        // A refusal on the spot leaves nothing to wait for.
        self.rest(pool);
        Settled::Owed
    }

    /// The answer to a message taken earlier is known.
    pub fn on_settled(
        &mut self,
        packet_id: u16,
        reason: Reason,
        pool: &mut BusyPool,
        out: &mut Vec<u8>,
    ) -> (Settled, Qos) {
        let version = self.version;
        let unspeakable = self.unspeakable(reason);
        let Some(busy) = self.busy.as_mut() else {
            return (Settled::Unknown, Qos::AtMostOnce);
        };
        if let (Some(close), Some(qos)) = (unspeakable, busy.window.awaited(packet_id)) {
            return (Settled::Close(close), qos);
        }
        let Some(qos) = busy.window.settle(version, packet_id, reason, out) else {
            return (Settled::Unknown, Qos::AtMostOnce);
        };
        // A PUBREC that refuses ends the exchange: no PUBREL follows [MQTT-4.3.3-4].
        if qos == Qos::ExactlyOnce && reason.is_failure() {
            busy.unreleased.retain(|id| *id != packet_id);
        }
        self.rest(pool);
        (Settled::Owed, qos)
    }

    /// Gives the box of unfinished things back when there are none.
    pub fn rest(&mut self, pool: &mut BusyPool) {
        if self.busy.as_ref().is_some_and(|busy| busy.is_idle()) {
            pool.give_back(self.busy.take());
        }
    }

    /// The connection is gone, and whatever it had unfinished with it.
    pub fn on_gone(&mut self, pool: &mut BusyPool) {
        pool.give_back(self.busy.take());
    }

    fn on_publish(
        &mut self,
        publish: &Publish<'_>,
        terms: &Terms,
        pool: &mut BusyPool,
        out: &mut Vec<u8>,
    ) -> Reaction {
        if publish.retain && self.version == Version::V5 {
            // CONNACK said Retain Available 0 [MQTT-3.2.2-14].
            return Reaction::Close(Close::Violation(Reason::RetainNotSupported));
        }
        let alias = match self.resolve(publish, terms, pool) {
            Ok(alias) => alias,
            Err(close) => return Reaction::Close(close),
        };
        if publish.qos == Qos::ExactlyOnce
            && let Some(reaction) = self.on_repeat(publish.packet_id, terms, out)
        {
            return reaction;
        }
        if publish.qos != Qos::AtMostOnce && self.is_full(terms) {
            // Only MQTT 5 was told the bound and can be blamed [MQTT-3.3.4-9].
            return match self.version {
                Version::V5 => Reaction::Close(Close::ReceiveMaximum),
                _ => Reaction::Wait,
            };
        }
        Reaction::Offer { alias }
    }

    /// Learns or looks up a topic alias; 0 when the topic is in the packet itself.
    fn resolve(
        &mut self,
        publish: &Publish<'_>,
        terms: &Terms,
        pool: &mut BusyPool,
    ) -> Result<u16, Close> {
        let Some(alias) = publish.properties.topic_alias else {
            return Ok(0);
        };
        let alias = alias.get();
        if alias > terms.topic_alias_max {
            return Err(Close::Violation(Reason::TopicAliasInvalid)); // [MQTT-3.3.2-9]
        }
        if !publish.topic.is_empty() {
            self.busy
                .get_or_insert_with(|| pool.lend())
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
    fn on_repeat(&mut self, packet_id: u16, terms: &Terms, out: &mut Vec<u8>) -> Option<Reaction> {
        let version = self.version;
        let busy = self
            .busy
            .as_mut()
            .filter(|busy| busy.unreleased.contains(&packet_id))?;
        // One PUBREC answers however many repetitions came before it: else a client that repeats
        // itself behind an unanswered PUBLISH would grow the window without bound.
        if busy.window.holds(packet_id, Qos::ExactlyOnce) {
            return Some(Reaction::Done);
        }
        if busy.window.len() >= usize::from(terms.receive_max) {
            return Some(Reaction::Wait);
        }
        busy.window
            .settle_now(version, packet_id, Qos::ExactlyOnce, Reason::Success, out);
        Some(Reaction::Done)
    }

    fn on_release(&mut self, release: &Ack<'_>, out: &mut Vec<u8>) {
        let id = release.packet_id;
        let known = self.busy.as_mut().is_some_and(|busy| {
            let Some(place) = busy.unreleased.iter().position(|taken| *taken == id) else {
                return false;
            };
            busy.unreleased.swap_remove(place);
            busy.window.forget_repeat(id);
            true
        });
        let reason = if known {
            Reason::Success
        } else {
            Reason::PacketIdentifierNotFound
        };
        encode::pubcomp(out, self.version, id, reason, None);
    }

    fn on_farewell(&self, farewell: &Disconnect<'_>) -> Close {
        // A session that began with expiry 0 cannot ask for more at the end [MQTT-3.1.2-23].
        match (farewell.reason, farewell.session_expiry_secs) {
            (_, Some(secs)) if secs > 0 => Close::Violation(Reason::ProtocolError),
            (Reason::DisconnectWithWill, _) => Close::ClientDisconnectWithWill,
            _ => Close::ClientDisconnect,
        }
    }

    /// Whether one more PUBLISH of QoS 1 or 2 would be too many.
    ///
    /// MQTT 5 counts QoS 1 until its PUBACK and QoS 2 until its PUBCOMP (4.9). For MQTT 3 only what
    /// *we* owe counts: waiting for a PUBREL with the socket unread would wait for ever.
    fn is_full(&self, terms: &Terms) -> bool {
        let Some(busy) = self.busy.as_ref() else {
            return false;
        };
        let unacknowledged = match self.version {
            // A PUBREL before its PUBREC frees the packet id, but not the place in the window.
            Version::V5 => {
                let unreleased = busy.window.at_least_once_count() + busy.unreleased.len();
                unreleased.max(busy.window.len())
            }
            _ => busy.window.len(),
        };
        unacknowledged >= usize::from(terms.receive_max)
    }

    /// MQTT 3 has no refusing PUBACK: it would read as success. Only closing is honest.
    fn unspeakable(&self, reason: Reason) -> Option<Close> {
        (self.version != Version::V5 && reason.is_failure()).then_some(Close::PublishRefused)
    }
}

impl Busy {
    fn is_idle(&self) -> bool {
        self.window.is_empty() && self.unreleased.is_empty() && self.aliases.is_empty()
    }
}

impl BusyPool {
    fn lend(&mut self) -> Box<Busy> {
        self.spare.pop().unwrap_or_default()
    }

    fn give_back(&mut self, busy: Option<Box<Busy>>) {
        let Some(mut busy) = busy else { return };
        if self.spare.len() == BUSY_SPARE_COUNT_MAX {
            return;
        }
        busy.window.clear(ENTRIES_KEPT);
        busy.unreleased.clear();
        busy.unreleased.shrink_to(ENTRIES_KEPT);
        busy.aliases.clear(ENTRIES_KEPT);
        self.spare.push(busy);
    }
}
