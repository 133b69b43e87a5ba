//! A ring: the table of connections, the queues and the buffers behind it, and the wait for events.

mod accept;
mod close;
mod complete;
mod connect;
mod hand_over;
mod peer_name;
mod receive;
mod send;

use std::any::TypeId;
use std::collections::VecDeque;
use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsFd, OwnedFd};

use io_uring::types;

use accept::Listeners;
use connect::{Dial, Dialling};
use hand_over::Parting;
use peer_name::Asked;
use send::Sending;

use crate::address::RingAddress;
use crate::buffers::{Buffer, ReceiveBuffers};
use crate::event::Event;
use crate::features;
use crate::queue::{Completion, Queue};
use crate::request::{BUFFER_GROUP, Request};
use crate::slab::Slab;
use crate::slots::{Conn, Slots, State};
use crate::stats::RingStats;
use crate::tag::Op;
use crate::wake::Wake;

/// Completions that are copied out of the shared queue at a time.
const HARVEST_COUNT_MAX: usize = 512;
/// How long a ring that is dropped waits for its requests to be called back.
const QUIESCE_ROUNDS_MAX: u32 = 64;
const QUIESCE_ROUND_US: u32 = 2_000;

/// The sizes of a ring. Kernel memory is taken when it is opened: 64 bytes per submission entry,
/// 16 per completion entry, 8 per table slot; the buffers cost what they hold once they were used.
#[derive(Clone, Debug)]
pub struct RingOptions {
    /// Connections at most; bounded by the soft limit on open files.
    pub table_slots: u32,
    /// At least 8.
    pub submission_entries: u32,
    pub completion_entries: u32,
    /// Rounded up to a power of two, 32768 at most.
    pub receive_buffers: u16,
    pub receive_buffer_bytes: u32,
}

impl Default for RingOptions {
    fn default() -> RingOptions {
        RingOptions {
            table_slots: 18_000,
            submission_entries: 1024,
            completion_entries: 8192,
            receive_buffers: 256,
            receive_buffer_bytes: 8192,
        }
    }
}

/// One io_uring with its own table of connections. `H` travels along with a hand-over.
///
/// It lives on the thread that opened it: the kernel accepts requests from that thread alone.
pub struct Ring<H: Send + 'static> {
    pub(crate) queue: Queue,
    pub(crate) buffers: ReceiveBuffers,
    pub(crate) slots: Slots,
    pub(crate) listeners: Listeners,
    pub(crate) sends: Slab<Sending>,
    pub(crate) partings: Slab<Parting<H>>,
    pub(crate) asked: Slab<Asked>,
    pub(crate) dials: Slab<Dial>,
    pub(crate) dialling: Option<Dialling>,
    pub(crate) stats: RingStats,
    pub(crate) address: RingAddress,
    /// The bell that ends a wait in this ring.
    bell: Option<OwnedFd>,
    /// Receives that the kernel may still fill a buffer for, of whatever life of a slot.
    pub(crate) receives_in_flight: u32,
    harvested: Vec<Completion>,
    /// Completions of `harvested` that have been dealt with.
    handled: usize,
    /// Events that need no further completion.
    pub(crate) ready: VecDeque<Event<H>>,
    _on_its_thread: PhantomData<*const ()>,
}

