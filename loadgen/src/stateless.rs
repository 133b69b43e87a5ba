//! A fleet without sockets: a TCP client in user space behind a TUN device, so that only the
//! server's half of a connection costs kernel memory. For several million of them.
//!
//! It acknowledges what comes in order, sends again what was not answered, and knows no window, no
//! options and no congestion: between it and the server there is no wire.

mod peer;
mod segment;
mod traffic;

use crate::books::{Books, Outcome};
use crate::clock::{Clock, NANOS_PER_SEC, thread_cpu_ns};
use crate::close::Close;
use crate::codec::encode;
use crate::opening::Round;
use crate::plan::Plan;
use crate::stage::Stage;
use peer::{CLIENTS_MAX, Peer, State};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use segment::{ACK, PSH, RST};
use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, SocketAddrV4};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tributary_ring::Tun;

const PACKET_BYTES: usize = 2_048;
const PACKETS_PER_LOOP: usize = 256;
const OPENS_PER_LOOP: usize = 64;
const DROPS_PER_LOOP: u32 = 512;
/// What was not answered goes again after this long, and so many times.
const RESEND_NS: u64 = NANOS_PER_SEC;
const CARE_NS: u64 = NANOS_PER_SEC / 50;

pub struct Stateless {
    plan: Arc<Plan>,
    stage: Arc<Stage>,
    clock: Clock,
    now_ns: u64,
    tun: Tun,
    target: SocketAddrV4,
    peers: Box<[Peer]>,
    /// The next one to connect; all when it is their number.
    next: u32,
    /// Connects on their way, oldest first: when they began or were sent again.
    opening: VecDeque<(u64, u32)>,
    on_the_way: u32,
    pings: Option<Round>,
    /// The next one to drop, during a drop.
    dropping: Option<u32>,
    dropped: u32,
    returned: u32,
    is_down: bool,
    connected: u64,
    settled: u64,
    books: Books,
    packet: Vec<u8>,
    hello: Vec<u8>,
    cared_ns: u64,
    has_finished: bool,
}

impl Stateless {
    /// Makes the device and gives this host the target's address on it.
    ///
    /// # Errors
    /// Not root, no TUN, or a target that is no IPv4 address of 10.0.0.0/8.
    pub fn open(plan: Arc<Plan>, stage: Arc<Stage>, clock: Clock) -> io::Result<Self> {
        let SocketAddr::V4(target) = plan.target else {
            return Err(io::Error::other("--stateless speaks IPv4 alone"));
        };
        if target.ip().octets()[0] != 10 || plan.clients > CLIENTS_MAX {
            return Err(io::Error::other(
                "--stateless wants a --target in 10.0.0.0/8, the far end of its device: \
                 10.255.255.254, with a gateway that listens on 0.0.0.0, --anonymous, in this \
                 network namespace",
            ));
        }
        let name = format!("tributary{}", std::process::id() % 1_000_000);
        let tun = Tun::open(&name)?;
        let address = format!("{}/8", target.ip());
        set_up(&["address", "add", &address, "dev", &name])?;
        set_up(&["link", "set", &name, "txqueuelen", "20000", "up"])?;
        let now_ns = clock.now_ns();
        let ping_secs = f64::from(plan.keepalive_secs);
        Ok(Self {
            clock,
            now_ns,
            tun,
            target,
            peers: vec![Peer::AWAY; plan.clients as usize].into(),
            next: 0,
            opening: VecDeque::new(),
            on_the_way: 0,
            pings: Round::new(now_ns, ping_secs, plan.clients),
            dropping: None,
            dropped: 0,
            returned: 0,
            is_down: false,
            connected: 0,
            settled: 0,
            books: Books::new(None, now_ns),
            packet: Vec::new(),
            hello: Vec::new(),
            cared_ns: now_ns,
            has_finished: false,
            plan,
            stage,
        })
    }

