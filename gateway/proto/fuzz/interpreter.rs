//! Reads bytes as a script of packets, messages and settlements for one session, two bytes to a
//! step, and keeps account of what may be acknowledged and of what is in flight.
//!
//! ```text
//! shape: [ aliases 1 bit ][ receive maximum 3 bits ][ version 2 bits ]
//! step:  [ what ][ packet id, qos ]
//! ```

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use tributary_proto::decode;
use tributary_proto::message::Message;
use tributary_proto::packet::Packet;
use tributary_proto::reason::Reason;
use tributary_proto::session::{
    Admission, Change, Commons, Context, Delivery, Journal, Profile, Reaction, Session, Settled,
    Terms,
};
use tributary_proto::version::{Qos, Version};

const PUBLISH: u8 = 0x30;
const PUBACK: u8 = 0x40;
const PUBREC: u8 = 0x50;

/// An acknowledgement to come: which packet, which id, and how many answers it waits for.
struct Owed {
    kind: u8,
    id: u16,
    parties: u8,
    /// Of an earlier connection, and not said again on this one.
    is_earlier: bool,
}

/// A session with the account of what it owes and is owed.
pub struct Bench {
    session: Session,
    admission: Admission,
    terms: Terms,
    commons: Commons,
    journal: Journal,
    /// All changes since the beginning: another session can be built up from them.
    changes: Vec<Change>,
    out: Vec<u8>,
    /// Offered, and the answer still to come.
    waiting: Vec<u16>,
    /// Acknowledgements to come, oldest first.
    owed: VecDeque<Owed>,
    /// Answers to come for QoS 1 of earlier connections.
    late: BTreeMap<u16, u8>,
    /// Packet ids in flight to the client on this connection.
    in_flight: BTreeSet<u16>,
    is_first_connection: bool,
    over: bool,
}

impl Bench {
    pub fn new(shape: u8) -> Bench {
        let version = [Version::V31, Version::V311, Version::V5, Version::V5][shape as usize & 3];
        let receive_max = 1 + u16::from(shape >> 2 & 7);
        let admission = Admission {
            version,
            keep_alive_secs: 0,
            keep_alive_is_ours: false,
            clean_start: false,
            expiry_is_ours: false,
            wants_response_information: false,
            has_method: false,
            profile: Profile {
                receive_max,
                topic_alias_max: u16::from(shape >> 5 & 1),
                ..Profile::PLAIN
            },
        };
        let mut commons = Commons::default();
        let session = Session::new(&admission, &mut commons.profiles);
        let mut journal = Journal::default();
        journal.switch(true);
        Bench {
            session: session.expect("there is a place for one profile"),
            admission,
            terms: Terms {
                receive_max,
                queue_messages_max: 8,
                ..Terms::default()
            },
            commons,
            journal,
            changes: Vec::new(),
            out: Vec::new(),
            waiting: Vec::new(),
            owed: VecDeque::new(),
            late: BTreeMap::new(),
            in_flight: BTreeSet::new(),
            is_first_connection: true,
            over: false,
        }
    }

    /// Does one step of the script.
    pub fn step(&mut self, what: u8, which: u8) {
        if self.over {
            return;
        }
        let id = 1 + u16::from(which >> 2 & 15);
        let [high, low] = id.to_be_bytes();
        match what % 16 {
            0..3 => self.publish(what, id, which & 3),
            3 => self.give(0x62, &[high, low], what),
            4..7 => self.give([0x40, 0x50, 0x70][which as usize % 3], &[high, low], what),
            7 => self.give([0xC0, 0xE0][which as usize & 1], &[], what),
            8..11 => self.deliver(which),
            11 => self.reconnect(),
            _ if self.waiting.is_empty() => self.settle(id, what),
            _ => {
                let place = usize::from(which) % self.waiting.len();
                let id = self.waiting.swap_remove(place);
                self.settle(id, what);
            }
        }
        self.check();
    }

