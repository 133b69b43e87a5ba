//! What the lane's thread and the spool's thread leave each other, and what the spool counts.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Acquire, Ordering::Relaxed};

use crossbeam_queue::{ArrayQueue, SegQueue};

use super::intake::Intake;
use crate::kafka::limits;
use crate::kafka::outcome::Outcome;
use crate::kafka::shared::Bell;

/// Shared by the two threads.
pub(in crate::kafka) struct Desk {
    /// For the spool; bounded by the lane's room.
    pub(in crate::kafka) intakes: SegQueue<Intake>,
    /// Emptied ones, to be filled again.
    pub(in crate::kafka) spare: ArrayQueue<Intake>,
    /// What became of replayed records, by their numbers; bounded by the window.
    pub(in crate::kafka) answers: SegQueue<(u64, Outcome)>,
    /// Wakes the spool's thread.
    pub(in crate::kafka) bell: Bell,
    /// Of so many intakes, counted from the first, all that was spooled for an outage is in Kafka.
    pub(in crate::kafka) cleared: AtomicU64,
    /// The lane's thread wants to be woken when `cleared` moves.
    pub(in crate::kafka) is_awaited: AtomicBool,
    pub(super) counters: Counters,
    /// Records that were on disk at the start.
    recovered: u64,
}

/// Written by the spool's thread alone.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) messages: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) fsyncs: AtomicU64,
    pub(super) replayed: AtomicU64,
    pub(super) dropped: AtomicU64,
    pub(super) corrupt: AtomicU64,
    pub(super) torn_bytes: AtomicU64,
}

/// What a spool holds and has done since the start.
///
/// ```text
/// recovered + spooled = replayed + dropped + corrupt (found since the start) + messages
/// ```
///
/// where `spooled` is [`crate::kafka::LaneStats::spooled`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpoolReading {
    /// Records on disk that Kafka does not have yet.
    pub messages: u64,
    /// What counts against the bound, settled records of segments in use included.
    pub bytes: u64,
    pub fsyncs: u64,
    /// Records found at the start.
    pub recovered: u64,
    /// Records that came out of the spool and are in Kafka.
    pub replayed: u64,
    /// Records that came out of the spool and were refused by Kafka for good.
    pub dropped: u64,
    /// Records that are not there any more or not what was spooled.
    pub corrupt: u64,
    /// Cut off the end of the log at the start.
    pub torn_bytes: u64,
}

impl Desk {
    pub(in crate::kafka) fn new(recovered: u64) -> Desk {
        Desk {
            intakes: SegQueue::new(),
            spare: ArrayQueue::new(limits::BATCHES_SPARE_MAX),
            answers: SegQueue::new(),
            bell: Bell::default(),
            cleared: AtomicU64::new(0),
            is_awaited: AtomicBool::new(false),
            counters: Counters::default(),
            recovered,
        }
    }

    /// Records on disk that Kafka does not have yet.
    pub(in crate::kafka) fn messages(&self) -> u64 {
        self.counters.messages.load(Relaxed)
    }

    /// Records that were on disk at the start.
    pub(in crate::kafka) fn recovered(&self) -> u64 {
        self.recovered
    }

    pub(in crate::kafka) fn read(&self) -> SpoolReading {
        let counters = &self.counters;
        SpoolReading {
            messages: counters.messages.load(Acquire),
            bytes: counters.bytes.load(Relaxed),
            fsyncs: counters.fsyncs.load(Relaxed),
            recovered: self.recovered,
            replayed: counters.replayed.load(Relaxed),
            dropped: counters.dropped.load(Relaxed),
            corrupt: counters.corrupt.load(Relaxed),
            torn_bytes: counters.torn_bytes.load(Relaxed),
        }
    }
}
