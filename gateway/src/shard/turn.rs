//! The loop of a shard: a turn, a wait in its first ring, and the runtime's turn at every tick.
//!
//! ```text
//!  mailbox -> rings with work: enter, drain -> answers, batches -> tick
//!     ^                                                             |
//!     |    nothing done: other rings sound the bell, look once more |
//!     +--- wait in the first ring: for completions to gather, ------+
//!          for the bell, or for the next tick
//! ```
//!
//! The first ring hears the shard's eventfd, which the other rings and all other threads ring. So
//! the shard sleeps in one system call that also submits, and the runtime is visited for its timers
//! only: a trip through its reactor costs seven.

use std::io;
use std::mem;
use std::time::{Duration, Instant};

use glommio::io::BufferedFile;

use super::dawn::Dawn;
use super::{Listening, Shard};
use crate::limits::{REACTOR_VISIT, TICK, TICKS_PER_SEC};
use crate::mailbox::Mailbox;

/// Size of what an eventfd hands out.
const EVENT_COUNT_BYTES: usize = 8;
/// The ring that is waited in.
const FIRST: usize = 0;

impl Shard {
    /// Accepts and serves until drained.
    pub(super) async fn run(mut self, listeners: Vec<Vec<Listening>>) -> io::Result<()> {
        let mailboxes = self.mailboxes.clone();
        let mailbox = &mailboxes.0[self.world.index];
        let eventfd: BufferedFile = tributary_ring::adopt(mailbox.wake().try_clone_fd()?);
        for (index, (plane, listeners)) in self.planes.iter_mut().zip(listeners).enumerate() {
            plane.ring.set_accepting(index == self.filling);
            listeners
                .into_iter()
                .for_each(|listening| plane.ring.listen(listening.socket));
        }
        bound_parking();
        // Filling the world from a store took its time.
        self.world.dawn = Dawn::now();
        let started = Instant::now();
        let mut visited = started;
        loop {
            let begun = Instant::now();
            let done = self.turn(mailbox)?;
            self.tick(begun.duration_since(started));
            self.note_delay(false);
            let turn_micros = begun.elapsed().as_micros() as u64;
            self.world.book().loop_time.observe(turn_micros);
            if self.is_over() {
                return Ok(());
            }
            if begun.duration_since(visited) >= REACTOR_VISIT {
                mailbox.wake().signal();
                visit_reactor(&eventfd).await?;
                visited = begun;
                let bells = self.planes[FIRST].ring.stats().bells;
                self.probe.ring(mailbox.wake(), bells, Instant::now());
            }
            self.wait(mailbox, done, started)?;
        }
    }

    /// Looks at the mailbox and at every ring once, without waiting; says how much there was.
    fn turn(&mut self, mailbox: &Mailbox) -> io::Result<usize> {
        self.world.begin_turn();
        let mut done = self.drain_mailbox(mailbox);
        self.begin_newcomers();
        let behind = self.behind_count();
        let only = self.planes.len() == 1;
        for ring in 0..self.planes.len() {
            let plane = &mut self.planes[ring].ring;
            // A single ring is about to be waited in, which submits as well.
            let is_asked = behind > 0 || (!only && plane.has_submissions());
            if is_asked || plane.has_completions() {
                plane.enter()?;
                done += self.drain_ring(ring);
            }
            // A receive on a readable socket completes at once: its bytes do not wait for others.
            if mem::take(&mut self.planes[ring].receives) {
                self.planes[ring].ring.enter()?;
                done += self.drain_ring(ring);
            }
        }
        self.look_behind(behind);
        self.keep_filling();
        self.carry();
        Ok(done)
    }

    /// Waits until completions have gathered, the bell rings or the next tick is due.
    fn wait(&mut self, mailbox: &Mailbox, done: usize, started: Instant) -> io::Result<()> {
        let several = self.planes.len() > 1;
        if several && (done > 0 || self.has_submissions()) {
            return Ok(()); // The other rings are looked at before anyone sleeps.
        }
        let missed = self.sound_others()?;
        let is_restless = mem::take(&mut self.world.is_restless)
            || !self.world.weary.is_empty()
            || !self.newcomers.is_empty()
            || self.behind_count() > 0;
        if missed == 0 && !mailbox.is_unseen() && !is_restless {
            let timeout_micros = micros_to_tick(started.elapsed());
            let (want, gather_micros) = (self.gather.completions(), self.gather.micros());
            let plane = &mut self.planes[FIRST];
            plane.ring.wait(want, gather_micros, timeout_micros)?;
        } else if is_restless {
            // Nobody sleeps, and what was asked for must go to the kernel all the same.
            self.planes[FIRST].ring.enter()?;
        }
        self.planes[FIRST + 1..]
            .iter_mut()
            .for_each(|plane| plane.ring.silence_wake());
        let came = self.drain_ring(FIRST);
        let since_start = started.elapsed().as_micros() as u64;
        self.gather.on_completions(done + came, since_start);
        self.carry();
        Ok(())
    }