    /// Answers what is still waiting: nothing may be left behind, and a session built up from the
    /// journal has the same unfinished messages.
    pub fn finish(&mut self) {
        while let Some(id) = self.waiting.pop().filter(|_| !self.over) {
            self.settle(id, 0);
            self.check();
        }
        assert!(self.over || self.session.owed_count() == 0);
        self.call(|session, ctx| session.on_gone(true, ctx));
        let undelivered_count = self.session.undelivered_count();
        self.call(|session, ctx| session.on_gone(false, ctx));
        assert_eq!(self.session.undelivered_count(), 0);
        assert_eq!(self.commons.queued_bytes, 0);
        assert_eq!(self.commons.profiles.count(), 0);
        let (version, profiles) = (self.admission.version, &mut self.commons.profiles);
        let stored = Session::stored(version, &Profile::PLAIN, profiles);
        self.session = stored.expect("there is a place for one profile");
        let changes = std::mem::take(&mut self.changes);
        self.call(|session, ctx| session.restore(changes.into_iter(), ctx));
        assert_eq!(self.session.undelivered_count(), undelivered_count);
    }

    fn call<R>(&mut self, call: impl FnOnce(&mut Session, &mut Context<'_>) -> R) -> R {
        let mut ctx = Context {
            terms: &self.terms,
            commons: &mut self.commons,
            journal: &mut self.journal,
            now_sec: 0,
            room_bytes: usize::MAX,
            out: &mut self.out,
        };
        let result = call(&mut self.session, &mut ctx);
        self.changes.extend(self.journal.drain());
        result
    }

    /// The same session on a new connection.
    fn reconnect(&mut self) {
        self.call(|session, ctx| session.on_gone(true, ctx));
        self.is_first_connection = false;
        self.in_flight.clear();
        for mut owed in std::mem::take(&mut self.owed) {
            owed.is_earlier = true;
            match (owed.parties, owed.kind) {
                (0, _) => {}
                (_, PUBREC) => self.owed.push_back(owed),
                _ => *self.late.entry(owed.id).or_default() += owed.parties,
            }
        }
        let admission = self.admission.clone();
        let resumed = self.call(|session, ctx| session.resume(&admission, ctx));
        resumed.expect("there is a place for one profile");
    }

    fn deliver(&mut self, which: u8) {
        let qos = [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce][usize::from(which) % 3];
        let message = Arc::new(Message {
            topic: "topic".into(),
            payload: Box::default(),
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
        self.call(|session, ctx| session.deliver(&message, delivery, ctx));
    }

    fn publish(&mut self, what: u8, id: u16, qos: u8) {
        let [high, low] = id.to_be_bytes();
        let mut body = vec![0, 1, b't'];
        if qos > 0 {
            body.extend([high, low]);
        }
        if self.admission.version == Version::V5 {
            body.push(0);
        }
        self.give(PUBLISH | qos << 1, &body, what);
    }

    fn give(&mut self, first_byte: u8, body: &[u8], what: u8) {
        let Ok(packet) = decode::packet(self.admission.version, first_byte, body) else {
            return;
        };
        let owed_before = self.session.owed_count();
        // Before what is written in its place is looked at.
        if let Packet::PubAck(ack) | Packet::PubComp(ack) = packet {
            self.in_flight.remove(&ack.packet_id);
        }
        match self.call(|session, ctx| session.on_packet(&packet, ctx)) {
            Reaction::Offer { .. } => {
                let Packet::Publish(publish) = packet else {
                    panic!("{packet:?} was offered")
                };
                self.offered(publish.packet_id, publish.qos, what);
            }
            Reaction::Done => self.done(&packet, owed_before),
            Reaction::Wait => assert!(self.session.owed_count() > 0, "nothing would wake it"),
            Reaction::Close(_) => self.over = true,
            other => panic!("{other:?}"),
        }
    }

    fn done(&mut self, packet: &Packet<'_>, owed_before: usize) {
        let is = |owed: &Owed, id| owed.kind == PUBREC && owed.id == id;
        match packet {
            // A repetition gets an acknowledgement of its own, unless one is on its way.
            Packet::Publish(repeat) => {
                let id = repeat.packet_id;
                match self.owed.iter().position(|one| is(one, id)) {
                    None => self.owe(PUBREC, id, 0),
                    Some(place) if self.owed[place].is_earlier => {
                        let parties = self.owed.remove(place).map_or(0, |owed| owed.parties);
                        self.owe(PUBREC, id, parties);
                    }
                    Some(_) => {}
                }
            }
            Packet::PubRel(release) if self.session.owed_count() < owed_before => {
                // It takes back the answer to a repetition that waited for its turn.
                let id = release.packet_id;
                self.owed.retain(|one| !is(one, id) || one.parties > 0);
            }
            _ => {}
        }
    }

    fn offered(&mut self, id: u16, qos: Qos, what: u8) {
        let kind = match qos {
            Qos::AtMostOnce => return,
            Qos::AtLeastOnce => PUBACK,
            Qos::ExactlyOnce => PUBREC,
        };
        if what & 0x80 == 0 {
            self.call(|session, ctx| session.on_taken(id, qos, 1, ctx));
            self.waiting.push(id);
            let late = self.late.remove(&id).unwrap_or(0);
            return self.owe(kind, id, 1 + late);
        }
        let reason = reason(what);
        match self.call(|session, ctx| session.on_answered(id, qos, reason, ctx)) {
            Settled::Close { .. } => self.over = true,
            Settled::Owed { .. } => self.owe(kind, id, 0),
            other => panic!("{other:?}"),
        }
    }

    fn owe(&mut self, kind: u8, id: u16, parties: u8) {
        self.owed.push_back(Owed {
            kind,
            id,
            parties,
            is_earlier: false,
        });
    }

    fn settle(&mut self, id: u16, what: u8) {
        let settled = self.call(|session, ctx| session.on_settled(id, reason(what), ctx));
        let mut unanswered = self.owed.iter_mut().filter(|one| one.parties > 0);
        let Some(owed) = unanswered.find(|one| one.id == id) else {
            assert_eq!(settled, Settled::Unknown);
            if let Some(parties) = self.late.remove(&id).filter(|parties| *parties > 1) {
                self.late.insert(id, parties - 1);
            }
            return;
        };
        owed.parties -= 1;
        match (settled, owed.parties) {
            (Settled::Partly, 1..) | (Settled::Owed { .. }, 0) => {}
            (Settled::Close { .. }, 0) => self.over = true,
            other => panic!("{id}: {other:?}"),
        }
    }

    /// Compares what was written with what was owed and may be in flight.
    fn check(&mut self) {
        let out = std::mem::take(&mut self.out);
        let mut written = &out[..];
        while let [first_byte, length, rest @ ..] = written {
            let (body, rest) = rest.split_at(usize::from(*length));
            match (first_byte & 0xF0, body) {
                (kind @ (PUBACK | PUBREC), [high, low, ..]) => {
                    self.acknowledged(kind, u16::from_be_bytes([*high, *low]));
                }
                (PUBLISH, _) => self.sent(*first_byte, body),
                _ => {}
            }
            written = rest;
        }
        assert!(self.over || self.owed.len() == self.session.owed_count());
    }

    /// Settled, and on the first connection also its turn.
    fn acknowledged(&mut self, kind: u8, id: u16) {
        let is = |one: &Owed| (one.kind, one.id, one.parties) == (kind, id, 0);
        let place = self.owed.iter().position(is);
        let place = place.expect("acknowledged and not settled");
        assert!(place == 0 || !self.is_first_connection);
        self.owed.remove(place);
    }

    fn sent(&mut self, first_byte: u8, body: &[u8]) {
        let sent = decode::packet(self.admission.version, first_byte, body);
        let Ok(Packet::Publish(publish)) = sent else {
            panic!("{sent:?}")
        };
        if publish.qos != Qos::AtMostOnce {
            let is_new = self.in_flight.insert(publish.packet_id);
            assert!(is_new, "a packet id in use");
            assert!(self.in_flight.len() <= usize::from(self.terms.receive_max));
        }
    }
}

fn reason(what: u8) -> Reason {
    match what & 0x40 {
        0 => Reason::Success,
        _ => Reason::QuotaExceeded,
    }
}
