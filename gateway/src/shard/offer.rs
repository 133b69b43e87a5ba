//! Route: takes a message to its lane, with a ticket for the answer.

use tributary_proto::close::Close;
use tributary_proto::packet::Publish;
use tributary_proto::reason::Reason;
use tributary_proto::session::Settled;

use super::client::Paused;
use super::clients::ClientRef;
use super::world::{World, session_context};
use crate::kafka::{self, Refusal, Ticket};
use crate::route::Context;

/// What became of an offered message.
pub(super) enum Offered {
    /// It is on its way, or answered.
    Done,
    /// No room: the same bytes must be looked at again later.
    Full,
    /// The connection ends over it.
    Close(Close),
}

impl World {
    /// Offers a client's message to the lane of its route; `alias` stands for its topic unless 0.
    pub(super) fn offer(&mut self, index: u32, publish: &Publish<'_>, alias: u16) -> Offered {
        let generation = self.clients.generation(index);
        let Some(client) = self.clients.at(index) else {
            return Offered::Done;
        };
        let topic = match alias {
            0 => publish.topic,
            // The session has looked it up before it made the offer.
            alias => client.session.topic(alias).unwrap_or_default(),
        };
        let book = &self.books[self.index];
        let Some(route) = self.routes.find(topic) else {
            book.publishes_unrouted.add(1);
            return self.answer(index, publish, Answer::Kept(Reason::NoMatchingSubscribers));
        };
        let Some(lane) = route.lane() else {
            return self.answer(index, publish, Answer::Kept(Reason::Success));
        };
        let context = Context {
            client_id: &client.id,
            topic,
            user: client.user(),
            qos: publish.qos as u8,
        };
        let desk = &mut self.desks[usize::from(lane.0)];
        match desk
            .lane
            .admit(route.weigh(&context, publish.payload.len()))
        {
            kafka::Offer::Accepted => {}
            kafka::Offer::Full => {
                self.await_room(ClientRef { index, generation });
                return Offered::Full;
            }
            kafka::Offer::Refused(refusal) => {
                return self.answer(index, publish, Answer::Refused(refusal));
            }
        }
        let ticket = Ticket {
            shard: self.index as u8,
            generation,
            slot: index,
            packet_id: publish.packet_id,
        };
        route.render(&context, &mut desk.batch, publish.payload, ticket.word());
        let ctx = &mut session_context!(self);
        client
            .session
            .on_taken(publish.packet_id, publish.qos, 1, ctx);
        book.publishes.on_received(publish.qos as u8);
        Offered::Done
    }

    /// Answers a message on the spot.
    fn answer(&mut self, index: u32, publish: &Publish<'_>, answer: Answer) -> Offered {
        let (qos, packet_id) = (publish.qos, publish.packet_id);
        let book = &self.books[self.index];
        book.publishes.on_received(qos as u8);
        let reason = match answer {
            Answer::Kept(reason) => {
                book.publishes.on_acknowledged(qos as u8);
                reason
            }
            Answer::Refused(refusal) => {
                book.publishes.on_refused(place(refusal));
                spoken(refusal)
            }
        };
        let Some(client) = self.clients.at(index) else {
            return Offered::Done;
        };
        let ctx = &mut session_context!(self);
        match client.session.on_answered(packet_id, qos, reason, ctx) {
            Settled::Close { close, .. } => Offered::Close(close),
            _ => Offered::Done,
        }
    }

    /// A delivery report came home.
    pub(super) fn on_report(&mut self, word: u64, outcome: kafka::Outcome) {
        let ticket = Ticket::from_word(word);
        let at = ClientRef {
            index: ticket.slot,
            generation: ticket.generation,
        };
        let refusal = match outcome {
            kafka::Outcome::Delivered => None,
            kafka::Outcome::Failed(refusal) => Some(refusal),
        };
        let book = &self.books[self.index];
        // QoS 0 has no packet id and no one who waits: it settles the same whoever is there.
        if ticket.packet_id == 0 {
            return match refusal {
                None => book.publishes.on_acknowledged(0),
                Some(refusal) => book.publishes.on_refused(place(refusal)),
            };
        }
        let Some(client) = self.clients.find(at) else {
            return book.publishes.on_settled_after_gone();
        };
        let reason = refusal.map_or(Reason::Success, spoken);
        let ctx = &mut session_context!(self);
        let settled = client.session.on_settled(ticket.packet_id, reason, ctx);
        match (settled, refusal) {
            (Settled::Unknown | Settled::Partly, _) => book.publishes.on_settled_after_gone(),
            (_, Some(refusal)) => book.publishes.on_refused(place(refusal)),
            (Settled::Owed { qos, .. } | Settled::Close { qos, .. }, None) => {
                book.publishes.on_acknowledged(qos as u8);
            }
        }
        let unwindowed = client.paused.has(Paused::WINDOW)
            && client.session.owed_count() <= usize::from(self.terms.receive_max) / 2;
        self.owe(at.index);
        match settled {
            Settled::Close { close, .. } => self.end(at.index, close),
            _ if unwindowed => self.resume(at.index, Paused::WINDOW),
            _ => {}
        }
    }
}

/// An answer that is known at once.
enum Answer {
    /// The message is where its route wants it, which may be nowhere.
    Kept(Reason),
    /// It goes nowhere.
    Refused(Refusal),
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
        Refusal::TopicsTooMany | Refusal::Stopping => Reason::QuotaExceeded,
        Refusal::TopicMissing | Refusal::Rejected => Reason::ImplementationSpecificError,
    }
}
