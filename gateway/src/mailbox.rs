//! Where other threads leave notes for a shard: delivery reports, room in a lane, orders to drain.
//!
//! Delivery reports are bounded by what the lanes may have pending; everything else is a flag, so
//! nothing here can grow without a bound. One wake-up serves however many notes came before it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_queue::SegQueue;
use tributary_ring::Wake;

use crate::kafka::{Outcome, ReportSink};

/// One shard's letter box.
pub struct Mailbox {
    reports: SegQueue<(u64, Outcome)>,
    /// Something is in here that the shard was not yet told of.
    unseen: AtomicBool,
    room: AtomicBool,
    drain: AtomicBool,
    abandon: AtomicBool,
    wake: Wake,
}

impl Mailbox {
    /// A letter box that wakes its shard by `wake`.
    pub fn new(wake: Wake) -> Self {
        Self {
            reports: SegQueue::new(),
            unseen: AtomicBool::new(false),
            room: AtomicBool::new(false),
            drain: AtomicBool::new(false),
            abandon: AtomicBool::new(false),
            wake,
        }
    }

    /// The eventfd that this box and all rings of the shard share.
    pub fn wake(&self) -> &Wake {
        &self.wake
    }

    /// Whether something came since [`Self::open`].
    pub fn is_unseen(&self) -> bool {
        self.unseen.load(Ordering::SeqCst)
    }

    /// Says that the shard looks now; says whether there is anything to look at.
    pub fn open(&self) -> bool {
        // A plain load first: while nothing comes, no cache line is taken from anyone.
        self.unseen.load(Ordering::Relaxed) && self.unseen.swap(false, Ordering::SeqCst)
    }

    /// The next delivery report.
    pub fn next_report(&self) -> Option<(u64, Outcome)> {
        self.reports.pop()
    }

    /// Whether a lane got room again since the last look.
    pub fn take_room(&self) -> bool {
        self.room.load(Ordering::Relaxed) && self.room.swap(false, Ordering::SeqCst)
    }

    /// Whether the shard is to let its clients go.
    pub fn is_draining(&self) -> bool {
        self.drain.load(Ordering::Relaxed)
    }

    /// Whether the time to drain is over.
    pub fn is_abandoned(&self) -> bool {
        self.abandon.load(Ordering::Relaxed)
    }

    /// Orders the shard to let its clients go.
    pub fn order_drain(&self) {
        self.drain.store(true, Ordering::SeqCst);
        self.ring_bell();
    }

    /// Orders the shard to go now, whatever is still owed.
    pub fn order_abandon(&self) {
        self.abandon.store(true, Ordering::SeqCst);
        self.ring_bell();
    }

    fn ring_bell(&self) {
        // Load before swap: in a burst of reports only the first one pays for the exchange.
        if !self.unseen.load(Ordering::SeqCst) && !self.unseen.swap(true, Ordering::SeqCst) {
            self.wake.signal();
        }
    }
}

/// The letter boxes of all shards, as a lane sees them.
#[derive(Clone)]
pub struct Mailboxes(pub Arc<[Mailbox]>);

impl ReportSink for Mailboxes {
    fn report(&self, ticket: u64, outcome: Outcome) {
        let shard = usize::from(crate::kafka::Ticket::from_word(ticket).shard);
        self.0[shard].reports.push((ticket, outcome));
    }

    fn flush(&self) {
        for mailbox in self.0.iter().filter(|mailbox| !mailbox.reports.is_empty()) {
            mailbox.ring_bell();
        }
    }

    fn room(&self) {
        for mailbox in self.0.iter() {
            mailbox.room.store(true, Ordering::SeqCst);
            mailbox.ring_bell();
        }
    }
}
