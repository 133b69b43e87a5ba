//! Route: takes a client's message to its lane and its subscribers, with a ticket for the answers.
//!
//! ```text
//!  PUBLISH --> route --> subscribers? --> room everywhere? --no--> Full: look at it again later
//!                                             | yes
//!                 lane (party) <--------------+-----> own subscribers, notes, store (parties)
//!  every party answers by the ticket; when all have, the window writes the acknowledgement
//! ```

use std::num::NonZeroU64;
use std::rc::Rc;
use std::sync::Arc;

use tributary_proto::close::Close;
use tributary_proto::encode;
use tributary_proto::message::Message;
use tributary_proto::packet::Publish;
use tributary_proto::reason::Reason;
use tributary_proto::session::Settled;
use tributary_proto::version::{Qos, Version};

use super::client::Paused;
use super::clients::ClientRef;
use super::permission::Permission;
use super::spread::SYS_PREFIX;
use super::world::{Desk, World, context};
use crate::config::OnDenied;
use crate::kafka::{self, Policy, Refusal, Ticket};
use crate::limits::{CLIENTS_PER_SHARD_MAX, DELIVERIES_PER_TURN, HELD_MESSAGES_MAX};
use crate::route::{Context, Local, Route};

/// What became of an offered message.
pub(super) enum Offered {
    /// It is on its way, or answered.
    Done,
    /// No room: the same bytes must be looked at again later.
    Full,
    /// Enough was delivered in this turn: look at the same bytes again in the next.
    Later,
    /// Over a quota: look at the same bytes again when there are tokens.
    Slowed,
    /// The connection ends over it.
    Close(Close),
}

/// What became of a record for Kafka.
pub(super) enum Carried {
    /// The route has no lane.
    Nowhere,
    /// A report will come.
    Yes,
    /// The lane has no room.
    Full,
    /// The lane does not want it.
    Refused(Refusal),
}

/// A message whose subscribers get it once Kafka has it.
pub(super) struct Held {
    message: Arc<Message>,
    /// Whom to tell then.
    ticket: u64,
}

/// The place that tickets of held messages name; no client is ever there.
const HELD_SLOT: u32 = CLIENTS_PER_SHARD_MAX as u32 - 1;
/// The place that tickets of messages name whose devices have had their answer.
const ACCEPTED_SLOT: u32 = HELD_SLOT - 1;
/// The same for commands for everyone, which must be safe with the store.
pub(super) const HANDOFF_SLOT: u32 = HELD_SLOT - 2;

impl World {
    /// Offers a client's message to its route and its subscribers; `alias` stands for its topic
    /// unless 0.
    pub(super) fn offer(&mut self, index: u32, publish: &Publish<'_>, alias: u16) -> Offered {
        let generation = self.clients.generation(index);
        let at = ClientRef { index, generation };
        let Some(client) = self.clients.at(index) else {
            return Offered::Done;
        };
        let resolved: String;
        let topic = match alias {
            0 => publish.topic,
            // The session has looked it up before it made the offer.
            alias => {
                resolved = client.session.topic(alias).unwrap_or_default().to_owned();
                &resolved
            }
        };
        match self.turn_down(index, publish, topic) {
            Some(offered) => offered,
            None => self.offer_topic(at, publish, topic),
        }
    }

    /// Answers a message whose topic is not for its client.
    fn turn_down(&mut self, index: u32, publish: &Publish<'_>, topic: &str) -> Option<Offered> {
        if topic.starts_with(SYS_PREFIX) {
            let answer = self.answer_to_sys(index);
            return Some(self.answer(index, publish, answer));
        }
        let may = self.may_publish(index, topic, publish.qos, publish.retain);
        (!may).then(|| self.deny(index, publish))
    }

