//! A client of the tests: it sends any bytes, reads packets, and acknowledges what it is told to.

use crate::connect::Connect;
use crate::target::Target;
use crate::wire::*;
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

    /// The next packet, which must be of this kind.
    pub(crate) fn expect(&mut self, kind: u8) -> Packet {
        let packet = self.packet();
        let packet = packet.unwrap_or_else(|| panic!("the end instead of a packet {kind}"));
        assert_eq!(packet.kind(), kind, "wanted a packet {kind}: {packet:x?}");
        packet
    }

    /// The connection ends: in MQTT 5 after a DISCONNECT with one of these reasons.
    pub(crate) fn expect_end(&mut self, reasons: &[u8]) {
        if self.version == V5 {
            let reason = self.expect(DISCONNECT).reason();
            assert!(
                reasons.contains(&reason),
                "{reason:#04x}, not of {reasons:x?}"
            );
        }
        assert_eq!(self.packet(), None, "nothing comes after the end");
    }

    /// Says DISCONNECT; what becomes of the connection after that is the server's affair.
    pub(crate) fn leave(mut self) {
        self.send_unless_closed(&[0xE0, 0]);
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    pub(crate) fn take_id(&mut self) -> u16 {
        let id = self.next_id;
        self.next_id = id.checked_add(1).unwrap_or(1);
        id
    }
}
