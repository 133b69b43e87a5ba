//! The thread that reads the topics of the downlinks of one cluster and one group.
//!
//! ```text
//!  every turn:  fates of earlier records -> ledgers
//!               what waits for room in a mailbox; while there is some, nothing is read
//!               some records -> rule -> ledger -> mailbox
//!  now and then: commit; look for new partitions
//!  with others:  announce what was handed off; hear what they announce
//! ```

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::catch_up::CatchUp;
use super::command::{Command, CommandSink, Fate, Post};
use super::committer::Committer;
use super::consumer::{self, Client, Events, News};
use super::early::Early;
use super::ledger::Ledger;
use super::marks::Marks;
use super::owner::Membership;
use super::rule::Rule;
use super::tally::Tally;
use crate::kafka::properties::{self, Properties};

mod commits;
mod look;
mod records;

mod arrivals;
mod others;

use others::Others;

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
    /// How it shares its partitions with other gateways; none: it commits for itself alone.
    pub membership: Option<Membership>,
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
        let client = Arc::new(client);
        let party = match &config.membership {
            None => Committer::start(Arc::clone(&client)).map(Party::Alone),
            Some(membership) => {
                let others = Others::meet(&config, membership, &client, &news);
                others.map(|others| Party::Several(Box::new(others)))
            }
        };
        let party = party.map_err(|error| DownlinkError(error.to_string()))?;
        let feeds: Vec<Feed> = config
            .rules
            .into_iter()
            .map(|rule| Feed::new(rule, &cluster))
            .collect();
        let tallies = feeds.iter().map(|feed| Arc::clone(&feed.tally)).collect();
        let shared = Arc::new(Shared::default());
        let reader = Reader {
            client,
            party,
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
/// The same where others are to be told soon.
const POLL_WITH_OTHERS: Duration = Duration::from_micros(10_050);
/// How long a reader waits for room in a mailbox before it looks again.
const ROOM_WAIT: Duration = Duration::from_millis(2);
const COMMIT_EVERY: Duration = Duration::from_millis(500);
/// Kafka forgets the offsets of a group without members after `offsets.retention.minutes`, which
/// is days: a topic that is quiet for longer must not be read anew.
const COMMIT_ANEW_EVERY: Duration = Duration::from_secs(3_600);
/// Beside a commit stands how far announcements were heard, and whoever starts hears them from
/// there on: that must not be long ago.
const SAY_ANEW_EVERY: Duration = Duration::from_secs(30);
/// Between two looks for new partitions; and while there was no answer.
const LOOK_EVERY: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// How long the last commit may take.
const LAST_COMMIT_MAX: Duration = Duration::from_secs(2);

/// Who commits.
enum Party {
    /// This gateway, for itself.
    Alone(Committer),
    /// One of several gateways.
    Several(Box<Others>),
}

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
    committed: Option<(i64, String)>,
    /// What an earlier process has handed off already.
    marks: Marks,
    /// What another gateway has handed off before it was read here.
    early: Early,
    /// Its end, as it was told last.
    end: i64,
    /// Up to where there is nothing that was not read, as it was told last.
    quiet_to: i64,
}

/// What waits for room.
struct Stashed {
    command: Command,
    /// The shards that get it next, up to the last.
    shards: std::ops::Range<usize>,
}

struct Reader {
    client: Arc<Client>,
    party: Party,
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
        let anew_every = match &self.party {
            Party::Alone(_) => COMMIT_ANEW_EVERY,
            Party::Several(_) => SAY_ANEW_EVERY,
        };
        let (mut look_at, mut commit_at, mut anew_at) = (start, start, start + anew_every);
        while !self.shared.ended.load(Ordering::Relaxed) {
            self.settle_fates();
            let now = Instant::now();
            if now >= look_at && !self.is_stopped() {
                look_at = now + if self.look() { LOOK_EVERY } else { LOOK_AGAIN };
                commit_at = now;
            }
            if now >= anew_at {
                anew_at = now + anew_every;
                self.forget_commits();
            }
            if now >= commit_at {
                commit_at = now + COMMIT_EVERY;
                self.commit();
                self.tell_levels();
            }
            self.announce(now);
            self.empty_stash();
            self.answer_arrivals(now);
            if !self.stash.is_empty() {
                // No one rings for a reader; shards make room within a turn.
                std::thread::park_timeout(ROOM_WAIT);
            } else {
                self.read_some();
            }
        }
        self.settle_fates();
        self.announce_last();
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

    fn settle(&mut self, index: u32, number: u64, fate: Fate) {
        let partition = &mut self.partitions[index as usize];
        let offset = partition.ledger.offset(number);
        if !partition.ledger.settle(number) {
            return;
        }
        let tally = &self.feeds[partition.feed].tally;
        tally.on_fate(fate);
        if let (Party::Several(others), Some(offset)) = (&mut self.party, offset)
            && fate.is_announced()
        {
            others.announcer.gather(index, offset);
            tally.on_announced();
        }
    }
}
