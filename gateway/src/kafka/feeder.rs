//! The lane's own thread: takes what shards hand over, sorts it by partition, feeds librdkafka.

mod rebuild;
mod spooling;
mod watch;

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::mpsc::Sender;
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
use super::outcome::Refusal;
use super::pace::Pace;
use super::producer::{Client, Producers};
use super::scout::Source;
use super::shared::Shared;
use super::topics::{TopicIndex, Topics};
use rebuild::Rebuild;
use spooling::Spooling;
use watch::Watch;

/// A block that is with librdkafka; it stays ours until every record of it is answered.
struct Aloft {
    partition: PartitionIndex,
    leader: usize,
    block: Block,
    departed: Instant,
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
    rebuild: Rebuild,
    watch: Watch,
    spooling: Option<Spooling>,
}

/// The longest sleep; nothing depends on it.
const NAP: Duration = Duration::from_secs(1);

impl Feeder {
    pub(super) fn new(
        shared: Arc<Shared>,
        config: ClientConfig,
        producers: Producers,
        source: Source,
        ask: Sender<Arc<str>>,
        pace: Pace,
        down_after: Duration,
    ) -> Feeder {
        let now = Instant::now();
        let spooling = shared.spool.as_ref().map(|desk| Spooling::new(desk, now));
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
            rebuild: Rebuild::new(now),
            watch: Watch::new(down_after, now),
            spooling,
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
                self.give_up_done_for();
            }
            self.watch();
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
        if self.producers.is_some() && self.lines.is_ready() && !self.free.is_empty() {
            // Only the budget holds us up: more records could not go earlier, so nobody rings for
            // them.
            std::thread::park_timeout(self.pace.wait(now));
        } else {
            let longest = self.nap(now);
            self.shared
                .bell
                .sleep(self.lines.queued() > 0, longest, || self.has_work());
        }
    }

    fn nap(&self, now: Instant) -> Duration {
        let revive = self.producers.is_none().then(|| self.rebuild.wait(now));
        let hold = self.spooling.as_ref().and_then(|one| one.hold_ends(now));
        let looks = [Some(NAP), self.next_watch(now), revive, hold];
        looks.into_iter().flatten().min().unwrap_or(NAP)
    }

    fn has_work(&self) -> bool {
        let shared = &self.shared;
        shared.ended.load(SeqCst)
            || shared.fatal.load(SeqCst)
            || shared.health.has_changed()
            || !shared.answers.is_empty()
            || (self.lines.queued() > 0 && !shared.landed.is_empty())
            || self.is_spooling_over()
            || self
                .open_mailboxes(&shared.mailboxes)
                .iter()
                .any(|mailbox| !mailbox.batches.is_empty())
    }

    fn take_batches(&mut self) -> bool {
        self.settle_spooling();
        let shared = Arc::clone(&self.shared);
        let mut worked = false;
        for mailbox in self.open_mailboxes(&shared.mailboxes) {
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
                if self.spools(record) {
                    return self.spool(topic, batch, record);
                }
                self.topics
                    .push(topic, record, batch.bytes(), &mut self.lines)
            });
            if let Err(refusal) = queued {
                let claim = self.shared.refuse(record, refusal);
                refused = (refused.0 + claim.0, refused.1 + claim.1);
            }
        }
        if refused.0 > 0 {
            self.shared.release(refused.0, refused.1);
        }
        self.hand_intake();
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
        let mut refused = (0, 0);
        for record in &block.records {
            let claim = self.shared.refuse(record, refusal);
            refused = (refused.0 + claim.0, refused.1 + claim.1);
        }
        self.shared.release(refused.0, refused.1);
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
                departed: Instant::now(),
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

    /// Has the scout look whether the topic is still there and ours to write to, and librdkafka
    /// with it, which refuses by itself until it has looked.
    fn doubt(&mut self, partition: PartitionIndex) {
        let (topic, _) = self.lines.name(partition);
        if let Some(topic) = self.topics.doubt(topic, Instant::now()) {
            // The scout lives as long as this end of the channel.
            let _ = self.ask.send(topic);
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
            ..
        }) = self.aloft[flight as usize].take()
        else {
            return;
        };
        let mut returned = Vec::new();
        let is_topic_in_doubt;
        {
            let landed = self.shared.flight(flight);
            is_topic_in_doubt = landed.is_topic_in_doubt;
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
        if is_topic_in_doubt {
            self.doubt(partition);
        }
        self.lines.arrive(partition, leader);
        self.free.push(flight);
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
