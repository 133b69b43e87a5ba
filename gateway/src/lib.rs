//! The gateway as a library, for the binary, the tests and the benches: everything between a
//! device's socket and Kafka's acknowledgement. A module uses only the modules listed below it.

pub mod books;
pub mod cli;
pub mod config;
pub mod control;
pub mod log;
