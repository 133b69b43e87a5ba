//! One thread of topics with their publishers and subscribers: a loop over one epoll.
//!
//! Who publishes and who subscribes to a topic are on one thread, so that what arrives is compared
//! with what left without asking another.

mod arrival;
mod traffic;

use super::peer::{Peer, State};
use super::plan::DeliverPlan;
use super::tally::{Hall, Tally};
use super::topic::Topic;
use crate::books::{Books, Outcome};
use crate::clock::{Clock, NANOS_PER_SEC, secs_to_ns, thread_cpu_ns};
use crate::close::Close;
use crate::codec::encode;
use crate::opening::{Opener, Round};
use crate::pace::{Pacer, Timetable};
use crate::sources::Sources;
use crate::stage::Stage;
use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll;
use rustix::io::Errno;
use rustix::net::{SendFlags, send};
use std::num::NonZeroU64;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;

const READ_BYTES: usize = 64 << 10;
const EVENTS_PER_WAIT: usize = 512;
/// Opens and turns between two looks at the sockets, so that neither starves the other.
const OPENS_PER_LOOP: usize = 64;
const TURNS_PER_LOOP: usize = 256;
/// A timetable finer than this is walked in steps of it.
const WAIT_NS_MIN: u64 = 50_000;
/// How often end conditions are looked after.
const CARE_NS: u64 = NANOS_PER_SEC / 50;

/// How far the publishing has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    AwaitStart,
    Sending { until_ns: u64 },
    Draining,
    Finished,
}

pub(super) struct Exchange {
    plan: Arc<DeliverPlan>,
    stage: Arc<Stage>,
    hall: Arc<Hall>,
    thread: u32,
    clock: Clock,
    now_ns: u64,
    epoll: OwnedFd,
    peers: Vec<Peer>,
    topics: Vec<Topic>,
    sources: Sources,
    opener: Opener,
    pings: Option<Round>,
    pacer: Option<Pacer>,
    phase: Phase,
    /// Publishers that could send more.
    eager: Vec<u32>,
    books: Books,
    tally: Tally,
    /// What the hall knows of the tally.
    told: u64,
    connected: u64,
    settled: u64,
    drops_done: u32,
    returns_done: u32,
    read: Box<[u8]>,
    out: Vec<u8>,
    /// When something was last heard from the server.
    heard_ns: u64,
    cared_ns: u64,
    cpu_ns: u64,
}

impl Exchange {
    pub(super) fn new(
        plan: Arc<DeliverPlan>,
        (stage, hall): (Arc<Stage>, Arc<Hall>),
        thread: u32,
        clock: Clock,
    ) -> Result<Self, Errno> {
        let (first, count) = plan.share(thread);
        let peers = Peer::all_of(&plan, first, count);
        let (clients, number) = (&plan.clients, peers.len() as u32);
        let now_ns = clock.now_ns();
        let rate = clients.connect_rate * f64::from(number) / f64::from(clients.clients);
        let (wait_ns, opening_max) = (clients.connack_wait_ns, clients.opening_max);
        // A round takes half of the keep-alive and skips who has spoken since the last one.
        let ping_secs = f64::from(clients.keepalive_secs) / 2.0;
        Ok(Self {
            thread,
            clock,
            now_ns,
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            topics: (0..count)
                .map(|place| Topic::new(&plan, first + place, place))
                .collect(),
            sources: Sources::new(clients.target, number, clients.source_addresses, thread),
            opener: Opener::new(now_ns, rate, number, opening_max, wait_ns),
            pings: Round::new(now_ns, ping_secs, number),
            pacer: None,
            phase: Phase::AwaitStart,
            eager: Vec::new(),
            books: Books::new(None, now_ns),
            tally: Tally::new(),
            told: 0,
            connected: 0,
            settled: 0,
            drops_done: 0,
            returns_done: 0,
            read: vec![0; READ_BYTES].into(),
            out: Vec::new(),
            heard_ns: now_ns,
            cared_ns: now_ns,
            cpu_ns: 0,
            peers,
            plan,
            stage,
            hall,
        })
    }