impl<H: Send + 'static> Ring<H> {
    /// Opens a ring that rings `wake` when something completes while nobody waits in it.
    ///
    /// # Errors
    /// A sentence for humans when the kernel will not have it: io_uring switched off or too old,
    /// or a table larger than the limit on open files.
    pub fn open(options: &RingOptions, wake: &Wake) -> io::Result<Self> {
        let ring = Self::open_silent(options)?;
        ring.queue.submitter().register_eventfd(wake.fd())?;
        Ok(ring)
    }

    /// Opens a ring that is waited in: a wait ends when `wake` is rung, by other rings or threads.
    ///
    /// It does not ring that bell itself: a completion inside an eventfd's own wake-up would be
    /// put off by the kernel, and only the first such one would ever be told of.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_waiting(options: &RingOptions, wake: &Wake) -> io::Result<Self> {
        let mut ring = Self::open_silent(options)?;
        ring.bell = Some(wake.try_clone_fd()?);
        ring.hear_bell();
        Ok(ring)
    }

    fn open_silent(options: &RingOptions) -> io::Result<Self> {
        let queue = Queue::open(options.submission_entries, options.completion_entries)
            .map_err(features::explain_open_error)?;
        queue
            .submitter()
            .register_files_sparse(options.table_slots)
            .map_err(|error| explain_table_error(error, options.table_slots))?;
        let mut buffers =
            ReceiveBuffers::new(options.receive_buffers, options.receive_buffer_bytes);
        if let Err(error) = register_buffers(&queue, &buffers) {
            // SAFETY: the kernel has refused the memory, and no token was ever made.
            unsafe { buffers.free() };
            return Err(error);
        }
        let parts = queue
            .try_clone_fd()
            .map(|fd| RingAddress::new(fd, TypeId::of::<H>(), options.table_slots));
        // On the error path the buffers leak, since the kernel already knows them.
        let address = parts?;
        Ok(Ring {
            queue,
            buffers,
            slots: Slots::new(options.table_slots),
            listeners: Listeners::default(),
            sends: Slab::new(),
            partings: Slab::new(),
            asked: Slab::new(),
            dials: Slab::new(),
            dialling: None,
            stats: RingStats::default(),
            address,
            bell: None,
            receives_in_flight: 0,
            harvested: Vec::with_capacity(HARVEST_COUNT_MAX),
            handled: 0,
            ready: VecDeque::new(),
            _on_its_thread: PhantomData,
        })
    }

    pub(crate) fn hear_bell(&mut self) {
        if let Some(bell) = &self.bell {
            let request = Request::bell(bell.as_fd());
            self.queue.push(request, &mut self.stats);
        }
    }

    /// Where other rings can hand connections over to.
    pub fn address(&self) -> RingAddress {
        self.address.clone()
    }

    pub fn stats(&self) -> &RingStats {
        &self.stats
    }

    /// Slots that are not free: live, closing or leaving.
    pub fn used_slots(&self) -> u32 {
        self.slots.used()
    }

    pub fn table_slots(&self) -> u32 {
        self.slots.count()
    }

    /// True while `conn` is the caller's: not over, not being closed, not handed over.
    pub fn is_live(&self, conn: Conn) -> bool {
        self.slots.live(conn).is_some()
    }

    /// Something to submit, to take, or to let the kernel run; see [`Self::has_completions`].
    pub fn has_work(&self) -> bool {
        self.has_completions() || self.has_submissions()
    }

    /// Something to take or to let the kernel run. After an `enter` that brought no event it can
    /// still be true (the kernel's flag may stay set with nothing behind it): enter once for it, do
    /// not loop on it.
    pub fn has_completions(&self) -> bool {
        !self.ready.is_empty()
            || self.handled < self.harvested.len()
            || self.queue.has_completions()
    }

    /// Whether something was asked for that the kernel has not been told of yet.
    pub fn has_submissions(&self) -> bool {
        self.queue.has_submissions()
    }

    /// Submits what was asked for and lets the kernel run what it has put off; never waits.
    pub fn enter(&mut self) -> io::Result<()> {
        self.before_enter();
        self.queue.enter()
    }

    /// Submits and waits until `want` completions are there, or at least one and `min_wait_us` have
    /// passed; for `timeout_us` at most. Does not wait while harvested events are left.
    pub fn wait(&mut self, want: usize, min_wait_us: u32, timeout_us: u32) -> io::Result<()> {
        self.before_enter();
        if !self.ready.is_empty() || self.handled < self.harvested.len() {
            return self.queue.enter();
        }
        self.queue
            .wait(want, min_wait_us, timeout_us, &mut self.stats)
    }

    /// The next thing that happened; `None` when the completions that are there are used up.
    pub fn next_event(&mut self) -> Option<Event<H>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                match event {
                    Event::Sent { conn, .. } | Event::HandOverRefused { conn, .. }
                        if !self.is_live(conn) => {}
                    event => return Some(event),
                }
                continue;
            }
            let completion = self.next_completion()?;
            if let Some(event) = self.complete(completion) {
                return Some(event);
            }
        }
    }

    /// What is in a receive buffer.
    pub fn bytes<'b>(&self, buffer: &'b Buffer) -> &'b [u8] {
        self.buffers.bytes(buffer)
    }

    /// What is in a receive buffer, to change it where it lies.
    pub fn bytes_mut<'b>(&self, buffer: &'b mut Buffer) -> &'b mut [u8] {
        self.buffers.bytes_mut(buffer)
    }

    /// Lends a buffer to the kernel again; it counts from the next enter on.
    pub fn give_back(&mut self, buffer: Buffer) {
        self.buffers.give_back(buffer);
    }

    /// The shard is looking anyway: completions need not ring the bell.
    pub fn silence_wake(&mut self) {
        self.queue.silence_eventfd();
    }

    /// From here on completions ring the bell. What came before may not have: look once more (one
    /// `enter` and drain where `has_work`) before going to sleep.
    pub fn sound_wake(&mut self) {
        self.queue.sound_eventfd();
        std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
    }

    pub(crate) fn push(&mut self, request: Request) {
        self.buffers.publish();
        self.queue.push(request, &mut self.stats);
    }

    pub(crate) fn push_chain<const N: usize>(&mut self, chain: [Request; N]) {
        self.buffers.publish();
        self.queue.push_chain(chain, &mut self.stats);
    }

    /// Runs `act` when `conn` is live; counts the call as stale otherwise.
    pub(crate) fn with_live(&mut self, conn: Conn, act: impl FnOnce(&mut Self)) {
        if self.is_live(conn) {
            act(self);
        } else {
            self.stats.stale_calls += 1;
        }
    }

    /// Begins a life in a slot that the kernel has filled. The event that ends the one before, if
    /// it is still owed, comes first.
    pub(crate) fn begin_life(&mut self, slot: u32) -> (Conn, Option<Event<H>>) {
        let (conn, departed) = self.slots.begin(slot);
        let farewell = departed.map(|(conn, state)| match state {
            State::Leaving => {
                self.stats.handed_over += 1;
                Event::HandedOver { conn }
            }
            _ => Event::Closed { conn },
        });
        self.address.publish(self.slots.used());
        (conn, farewell)
    }

    /// Ends a life; its slot is free in the kernel already.
    pub(crate) fn end_life(&mut self, conn: Conn) {
        self.slots.end(conn);
        self.address.publish(self.slots.used());
        if let Some(dialling) = &mut self.dialling {
            dialling.free(conn.slot);
        }
        self.resume_accepting();
    }

    fn before_enter(&mut self) {
        self.buffers.publish();
        self.stats.enters += 1;
        self.stats.cq_overflow += u64::from(self.queue.overflowing());
    }

    pub(crate) fn next_completion(&mut self) -> Option<Completion> {
        if self.handled == self.harvested.len() {
            self.harvested.clear();
            self.handled = 0;
            self.queue.harvest(&mut self.harvested, HARVEST_COUNT_MAX);
            self.stats.cqes += self.harvested.len() as u64;
        }
        let completion = self.harvested.get(self.handled).copied()?;
        self.handled += 1;
        Some(completion)
    }

    /// Calls everything back. True when the kernel holds on to no memory of ours any more.
    fn quiesce(&mut self) -> bool {
        let _ = self.queue.enter();
        let limit = types::Timespec::new().nsec(QUIESCE_ROUND_US * 1_000);
        for _ in 0..QUIESCE_ROUNDS_MAX {
            // Also for polls and accepts, which hold no memory but keep sockets open: an address
            // of this ring may keep the kernel's half alive for long.
            let everything = types::CancelBuilder::any();
            let _ = self
                .queue
                .submitter()
                .register_sync_cancel(Some(limit), everything);
            let _ = self.queue.wait(1, 0, QUIESCE_ROUND_US, &mut self.stats);
            while let Some(completion) = self.next_completion() {
                self.settle(completion);
            }
            if self.receives_in_flight == 0
                && self.sends.is_empty()
                && self.asked.is_empty()
                && self.dials.is_empty()
                && self.partings.is_empty()
            {
                return true;
            }
        }
        false
    }

    /// Takes the last completions of a ring that is going away; only ownership matters now.
    fn settle(&mut self, completion: Completion) {
        if completion.tag.op() == Some(Op::Send) {
            // Not `complete`: a short send would go on.
            self.sends.remove(completion.tag.key());
            return;
        }
        match self.complete(completion) {
            Some(Event::Received { buffer, .. }) => self.give_back(buffer),
            event => drop(event),
        }
        while let Some(event) = self.ready.pop_front() {
            drop(event);
        }
    }
}

