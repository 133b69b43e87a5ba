//! A client of the tests: it sends any bytes, reads packets, and acknowledges what it is told to.

use crate::connect::Connect;
use crate::target::Target;
use crate::wire::*;
use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

/// How long an answer may take before the test gives up; generous, since the machine may be busy.
const DEADLINE: Duration = Duration::from_secs(10);

/// Nothing came within the deadline.
#[derive(Debug)]
pub(crate) struct Silence;

pub(crate) struct Peer {
    stream: TcpStream,
    pub(crate) version: u8,
    received: Vec<u8>,
    /// The server may close without saying why [MQTT-4.13.1-1]; ours never does.
    silence_is_fine: bool,
    /// Messages that came while something else was awaited.
    inbox: VecDeque<Packet>,
    next_id: u16,
}

impl Peer {
    /// A TCP connection that has said nothing yet.
    pub(crate) fn dial(target: &Target, version: u8) -> Peer {
        let stream = TcpStream::connect(target.address()).expect("the server accepts");
        stream.set_nodelay(true).expect("TCP has no-delay");
        let deadline = Some(DEADLINE);
        stream
            .set_read_timeout(deadline)
            .expect("a socket takes a timeout");
        stream
            .set_write_timeout(deadline)
            .expect("a socket takes a timeout");
        Peer {
            stream,
            version,
            received: Vec::new(),
            silence_is_fine: target.is_foreign(),
            inbox: VecDeque::new(),
            next_id: 1,
        }
    }

    /// A client that was let in, and its CONNACK.
    pub(crate) fn open(target: &Target, connect: &Connect) -> (Peer, Packet) {
        let mut peer = Peer::dial(target, connect.version);
        peer.send(&connect.encode());
        let connack = peer.expect(CONNACK);
        assert_eq!(connack.reason(), 0, "accepted: {connack:x?}");
        (peer, connack)
    }

    /// A client with a clean session.
    pub(crate) fn join(target: &Target, version: u8, client_id: &str) -> Peer {
        Peer::open(target, &Connect::new(version, client_id)).0
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the server reads");
    }

    /// Sends bytes to a server that may close before it has read them all.
    pub(crate) fn send_unless_closed(&mut self, bytes: &[u8]) {
        if let Err(error) = self.stream.write_all(bytes) {
            let closed = [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe];
            assert!(closed.contains(&error.kind()), "sending failed: {error}");
        }
    }

