//! The loop of a shard: busy, it waits in its own rings; idle, it parks in the runtime.
//!
//! ```text
//!  silence eventfd -> mailbox -> rings with work: enter, drain -> answers, batches -> tick
//!         ^                                                                            |
//!         |                 nothing done: bounded wait in one ring --------------------+
//!         |                 nothing done twice: sound eventfd, fence, look once more
//!         +---------------- park: await the eventfd
//! ```

use std::io;
use std::net::TcpListener;
use std::sync::atomic::{Ordering, fence};
use std::time::{Duration, Instant};

use glommio::io::BufferedFile;

use super::Shard;
use crate::limits::{
    EMPTY_WAITS_MAX, REACTOR_VISIT, TICK, WAIT_BUSY_COMPLETIONS, WAIT_COMPLETIONS,
    WAIT_GATHER_BUSY_MICROS, WAIT_GATHER_MICROS, WAIT_MICROS_MAX,
};
use crate::mailbox::Mailbox;

/// Size of what an eventfd hands out.
const EVENT_COUNT_BYTES: usize = 8;

impl Shard {
    /// Accepts and serves until drained.
    pub(super) async fn run(mut self, listeners: Vec<Vec<TcpListener>>) -> io::Result<()> {
        let mailboxes = self.mailboxes.clone();
        let mailbox = &mailboxes.0[self.world.index];
        let eventfd: BufferedFile = tributary_ring::adopt(mailbox.wake().try_clone_fd()?);
        for (plane, listeners) in self.planes.iter_mut().zip(listeners) {
            listeners
                .into_iter()
                .for_each(|listener| plane.ring.listen(listener));
        }
        self.keep_ticking();
        let started = Instant::now();
        loop {
            self.planes
                .iter_mut()
                .for_each(|plane| plane.ring.silence_wake());
            let over = self.serve_busy(mailbox, &eventfd, started).await?;
            if over {
                return Ok(());
            }
            self.planes
                .iter_mut()
                .for_each(|plane| plane.ring.sound_wake());
            fence(Ordering::SeqCst);
            if self.turn(mailbox)? == 0 && !mailbox.is_unseen() && !self.has_submissions() {
                self.rest(&eventfd).await?;
            }
        }
    }

    /// Serves while there is something to do; says whether the shard has drained.
    async fn serve_busy(
        &mut self,
        mailbox: &Mailbox,
        eventfd: &BufferedFile,
        started: Instant,
    ) -> io::Result<bool> {
        let mut visited = Instant::now();
        let mut empty_waits = 0;
        let mut gather_micros = WAIT_GATHER_MICROS;
        while empty_waits < EMPTY_WAITS_MAX {
            let begun = Instant::now();
            let mut done = self.turn(mailbox)?;
            self.tick(begun.duration_since(started));
            self.world
                .book()
                .loop_time
                .observe(begun.elapsed().as_micros() as u64);
            if self.is_over() {
                return Ok(true);
            }
            // With one ring the wait also submits what the turn has left: one call instead of two.
            if done == 0 || self.planes.len() == 1 {
                let plane = &mut self.planes[self.busiest];
                plane
                    .ring
                    .wait(WAIT_COMPLETIONS, gather_micros, WAIT_MICROS_MAX)?;
                let came = self.drain_ring(self.busiest);
                gather_micros = match came {
                    WAIT_BUSY_COMPLETIONS.. => WAIT_GATHER_BUSY_MICROS,
                    _ => WAIT_GATHER_MICROS,
                };
                self.carry();
                done += came;
            }
            empty_waits = if done == 0 { empty_waits + 1 } else { 0 };
            if begun.duration_since(visited) >= REACTOR_VISIT {
                // One trip through the reactor: its timers would starve otherwise.
                mailbox.wake().signal();
                self.rest(eventfd).await?;
                visited = Instant::now();
            }
        }
        Ok(false)
    }

    /// Looks at the mailbox and at every ring once, without waiting; says how much there was.
    fn turn(&mut self, mailbox: &Mailbox) -> io::Result<usize> {
        let mut done = self.drain_mailbox(mailbox);
        let only = self.planes.len() == 1;
        for ring in 0..self.planes.len() {
            let plane = &mut self.planes[ring].ring;
            if plane.has_completions() || (!only && plane.has_submissions()) {
                plane.enter()?;
                let events = self.drain_ring(ring);
                if events > 0 {
                    self.busiest = ring;
                }
                done += events;
            }
        }
        self.carry();
        Ok(done)
    }

    /// Whether answers or orders wait to be submitted: parking now would leave them lying.
    fn has_submissions(&self) -> bool {
        self.planes.iter().any(|plane| plane.ring.has_submissions())
    }

    fn drain_mailbox(&mut self, mailbox: &Mailbox) -> usize {
        if !mailbox.open() {
            return 0;
        }
        let mut count = 1;
        while let Some((ticket, outcome)) = mailbox.next_report() {
            self.world.on_report(ticket, outcome);
            count += 1;
        }
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
        let overdue = self.world.on_tick(now_tick);
        overdue.into_iter().for_each(|socket| self.expire(socket));
        self.world.book().beat(Instant::now());
        self.publish_ring_stats();
        self.carry();
    }

    /// Whether a drain has come to its end.
    fn is_over(&self) -> bool {
        self.world.draining && self.world.clients.len() == 0 && self.world.leaving.is_empty()
    }

    /// Gives the reactor its turn until the eventfd says that there is work.
    async fn rest(&self, eventfd: &BufferedFile) -> io::Result<()> {
        let read = eventfd.read_at(0, EVENT_COUNT_BYTES).await;
        read.map(drop)
            .map_err(|error| io::Error::other(error.to_string()))
    }

    /// Wakes the shard each tick. It also bounds a known fault of the runtime, which may park with
    /// a task that is ready to run.
    fn keep_ticking(&self) {
        let mailboxes = self.mailboxes.clone();
        let index = self.world.index;
        glommio::spawn_local(async move {
            loop {
                glommio::timer::sleep(TICK).await;
                mailboxes.0[index].wake().signal();
            }
        })
        .detach();
    }
}
