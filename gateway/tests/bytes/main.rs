//! What the specification says to bytes: cases generated from tables, and the scenarios of
//! interoperability, all against one process of the real binary.
//!
//! A case is some bytes and the answer that the specification wants for them; a scenario is a short
//! play of several clients. Every one is a test of its own, with a name that CONFORMANCE.md can
//! point to. `MQTT_TARGET=HOST:PORT` lets them run against a server that runs already, and
//! `MQTT_TARGET=mosquitto` against a mosquitto of their own, as a check of the expectations:
//! `differences.rs` says where and why that one answers otherwise.

mod answer;
mod case;
mod connect;
mod differences;
mod harness;
mod peer;
mod property;
mod target;
mod scenarios;
mod tables;
mod wire;

#[path = "../hazards/support/mod.rs"]
#[allow(dead_code, reason = "the hazards use the rest of it")]
mod support;

use harness::Trial;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cases = tables::all().into_iter().map(Trial::from);
    harness::run(scenarios::all().chain(cases).collect())
}
