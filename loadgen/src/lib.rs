//! Puts load on an MQTT gateway and tells honestly what came of it.
//!
//! The files stand top-down: each uses only those below it.
#![forbid(unsafe_code)]

pub mod cli;
pub mod codec;
pub mod failure;
pub mod floor;
pub mod sockets;
