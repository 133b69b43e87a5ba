//! Packets as this test writes and reads them; it shares no code with the gateway's codec.

pub(crate) use crate::support::wire::{
    CONNACK, DISCONNECT, PINGREQ_BYTES, PINGRESP, PUBACK, PUBCOMP, PUBREC, SUBACK, UNSUBACK, V5,
    V31, V311, frame, text, varint,
};

pub(crate) const PUBLISH: u8 = 3;
pub(crate) const PUBREL: u8 = 6;

/// A property section: its length, then the properties; nothing before MQTT 5.
pub(crate) fn section(version: u8, list: &[u8]) -> Vec<u8> {
    match version {
        V5 => [varint(list.len()), list.to_vec()].concat(),
        _ => Vec::new(),
    }
}

/// SUBSCRIBE with one options byte per filter.
pub(crate) fn subscribe(version: u8, id: u16, list: &[u8], filters: &[(&str, u8)]) -> Vec<u8> {
    let mut body = id.to_be_bytes().to_vec();
    body.extend(section(version, list));
    for (filter, options) in filters {
        body.extend(text(filter.as_bytes()));
        body.push(*options);
    }
    frame(0x82, &body)
}

pub(crate) fn unsubscribe(version: u8, id: u16, list: &[u8], filters: &[&str]) -> Vec<u8> {
    let mut body = id.to_be_bytes().to_vec();
    body.extend(section(version, list));
    body.extend(filters.iter().flat_map(|filter| text(filter.as_bytes())));
    frame(0xA2, &body)
}

/// PUBLISH with any flags: the packet id is there when they say QoS 1, 2 or 3.
pub(crate) fn publish(
    version: u8,
    flags: u8,
    topic: &[u8],
    id: u16,
    list: &[u8],
    payload: &[u8],
) -> Vec<u8> {
    let mut body = text(topic);
    if flags & 0b0110 != 0 {
        body.extend(id.to_be_bytes());
    }
    body.extend(section(version, list));
    body.extend(payload);
    frame(0x30 | flags, &body)
}

/// A packet from the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Packet {
    pub(crate) first_byte: u8,
    pub(crate) body: Vec<u8>,
}

impl Packet {
    pub(crate) fn kind(&self) -> u8 {
        self.first_byte >> 4
    }

    /// The packet id of anything but a PUBLISH.
    pub(crate) fn id(&self) -> u16 {
        match self.body[..] {
            [high, low, ..] => u16::from_be_bytes([high, low]),
            _ => 0,
        }
    }

    /// The reason code, where an absent one means success [MQTT-3.4.2-1].
    pub(crate) fn reason(&self) -> u8 {
        let at = match self.kind() {
            CONNACK => 1,
            DISCONNECT => 0,
            _ => 2,
        };
        self.body.get(at).copied().unwrap_or(0)
    }

    /// The codes of a SUBACK or UNSUBACK, one per filter.
    pub(crate) fn codes(&self, version: u8) -> &[u8] {
        let mut rest = self.body.get(2..).unwrap_or_default();
        if version == V5 {
            let length = take_varint(&mut rest);
            rest = rest.get(length..).unwrap_or_default();
        }
        rest
    }

    pub(crate) fn session_present(&self) -> bool {
        self.body.first() == Some(&1)
    }

    /// The properties of a CONNACK of MQTT 5.
    pub(crate) fn properties(&self) -> Vec<(u8, Vec<u8>)> {
        read_section(&mut &self.body[2..])
    }

    /// The value of one property of a CONNACK of MQTT 5.
    pub(crate) fn property(&self, id: u8) -> Option<Vec<u8>> {
        let found = self
            .properties()
            .into_iter()
            .find(|(other, _)| *other == id);
        found.map(|(_, value)| value)
    }
}

/// A PUBLISH from the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) qos: u8,
    pub(crate) dup: bool,
    pub(crate) retain: bool,
    pub(crate) id: u16,
    pub(crate) properties: Vec<(u8, Vec<u8>)>,
}

impl Message {
    pub(crate) fn read(version: u8, packet: &Packet) -> Message {
        assert_eq!(packet.kind(), PUBLISH, "wanted a PUBLISH: {packet:x?}");
        let flags = packet.first_byte & 0x0F;
        let qos = flags >> 1 & 0b11;
        let mut rest = &packet.body[..];
        let topic = take_text(&mut rest);
        let id = if qos > 0 { take_short(&mut rest) } else { 0 };
        let properties = match version {
            V5 => read_section(&mut rest),
            _ => Vec::new(),
        };
        Message {
            topic: String::from_utf8(topic).expect("a topic is UTF-8 [MQTT-3.3.2-1]"),
            payload: rest.to_vec(),
            qos,
            dup: flags & 0b1000 != 0,
            retain: flags & 1 != 0,
            id,
            properties,
        }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.payload).into_owned()
    }

    /// Every value of a property, in order.
    pub(crate) fn values(&self, id: u8) -> Vec<&[u8]> {
        let of_id = self.properties.iter().filter(|(other, _)| *other == id);
        of_id.map(|(_, value)| &value[..]).collect()
    }
}

/// Reads a property section; integers stay bytes, but for the variable ones, which become four.
fn read_section(rest: &mut &[u8]) -> Vec<(u8, Vec<u8>)> {
    let length = take_varint(rest);
    let (mut inside, after) = rest.split_at(length);
    *rest = after;
    let mut found = Vec::new();
    while let [id, tail @ ..] = inside {
        inside = tail;
        let value = match *id {
            0x01 | 0x17 | 0x19 | 0x24 | 0x25 | 0x28 | 0x29 | 0x2A => take(&mut inside, 1),
            0x13 | 0x21 | 0x22 | 0x23 => take(&mut inside, 2),
            0x02 | 0x11 | 0x18 | 0x27 => take(&mut inside, 4),
            0x0B => (take_varint(&mut inside) as u32).to_be_bytes().to_vec(),
            0x26 => {
                let name = take_text(&mut inside);
                [text(&name), text(&take_text(&mut inside))].concat()
            }
            _ => take_text(&mut inside),
        };
        found.push((*id, value));
    }
    found
}

fn take(rest: &mut &[u8], bytes: usize) -> Vec<u8> {
    let (taken, after) = rest.split_at(bytes);
    *rest = after;
    taken.to_vec()
}

fn take_short(rest: &mut &[u8]) -> u16 {
    let bytes = take(rest, 2);
    u16::from_be_bytes([bytes[0], bytes[1]])
}

fn take_text(rest: &mut &[u8]) -> Vec<u8> {
    let length = take_short(rest);
    take(rest, usize::from(length))
}

fn take_varint(rest: &mut &[u8]) -> usize {
    let mut value = 0;
    for shift in (0..28).step_by(7) {
        let [byte, after @ ..] = rest else { break };
        *rest = after;
        value |= usize::from(byte & 0x7F) << shift;
        if *byte < 0x80 {
            break;
        }
    }
    value
}

/// Takes the first whole packet off the front of what was received.
pub(crate) fn take_packet(received: &mut Vec<u8>) -> Option<Packet> {
    let lengths = received.iter().skip(1).take(4);
    let end_of_length = lengths.clone().position(|byte| *byte < 0x80)? + 2;
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
