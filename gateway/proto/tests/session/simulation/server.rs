//! A session with what a shard does for it: offers, a store that commits in groups, and bytes that
//! wait for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use tributary_proto::decode;
use tributary_proto::frame::{Front, front};
use tributary_proto::message::Message;
use tributary_proto::packet::Packet;
use tributary_proto::reason::Reason;
use tributary_proto::session::{
    Admission, Change, Commons, Context, Delivered, Delivery, Journal, Profile, Reaction, Session,
    Settled, Terms,
};
use tributary_proto::version::{Qos, Version};

use super::client::topic;

/// A message that was offered, and how many answers to it are to come.
pub(crate) struct Offer {
    packet_id: u16,
    qos: Qos,
    number: u32,
    parties: u8,
}

/// What a store has of a session.
#[derive(Default)]
struct Store {
    messages: BTreeMap<u64, Vec<Change>>,
    taken: Vec<u16>,
}

pub(crate) struct Server {
    pub(crate) session: Session,
    version: Version,
    pub(crate) is_durable: bool,
    terms: Terms,
    pub(crate) commons: Commons,
    journal: Journal,
    store: Store,
    /// Bytes that depend on changes not committed yet.
    held: Vec<u8>,
    /// Downwards, by QoS: delivered and not committed, and what is certain.
    uncertain: Vec<(usize, u32)>,
    pub(crate) delivered: [Vec<u32>; 3],
    next_number: [u32; 3],
    /// Upwards: offered; answered and not committed; and what is certain, by QoS.
    pub(crate) offers: Vec<Offer>,
    answered: Vec<(usize, u32)>,
    pub(crate) received: [Vec<u32>; 3],
    /// How many different ones were offered, by QoS.
    offered_count: [u32; 3],
    buffer: Vec<u8>,
    out: Vec<u8>,
}

impl Server {
    pub(crate) fn new(version: Version, is_durable: bool, receive_max: u16) -> Server {
        let mut commons = Commons::default();
        let session = Session::stored(version, &Profile::PLAIN, &mut commons.profiles);
        let mut journal = Journal::default();
        journal.switch(is_durable);
        Server {
            session: session.expect("there is a place for one profile"),
            version,
            is_durable,
            terms: Terms {
                receive_max,
                queue_messages_max: usize::MAX,
                ..Terms::default()
            },
            commons,
            journal,
            store: Store::default(),
            held: Vec::new(),
            uncertain: Vec::new(),
            delivered: Default::default(),
            next_number: [0; 3],
            offers: Vec::new(),
            answered: Vec::new(),
            received: Default::default(),
            offered_count: [0; 3],
            buffer: Vec::new(),
            out: Vec::new(),
        }
    }

