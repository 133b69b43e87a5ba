//! One origin of time for all threads of a run, in nanoseconds.

use rustix::time::{ClockId, clock_gettime};
use std::time::{Duration, Instant, SystemTime};

pub const NANOS_PER_SEC: u64 = 1_000_000_000;

#[derive(Clone, Copy)]
pub struct Clock {
    origin: Instant,
}

impl Clock {
    pub fn start() -> Self {
        // A second in the past, so that 0 can stand for "not yet" everywhere.
        let now = Instant::now();
        Self {
            origin: now.checked_sub(Duration::from_secs(1)).unwrap_or(now),
        }
    }

    pub fn now_ns(&self) -> u64 {
        self.origin.elapsed().as_nanos() as u64
    }
}

/// CPU time that the calling thread has used.
pub fn thread_cpu_ns() -> u64 {
    let used = clock_gettime(ClockId::ThreadCPUTime);
    used.tv_sec as u64 * NANOS_PER_SEC + used.tv_nsec as u64
}

/// CPU time that all threads of this process have used.
pub fn process_cpu_ns() -> u64 {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    used.tv_sec as u64 * NANOS_PER_SEC + used.tv_nsec as u64
}

pub fn unix_ms() -> u64 {
    SystemTime::UNIX_EPOCH
        .elapsed()
        .map_or(0, |since| since.as_millis() as u64)
}

/// Seconds as the command line gives them.
pub fn secs_to_ns(secs: f64) -> u64 {
    (secs.max(0.0) * NANOS_PER_SEC as f64) as u64
}

pub fn ns_to_secs(ns: u64) -> f64 {
    ns as f64 / NANOS_PER_SEC as f64
}
