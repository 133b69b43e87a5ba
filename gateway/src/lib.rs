//! The gateway as a library, for the binary, the tests and the benches: everything between a
//! device's socket and Kafka's acknowledgement. A module uses only the modules listed below it.

pub mod run;

pub mod control;

pub mod shard;

pub mod mailbox;

pub mod interest;

pub mod config;

pub mod cli;

pub mod auth;

pub mod doctor;

pub mod route;

pub mod kafka;

pub mod store;

pub mod sys;

pub mod books;

pub mod log;

pub mod braces;

pub mod bound;

pub mod transport_fault;

pub mod overload;

pub mod quota;

pub mod tls;

pub mod clock;

pub mod control_tls;

pub mod limits;
