//! One thread of a fleet: clients that are simply there, up to a million of them, over as many
//! rings as the limit on open files asks for.
//!
//! There is no timer per client and no buffer per connection; a client is sixteen bytes here and
//! two words of four in its ring. What is due is found by counting along: opens, pings, churn.

mod client;
mod frames;
mod storm;
mod talkers;
mod traffic;

use crate::books::{Books, Outcome};
use crate::clock::{Clock, NANOS_PER_SEC, thread_cpu_ns};
use crate::close::Close;
use crate::opening::{Opener, Round};
use crate::plan::Plan;
use crate::rings::Rings;
use crate::sources::Sources;
use crate::stage::Stage;
use crate::tunnel::Tunnels;
use client::{Client, State};
use rustc_hash::FxHashMap;
use std::io;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use storm::Storm;
use talkers::Talkers;

/// Opens and visits between two looks at the sockets, so that neither starves the other.
const OPENS_PER_LOOP: usize = 128;
const VISITS_PER_LOOP: usize = 256;
/// Waking up for each of very many pings would cost more than the pings.
const WAIT_NS_MIN: u64 = 50_000;
/// How often the watcher is told.
const CARE_NS: u64 = NANOS_PER_SEC / 50;
const NANOS_PER_MICRO: u64 = 1_000;
/// How long publishers may wait for their last acknowledgements.
const LAST_CALL_NS_MAX: u64 = 5 * NANOS_PER_SEC;

pub struct Fleet {
    plan: Arc<Plan>,
    stage: Arc<Stage>,
    thread: u32,
    /// The number of this thread's first client.
    first: u32,
    clock: Clock,
    now_ns: u64,
    rings: Rings,
    /// Who has a slot, for each ring.
    owners: Vec<Box<[u32]>>,
    clients: Box<[Client]>,
    sources: Sources,
    /// What MQTT goes through; `None` is nothing, and costs nothing.
    tunnels: Option<Tunnels>,
    opener: Opener,
    pings: Option<Round>,
    churn: Option<Round>,
    storm: Storm,
    talkers: Talkers,
    /// When the last call must be over; `None` before it.
    last_call_ns: Option<u64>,
    books: Books,
    connected: u64,
    settled: u64,
    /// Sockets on their way out.
    closing: u64,
    /// Fronts of frames whose ends have not come yet; few at any time.
    partials: FxHashMap<u32, Vec<u8>>,
    /// What waits for a send under way; few at any time.
    unsent: FxHashMap<u32, Vec<u8>>,
    spares: Vec<Vec<u8>>,
    read: Vec<u8>,
    out: Vec<u8>,
    cared_ns: u64,
    has_finished: bool,
}

impl Fleet {
    /// Opens the rings of one thread, which alone may use them.
    ///
    /// # Errors
    /// What keeps them from opening, as a sentence.
    pub fn open_rings(
        plan: Arc<Plan>,
        stage: Arc<Stage>,
        thread: u32,
        clock: Clock,
    ) -> io::Result<Self> {
        let (first, count) = plan.share(thread);
        let rings = Rings::open(u64::from(count))?;
        let owners = || vec![0; rings.table_slots() as usize].into();
        let now_ns = clock.now_ns();
        let connect_rate = plan.connect_rate * f64::from(count) / f64::from(plan.clients.max(1));
        // A round takes half of the keep-alive and skips who has spoken since the last one: so no
        // client is silent for longer than the keep-alive, and an idle one pings once in it.
        let ping_secs = f64::from(plan.keepalive_secs) / 2.0;
        let wait_ns = plan.connack_wait_ns;
        Ok(Self {
            first,
            now_ns,
            owners: (0..rings.count()).map(|_| owners()).collect(),
            rings,
            clients: vec![Client::AWAY; count as usize].into(),
            sources: Sources::new(plan.target, count, plan.source_addresses, thread),
            tunnels: Tunnels::new(plan.way.as_ref(), count),
            opener: Opener::new(now_ns, connect_rate, count, plan.opening_max, wait_ns),
            pings: Round::new(now_ns, ping_secs, count),
            churn: Round::new(now_ns, 1.0 / plan.fleet.churn_per_sec, count),
            storm: Storm::default(),
            talkers: Talkers::new(&plan, thread, first),
            last_call_ns: None,
            books: Books::new(None, now_ns),
            connected: 0,
            settled: 0,
            closing: 0,
            partials: FxHashMap::default(),
            unsent: FxHashMap::default(),
            spares: Vec::new(),
            read: Vec::new(),
            out: Vec::new(),
            cared_ns: now_ns,
            has_finished: false,
            plan,
            stage,
            thread,
            clock,
        })
    }

