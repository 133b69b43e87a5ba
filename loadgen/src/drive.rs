//! Runs the threads of a plan from the first connect to the last, and looks on.

use crate::books::{Books, Outcome};
use crate::clock::{Clock, ns_to_secs, process_cpu_ns};
use crate::engine::Engine;
use crate::failure::Failure;
use crate::fleet::Fleet;
use crate::ledger::Ledger;
use crate::plan::Plan;
use crate::progress::Progress;
use crate::report::process::{ServerUse, Usage};
use crate::report::{ClientUse, Report};
use crate::sockets;
use crate::stage::{Now, Stage};
use crate::stateless::Stateless;
use serde::Serialize;
use signal_hook::consts::{SIGINT, SIGTERM};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How often the watcher looks at the threads.
const LOOK: Duration = Duration::from_millis(5);
/// How often, and how many times, the curve of connected clients is sampled.
const SAMPLE_NS: u64 = 100_000_000;
const SAMPLES_MAX: usize = 36_000;
/// A thread that is busier than this, or messages that leave later than that, make the client the
/// bottleneck.
const BUSY_SHARE_MAX: f64 = 0.9;
const LATE_MS_MAX: f64 = 5.0;

pub struct Drive {
    pub clock: Clock,
    began_ns: u64,
    pub stage: Arc<Stage>,
    plan: Arc<Plan>,
    threads: Vec<JoinHandle<io::Result<Outcome>>>,
    progress: Progress,
    interrupted: Arc<AtomicBool>,
    curve: Vec<Sample>,
    sampled_ns: u64,
}

/// How many clients were connected at a time: seconds since the start.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Sample(pub f64, pub u64);

/// What all threads together brought home.
pub struct Ran {
    pub books: Books,
    pub threads_cpu_ns: Vec<u64>,
    pub curve: Vec<Sample>,
}

/// A look at both processes at one moment.
pub struct Look {
    pub at_ns: u64,
    pub server: Option<(u32, Usage)>,
    own_cpu_ns: u64,
}

impl Drive {
    /// Starts devices that publish, one epoll per thread.
    pub fn launch(plan: Plan, ledger: Option<&Ledger>) -> Result<Self, Failure> {
        sockets::admit_clients(plan.clients)?;
        let mut drive = Self::prepare(plan)?;
        for index in 0..drive.plan.threads {
            let (plan, stage) = (Arc::clone(&drive.plan), Arc::clone(&drive.stage));
            let pen = ledger.map(Ledger::pen);
            let engine = Engine::new(plan, stage, index, drive.clock, pen)
                .map_err(|errno| cannot_start(&errno))?;
            drive.spawn(index, move || engine.run().map_err(io::Error::from))?;
        }
        Ok(drive)
    }

    /// Starts a fleet of clients that are simply there, many rings per thread.
    pub fn launch_fleet(plan: Plan) -> Result<Self, Failure> {
        let mut drive = Self::prepare(plan)?;
        let (tell, told) = mpsc::channel();
        for index in 0..drive.plan.threads {
            let (plan, stage) = (Arc::clone(&drive.plan), Arc::clone(&drive.stage));
            let (clock, tell) = (drive.clock, tell.clone());
            // A ring belongs to the thread that opened it.
            drive.spawn(index, move || {
                let fleet = Fleet::open_rings(plan, stage, index, clock);
                let refusal = fleet.as_ref().err().map(ToString::to_string);
                // Whoever listens has left only when another thread was refused.
                let _ = tell.send(refusal);
                fleet?.run()
            })?;
        }
        for _ in 0..drive.plan.threads {
            if let Ok(Some(refusal)) = told.recv() {
                drive.stage.release();
                return Err(cannot_start(&refusal));
            }
        }
        Ok(drive)
    }

    /// Starts a fleet without sockets behind a TUN device, on one thread.
    pub fn launch_stateless(plan: Plan) -> Result<Self, Failure> {
        let mut drive = Self::prepare(plan)?;
        let (plan, stage) = (Arc::clone(&drive.plan), Arc::clone(&drive.stage));
        let clients =
            Stateless::open(plan, stage, drive.clock).map_err(|error| cannot_start(&error))?;
        drive.spawn(0, move || clients.run())?;
        Ok(drive)
    }

