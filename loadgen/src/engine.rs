//! One thread of clients: a loop over one epoll that opens, reads, writes and paces.
//!
//! There is no timer per client and no buffer per connection: what is due is found by counting
//! along (pace, pings), and all sockets share one buffer for reading and one for writing.

mod traffic;

use crate::books::{Books, Outcome};
use crate::clock::{Clock, NANOS_PER_SEC, secs_to_ns, thread_cpu_ns};
use crate::close::Close;
use crate::codec::encode;
use crate::device::{Device, State};
use crate::ledger::{Kind, Pen};
use crate::opening::{Opener, Round};
use crate::pace::{Pacer, Timetable};
use crate::plan::Plan;
use crate::publisher::Publisher;
use crate::sources::Sources;
use crate::stage::Stage;
use crate::stamp;
use crate::tunnel::Tunnels;
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
/// A timetable finer than this is walked in steps of it: waking up for each message would cost
/// more than the message.
const WAIT_NS_MIN: u64 = 50_000;
/// How often ledger and end conditions are looked after.
const CARE_NS: u64 = NANOS_PER_SEC / 50;

/// How far the publishing has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    AwaitStart,
    Sending { until_ns: u64 },
    Draining { until_ns: u64, settled: usize },
    Finished,
}

pub struct Engine {
    plan: Arc<Plan>,
    stage: Arc<Stage>,
    thread: u32,
    clock: Clock,
    now_ns: u64,
    epoll: OwnedFd,
    devices: Vec<Device>,
    sources: Sources,
    /// What MQTT goes through; `None` is nothing, and costs nothing.
    tunnels: Option<Tunnels>,
    opener: Opener,
    pings: Option<Round>,
    pacer: Option<Pacer>,
    phase: Phase,
    eager: Vec<u32>,
    books: Books,
    connected: u64,
    settled: u64,
    read: Box<[u8]>,
    /// What was read, once it is out of its tunnel.
    inner: Vec<u8>,
    out: Vec<u8>,
    cared_ns: u64,
    cpu_ns: u64,
}

impl Engine {
    pub fn new(
        plan: Arc<Plan>,
        stage: Arc<Stage>,
        thread: u32,
        clock: Clock,
        pen: Option<Pen>,
    ) -> Result<Self, Errno> {
        let (first, clients) = plan.share(thread);
        let now_ns = clock.now_ns();
        let connect_rate = plan.connect_rate * f64::from(clients) / f64::from(plan.clients.max(1));
        let (wait_ns, opening_max) = (plan.connack_wait_ns, plan.opening_max);
        // A round takes half of the keep-alive and skips who has spoken since the last one: so no
        // client is silent for longer than the keep-alive, and an idle one pings once in it.
        let ping_secs = f64::from(plan.keepalive_secs) / 2.0;
        Ok(Self {
            thread,
            clock,
            now_ns,
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            devices: (0..clients)
                .map(|place| device(&plan, first, place))
                .collect(),
            sources: Sources::new(plan.target, clients, plan.source_addresses, thread),
            tunnels: Tunnels::new(plan.way.as_ref(), clients),
            opener: Opener::new(now_ns, connect_rate, clients, opening_max, wait_ns),
            pings: Round::new(now_ns, ping_secs, clients),
            pacer: None,
            phase: Phase::AwaitStart,
            eager: Vec::new(),
            books: Books::new(pen, now_ns),
            connected: 0,
            settled: 0,
            read: vec![0; READ_BYTES].into(),
            inner: Vec::new(),
            out: Vec::new(),
            cared_ns: now_ns,
            cpu_ns: 0,
            plan,
            stage,
        })
    }

