//! What the peer is answered: 101 and the proof that its key was read, or a status and the end.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

use super::{Refusal, Upgrade};

/// What is hashed behind the key, so that no server that knows no WebSocket answers by accident
/// [RFC 6455 1.3].
const ACCEPT_GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

impl Upgrade<'_> {
    /// Appends the answer that grants the request. No extension is agreed on.
    pub fn answer(&self, out: &mut Vec<u8>) {
        let digest = Sha1::new()
            .chain_update(self.key)
            .chain_update(ACCEPT_GUID)
            .finalize();
        out.extend_from_slice(
            b"HTTP/1.1 101 Switching Protocols\r\n\
              Upgrade: websocket\r\n\
              Connection: Upgrade\r\n\
              Sec-WebSocket-Accept: ",
        );
        out.extend_from_slice(STANDARD.encode(digest).as_bytes());
        out.extend_from_slice(b"\r\nSec-WebSocket-Protocol: ");
        out.extend_from_slice(self.protocol.name().as_bytes());
        out.extend_from_slice(b"\r\n\r\n");
    }
}

impl Refusal {
    /// Appends the answer behind which the connection is closed. It has no body and no reason.
    pub fn answer(self, out: &mut Vec<u8>) {
        let (status, phrase) = self.status();
        let more = match status {
            // [RFC 9110 15.5.6]
            405 => "Allow: GET\r\n",
            // [RFC 9110 15.5.22, RFC 6455 4.4]. Upgrade is named by Connection [RFC 9110 7.8].
            426 => "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
            _ => "",
        };
        let connection = match status {
            426 => "Upgrade, close",
            _ => "close",
        };
        let head = format!(
            "HTTP/1.1 {status} {phrase}\r\n\
             {more}\
             Connection: {connection}\r\n\
             Content-Length: 0\r\n\r\n"
        );
        out.extend_from_slice(head.as_bytes());
    }
}
