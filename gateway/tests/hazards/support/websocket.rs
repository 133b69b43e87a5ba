//! A WebSocket client of a few lines: it sends any frame, right or wrong, and takes the gateway's
//! frames apart, by RFC 6455 and without the gateway's own code.

use super::DEADLINE;
use super::gateway::Gateway;
use super::wire::*;
use std::io::{ErrorKind, Read};
use std::net::{SocketAddr, TcpStream};

pub(crate) const CONTINUATION: u8 = 0;
pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

/// The key of RFC 6455's example, and what must be answered to it [RFC 6455 1.3].
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

const MASK: [u8; 4] = [0x5A, 0x01, 0xFF, 0x80];

/// A listener for WebSockets beside the plain one, and no Kafka.
pub(crate) const LISTENERS: &str = "[listen.mqtt]\naddress = \"127.0.0.1:0\"\n\
    [listen.web]\nprotocol = \"ws\"\naddress = \"127.0.0.1:0\"\n\
    [[route]]\nfilter = \"#\"\ntopic = \"\"\n";

/// A request as browsers send it, with these lines changed or more.
pub(crate) fn request(path: &str, protocols: &str) -> Vec<u8> {
    format!(
        "GET {path} HTTP/1.1\r\nHost: gateway.example\r\nUpgrade: websocket\r\n\
         Connection: keep-alive, Upgrade\r\nOrigin: http://gateway.example\r\n\
         Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n{protocols}\r\n"
    )
    .into_bytes()
}

/// The request that is granted.
pub(crate) fn good_request() -> Vec<u8> {
    request("/mqtt", "Sec-WebSocket-Protocol: mqtt\r\n")
}

/// A whole frame of a client, masked.
pub(crate) fn client_frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = header(0x80 | opcode, 0x80, payload.len());
    frame.extend(MASK);
    frame.extend(
        payload
            .iter()
            .zip(MASK.iter().cycle())
            .map(|(byte, mask)| byte ^ mask),
    );
    frame
}

/// The first bytes of a frame, up to its key.
pub(crate) fn header(first_byte: u8, mask_bit: u8, payload_bytes: usize) -> Vec<u8> {
    let mut header = vec![first_byte];
    match payload_bytes {
        0..126 => header.push(mask_bit | payload_bytes as u8),
        126..0x1_0000 => {
            header.push(mask_bit | 126);
            header.extend((payload_bytes as u16).to_be_bytes());
        }
        _ => {
            header.push(mask_bit | 127);
            header.extend((payload_bytes as u64).to_be_bytes());
        }
    }
    header
}

/// One connection to a listener for WebSockets.
pub(crate) struct WebSocket {
    stream: TcpStream,
    /// What came and was not taken apart.
    received: Vec<u8>,
    /// MQTT out of binary frames.
    mqtt: Vec<u8>,
    /// Control frames in their order: opcode and payload.
    controls: Vec<(u8, Vec<u8>)>,
}

impl WebSocket {
    /// A connection that has said nothing yet.
    pub(crate) fn dial(target: SocketAddr) -> WebSocket {
        let stream = TcpStream::connect(target).expect("the gateway accepts");
        stream.set_nodelay(true).expect("TCP has no-delay");
        let timeout = Some(DEADLINE);
        stream
            .set_read_timeout(timeout)
            .expect("a socket takes a timeout");
        stream
            .set_write_timeout(timeout)
            .expect("a socket takes a timeout");
        WebSocket {
            stream,
            received: Vec::new(),
            mqtt: Vec::new(),
            controls: Vec::new(),
        }
    }

    /// A WebSocket that was granted.
    pub(crate) fn open(target: SocketAddr) -> WebSocket {
        let mut socket = WebSocket::dial(target);
        socket.send_raw(&good_request());
        socket.expect_grant();
        socket
    }

    /// A client that the gateway has welcomed, by its listener `web`.
    pub(crate) fn connect(gateway: &Gateway, version: u8, client_id: &str) -> WebSocket {
        let mut socket = WebSocket::open(gateway.listener("web"));
        socket.send(&Connect::new(version, client_id).encode());
        let connack = socket.expect(CONNACK);
        assert_eq!(connack.reason(), 0, "{client_id} is welcome: {connack:?}");
        socket
    }

    /// Reads the answer to the request, which must grant it [RFC 6455 4.2.2].
    pub(crate) fn expect_grant(&mut self) {
        let head = self.http_head();
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        for line in [
            format!("Sec-WebSocket-Accept: {ACCEPT}"),
            "Sec-WebSocket-Protocol: mqtt".into(),
        ] {
            assert!(
                head.lines().any(|other| other == line),
                "{line} is not in {head}"
            );
        }
    }

    /// Reads the head of an HTTP answer.
    pub(crate) fn http_head(&mut self) -> String {
        loop {
            let end = self
                .received
                .windows(4)
                .position(|four| four == b"\r\n\r\n");
            if let Some(end) = end {
                let head = self.received.drain(..end + 4).collect();
                return String::from_utf8(head).expect("HTTP is text");
            }
            assert!(
                self.read_more(),
                "closed before an answer: {:?}",
                self.received
            );
        }
    }

