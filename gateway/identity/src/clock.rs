//! What time it is: the system's clocks, or a hand that a test moves.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The clocks of one service. Cheap to copy.
#[derive(Clone, Debug)]
pub struct Clock(Hand);

#[derive(Clone, Debug)]
enum Hand {
    System { since: Instant },
    Moved(Arc<AtomicU64>),
}

impl Clock {
    pub fn system() -> Self {
        let since = Instant::now();
        Self(Hand::System { since })
    }

    /// A clock that stands still unless `hand` is moved; it holds milliseconds since 1970.
    pub fn moved_by(hand: Arc<AtomicU64>) -> Self {
        Self(Hand::Moved(hand))
    }

    /// Milliseconds since some moment. They only grow, also when the wall clock is put right.
    pub fn ticks_ms(&self) -> u64 {
        match &self.0 {
            Hand::System { since } => since.elapsed().as_millis() as u64,
            Hand::Moved(hand) => hand.load(Ordering::Acquire),
        }
    }

    /// Seconds since 1970, in which tokens count.
    pub fn unix_sec(&self) -> u64 {
        match &self.0 {
            Hand::System { .. } => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH);
                since.map_or(0, |since| since.as_secs())
            }
            Hand::Moved(hand) => hand.load(Ordering::Acquire) / 1_000,
        }
    }
}
