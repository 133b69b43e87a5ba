//! The lane's own thread: takes what shards hand over, sorts it by partition, feeds librdkafka.

use std::sync::atomic::Ordering::SeqCst;
use std::sync::mpsc::Sender;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::BaseRecord;
use rdkafka::types::RDKafkaErrorCode as Code;

use super::batch::{Batch, Record};
use super::block::Block;
use super::errors::{self, Verdict};
use super::flight::{Claim, Fate};
use super::limits;
use super::lines::{Departure, Lines, PartitionIndex};
use super::outcome::{Outcome, Refusal};
use super::pace::Pace;
use super::producer::{Client, Producers};
use super::scout::Source;
use super::shared::Shared;
use super::stats::LaneState;
use super::topics::{TopicIndex, Topics};

/// A block that is with librdkafka; it stays ours until every record of it is answered.
struct Aloft {
    partition: PartitionIndex,
    leader: usize,
    block: Block,
}

pub(super) struct Feeder {
    shared: Arc<Shared>,
    config: ClientConfig,
    /// `None` between producers that were given up and the next.
    producers: Option<Producers>,
    source: Source,
    ask: Sender<Arc<str>>,
    topics: Topics,
    /// The topics of the batch in hand; kept for its memory.
    found: Vec<Result<TopicIndex, Refusal>>,
    lines: Lines,
    pace: Pace,
    aloft: Vec<Option<Aloft>>,
    free: Vec<u16>,
    revive_at: Instant,
    revive_wait: Duration,
}

/// The longest sleep; nothing depends on it.
const NAP: Duration = Duration::from_secs(1);
/// How long reports of a producer that is done for may take before, and after, what it holds is
/// purged.
const LAST_REPORTS: Duration = Duration::from_secs(2);
/// Between giving up a producer and starting the next, doubled each time that does not help.
const REVIVE_WAIT_MIN: Duration = Duration::from_millis(50);
const REVIVE_WAIT_MAX: Duration = Duration::from_secs(30);
/// A producer that has lived so long was a good one.
const REVIVE_GOOD: Duration = Duration::from_secs(60);

impl Feeder {
    pub(super) fn new(
        shared: Arc<Shared>,
        config: ClientConfig,
        producers: Producers,
        source: Source,
        ask: Sender<Arc<str>>,
        pace: Pace,
    ) -> Feeder {
        let lines = Lines::new(producers.flights_per_leader_max());
        Feeder {
            shared,
            config,
            producers: Some(producers),
            source,
            ask,
            topics: Topics::default(),
            found: Vec::new(),
            lines,
            pace,
            aloft: (0..limits::FLIGHTS_MAX).map(|_| None).collect(),
            free: (0..limits::FLIGHTS_MAX)
                .rev()
                .map(|flight| flight as u16)
                .collect(),
            revive_at: Instant::now(),
            revive_wait: REVIVE_WAIT_MIN,
        }
    }

    /// Runs until the lane ends.
    pub(super) fn run(mut self, topics: &[String]) {
        self.shared.bell.belong_to_this_thread();
        for topic in topics {
            self.find(topic.as_bytes(), Instant::now());
        }
        self.found.clear();
        while !self.shared.ended.load(SeqCst) {
            let mut worked = self.take_batches();
            worked |= self.learn();
            worked |= self.receive_landed();
            if self.shared.fatal.load(SeqCst) {
                self.give_up_producers();
            }
            self.revive();
            worked |= self.depart();
            self.shared.flush();
            if !worked {
                self.sleep();
            }
        }
        if let Some(producers) = self.producers.take() {
            producers.stop();
        }
    }

    fn sleep(&self) {
        let now = Instant::now();
        if self.producers.is_none() {
            std::thread::park_timeout(self.revive_at.saturating_duration_since(now));
        } else if self.lines.is_ready() && !self.free.is_empty() {
            // Only the budget holds us up: more records could not go earlier, so nobody rings for
            // them.
            std::thread::park_timeout(self.pace.wait(now));
        } else {
            self.shared
                .bell
                .sleep(self.lines.queued() > 0, NAP, || self.has_work());
        }
    }

    fn has_work(&self) -> bool {
        let shared = &self.shared;
        shared.ended.load(SeqCst)
            || shared.fatal.load(SeqCst)
            || !shared.answers.is_empty()
            || (self.lines.queued() > 0 && !shared.landed.is_empty())
            || shared
                .mailboxes
                .iter()
                .any(|mailbox| !mailbox.batches.is_empty())
    }