    pub(crate) fn send_raw(&mut self, bytes: &[u8]) {
        super::send_all(&self.stream, bytes);
    }

    /// Sends to a gateway that may close before it has read everything.
    pub(crate) fn send_unless_closed(&mut self, bytes: &[u8]) {
        super::send_unless_closed(&self.stream, bytes);
    }

    /// Sends MQTT in one binary frame.
    pub(crate) fn send(&mut self, mqtt: &[u8]) {
        self.send_raw(&client_frame(BINARY, mqtt));
    }

    /// The next packet of MQTT, or `None` when there is none before the end.
    pub(crate) fn packet(&mut self) -> Option<Packet> {
        loop {
            if let Some(packet) = take_packet(&mut self.mqtt) {
                return Some(packet);
            }
            if !self.take_frame() && !self.read_more() {
                return None;
            }
        }
    }

    pub(crate) fn expect(&mut self, kind: u8) -> Packet {
        let packet = self.packet();
        let packet = packet.unwrap_or_else(|| panic!("closed instead of a packet {kind}"));
        assert_eq!(packet.kind(), kind, "wanted a packet {kind}: {packet:?}");
        packet
    }

    /// The next control frame; MQTT that comes before it is kept.
    pub(crate) fn control(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            if !self.controls.is_empty() {
                return Some(self.controls.remove(0));
            }
            if !self.take_frame() && !self.read_more() {
                return None;
            }
        }
    }

    /// A ping of MQTT and its answer.
    pub(crate) fn ping(&mut self) {
        self.send(&PINGREQ_BYTES);
        self.expect(PINGRESP);
    }

    /// Publishes at QoS 1 and waits for the acknowledgement.
    pub(crate) fn publish(&mut self, version: u8, topic: &str, payload: &[u8]) {
        self.send(&Publish::qos1(7, topic, payload).encode(version));
        let puback = self.expect(PUBACK);
        assert_eq!((puback.packet_id(), puback.reason()), (7, 0), "{puback:?}");
    }

    /// The gateway closes: with a close frame that says this code and nothing behind it.
    pub(crate) fn expect_close(&mut self, code: u16, why: &str) {
        let close = self.control();
        assert_eq!(close, Some((CLOSE, code.to_be_bytes().to_vec())), "{why}");
        assert_eq!(
            self.control(),
            None,
            "{why}: nothing comes behind a close frame"
        );
        assert!(self.mqtt.is_empty(), "{why}: {:?}", self.mqtt);
    }

    /// The connection ends without a word.
    pub(crate) fn expect_silent_end(&mut self, why: &str) {
        while self.read_more() {}
        assert!(self.received.is_empty(), "{why}: {:?}", self.received);
    }

    /// All MQTT and all control frames until the end.
    pub(crate) fn read_to_end(mut self) -> (Vec<u8>, Vec<(u8, Vec<u8>)>) {
        while self.take_frame() || self.read_more() {}
        assert!(self.received.is_empty(), "cut frame: {:?}", self.received);
        (self.mqtt, self.controls)
    }

    /// Reads once; false at the end of the connection.
    fn read_more(&mut self) -> bool {
        let mut chunk = [0; 16 << 10];
        match self.stream.read(&mut chunk) {
            Ok(length) => {
                self.received.extend_from_slice(&chunk[..length]);
                length > 0
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
            Err(error) => panic!("nothing came from the gateway: {error}"),
        }
    }

    /// Takes one frame off what was received: whole, final, unmasked, binary or control.
    fn take_frame(&mut self) -> bool {
        let [first, second, rest @ ..] = &self.received[..] else {
            return false;
        };
        let (length_bytes, length) = match second {
            126 => (
                2,
                rest.first_chunk()
                    .map(|two| u64::from(u16::from_be_bytes(*two))),
            ),
            127 => (
                8,
                rest.first_chunk().map(|eight| u64::from_be_bytes(*eight)),
            ),
            short => (0, Some(u64::from(*short))),
        };
        assert_eq!(second & 0x80, 0, "a server masks nothing [RFC 6455 5.1]");
        let Some(length) = length else {
            return false;
        };
        let (begin, opcode) = (2 + length_bytes, first & 0x0F);
        let end = begin + length as usize;
        if self.received.len() < end {
            return false;
        }
        assert_eq!(first & 0xF0, 0x80, "one final frame, no reserved bits");
        assert!([BINARY, CLOSE, PONG].contains(&opcode), "opcode {opcode}");
        let payload = self.received[begin..end].to_vec();
        self.received.drain(..end);
        match opcode {
            BINARY => {
                assert!(!payload.is_empty(), "no empty frames");
                self.mqtt.extend(payload);
            }
            _ => self.controls.push((opcode, payload)),
        }
        true
    }
}
