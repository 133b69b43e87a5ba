//! Which key a route gives to its records, as far as `verify` can know it.

use clap::ValueEnum;

/// What the key of a record ought to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KeyRule {
    /// The client id: the gateway's default.
    Client,
    /// The MQTT topic.
    Topic,
    /// Whatever it is; then neither key nor partition is judged.
    Any,
}