    fn take_batches(&mut self) -> bool {
        let shared = Arc::clone(&self.shared);
        let mut worked = false;
        for mailbox in &shared.mailboxes {
            while let Some(mut batch) = mailbox.batches.pop() {
                worked = true;
                self.sort(&batch);
                batch.clear();
                // A shard with enough spare ones lets this one go.
                let _ = mailbox.spare.push(batch);
            }
        }
        worked
    }

    fn sort(&mut self, batch: &Batch) {
        let now = Instant::now();
        self.found.clear();
        for name in batch.topics() {
            self.find(name, now);
        }
        let mut refused = (0, 0);
        for record in batch.records() {
            let topic = self.found[record.topic as usize];
            let queued = topic.and_then(|topic| {
                self.topics
                    .push(topic, record, batch.bytes(), &mut self.lines)
            });
            if let Err(refusal) = queued {
                self.shared.answer(record.ticket, Outcome::Failed(refusal));
                refused = (refused.0 + 1, refused.1 + record.weight() as u64);
            }
        }
        if refused.0 > 0 {
            self.shared.release(refused.0, refused.1);
        }
    }

    /// Notes in `found` where records of a topic go.
    fn find(&mut self, name: &[u8], now: Instant) {
        let found = self.topics.find(name, now).map(|found| {
            if let Some(topic) = found.ask {
                // The scout lives as long as this end of the channel.
                let _ = self.ask.send(topic);
            }
            found.topic
        });
        self.found.push(found);
    }

    fn learn(&mut self) -> bool {
        let mut worked = false;
        while let Some(answer) = self.shared.answers.pop() {
            worked = true;
            let refusal = answer.leaders.as_ref().err().copied();
            let refused = self.topics.learn(answer, &mut self.lines, Instant::now());
            for block in refused {
                self.refuse(&block, refusal.unwrap_or(Refusal::TopicMissing));
                self.lines.recycle(block);
            }
        }
        worked
    }

    fn refuse(&self, block: &Block, refusal: Refusal) {
        let mut weight = 0;
        for record in &block.records {
            self.shared.answer(record.ticket, Outcome::Failed(refusal));
            weight += record.weight() as u64;
        }
        self.shared.release(block.records.len() as u64, weight);
    }

    fn depart(&mut self) -> bool {
        let Some(producers) = &self.producers else {
            return false;
        };
        let mut worked = false;
        while self.lines.is_ready()
            && !self.shared.fatal.load(SeqCst)
            && let Some(flight) = self.free.last().copied()
            && self.pace.take(Instant::now())
            && let Some(departure) = self.lines.depart()
        {
            self.free.pop();
            let client = producers.client(departure.block.records.len());
            self.send(client, flight, &departure);
            let Departure {
                partition,
                leader,
                block,
            } = departure;
            self.aloft[flight as usize] = Some(Aloft {
                partition,
                leader,
                block,
            });
            worked = true;
        }
        worked
    }

    /// Hands one block to librdkafka. What it does not take is settled as if it had come back.
    fn send(&self, client: &Client, flight: u16, departure: &Departure) {
        let (topic, partition) = self.lines.name(departure.partition);
        let block = &departure.block;
        let generation = {
            let mut flight = self.shared.flight(flight);
            flight.depart(&block.records);
            flight.generation
        };
        self.shared.stats.count_request();
        let mut stopped = None;
        for (position, record) in (0u32..).zip(&block.records) {
            let claim = Claim {
                generation,
                flight,
                position,
            };
            let error = stopped.or_else(|| {
                hand_over(client, topic, partition, record, &block.bytes, claim.word()).err()
            });
            let Some(code) = error else { continue };
            match errors::sort(code) {
                // What stands behind must not overtake it.
                Verdict::Wait | Verdict::GiveUp => stopped = Some(code),
                Verdict::Refuse(_) | Verdict::RefuseOneOf(_) => {}
            }
            self.shared.settle(claim, Some(code));
        }
    }

    fn receive_landed(&mut self) -> bool {
        let mut worked = false;
        while let Some(flight) = self.shared.landed.pop() {
            worked = true;
            self.receive(flight);
        }
        worked
    }

