//! The time as the caller says it is: rustls asks, and is answered what was told here last.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;

/// Seconds since 1970, set by whoever drives a handshake and shared by all shards.
///
/// Certificates, revocation lists and tickets are judged by it. Every shard writes the time it
/// has; that two of them differ by a second decides nothing.
#[derive(Debug, Default)]
pub struct Clock(AtomicU64);

impl Clock {
    /// A clock that stands at `now_unix_secs` until it is set.
    pub fn at(now_unix_secs: u64) -> Self {
        Clock(AtomicU64::new(now_unix_secs))
    }

    /// Moves the clock, also back: wall time may.
    pub fn set(&self, now_unix_secs: u64) {
        // A store dirties a line that all shards share; the time changes once a second.
        if self.unix_secs() != now_unix_secs {
            self.0.store(now_unix_secs, Ordering::Relaxed);
        }
    }

    /// What it was last set to.
    pub fn unix_secs(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(
            self.unix_secs(),
        )))
    }
}