    /// Calls the session; what it writes goes out now, or when what it did is committed.
    fn call<R>(
        &mut self,
        room_bytes: usize,
        call: impl FnOnce(&mut Session, &mut Context<'_>) -> R,
    ) -> R {
        let mut ctx = Context {
            terms: &self.terms,
            commons: &mut self.commons,
            journal: &mut self.journal,
            now_sec: 0,
            room_bytes: room_bytes.saturating_sub(self.held.len() + self.out.len()),
            out: &mut self.held,
        };
        let result = call(&mut self.session, &mut ctx);
        if self.journal.is_empty() && self.uncertain.is_empty() && self.answered.is_empty() {
            self.out.append(&mut self.held);
        } else if !self.is_durable {
            self.commit();
        }
        result
    }

    /// What may go to the client now.
    pub(crate) fn take_out(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// The store has all that was done so far.
    pub(crate) fn commit(&mut self) {
        for change in self.journal.drain() {
            self.store.keep(change);
        }
        for (qos, number) in self.uncertain.drain(..) {
            self.delivered[qos].push(number);
        }
        for (qos, number) in self.answered.drain(..) {
            self.received[qos].push(number);
        }
        self.out.append(&mut self.held);
    }

    /// The process is killed, and another one takes over what the store has.
    pub(crate) fn crash(&mut self) {
        self.journal.drain().for_each(drop);
        for (qos, _) in self.uncertain.drain(..) {
            self.next_number[qos] -= 1;
        }
        self.answered.clear();
        self.offers.clear();
        self.held.clear();
        self.out.clear();
        self.buffer.clear();
        self.commons = Commons::default();
        let profiles = &mut self.commons.profiles;
        let session = Session::stored(self.version, &Profile::PLAIN, profiles);
        self.session = session.expect("there is a place for one profile");
        let changes = self.store.changes();
        self.journal.switch(false);
        self.call(0, |session, ctx| session.restore(changes.into_iter(), ctx));
        self.journal.switch(true);
    }

    pub(crate) fn resume(&mut self, profile: Profile, room_bytes: usize) {
        let admission = Admission {
            version: self.version,
            keep_alive_secs: 0,
            keep_alive_is_ours: false,
            clean_start: false,
            expiry_is_ours: false,
            wants_response_information: false,
            has_method: false,
            profile,
        };
        let resumed = self.call(room_bytes, |session, ctx| session.resume(&admission, ctx));
        resumed.expect("there is a place for one more profile");
    }

    /// The end of the connection was noticed: what waited for it goes nowhere.
    pub(crate) fn on_gone(&mut self) {
        let orphans = self.call(0, |session, ctx| session.on_gone(true, ctx));
        assert_eq!(orphans, [], "nothing came by a shared subscription");
        self.held.clear();
        self.out.clear();
        self.buffer.clear();
    }

    pub(crate) fn deliver(&mut self, qos: Qos, room_bytes: usize) {
        let place = qos as usize;
        let number = self.next_number[place];
        let message = Arc::new(Message {
            topic: topic(number).into(),
            payload: number.to_be_bytes().into(),
            properties: Box::default(),
            publisher: Message::NOBODY,
            expires_at_sec: Message::NEVER,
            qos,
            retain: false,
        });
        let delivery = Delivery {
            qos,
            retain: false,
            identifiers: &[],
            group: 0,
            receipt: None,
        };
        self.next_number[place] += 1;
        self.uncertain.push((place, number));
        let delivered = self.call(room_bytes, |session, ctx| {
            session.deliver(&message, delivery, ctx)
        });
        match delivered {
            Delivered::Sent | Delivered::Queued => {}
            Delivered::Dropped(_) if qos == Qos::AtMostOnce => {}
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn pump(&mut self, room_bytes: usize) {
        self.call(room_bytes, |session, ctx| session.pump(ctx));
    }

    /// One party answers one message.
    pub(crate) fn answer(&mut self, place: usize) {
        let offer = &mut self.offers[place];
        offer.parties -= 1;
        let (packet_id, qos, number) = (offer.packet_id, offer.qos as usize, offer.number);
        let is_last = offer.parties == 0;
        if is_last {
            self.offers.swap_remove(place);
            self.answered.push((qos, number));
        }
        let settled = self.call(0, |session, ctx| {
            session.on_settled(packet_id, Reason::Success, ctx)
        });
        match settled {
            Settled::Owed { .. } => assert!(is_last),
            Settled::Partly | Settled::Unknown => {}
            other => panic!("{other:?}"),
        }
    }

    /// Takes in what came from the client; MQTT 3 may have to wait.
    pub(crate) fn read(&mut self, bytes: &[u8], room_bytes: usize, parties: u8) {
        self.buffer.extend(bytes);
        let buffer = std::mem::take(&mut self.buffer);
        let mut rest = &buffer[..];
        while let Ok(Front::Frame {
            first_byte,
            body,
            rest: behind,
        }) = front(rest, u32::MAX)
        {
            let packet = decode::packet(self.version, first_byte, body);
            let packet = packet.expect("the client speaks MQTT");
            let reaction = self.call(room_bytes, |session, ctx| session.on_packet(&packet, ctx));
            match (reaction, packet) {
                (Reaction::Done, _) => {}
                (Reaction::Wait, _) => break,
                (Reaction::Offer { alias: 0 }, Packet::Publish(publish)) => {
                    let number = publish.payload.try_into().expect("a payload is a number");
                    let number = u32::from_be_bytes(number);
                    self.check_order(publish.qos, number);
                    let (packet_id, qos) = (publish.packet_id, publish.qos);
                    self.offers.push(Offer {
                        packet_id,
                        qos,
                        number,
                        parties,
                    });
                    self.call(room_bytes, |session, ctx| {
                        session.on_taken(packet_id, qos, parties, ctx);
                    });
                }
                other => panic!("{other:?}"),
            }
            rest = behind;
        }
        self.buffer = rest.to_vec();
    }

    /// Nothing is offered before what the client said earlier at the same QoS.
    fn check_order(&mut self, qos: Qos, number: u32) {
        let count = &mut self.offered_count[qos as usize];
        assert!(number <= *count, "{number} is offered and {count} was not");
        *count = (*count).max(number + 1);
    }
}

impl Store {
    fn keep(&mut self, change: Change) {
        match &change {
            Change::Queued { seq, .. } => {
                let other = self.messages.insert(*seq, vec![change]);
                assert!(other.is_none(), "two messages bear one number");
            }
            Change::Sent { seq, .. } | Change::Received { seq } => {
                let message = self.messages.get_mut(seq);
                message.expect("it was queued before").push(change);
            }
            Change::Done { seq } => drop(self.messages.remove(seq)),
            Change::Taken { packet_id } => self.taken.push(*packet_id),
            Change::Released { packet_id } => self.taken.retain(|id| id != packet_id),
        }
    }

    fn changes(&self) -> Vec<Change> {
        let taken = self.taken.iter();
        let taken = taken.map(|&packet_id| Change::Taken { packet_id });
        let messages = self.messages.values().flatten().cloned();
        messages.chain(taken).collect()
    }
}
