//! What may stand between a socket and MQTT's first byte, as pure state machines: the PROXY
//! protocol, the HTTP upgrade to WebSocket, and WebSocket's frames.
//!
//! ```text
//!   accept ──> proxy ──────────> (TLS) ──> upgrade ────────> websocket ──────────> MQTT
//!              whom a balancer             GET with a key,   headers and masks
//!              speaks for                  101 or a refusal  come off in place
//! ```
//!
//! Bytes and time go in, verdicts come out; answers are appended to a buffer of the caller's. Only
//! what a peer can do wrong is an error, and each way has one variant and one name for logs and
//! counters. Nothing here keeps a buffer: an idle WebSocket client is a [`websocket::Idle`] of two
//! bytes. A file uses only the files listed below it here.
//!
//! ```
//! # use tributary_transport::{limits, proxy, upgrade, websocket};
//! # fn first(bytes: &[u8], out: &mut Vec<u8>) -> Option<websocket::Idle> {
//! let mut request = upgrade::AwaitRequest::default();
//! let rules = upgrade::Rules { path: Some("/mqtt"), head_bytes_max: limits::HEAD_BYTES_MAX };
//! match request.on_bytes(bytes, &rules) {
//!     Ok(upgrade::Front::Request { upgrade, head_bytes: _ }) => upgrade.answer(out),
//!     Ok(upgrade::Front::Short) => return None, // keeps `request` and the bytes
//!     Err(refusal) => refusal.answer(out),      // and closes behind it
//! }
//! # Some(websocket::Idle::default())
//! # }
//! # fn later(idle: websocket::Idle, bytes: &mut [u8], out: &mut Vec<u8>) {
//! let mut decoder = websocket::Decoder::from(idle);
//! let read = decoder.on_read(bytes, 7, limits::FRAME_BYTES_MAX);
//! serve(read.data); // one run of MQTT, whatever frames it came in
//! if let Some(ping) = read.ping {
//!     websocket::encode::pong(&ping, out);
//! }
//! if let Some(end) = read.end {
//!     websocket::encode::close(end.answer(), out); // and closes behind it
//! }
//! # fn serve(_: &[u8]) {}
//! # let _ = decoder.idle();
//! # }
//! # let mut out = Vec::new();
//! # let text = "GET /mqtt HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
//! #     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
//! #     Sec-WebSocket-Protocol: mqtt\r\n\r\n";
//! # let idle = first(text.as_bytes(), &mut out).unwrap();
//! # assert!(out.starts_with(b"HTTP/1.1 101 "));
//! # later(idle, &mut [0x89, 0x80, 0, 0, 0, 0], &mut out);
//! # assert!(out.ends_with(&[0x8A, 0]));
//! ```
//!
//! # Why the frames are our own
//!
//! `websocket-sans-io` is the nearest, and would leave us the work: it checks nothing (masks,
//! reserved bits, lengths, control frames), its state is 32 bytes also between frames, and it has
//! had one release. `ws-framer` keeps a buffer per connection; `soketto`, `tungstenite` and
//! `fastwebsockets` own the stream. What MQTT needs is less than any of them does: cut headers,
//! unmask in place, answer pings.
//!
//! `httparse` takes a bare line feed for the end of a line, by which a proxy in front and we could
//! read two different requests. One strict request needs no general parser.

#![forbid(unsafe_code)]

pub mod proxy;

pub mod upgrade;

pub mod websocket;

pub mod limits;

mod ways;

#[cfg(test)]
mod random;

#[cfg(test)]
mod tests;
