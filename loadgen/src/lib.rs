//! Puts load on an MQTT gateway and tells honestly what came of it.
//!
//! The files stand top-down: each uses only those below it.
#![forbid(unsafe_code)]

pub mod connect;
pub mod deliver;
pub mod floor;
pub mod publish;
pub mod verify;

pub mod drive;

pub mod progress;
pub mod report;

pub mod engine;
pub mod fleet;
pub mod stateless;

pub mod opening;
pub mod rings;

pub mod device;
pub mod publisher;

pub mod tunnel;

pub mod books;
pub mod stage;

pub mod cli;
pub mod plan;
pub mod way;

pub mod sockets;
pub mod sources;

pub mod close;
pub mod codec;
pub mod failure;
pub mod fault;

pub mod in_flight;
pub mod ledger;
pub mod pace;
pub mod rule;
pub mod stamp;

pub mod clock;
