//! The properties of MQTT 5 [section 2.2.2.2]: where each may stand and which values it may have.

use Place::*;

/// Where a client's properties stand.
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

impl Place {
    pub(crate) const ALL: [Place; 11] = [
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
    ];

    pub(crate) fn name(self) -> String {
        format!("{self:?}").to_lowercase()
    }
}

/// How a value is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shape {
    /// So many bytes.
    Fixed,
    Varint,
    Text,
    Binary,
    Pair,
}

/// A value that may not be: what it is, its bytes, the reasons that say so, and the statement.
pub(crate) type WrongValue = (&'static str, &'static [u8], &'static [u8], &'static str);

pub(crate) struct Property {
    pub(crate) id: u8,
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    /// A value that is right wherever the property is.
    pub(crate) value: &'static [u8],
    pub(crate) places: &'static [Place],
    pub(crate) wrong: &'static [WrongValue],
}

const fn property(
    id: u8,
    name: &'static str,
    shape: Shape,
    value: &'static [u8],
    places: &'static [Place],
) -> Property {
    Property {
        id,
        name,
        shape,
        value,
        places,
        wrong: &[],
    }
}

impl Property {
    const fn but_not(self, wrong: &'static [WrongValue]) -> Property {
        Property { wrong, ..self }
    }

    /// Identifier and value.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.with(self.value)
    }

    pub(crate) fn with(&self, value: &[u8]) -> Vec<u8> {
        [&[self.id][..], value].concat()
    }
}

const MESSAGE: &[Place] = &[Publish, Will];
/// Nowhere: only a server says this.
const SERVER: &[Place] = &[];
const WITH_REASON: &[Place] = &[PubAck, PubRec, PubRel, PubComp, Disconnect, Auth];

const ERROR: &[u8] = &[0x81, 0x82];
const PROTOCOL: &[u8] = &[0x82];

pub(crate) const TABLE: [Property; 27] = [
    property(0x01, "payload_format", Shape::Fixed, &[1], MESSAGE).but_not(&[(
        "two",
        &[2],
        &[0x81, 0x82, 0x99],
        "3.3.2.3.2",
    )]),
    property(0x02, "message_expiry", Shape::Fixed, &[0, 0, 1, 0], MESSAGE),
    property(0x03, "content_type", Shape::Text, b"\0\x04text", MESSAGE),
    property(0x08, "response_topic", Shape::Text, b"\0\x03r/t", MESSAGE).but_not(&[
        ("hash", b"\0\x03r/#", &[0x81, 0x82, 0x90], "MQTT-3.3.2-14"),
        ("plus", b"\0\x03r/+", &[0x81, 0x82, 0x90], "MQTT-3.3.2-14"),
    ]),
    property(
        0x09,
        "correlation_data",
        Shape::Binary,
        b"\0\x03\0\xFF\x80",
        MESSAGE,
    ),
    property(
        0x0B,
        "subscription_identifier",
        Shape::Varint,
        &[7],
        &[Subscribe],
    )
    .but_not(&[
        ("zero", &[0], PROTOCOL, "3.8.2.1.2"),
        (
            "five_bytes",
            &[0xFF, 0xFF, 0xFF, 0xFF, 0x01],
            ERROR,
            "1.5.5",
        ),
        ("not_minimal", &[0x81, 0x00], ERROR, "MQTT-1.5.5-1"),
    ]),
    property(
        0x11,
        "session_expiry",
        Shape::Fixed,
        &[0, 0, 0, 0],
        &[Connect, Disconnect],
    ),
    property(0x12, "assigned_client_id", Shape::Text, b"\0\x01a", SERVER),
    property(0x13, "server_keep_alive", Shape::Fixed, &[0, 9], SERVER),
    property(
        0x15,
        "authentication_method",
        Shape::Text,
        b"\0\x04none",
        &[Connect, Auth],
    ),
    property(
        0x16,
        "authentication_data",
        Shape::Binary,
        b"\0\x01a",
        &[Connect, Auth],
    ),
    property(
        0x17,
        "request_problem_information",
        Shape::Fixed,
        &[0],
        &[Connect],
    )
    .but_not(&[("two", &[2], ERROR, "3.1.2.11.7")]),
    property(0x18, "will_delay", Shape::Fixed, &[0, 0, 0, 1], &[Will]),
    property(
        0x19,
        "request_response_information",
        Shape::Fixed,
        &[1],
        &[Connect],
    )
    .but_not(&[("two", &[2], ERROR, "3.1.2.11.6")]),
    property(
        0x1A,
        "response_information",
        Shape::Text,
        b"\0\x01a",
        SERVER,
    ),
    property(0x1C, "server_reference", Shape::Text, b"\0\x01a", SERVER),
    property(
        0x1F,
        "reason_string",
        Shape::Text,
        b"\0\x03why",
        WITH_REASON,
    ),
    property(0x21, "receive_maximum", Shape::Fixed, &[0, 10], &[Connect]).but_not(&[(
        "zero",
        &[0, 0],
        PROTOCOL,
        "3.1.2.11.3",
    )]),
    property(
        0x22,
        "topic_alias_maximum",
        Shape::Fixed,
        &[0, 10],
        &[Connect],
    ),
    property(0x23, "topic_alias", Shape::Fixed, &[0, 1], &[Publish]).but_not(&[(
        "zero",
        &[0, 0],
        &[0x81, 0x82, 0x94],
        "MQTT-3.3.2-8",
    )]),
    property(0x24, "maximum_qos", Shape::Fixed, &[1], SERVER),
    property(0x25, "retain_available", Shape::Fixed, &[1], SERVER),
    property(
        0x26,
        "user_property",
        Shape::Pair,
        b"\0\x01k\0\x01v",
        &Place::ALL,
    ),
    property(
        0x27,
        "maximum_packet_size",
        Shape::Fixed,
        &[0, 1, 0, 0],
        &[Connect],
    )
    .but_not(&[("zero", &[0, 0, 0, 0], PROTOCOL, "3.1.2.11.4")]),
    property(0x28, "wildcard_available", Shape::Fixed, &[1], SERVER),
    property(
        0x29,
        "subscription_identifier_available",
        Shape::Fixed,
        &[1],
        SERVER,
    ),
    property(0x2A, "shared_available", Shape::Fixed, &[1], SERVER),
];

/// Identifiers that no property has.
pub(crate) const UNKNOWN: [u8; 8] = [0x00, 0x04, 0x0A, 0x10, 0x14, 0x1B, 0x2B, 0x7F];
