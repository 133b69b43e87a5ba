//! The publishes of one shard, from received to settled, so that the sums hold at every reading.
//!
//! ```text
//! received = acknowledged + pending + refused(reason) + settled after the client had gone
//! ```
//!
//! The lanes keep the other half, record by record: what was answered as safe is in Kafka or in a
//! spool, and what is in neither was told of loudly.
//!
//! ```text
//! answered as safe = (delivered - replayed) + spooled
//! recovered + spooled = replayed + dropped + corrupt (found since the start) + in the spool
//! ```
//!
//! Every publish is received once and settled once. A QoS 0 publish has no acknowledgement on the
//! wire: it counts as acknowledged once Kafka has it, or once the null route has dropped it.
//!
//! The counts change many times within one turn of the loop. [`Balance::settle`] at the end of the
//! turn publishes them together, into the oldest of a few pages, so that neither side ever waits:
//!
//! ```text
//! turn:   n-2    n-1     n     n+1
//! page: [ old ][ old ][ read ][ being written ]      a reader starts again when the writer has
//!                                                    come round to its page meanwhile
//! ```

use std::sync::atomic::{AtomicU64, Ordering, fence};

use super::{Entry, Kind, QOS};

/// The most reasons for which a publish can be refused.
pub(super) const REFUSALS_MAX: usize = 32;

/// The writer must end this many turns less two during one reading to disturb it.
const PAGES: u64 = 4;

/// How often a reader starts again before it takes a torn page, instead of waiting for ever.
const READ_ATTEMPTS_MAX: usize = 10_000;

// Places of the cells: [ received | acknowledged | gone | pending | refused by reason ... ]
const RECEIVED: usize = 0;
const ACKNOWLEDGED: usize = 3;
const GONE: usize = 6;
const PENDING: usize = 7;
const REFUSED: usize = 8;
const CELLS: usize = REFUSED + REFUSALS_MAX;

type Cells = [AtomicU64; CELLS];

/// Received, acknowledged, pending, refused and gone: each event moves two of them at once, so
/// they cannot drift apart.
#[derive(Debug)]
pub struct Balance {
    refusals: &'static [&'static str],
    open: Cells,
    pages: [Cells; PAGES as usize],
    /// The last turn whose page is whole.
    turn: AtomicU64,
}

impl Balance {
    pub fn new(refusals: &'static [&'static str]) -> Self {
        assert!(
            refusals.len() <= REFUSALS_MAX,
            "{} refusals",
            refusals.len()
        );
        Balance {
            refusals,
            open: [const { AtomicU64::new(0) }; CELLS],
            pages: [const { [const { AtomicU64::new(0) }; CELLS] }; PAGES as usize],
            turn: AtomicU64::new(0),
        }
    }

    /// A PUBLISH came in whole and in order; from here it is pending.
    pub fn on_received(&self, qos: u8) {
        self.open_up(RECEIVED + usize::from(qos));
        self.open_up(PENDING);
    }

    /// Kafka (or the spool, or the null route) has it and the client can know: PUBACK, PUBREC, or
    /// QoS 0.
    pub fn on_acknowledged(&self, qos: u8) {
        self.settle_one(ACKNOWLEDGED + usize::from(qos));
    }

    /// It will not go to Kafka, for the reason with this index.
    pub fn on_refused(&self, reason: usize) {
        debug_assert!(
            reason < self.refusals.len(),
            "no refusal has index {reason}"
        );
        self.settle_one(REFUSED + reason);
    }

    /// Its outcome came home, whichever it was, when the client had gone.
    pub fn on_settled_after_gone(&self, count: usize) {
        (0..count).for_each(|_| self.settle_one(GONE));
    }

    /// As the shard's own thread sees it, in the middle of a turn too.
    pub fn pending(&self) -> u64 {
        self.open[PENDING].load(Ordering::Relaxed)
    }

    /// All that was received, as it stood at the end of one turn.
    pub fn received(&self) -> u64 {
        self.snapshot()[RECEIVED..ACKNOWLEDGED].iter().sum()
    }

    /// Makes the turn's changes visible together. Call it at the end of every turn that changed
    /// something, and before parking.
    pub fn settle(&self) {
        let turn = self.turn.load(Ordering::Relaxed) + 1;
        // Whoever sees a new value in the page below must also see the turns that led to it.
        fence(Ordering::Release);
        for (from, to) in self.open.iter().zip(self.page(turn)).take(self.used()) {
            to.store(from.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        self.turn.store(turn, Ordering::Release);
    }

    /// The publishes as they stood at the end of one turn.
    pub fn read(&self) -> Vec<Entry> {
        let cells = self.snapshot();
        let entry = |metric, help, kind, label, labels: &'static [&'static str], from: usize| {
            let values = cells[from..from + labels.len()].to_vec();
            Entry {
                metric,
                help,
                kind,
                label,
                labels,
                values,
            }
        };
        use Kind::{Counter, Gauge};
        vec![
            entry(
                "tributary_publishes_received",
                "PUBLISH packets received, by QoS",
                Counter,
                "qos",
                QOS,
                RECEIVED,
            ),
            entry(
                "tributary_publishes_acknowledged",
                "Publishes that Kafka or the spool has and the client may know of, by QoS",
                Counter,
                "qos",
                QOS,
                ACKNOWLEDGED,
            ),
            entry(
                "tributary_publishes_settled_after_gone",
                "Publishes settled after their client had gone",
                Counter,
                "",
                &[""],
                GONE,
            ),
            entry(
                "tributary_publishes_pending",
                "Publishes not settled yet",
                Gauge,
                "",
                &[""],
                PENDING,
            ),
            entry(
                "tributary_publishes_refused",
                "Publishes refused, by reason",
                Counter,
                "reason",
                self.refusals,
                REFUSED,
            ),
        ]
    }

    fn snapshot(&self) -> [u64; CELLS] {
        let mut cells = [0; CELLS];
        for _ in 0..READ_ATTEMPTS_MAX {
            let turn = self.turn.load(Ordering::Acquire);
            for (cell, published) in cells.iter_mut().zip(self.page(turn)).take(self.used()) {
                *cell = published.load(Ordering::Relaxed);
            }
            fence(Ordering::Acquire);
            // The page is written again by turn + PAGES, which begins once the one before is whole.
            if self.turn.load(Ordering::Relaxed) < turn + PAGES - 1 {
                break;
            }
            std::thread::yield_now();
        }
        cells
    }

    fn page(&self, turn: u64) -> &Cells {
        &self.pages[(turn % PAGES) as usize]
    }

    fn used(&self) -> usize {
        REFUSED + self.refusals.len()
    }

    fn open_up(&self, cell: usize) {
        let count = self.open[cell].load(Ordering::Relaxed);
        self.open[cell].store(count.wrapping_add(1), Ordering::Relaxed);
    }

    fn settle_one(&self, into: usize) {
        let pending = self.pending();
        debug_assert!(pending > 0, "settled a publish that was never received");
        self.open[PENDING].store(pending.wrapping_sub(1), Ordering::Relaxed);
        self.open_up(into);
    }
}