    /// Runs until the stage releases the thread and the last socket is closed.
    ///
    /// # Errors
    /// Only where io_uring itself fails.
    pub fn run(mut self) -> io::Result<Outcome> {
        // The kernel rounds sleeps of ordinary threads to 50 us; pacing wants them exact.
        let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
        while !self.is_over() {
            self.now_ns = self.clock.now_ns();
            self.storm_due();
            self.open_due();
            self.visit_due();
            self.publish_due();
            self.care();
            self.rings.enter()?;
            if self.take_events() == 0 {
                let wait_us = self.wait_ns().div_ceil(NANOS_PER_MICRO);
                self.rings.wait(wait_us as u32)?;
                self.books.counts.waits += 1;
                self.now_ns = self.clock.now_ns();
                self.take_events();
            }
        }
        self.talkers.finish(&mut self.books);
        Ok(Outcome {
            cpu_ns: thread_cpu_ns(),
            books: self.books,
        })
    }

    fn take_events(&mut self) -> usize {
        let mut count = 0;
        while let Some((ring, event)) = self.rings.poll_event() {
            self.on_event(ring, event);
            count += 1;
        }
        count
    }

    fn open_due(&mut self) {
        for _ in 0..OPENS_PER_LOOP {
            let due = (self.storm.is_up()).then(|| self.opener.poll_due(self.now_ns));
            let Some((place, intended_ns)) = due.flatten() else {
                break;
            };
            if self.clients[place as usize].state == State::Away {
                self.open(place, intended_ns);
            }
        }
        let clients = &self.clients;
        let is_opening = |place: u32| {
            let state = clients[place as usize].state;
            state == State::Dialling || state == State::AwaitConnack
        };
        self.opener.forget_settled(|place| !is_opening(place));
        while let Some((place, _)) = self.opener.poll_overdue(self.now_ns) {
            let client = &self.clients[place as usize];
            let is_opening = client.state == State::Dialling || client.state == State::AwaitConnack;
            if is_opening && client.since_ns(self.now_ns) >= self.plan.connack_wait_ns {
                self.close(place, Close::NoConnack);
            }
        }
    }

    /// Pings and churn.
    fn visit_due(&mut self) {
        for _ in 0..VISITS_PER_LOOP {
            let round = self.pings.as_mut();
            let Some(place) = round.and_then(|round| round.poll_slot(self.now_ns)) else {
                break;
            };
            self.ping(place);
        }
        for _ in 0..VISITS_PER_LOOP {
            let round = self.churn.as_mut();
            let Some(place) = round.and_then(|round| round.poll_slot(self.now_ns)) else {
                break;
            };
            if self.clients[place as usize].state == State::Connected && self.storm.is_up() {
                self.close(place, Close::Churned);
            }
        }
    }

    fn publish_due(&mut self) {
        if let Some(start_ns) = self.stage.started_ns()
            && !self.talkers.has_started()
        {
            self.talkers.start(&self.plan, start_ns);
        }
        for _ in 0..VISITS_PER_LOOP {
            let Some(place) = self.talkers.poll_turn(self.now_ns, &mut self.books) else {
                break;
            };
            self.out.clear();
            self.pump(place);
        }
        if self.stage.is_last_call() && !self.has_finished {
            self.talkers.call_last();
            let until_ns = *self
                .last_call_ns
                .get_or_insert(self.now_ns + LAST_CALL_NS_MAX);
            if self.talkers.are_settled() || self.now_ns >= until_ns {
                self.has_finished = true;
                self.stage.finish();
            }
        }
    }

    /// Tells the watcher.
    fn care(&mut self) {
        if self.now_ns < self.cared_ns + CARE_NS {
            return;
        }
        self.cared_ns = self.now_ns;
        let live = &self.stage.threads[self.thread as usize];
        let counts = &self.books.counts;
        live.connected.store(self.connected, Ordering::Relaxed);
        live.settled.store(self.settled, Ordering::Relaxed);
        live.sent.store(counts.sent, Ordering::Relaxed);
        live.acknowledged
            .store(counts.acknowledged, Ordering::Relaxed);
        let ended = counts.connections_ended - self.books.ended_by_us();
        let failed = counts.refused + ended + counts.connects_refused;
        live.failed.store(failed, Ordering::Relaxed);
        let dropped = u64::from(self.storm.dropped());
        live.drops_done.store(dropped, Ordering::Release);
    }

    /// How long there is nothing to do.
    fn wait_ns(&self) -> u64 {
        if self.storm.has_more() {
            return 0;
        }
        let due_ns = [
            self.opener.next_ns().filter(|_| self.storm.is_up()),
            self.talkers.next_ns(),
            self.pings.as_ref().map(Round::next_ns),
            self.churn.as_ref().map(Round::next_ns),
        ];
        let next_ns = due_ns.into_iter().flatten().min().unwrap_or(u64::MAX);
        let wait_ns = next_ns.saturating_sub(self.clock.now_ns());
        match wait_ns {
            0 => 0,
            _ => wait_ns.clamp(WAIT_NS_MIN, CARE_NS),
        }
    }
}
