//! How HTTP becomes a WebSocket (RFC 6455, 4), as a client of MQTT asks for it [MQTT-6.0.0-3].

use crate::fault::UpgradeFault;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

/// RFC 6455, 1.3.
const ACCEPT_SUFFIX: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// A server that has more to say is none.
const ANSWER_BYTES_MAX: usize = 8 << 10;
const SWITCHING_PROTOCOLS: u16 = 101;

pub(super) fn ask(path: &str, host: &str, nonce: &[u8; 16], out: &mut Vec<u8>) {
    let key = STANDARD.encode(nonce);
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Protocol: mqtt\r\n\r\n"
    );
    out.extend_from_slice(request.as_bytes());
}

/// How many bytes the answer took once it is whole, and is a yes.
pub(super) fn read(bytes: &[u8], nonce: &[u8; 16]) -> Result<Option<usize>, UpgradeFault> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        let is_long = bytes.len() > ANSWER_BYTES_MAX;
        return if is_long {
            Err(UpgradeFault::NotHttp)
        } else {
            Ok(None)
        };
    };
    let head = std::str::from_utf8(&bytes[..end]).map_err(|_| UpgradeFault::NotHttp)?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(status).ok_or(UpgradeFault::NotHttp)?;
    if status != SWITCHING_PROTOCOLS {
        return Err(UpgradeFault::Status(status));
    }
    let field = |name: &str| {
        let mut fields = lines.clone().filter_map(|line| line.split_once(':'));
        let found = fields.find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim())
    };
    if field("Sec-WebSocket-Accept") != Some(accept(nonce).as_str()) {
        return Err(UpgradeFault::WrongAccept);
    }
    if field("Sec-WebSocket-Protocol") != Some("mqtt") {
        return Err(UpgradeFault::WrongProtocol);
    }
    Ok(Some(end + 4))
}

fn status(line: &str) -> Option<u16> {
    let rest = line.strip_prefix("HTTP/1.1 ")?;
    rest.get(..3)?.parse().ok()
}

/// What a server makes of our key (RFC 6455, 4.2.2).
pub(super) fn accept(nonce: &[u8; 16]) -> String {
    let text = STANDARD.encode(nonce) + ACCEPT_SUFFIX;
    STANDARD.encode(Sha1::digest(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE: &[u8; 16] = b"the sample nonce";

    fn answer(accept: &str, protocol: &str) -> String {
        format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             sec-websocket-accept: {accept}\r\nSec-WebSocket-Protocol: {protocol}\r\n\r\n"
        )
    }

    #[test]
    fn the_sample_of_the_specification_is_accepted() {
        // RFC 6455, 1.3.
        assert_eq!(accept(NONCE), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        let answer = answer(&accept(NONCE), "mqtt");
        let whole = answer.len();
        for cut in 0..whole {
            assert_eq!(read(&answer.as_bytes()[..cut], NONCE), Ok(None));
        }
        let more = answer + "\u{2}\0";
        assert_eq!(read(more.as_bytes(), NONCE), Ok(Some(whole)));
    }

    #[test]
    fn every_refusal_has_its_name() {
        let read = |text: &str| read(text.as_bytes(), NONCE).expect_err("it is no yes");
        let refused = UpgradeFault::Status(403);
        assert_eq!(read("HTTP/1.1 403 Forbidden\r\n\r\n"), refused);
        assert_eq!(read("SSH-2.0-none\r\n\r\n"), UpgradeFault::NotHttp);
        assert_eq!(read(&"x".repeat(9_000)), UpgradeFault::NotHttp);
        assert_eq!(read(&answer("eHg=", "mqtt")), UpgradeFault::WrongAccept);
        assert_eq!(
            read(&answer(&accept(NONCE), "stomp")),
            UpgradeFault::WrongProtocol
        );
    }
}
