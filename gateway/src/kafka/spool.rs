//! The spool's own thread: appends what the lane leaves, syncs once for all of it, answers, and
//! replays what is on disk until Kafka has it.
//!
//! ```text
//!   Intake --> append --> sync --> Spooled          the device has its word
//!                           |
//!                           v
//!   settle <-- Delivered <-- lane <-- replay        a window at a time, in order
//! ```

mod desk;
mod form;
mod intake;
mod window;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, Release, SeqCst};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tributary_spool::{AppendError, OpenError, Options, Recovered, Spool};

pub(super) use desk::Desk;
pub use desk::SpoolReading;
pub(super) use intake::Intake;

use super::limits;
use super::outcome::{Outcome, Refusal};
use super::shared::{Mailbox, Shared};
use form::Form;
use intake::Entry;
use window::Window;

/// The longest sleep; nothing depends on it.
const NAP: Duration = Duration::from_secs(1);
/// Between two tries when the disk had no room or could not be read.
const RETRY: Duration = Duration::from_millis(100);

/// Opens the spool of one cluster, and says loudly what is wrong with what it finds.
pub(super) fn open(cluster: &str, path: &Path, bytes_max: u64) -> Result<Opened, OpenError> {
    let options = Options {
        segment_bytes: limits::SPOOL_SEGMENT_BYTES,
        bytes_max,
    };
    let (spool, recovered) = Spool::open(path, options)?;
    let Recovered {
        records,
        bytes,
        torn_bytes,
        corrupt_records,
    } = recovered;
    let path = path.display();
    tracing::info!(cluster, %path, records, bytes, "the spool is open; what it has goes first");
    if torn_bytes > 0 {
        tracing::warn!(cluster, %path, torn_bytes, "the spool's end was torn, and is cut off");
    }
    if corrupt_records > 0 {
        tracing::error!(
            cluster,
            %path,
            corrupt_records,
            "RECORDS OF THE SPOOL ARE LOST: their bytes are not there or not what was written; \
             look at the disk"
        );
    }
    Ok(Opened { spool, recovered })
}

/// A spool before its thread.
pub(super) struct Opened {
    spool: Spool,
    recovered: Recovered,
}

impl Opened {
    /// What the lane's thread is to share with it.
    pub(super) fn desk(&self) -> Desk {
        let desk = Desk::new(self.recovered.records);
        note(&desk, &self.spool);
        desk
    }

    /// Starts the thread; it ends with the lane.
    pub(super) fn start(self, shared: Arc<Shared>) -> std::io::Result<JoinHandle<()>> {
        let spooler = Spooler {
            next: self.spool.settled() + 1,
            // What an earlier process has left may have been spooled for an outage.
            last_outage: self.spool.last(),
            seen: 0,
            spool: self.spool,
            window: Window::default(),
            unsynced: Vec::new(),
            is_stuck: false,
            shared,
        };
        std::thread::Builder::new()
            .name(format!("spool {}", spooler.shared.name))
            .spawn(move || spooler.run())
    }
}

/// Who is to be answered after the next sync.
struct Unsynced {
    ticket: u64,
    weight: u64,
    number: u64,
}

struct Spooler {
    shared: Arc<Shared>,
    spool: Spool,
    unsynced: Vec<Unsynced>,
    window: Window,
    /// The number to replay next.
    next: u64,
    /// Intakes taken so far.
    seen: u64,
    /// The number of the last record that was spooled for an outage.
    last_outage: u64,
    /// The disk would not do something that is worth another try.
    is_stuck: bool,
}

