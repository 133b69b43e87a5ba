//! A session with all that surrounds it, and a few packets to give it.

use std::num::NonZeroU16;
use std::sync::Arc;

use crate::close::Close;
use crate::decode;
use crate::frame::{Front, front};
use crate::message::Message;
use crate::packet::{Ack, Disconnect, Packet, Publish, PublishProperties};
use crate::reason::Reason;
use crate::session::{
    Admission, Change, Commons, Context, Delivered, Delivery, Journal, Orphan, Profile, Reaction,
    Session, Settled, Terms,
};
use crate::version::{Qos, Version};

pub(super) const PUBACK: u8 = 0x40;
pub(super) const PUBREC: u8 = 0x50;
pub(super) const PUBREL: u8 = 0x62;
pub(super) const PUBCOMP: u8 = 0x70;

pub(super) struct Bench {
    pub(super) session: Session,
    pub(super) terms: Terms,
    pub(super) commons: Commons,
    pub(super) journal: Journal,
    pub(super) now_sec: u32,
    pub(super) room_bytes: usize,
    pub(super) out: Vec<u8>,
}

/// What a bench did with a packet.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Did {
    Done,
    Offered(String),
    Wait,
    Subscribe,
    Authenticate,
    Close(Close),
}

/// A PUBLISH that was written, as far as the tests ask.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Copy {
    pub(super) id: u16,
    pub(super) qos: Qos,
    pub(super) dup: bool,
    pub(super) topic: String,
    pub(super) alias: u16,
    pub(super) payload: String,
}

impl Bench {
    pub(super) fn new(version: Version) -> Self {
        Self::with(version, Profile::PLAIN)
    }

    pub(super) fn with(version: Version, profile: Profile) -> Self {
        let mut commons = Commons::default();
        let admission = admission(version, profile);
        Self {
            session: Session::new(&admission, &mut commons.profiles).unwrap(),
            terms: Terms {
                receive_max: 3,
                topic_alias_max: 2,
                ..Terms::default()
            },
            commons,
            journal: Journal::default(),
            now_sec: 1_000,
            room_bytes: usize::MAX,
            out: Vec::new(),
        }
    }

    /// The session and what surrounds it.
    pub(super) fn parts(&mut self) -> (&mut Session, Context<'_>) {
        let ctx = Context {
            terms: &self.terms,
            commons: &mut self.commons,
            journal: &mut self.journal,
            now_sec: self.now_sec,
            room_bytes: self.room_bytes,
            out: &mut self.out,
        };
        (&mut self.session, ctx)
    }

    pub(super) fn give(&mut self, packet: Packet<'_>) -> Did {
        let (session, mut ctx) = self.parts();
        match session.on_packet(&packet, &mut ctx) {
            Reaction::Done => Did::Done,
            Reaction::Wait => Did::Wait,
            Reaction::Subscribe | Reaction::Unsubscribe => Did::Subscribe,
            Reaction::Authenticate => Did::Authenticate,
            Reaction::Close(close) => Did::Close(close),
            Reaction::Offer { alias } => {
                let Packet::Publish(publish) = packet else {
                    panic!("{packet:?}")
                };
                Did::Offered(match alias {
                    0 => publish.topic.to_owned(),
                    alias => session.topic(alias).unwrap().to_owned(),
                })
            }
        }
    }

    /// A PUBLISH that its route takes; the answer comes later.
    pub(super) fn take(&mut self, packet_id: u16, qos: Qos) {
        self.take_for(packet_id, qos, 1);
    }

    /// As `take`, with so many answers to come.
    pub(super) fn take_for(&mut self, packet_id: u16, qos: Qos, parties: u8) {
        assert_eq!(self.give(publish(packet_id, qos)), Did::Offered("t".into()));
        let (session, mut ctx) = self.parts();
        session.on_taken(packet_id, qos, parties, &mut ctx);
    }

    pub(super) fn answer(&mut self, packet_id: u16, qos: Qos, reason: Reason) -> Settled {
        let (session, mut ctx) = self.parts();
        session.on_answered(packet_id, qos, reason, &mut ctx)
    }

    pub(super) fn settled(&mut self, packet_id: u16, reason: Reason) -> Settled {
        let (session, mut ctx) = self.parts();
        session.on_settled(packet_id, reason, &mut ctx)
    }

    /// Says whether all answers are in.
    pub(super) fn settle(&mut self, packet_id: u16, reason: Reason) -> bool {
        matches!(self.settled(packet_id, reason), Settled::Owed { .. })
    }

    pub(super) fn deliver(&mut self, payload: &str, qos: Qos) -> Delivered {
        self.deliver_message(&message(payload, qos), qos)
    }

    pub(super) fn deliver_message(&mut self, message: &Arc<Message>, qos: Qos) -> Delivered {
        self.deliver_as(message, delivery(qos))
    }