    /// Runs until the stage releases the thread.
    ///
    /// # Errors
    /// Only where epoll itself fails.
    pub fn run(mut self) -> Result<Outcome, Errno> {
        // The kernel rounds sleeps of ordinary threads to 50 us; pacing wants them exact.
        let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
        let mut events = Vec::with_capacity(EVENTS_PER_WAIT);
        while !self.stage.is_released() {
            self.now_ns = self.clock.now_ns();
            self.open_due();
            self.visit_due();
            self.publish_due();
            for slot in std::mem::take(&mut self.eager) {
                self.devices[slot as usize].is_eager = false;
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

    fn open_due(&mut self) {
        for _ in 0..OPENS_PER_LOOP {
            let Some((slot, intended_ns)) = self.opener.poll_due(self.now_ns) else {
                break;
            };
            self.open(slot, intended_ns);
        }
        while let Some((slot, generation)) = self.opener.poll_overdue(self.now_ns) {
            let device = &self.devices[slot as usize];
            if device.generation == generation && device.state != State::Connected {
                self.close(slot, Close::NoConnack);
            }
        }
    }

    fn visit_due(&mut self) {
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
                    let messages = pacer.timetable.group_messages;
                    if let Some(publisher) = &mut self.devices[turn.place as usize].publisher {
                        publisher.owe(messages);
                    }
                    self.pump(turn.place);
                }
                let Some(pacer) = &self.pacer else { return };
                let over = match pacer.timetable.is_closed_loop() {
                    true => self.now_ns >= until_ns,
                    false => pacer.next_ns().is_none(),
                };
                if over || self.stage.is_last_call() {
                    self.start_draining();
                }
            }
            Phase::Draining { .. } | Phase::Finished => {}
        }
    }

    fn start_publishing(&mut self) {
        let (Some(start_ns), Some(publish)) = (self.stage.started_ns(), &self.plan.publish) else {
            return;
        };
        if self.now_ns < start_ns {
            return;
        }
        let clients = self.devices.len() as u32;
        let rate = publish.rate * f64::from(clients) / f64::from(self.plan.clients.max(1));
        let table = Timetable::new(start_ns, rate, publish.coalesce, clients, publish.secs);
        self.books.series_start_ns = start_ns;
        self.books.seconds.clear();
        self.phase = Phase::Sending {
            until_ns: start_ns + secs_to_ns(publish.secs),
        };
        self.pacer = Some(Pacer::new(table));
        self.cpu_ns = thread_cpu_ns();
        if table.is_closed_loop() {
            for slot in 0..clients {
                if let Some(publisher) = &mut self.devices[slot as usize].publisher {
                    publisher.owe(u32::MAX);
                }
                self.pump(slot);
            }
        }
    }

    fn start_draining(&mut self) {
        let Some(publish) = &self.plan.publish else {
            return;
        };
        let until_ns = self.now_ns + secs_to_ns(publish.drain_secs);
        self.phase = Phase::Draining {
            until_ns,
            settled: 0,
        };
        for slot in 0..self.devices.len() as u32 {
            if let Some(publisher) = &mut self.devices[slot as usize].publisher {
                publisher.on_last_due();
            }
            self.pump(slot);
        }
    }

    /// Looks after everything that is not about one socket.
    fn care(&mut self) {
        let live = &self.stage.threads[self.thread as usize];
        let counts = &self.books.counts;
        live.connected.store(self.connected, Ordering::Relaxed);
        live.settled.store(self.settled, Ordering::Relaxed);
        live.sent.store(counts.sent, Ordering::Relaxed);
        live.acknowledged
            .store(counts.acknowledged, Ordering::Relaxed);
        let failed = counts.refused + counts.connections_ended + counts.connects_refused;
        live.failed.store(failed, Ordering::Relaxed);
        if let Phase::Draining { until_ns, settled } = self.phase {
            let is_settled = |device: &Device| {
                let publisher = device.publisher.as_ref();
                device.unsent.is_empty() && publisher.is_none_or(|p| p.is_settled())
            };
            // Nothing new becomes due any more, so who has settled stays settled.
            let more = self.devices[settled..]
                .iter()
                .take_while(|d| is_settled(d))
                .count();
            let settled = settled + more;
            self.phase = Phase::Draining { until_ns, settled };
            if settled == self.devices.len() || self.now_ns >= until_ns {
                self.finish_publishing();
            }
        }
        if self.now_ns >= self.cared_ns + CARE_NS {
            self.cared_ns = self.now_ns;
            if let Some(pen) = &mut self.books.pen {
                pen.flush();
            }
        }
    }