    fn receive(&mut self, flight: u16) {
        let Some(Aloft {
            partition,
            leader,
            block,
        }) = self.aloft[flight as usize].take()
        else {
            return;
        };
        let mut returned = Vec::new();
        {
            let landed = self.shared.flight(flight);
            let count = landed
                .passengers
                .iter()
                .filter(|passenger| passenger.fate == Fate::Returned)
                .count();
            let piece_records = if landed.to_cut {
                count.div_ceil(2)
            } else {
                count
            };
            for (passenger, record) in landed.passengers.iter().zip(&block.records) {
                if passenger.fate != Fate::Returned {
                    continue;
                }
                if returned
                    .last()
                    .is_none_or(|piece: &Block| piece.records.len() >= piece_records)
                {
                    let sequence = block.sequence;
                    returned.push(Block {
                        sequence,
                        ..self.lines.open_block()
                    });
                }
                if let Some(piece) = returned.last_mut() {
                    piece.push(record, &block.bytes);
                }
            }
        }
        self.lines.recycle(block);
        self.lines.put_back(partition, returned.into_iter());
        self.lines.arrive(partition, leader);
        self.free.push(flight);
    }

    /// Takes back everything un-acked from a producer that is done for. Some of it may be in Kafka
    /// already: it is sent again in order, since an unacknowledged record must not be lost.
    fn give_up_producers(&mut self) {
        let Some(producers) = self.producers.take() else {
            return;
        };
        let fatal = producers.fatal_error();
        let (cluster, error) = (&*self.shared.name, format!("{fatal:?}"));
        tracing::error!(
            cluster,
            error,
            "the Kafka producer is done for; starting another one"
        );
        self.shared.stats.count_rebuild();
        self.wait_landed();
        producers.purge();
        self.wait_landed();
        producers.stop();
        self.receive_landed();
        for flight in 0..limits::FLIGHTS_MAX as u16 {
            if self.aloft[flight as usize].is_some() {
                let (records, bytes) = {
                    let mut flight = self.shared.flight(flight);
                    flight.abandon();
                    flight.answered()
                };
                self.shared.release(records, bytes);
                self.receive(flight);
            }
        }
        self.shared.fatal.store(false, SeqCst);
        let now = Instant::now();
        if now.saturating_duration_since(self.revive_at) > REVIVE_GOOD {
            self.revive_wait = REVIVE_WAIT_MIN;
        }
        self.revive_at = now + self.revive_wait;
        self.revive_wait = (self.revive_wait * 2).min(REVIVE_WAIT_MAX);
    }

    /// Waits a while for the flights that are still out.
    fn wait_landed(&mut self) {
        const LOOK: Duration = Duration::from_millis(5);
        let deadline = Instant::now() + LAST_REPORTS;
        self.receive_landed();
        while self.free.len() < limits::FLIGHTS_MAX && Instant::now() < deadline {
            std::thread::park_timeout(LOOK);
            self.receive_landed();
        }
    }

    fn revive(&mut self) {
        let now = Instant::now();
        if self.producers.is_some() || now < self.revive_at {
            return;
        }
        match Producers::start(&self.config, &self.shared) {
            Ok(producers) => {
                let source = self.source.lock();
                let mut source = source.unwrap_or_else(PoisonError::into_inner);
                *source = Arc::downgrade(producers.client(1));
                drop(source);
                self.producers = Some(producers);
            }
            Err(error) => {
                let cluster = &*self.shared.name;
                tracing::error!(cluster, %error, "no new Kafka producer; trying again");
                self.shared.stats.enter(LaneState::Down);
                self.revive_at = now + REVIVE_WAIT_MAX;
            }
        }
    }
}

/// Gives one record to librdkafka, which copies it.
fn hand_over(
    client: &Client,
    topic: &str,
    partition: i32,
    record: &Record,
    bytes: &[u8],
    word: usize,
) -> Result<(), Code> {
    let mut message = BaseRecord::<[u8], [u8], usize>::with_opaque_to(topic, word)
        .partition(partition)
        .payload(record.payload(bytes));
    if record.key_bytes > 0 {
        message = message.key(record.key(bytes));
    }
    if record.headers_bytes > 0 {
        let headers = record.headers(bytes);
        let owned = OwnedHeaders::new_with_capacity(headers.clone().count());
        message = message.headers(headers.fold(owned, |owned, (key, value)| {
            owned.insert(Header {
                key,
                value: Some(value),
            })
        }));
    }
    client
        .send(message)
        .map_err(|(error, _)| error.rdkafka_error_code().unwrap_or(Code::Unknown))
}
