//! What client and server say to each other in these tests, and nothing of how it is written.

use tributary_proto::packet::{Ack, Packet, Publish, PublishProperties};
use tributary_proto::reason::Reason;
use tributary_proto::session::{Admission, Session};
use tributary_proto::version::{Qos, Version};

pub(crate) const PUBACK: u8 = 0x40;
pub(crate) const PUBREC: u8 = 0x50;
pub(crate) const PUBCOMP: u8 = 0x70;

/// One acknowledgement: its first byte, packet id, reason code.
pub(crate) type Said = (u8, u16, u8);

/// Takes what the server wrote apart; every packet that it writes here is shorter than 128 bytes.
pub(crate) fn said(mut bytes: &[u8]) -> Vec<Said> {
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

pub(crate) fn session(version: Version) -> Session {
    Session::new(&Admission {
        version,
        keep_alive_secs: 0,
        keep_alive_is_ours: false,
        packet_bytes_max: None,
        wants_session: false,
    })
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
