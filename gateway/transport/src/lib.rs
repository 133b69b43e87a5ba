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
//! # Why the frames are our own
//!
//! `websocket-sans-io` is the nearest, and would leave us the work: it checks nothing (masks,
//! reserved bits, lengths, control frames), its state is 32 bytes also between frames, and it has
//! had one release. `ws-framer` and `soketto` assemble messages in buffers of their own;
//! `tungstenite` and `fastwebsockets` own the stream, and the latter unmasks with `unsafe`. What
//! MQTT needs is less than any of them does: cut headers, unmask in place, answer pings.
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
