//! The service that works answers out beside the shards: threads for what takes CPU, the control
//! thread for what takes time.
//!
//! ```text
//!  Doorkeeper::ask ──> fresh ──> worker ──────────────────────────> answer(Verdict)
//!                                  │ a password            ^
//!                                  ├──> checks ──> worker ─┤
//!                                  │ somebody else knows   │
//!                                  └──> errands ──> run ───┘   on the control thread
//! ```
//!
//! `fresh` holds what costs microseconds and goes first, so that a storm of wrong passwords does
//! not hold up those who show something cheaper to check.

mod errand;
mod hall;
mod worker;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::mpsc::{Receiver, channel};

use crate::chain::{Chain, Walk};
use crate::clock::Clock;
use crate::fault::Fault;
use crate::limits::{HASHES_WAITING, QUESTIONS_MAX, WORKERS_MAX};
use crate::question::Question;
use crate::verdict::Verdict;

use hall::{Answer, Hall, Job};

/// How much of the machine proving may take.
#[derive(Clone, Debug)]
pub struct ServiceSettings {
    /// Threads; each runs one argon2 at a time.
    pub workers: usize,
    /// Questions in hand; one more is handed back.
    pub questions_max: usize,
    /// Passwords that wait for a worker; one more is refused as busy.
    pub hashes_waiting_max: usize,
    pub clock: Clock,
}

/// What shards hold of the service. Cheap to clone.
#[derive(Clone)]
pub struct Doorkeeper {
    hall: Arc<Hall>,
}

/// The service itself. Dropping it answers whoever waits with `Unavailable` and ends the workers.
pub struct Service {
    hall: Arc<Hall>,
    workers: Vec<JoinHandle<()>>,
    errands: Receiver<Job>,
}

impl Default for ServiceSettings {
    fn default() -> Self {
        Self {
            workers: 1,
            questions_max: 1 << 13,
            hashes_waiting_max: HASHES_WAITING,
            clock: Clock::system(),
        }
    }
}

impl Service {
    /// Starts the workers. [`Service::run`] must be driven by the control thread.
    pub fn start(settings: ServiceSettings) -> Result<(Doorkeeper, Self), StartError> {
        settings.check().map_err(StartError::Setting)?;
        let count = settings.workers;
        // It has room for all questions there can be, so a worker never finds it full.
        let (errands, errands_behind) = channel(settings.questions_max);
        let hall = Arc::new(Hall::new(settings, errands));
        let mut service = Self {
            errands: errands_behind,
            hall: Arc::clone(&hall),
            workers: Vec::with_capacity(count),
        };
        for index in 0..count {
            let worker = worker::spawn(index, &hall).map_err(StartError::Thread)?;
            service.workers.push(worker);
        }
        Ok((Doorkeeper { hall }, service))
    }

    /// Asks over the network whoever has to be asked; never ends by itself. It must run inside a
    /// tokio runtime with I/O and time, and loses nothing when its future is dropped and made anew.
    pub async fn run(&mut self) {
        while let Some(job) = self.errands.recv().await {
            let hall = Arc::clone(&self.hall);
            tokio::spawn(errand::run(hall, job));
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.hall.close();
        for worker in self.workers.drain(..) {
            // A worker that panicked has said so; there is nothing to add.
            let _ = worker.join();
        }
    }
}

impl Doorkeeper {
    /// Takes a question along; `answer` is called exactly once, mostly on another thread, and must
    /// not block. `Err` hands the question back: too many are in hand, or the service has ended.
    pub fn ask(
        &self,
        chain: &Arc<Chain>,
        question: Box<Question>,
        answer: Box<dyn FnOnce(Verdict) + Send>,
    ) -> Result<(), Box<Question>> {
        let walk = Walk::new(chain, question);
        let Some(answer) = Answer::new(&self.hall, answer) else {
            return Err(walk.into_question());
        };
        self.hall.admit(Job::new(walk, answer, &self.hall));
        Ok(())
    }

    /// Questions in hand, for a gauge.
    pub fn questions(&self) -> usize {
        self.hall.questions()
    }
}

impl ServiceSettings {
    fn check(&self) -> Result<(), Fault> {
        let bounds = [
            ("workers", self.workers, WORKERS_MAX),
            ("questions_max", self.questions_max, QUESTIONS_MAX),
            ("hashes_waiting_max", self.hashes_waiting_max, QUESTIONS_MAX),
        ];
        for (field, value, max) in bounds {
            if !(1..=max).contains(&value) {
                let right = format!("use 1 to {max}");
                return Err(Fault::new(field, format!("is {value}"), right));
            }
        }
        Ok(())
    }
}

/// Why the service cannot start.
#[derive(Debug)]
pub enum StartError {
    Setting(Fault),
    Thread(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Setting(fault) => fault.fmt(f),
            Self::Thread(error) => {
                write!(
                    f,
                    "a thread cannot start: {error}; raise the limit of tasks or processes"
                )
            }
        }
    }
}

impl std::error::Error for StartError {}

impl fmt::Debug for Doorkeeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Doorkeeper({} questions)", self.questions())
    }
}

#[cfg(test)]
mod tests;
