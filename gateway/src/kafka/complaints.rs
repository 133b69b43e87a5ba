//! Says the same trouble once and then seldom, since librdkafka tells of it several times a second.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;

/// Between two lines about the same trouble.
const INTERVAL: Duration = Duration::from_secs(30);
/// Troubles told apart; one more makes room by forgetting all, which costs an early line.
const KINDS_MAX: usize = 256;

/// Which troubles were told of, and when.
#[derive(Debug, Default)]
pub(super) struct Complaints {
    told: Mutex<FxHashMap<String, (Instant, u64)>>,
}

impl Complaints {
    /// Whether to tell of `what` now; if so, how often it was left untold since the last time.
    pub(super) fn may_tell(&self, what: &str, now: Instant) -> Option<u64> {
        let Ok(mut told) = self.told.lock() else {
            return Some(0);
        };
        if let Some((at, untold)) = told.get_mut(what) {
            if now.saturating_duration_since(*at) < INTERVAL {
                *untold += 1;
                return None;
            }
            *at = now;
            return Some(std::mem::take(untold));
        }
        if told.len() >= KINDS_MAX {
            told.clear();
        }
        told.insert(what.to_owned(), (now, 0));
        Some(0)
    }

    /// The trouble is over: the next one is news.
    pub(super) fn forget(&self) {
        if let Ok(mut told) = self.told.lock() {
            told.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trouble_is_told_once_per_interval_with_the_count_of_the_untold() {
        let (complaints, start) = (Complaints::default(), Instant::now());
        assert_eq!(complaints.may_tell("down", start), Some(0));
        assert_eq!(complaints.may_tell("down", start + INTERVAL / 2), None);
        assert_eq!(complaints.may_tell("down", start + INTERVAL / 2), None);
        assert_eq!(
            complaints.may_tell("refused", start + INTERVAL / 2),
            Some(0)
        );
        assert_eq!(complaints.may_tell("down", start + INTERVAL), Some(2));
        complaints.forget();
        assert_eq!(complaints.may_tell("down", start + INTERVAL), Some(0));
    }
}
