//! The session store: what must outlive the process is written here and fsynced before anybody is
//! told that it is safe.
//!
//! ```text
//!  shard 0 --submit(Vec<Op>)--> room, queue --.
//!  shard 1 --submit(Vec<Op>)--> room, queue --+--> store thread: all that waits = one commit
//!    ^                                        |        (one transaction, one fsync)
//!    '------ StoreSink::committed(shard, number) <-----'
//! ```
//!
//! How it is used:
//!
//! 1. [`Opened::at`] opens the folder, checks it and gives back what was in it, per home shard.
//! 2. [`Opened::start`] starts the store thread and gives one [`StoreHandle`] per shard.
//! 3. A shard asks its handle for a [`SessionNumber`] when a durable session begins, and puts it on
//!    every [`Op`] of that session: keys on disk begin with it, so they are short, and the store
//!    needs no table of client ids.
//! 4. A shard collects operations in a `Vec` and hands it over with [`StoreHandle::submit`]:
//!    [`Submitted::Accepted`] with the batch's number, [`Submitted::Full`] (the batch stays with
//!    the shard, which pauses its publishers until [`StoreSink::room`]) or [`Submitted::Failed`].
//! 5. [`StoreSink::committed`] says that every batch of a shard up to a number is on disk. A commit
//!    begins when the last one has ended, with all that came meanwhile; nothing waits for more.
//! 6. [`Store::end`] writes what was accepted and closes the file.
//!
//! After an error of the disk (full, broken) nothing more is ever called safe: the sink hears
//! [`StoreSink::failed`] once, every later batch is answered with [`Submitted::Failed`], and what
//! was accepted and not committed stays unanswered. Only a restart, which reads what is really on
//! disk, ends that: after a failed fsync the system may have forgotten pages that it had taken.

mod open;
mod recover;

mod handle;
mod thread;

mod apply;
mod shared;
mod tables;

mod error;
mod key;
pub mod limits;
mod op;
mod record;
mod recovered;

#[cfg(test)]
mod tests;

pub use error::StoreError;
pub use handle::{StoreHandle, StoreSink, Submitted};
pub use op::{Op, QueueEntry, SessionNumber, SessionRecord, StoredGrant, StoredWill, Whose};
pub use open::{Opened, Store};
pub use recovered::{EntryState, Recovered, RecoveredEntry, RecoveredSession};
pub use shared::StoreStats;
