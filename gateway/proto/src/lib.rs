//! MQTT 3.1, 3.1.1 and 5 as pure functions: bytes, state and time in, reactions out.
//!
//! The server's side of the wire. [`frame::front`] cuts bytes into frames, [`decode::connect`] and
//! [`decode::packet`] turn one frame into a packet that borrows from it, [`encode`] appends what
//! the server says. A file uses only the files listed below it here.

#![forbid(unsafe_code)]

pub mod session;

pub mod subscriptions;

pub mod close;

pub mod encode;

pub mod decode;

pub mod frame;

pub mod retained;

pub mod message;

pub mod packet;

pub mod property;

pub mod topic;

mod cursor;

mod varint;

pub mod malformed;

pub mod reason;

pub mod version;
