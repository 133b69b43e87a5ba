//! The other half of the raw client: it subscribes, receives and acknowledges, and comes back to
//! its session.

use super::client::Client;
use super::delivery::Delivery;
use super::gateway::Gateway;
use super::property::{SESSION_EXPIRY, four};
use super::wire::*;

/// A configuration in which nothing goes to Kafka and a publish is acknowledged once its
/// subscribers have it, on more shards than one.
pub(crate) const LOCAL_ONLY: &str =
    "[shards]\ncount = 4\n\n[[route]]\nfilter = \"#\"\nkafka = false\n\n";

/// Long enough for any test.
pub(crate) const LASTING_SECS: u32 = 3600;

impl Client {
    /// Comes (back) to a session that outlives the connection; whether one was there.
    pub(crate) fn resume(gateway: &Gateway, version: u8, client_id: &str) -> (Client, bool) {
        let expiry = match version {
            V5 => four(SESSION_EXPIRY, LASTING_SECS),
            _ => Vec::new(),
        };
        let connect = Connect {
            clean: false,
            properties: &expiry,
            ..Connect::new(version, client_id)
        };
        let (client, connack) = Client::connect_to(gateway.mqtt(), connect);
        (client, connack.body[0] & 1 != 0)
    }

    /// Subscribes with these options (the QoS before version 5) and returns the answer.
    pub(crate) fn subscribe(&mut self, filter: &str, options: u8) -> u8 {
        let packet_id = self.take_packet_id();
        let mut body = packet_id.to_be_bytes().to_vec();
        body.extend(properties(self.version(), &[]));
        body.extend(text(filter.as_bytes()));
        body.push(options);
        self.send(&frame(0x82, &body));
        let suback = self.answer(SUBACK);
        assert_eq!(suback.packet_id(), packet_id, "{suback:?}");
        *suback.body.last().expect("a reason for each filter")
    }

    /// The same where nothing else than what was asked for will do.
    pub(crate) fn subscribed(mut self, filter: &str, qos: u8) -> Client {
        assert_eq!(self.subscribe(filter, qos), qos, "{filter} is granted");
        self
    }

    pub(crate) fn unsubscribe(&mut self, filter: &str) {
        let packet_id = self.take_packet_id();
        self.send(&unsubscribe(self.version(), packet_id, &[filter]));
        assert_eq!(self.answer(UNSUBACK).packet_id(), packet_id);
    }

    /// Publishes at QoS 1 and waits for an acknowledgement that is no refusal; a reason other than
    /// success may say that nobody was there. Deliveries that come meanwhile are kept.
    pub(crate) fn announce(&mut self, publish: Publish<'_>) -> u8 {
        let packet_id = self.take_packet_id();
        let publish = Publish {
            qos: 1,
            packet_id,
            ..publish
        };
        self.send(&publish.encode(self.version()));
        let puback = self.answer(PUBACK);
        assert_eq!(puback.packet_id(), packet_id, "{puback:?}");
        puback.reason()
    }

    /// The next packet that is neither a delivery nor part of one.
    pub(crate) fn answer(&mut self, kind: u8) -> Packet {
        loop {
            let packet = self.packet();
            let packet = packet.unwrap_or_else(|| panic!("closed instead of a packet {kind}"));
            if packet.kind() == kind {
                return packet;
            }
            match self.take_in(&packet) {
                Some(delivery) => self.inbox.push_back(delivery),
                None => assert_eq!(packet.kind(), PUBREL, "wanted a packet {kind}: {packet:?}"),
            }
        }
    }

    /// The next packet of any kind; a delivery is answered, and kept in the inbox when it is new.
    pub(crate) fn packet_or_delivery(&mut self) -> Option<Packet> {
        let packet = self.packet()?;
        let delivery = self.take_in(&packet);
        self.inbox.extend(delivery);
        Some(packet)
    }

    /// The deliveries that were kept.
    pub(crate) fn kept(&mut self) -> impl Iterator<Item = Delivery> {
        self.inbox.drain(..)
    }

    /// The next message, acknowledged as its QoS wants it; a repeated QoS 2 message is answered
    /// and not told again [MQTT-4.3.3-10].
    pub(crate) fn receive(&mut self) -> Delivery {
        self.receive_unless_closed()
            .unwrap_or_else(|| panic!("closed instead of a message"))
    }

    /// The same, or `None` when the connection has ended or a DISCONNECT came.
    pub(crate) fn receive_unless_closed(&mut self) -> Option<Delivery> {
        if let Some(delivery) = self.inbox.pop_front() {
            return Some(delivery);
        }
        loop {
            let packet = self.packet()?;
            if packet.kind() == DISCONNECT {
                return None;
            }
            if let Some(delivery) = self.take_in(&packet) {
                return Some(delivery);
            }
        }
    }

    /// The next message, and no answer to it.
    pub(crate) fn receive_in_silence(&mut self) -> Delivery {
        let packet = self.expect(PUBLISH);
        Delivery::from_packet(&packet, self.version())
    }

    /// Everything up to the message with this payload, which is not among it.
    pub(crate) fn receive_until(&mut self, last: &[u8]) -> Vec<Delivery> {
        let next = || Some(self.receive()).filter(|delivery| delivery.payload != last);
        std::iter::from_fn(next).collect()
    }

    /// Answers what belongs to a delivery; returns the message when it is a new one.
    fn take_in(&mut self, packet: &Packet) -> Option<Delivery> {
        if packet.kind() == PUBREL {
            self.unreleased.remove(&packet.packet_id());
            self.send_unless_closed(&frame(0x70, &packet.packet_id().to_be_bytes()));
            return None;
        }
        if packet.kind() != PUBLISH {
            return None;
        }
        let delivery = Delivery::from_packet(packet, self.version());
        let packet_id = delivery.packet_id.to_be_bytes();
        match delivery.qos {
            0 => {}
            1 => self.send_unless_closed(&frame(0x40, &packet_id)),
            _ => {
                let is_new = self.unreleased.insert(delivery.packet_id);
                self.send_unless_closed(&frame(0x50, &packet_id));
                return is_new.then_some(delivery);
            }
        }
        Some(delivery)
    }

    /// Leaves in good order and waits until the gateway has seen it.
    pub(crate) fn leave(mut self, reason: u8, list: &[u8]) {
        self.send(&disconnect(self.version(), reason, list));
        while self.packet().is_some() {}
    }
}
