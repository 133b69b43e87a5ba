//! A raw MQTT client: it sends any bytes and reads packets, and knows no more than a test tells it.

use super::DEADLINE;
use super::delivery::Delivery;
use super::gateway::Gateway;
use super::wire::*;
use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
use std::collections::{BTreeSet, VecDeque};
use std::io::{ErrorKind, Read};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// One connection to the gateway.
pub(crate) struct Client {
    stream: TcpStream,
    version: u8,
    received: Vec<u8>,
    next_packet_id: u16,
    /// Deliveries that came while an answer was waited for; see `subscriber.rs`.
    pub(super) inbox: VecDeque<Delivery>,
    /// QoS 2 packet ids that wait for their PUBREL: part of the session, not of the connection.
    pub(super) unreleased: BTreeSet<u16>,
}

impl Client {
    /// A TCP connection that has said nothing yet.
    pub(crate) fn dial(target: SocketAddr, version: u8) -> Client {
        Client::on(
            TcpStream::connect(target).expect("the gateway accepts"),
            version,
        )
    }

    /// The same from an address of this machine's own choosing.
    pub(crate) fn dial_from(source: Ipv4Addr, target: SocketAddr, version: u8) -> Client {
        let socket = socket(AddressFamily::INET, SocketType::STREAM, None);
        let socket = socket.expect("there is a descriptor left");
        bind(&socket, &SocketAddr::from((source, 0))).expect("the address is this machine's");
        connect(&socket, &target).expect("the gateway accepts");
        Client::on(TcpStream::from(socket), version)
    }

    fn on(stream: TcpStream, version: u8) -> Client {
        stream.set_nodelay(true).expect("TCP has no-delay");
        stream
            .set_read_timeout(Some(DEADLINE))
            .expect("a socket takes a timeout");
        stream
            .set_write_timeout(Some(DEADLINE))
            .expect("a socket takes a timeout");
        Client {
            stream,
            version,
            received: Vec::new(),
            next_packet_id: 1,
            inbox: VecDeque::new(),
            unreleased: BTreeSet::new(),
        }
    }

    /// A client that the gateway has welcomed.
    pub(crate) fn connect(gateway: &Gateway, version: u8, client_id: &str) -> Client {
        Client::connect_to(gateway.mqtt(), Connect::new(version, client_id)).0
    }

    /// The same with every field of the CONNECT chosen; returns the CONNACK too.
    pub(crate) fn connect_to(target: SocketAddr, connect: Connect<'_>) -> (Client, Packet) {
        let mut client = Client::dial(target, connect.version);
        client.send(&connect.encode());
        let connack = client.expect(CONNACK);
        assert_eq!(
            connack.reason(),
            0,
            "{} is welcome: {connack:?}",
            connect.client_id
        );
        (client, connack)
    }

    pub(crate) fn version(&self) -> u8 {
        self.version
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Sends bytes that the gateway is bound to take.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        super::send_all(&self.stream, bytes);
    }

    /// Sends bytes to a gateway that may close before it has read them all.
    pub(crate) fn send_unless_closed(&mut self, bytes: &[u8]) {
        super::send_unless_closed(&self.stream, bytes);
    }

    /// The next packet, or `None` when the gateway has closed the connection.
    pub(crate) fn packet(&mut self) -> Option<Packet> {
        loop {
            if let Some(packet) = take_packet(&mut self.received) {
                return Some(packet);
            }
            let mut chunk = [0; 16 << 10];
            match self.stream.read(&mut chunk) {
                Ok(0) => {
                    assert!(self.received.is_empty(), "cut packet: {:?}", self.received);
                    return None;
                }
                Ok(length) => self.received.extend_from_slice(&chunk[..length]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("nothing came from the gateway: {error}"),
            }
        }
    }

    /// The next packet, which must be of this kind.
    pub(crate) fn expect(&mut self, kind: u8) -> Packet {
        let packet = self
            .packet()
            .unwrap_or_else(|| panic!("closed instead of a packet {kind}"));
        assert_eq!(packet.kind(), kind, "wanted a packet {kind}: {packet:?}");
        packet
    }

    /// The connection ends: in version 5 after a DISCONNECT with one of these reasons, earlier
    /// versions know no such packet from the server [MQTT-3.14.0-1].
    pub(crate) fn expect_end(&mut self, reasons: &[u8], why: &str) {
        if self.version == V5 {
            let packet = self.packet();
            let packet = packet.unwrap_or_else(|| panic!("{why}: closed without DISCONNECT"));
            assert_eq!(packet.kind(), DISCONNECT, "{why}: {packet:?}");
            let reason = packet.reason();
            assert!(
                reasons.contains(&reason),
                "{why}: {reason:#04x}, not one of {reasons:x?}"
            );
        }
        let after = self.packet();
        assert_eq!(after, None, "{why}: nothing comes after the end");
    }

    /// A ping and its answer.
    pub(crate) fn ping(&mut self) {
        self.send(&PINGREQ_BYTES);
        self.expect(PINGRESP);
    }

    /// Publishes at QoS 1 and waits for the acknowledgement.
    pub(crate) fn publish(&mut self, topic: &str, payload: &[u8]) {
        let packet_id = self.take_packet_id();
        self.send(&Publish::qos1(packet_id, topic, payload).encode(self.version));
        let puback = self.expect(PUBACK);
        assert_eq!(
            (puback.packet_id(), puback.reason()),
            (packet_id, 0),
            "{puback:?}"
        );
    }

    pub(crate) fn take_packet_id(&mut self) -> u16 {
        let packet_id = self.next_packet_id;
        self.next_packet_id = packet_id.checked_add(1).unwrap_or(1);
        packet_id
    }

    /// Tells the gateway that no more will come, as a peer does that closes in good order.
    pub(crate) fn finish_sending(&self) {
        // The gateway may have closed first.
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Ends the connection with a reset, as a crashed host or a NAT does.
    pub(crate) fn reset(self) {
        rustix::net::sockopt::set_socket_linger(&self.stream, Some(Duration::ZERO))
            .expect("a socket takes SO_LINGER");
    }
}