    /// The next packet, or `None` at the end of the connection.
    pub(crate) fn packet_or_silence(&mut self) -> Result<Option<Packet>, Silence> {
        loop {
            if let Some(packet) = take_packet(&mut self.received) {
                return Ok(Some(packet));
            }
            let mut chunk = [0; 16 << 10];
            match self.stream.read(&mut chunk) {
                Ok(0) => return Ok(None),
                Ok(length) => self.received.extend_from_slice(&chunk[..length]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(None),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Err(Silence),
                Err(error) => panic!("reading failed: {error}"),
            }
        }
    }

    /// The next packet, or `None` at the end of the connection.
    pub(crate) fn packet(&mut self) -> Option<Packet> {
        self.packet_or_silence()
            .expect("something comes before the deadline")
    }

    /// The next packet but for messages, which wait for [`Self::message`].
    pub(crate) fn expect(&mut self, kind: u8) -> Packet {
        loop {
            let packet = self.packet();
            let packet = packet.unwrap_or_else(|| panic!("the end instead of a packet {kind}"));
            if packet.kind() == PUBLISH && kind != PUBLISH {
                self.inbox.push_back(packet);
                continue;
            }
            assert_eq!(packet.kind(), kind, "wanted a packet {kind}: {packet:x?}");
            return packet;
        }
    }

    /// The connection ends: in MQTT 5 after a DISCONNECT with one of these reasons.
    pub(crate) fn expect_end(&mut self, reasons: &[u8]) {
        let mut last = self.packet();
        while last.as_ref().is_some_and(|packet| packet.kind() == PUBLISH) {
            last = self.packet();
        }
        if let Some(packet) = last {
            assert!(
                self.version == V5,
                "only MQTT 5 has last words: {packet:x?}"
            );
            let said = (packet.kind(), reasons.contains(&packet.reason()));
            assert_eq!(said, (DISCONNECT, true), "not of {reasons:x?}: {packet:x?}");
            assert_eq!(self.packet(), None, "nothing comes after the end");
        } else {
            let may_be_silent = self.version < V5 || self.silence_is_fine;
            assert!(may_be_silent, "the end without a reason");
        }
    }

    /// Says DISCONNECT; what becomes of the connection after that is the server's affair.
    pub(crate) fn leave(mut self) {
        self.send_unless_closed(&[0xE0, 0]);
        let _ = self.stream.shutdown(Shutdown::Write);
        // The end of the connection: whoever comes next finds the session unconnected.
        while let Ok(Some(_)) = self.packet_or_silence() {}
    }

    /// Goes without a word, as a network that fails.
    pub(crate) fn vanish(self) {
        drop(self);
    }

    pub(crate) fn take_id(&mut self) -> u16 {
        let id = self.next_id;
        self.next_id = id.checked_add(1).unwrap_or(1);
        id
    }

    /// Subscribes to one filter and returns the code that granted or refused it.
    pub(crate) fn ask(&mut self, filter: &str, options: u8, list: &[u8]) -> u8 {
        let id = self.take_id();
        self.send(&subscribe(self.version, id, list, &[(filter, options)]));
        let suback = self.expect(SUBACK);
        assert_eq!(
            suback.id(),
            id,
            "the SUBACK has the SUBSCRIBE's id [MQTT-3.8.4-2]"
        );
        let codes = suback.codes(self.version);
        assert_eq!(
            codes.len(),
            1,
            "one code per filter [MQTT-3.8.4-6]: {suback:x?}"
        );
        codes[0]
    }

    /// The same, and the QoS asked for must be granted.
    pub(crate) fn subscribe(&mut self, filter: &str, options: u8) {
        let code = self.ask(filter, options, &[]);
        assert_eq!(code, options & 0b11, "{filter} is granted as asked for");
    }

    pub(crate) fn unsubscribe(&mut self, filter: &str) {
        let id = self.take_id();
        self.send(&unsubscribe(self.version, id, &[], &[filter]));
        let unsuback = self.expect(UNSUBACK);
        assert_eq!(unsuback.id(), id, "the UNSUBACK has its id [MQTT-3.10.4-5]");
    }

    /// Publishes and finishes the handshake of the QoS that the flags say.
    pub(crate) fn publish(&mut self, flags: u8, topic: &str, payload: &str) {
        self.publish_with(flags, topic, &[], payload.as_bytes());
    }

    pub(crate) fn publish_with(&mut self, flags: u8, topic: &str, list: &[u8], payload: &[u8]) {
        let id = if flags & 0b0110 == 0 {
            0
        } else {
            self.take_id()
        };
        self.send(&publish(
            self.version,
            flags,
            topic.as_bytes(),
            id,
            list,
            payload,
        ));
        match flags >> 1 & 0b11 {
            1 => assert_eq!(self.expect(PUBACK).id(), id, "[MQTT-4.3.2-4]"),
            2 => {
                assert_eq!(self.expect(PUBREC).id(), id, "[MQTT-4.3.3-8]");
                self.send(&acknowledge(0x62, id));
                assert_eq!(self.expect(PUBCOMP).id(), id, "[MQTT-4.3.3-11]");
            }
            _ => {}
        }
    }

    /// Messages of QoS 1 and 2 that have come and were not taken yet.
    pub(crate) fn untaken_count(&self) -> usize {
        let has_id = |packet: &&Packet| packet.first_byte & 0b0110 != 0;
        self.inbox.iter().filter(has_id).count()
    }

    /// The next message, not acknowledged.
    pub(crate) fn take_message(&mut self) -> Message {
        let packet = self.inbox.pop_front();
        let packet = packet.unwrap_or_else(|| self.expect(PUBLISH));
        Message::read(self.version, &packet)
    }

    /// The next message, acknowledged as its QoS asks for.
    pub(crate) fn message(&mut self) -> Message {
        let message = self.take_message();
        match message.qos {
            1 => self.send(&acknowledge(0x40, message.id)),
            2 => {
                self.send(&acknowledge(0x50, message.id));
                assert_eq!(self.expect(PUBREL).id(), message.id, "[MQTT-4.3.3-4]");
                self.send(&acknowledge(0x70, message.id));
            }
            _ => {}
        }
        message
    }

    /// The next message, which must be this one.
    pub(crate) fn hears(&mut self, topic: &str, payload: &str) -> Message {
        let message = self.message();
        let came = (&message.topic[..], &message.text()[..]);
        assert_eq!(came, (topic, payload), "{message:x?}");
        message
    }

    /// Nothing of what `other` has published so far is still to come: what it publishes now comes
    /// next.
    pub(crate) fn hears_no_more_from(&mut self, other: &mut Peer, target: &Target) {
        let topic = target.unique("the/last/word");
        self.subscribe(&topic, 1);
        other.publish(0b0010, &topic, "last");
        self.hears(&topic, "last");
    }

    pub(crate) fn ping(&mut self) {
        self.send(&PINGREQ_BYTES);
        self.expect(PINGRESP);
    }
}

/// PUBACK, PUBREC, PUBREL or PUBCOMP in their shortest form.
pub(crate) fn acknowledge(first_byte: u8, id: u16) -> Vec<u8> {
    frame(first_byte, &id.to_be_bytes())
}