    fn offer_topic(&mut self, at: ClientRef, publish: &Publish<'_>, topic: &str) -> Offered {
        let ClientRef { index, generation } = at;
        let routes = Rc::clone(&self.routes);
        let route = routes.find(topic);
        let local = route.map_or(Local::Yes, Route::local);
        let retains = publish.retain && local != Local::No;
        let is_wanted = match local {
            Local::Yes => self.find_reach(topic) || retains,
            Local::No | Local::AfterKafka => false,
        };
        if is_wanted && self.delivered_count >= DELIVERIES_PER_TURN {
            self.weary.push(at);
            return Offered::Later;
        }
        let claims = publish.qos != Qos::AtMostOnce;
        if is_wanted && !self.may_spread(topic, publish, retains) {
            self.await_room(at);
            return Offered::Full;
        }
        let ticket = Ticket {
            shard: self.index as u8,
            generation,
            slot: index,
            packet_id: publish.packet_id,
        };
        let is_accepting = route.is_some_and(Route::is_accepting);
        let carried = match route.filter(|route| route.has_lane()) {
            None => Carried::Nowhere,
            Some(route) => {
                let slot = if is_accepting { ACCEPTED_SLOT } else { index };
                let word = Ticket { slot, ..ticket }.word();
                self.carry_publish(route, index, topic, publish, word)
            }
        };
        let mut parties = match carried {
            Carried::Full => {
                self.await_room(at);
                return Offered::Full;
            }
            Carried::Refused(refusal) => {
                return self.answer(index, publish, Answer::Refused(refusal));
            }
            Carried::Nowhere => 0,
            Carried::Yes => u8::from(!is_accepting),
        };
        if is_wanted {
            // What was written for this client so far must not get into another's account.
            self.owe(index);
            let message = Arc::new(self.message_of(index, publish, topic));
            let claim = NonZeroU64::new(ticket.word()).filter(|_| claims);
            parties += self.spread(&message, claim);
        }
        if parties == 0 {
            let reason = match (route, is_wanted) {
                (None, false) => {
                    self.book().publishes_unrouted.add(1);
                    Reason::NoMatchingSubscribers
                }
                _ => Reason::Success,
            };
            return self.answer(index, publish, Answer::Kept(reason));
        }
        self.await_answers(at, publish, parties);
        Offered::Done
    }

    /// What stands under $SYS is the server's word; MQTT 3 has none for a refusal.
    fn answer_to_sys(&self, index: u32) -> Answer {
        let client = self.clients.look(index);
        match client.map(|client| client.session.version()) {
            Some(Version::V5) => Answer::Refused(Refusal::NotAllowed),
            _ => Answer::Kept(Reason::Success),
        }
    }

    /// Answers a message that the rules deny. Who cannot be told is sent away, or not told, as
    /// configured.
    fn deny(&mut self, index: u32, publish: &Publish<'_>) -> Offered {
        let version = self.clients.look(index).map(|one| one.session.version());
        let is_loose = publish.qos == Qos::AtMostOnce;
        let is_v5 = version == Some(Version::V5);
        let on_denied = self.permission.as_ref().map(Permission::on_denied);
        if on_denied == Some(OnDenied::Drop) && (is_loose || !is_v5) {
            return self.answer(index, publish, Answer::Dropped(Refusal::NotAllowed));
        }
        match self.answer(index, publish, Answer::Refused(Refusal::NotAllowed)) {
            Offered::Done if is_loose && is_v5 => {
                Offered::Close(Close::Violation(Reason::NotAuthorized))
            }
            Offered::Done if is_loose => Offered::Close(Close::PublishRefused),
            offered => offered,
        }
    }

    /// Whether there is room for a message wherever its subscribers are.
    fn may_spread(&self, topic: &str, publish: &Publish<'_>, retains: bool) -> bool {
        let bytes = size_of::<Message>() + topic.len() + publish.payload.len();
        let store_is_full = publish.qos != Qos::AtMostOnce && self.keeper.is_full();
        !store_is_full && self.has_room(topic, bytes, retains)
    }

    fn message_of(&self, index: u32, publish: &Publish<'_>, topic: &str) -> Message {
        let client = self.clients.look(index);
        let publisher = client.map_or(Message::NOBODY, |client| self.publisher(&client.id));
        encode::message_of_publish(publish, topic, publisher, self.wall_sec())
    }

