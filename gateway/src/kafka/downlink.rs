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
//!
//! Where several gateways share a downlink, each of them does this with all partitions. They tell
//! each other of hand-offs, and one commits:
//!
//! ```text
//!  Fate: handed off --> Announcer --> topic of announcements --> every reader: closed in its
//!                                                                ledger, out of the tray
//!  ledger --> Owner, a member of the group: commits for the partitions that the group gives it
//! ```

mod reader;

mod announcer;
mod committer;
mod ends;
mod owner;
mod partitions;

mod consumer;

mod announcement;
mod catch_up;
mod early;
mod ledger;
mod marks;
mod varint;

mod command;
mod rule;
mod tally;
mod template;
#[cfg(test)]
mod tests;

#[cfg(test)]
pub(crate) use command::FatesForTest;
pub use command::{
    CaughtUp, Command, CommandSink, Desk, Dropped, Fate, Origin, TrayTerms, Withdrawal,
};
pub use owner::Membership;
pub use reader::{Downlink, DownlinkConfig, DownlinkError};
pub use rule::{From, Record, Rule};
pub use tally::{Reading, Tally};
pub use template::Template;
