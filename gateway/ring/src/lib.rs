//! The connection plane: device sockets as slots of an io_uring, and the machine facts beside it.
//!
//! This crate is the only one with `unsafe`, and it knows nothing of MQTT or Kafka. A shard owns
//! one or more [`Ring`]s, tells them what to do with a [`Conn`], and takes [`Event`]s out:
//!
//! ```text
//!   listen ──> Accepted ──> receive_armed ──> Received ──> hand_over ──> HandedOver
//!                                                 │             └─ (other ring) ──> Arrived
//!                                                 v
//!      poll_readable ──> Readable ──> receive ──> Received / ReceiveEnded(WouldBlock) ──┐
//!            ^──────────────────────────────────────────────────────────────────────────┘
//!      receive_multishot ──> Received, Received, ... ──> ReceiveEnded
//!      send ──> Sent                close ──> Closed
//! ```
//!
//! What holds for safe callers, whatever they do: memory that the kernel may still write to or
//! read from belongs to the ring (send buffers move in and come back with [`Event::Sent`]), a call
//! with an outdated [`Conn`] does nothing and is counted, and a ring that is dropped with requests
//! it cannot call back leaks their memory instead of freeing it.

mod ring;

mod event;

mod queue;

mod request;

mod buffers;

mod tag;

mod slab;

mod address;

mod slots;

mod stats;

mod wake;

mod tun;

pub mod features;

pub mod listener;

mod unix;

pub mod limits;

pub mod filling;

pub mod placement;

pub mod clock;

pub use address::RingAddress;
pub use buffers::Buffer;
pub use event::{Event, ReceiveEnd};
pub use features::{Features, probe};
pub use listener::{listener, listeners, port_is_taken};
pub use ring::{Ring, RingOptions};
pub use slots::Conn;
pub use stats::RingStats;
pub use tun::Tun;
pub use unix::{UNIX_PATH_BYTES_MAX, unix_listener};
pub use wake::{Wake, adopt};