    /// Remembers an offered message that so many parties will answer.
    fn await_answers(&mut self, at: ClientRef, publish: &Publish<'_>, parties: u8) {
        let book = &self.books[self.index];
        book.publishes.on_received(publish.qos as u8);
        book.payload_bytes_in.add(publish.payload.len() as u64);
        match self.clients.find(at) {
            Some(client) if client.session.is_connected() => client.session.on_taken(
                publish.packet_id,
                publish.qos,
                parties,
                &mut context!(self, client),
            ),
            // The message found its way, and its publisher was sent away over it.
            _ if publish.qos != Qos::AtMostOnce => book.publishes.on_settled_after_gone(1),
            _ => {}
        }
        self.settle_later();
    }

    fn carry_publish(
        &mut self,
        route: &Route,
        index: u32,
        topic: &str,
        publish: &Publish<'_>,
        ticket: u64,
    ) -> Carried {
        let waits = route.local() == Local::AfterKafka;
        let word = match waits {
            true => self.next_held_word(),
            false => ticket,
        };
        if waits && self.held.len() >= HELD_MESSAGES_MAX {
            self.book().bounds_hit.add(crate::bound::HELD, 1);
            return Carried::Full;
        }
        let carried = match self.clients.look(index) {
            Some(client) => {
                let context = Context {
                    client_id: &client.id,
                    topic,
                    user: client.user(),
                    qos: publish.qos as u8,
                    response_topic: publish.properties.response_topic.unwrap_or_default(),
                    correlation_data: publish.properties.correlation_data.unwrap_or_default(),
                };
                carry_up(&mut self.desks, route, &context, publish.payload, word)
            }
            None => Carried::Nowhere,
        };
        if waits && matches!(carried, Carried::Yes) {
            let message = Arc::new(self.message_of(index, publish, topic));
            self.held.insert(word, Held { message, ticket });
        }
        carried
    }

    /// A ticket for a message that is held here until Kafka has it.
    fn next_held_word(&mut self) -> u64 {
        self.held_count = self.held_count.wrapping_add(1);
        Ticket {
            shard: self.index as u8,
            generation: (self.held_count >> 16) as u16,
            slot: HELD_SLOT,
            packet_id: self.held_count as u16,
        }
        .word()
    }

    /// Answers a message on the spot.
    pub(super) fn answer(&mut self, index: u32, publish: &Publish<'_>, answer: Answer) -> Offered {
        let (qos, packet_id) = (publish.qos, publish.packet_id);
        let book = &self.books[self.index];
        book.publishes.on_received(qos as u8);
        book.payload_bytes_in.add(publish.payload.len() as u64);
        let reason = match answer {
            Answer::Kept(reason) => {
                book.publishes.on_acknowledged(qos as u8);
                reason
            }
            Answer::Refused(refusal) => {
                book.publishes.on_refused(place(refusal));
                spoken(refusal)
            }
            Answer::Dropped(refusal) => {
                book.publishes.on_refused(place(refusal));
                Reason::Success
            }
        };
        let Some(client) = self.clients.at(index) else {
            return Offered::Done;
        };
        let settled =
            client
                .session
                .on_answered(packet_id, qos, reason, &mut context!(self, client));
        self.note_changes(index);
        match settled {
            Settled::Close { close, .. } => Offered::Close(close),
            _ => Offered::Done,
        }
    }

    /// A delivery report came home.
    pub(super) fn on_report(&mut self, word: u64, outcome: kafka::Outcome) {
        let ticket = Ticket::from_word(word);
        let refusal = match outcome {
            kafka::Outcome::Delivered | kafka::Outcome::Spooled => None,
            kafka::Outcome::Failed(refusal) => Some(refusal),
        };
        if ticket.slot == HELD_SLOT
            && let Some(held) = self.held.remove(&word)
        {
            if self.held.len() == HELD_MESSAGES_MAX / 2 {
                self.on_room();
            }
            if refusal.is_none() {
                self.find_reach(&held.message.topic);
                // Kafka or the spool has it, so its subscribers get it, whatever waits already.
                self.spread(&held.message, None);
            }
            return self.on_report(held.ticket, outcome);
        }
        if ticket.slot == ACCEPTED_SLOT {
            if let Some(refusal) = refusal {
                self.book().accepted_dropped.add(place(refusal), 1);
            }
            return;
        }
        // QoS 0 has no packet id and no one who waits: it settles the same whoever is there.
        if ticket.packet_id == 0 {
            let book = &self.books[self.index];
            return match refusal {
                None => book.publishes.on_acknowledged(0),
                Some(refusal) => book.publishes.on_refused(place(refusal)),
            };
        }
        self.on_party(word, refusal.map_or(Reason::Success, spoken), refusal);
    }