impl Spooler {
    fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        let (Some(desk), Some(mailbox)) = (&shared.spool, shared.mailboxes.last()) else {
            return;
        };
        desk.bell.belong_to_this_thread();
        while !shared.ended.load(SeqCst) {
            self.is_stuck = false;
            let mut worked = self.settle(desk);
            worked |= self.take(desk);
            worked |= self.commit(desk);
            worked |= self.replay(desk, mailbox);
            self.tell(desk);
            shared.flush();
            if !worked {
                let longest = if self.is_stuck { RETRY } else { NAP };
                desk.bell.sleep(false, longest, || {
                    shared.ended.load(SeqCst)
                        || !desk.intakes.is_empty()
                        || !desk.answers.is_empty()
                });
            }
        }
    }

    /// Takes what became of replayed records, and forgets what is settled.
    fn settle(&mut self, desk: &Desk) -> bool {
        let mut worked = false;
        while let Some((number, outcome)) = desk.answers.pop() {
            worked = true;
            self.window.answer(number);
            let Outcome::Failed(refusal) = outcome else {
                desk.counters.replayed.fetch_add(1, Relaxed);
                continue;
            };
            desk.counters.dropped.fetch_add(1, Relaxed);
            if let Some(untold) = self.may_tell("dropped") {
                let (cluster, reason) = (&*self.shared.name, refusal.name());
                tracing::error!(
                    cluster,
                    reason,
                    number,
                    untold,
                    "A RECORD OF THE SPOOL IS DROPPED: its device was told that it is safe, and \
                     Kafka does not take it"
                );
            }
        }
        if let Some(through) = self.window.settle()
            && let Err(error) = self.spool.settle(through)
        {
            self.complain("settle", &error.to_string());
        }
        worked
    }

    /// Appends what the lane has left, up to what one fsync should wait for.
    fn take(&mut self, desk: &Desk) -> bool {
        let mut bytes = 0;
        while bytes < limits::COMMIT_BYTES
            && let Some(mut intake) = desk.intakes.pop()
        {
            self.seen += 1;
            bytes += intake.bytes();
            for (entry, record) in intake.records() {
                self.append(entry, record);
            }
            intake.clear();
            // With enough spare ones this one goes.
            let _ = desk.spare.push(intake);
        }
        bytes > 0
    }

    fn append(&mut self, entry: &Entry, record: &[u8]) {
        let &Entry {
            ticket,
            weight,
            is_outage,
            ..
        } = entry;
        let refusal = match self.spool.append(record) {
            Ok(number) => {
                if is_outage {
                    self.last_outage = number;
                }
                self.unsynced.push(Unsynced {
                    ticket,
                    weight,
                    number,
                });
                return;
            }
            Err(AppendError::TooLong) => Refusal::TooLarge,
            Err(AppendError::Full) => {
                self.complain("full", "it is full; new messages are refused meanwhile");
                Refusal::SpoolFull
            }
            Err(AppendError::Io(error)) => {
                self.complain("append", &error.to_string());
                Refusal::SpoolFull
            }
        };
        self.shared.answer(ticket, Outcome::Failed(refusal));
        self.shared.release(1, weight);
    }

    /// Makes all that was appended durable and answers for it.
    fn commit(&mut self, desk: &Desk) -> bool {
        if self.unsynced.is_empty() {
            return false;
        }
        if let Err(error) = self.spool.sync() {
            self.complain("sync", &error.to_string());
            if self.spool.failure().is_none() {
                // No room on the disk: all of it waits, and nobody has been told anything.
                self.is_stuck = true;
                return false;
            }
        }
        // The count first: who is told that a record is safe can see where it is.
        note(desk, &self.spool);
        let durable = self.spool.durable();
        let (mut records, mut bytes) = (0, 0);
        for one in self.unsynced.drain(..) {
            let outcome = match one.number <= durable {
                true => Outcome::Spooled,
                false => Outcome::Failed(Refusal::SpoolFull),
            };
            self.shared.answer(one.ticket, outcome);
            (records, bytes) = (records + 1, bytes + one.weight);
        }
        // What was refused is none of Kafka's business.
        self.last_outage = self.last_outage.min(durable);
        self.shared.release(records, bytes);
        true
    }

    /// Hands the lane as much of what is on disk as the window takes.
    fn replay(&mut self, desk: &Desk, mailbox: &Mailbox) -> bool {
        let (records_max, bytes_max) = self.window.room();
        if self.next > self.spool.durable() || records_max == 0 || bytes_max == 0 {
            return false;
        }
        let mut batch = mailbox.spare.pop().unwrap_or_default();
        let bytes_max = bytes_max.min(limits::REPLAY_BATCH_BYTES);
        let (spool, window) = (&mut self.spool, &mut self.window);
        let mut illegible = 0;
        let answer = spool.visit(self.next, records_max, bytes_max, |number, record| {
            self.next = number + 1;
            window.push(number, record.len());
            match Form::read(record) {
                Some(form) => form.replay(&mut batch, number),
                None => {
                    illegible += 1;
                    window.answer(number);
                }
            }
        });
        match answer {
            Ok(next) => self.next = next,
            Err(error) => {
                self.is_stuck = true;
                self.complain("read", &error.to_string());
            }
        }
        if illegible > 0 {
            desk.counters.dropped.fetch_add(illegible, Relaxed);
            self.complain("illegible", "it has records of another version's making");
        }
        if batch.is_empty() {
            let _ = mailbox.spare.push(batch);
            return illegible > 0;
        }
        mailbox.batches.push(batch);
        self.shared.bell.ring();
        true
    }

    /// Publishes the counts, and how far outages are over.
    fn tell(&self, desk: &Desk) {
        note(desk, &self.spool);
        let is_cleared = self.spool.settled() >= self.last_outage;
        if is_cleared && desk.cleared.load(Relaxed) != self.seen + 1 {
            desk.cleared.store(self.seen + 1, SeqCst);
            if desk.is_awaited.load(SeqCst) {
                self.shared.bell.ring();
            }
        }
    }

    fn complain(&self, what: &str, error: &str) {
        if let Some(untold) = self.may_tell(what) {
            let cluster = &*self.shared.name;
            tracing::error!(cluster, error, untold, "trouble with the spool");
        }
    }

    fn may_tell(&self, what: &str) -> Option<u64> {
        let complaints = &self.shared.complaints;
        complaints.may_tell(&format!("spool {what}"), Instant::now())
    }
}

fn note(desk: &Desk, spool: &Spool) {
    let (from, into) = (spool.counters(), &desk.counters);
    into.bytes.store(from.bytes, Relaxed);
    into.fsyncs.store(from.fsyncs, Relaxed);
    into.corrupt.store(from.corrupt_records, Relaxed);
    into.torn_bytes.store(from.torn_bytes, Relaxed);
    // Last, and read first: who finds a record gone from here finds what has become of it.
    into.messages.store(from.records, Release);
}
