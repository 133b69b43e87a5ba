//! MQTT 3.1, 3.1.1 and 5 as pure functions: bytes, state and time in, reactions out.
//!
//! The server's side of the wire. [`frame::front`] cuts bytes into frames, [`decode::connect`] and
//! [`decode::packet`] turn one frame into a packet that borrows from it, [`encode`] appends what
//! the server says. A file uses only the files listed above it here.

#![forbid(unsafe_code)]

pub mod version;

pub mod reason;

pub mod malformed;

mod varint;

mod cursor;

pub mod topic;

pub mod property;

pub mod packet;

pub mod frame;

pub mod decode;

pub mod encode;

pub mod close;

pub mod session;
