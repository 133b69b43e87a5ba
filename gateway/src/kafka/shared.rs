//! What the threads of one lane and the shards share: mailboxes, flights, counters, and the bell.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering, Ordering::SeqCst, fence};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};

use crossbeam_queue::{ArrayQueue, SegQueue};

use super::batch::{Batch, Record};
use super::complaints::Complaints;
use super::errors::{self, Verdict};
use super::flight::{Claim, Fate, Flight};
use super::health::Health;
use super::limits;
use super::outcome::{Outcome, Refusal, ReportSink};
use super::room::Room;
use super::spool::Desk;
use super::stats::LaneStats;
use rdkafka::types::RDKafkaErrorCode;

/// What is known of a topic.
pub(super) struct Answer {
    pub(super) topic: Arc<str>,
    /// The leader of each partition (-1: none now), or why there is none to send to.
    pub(super) leaders: Result<Vec<i32>, Refusal>,
}

/// What one shard and the lane leave each other.
pub(super) struct Mailbox {
    /// Bounded by the lane's room: a batch holds at least one record that has claimed some.
    pub(super) batches: SegQueue<Batch>,
    /// Emptied batches, for the shard to fill again.
    pub(super) spare: ArrayQueue<Batch>,
}

pub(super) struct Shared {
    pub(super) name: Arc<str>,
    pub(super) sink: Arc<dyn ReportSink>,
    pub(super) room: Room,
    pub(super) stats: LaneStats,
    pub(super) complaints: Complaints,
    pub(super) health: Health,
    /// Where records for the spool are left, if there is one.
    pub(super) spool: Option<Desk>,
    /// One for each shard, and one more at the end for what the spool replays.
    pub(super) mailboxes: Box<[Mailbox]>,
    pub(super) flights: Box<[Mutex<Flight>]>,
    /// Flights of which every passenger is settled.
    pub(super) landed: ArrayQueue<u16>,
    pub(super) answers: SegQueue<Answer>,
    pub(super) bell: Bell,
    /// The producer is done for.
    pub(super) fatal: AtomicBool,
    /// Nothing is admitted any more.
    pub(super) closed: AtomicBool,
    /// The last handle is gone: the threads end.
    pub(super) ended: AtomicBool,
    /// Reports were made since the sink was last flushed.
    pub(super) unflushed: AtomicBool,
    drained: (Mutex<()>, Condvar),
}

impl Shared {
    pub(super) fn new(
        name: &str,
        shards: usize,
        sink: Arc<dyn ReportSink>,
        room: Room,
        spool: Option<Desk>,
    ) -> Shared {
        let mailbox = |_| Mailbox {
            batches: SegQueue::new(),
            spare: ArrayQueue::new(limits::BATCHES_SPARE_MAX),
        };
        Shared {
            name: name.into(),
            sink,
            room,
            stats: LaneStats::default(),
            complaints: Complaints::default(),
            health: Health::default(),
            mailboxes: (0..shards + usize::from(spool.is_some()))
                .map(mailbox)
                .collect(),
            flights: (0..limits::FLIGHTS_MAX).map(|_| Mutex::default()).collect(),
            landed: ArrayQueue::new(limits::FLIGHTS_MAX),
            answers: SegQueue::new(),
            bell: Bell::default(),
            fatal: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            unflushed: AtomicBool::new(false),
            drained: Default::default(),
            spool,
        }
    }

    /// A panic of another thread cannot leave a flight half settled, so poison means nothing here.
    pub(super) fn flight(&self, index: u16) -> MutexGuard<'_, Flight> {
        self.flights[index as usize]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers one record that a shard has handed over.
    pub(super) fn answer(&self, ticket: u64, outcome: Outcome) {
        self.stats.count(outcome);
        self.sink.report(ticket, outcome);
        self.unflushed.store(true, Ordering::Relaxed);
    }

    /// Answers one record that the spool has handed over.
    fn answer_replay(&self, number: u64, outcome: Outcome) {
        self.stats.count(outcome);
        if let Some(desk) = &self.spool {
            desk.answers.push((number, outcome));
        }
        self.unflushed.store(true, Ordering::Relaxed);
    }

    /// Refuses one record; gives what it had claimed, for the caller to release.
    pub(super) fn refuse(&self, record: &Record, refusal: Refusal) -> (u64, u64) {
        let outcome = Outcome::Failed(refusal);
        match record.is_replayed {
            true => self.answer_replay(record.ticket, outcome),
            false => self.answer(record.ticket, outcome),
        }
        record.claim()
    }

    /// Wakes those who got reports.
    pub(super) fn flush(&self) {
        if self.unflushed.load(Ordering::Relaxed) {
            self.unflushed.store(false, Ordering::Relaxed);
            self.sink.flush();
            if let Some(desk) = self.spool.as_ref().filter(|desk| !desk.answers.is_empty()) {
                desk.bell.ring();
            }
        }
    }

