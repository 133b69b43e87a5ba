//! The gateway as a library, for the binary, the tests and the benches: everything between a
//! device's socket and Kafka's acknowledgement. A module uses only the modules listed below it.

// Blank lines keep rustfmt from sorting by name what is sorted by who uses whom.

pub mod control;

pub mod config;

pub mod cli;

pub mod log;

pub mod books;
