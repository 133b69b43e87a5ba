//! The client's half of a WebSocket (RFC 6455) as MQTT uses it, written apart from the gateway's so
//! that each checks the other.

use super::upgrade;
use crate::close::Close;
use crate::fault::FrameFault;

const FIN: u8 = 0x80;
const RESERVED: u8 = 0x70;
const MASKED: u8 = 0x80;
const CONTINUATION: u8 = 0;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;
/// RFC 6455, 5.5.
const CONTROL_BYTES_MAX: u64 = 125;
/// Normal closure (RFC 6455, 7.4.1).
const GOODBYE: [u8; 2] = 1_000_u16.to_be_bytes();

pub(super) struct WebSocket {
    phase: Phase,
    /// What could not be read yet: an answer, a header or a control frame that is cut.
    cut: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing but the answer to this nonce may come.
    AwaitAnswer([u8; 16]),
    /// So many bytes of the frame that began belong to MQTT.
    Up { left: u64 },
}

/// The front of a frame.
struct Head {
    opcode: u8,
    payload_bytes: u64,
    head_bytes: usize,
}

impl WebSocket {
    pub(super) fn new(nonce: [u8; 16]) -> Self {
        Self {
            phase: Phase::AwaitAnswer(nonce),
            cut: Vec::new(),
        }
    }

    /// Appends the request for this WebSocket.
    pub(super) fn ask(&self, path: &str, host: &str, out: &mut Vec<u8>) {
        if let Phase::AwaitAnswer(nonce) = &self.phase {
            upgrade::ask(path, host, nonce, out);
        }
    }

    /// Puts the MQTT in `bytes` in their place, what is owed into `out`, and says whether the
    /// WebSocket has come up with them.
    pub(super) fn open(
        &mut self,
        bytes: &mut Vec<u8>,
        mask: [u8; 4],
        out: &mut Vec<u8>,
    ) -> Result<bool, Close> {
        if !self.cut.is_empty() {
            self.cut.append(bytes);
            std::mem::swap(&mut self.cut, bytes);
            self.cut = Vec::new();
        }
        let (mut read, mut kept, mut has_come_up) = (0, 0, false);
        if let Phase::AwaitAnswer(nonce) = &self.phase {
            if let Some(answer_bytes) = upgrade::read(bytes, nonce).map_err(Close::NotUpgraded)? {
                (read, has_come_up) = (answer_bytes, true);
                self.phase = Phase::Up { left: 0 };
            } else {
                self.cut.append(bytes);
                return Ok(false);
            }
        }
        while let Phase::Up { left } = &mut self.phase {
            if *left > 0 {
                let more = usize::try_from(*left)
                    .unwrap_or(usize::MAX)
                    .min(bytes.len() - read);
                // A frame only ever shrinks.
                bytes.copy_within(read..read + more, kept);
                (read, kept, *left) = (read + more, kept + more, *left - more as u64);
            }
            let Some(head) = head(&bytes[read..])? else {
                break;
            };
            let body = read + head.head_bytes;
            if head.opcode == BINARY || head.opcode == CONTINUATION {
                (read, *left) = (body, head.payload_bytes);
                if read == bytes.len() {
                    break;
                }
                continue;
            }
            let Some(payload) = bytes.get(body..body + head.payload_bytes as usize) else {
                break;
            };
            match head.opcode {
                CLOSE => return Err(Close::Ended),
                PING => write(PONG, mask, payload, out),
                _ => {}
            }
            read = body + head.payload_bytes as usize;
        }
        self.cut = bytes[read..].to_vec();
        bytes.truncate(kept);
        Ok(has_come_up)
    }
}

/// Reads the header of a server's frame; `None` while it is cut.
fn head(bytes: &[u8]) -> Result<Option<Head>, Close> {
    let fault = |fault| Err(Close::WebSocket(fault));
    let [first, second, rest @ ..] = bytes else {
        return Ok(None);
    };
    let opcode = first & 0x0f;
    if first & RESERVED != 0 {
        return fault(FrameFault::Reserved);
    }
    if second & MASKED != 0 {
        return fault(FrameFault::Masked);
    }
    let (length_bytes, payload_bytes) = match second {
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
    let Some(payload_bytes) = payload_bytes else {
        return Ok(None);
    };
    match opcode {
        CONTINUATION | BINARY => {}
        CLOSE | PING | PONG if first & FIN != 0 && payload_bytes <= CONTROL_BYTES_MAX => {}
        CLOSE | PING | PONG => return fault(FrameFault::Control),
        other => return fault(FrameFault::Opcode(other)),
    }
    Ok(Some(Head {
        opcode,
        payload_bytes,
        head_bytes: 2 + length_bytes,
    }))
}

/// Appends a binary frame.
pub(super) fn frame(mask: [u8; 4], payload: &[u8], out: &mut Vec<u8>) {
    write(BINARY, mask, payload, out);
}

/// Appends the frame that ends a WebSocket.
pub(super) fn goodbye(mask: [u8; 4], out: &mut Vec<u8>) {
    write(CLOSE, mask, &GOODBYE, out);
}

fn write(opcode: u8, mask: [u8; 4], payload: &[u8], out: &mut Vec<u8>) {
    out.push(FIN | opcode);
    match payload.len() {
        short @ 0..=125 => out.push(MASKED | short as u8),
        middle @ 126..=0xffff => {
            out.push(MASKED | 126);
            out.extend_from_slice(&(middle as u16).to_be_bytes());
        }
        long => {
            out.push(MASKED | 127);
            out.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&mask);
    let masked = payload.iter().zip(mask.iter().cycle());
    out.extend(masked.map(|(byte, mask)| byte ^ mask));
}

#[cfg(test)]
mod tests;