    /// From here on the other rings ring the bell; says how much came just before.
    fn sound_others(&mut self) -> io::Result<usize> {
        let mut missed = 0;
        for ring in FIRST + 1..self.planes.len() {
            let plane = &mut self.planes[ring].ring;
            plane.sound_wake();
            // The kernel's flag may stay set with nothing behind it: believe one enter, not the
            // flag. What is queued later finds the bell sounding.
            if plane.has_completions() {
                plane.enter()?;
                missed += self.drain_ring(ring);
            }
        }
        Ok(missed)
    }

    /// Whether answers or orders wait to be submitted: sleeping now would leave them lying.
    fn has_submissions(&self) -> bool {
        self.planes.iter().any(|plane| plane.ring.has_submissions())
    }

    fn drain_mailbox(&mut self, mailbox: &Mailbox) -> usize {
        if !mailbox.open() && !mailbox.has_notes() {
            return 0;
        }
        let mut count = 1;
        self.gather.on_urgent();
        while let Some((ticket, outcome)) = mailbox.next_report() {
            self.world.on_report(ticket, outcome);
            count += 1;
        }
        count += self.world.take_notes(mailbox);
        self.world.on_committed(mailbox.committed());
        if mailbox.take_room() {
            self.world.on_room();
        }
        if mailbox.is_draining() && !self.world.draining {
            self.planes
                .iter_mut()
                .for_each(|plane| plane.ring.stop_accepting());
            self.world.begin_drain();
        }
        if mailbox.is_abandoned() {
            self.world.abandon();
        }
        count
    }

    fn tick(&mut self, since_start: Duration) {
        let now_tick = (since_start.as_millis() / TICK.as_millis()) as u32;
        if now_tick == self.world.now_tick {
            return;
        }
        let ticks = now_tick - self.world.now_tick;
        let missed = self.world.pardon.on_ticks(now_tick, ticks);
        let missed_millis = u64::from(missed) * TICK.as_millis() as u64;
        self.world.book().stalled_millis.add(missed_millis);
        self.note_delay(true);
        self.world.tick_shed(now_tick, ticks);
        self.world.pardon.is_impatient =
            self.world.shed.is_impatient() || self.is_any_table_short();
        let overdue = self.world.on_tick(now_tick);
        overdue.into_iter().for_each(|socket| self.expire(socket));
        self.world.book().beat(Instant::now());
        self.publish_ring_stats();
        for plane in &mut self.planes {
            plane.ring.retry_accepting();
        }
        if now_tick.is_multiple_of(TICKS_PER_SEC) || missed > 0 {
            self.shrink();
        }
        self.carry();
    }

    /// How long an event waits until it is looked at.
    fn note_delay(&mut self, until_now: bool) {
        let bells = self.planes[FIRST].ring.stats().bells;
        let Some(delay) = self.probe.heard(bells, until_now) else {
            return;
        };
        self.world.shed.on_event_delay(delay.as_micros() as u64);
        let ticks = (delay.as_millis() / TICK.as_millis()) as u32;
        self.world.pardon.on_delay(self.world.now_tick, ticks);
    }

    /// Whether a drain has come to its end.
    fn is_over(&self) -> bool {
        self.world.draining
            && self.world.online_count == 0
            && self.world.leaving.is_empty()
            && self.world.wills.is_empty()
    }
}

/// One trip through the runtime's reactor, whose timers would starve otherwise; the eventfd has
/// been rung, so that it does not park.
async fn visit_reactor(eventfd: &BufferedFile) -> io::Result<()> {
    let read = eventfd.read_at(0, EVENT_COUNT_BYTES).await;
    read.map(drop)
        .map_err(|error| io::Error::other(error.to_string()))
}

/// A known fault of the runtime lets it park with a task that is ready to run; a timer bounds that
/// to one tick.
fn bound_parking() {
    glommio::spawn_local(async {
        loop {
            glommio::timer::sleep(TICK).await;
        }
    })
    .detach();
}

/// Microseconds until the next tick is due; at least one.
fn micros_to_tick(since_start: Duration) -> u32 {
    let tick = TICK.as_micros() as u64;
    (tick - since_start.as_micros() as u64 % tick) as u32
}
