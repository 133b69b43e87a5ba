//! Table 2-4 of the specification: which property may stand where, with one good value of each.

use crate::wire::{Bytes, Frame};
use tributary_proto::decode;
use tributary_proto::malformed::Malformed;
use tributary_proto::version::Version;

/// A place for properties in what a client sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    Connect,
    Will,
    Publish,
    PubAck,
    PubRec,
    PubRel,
    PubComp,
    Subscribe,
    Unsubscribe,
    Disconnect,
    Auth,
}

use Place as P;

pub(crate) const PLACES: [Place; 11] = [
    P::Connect,
    P::Will,
    P::Publish,
    P::PubAck,
    P::PubRec,
    P::PubRel,
    P::PubComp,
    P::Subscribe,
    P::Unsubscribe,
    P::Disconnect,
    P::Auth,
];

const ACKS: [Place; 4] = [P::PubAck, P::PubRec, P::PubRel, P::PubComp];

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Bool,
    Number,
    Varint,
    Text,
    Binary,
    Pair,
}

pub(crate) struct Row {
    pub(crate) id: u8,
    pub(crate) kind: Kind,
    /// A value that is right wherever the property is allowed.
    pub(crate) value: &'static [u8],
    pub(crate) places: &'static [Place],
}

const fn row(id: u8, kind: Kind, value: &'static [u8], places: &'static [Place]) -> Row {
    Row {
        id,
        kind,
        value,
        places,
    }
}

#[rustfmt::skip]
pub(crate) const ROWS: [Row; 27] = [
    row(0x01, Kind::Bool, &[1], &[P::Publish, P::Will]),
    row(0x02, Kind::Number, &[0, 0, 1, 0], &[P::Publish, P::Will]),
    row(0x03, Kind::Text, b"\0\x04json", &[P::Publish, P::Will]),
    row(0x08, Kind::Text, b"\0\x03a/b", &[P::Publish, P::Will]),
    row(0x09, Kind::Binary, b"\0\x02\xFF\0", &[P::Publish, P::Will]),
    // A server may put it into PUBLISH, a client only into SUBSCRIBE [MQTT-3.3.4-6].
    row(0x0B, Kind::Varint, &[0xFF, 0x7F], &[P::Subscribe]),
    row(0x11, Kind::Number, &[0, 0, 0, 9], &[P::Connect, P::Disconnect]),
    row(0x12, Kind::Text, b"\0\x02id", &[]),
    row(0x13, Kind::Number, &[0, 60], &[]),
    row(0x15, Kind::Text, b"\0\x05SCRAM", &[P::Connect, P::Auth]),
    row(0x16, Kind::Binary, b"\0\x01x", &[P::Connect, P::Auth]),
    row(0x17, Kind::Bool, &[0], &[P::Connect]),
    row(0x18, Kind::Number, &[0, 0, 0, 5], &[P::Will]),
    row(0x19, Kind::Bool, &[1], &[P::Connect]),
    row(0x1A, Kind::Text, b"\0\x01r", &[]),
    row(0x1C, Kind::Text, b"\0\x01s", &[P::Disconnect]),
    row(0x1F, Kind::Text, b"\0\x03why",
        &[ACKS[0], ACKS[1], ACKS[2], ACKS[3], P::Disconnect, P::Auth]),
    row(0x21, Kind::Number, &[0, 1], &[P::Connect]),
    row(0x22, Kind::Number, &[0, 9], &[P::Connect]),
    row(0x23, Kind::Number, &[0, 1], &[P::Publish]),
    row(0x24, Kind::Bool, &[1], &[]),
    row(0x25, Kind::Bool, &[1], &[]),
    row(0x26, Kind::Pair, b"\0\x01k\0\x02vv", &PLACES),
    row(0x27, Kind::Number, &[0, 0, 0, 64], &[P::Connect]),
    row(0x28, Kind::Bool, &[1], &[]),
    row(0x29, Kind::Bool, &[1], &[]),
    row(0x2A, Kind::Bool, &[1], &[]),
];

impl Row {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.bytes_with(self.value)
    }

    pub(crate) fn bytes_with(&self, value: &[u8]) -> Vec<u8> {
        Bytes::new().u8(self.id).raw(value).0
    }
}

impl Place {
    /// What this place must have beside the property `id` for the packet to be right.
    pub(crate) fn company(self, id: u8) -> &'static [u8] {
        let needs_method = (self == P::Connect && id == 0x16) || (self == P::Auth && id != 0x15);
        if needs_method { b"\x15\0\x01m" } else { b"" }
    }

    /// A whole packet of MQTT 5 that is right but for what `properties` says.
    pub(crate) fn frame(self, properties: &[u8]) -> Frame {
        let body = Bytes::new();
        let (first_byte, body) = match self {
            P::Connect => (0x10, connect_head(0x02).section(properties).text("client")),
            P::Will => {
                let body = connect_head(0x06)
                    .section(&[])
                    .text("client")
                    .section(properties);
                (0x10, body.text("will/topic").binary(b"gone"))
            }
            P::Publish => (
                0x32,
                body.text("a/b").u16(7).section(properties).raw(b"payload"),
            ),
            P::PubAck => (0x40, body.u16(7).u8(0).section(properties)),
            P::PubRec => (0x50, body.u16(7).u8(0).section(properties)),
            P::PubRel => (0x62, body.u16(7).u8(0).section(properties)),
            P::PubComp => (0x70, body.u16(7).u8(0).section(properties)),
            P::Subscribe => (0x82, body.u16(7).section(properties).text("a/+").u8(1)),
            P::Unsubscribe => (0xA2, body.u16(7).section(properties).text("a/+")),
            P::Disconnect => (0xE0, body.u8(0).section(properties)),
            P::Auth => (0xF0, body.u8(0x18).section(properties)),
        };
        Frame::new(first_byte, body)
    }
}

fn connect_head(flags: u8) -> Bytes {
    Bytes::new().text("MQTT").u8(5).u8(flags).u16(60)
}

/// What the codec finds wrong with a frame, if anything.
pub(crate) fn fault(version: Version, frame: &Frame) -> Option<Malformed> {
    if frame.first_byte >> 4 == 1 {
        return decode::connect(&frame.body)
            .err()
            .map(|refusal| refusal.malformed());
    }
    decode::packet(version, frame.first_byte, &frame.body).err()
}