    pub(super) fn deliver_as(
        &mut self,
        message: &Arc<Message>,
        delivery: Delivery<'_>,
    ) -> Delivered {
        let (session, mut ctx) = self.parts();
        session.deliver(message, delivery, &mut ctx)
    }

    pub(super) fn pump(&mut self) {
        let (session, mut ctx) = self.parts();
        session.pump(&mut ctx);
    }

    pub(super) fn gone(&mut self, keep: bool) -> Vec<Orphan> {
        let (session, mut ctx) = self.parts();
        session.on_gone(keep, &mut ctx)
    }

    /// The client is back, with another profile.
    pub(super) fn resume(&mut self, profile: Profile) {
        let admission = admission(self.session.version(), profile);
        let (session, mut ctx) = self.parts();
        session.resume(&admission, &mut ctx).unwrap();
    }

    /// What was written since the last look.
    pub(super) fn written(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// The PUBLISHes written since the last look, and nothing else.
    pub(super) fn copies(&mut self) -> Vec<Copy> {
        let written = self.written();
        let (version, mut rest) = (self.session.version(), &written[..]);
        let mut copies = Vec::new();
        while let Ok(Front::Frame {
            first_byte,
            body,
            rest: behind,
        }) = front(rest, u32::MAX)
        {
            let Ok(Packet::Publish(publish)) = decode::packet(version, first_byte, body) else {
                panic!("{first_byte:#x} {body:?}")
            };
            copies.push(Copy::from(publish));
            rest = behind;
        }
        assert!(rest.is_empty());
        copies
    }

    /// Payloads of the PUBLISHes written since the last look.
    pub(super) fn payloads(&mut self) -> Vec<String> {
        let copies = self.copies().into_iter();
        copies.map(|copy| copy.payload).collect()
    }

    /// Changes since the last look.
    pub(super) fn changes(&mut self) -> Vec<Change> {
        self.journal.drain().collect()
    }
}

impl From<Publish<'_>> for Copy {
    fn from(publish: Publish<'_>) -> Self {
        Self {
            id: publish.packet_id,
            qos: publish.qos,
            dup: publish.dup,
            topic: publish.topic.into(),
            alias: publish.properties.topic_alias.map_or(0, NonZeroU16::get),
            payload: String::from_utf8(publish.payload.into()).unwrap(),
        }
    }
}

pub(super) fn admission(version: Version, profile: Profile) -> Admission {
    Admission {
        version,
        keep_alive_secs: 60,
        keep_alive_is_ours: false,
        clean_start: false,
        expiry_is_ours: false,
        wants_response_information: false,
        has_method: false,
        profile,
    }
}

pub(super) fn message(payload: &str, qos: Qos) -> Arc<Message> {
    Arc::new(Message {
        topic: "t".into(),
        payload: payload.as_bytes().into(),
        properties: Box::default(),
        publisher: Message::NOBODY,
        expires_at_sec: Message::NEVER,
        qos,
        retain: false,
    })
}

pub(super) fn delivery(qos: Qos) -> Delivery<'static> {
    Delivery {
        qos,
        retain: false,
        identifiers: &[],
        group: 0,
        receipt: None,
    }
}

pub(super) fn publish(packet_id: u16, qos: Qos) -> Packet<'static> {
    Packet::Publish(Publish {
        dup: false,
        qos,
        retain: false,
        topic: "t",
        packet_id,
        properties: PublishProperties::default(),
        payload: b"x",
    })
}

pub(super) fn aliased(alias: u16, topic: &str) -> Packet<'_> {
    let properties = PublishProperties {
        topic_alias: NonZeroU16::new(alias),
        ..PublishProperties::default()
    };
    Packet::Publish(Publish {
        dup: false,
        qos: Qos::AtMostOnce,
        retain: false,
        topic,
        packet_id: 0,
        properties,
        payload: b"x",
    })
}

pub(super) fn ack(packet_id: u16, reason: Reason) -> Ack<'static> {
    let (reason_string, user_properties) = (None, Default::default());
    Ack {
        packet_id,
        reason,
        reason_string,
        user_properties,
    }
}

pub(super) fn release(packet_id: u16) -> Packet<'static> {
    Packet::PubRel(ack(packet_id, Reason::Success))
}

pub(super) fn puback(packet_id: u16) -> Packet<'static> {
    Packet::PubAck(ack(packet_id, Reason::Success))
}

pub(super) fn pubrec(packet_id: u16) -> Packet<'static> {
    Packet::PubRec(ack(packet_id, Reason::Success))
}

pub(super) fn pubcomp(packet_id: u16) -> Packet<'static> {
    Packet::PubComp(ack(packet_id, Reason::Success))
}

pub(super) fn farewell(reason: Reason, session_expiry_secs: Option<u32>) -> Packet<'static> {
    Packet::Disconnect(Disconnect {
        reason,
        session_expiry_secs,
        server_reference: None,
        reason_string: None,
        user_properties: Default::default(),
    })
}
