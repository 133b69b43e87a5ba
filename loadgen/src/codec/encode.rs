//! Writes the packets that a publishing client sends.

use super::{Version, packet};

pub const PINGREQ: [u8; 2] = [packet::PINGREQ << 4, 0];
/// The property Session Expiry Interval (MQTT 5, 3.1.2.11.2).
const SESSION_EXPIRY: u8 = 0x11;
/// Normal disconnection; without a body it means reason 0x00 in MQTT 5 too.
pub const DISCONNECT: [u8; 2] = [packet::DISCONNECT << 4, 0];

/// Appends a CONNECT with a clean start, no will and no credentials.
pub fn connect(out: &mut Vec<u8>, version: Version, client_id: &[u8], keepalive_secs: u16) {
    let properties: &[u8] = if version == Version::V5 { &[0] } else { &[] };
    hello(out, (version, 0x02, keepalive_secs), properties, client_id);
}

/// Appends a CONNECT that resumes a session, or begins one that stays for this long.
pub fn connect_again(
    out: &mut Vec<u8>,
    version: Version,
    client_id: &[u8],
    keepalive_secs: u16,
    expiry_secs: u32,
) {
    let [a, b, c, d] = expiry_secs.to_be_bytes();
    // MQTT 3.1.1 has no expiry: without a clean session it stays [MQTT-3.1.2-4].
    let properties: &[u8] = match version {
        Version::V5 => &[5, SESSION_EXPIRY, a, b, c, d],
        Version::V311 => &[],
    };
    hello(out, (version, 0, keepalive_secs), properties, client_id);
}

fn hello(
    out: &mut Vec<u8>,
    (version, flags, keepalive_secs): (Version, u8, u16),
    properties: &[u8],
    client_id: &[u8],
) {
    out.push(packet::CONNECT << 4);
    length(out, 10 + properties.len() + 2 + client_id.len());
    string(out, b"MQTT");
    out.extend_from_slice(&[version as u8, flags]);
    out.extend_from_slice(&keepalive_secs.to_be_bytes());
    out.extend_from_slice(properties);
    string(out, client_id);
}

/// Appends a SUBSCRIBE to one filter at QoS 1.
pub fn subscribe(out: &mut Vec<u8>, version: Version, packet_id: u16, filter: &[u8]) {
    subscribe_at(out, version, packet_id, filter, 1);
}

/// Appends a SUBSCRIBE to one filter at this maximum QoS.
pub fn subscribe_at(out: &mut Vec<u8>, version: Version, packet_id: u16, filter: &[u8], qos: u8) {
    let property_bytes = usize::from(version == Version::V5);
    out.push(packet::SUBSCRIBE << 4 | 0x02);
    length(out, 2 + property_bytes + 2 + filter.len() + 1);
    out.extend_from_slice(&packet_id.to_be_bytes());
    if version == Version::V5 {
        out.push(0);
    }
    string(out, filter);
    out.push(qos);
}

/// Appends PUBACK, PUBREC, PUBREL or PUBCOMP with reason 0x00, which has the same bytes in both
/// versions.
pub fn acknowledge(out: &mut Vec<u8>, packet_type: u8, packet_id: u16) {
    // PUBREL carries 0b0010 in its low half [MQTT-3.6.1-1].
    let flags = if packet_type == packet::PUBREL {
        0x02
    } else {
        0
    };
    let [high, low] = packet_id.to_be_bytes();
    out.extend_from_slice(&[packet_type << 4 | flags, 2, high, low]);
}

/// The part of a device's PUBLISH that never changes: everything before the payload, made once so
/// that a message costs one copy and a few patched bytes.
pub struct PublishHead {
    bytes: Box<[u8]>,
    packet_id_at: usize,
}

impl PublishHead {
    pub fn new(version: Version, qos: u8, topic: &[u8], payload_bytes: usize) -> Self {
        let property_bytes = usize::from(version == Version::V5);
        let id_bytes = if qos > 0 { 2 } else { 0 };
        let mut bytes = vec![packet::PUBLISH << 4 | qos << 1];
        length(
            &mut bytes,
            2 + topic.len() + id_bytes + property_bytes + payload_bytes,
        );
        string(&mut bytes, topic);
        let packet_id_at = bytes.len();
        bytes.resize(bytes.len() + id_bytes + property_bytes, 0);
        Self {
            bytes: bytes.into(),
            packet_id_at,
        }
    }

    /// Bytes of a PUBLISH without its payload.
    pub fn head_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Appends everything of a PUBLISH but its payload; the packet id is left out at QoS 0.
    pub fn write(&self, out: &mut Vec<u8>, packet_id: Option<u16>, duplicate: bool) {
        let start = out.len();
        out.extend_from_slice(&self.bytes);
        if duplicate {
            out[start] |= 0x08;
        }
        if let Some(id) = packet_id {
            let at = start + self.packet_id_at;
            out[at..at + 2].copy_from_slice(&id.to_be_bytes());
        }
    }
}

fn string(out: &mut Vec<u8>, text: &[u8]) {
    let bytes = u16::try_from(text.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&bytes.to_be_bytes());
    out.extend_from_slice(&text[..usize::from(bytes)]);
}

fn length(out: &mut Vec<u8>, mut value: usize) {
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}