    /// The watcher alone; `spawn` gives it threads.
    pub(crate) fn prepare(plan: Plan) -> Result<Self, Failure> {
        let interrupted = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            signal_hook::flag::register(signal, Arc::clone(&interrupted))
                .map_err(|error| cannot_start(&error))?;
        }
        let clock = Clock::start();
        Ok(Self {
            clock,
            began_ns: clock.now_ns(),
            stage: Arc::new(Stage::new(plan.threads)),
            plan: Arc::new(plan),
            threads: Vec::new(),
            progress: Progress::start(),
            interrupted,
            curve: Vec::new(),
            sampled_ns: 0,
        })
    }

    pub(crate) fn spawn(
        &mut self,
        index: u32,
        run: impl FnOnce() -> io::Result<Outcome> + Send + 'static,
    ) -> Result<(), Failure> {
        let builder = thread::Builder::new().name(format!("clients-{index}"));
        let thread = builder.spawn(run).map_err(|error| cannot_start(&error))?;
        self.threads.push(thread);
        Ok(())
    }

    /// Looks on until `is_over`, an interrupt, or the death of a thread. Says whether it is over.
    pub fn watch(&mut self, mut is_over: impl FnMut(Now, u64) -> bool) -> bool {
        loop {
            let now = self.stage.now();
            if is_over(now, self.clock.now_ns()) {
                return true;
            }
            let dead = self.threads.iter().any(JoinHandle::is_finished);
            if dead || self.interrupted.load(Ordering::Relaxed) {
                return false;
            }
            self.progress.tell(now, self.plan.clients);
            self.sample(now);
            thread::sleep(LOOK);
        }
    }

    /// Whether there was an interrupt since the last call.
    pub fn take_interrupt(&self) -> bool {
        self.interrupted.swap(false, Ordering::Relaxed)
    }

    fn sample(&mut self, now: Now) {
        let now_ns = self.clock.now_ns();
        if now_ns >= self.sampled_ns + SAMPLE_NS && self.curve.len() < SAMPLES_MAX {
            self.sampled_ns = now_ns;
            self.curve.push(Sample(self.secs(), now.connected));
        }
    }

    /// Seconds since the clients began.
    pub fn secs(&self) -> f64 {
        ns_to_secs(self.clock.now_ns() - self.began_ns)
    }

    /// Looks at this process, and at the server's where its number is known.
    pub fn look(&self, server_pid: Option<u32>) -> Result<Look, Failure> {
        let server = match server_pid {
            Some(pid) => Some((pid, Usage::of(pid).map_err(|error| unseen(pid, &error))?)),
            None => None,
        };
        Ok(Look {
            at_ns: self.clock.now_ns(),
            server,
            own_cpu_ns: process_cpu_ns(),
        })
    }

    /// Lets the threads go and collects their books; closes the ledger.
    pub fn finish(self, ledger: Option<&Ledger>) -> Result<Ran, Failure> {
        self.stage.release();
        self.progress.clear();
        let mut books = Books::new(None, 0);
        let mut threads_cpu_ns = Vec::new();
        for thread in self.threads {
            let panicked = || io::Error::other("it panicked");
            let outcome = thread.join().unwrap_or_else(|_| Err(panicked()));
            let outcome = outcome.map_err(|error| {
                Failure::start(
                    "a client thread ended",
                    error,
                    "run it again, and report it",
                )
            })?;
            books.merge(&outcome.books);
            threads_cpu_ns.push(outcome.cpu_ns);
            if let Some(pen) = outcome.books.pen {
                pen.finish().map_err(|error| unwritten(&error))?;
            }
        }
        if let Some(ledger) = ledger {
            ledger.pen().close().map_err(|error| unwritten(&error))?;
        }
        Ok(Ran {
            books,
            threads_cpu_ns,
            curve: self.curve,
        })
    }
}

pub(crate) fn cannot_start(error: &dyn std::fmt::Display) -> Failure {
    Failure::start(
        "cannot start the clients",
        error,
        "check the limits of this process",
    )
}

fn unseen(pid: u32, error: &io::Error) -> Failure {
    let what = format!("cannot look at the server process {pid}");
    Failure::start(
        what,
        error,
        "give --server-pid the number of a running process of yours",
    )
}

pub(crate) fn unwritten(error: &io::Error) -> Failure {
    Failure::start(
        "cannot write the ledger",
        error,
        "give --ledger a file on a disk with room",
    )
}

impl Look {
    pub fn secs_until(&self, after: &Self) -> f64 {
        ns_to_secs(after.at_ns - self.at_ns)
    }

    pub fn server_until(&self, after: &Self) -> Option<ServerUse> {
        let ((pid, before), (_, now)) = (self.server.as_ref()?, after.server.as_ref()?);
        Some(ServerUse::between(
            *pid,
            before,
            now,
            self.secs_until(after),
        ))
    }
}

impl Ran {
    /// Judges whether the client itself was the bottleneck and says so in the report.
    pub fn judge_client(&self, before: &Look, after: &Look, messages: u64, report: &mut Report) {
        let wall_ns = (after.at_ns - before.at_ns).max(1) as f64;
        let busiest = self
            .threads_cpu_ns
            .iter()
            .map(|cpu_ns| *cpu_ns as f64 / wall_ns);
        let busiest_thread = busiest.fold(0.0, f64::max);
        let cpu_secs = ns_to_secs(after.own_cpu_ns - before.own_cpu_ns);
        let is_busy = busiest_thread > BUSY_SHARE_MAX;
        let late_ms = report.latency_ms.get("late").map_or(0.0, |late| late.p99);
        if is_busy {
            report.remarks.push(format!(
                "loadgen itself was the bottleneck: a thread used {:.0} % of its core; the server \
                 may be faster than this. Give it --threads or a core of its own.",
                busiest_thread * 100.0
            ));
        }
        if late_ms > LATE_MS_MAX {
            report.remarks.push(format!(
                "loadgen itself was the bottleneck: 1 % of the messages were due {late_ms:.1} ms \
                 or more before it came to send them, and latencies contain that. Its busiest \
                 thread had {:.0} % of a core: where that is little, others on this machine had \
                 the rest.",
                busiest_thread * 100.0
            ));
        }
        report.client = Some(ClientUse {
            cpu_secs,
            cpu_us_per_message: (messages > 0).then(|| cpu_secs * 1e6 / messages as f64),
            busiest_thread,
            is_bottleneck: is_busy || late_ms > LATE_MS_MAX,
        });
    }
}
