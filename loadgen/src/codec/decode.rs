//! Reads what a server says to a client.

use super::{Malformed, Version, packet};

/// One packet from the server, as far as a load generator cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Connack(Connack),
    Ack {
        packet_type: u8,
        packet_id: u16,
        reason: u8,
    },
    Suback {
        reason: u8,
    },
    Publish {
        qos: u8,
        packet_id: u16,
    },
    Pingresp,
    Disconnect {
        reason: u8,
    },
}

/// The CONNACK with the limits that a client has to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connack {
    pub reason: u8,
    pub session_present: bool,
    pub receive_maximum: u16,
    pub maximum_qos: u8,
    pub maximum_packet_bytes: u32,
    pub server_keepalive_secs: Option<u16>,
}

/// Reads one frame.
pub fn answer(version: Version, first_byte: u8, body: &[u8]) -> Result<Answer, Malformed> {
    let packet_type = first_byte >> 4;
    let cut = Malformed::Truncated(packet_type);
    match packet_type {
        packet::CONNACK => connack(version, body).map(Answer::Connack),
        packet::PUBACK | packet::PUBREC | packet::PUBREL | packet::PUBCOMP => Ok(Answer::Ack {
            packet_type,
            packet_id: u16_at(body, 0).ok_or(cut)?,
            reason: body.get(2).copied().unwrap_or(0),
        }),
        packet::SUBACK => Ok(Answer::Suback {
            reason: *body.last().ok_or(cut)?,
        }),
        packet::PUBLISH => {
            let qos = (first_byte >> 1) & 3;
            let topic_bytes = usize::from(u16_at(body, 0).ok_or(cut)?);
            let packet_id = match qos {
                0 => 0,
                _ => u16_at(body, 2 + topic_bytes).ok_or(cut)?,
            };
            Ok(Answer::Publish { qos, packet_id })
        }
        packet::PINGRESP => Ok(Answer::Pingresp),
        packet::DISCONNECT => Ok(Answer::Disconnect {
            reason: body.first().copied().unwrap_or(0),
        }),
        other => Err(Malformed::PacketType(other)),
    }
}

/// A PUBLISH from the server, whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publish<'a> {
    pub qos: u8,
    pub dup: bool,
    pub topic: &'a [u8],
    /// 0 at QoS 0.
    pub packet_id: u16,
    pub payload: &'a [u8],
}

/// Reads a PUBLISH with everything that a subscriber checks; its properties are stepped over.
pub fn publish(version: Version, first_byte: u8, body: &[u8]) -> Result<Publish<'_>, Malformed> {
    let cut = Malformed::Truncated(packet::PUBLISH);
    let qos = (first_byte >> 1) & 3;
    let topic_end = 2 + usize::from(u16_at(body, 0).ok_or(cut)?);
    let topic = body.get(2..topic_end).ok_or(cut)?;
    let (packet_id, mut at) = match qos {
        0 => (0, topic_end),
        _ => (u16_at(body, topic_end).ok_or(cut)?, topic_end + 2),
    };
    if version == Version::V5 {
        let (length, skip) = variable_length(body.get(at..).ok_or(cut)?).ok_or(cut)?;
        at += skip + length;
    }
    Ok(Publish {
        qos,
        dup: first_byte & 0x08 != 0,
        topic,
        packet_id,
        payload: body.get(at..).ok_or(cut)?,
    })
}

fn connack(version: Version, body: &[u8]) -> Result<Connack, Malformed> {
    let [flags, reason, rest @ ..] = body else {
        return Err(Malformed::Truncated(packet::CONNACK));
    };
    let mut connack = Connack {
        reason: *reason,
        session_present: flags & 1 != 0,
        receive_maximum: u16::MAX,
        maximum_qos: 2,
        maximum_packet_bytes: u32::MAX,
        server_keepalive_secs: None,
    };
    // A server that speaks only 3.1.1 refuses an MQTT 5 client with a CONNACK of two bytes.
    if version == Version::V5 && !rest.is_empty() {
        read_limits(&mut connack, rest)?;
    }
    Ok(connack)
}

fn read_limits(connack: &mut Connack, bytes: &[u8]) -> Result<(), Malformed> {
    let cut = Malformed::Truncated(packet::CONNACK);
    let (length, skip) = variable_length(bytes).ok_or(cut)?;
    let mut rest = bytes.get(skip..skip + length).ok_or(cut)?;
    while let [id, value @ ..] = rest {
        let bad = Malformed::Property(*id);
        let value_bytes = property_bytes(*id, value).ok_or(bad)?;
        match id {
            0x13 => connack.server_keepalive_secs = u16_at(value, 0),
            0x21 => connack.receive_maximum = u16_at(value, 0).ok_or(bad)?,
            0x24 => connack.maximum_qos = *value.first().ok_or(bad)?,
            0x27 => connack.maximum_packet_bytes = u32_at(value, 0).ok_or(bad)?,
            _ => {}
        }
        rest = value.get(value_bytes..).ok_or(bad)?;
    }
    Ok(())
}

/// How many bytes the value of a CONNACK property takes (MQTT 5, table 2-4).
fn property_bytes(id: u8, value: &[u8]) -> Option<usize> {
    match id {
        0x24 | 0x25 | 0x28 | 0x29 | 0x2a => Some(1),
        0x13 | 0x21 | 0x22 => Some(2),
        0x11 | 0x27 => Some(4),
        0x12 | 0x15 | 0x16 | 0x1a | 0x1c | 0x1f => Some(2 + usize::from(u16_at(value, 0)?)),
        0x26 => {
            let name_bytes = 2 + usize::from(u16_at(value, 0)?);
            Some(name_bytes + 2 + usize::from(u16_at(value, name_bytes)?))
        }
        _ => None,
    }
}

/// A variable byte integer, and how many bytes it takes.
pub fn variable_length(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0;
    for (index, byte) in bytes.iter().take(4).enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((value, index + 1));
        }
    }
    None
}

pub fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let two = bytes.get(at..at + 2)?;
    Some(u16::from_be_bytes([two[0], two[1]]))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at + 4)?;
    Some(u32::from_be_bytes([four[0], four[1], four[2], four[3]]))
}
