//! A bounded log of opaque records on disk: what was promised to devices while Kafka was away.
//!
//! ```text
//!            append          sync                  read                 settle
//!   lane ──> memory ──> one write, one fdatasync ──> lane ──> Kafka ──> replay marker, segments go
//!              ^                  ^                                        ^
//!           Full here      safe from here on               may be forgotten from here on
//!
//!   folder:  lock   settled   spare   00000000000000000001.log   00000000000000524288.log ...
//! ```
//!
//! One [`Spool`] per Kafka cluster, owned by one thread. It is synchronous and has no thread and no
//! clock of its own: its owner says when to [`Spool::sync`] and so how many records share an fsync.
//!
//! # What holds
//!
//! * A number that `sync` has returned is on disk, with all numbers below it. What was appended and
//!   not synced may be there after a crash or may not.
//! * A record comes back exactly as it was appended, or is counted as corrupt. Damage costs the
//!   records whose bytes it hit and none of their neighbours: each record can be found by itself.
//! * Sequence numbers begin with 1 and grow by one, also when everything was settled and after a
//!   restart. Only records cut off as a torn tail, which nobody was told are safe, leave their
//!   numbers to others.
//! * After kill -9 at most [`limits::MARKER_RECORDS_MAX`] settled records are read again. After a
//!   power loss it may be those of one segment more, since only giving up a segment waits for the
//!   marker to be on disk.
//! * The folder takes at most `bytes_max` and two segments: the rest of the newest and one spare.
//!
//! # Why a log of our own
//!
//! `raft-engine` is well kept and the nearest; read closely, it cuts a file at its first broken
//! batch and drops every file before a missing one, keeps an index entry in memory per record, and
//! brings rayon, protobuf and prometheus. `okaywal` calls itself unfit for production, `commitlog`
//! has no checksummed recovery past damage, and a B-tree (`redb`) writes every record twice.

#![forbid(unsafe_code)]

mod spool;

mod scan;

mod segment;

mod marker;

mod label;

mod record;

mod gaps;

mod disk;

mod error;

pub mod limits;

pub use error::{AppendError, OpenError};
pub use spool::{Counters, Options, Recovered, Spool};

#[cfg(test)]
mod tests;