    /// Runs until the stage releases the thread and everyone has left.
    ///
    /// # Errors
    /// Only where the device fails.
    pub fn run(mut self) -> io::Result<Outcome> {
        let mut bytes = vec![0; PACKET_BYTES];
        while !(self.is_down && self.stage.is_released()) {
            self.now_ns = self.clock.now_ns();
            self.storm_due();
            let opened = self.open_due();
            self.visit_due();
            self.care();
            let mut count = 0;
            while count < PACKETS_PER_LOOP {
                match self.tun.receive(&mut bytes) {
                    Ok(length) => self.on_packet(&bytes[..length]),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error),
                }
                count += 1;
            }
            if count == 0 && !opened && self.dropping.is_none() {
                self.wait()?;
            }
        }
        Ok(Outcome {
            cpu_ns: thread_cpu_ns(),
            books: self.books,
        })
    }

    fn wait(&self) -> io::Result<()> {
        let next_ns = self.pings.as_ref().map_or(u64::MAX, Round::next_ns);
        let wait_ns = next_ns.saturating_sub(self.clock.now_ns()).min(CARE_NS);
        let timeout = Timespec {
            tv_sec: 0,
            tv_nsec: wait_ns as i64,
        };
        let mut fds = [PollFd::new(&self.tun, PollFlags::IN)];
        match poll(&mut fds, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Opens who is due; says whether there are more.
    fn open_due(&mut self) -> bool {
        if self.is_down || self.dropping.is_some() {
            return false;
        }
        let all = self.peers.len() as u32;
        for _ in 0..OPENS_PER_LOOP {
            if self.next == all || self.on_the_way >= self.plan.opening_max {
                break;
            }
            self.knock(self.next);
            self.next += 1;
        }
        while let Some((at_ns, place)) = self.opening.front().copied() {
            let state = self.peers[place as usize].state;
            let is_opening = state == State::AwaitSynAck || state == State::AwaitConnack;
            if is_opening && self.now_ns < at_ns + RESEND_NS {
                break;
            }
            self.opening.pop_front();
            if is_opening {
                self.send_again(place);
            }
        }
        self.next < all && self.on_the_way < self.plan.opening_max
    }

    fn visit_due(&mut self) {
        for _ in 0..PACKETS_PER_LOOP {
            let round = self.pings.as_mut();
            let Some(place) = round.and_then(|round| round.poll_slot(self.now_ns)) else {
                break;
            };
            let peer = &mut self.peers[place as usize];
            if peer.state != State::Connected {
                continue;
            }
            if std::mem::replace(&mut peer.awaits_pingresp, true) {
                let sequence = peer.sequence;
                self.send(place, RST | ACK, sequence, &[]);
                self.close(place, Close::NoPingresp);
                continue;
            }
            peer.began_us = (self.now_ns / 1_000) as u32;
            let sequence = peer.sequence;
            peer.sequence = sequence.wrapping_add(encode::PINGREQ.len() as u32);
            self.books.counts.pings_sent += 1;
            self.send(place, PSH | ACK, sequence, &encode::PINGREQ);
        }
    }

    fn storm_due(&mut self) {
        let is_told = self.dropped < self.stage.drops_ordered() || self.stage.is_released();
        if let Some(next) = self.dropping {
            self.drop_some(next);
        } else if !self.is_down && is_told {
            self.dropping = Some(0);
        } else if self.is_down && self.returned < self.stage.returns_ordered() {
            self.returned += 1;
            (self.is_down, self.next) = (false, 0);
            self.books.begin_return();
        }
        if self.stage.is_last_call() && !std::mem::replace(&mut self.has_finished, true) {
            self.stage.finish();
        }
    }

    fn drop_some(&mut self, next: u32) {
        let count = self.peers.len() as u32;
        let end = count.min(next + DROPS_PER_LOOP);
        for place in next..end {
            let peer = self.peers[place as usize];
            if peer.state != State::Away && peer.state != State::Gone {
                self.send(place, RST | ACK, peer.sequence, &[]);
                self.close(place, Close::Dropped);
            }
        }
        self.dropping = Some(end);
        if end == count {
            self.dropping = None;
            self.is_down = true;
            self.settled = 0;
            self.opening.clear();
            self.dropped += 1;
            self.cared_ns = 0;
            self.care();
        }
    }

    /// Tells the watcher.
    fn care(&mut self) {
        if self.now_ns < self.cared_ns + CARE_NS {
            return;
        }
        self.cared_ns = self.now_ns;
        let live = &self.stage.threads[0];
        let counts = &self.books.counts;
        live.connected.store(self.connected, Ordering::Relaxed);
        live.settled.store(self.settled, Ordering::Relaxed);
        let ended = counts.connections_ended - self.books.ended_by_us();
        live.failed
            .store(counts.connects_refused + ended, Ordering::Relaxed);
        live.drops_done
            .store(u64::from(self.dropped), Ordering::Release);
    }
}

fn set_up(words: &[&str]) -> io::Result<()> {
    let status = Command::new("ip").args(words).status()?;
    match status.success() {
        true => Ok(()),
        false => Err(io::Error::other(format!(
            "ip {}: {status}",
            words.join(" ")
        ))),
    }
}
