//! Says the same trouble once and then seldom, since librdkafka tells of it several times a second,
//! and keeps the one that says most for whoever asks.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use rdkafka::types::RDKafkaErrorCode as Code;
use rustc_hash::FxHashMap;

use super::errors;

/// Between two lines about the same trouble.
const INTERVAL: Duration = Duration::from_secs(30);
/// Troubles told apart; one more makes room by forgetting all, which costs an early line.
const KINDS_MAX: usize = 256;

/// For so long a trouble that names its cause is not covered by one that does not: a failed login
/// is followed by "all brokers are down".
const CAUSE_HOLDS: Duration = Duration::from_secs(60);

/// Why a cluster does not answer, and what an operator can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// librdkafka's name of the error.
    pub error: String,
    /// In librdkafka's words.
    pub reason: String,
    pub remedy: &'static str,
}

/// Which troubles were told of, and when.
#[derive(Debug, Default)]
pub(super) struct Complaints {
    told: Mutex<FxHashMap<String, (Instant, u64)>>,
    kept: Mutex<Option<Kept>>,
}

#[derive(Debug)]
struct Kept {
    trouble: Trouble,
    names_cause: bool,
    at: Instant,
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

    /// Tells of an error of librdkafka's, unless it was told of lately.
    pub(super) fn tell(&self, cluster: &str, whose: &str, code: Code, reason: &str) {
        let error = format!("{code:?}");
        if let Some(untold) = self.may_tell(&error, Instant::now()) {
            let remedy = errors::remedy(code);
            tracing::warn!(
                cluster,
                error,
                reason,
                untold,
                remedy,
                "trouble with {whose}"
            );
        }
    }

    /// Keeps a trouble of the whole cluster, unless a better one is kept.
    pub(super) fn keep(&self, trouble: Trouble, names_cause: bool, now: Instant) {
        let Ok(mut kept) = self.kept.lock() else {
            return;
        };
        let holds =
            |kept: &Kept| kept.names_cause && now.saturating_duration_since(kept.at) < CAUSE_HOLDS;
        if names_cause || !kept.as_ref().is_some_and(holds) {
            *kept = Some(Kept {
                trouble,
                names_cause,
                at: now,
            });
        }
    }

    pub(super) fn kept(&self) -> Option<Trouble> {
        let kept = self.kept.lock().ok()?;
        kept.as_ref().map(|kept| kept.trouble.clone())
    }

    /// The trouble is over: the next one is news.
    pub(super) fn forget(&self) {
        if let Ok(mut told) = self.told.lock() {
            told.clear();
        }
        if let Ok(mut kept) = self.kept.lock() {
            *kept = None;
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

    #[test]
    fn a_trouble_that_names_its_cause_is_not_covered_by_what_follows_from_it() {
        let (complaints, start) = (Complaints::default(), Instant::now());
        let keep = |error: &str, names_cause, at| {
            let trouble = Trouble {
                error: error.to_owned(),
                reason: String::new(),
                remedy: "",
            };
            complaints.keep(trouble, names_cause, at);
            complaints.kept().map(|trouble| trouble.error)
        };
        assert_eq!(
            keep("AllBrokersDown", false, start).as_deref(),
            Some("AllBrokersDown")
        );
        assert_eq!(keep("SSL", true, start).as_deref(), Some("SSL"));
        let later = start + CAUSE_HOLDS / 2;
        assert_eq!(keep("AllBrokersDown", false, later).as_deref(), Some("SSL"));
        assert_eq!(
            keep("Authentication", true, later).as_deref(),
            Some("Authentication")
        );
        let much_later = later + CAUSE_HOLDS;
        assert_eq!(
            keep("AllBrokersDown", false, much_later).as_deref(),
            Some("AllBrokersDown")
        );
        complaints.forget();
        assert_eq!(complaints.kept(), None);
    }
}
