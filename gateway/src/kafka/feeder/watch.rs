//! Judges the lane's state by the age of what Kafka has not acknowledged.
//!
//! ```text
//!  connecting --heard--> up <--> slow      the oldest request is un-acked for 1 s
//!       \                 |       |
//!        '-------------> down <---'        ... for `down_after`, or no broker is connected;
//!                         |                until the cluster answers and nothing is so old
//!  rebuilding: between producers, whatever it was before
//! ```

use std::time::{Duration, Instant};

use super::Feeder;
use crate::kafka::limits;
use crate::kafka::stats::LaneState;

/// Between two looks while something is un-acked.
const LOOK: Duration = Duration::from_millis(250);

/// What is remembered from look to look.
pub(super) struct Watch {
    down_after: Duration,
    look_at: Instant,
    pub(super) is_down: bool,
}

impl Watch {
    pub(super) fn new(down_after: Duration, now: Instant) -> Watch {
        Watch {
            down_after,
            look_at: now,
            is_down: false,
        }
    }
}

impl Feeder {
    /// When to wake up for a look; nothing un-acked, no look, but that a slow lane is not called
    /// slow for ever when its last record is home.
    pub(super) fn next_watch(&self, now: Instant) -> Option<Duration> {
        let is_waiting = self.free.len() < limits::FLIGHTS_MAX
            || self.topics.waiting_since().is_some()
            || self.shared.stats.state() == LaneState::Slow;
        is_waiting.then(|| self.watch.look_at.saturating_duration_since(now))
    }

    /// Looks at the age of what is un-acked, and at what was heard of the cluster.
    pub(super) fn watch(&mut self) {
        let (now, health) = (Instant::now(), &self.shared.health);
        if !health.take_change() && now < self.watch.look_at {
            return;
        }
        self.watch.look_at = now + LOOK;
        let age = self.oldest_age(now);
        let is_silent = health.are_brokers_down() || age >= self.watch.down_after;
        if is_silent && !self.watch.is_down {
            self.watch.is_down = true;
            health.forget();
        } else if !is_silent && health.is_heard() {
            self.watch.is_down = false;
        }
        health.judge(self.watch.is_down);
        self.enter(age);
        if self.watch.is_down {
            self.begin_spooling();
        }
    }

    fn enter(&self, age: Duration) {
        // What is slow is so until it is much better: no line in the log for each swing.
        let slow_after = match self.shared.stats.state() {
            LaneState::Slow => limits::SLOW_AFTER / 2,
            _ => limits::SLOW_AFTER,
        };
        let state = match &self.producers {
            None => LaneState::Rebuilding,
            Some(_) if self.watch.is_down => LaneState::Down,
            Some(_) if !self.shared.health.is_heard() => LaneState::Starting,
            Some(_) if age >= slow_after => LaneState::Slow,
            Some(_) => LaneState::Up,
        };
        let Some(before) = self.shared.stats.enter(state) else {
            return;
        };
        let (cluster, now, before) = (&*self.shared.name, state.name(), before.name());
        let oldest_millis = age.as_millis() as u64;
        match state {
            LaneState::Down | LaneState::Slow => {
                tracing::warn!(cluster, now, before, oldest_millis, "the lane's state");
            }
            _ => tracing::info!(cluster, now, before, oldest_millis, "the lane's state"),
        }
        if state == LaneState::Up {
            self.shared.complaints.forget();
        }
    }

    /// How long the oldest record waits that Kafka was asked to take, or the scout to place.
    fn oldest_age(&self, now: Instant) -> Duration {
        let flights = self.free.len() < limits::FLIGHTS_MAX;
        let aloft = flights.then(|| self.aloft.iter().flatten().map(|aloft| aloft.departed));
        let aloft = aloft.into_iter().flatten().min();
        let oldest = aloft.into_iter().chain(self.topics.waiting_since()).min();
        oldest.map_or(Duration::ZERO, |oldest| {
            now.saturating_duration_since(oldest)
        })
    }
}
