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

mod embedded;
mod lane;

mod feeder;

mod pace;
mod scout;
mod topics;

mod lines;
mod producer;

mod shared;

mod complaints;
mod flight;
mod room;
mod stats;

mod batch;
mod block;
mod errors;
pub mod limits;
mod outcome;
pub mod partition;
mod ticket;
pub mod topic_name;

pub use batch::{Batch, RecordWriter};
pub use embedded::{Embedded, EmbeddedError};
pub use lane::{Lane, LaneBounds, LaneConfig, LaneError};
pub use outcome::{Offer, Outcome, Refusal, ReportSink};
pub use stats::{LaneState, LaneStats};
pub use ticket::Ticket;
