//! Lets a bounded number ask at once, and a bounded number wait for that; each for a bounded time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::fault::Fault;
use crate::limits::{AT_ONCE_MAX, QUESTIONS_MAX, TIME_OUT_MILLIS_MAX};

/// In front of one that is asked.
pub(super) struct Gate {
    permits: Semaphore,
    waiting: AtomicUsize,
    waiting_max: usize,
    time_out: Duration,
}

/// Why nothing was answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum NoAnswer {
    /// Too many wait already.
    Full,
    TimeOut,
}

/// Counts one that waits for as long as it lives.
struct Waiting<'a>(&'a AtomicUsize);

impl Gate {
    pub(super) fn new(
        at_once_max: usize,
        waiting_max: usize,
        time_out_ms: u32,
    ) -> Result<Self, Fault> {
        let bounds = [
            (
                "time_out_ms",
                time_out_ms as usize,
                TIME_OUT_MILLIS_MAX as usize,
            ),
            ("at_once_max", at_once_max, AT_ONCE_MAX),
            ("waiting_max", waiting_max, QUESTIONS_MAX),
        ];
        for (field, value, max) in bounds {
            if !(1..=max).contains(&value) {
                let right = format!("use 1 to {max}");
                return Err(Fault::new(field, format!("is {value}"), right));
            }
        }
        Ok(Self {
            permits: Semaphore::new(at_once_max),
            waiting: AtomicUsize::new(0),
            waiting_max,
            time_out: Duration::from_millis(u64::from(time_out_ms)),
        })
    }

    /// Awaits `work`; the time-out counts from now on, waiting included.
    pub(super) async fn pass<T>(&self, work: impl Future<Output = T>) -> Result<T, NoAnswer> {
        let passed = async {
            let permit = match self.permits.try_acquire() {
                Ok(permit) => permit,
                Err(_) => {
                    let waiting = Waiting::new(&self.waiting);
                    if waiting.count() > self.waiting_max {
                        return Err(NoAnswer::Full);
                    }
                    let permit = self.permits.acquire().await;
                    permit.expect("nobody closes the semaphore")
                }
            };
            let done = work.await;
            drop(permit);
            Ok(done)
        };
        let in_time = timeout(self.time_out, passed).await;
        in_time.unwrap_or(Err(NoAnswer::TimeOut))
    }
}

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::AcqRel);
        Self(count)
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::Acquire)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
