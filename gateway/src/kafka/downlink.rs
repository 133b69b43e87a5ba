//! The downlink: records of Kafka topics on their way to devices, and how far each topic is done
//! with.
//!
//! ```text
//!  Kafka --> reader: Rule says device and topic --> CommandSink --> the device's home shard
//!              | Ledger: which records are open                             |
//!              v                                                            v
//!            commit up to the first open one <-- Post <-- Fate: handed off, or dropped and why
//! ```
//!
//! Kafka is the durable copy: nothing is written down here, and an offset is committed only when
//! nothing before it is open. So a gateway that is killed reads again what was not handed off.

mod catch_up;
mod command;
mod committer;
mod consumer;
mod ledger;
mod marks;
mod partitions;
mod reader;
mod rule;
mod tally;
mod template;
#[cfg(test)]
mod tests;

#[cfg(test)]
pub(crate) use command::FatesForTest;
pub use command::{Command, CommandSink, Dropped, Fate, Origin, TrayTerms, Withdrawal};
pub use reader::{Downlink, DownlinkConfig, DownlinkError};
pub use rule::{From, Record, Rule};
pub use tally::{Reading, Tally};
pub use template::Template;