    /// Gives back the room of records that were answered or withdrawn.
    pub(super) fn release(&self, records: u64, bytes: u64) {
        if self.room.release(records, bytes) {
            self.sink.room();
        }
        // Only a drain waits, and only for this; it also looks by itself now and then.
        if self.closed.load(Ordering::Relaxed) && self.room.records() == 0 {
            self.drained.1.notify_all();
        }
    }

    /// Waits until nothing is un-acked; gives back how many records still are at the deadline.
    pub(super) fn wait_drained(&self, deadline: Instant) -> u64 {
        const LOOK: Duration = Duration::from_millis(20);
        let mut guard = self
            .drained
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        loop {
            let pending = self.room.records();
            let left = deadline.saturating_duration_since(Instant::now());
            if pending == 0 || left.is_zero() {
                return pending;
            }
            let waited = self.drained.1.wait_timeout(guard, left.min(LOOK));
            guard = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Settles one record in flight by what librdkafka said of it, and lands the flight after its
    /// last.
    pub(super) fn settle(&self, claim: Claim, error: Option<RDKafkaErrorCode>) {
        let mut flight = self.flight(claim.flight);
        let verdict = error.map(errors::sort);
        let outcome = match verdict {
            None => Some(Outcome::Delivered),
            Some(Verdict::Refuse(refusal)) => Some(Outcome::Failed(refusal)),
            Some(Verdict::RefuseOneOf(refusal)) if flight.passengers.len() == 1 => {
                Some(Outcome::Failed(refusal))
            }
            Some(_) => None,
        };
        let fate = if outcome.is_some() {
            Fate::Answered
        } else {
            Fate::Returned
        };
        let Some(passenger) = flight.settle(claim, fate) else {
            return;
        };
        if let Some(Verdict::Refuse(refusal)) = verdict {
            flight.is_topic_in_doubt |= refusal.is_of_topic();
        }
        match (outcome, verdict) {
            (Some(outcome), _) if passenger.is_replayed => {
                self.answer_replay(passenger.ticket, outcome);
            }
            (Some(outcome), _) => self.answer(passenger.ticket, outcome),
            (None, Some(Verdict::RefuseOneOf(_))) => flight.to_cut = true,
            (None, Some(Verdict::GiveUp)) => self.fatal.store(true, SeqCst),
            (None, _) => {}
        }
        if flight.open == 0 {
            let (records, bytes) = flight.answered();
            drop(flight);
            self.land(claim.flight, records, bytes);
        }
    }

    fn land(&self, flight: u16, records: u64, bytes: u64) {
        self.release(records, bytes);
        self.flush();
        // There is one place per flight, so the push cannot fail.
        let _ = self.landed.push(flight);
        self.bell.ring_for_landing();
    }

    /// Notes that the cluster answers.
    pub(super) fn note_up(&self) {
        if self.health.note_heard() {
            self.bell.ring();
        }
    }

    /// Notes that no broker is connected.
    pub(super) fn note_brokers_down(&self) {
        self.health.note_brokers_down();
        self.bell.ring();
    }
}

/// Wakes the lane's own thread, and costs next to nothing while it is awake.
#[derive(Default)]
pub(super) struct Bell {
    sleep: AtomicU8,
    sleeper: OnceLock<Thread>,
}

const AWAKE: u8 = 0;
/// Nothing is queued: a landing can wait until there is something to send.
const ASLEEP_IDLE: u8 = 1;
/// Blocks wait for a landing.
const ASLEEP_WAITING: u8 = 2;

impl Bell {
    /// To be called once by the thread that sleeps.
    pub(super) fn belong_to_this_thread(&self) {
        let _ = self.sleeper.set(std::thread::current());
    }

    /// Something was put into a mailbox.
    pub(super) fn ring(&self) {
        // Pairs with the fence in `sleep`: either we see it asleep, or it sees what we put down.
        fence(SeqCst);
        if self.sleep.load(SeqCst) != AWAKE && self.sleep.swap(AWAKE, SeqCst) != AWAKE {
            self.wake();
        }
    }

    /// A flight has landed: wakes only a thread that has something to send behind it.
    fn ring_for_landing(&self) {
        fence(SeqCst);
        if self.sleep.load(SeqCst) == ASLEEP_WAITING && self.sleep.swap(AWAKE, SeqCst) != AWAKE {
            self.wake();
        }
    }

    fn wake(&self) {
        if let Some(thread) = self.sleeper.get() {
            thread.unpark();
        }
    }

    /// Sleeps until a ring, at most `longest`, unless `has_work` says that one was missed.
    pub(super) fn sleep(&self, waiting: bool, longest: Duration, has_work: impl FnOnce() -> bool) {
        self.sleep
            .store(if waiting { ASLEEP_WAITING } else { ASLEEP_IDLE }, SeqCst);
        fence(SeqCst);
        if !has_work() {
            std::thread::park_timeout(longest);
        }
        self.sleep.store(AWAKE, SeqCst);
    }
}
