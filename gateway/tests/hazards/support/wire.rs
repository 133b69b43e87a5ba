//! Writes MQTT packets byte by byte, right ones and wrong ones, and takes the gateway's answers
//! apart.

use std::collections::BTreeMap;

pub(crate) const V31: u8 = 3;
pub(crate) const V311: u8 = 4;
pub(crate) const V5: u8 = 5;
pub(crate) const VERSIONS: [u8; 3] = [V31, V311, V5];

pub(crate) const CONNACK: u8 = 2;
pub(crate) const PUBLISH: u8 = 3;
pub(crate) const PUBACK: u8 = 4;
pub(crate) const PUBREC: u8 = 5;
pub(crate) const PUBREL: u8 = 6;
pub(crate) const PUBCOMP: u8 = 7;
pub(crate) const SUBACK: u8 = 9;
pub(crate) const UNSUBACK: u8 = 11;
pub(crate) const PINGRESP: u8 = 13;
pub(crate) const DISCONNECT: u8 = 14;

/// The reason code of a server that is full or overloaded.
pub(crate) const SERVER_BUSY: u8 = 0x89;

pub(crate) const PINGREQ_BYTES: [u8; 2] = [0xC0, 0];

/// A packet from its first byte and its body.
pub(crate) fn frame(first_byte: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![first_byte];
    packet.extend(varint(body.len()));
    packet.extend(body);
    packet
}

/// A variable byte integer [MQTT-1.5.5].
pub(crate) fn varint(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (value % 128) as u8;
        value /= 128;
        bytes.push(if value > 0 { low | 0x80 } else { low });
        if value == 0 {
            return bytes;
        }
    }
}

/// Bytes behind their two-byte length, as strings and binary data are.
pub(crate) fn text(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).expect("MQTT strings end at 65,535 bytes");
    [&length.to_be_bytes()[..], bytes].concat()
}

/// A property list with its length in front in MQTT 5; nothing before.
pub(crate) fn properties(version: u8, list: &[u8]) -> Vec<u8> {
    if version < V5 {
        assert!(list.is_empty(), "only MQTT 5 has properties");
        return Vec::new();
    }
    [varint(list.len()), list.to_vec()].concat()
}

/// A CONNECT: with a clean session and no will unless a test says otherwise.
#[derive(Clone, Copy)]
pub(crate) struct Connect<'a> {
    pub(crate) version: u8,
    pub(crate) client_id: &'a str,
    pub(crate) clean: bool,
    pub(crate) keep_alive_secs: u16,
    pub(crate) properties: &'a [u8],
    pub(crate) will: Option<Will<'a>>,
    pub(crate) user: Option<&'a str>,
    pub(crate) password: Option<&'a [u8]>,
}

/// What is to be published when the client is gone without a word.
#[derive(Clone, Copy)]
pub(crate) struct Will<'a> {
    pub(crate) topic: &'a str,
    pub(crate) payload: &'a [u8],
    pub(crate) qos: u8,
    pub(crate) retain: bool,
    pub(crate) properties: &'a [u8],
}

impl<'a> Connect<'a> {
    pub(crate) fn new(version: u8, client_id: &'a str) -> Connect<'a> {
        Connect {
            version,
            client_id,
            clean: true,
            keep_alive_secs: 0,
            properties: &[],
            will: None,
            user: None,
            password: None,
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let name: &[u8] = if self.version == V31 {
            b"MQIsdp"
        } else {
            b"MQTT"
        };
        let mut body = text(name);
        let mut flags = u8::from(self.clean) << 1;
        if let Some(will) = self.will {
            flags |= 0x04 | will.qos << 3 | u8::from(will.retain) << 5;
        }
        flags |= u8::from(self.user.is_some()) << 7 | u8::from(self.password.is_some()) << 6;
        body.extend([self.version, flags]);
        body.extend(self.keep_alive_secs.to_be_bytes());
        body.extend(properties(self.version, self.properties));
        body.extend(text(self.client_id.as_bytes()));
        if let Some(will) = self.will {
            body.extend(properties(self.version, will.properties));
            body.extend(text(will.topic.as_bytes()));
            body.extend(text(will.payload));
        }
        if let Some(user) = self.user {
            body.extend(text(user.as_bytes()));
        }
        if let Some(password) = self.password {
            body.extend(text(password));
        }
        frame(0x10, &body)
    }
}

/// A PUBLISH; at QoS 0 it has no packet id.
#[derive(Clone, Copy, Default)]
pub(crate) struct Publish<'a> {
    pub(crate) topic: &'a [u8],
    pub(crate) payload: &'a [u8],
    pub(crate) qos: u8,
    pub(crate) packet_id: u16,
    pub(crate) dup: bool,
    pub(crate) retain: bool,
    pub(crate) properties: &'a [u8],
}

impl<'a> Publish<'a> {
    pub(crate) fn qos1(packet_id: u16, topic: &'a str, payload: &'a [u8]) -> Publish<'a> {
        Publish {
            topic: topic.as_bytes(),
            payload,
            qos: 1,
            packet_id,
            ..Publish::default()
        }
    }

