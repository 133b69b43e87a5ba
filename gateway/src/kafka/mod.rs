//! Lanes: what carries records into Kafka, one rdkafka producer per cluster, and brings the answers
//! home.
//!
//! ```text
//!  shards                     lane thread                               librdkafka
//!  Route::render -> Batch --> Topics -> partition -> Block, Block ... --> send ----.
//!    ^  admit: Room           (own queue, one in flight, Pace)                     |
//!    |                                                                             v
//!    '--- ReportSink <------------ reports thread: Flight <---- delivery report ---'
//!                                  scout thread: which partitions a topic has, who leads them
//! ```
//!
//! A shard never waits here: it claims room ([`Lane::admit`]), writes records into a [`Batch`] and
//! hands the batch over at the end of its turn ([`Lane::submit`]). Whatever Kafka does, the answer
//! to each record comes once, to [`ReportSink`].
//!
//! What a route wants on disk makes one turn more: the lane thread leaves it for the spool thread,
//! which answers once it is synced, and hands it in again by a mailbox of its own.
//!
//! ```text
//!  shards --> lane thread --Intake--> spool thread: append, one fsync, answer
//!                  ^                       |
//!                  '------ replay ---------'   in order, a window at a time
//! ```

pub mod downlink;
mod embedded;
mod lane;

mod feeder;

mod pace;
mod scout;
mod topics;

mod lines;
mod probe;
mod producer;

mod spool;

mod shared;

mod complaints;
mod flight;
mod health;
mod room;
mod stats;

mod batch;
mod block;
mod errors;
pub mod limits;
mod outcome;
pub mod partition;
mod policy;
mod properties;
mod ticket;
pub mod topic_name;

pub use batch::{Batch, RecordWriter};
pub use complaints::Trouble;
pub use embedded::{Embedded, EmbeddedError};
pub use lane::{Lane, LaneBounds, LaneConfig, LaneError, SpoolConfig};
pub use outcome::{Offer, Outcome, Refusal, ReportSink};
pub use policy::Policy;
pub use properties::{Properties, PropertyFault};
pub use spool::SpoolReading;
pub use stats::{LaneState, LaneStats};
pub use ticket::Ticket;
