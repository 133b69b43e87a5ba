//! Where questions wait for a worker, and what makes sure that each is answered once.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc::Sender;

use super::ServiceSettings;
use crate::chain::{Step, Walk};
use crate::limits::WAIT_MILLIS_MAX;
use crate::look::Check;
use crate::verdict::{Refusal, Verdict};

/// Fresh questions that go before a password that waits, one after the other.
const FRESH_IN_A_ROW_MAX: u32 = 64;

/// What workers and shards share.
pub(super) struct Hall {
    settings: ServiceSettings,
    /// Questions asked and not answered.
    in_hand: AtomicUsize,
    is_closed: AtomicBool,
    queues: Mutex<Queues>,
    wake: Condvar,
    errands: Sender<Job>,
}

#[derive(Default)]
struct Queues {
    fresh: VecDeque<Job>,
    checks: VecDeque<(Job, Check)>,
    fresh_in_a_row: u32,
}

/// What a worker does next.
pub(super) enum Task {
    Look(Job),
    Check(Job, Check),
}

/// A question on its way, with whoever waits for the answer.
pub(super) struct Job {
    pub(super) walk: Walk,
    pub(super) answer: Answer,
    asked_ms: u64,
}

/// Calls back once: with a verdict, or with `Unavailable` when it is lost on the way.
pub(super) struct Answer {
    hall: Arc<Hall>,
    call: Option<Box<dyn FnOnce(Verdict) + Send>>,
}

impl Hall {
    pub(super) fn new(settings: ServiceSettings, errands: Sender<Job>) -> Self {
        Self {
            settings,
            in_hand: AtomicUsize::new(0),
            is_closed: AtomicBool::new(false),
            queues: Mutex::default(),
            wake: Condvar::new(),
            errands,
        }
    }

    pub(super) fn questions(&self) -> usize {
        self.in_hand.load(Ordering::Acquire)
    }

    /// Puts a question, or one that comes back, where a worker looks at it.
    pub(super) fn admit(&self, job: Job) {
        let mut queues = self.queues();
        // Looked at under the lock: a job behind the closing would wait for ever.
        if self.is_closed.load(Ordering::Acquire) {
            return drop((queues, job));
        }
        queues.fresh.push_back(job);
        drop(queues);
        self.wake.notify_one();
    }

    /// Puts a password where a worker checks it.
    pub(super) fn admit_check(&self, job: Job, check: Check) {
        let mut queues = self.queues();
        if self.is_closed.load(Ordering::Acquire) {
            return drop((queues, job));
        }
        if queues.checks.len() >= self.settings.hashes_waiting_max {
            drop(queues);
            return job.answer.give(Verdict::Refused(Refusal::Busy));
        }
        queues.checks.push_back((job, check));
        drop(queues);
        self.wake.notify_one();
    }

    /// Hands a question to the control thread. One that finds the service ended is answered by
    /// being dropped.
    pub(super) fn send_out(&self, job: Job) {
        let _ = self.errands.try_send(job);
    }

    /// Does with a question what comes next for it.
    pub(super) fn go_on(&self, job: Job, step: Step) {
        match step {
            Step::Done(verdict) => job.answer.give(verdict),
            Step::Check(check) => self.admit_check(job, check),
            Step::Ask => self.send_out(job),
        }
    }

    /// Waits for something to do; `None` when the service ends.
    pub(super) fn next(&self) -> Option<Task> {
        let mut queues = self.queues();
        loop {
            if self.is_closed.load(Ordering::Acquire) {
                return None;
            }
            if let Some(task) = queues.take() {
                return Some(task);
            }
            let woken = self.wake.wait(queues);
            queues = woken.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Sends the workers home; whoever still waits learns that nobody can be asked.
    pub(super) fn close(&self) {
        let mut queues = self.queues();
        self.is_closed.store(true, Ordering::Release);
        let left = std::mem::take(&mut *queues);
        drop(queues);
        self.wake.notify_all();
        drop(left);
    }

    /// Whether whoever asked has given up by now.
    pub(super) fn is_late(&self, job: &Job) -> bool {
        self.settings.clock.ticks_ms().saturating_sub(job.asked_ms) > WAIT_MILLIS_MAX
    }

    fn queues(&self) -> MutexGuard<'_, Queues> {
        // Only whole entries are pushed and popped: a panic elsewhere leaves the queues good.
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queues {
    fn take(&mut self) -> Option<Task> {
        let is_turn_of_check = self.fresh_in_a_row >= FRESH_IN_A_ROW_MAX;
        if self.fresh.is_empty() || (is_turn_of_check && !self.checks.is_empty()) {
            self.fresh_in_a_row = 0;
            let (job, check) = self.checks.pop_front()?;
            return Some(Task::Check(job, check));
        }
        self.fresh_in_a_row += 1;
        self.fresh.pop_front().map(Task::Look)
    }
}

impl Job {
    pub(super) fn new(walk: Walk, answer: Answer, hall: &Hall) -> Self {
        Self {
            walk,
            answer,
            asked_ms: hall.settings.clock.ticks_ms(),
        }
    }
}

impl Answer {
    /// Takes room for one more question; `None` when there is none.
    pub(super) fn new(hall: &Arc<Hall>, call: Box<dyn FnOnce(Verdict) + Send>) -> Option<Self> {
        let before = hall.in_hand.fetch_add(1, Ordering::AcqRel);
        let is_closed = hall.is_closed.load(Ordering::Acquire);
        if before >= hall.settings.questions_max || is_closed {
            hall.in_hand.fetch_sub(1, Ordering::AcqRel);
            return None;
        }
        Some(Self {
            hall: Arc::clone(hall),
            call: Some(call),
        })
    }

    pub(super) fn give(mut self, verdict: Verdict) {
        self.call_once(verdict);
    }

    fn call_once(&mut self, verdict: Verdict) {
        if let Some(call) = self.call.take() {
            self.hall.in_hand.fetch_sub(1, Ordering::AcqRel);
            call(verdict);
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.call_once(Verdict::Refused(Refusal::Unavailable));
    }
}
