//! What arrived, what did not, and how long it took: one thread's, and that of all together.

use crate::clock::ns_to_secs;
use hdrhistogram::Histogram;
use serde::Serialize;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// A fault is one message at one subscriber.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Arrivals {
    /// Each message once per subscriber.
    pub(super) delivered: u64,
    pub(super) lost: u64,
    /// A second time, without the mark of a repetition.
    pub(super) duplicated: u64,
    /// A second time, marked as a repetition (DUP).
    pub(super) repeated: u64,
    pub(super) reordered: u64,
    pub(super) corrupted: u64,
    /// Of another topic, of another run, or never sent.
    pub(super) foreign: u64,
    /// Subscribers who came back and were not known any more.
    pub(super) sessions_missing: u64,
}

pub(super) struct Tally {
    pub(super) arrivals: Arrivals,
    /// From the intended time of the publish to the arrival.
    pub(super) deliver_ns: Histogram<u64>,
    pub(super) first_ns: u64,
    pub(super) last_ns: u64,
}

impl Tally {
    pub(super) fn new() -> Self {
        let mut deliver_ns = Histogram::new(3).expect("3 digits are within the 0 to 5 it takes");
        deliver_ns.auto(true);
        Self {
            arrivals: Arrivals::default(),
            deliver_ns,
            first_ns: u64::MAX,
            last_ns: 0,
        }
    }

    /// `intended_ns` is not known of what was kept for a subscriber that was away.
    pub(super) fn delivered(&mut self, now_ns: u64, intended_ns: Option<u64>) {
        self.arrivals.delivered += 1;
        self.first_ns = self.first_ns.min(now_ns);
        self.last_ns = now_ns;
        if let Some(intended_ns) = intended_ns {
            // A histogram that resizes itself has a place for every value above 0.
            let _ = self
                .deliver_ns
                .record(now_ns.saturating_sub(intended_ns).max(1));
        }
    }

    /// From the first arrival to the last.
    pub(super) fn secs(&self) -> f64 {
        ns_to_secs(self.last_ns.saturating_sub(self.first_ns))
    }

    fn merge(&mut self, other: &Self) {
        let (mine, of) = (&mut self.arrivals, &other.arrivals);
        mine.delivered += of.delivered;
        mine.lost += of.lost;
        mine.duplicated += of.duplicated;
        mine.repeated += of.repeated;
        mine.reordered += of.reordered;
        mine.corrupted += of.corrupted;
        mine.foreign += of.foreign;
        mine.sessions_missing += of.sessions_missing;
        self.first_ns = self.first_ns.min(other.first_ns);
        self.last_ns = self.last_ns.max(other.last_ns);
        // As above.
        let _ = self.deliver_ns.add(&other.deliver_ns);
    }
}

/// Where the threads leave their tallies, and say meanwhile how much has arrived.
pub(super) struct Hall {
    delivered: AtomicU64,
    tally: Mutex<Tally>,
}

impl Hall {
    pub(super) fn new() -> Self {
        Self {
            delivered: AtomicU64::new(0),
            tally: Mutex::new(Tally::new()),
        }
    }

    pub(super) fn add_delivered(&self, more: u64) {
        self.delivered.fetch_add(more, Ordering::Relaxed);
    }

    pub(super) fn delivered(&self) -> u64 {
        self.delivered.load(Ordering::Relaxed)
    }

    pub(super) fn bring(&self, tally: &Tally) {
        self.with(|all| all.merge(tally));
    }

    pub(super) fn with<T>(&self, look: impl FnOnce(&mut Tally) -> T) -> T {
        let mut all = self
            .tally
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        look(&mut all)
    }
}
