//! The server's end of a WebSocket around any stream, as plain as a test may have it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};
use std::io::{self, Read, Write};

const ACCEPT_SUFFIX: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const PING: [u8; 2] = [0x89, 0];

pub(crate) struct Socketed<S> {
    stream: S,
    raw: Vec<u8>,
}

impl<S: Read + Write> Socketed<S> {
    /// Answers the request, with a ping right behind the answer.
    pub(crate) fn accept(stream: S) -> io::Result<Self> {
        let mut socket = Self {
            stream,
            raw: Vec::new(),
        };
        while !socket.raw.ends_with(b"\r\n\r\n") {
            socket.fill()?;
        }
        let request = String::from_utf8(socket.raw.split_off(0)).expect("a request is text");
        assert!(
            request.starts_with("GET /mqtt HTTP/1.1\r\nHost: "),
            "{request}"
        );
        assert!(
            request.contains("\r\nSec-WebSocket-Protocol: mqtt\r\n"),
            "{request}"
        );
        let key = request.split("Sec-WebSocket-Key: ").nth(1).expect("a key");
        let key = key.lines().next().expect("its line");
        let accept = STANDARD.encode(Sha1::digest(format!("{key}{ACCEPT_SUFFIX}")));
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"
        );
        socket
            .stream
            .write_all(&[answer.as_bytes(), &PING].concat())?;
        Ok(socket)
    }

    fn fill(&mut self) -> io::Result<()> {
        let mut bytes = [0; 4096];
        let count = self.stream.read(&mut bytes)?;
        self.raw.extend_from_slice(&bytes[..count]);
        if count > 0 {
            Ok(())
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }

    /// Takes `count` bytes from the front.
    fn take(&mut self, count: usize) -> io::Result<Vec<u8>> {
        while self.raw.len() < count {
            self.fill()?;
        }
        Ok(self.raw.drain(..count).collect())
    }
}

impl<S: Read + Write> Read for Socketed<S> {
    /// The payload of one binary frame, which has to fit; 0 when the client has closed.
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            let head = self.take(2)?;
            assert_ne!(head[1] & 0x80, 0, "a client masks (RFC 6455, 5.1)");
            let payload_bytes = match head[1] & 0x7f {
                126 => u16::from_be_bytes(self.take(2)?.try_into().expect("two")).into(),
                short => usize::from(short),
            };
            let mask = self.take(4)?;
            let payload = self.take(payload_bytes)?;
            match head[0] {
                0x82 => {
                    for (at, byte) in payload.iter().enumerate() {
                        out[at] = byte ^ mask[at % 4];
                    }
                    return Ok(payload_bytes);
                }
                0x8a => {}
                0x88 => return Ok(0),
                other => panic!("a client sent frame 0x{other:02x}"),
            }
        }
    }
}

impl<S: Read + Write> Write for Socketed<S> {
    /// One frame for each byte, since MQTT may come in any pieces [MQTT-6.0.0-2].
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let frames: Vec<u8> = bytes.iter().flat_map(|byte| [0x82, 1, *byte]).collect();
        self.stream.write_all(&frames)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
