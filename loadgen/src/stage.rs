//! What the threads of a run and the one that watches them tell each other.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

/// The steps of a run go through here: all threads connect, the watcher starts them at one time,
/// they say when they are done, the watcher lets them go.
pub struct Stage {
    pub threads: Box<[Live]>,
    start_ns: AtomicU64,
    done: AtomicU32,
    released: AtomicBool,
    /// Storms: how many times all clients were told to go, and to come back.
    drops_ordered: AtomicU32,
    returns_ordered: AtomicU32,
    is_last_call: AtomicBool,
}

/// One thread's counters while it runs. Only that thread writes them.
#[derive(Default)]
#[repr(align(128))]
pub struct Live {
    pub connected: AtomicU64,
    /// Clients whose first connect has succeeded or failed.
    pub settled: AtomicU64,
    pub sent: AtomicU64,
    pub acknowledged: AtomicU64,
    pub failed: AtomicU64,
    /// Drops that have been carried out to the last socket.
    pub drops_done: AtomicU64,
}

/// The counters of all threads together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    pub connected: u64,
    pub settled: u64,
    pub sent: u64,
    pub acknowledged: u64,
    pub failed: u64,
}

impl Stage {
    pub fn new(threads: u32) -> Self {
        Self {
            threads: (0..threads).map(|_| Live::default()).collect(),
            start_ns: AtomicU64::new(0),
            done: AtomicU32::new(0),
            released: AtomicBool::new(false),
            drops_ordered: AtomicU32::new(0),
            returns_ordered: AtomicU32::new(0),
            is_last_call: AtomicBool::new(false),
        }
    }

    pub fn start(&self, at_ns: u64) {
        self.start_ns.store(at_ns, Ordering::Release);
    }

    pub fn started_ns(&self) -> Option<u64> {
        Some(self.start_ns.load(Ordering::Acquire)).filter(|at_ns| *at_ns > 0)
    }

    /// A thread says that it has nothing more to send or to wait for.
    pub fn finish(&self) {
        self.done.fetch_add(1, Ordering::AcqRel);
    }

    pub fn all_finished(&self) -> bool {
        self.done.load(Ordering::Acquire) as usize == self.threads.len()
    }

    pub fn release(&self) {
        self.released.store(true, Ordering::Release);
    }

    pub fn is_released(&self) -> bool {
        self.released.load(Ordering::Acquire)
    }

    /// Tells all clients to end their connections, and returns the number of that order.
    pub fn order_drop(&self) -> u32 {
        self.drops_ordered.fetch_add(1, Ordering::AcqRel) + 1
    }

    pub fn drops_ordered(&self) -> u32 {
        self.drops_ordered.load(Ordering::Acquire)
    }

    /// Whether every thread has carried out that drop.
    pub fn has_dropped(&self, order: u32) -> bool {
        let done = |live: &Live| live.drops_done.load(Ordering::Acquire) >= u64::from(order);
        self.threads.iter().all(done)
    }

    pub fn order_return(&self) {
        self.returns_ordered.fetch_add(1, Ordering::AcqRel);
    }

    pub fn returns_ordered(&self) -> u32 {
        self.returns_ordered.load(Ordering::Acquire)
    }

    /// No new messages from here on: what is in flight may still be answered.
    pub fn call_last(&self) {
        self.is_last_call.store(true, Ordering::Release);
    }

    pub fn is_last_call(&self) -> bool {
        self.is_last_call.load(Ordering::Acquire)
    }

    pub fn now(&self) -> Now {
        let sum = |field: fn(&Live) -> &AtomicU64| {
            self.threads
                .iter()
                .map(|live| field(live).load(Ordering::Relaxed))
                .sum()
        };
        Now {
            connected: sum(|live| &live.connected),
            settled: sum(|live| &live.settled),
            sent: sum(|live| &live.sent),
            acknowledged: sum(|live| &live.acknowledged),
            failed: sum(|live| &live.failed),
        }
    }
}