impl<H: Send + 'static> Drop for Ring<H> {
    fn drop(&mut self) {
        self.address.shut();
        self.listeners.stop_for_good();
        let lent = self.buffers.any_lent();
        let quiet = self.quiesce();
        let _ = self.queue.submitter().unregister_files();
        let forgotten = self
            .queue
            .submitter()
            .unregister_buf_ring(BUFFER_GROUP)
            .is_ok();
        if quiet && forgotten && !lent {
            // SAFETY: no receive is in flight, the kernel has let go of the buffer ring, and no
            // token is outstanding.
            unsafe { self.buffers.free() };
        }
        if !quiet {
            // The kernel may still read these; leaking them is the one thing that stays sound.
            std::mem::forget(std::mem::replace(&mut self.sends, Slab::new()));
            std::mem::forget(std::mem::replace(&mut self.dials, Slab::new()));
            std::mem::forget(std::mem::replace(&mut self.partings, Slab::new()));
        }
    }
}

fn register_buffers(queue: &Queue, buffers: &ReceiveBuffers) -> io::Result<()> {
    // SAFETY: `Ring` frees this memory only after it has been unregistered, or never.
    unsafe {
        queue.submitter().register_buf_ring_with_flags(
            buffers.ring_address(),
            buffers.count(),
            BUFFER_GROUP,
            0,
        )
    }
}

fn explain_table_error(error: io::Error, table_slots: u32) -> io::Error {
    if error.raw_os_error() != Some(libc::EMFILE) {
        return error;
    }
    io::Error::new(
        error.kind(),
        format!(
            "a table of {table_slots} connections is larger than the limit on open files; raise \
             RLIMIT_NOFILE (ulimit -n) or use more rings with smaller tables"
        ),
    )
}