    pub(crate) fn qos2(packet_id: u16, topic: &'a str, payload: &'a [u8]) -> Publish<'a> {
        Publish {
            qos: 2,
            ..Publish::qos1(packet_id, topic, payload)
        }
    }

    pub(crate) fn encode(&self, version: u8) -> Vec<u8> {
        let mut body = text(self.topic);
        if self.qos > 0 {
            body.extend(self.packet_id.to_be_bytes());
        }
        body.extend(properties(version, self.properties));
        body.extend(self.payload);
        frame(
            0x30 | u8::from(self.dup) << 3 | self.qos << 1 | u8::from(self.retain),
            &body,
        )
    }
}

pub(crate) fn pubrel(packet_id: u16) -> Vec<u8> {
    frame(0x62, &packet_id.to_be_bytes())
}

/// A DISCONNECT; before version 5 it has neither reason nor properties.
pub(crate) fn disconnect(version: u8, reason: u8, list: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    if version == V5 {
        body.push(reason);
        body.extend(properties(version, list));
    }
    frame(0xE0, &body)
}

pub(crate) fn subscribe(version: u8, packet_id: u16, filters: &[&str]) -> Vec<u8> {
    let mut body = packet_id.to_be_bytes().to_vec();
    body.extend(properties(version, &[]));
    for filter in filters {
        body.extend(text(filter.as_bytes()));
        body.push(0);
    }
    frame(0x82, &body)
}

pub(crate) fn unsubscribe(version: u8, packet_id: u16, filters: &[&str]) -> Vec<u8> {
    let mut body = packet_id.to_be_bytes().to_vec();
    body.extend(properties(version, &[]));
    body.extend(filters.iter().flat_map(|filter| text(filter.as_bytes())));
    frame(0xA2, &body)
}

/// A packet from the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Packet {
    pub(crate) first_byte: u8,
    pub(crate) body: Vec<u8>,
}

impl Packet {
    pub(crate) fn kind(&self) -> u8 {
        self.first_byte >> 4
    }

    /// The packet id of an acknowledgement.
    pub(crate) fn packet_id(&self) -> u16 {
        u16::from_be_bytes([self.body[0], self.body[1]])
    }

    /// The reason code, where the short form means success [MQTT-3.4.2-1].
    pub(crate) fn reason(&self) -> u8 {
        let at = match self.kind() {
            CONNACK => 1,
            DISCONNECT => 0,
            _ => 2,
        };
        self.body.get(at).copied().unwrap_or(0)
    }

    /// The properties of a version 5 CONNACK by identifier; numbers are left as their bytes.
    pub(crate) fn connack_properties(&self) -> BTreeMap<u8, Vec<u8>> {
        let mut rest = &self.body[2..];
        let length = take_varint(&mut rest);
        assert_eq!(
            rest.len(),
            length,
            "the properties fill the rest of a CONNACK"
        );
        let mut found = BTreeMap::new();
        while let [identifier, tail @ ..] = rest {
            let bytes = match *identifier {
                0x24 | 0x25 | 0x28 | 0x29 | 0x2A => 1,
                0x13 | 0x21 | 0x22 => 2,
                0x11 | 0x27 => 4,
                0x12 | 0x15 | 0x16 | 0x1A | 0x1C | 0x1F => 2 + short(tail),
                0x26 => 4 + short(tail) + short(&tail[2 + short(tail)..]),
                other => panic!("property {other:#04x} has no place in a CONNACK"),
            };
            let again = found.insert(*identifier, tail[..bytes].to_vec());
            assert!(
                again.is_none() || *identifier == 0x26,
                "property {identifier:#04x} twice"
            );
            rest = &tail[bytes..];
        }
        found
    }
}

pub(super) fn short(bytes: &[u8]) -> usize {
    usize::from(u16::from_be_bytes([bytes[0], bytes[1]]))
}

pub(super) fn take_varint(rest: &mut &[u8]) -> usize {
    let mut value = 0;
    for shift in (0..28).step_by(7) {
        let byte = rest[0];
        *rest = &rest[1..];
        value |= usize::from(byte & 0x7F) << shift;
        if byte < 0x80 {
            break;
        }
    }
    value
}

/// Takes the first whole packet off the front of what was received.
pub(crate) fn take_packet(received: &mut Vec<u8>) -> Option<Packet> {
    let end_of_length = received
        .iter()
        .skip(1)
        .take(4)
        .position(|byte| *byte < 0x80)?
        + 2;
    let length = take_varint(&mut &received[1..end_of_length]);
    if received.len() < end_of_length + length {
        return None;
    }
    let packet: Vec<u8> = received.drain(..end_of_length + length).collect();
    Some(Packet {
        first_byte: packet[0],
        body: packet[end_of_length..].to_vec(),
    })
}
