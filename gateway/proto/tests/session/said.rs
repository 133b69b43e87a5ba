//! What client and server say to each other in these tests, and nothing of how it is written.

use tributary_proto::packet::{Ack, Packet, Publish, PublishProperties};
use tributary_proto::reason::Reason;
use tributary_proto::session::{Admission, Commons, Context, Journal, Profile, Session, Terms};
use tributary_proto::version::{Qos, Version};

pub(crate) const PUBACK: u8 = 0x40;
pub(crate) const PUBREC: u8 = 0x50;
pub(crate) const PUBCOMP: u8 = 0x70;

/// One acknowledgement: its first byte, packet id, reason code.
pub(crate) type Said = (u8, u16, u8);

/// Takes what the server wrote apart; every packet that it writes here is shorter than 128 bytes.
fn said(mut bytes: &[u8]) -> Vec<Said> {
    let mut said = Vec::new();
    while let [first_byte, length, rest @ ..] = bytes {
        let (body, rest) = rest.split_at(usize::from(*length));
        said.push(match body {
            [high, low] => (*first_byte, u16::from_be_bytes([*high, *low]), 0),
            [high, low, reason] => (*first_byte, u16::from_be_bytes([*high, *low]), *reason),
            _ => panic!("not an acknowledgement: {first_byte:#x} {body:?}"),
        });
        bytes = rest;
    }
    said
}

/// A session of a client that was just let in, with all that surrounds it.
pub(crate) struct Seat {
    pub(crate) session: Session,
    pub(crate) terms: Terms,
    pub(crate) commons: Commons,
    pub(crate) journal: Journal,
    pub(crate) out: Vec<u8>,
}

impl Seat {
    pub(crate) fn new(version: Version, receive_max: u16) -> Seat {
        let mut commons = Commons::default();
        let admission = Admission {
            version,
            keep_alive_secs: 0,
            keep_alive_is_ours: false,
            clean_start: true,
            expiry_is_ours: false,
            wants_response_information: false,
            has_method: false,
            profile: Profile::PLAIN,
        };
        let session = Session::new(&admission, &mut commons.profiles);
        Seat {
            session: session.expect("there is a place for one profile"),
            terms: Terms {
                receive_max,
                ..Terms::default()
            },
            commons,
            journal: Journal::default(),
            out: Vec::new(),
        }
    }

    /// The session and what surrounds it.
    pub(crate) fn parts(&mut self) -> (&mut Session, Context<'_>) {
        let ctx = Context {
            terms: &self.terms,
            commons: &mut self.commons,
            journal: &mut self.journal,
            now_sec: 0,
            room_bytes: usize::MAX,
            out: &mut self.out,
        };
        (&mut self.session, ctx)
    }

    /// What was said since the last look.
    pub(crate) fn said(&mut self) -> Vec<Said> {
        said(&std::mem::take(&mut self.out))
    }
}

pub(crate) fn publish(packet_id: u16, qos: Qos, dup: bool) -> Packet<'static> {
    Packet::Publish(Publish {
        dup,
        qos,
        retain: false,
        topic: "t",
        packet_id,
        properties: PublishProperties::default(),
        payload: b"",
    })
}

pub(crate) fn release(packet_id: u16) -> Packet<'static> {
    let (reason_string, user_properties) = (None, Default::default());
    Packet::PubRel(Ack {
        packet_id,
        reason: Reason::Success,
        reason_string,
        user_properties,
    })
}