    fn finish_publishing(&mut self) {
        self.phase = Phase::Finished;
        self.cpu_ns = thread_cpu_ns() - self.cpu_ns;
        for device in &mut self.devices {
            let Some(publisher) = &mut device.publisher else {
                continue;
            };
            self.books.counts.clients_unread += u64::from(publisher.is_unread());
            self.books.counts.unsent += u64::from(publisher.stop());
            self.books.counts.unacknowledged += u64::from(publisher.unacknowledged());
            self.books.note(Kind::Sent, device.number, publisher.sent());
        }
        self.stage.finish();
    }

    fn timeout(&self) -> Timespec {
        // After the last call the pacer's times are over, and nobody comes for them.
        let is_sending = matches!(self.phase, Phase::Sending { .. });
        let pacer = self.pacer.as_ref().filter(|_| is_sending);
        let pace_ns = pacer.and_then(Pacer::next_ns);
        let due_ns = [
            self.opener.next_ns(),
            pace_ns,
            self.stage
                .started_ns()
                .filter(|_| self.phase == Phase::AwaitStart),
            self.pings.as_ref().map(Round::next_ns),
            Some(self.cared_ns + CARE_NS),
        ];
        let next_ns = due_ns.into_iter().flatten().min().unwrap_or(0);
        let wait_ns = match next_ns.saturating_sub(self.clock.now_ns()) {
            _ if !self.eager.is_empty() => 0,
            wait_ns if wait_ns > 0 && pace_ns == Some(next_ns) => wait_ns.max(self.wait_ns_min()),
            wait_ns => wait_ns,
        };
        Timespec {
            tv_sec: (wait_ns / NANOS_PER_SEC) as i64,
            tv_nsec: (wait_ns % NANOS_PER_SEC) as i64,
        }
    }

    fn wait_ns_min(&self) -> u64 {
        let interval_ns = self
            .pacer
            .as_ref()
            .map(|pacer| pacer.timetable.group_interval_ns);
        if interval_ns.is_some_and(|ns| ns < WAIT_NS_MIN as f64) {
            WAIT_NS_MIN
        } else {
            0
        }
    }

    fn say_goodbye(&mut self, slot: u32) {
        let device = &self.devices[slot as usize];
        if let Some(socket) = device.socket.as_ref().filter(|_| device.unsent.is_empty()) {
            self.out.clear();
            self.out.extend_from_slice(&encode::DISCONNECT);
            if let Some(tunnels) = &mut self.tunnels {
                tunnels.seal_last(slot, &mut self.out);
            }
            // Whether it arrives makes no difference: the socket closes next.
            let _ = send(socket, &self.out, SendFlags::NOSIGNAL);
        }
    }

    fn leave(mut self) -> Outcome {
        match self.phase {
            Phase::Sending { .. } | Phase::Draining { .. } => self.finish_publishing(),
            Phase::AwaitStart => self.cpu_ns = thread_cpu_ns(),
            Phase::Finished => {}
        }
        for slot in 0..self.devices.len() as u32 {
            self.say_goodbye(slot);
        }
        Outcome {
            cpu_ns: self.cpu_ns,
            books: self.books,
        }
    }
}

fn device(plan: &Plan, first: u32, place: u32) -> Device {
    let number = first + place;
    let template = plan.publish.as_ref().map_or("", |publish| &publish.topic);
    let topic = stamp::topic(template, &plan.run.client_id(number), number);
    Device::new(number, Publisher::new(plan, number, place, &topic))
}
