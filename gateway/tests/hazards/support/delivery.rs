//! Takes apart a PUBLISH that the gateway sent.

use super::property::*;
use super::wire::*;

/// A message on its way to a subscriber.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) qos: u8,
    pub(crate) dup: bool,
    pub(crate) retain: bool,
    /// 0 at QoS 0.
    pub(crate) packet_id: u16,
    /// In the order they came, each with its value's bytes.
    pub(crate) properties: Vec<(u8, Vec<u8>)>,
}

impl Delivery {
    pub(crate) fn from_packet(packet: &Packet, version: u8) -> Delivery {
        assert_eq!(packet.kind(), PUBLISH, "{packet:?}");
        let (topic, mut rest) = take(&packet.body, 2 + short(&packet.body));
        let qos = packet.first_byte >> 1 & 3;
        let mut packet_id = 0;
        if qos > 0 {
            packet_id = short(rest) as u16;
            rest = &rest[2..];
        }
        let mut properties = Vec::new();
        if version == V5 {
            let length = take_varint(&mut rest);
            let (list, payload) = take(rest, length);
            properties = each(list);
            rest = payload;
        }
        Delivery {
            topic: String::from_utf8(topic[2..].to_vec()).expect("[MQTT-3.3.2-1]"),
            payload: rest.to_vec(),
            qos,
            dup: packet.first_byte & 0x08 != 0,
            retain: packet.first_byte & 0x01 != 0,
            packet_id,
            properties,
        }
    }

    /// The payload as a number written in decimal.
    pub(crate) fn number(&self) -> u64 {
        let text = String::from_utf8_lossy(&self.payload);
        let digits = text.split(' ').next().and_then(|word| word.parse().ok());
        digits.unwrap_or_else(|| panic!("no number in front: {self:?}"))
    }

    pub(crate) fn property(&self, identifier: u8) -> Option<&[u8]> {
        let mut all = self.properties.iter();
        all.find(|(found, _)| *found == identifier)
            .map(|(_, value)| &value[..])
    }

    /// What is left of its life, in seconds.
    pub(crate) fn expiry_secs(&self) -> Option<u32> {
        let value = self.property(MESSAGE_EXPIRY)?;
        Some(u32::from_be_bytes(value.try_into().expect("four bytes")))
    }
}

fn each(mut list: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut found = Vec::new();
    while let [identifier, tail @ ..] = list {
        let bytes = match *identifier {
            0x01 => 1,
            0x23 => 2,
            MESSAGE_EXPIRY => 4,
            CONTENT_TYPE | 0x08 | 0x09 => 2 + short(tail),
            USER_PROPERTY => 4 + short(tail) + short(&tail[2 + short(tail)..]),
            SUBSCRIPTION_IDENTIFIER => {
                1 + tail.iter().position(|byte| *byte < 0x80).expect("an end")
            }
            other => panic!("property {other:#04x} has no place in a PUBLISH"),
        };
        found.push((*identifier, tail[..bytes].to_vec()));
        list = &tail[bytes..];
    }
    found
}

fn take(bytes: &[u8], length: usize) -> (&[u8], &[u8]) {
    bytes.split_at(length)
}
