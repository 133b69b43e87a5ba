//! What the threads of a run and the one that watches them tell each other.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

/// The steps of a run go through here: all threads connect, the watcher starts them at one time,
/// they say when they are done, the watcher lets them go.
pub struct Stage {
    pub threads: Box<[Live]>,
    start_ns: AtomicU64,
    done: AtomicU32,
    released: AtomicBool,
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
