//! How often a lane may ask Kafka to take something: a budget of requests per second.

use std::time::{Duration, Instant};

use super::limits;

/// A token bucket. Below the budget a request goes at once; above it the blocks grow, which costs
/// client and broker less than any linger and adds no wait to a quiet lane.
#[derive(Debug)]
pub(super) struct Pace {
    /// Between two tokens; zero: no budget.
    interval: Duration,
    /// When the bucket would have been empty, had nothing been taken since.
    empty_at: Instant,
}

impl Pace {
    /// `requests_per_sec` of 0 sets no budget.
    pub(super) fn new(requests_per_sec: u32, now: Instant) -> Pace {
        let interval = Duration::from_secs(1)
            .checked_div(requests_per_sec)
            .unwrap_or_default();
        Pace {
            interval,
            empty_at: now.checked_sub(Self::burst(interval)).unwrap_or(now),
        }
    }

    fn burst(interval: Duration) -> Duration {
        interval * limits::REQUESTS_BURST
    }

    /// Takes a token if there is one.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let full = now
            .checked_sub(Self::burst(self.interval))
            .unwrap_or(self.empty_at);
        self.empty_at = self.empty_at.max(full);
        let taken = self.empty_at + self.interval <= now;
        if taken {
            self.empty_at += self.interval;
        }
        taken
    }

    /// How long until there is a token.
    pub(super) fn wait(&self, now: Instant) -> Duration {
        (self.empty_at + self.interval).saturating_duration_since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_quiet_moment_a_burst_goes_and_then_the_rate_holds() {
        let start = Instant::now();
        let mut pace = Pace::new(1_000, start);
        let burst = (0..100).take_while(|_| pace.take(start)).count();
        assert_eq!(burst, limits::REQUESTS_BURST as usize);
        assert_eq!(pace.wait(start), Duration::from_millis(1));
        assert!(!pace.take(start + Duration::from_micros(999)));
        let second = start + Duration::from_secs(1);
        let taken = (1..=1_000)
            .filter(|millis| pace.take(start + Duration::from_millis(*millis)))
            .count();
        assert_eq!(taken, 1_000);
        assert!(!pace.take(second));
    }

    #[test]
    fn without_a_budget_there_is_always_a_token() {
        let now = Instant::now();
        let mut pace = Pace::new(0, now);
        assert!((0..10_000).all(|_| pace.take(now)));
    }
}