    /// Another shard or the store has answered a claim.
    pub(super) fn on_settled(&mut self, word: u64, reason: Reason) {
        self.on_party(word, reason, None);
    }

    /// One of the parties to a client's message has answered.
    fn on_party(&mut self, word: u64, reason: Reason, refusal: Option<Refusal>) {
        let ticket = Ticket::from_word(word);
        if ticket.slot == HANDOFF_SLOT {
            return self.handoff.on_safe(word);
        }
        let at = ClientRef {
            index: ticket.slot,
            generation: ticket.generation,
        };
        // Whoever is gone was counted when it went.
        let Some(client) = self.clients.find(at) else {
            return;
        };
        // The message went out and only its topic's retained one is the old one. MQTT 3 has no word
        // for that but the end of the connection, after which the message would come again.
        let is_told = refusal.is_some() || client.session.version() == Version::V5;
        let reason = if is_told { reason } else { Reason::Success };
        let settled =
            client
                .session
                .on_settled(ticket.packet_id, reason, &mut context!(self, client));
        let book = &self.books[self.index];
        match settled {
            Settled::Owed { qos, reason } | Settled::Close { qos, reason, .. } => {
                match (refusal, reason.is_failure()) {
                    (Some(refusal), _) => book.publishes.on_refused(place(refusal)),
                    (None, true) => book.publishes.on_refused(place(Refusal::Rejected)),
                    (None, false) => book.publishes.on_acknowledged(qos as u8),
                }
            }
            Settled::Partly | Settled::Unknown => {}
        }
        let unwindowed = client.paused.has(Paused::WINDOW)
            && client.session.owed_count() <= usize::from(self.terms.receive_max) / 2;
        self.account(at.index);
        match settled {
            Settled::Close { close, .. } => self.end(at.index, close),
            _ if unwindowed => self.resume(at.index, Paused::WINDOW),
            _ => {}
        }
    }
}

/// Takes a record to its lane. A full lane holds up those who publish to it and nobody else.
pub(super) fn carry_up(
    desks: &mut [Desk],
    route: &Route,
    context: &Context<'_>,
    payload: &[u8],
    ticket: u64,
) -> Carried {
    let Some(lane) = route.lane(context) else {
        return Carried::Nowhere;
    };
    let desk = &mut desks[usize::from(lane.0)];
    if route.policy() == Policy::Reject && desk.lane.is_down() {
        return Carried::Refused(Refusal::Outage);
    }
    match desk.lane.admit(route.weigh(context, payload.len())) {
        kafka::Offer::Accepted => {
            route.render(context, &mut desk.batch, payload, ticket);
            Carried::Yes
        }
        kafka::Offer::Full => Carried::Full,
        kafka::Offer::Refused(refusal) => Carried::Refused(refusal),
    }
}

/// An answer that is known at once.
pub(super) enum Answer {
    /// The message is where its route wants it, which may be nowhere.
    Kept(Reason),
    /// It goes nowhere.
    Refused(Refusal),
    /// Nor does this one, and its publisher does not hear of it.
    Dropped(Refusal),
}

/// Place of a refusal in the counters.
fn place(refusal: Refusal) -> usize {
    // `ALL` names every refusal.
    Refusal::ALL
        .iter()
        .position(|other| *other == refusal)
        .unwrap_or_default()
}

/// The words that MQTT 5 has for a refusal.
fn spoken(refusal: Refusal) -> Reason {
    match refusal {
        Refusal::TopicIllegal => Reason::TopicNameInvalid,
        Refusal::TooLarge => Reason::PacketTooLarge,
        Refusal::NotAllowed => Reason::NotAuthorized,
        Refusal::TopicsTooMany
        | Refusal::Stopping
        | Refusal::Outage
        | Refusal::SpoolFull
        | Refusal::Quota => Reason::QuotaExceeded,
        Refusal::TopicMissing | Refusal::Rejected => Reason::ImplementationSpecificError,
    }
}
