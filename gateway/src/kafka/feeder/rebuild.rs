//! Giving producers up and starting the next: what they had un-acked comes back, in order.

use std::sync::PoisonError;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use super::Feeder;
use crate::kafka::limits;
use crate::kafka::producer::Producers;

/// How long reports of a producer that is given up may take before, and after, what it holds is
/// purged.
const LAST_REPORTS: Duration = Duration::from_secs(2);
/// Between giving up a producer and starting the next, doubled each time that does not help.
const REVIVE_WAIT_MIN: Duration = Duration::from_millis(50);
const REVIVE_WAIT_MAX: Duration = Duration::from_secs(30);
/// A producer that has lived so long was a good one.
const REVIVE_GOOD: Duration = Duration::from_secs(60);

/// When the next producers are due.
pub(super) struct Rebuild {
    revive_at: Instant,
    revive_wait: Duration,
}

impl Rebuild {
    pub(super) fn new(now: Instant) -> Rebuild {
        Rebuild {
            revive_at: now,
            revive_wait: REVIVE_WAIT_MIN,
        }
    }

    pub(super) fn wait(&self, now: Instant) -> Duration {
        self.revive_at.saturating_duration_since(now)
    }

    fn put_off(&mut self, now: Instant) {
        if now.saturating_duration_since(self.revive_at) > REVIVE_GOOD {
            self.revive_wait = REVIVE_WAIT_MIN;
        }
        self.revive_at = now + self.revive_wait;
        self.revive_wait = (self.revive_wait * 2).min(REVIVE_WAIT_MAX);
    }
}

impl Feeder {
    /// The producers have had a fatal error.
    pub(super) fn give_up_done_for(&mut self) {
        if let Some(producers) = &self.producers {
            let (cluster, error) = (&*self.shared.name, producers.fatal_error());
            let error = format!("{error:?}");
            tracing::error!(
                cluster,
                error,
                "the Kafka producer is done for; starting another one"
            );
            self.wait_landed();
        }
        self.give_up_producers();
        self.rebuild.put_off(Instant::now());
    }

    /// Takes back everything un-acked from producers that are given up. Some of it may be in Kafka
    /// already: it is sent again in order, since an unacknowledged record must not be lost.
    pub(super) fn give_up_producers(&mut self) {
        let Some(producers) = self.producers.take() else {
            return;
        };
        self.shared.stats.count_rebuild();
        producers.purge();
        self.wait_landed();
        producers.stop();
        self.receive_landed();
        for flight in 0..limits::FLIGHTS_MAX as u16 {
            if self.aloft[flight as usize].is_some() {
                let (records, bytes) = {
                    let mut flight = self.shared.flight(flight);
                    flight.abandon();
                    flight.answered()
                };
                self.shared.release(records, bytes);
                self.receive(flight);
            }
        }
        self.shared.fatal.store(false, SeqCst);
        self.shared.health.note_change();
    }

    /// Waits a while for the flights that are still out.
    fn wait_landed(&mut self) {
        const LOOK: Duration = Duration::from_millis(5);
        let deadline = Instant::now() + LAST_REPORTS;
        self.receive_landed();
        while self.free.len() < limits::FLIGHTS_MAX && Instant::now() < deadline {
            std::thread::park_timeout(LOOK);
            self.receive_landed();
        }
    }

    pub(super) fn revive(&mut self) {
        let now = Instant::now();
        if self.producers.is_some() || now < self.rebuild.revive_at {
            return;
        }
        match Producers::start(&self.config, &self.shared) {
            Ok(producers) => {
                let source = self.source.lock();
                let mut source = source.unwrap_or_else(PoisonError::into_inner);
                *source = producers.clients();
                drop(source);
                self.producers = Some(producers);
                self.shared.health.note_change();
            }
            Err(error) => {
                let cluster = &*self.shared.name;
                tracing::error!(cluster, %error, "no new Kafka producer; trying again");
                self.rebuild.revive_at = now + REVIVE_WAIT_MAX;
            }
        }
    }
}
