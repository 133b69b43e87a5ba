//! The thread that reads the topics of the downlinks of one cluster and one group.
//!
//! ```text
//!  every turn:  fates of earlier records -> ledgers
//!               what waits for room in a mailbox; while there is some, nothing is read
//!               some records -> rule -> ledger -> mailbox
//!  now and then: commit; look for new partitions
//! ```

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaErrorCode as Code;

use super::catch_up::CatchUp;
use super::command::{Command, CommandSink, Fate, Post};
use super::committer::Committer;
use super::consumer::{self, Client, Events, News};
use super::ledger::Ledger;
use super::partitions;
use super::rule::Rule;
use super::tally::Tally;
use crate::kafka::properties::{self, Properties};

mod records;

/// What a reader is made with.
#[derive(Clone, Debug)]
pub struct DownlinkConfig {
    /// The name of the cluster.
    pub cluster: String,
    /// Each HOST:PORT.
    pub brokers: Vec<String>,
    /// For librdkafka, as they are.
    pub properties: Properties,
    /// Under which offsets are committed.
    pub group_id: String,
    /// Each of a topic of its own.
    pub rules: Vec<Rule>,
}

/// Why a reader does not start, for a human.
#[derive(Debug)]
pub struct DownlinkError(String);

impl fmt::Display for DownlinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let advice = "see the properties of its cluster, and the limits of this process";
        write!(f, "a downlink does not start: {}; {advice}", self.0)
    }
}

impl std::error::Error for DownlinkError {}

/// A running reader.
pub struct Downlink {
    tallies: Vec<Arc<Tally>>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    /// Nothing more is read.
    stopped: AtomicBool,
    /// The thread commits what can be committed, and ends.
    ended: AtomicBool,
}

impl Downlink {
    /// Starts to read. Kafka need not be there yet.
    ///
    /// # Errors
    /// When the properties are wrong or there is no thread left.
    pub fn start(
        config: DownlinkConfig,
        sink: Arc<dyn CommandSink>,
    ) -> Result<Self, DownlinkError> {
        let cluster: Arc<str> = config.cluster.as_str().into();
        let news = Arc::new(News::default());
        let events = Events {
            cluster: Arc::clone(&cluster),
            news: Arc::clone(&news),
        };
        let client = consumer::create(
            &config.brokers,
            &config.properties,
            &config.group_id,
            events,
        )
        .map_err(|error| {
            DownlinkError(format!(
                "[kafka.{cluster}]: {}",
                properties::describe(&error)
            ))
        })?;
        let feeds: Vec<Feed> = config
            .rules
            .into_iter()
            .map(|rule| Feed::new(rule, &cluster))
            .collect();
        let tallies = feeds.iter().map(|feed| Arc::clone(&feed.tally)).collect();
        let shared = Arc::new(Shared::default());
        let client = Arc::new(client);
        let committer = Committer::start(Arc::clone(&client))
            .map_err(|error| DownlinkError(error.to_string()))?;
        let reader = Reader {
            client,
            committer,
            news,
            feeds,
            partitions: Vec::new(),
            places: HashMap::new(),
            post: Arc::new(Post::default()),
            stash: VecDeque::new(),
            sink,
            shared: Arc::clone(&shared),
            commits_counted: 0,
        };
        let thread = std::thread::Builder::new()
            .name(format!("downlink {cluster}"))
            .spawn(move || reader.run())
            .map_err(|error| DownlinkError(error.to_string()))?;
        Ok(Self {
            tallies,
            shared,
            thread: Some(thread),
        })
    }

    /// The books of each of its downlinks.
    pub fn tallies(&self) -> impl Iterator<Item = Arc<Tally>> {
        self.tallies.iter().cloned()
    }

    /// Reads nothing more; what was read may still be handed off.
    pub fn stop(&self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
    }