    /// Runs until the stage releases the thread.
    ///
    /// # Errors
    /// Only where epoll itself fails.
    pub(super) fn run(mut self) -> Result<Outcome, Errno> {
        // The kernel rounds sleeps of ordinary threads to 50 us; pacing wants them exact.
        let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
        let mut events = Vec::with_capacity(EVENTS_PER_WAIT);
        while !self.stage.is_released() {
            self.now_ns = self.clock.now_ns();
            self.obey();
            self.open_due();
            self.ping_due();
            self.publish_due();
            for slot in std::mem::take(&mut self.eager) {
                self.peers[slot as usize].is_eager = false;
                self.pump(slot);
            }
            self.care();
            let timeout = self.timeout();
            match epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&timeout)) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(errno) => return Err(errno),
            }
            self.books.counts.waits += 1;
            for event in events.drain(..) {
                let (data, flags) = (event.data.u64(), event.flags);
                self.on_event(data, flags);
            }
        }
        Ok(self.leave())
    }

    /// Subscribers leave and come back when the watcher says so.
    fn obey(&mut self) {
        let publishers = self.topics.len() as u32;
        if self.stage.drops_ordered() > self.drops_done {
            self.drops_done = self.stage.drops_ordered();
            for slot in publishers..self.peers.len() as u32 {
                self.say_goodbye(slot);
                self.close(slot, Close::Dropped);
            }
            let live = &self.stage.threads[self.thread as usize];
            let done = u64::from(self.drops_done);
            live.drops_done.store(done, Ordering::Release);
        }
        if self.stage.returns_ordered() > self.returns_done {
            self.returns_done = self.stage.returns_ordered();
            self.books.begin_return();
            self.opener.restart(self.now_ns);
        }
    }

    fn open_due(&mut self) {
        for _ in 0..OPENS_PER_LOOP {
            let Some((slot, intended_ns)) = self.opener.poll_due(self.now_ns) else {
                break;
            };
            if self.peers[slot as usize].state == State::Away {
                self.open(slot, intended_ns);
            }
        }
        while let Some((slot, generation)) = self.opener.poll_overdue(self.now_ns) {
            let peer = &self.peers[slot as usize];
            if peer.generation == generation && peer.is_opening() {
                self.close(slot, Close::NoConnack);
            }
        }
    }

    fn ping_due(&mut self) {
        while let Some(slot) = self
            .pings
            .as_mut()
            .and_then(|round| round.poll_slot(self.now_ns))
        {
            self.ping(slot);
        }
    }

    fn publish_due(&mut self) {
        match self.phase {
            Phase::AwaitStart => self.start_publishing(),
            Phase::Sending { until_ns } => {
                for _ in 0..TURNS_PER_LOOP {
                    let Some(pacer) = &mut self.pacer else { break };
                    let Some(turn) = pacer.poll_turn(self.now_ns) else {
                        break;
                    };
                    self.books.came_late(turn.late_ns);
                    self.topics[turn.place as usize].owe(1);
                    self.pump(turn.place);
                }
                let next_ns = self.pacer.as_ref().map(Pacer::next_ns);
                let over = match next_ns {
                    Some(next_ns) => next_ns.is_none(),
                    None => self.now_ns >= until_ns,
                };
                if over {
                    self.phase = Phase::Draining;
                    self.heard_ns = self.now_ns;
                    self.topics.iter_mut().for_each(Topic::on_last_due);
                }
            }
            Phase::Draining | Phase::Finished => {}
        }
    }

    fn start_publishing(&mut self) {
        let Some(start_ns) = self
            .stage
            .started_ns()
            .filter(|at_ns| self.now_ns >= *at_ns)
        else {
            return;
        };
        let (plan, topics) = (Arc::clone(&self.plan), self.topics.len() as u32);
        self.books.series_start_ns = start_ns;
        self.books.seconds.clear();
        self.cpu_ns = thread_cpu_ns();
        self.phase = Phase::Sending {
            until_ns: match plan.is_away() {
                true => self.now_ns,
                false => start_ns + secs_to_ns(plan.secs),
            },
        };
        if plan.rate > 0.0 {
            let rate = plan.rate * f64::from(topics) / f64::from(plan.topics);
            let table = Timetable::new(start_ns, rate, 1, topics, plan.secs);
            self.pacer = Some(Pacer::new(table));
            return;
        }
        let owed = match plan.away_messages {
            0 => u32::MAX,
            messages => messages,
        };
        for slot in 0..topics {
            self.topics[slot as usize].owe(owed);
            self.pump(slot);
        }
    }

    /// Looks after everything that is not about one socket.
    fn care(&mut self) {
        if self.now_ns < self.cared_ns + CARE_NS {
            return;
        }
        self.cared_ns = self.now_ns;
        let delivered = self.tally.arrivals.delivered;
        self.hall.add_delivered(delivered - self.told);
        self.told = delivered;
        let live = &self.stage.threads[self.thread as usize];
        let counts = &self.books.counts;
        live.connected.store(self.connected, Ordering::Relaxed);
        live.settled.store(self.settled, Ordering::Relaxed);
        live.sent.store(counts.sent, Ordering::Relaxed);
        live.acknowledged
            .store(counts.acknowledged, Ordering::Relaxed);
        let failed = counts.refused + counts.connects_refused;
        live.failed.store(failed, Ordering::Relaxed);
        if self.phase == Phase::Draining {
            let is_over = self.topics.iter().all(Topic::is_settled);
            let silence_ns = self.now_ns.saturating_sub(self.heard_ns);
            if is_over || silence_ns >= secs_to_ns(self.plan.drain_secs) {
                self.phase = Phase::Finished;
                self.stage.finish();
            }
        }
    }

    fn timeout(&self) -> Timespec {
        let pace_ns = self.pacer.as_ref().and_then(Pacer::next_ns);
        let start_ns = self
            .stage
            .started_ns()
            .filter(|_| self.phase == Phase::AwaitStart);
        let care_ns = Some(self.cared_ns + CARE_NS);
        let due_ns = [self.opener.next_ns(), pace_ns, start_ns, care_ns];
        let next_ns = due_ns.into_iter().flatten().min().unwrap_or(0);
        let wait_ns = match next_ns.saturating_sub(self.clock.now_ns()) {
            _ if !self.eager.is_empty() => 0,
            wait_ns if wait_ns > 0 && pace_ns == Some(next_ns) => wait_ns.max(WAIT_NS_MIN),
            wait_ns => wait_ns,
        };
        Timespec {
            tv_sec: (wait_ns / NANOS_PER_SEC) as i64,
            tv_nsec: (wait_ns % NANOS_PER_SEC) as i64,
        }
    }

    fn say_goodbye(&self, slot: u32) {
        let peer = &self.peers[slot as usize];
        if let Some(socket) = peer.socket.as_ref().filter(|_| peer.unsent.is_empty()) {
            // Whether it arrives makes no difference: the socket closes next.
            let _ = send(socket, &encode::DISCONNECT, SendFlags::NOSIGNAL);
        }
    }

    fn leave(mut self) -> Outcome {
        for topic in &self.topics {
            self.books.counts.unsent += u64::from(topic.unsent());
            self.books.counts.unacknowledged += u64::from(topic.unacknowledged());
        }
        for peer in &self.peers {
            let sent = self.topics[peer.topic as usize].sent();
            let lost = peer.track.as_ref().map_or(0, |track| track.lost(sent));
            self.tally.arrivals.lost += lost;
        }
        for slot in 0..self.peers.len() as u32 {
            self.say_goodbye(slot);
        }
        self.hall.bring(&self.tally);
        Outcome {
            cpu_ns: thread_cpu_ns() - self.cpu_ns,
            books: self.books,
        }
    }
}