    /// Commits what was handed off, and ends.
    pub fn end(&mut self) {
        self.stop();
        self.shared.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// How long one wait for a record lasts. It is a whole number of milliseconds and a little, since
/// rdkafka rounds what is left down to milliseconds and spins through the rest.
const POLL: Duration = Duration::from_micros(100_050);
/// How long a reader waits for room in a mailbox before it looks again.
const ROOM_WAIT: Duration = Duration::from_millis(2);
const COMMIT_EVERY: Duration = Duration::from_millis(500);
/// Kafka forgets the offsets of a group without members after `offsets.retention.minutes`, which
/// is days: a topic that is quiet for longer must not be read anew.
const COMMIT_ANEW_EVERY: Duration = Duration::from_secs(3_600);
/// Between two looks for new partitions; and while there was no answer.
const LOOK_EVERY: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// How long the last commit may take.
const LAST_COMMIT_MAX: Duration = Duration::from_secs(2);

/// One downlink.
struct Feed {
    rule: Rule,
    topic: Arc<str>,
    terms: Arc<super::command::TrayTerms>,
    tally: Arc<Tally>,
    /// How many partitions of the topic are read.
    partition_count: i32,
    /// Only of a compacted topic, until its end at the start is reached.
    catch_up: Option<CatchUp>,
}

/// One partition that is read.
struct Partition {
    feed: usize,
    number: i32,
    ledger: Ledger,
    /// What Kafka has been told, whether or not it has heard.
    committed: Option<i64>,
    /// Its end, as it was told last.
    end: i64,
}

/// What waits for room.
struct Stashed {
    command: Command,
    /// The shards that get it next, up to the last.
    shards: std::ops::Range<usize>,
}

struct Reader {
    client: Arc<Client>,
    committer: Committer,
    news: Arc<News>,
    feeds: Vec<Feed>,
    partitions: Vec<Partition>,
    /// By feed and number.
    places: HashMap<(usize, i32), u32>,
    post: Arc<Post>,
    stash: VecDeque<Stashed>,
    sink: Arc<dyn CommandSink>,
    shared: Arc<Shared>,
    commits_counted: u64,
}

impl Feed {
    fn new(rule: Rule, cluster: &Arc<str>) -> Self {
        let topic: Arc<str> = rule.topic.as_str().into();
        Self {
            terms: Arc::new(rule.terms),
            tally: Arc::new(Tally::new(Arc::clone(cluster), Arc::clone(&topic))),
            catch_up: rule.terms.latest.then(CatchUp::default),
            partition_count: 0,
            topic,
            rule,
        }
    }
}

impl Reader {
    fn run(mut self) {
        let start = Instant::now();
        let (mut look_at, mut commit_at, mut anew_at) = (start, start, start + COMMIT_ANEW_EVERY);
        while !self.shared.ended.load(Ordering::Relaxed) {
            self.settle_fates();
            let now = Instant::now();
            if now >= look_at && !self.is_stopped() {
                look_at = now + if self.look() { LOOK_EVERY } else { LOOK_AGAIN };
                commit_at = now;
            }
            if now >= anew_at {
                anew_at = now + COMMIT_ANEW_EVERY;
                self.forget_commits();
            }
            if now >= commit_at {
                commit_at = now + COMMIT_EVERY;
                self.commit();
                self.tell_levels();
            }
            self.empty_stash();
            if !self.stash.is_empty() {
                // No one rings for a reader; shards make room within a turn.
                std::thread::park_timeout(ROOM_WAIT);
            } else {
                self.read_some();
            }
        }
        self.settle_fates();
        self.commit_last();
    }

    fn is_stopped(&self) -> bool {
        self.shared.stopped.load(Ordering::Relaxed)
    }

    /// Brings home what became of records.
    fn settle_fates(&mut self) {
        while let Some((partition, number, fate)) = self.post.fates.pop() {
            self.settle(partition, number, fate);
        }
    }

    fn settle(&mut self, partition: u32, number: u64, fate: Fate) {
        let partition = &mut self.partitions[partition as usize];
        if partition.ledger.settle(number) {
            self.feeds[partition.feed].tally.on_fate(fate);
        }
    }

    /// Looks for partitions that are not read yet; says whether Kafka had all the answers.
    fn look(&mut self) -> bool {
        let mut is_answered = true;
        for feed in 0..self.feeds.len() {
            if let Err(error) = self.look_at(feed) {
                is_answered = false;
                let code = error.rdkafka_error_code().unwrap_or(Code::Unknown);
                let topic = &self.feeds[feed].topic;
                let reason = format!("the partitions of {topic} are not known: {error}");
                self.client.context().complain(code, &reason);
            }
        }
        is_answered
    }

    fn look_at(&mut self, place: usize) -> Result<(), KafkaError> {
        let client = Arc::clone(&self.client);
        let feed = &mut self.feeds[place];
        let (known, there) = (
            feed.partition_count,
            partitions::count(&client, &feed.topic)?,
        );
        if there <= known {
            return Ok(());
        }
        let starts = partitions::starts(&client, &feed.rule, known..there, known == 0)?;
        partitions::read(&client, &feed.topic, &starts)?;
        feed.partition_count = there;
        for start in &starts {
            let index = self.partitions.len() as u32;
            self.places.insert((place, start.partition), index);
            if let Some(catch_up) = &mut feed.catch_up {
                catch_up.expect(index, start.offset, start.end);
            }
            self.partitions.push(Partition {
                feed: place,
                number: start.partition,
                ledger: Ledger::new(start.offset),
                committed: start.committed,
                end: start.end,
            });
        }
        let (cluster, topic) = (&*client.context().cluster, &*feed.topic);
        tracing::info!(cluster, topic, partitions = there, "a downlink is read");
        self.end_catch_up(place);
        Ok(())
    }

    /// Commits up to the first open record of each partition, where that has changed.
    ///
    /// A partition that begins at its end is committed at once: a gateway that is killed before its
    /// first record would else begin at a later end.
    fn commit(&mut self) {
        if self.committer.is_busy() {
            return;
        }
        if self.committer.take_failed() {
            self.forget_commits();
        }
        let mut list = TopicPartitionList::new();
        for partition in &mut self.partitions {
            let offset = partition.ledger.commit_offset();
            if partition.committed == Some(offset) {
                continue;
            }
            partition.committed = Some(offset);
            let topic = &self.feeds[partition.feed].topic;
            let added = list.add_partition_offset(topic, partition.number, Offset::Offset(offset));
            debug_assert!(added.is_ok(), "an offset that was read is one");
        }
        if list.count() > 0 {
            self.committer.commit(list);
        }
    }

    /// Everything is committed anew at the next turn.
    fn forget_commits(&mut self) {
        let partitions = self.partitions.iter_mut();
        partitions.for_each(|partition| partition.committed = None);
    }

    fn commit_last(&mut self) {
        let deadline = Instant::now() + LAST_COMMIT_MAX;
        self.commit();
        // Once more for what was handed off while an earlier one was on its way.
        while self.committer.is_busy() && Instant::now() < deadline {
            std::thread::park_timeout(ROOM_WAIT);
            self.commit();
        }
    }

    fn tell_levels(&mut self) {
        let commits = self.committer.confirmed();
        let new_commits = commits - std::mem::replace(&mut self.commits_counted, commits);
        for (place, feed) in self.feeds.iter().enumerate() {
            let own = self.partitions.iter().filter(|one| one.feed == place);
            let lag: i64 = own
                .map(|one| (one.end - one.ledger.next_offset()).max(0))
                .sum();
            let partitions = feed.partition_count as u64;
            feed.tally.set_levels(partitions, lag as u64);
            (0..new_commits).for_each(|_| feed.tally.on_commit());
        }
    }
}
