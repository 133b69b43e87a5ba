//! The member of the group that gateways with a shared downlink are in: it owns partitions, reads
//! nothing, and commits for them what its reader says.
//!
//! ```text
//!  reader: what can be committed of every partition ----> said
//!  group:  assigned, and what stands committed ---------> inherited --> reader: that is done with
//!                                                         owned <--'
//!  twice a second: said of the owned ones --> commit, fenced by the generation of the group
//!  revoked: said of those --> commit, then no longer owned
//! ```
//!
//! Every gateway reads all partitions by itself, so the group decides nothing but who commits. The
//! name of the node is the member's name (static membership, KIP-345): a gateway that is back within
//! the session timeout owns what it did, and nobody else notices.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaErrorCode as Code;

use super::consumer::News;

/// How this gateway takes part.
#[derive(Clone, Debug)]
pub struct Membership {
    /// The name of this gateway: no other one may have it.
    pub node: String,
    /// For how long a gateway that is gone keeps its partitions.
    pub session_timeout: Duration,
    /// The Kafka topic of announcements.
    pub handoffs: String,
}

/// An offset, and what stands beside it.
pub(super) type Place = (i64, String);
/// A partition of a topic.
type Name = (String, i32);

/// The reader's end.
pub(super) struct Owner {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    desk: Mutex<Desk>,
    confirmed: AtomicU64,
    /// The reader will say no more.
    ended: AtomicBool,
    /// All of that is committed.
    done: AtomicBool,
}

#[derive(Default)]
struct Desk {
    partitions: HashMap<Name, Partition>,
    /// Where topics begin that nobody has read before.
    begins: Vec<(Name, i64)>,
}

#[derive(Default)]
struct Partition {
    said: Option<Place>,
    confirmed: Option<Place>,
    ownership: Ownership,
}

/// Whether and how a partition is ours.
#[derive(Debug, Default, PartialEq, Eq)]
enum Ownership {
    #[default]
    None,
    /// What its last owner has committed must be asked for.
    AwaitCommitted,
    /// The reader must hear of that before anything is committed over it.
    AwaitReader(Option<Place>),
    Full,
}

type Client = BaseConsumer<Member>;

/// How long one look at the group's news lasts; a whole millisecond and a little, as elsewhere.
const POLL: Duration = Duration::from_micros(100_050);
const COMMIT_EVERY: Duration = Duration::from_millis(500);
/// A partition of which nothing is new is committed nevertheless: what stands beside it says how far
/// announcements were heard, and whoever starts hears them from there on.
const COMMIT_ANEW_EVERY: Duration = Duration::from_secs(30);
const PATIENCE: Duration = Duration::from_secs(5);

/// What the promise hangs on, whatever the configuration says.
const PROPERTIES_FIXED: [(&str, &str); 6] = [
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    // Only what moves is revoked (KIP-429), and what a member had it keeps.
    ("partition.assignment.strategy", "cooperative-sticky"),
    // Topics that were made, and partitions that were added.
    ("topic.metadata.refresh.interval.ms", "10000"),
    // It only looks at the group's news, and a commit may take its time.
    ("max.poll.interval.ms", "1800000"),
    ("group.protocol", "classic"),
];

impl Owner {
    /// Joins the group that `config` names, for these topics.
    pub(super) fn start(
        mut config: ClientConfig,
        membership: &Membership,
        topics: &[Arc<str>],
        cluster: &Arc<str>,
        news: &Arc<News>,
    ) -> Result<Self, String> {
        let timeout_millis = membership.session_timeout.as_millis();
        config.set("group.instance.id", &membership.node);
        config.set("session.timeout.ms", timeout_millis.to_string());
        // Three may go missing.
        config.set(
            "heartbeat.interval.ms",
            (timeout_millis / 4).min(3_000).to_string(),
        );
        for (name, value) in PROPERTIES_FIXED {
            config.set(name, value);
        }
        let shared = Arc::new(Shared::default());
        let member = Member {
            cluster: Arc::clone(cluster),
            news: Arc::clone(news),
            node: membership.node.clone(),
            shared: Arc::clone(&shared),
        };
        let client: Client = config
            .create_with_context(member)
            .map_err(|error| error.to_string())?;
        let topics: Vec<&str> = topics.iter().map(|topic| &**topic).collect();
        client
            .subscribe(&topics)
            .map_err(|error| error.to_string())?;
        std::thread::Builder::new()
            .name(format!("owner {cluster}"))
            .spawn(move || run(&client))
            .map_err(|error| error.to_string())?;
        Ok(Self { shared })
    }

    /// Says what can be committed of a partition, whoever owns it.
    pub(super) fn say(&self, topic: &str, number: i32, place: Place) {
        self.shared.desk().partition(topic, number).said = Some(place);
    }

    /// Whether a partition is ours.
    pub(super) fn owns(&self, topic: &str, number: i32) -> bool {
        self.shared.desk().partition(topic, number).ownership != Ownership::None
    }

    /// How many partitions of a topic are ours.
    pub(super) fn owned_count(&self, topic: &str) -> usize {
        let desk = self.shared.desk();
        let own = desk
            .partitions
            .iter()
            .filter(|((of, _), partition)| of == topic && partition.ownership != Ownership::None);
        own.count()
    }

    /// Commits where a topic begins that nobody has read before. The owner of its first partition
    /// does so for all of them at once, so that one gateway decides.
    pub(super) fn begin(&self, topic: &str, offsets: &[(i32, i64)]) {
        let named = offsets
            .iter()
            .map(|(number, offset)| ((topic.to_owned(), *number), *offset));
        self.shared.desk().begins = named.collect();
    }

    /// What the last owner of partitions has committed that are ours now.
    pub(super) fn take_inherited(&self) -> Vec<(String, i32, Place)> {
        let mut inherited = Vec::new();
        for ((topic, number), partition) in &mut self.shared.desk().partitions {
            if let Ownership::AwaitReader(place) = &mut partition.ownership {
                let place = place.take();
                partition.ownership = Ownership::Full;
                // What was said before is older than what is told now.
                partition.said = None;
                inherited.extend(place.map(|place| (topic.clone(), *number, place)));
            }
        }
        inherited
    }

    /// Commits that Kafka has confirmed.
    pub(super) fn confirmed(&self) -> u64 {
        self.shared.confirmed.load(Ordering::Relaxed)
    }

    /// Commits what was said until now, and ends, by then at the latest.
    pub(super) fn end(&self, deadline: Instant) {
        self.shared.ended.store(true, Ordering::Release);
        while !self.shared.done.load(Ordering::Acquire) && Instant::now() < deadline {
            std::thread::park_timeout(Duration::from_millis(2));
        }
    }
}

impl Shared {
    /// Nothing is left half done, so poison means nothing here.
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Desk {
    fn partition(&mut self, topic: &str, number: i32) -> &mut Partition {
        self.partitions
            .entry((topic.to_owned(), number))
            .or_default()
    }

    /// What is to be committed of the partitions that are ours and meant.
    fn due(&self, is_meant: impl Fn(&Name) -> bool) -> Vec<(Name, Place)> {
        let ours = self
            .partitions
            .iter()
            .filter(|(name, partition)| partition.ownership == Ownership::Full && is_meant(name));
        let news = ours.filter_map(|(name, partition)| {
            let said = partition.said.as_ref()?;
            (partition.confirmed.as_ref() != Some(said)).then(|| (name.clone(), said.clone()))
        });
        news.collect()
    }
}

/// Keeps the membership and commits, until the reader has ended.
fn run(client: &Client) {
    let member = client.context();
    let start = Instant::now();
    let (mut commit_at, mut anew_at) = (start, start + COMMIT_ANEW_EVERY);
    while !member.shared.ended.load(Ordering::Acquire) {
        match client.poll(POLL) {
            None => {}
            // It was fetched before the partition was paused.
            Some(Ok(_)) => {}
            Some(Err(error)) => {
                member.complain(&error, "the group of a downlink");
                // A fatal error comes again at once.
                std::thread::park_timeout(POLL);
            }
        }
        member.ask_committed(client);
        member.commit_begins(client);
        let now = Instant::now();
        if now >= anew_at {
            anew_at = now + COMMIT_ANEW_EVERY;
            let mut desk = member.shared.desk();
            desk.partitions
                .values_mut()
                .for_each(|partition| partition.confirmed = None);
        }
        if now >= commit_at {
            commit_at = now + COMMIT_EVERY;
            member.commit(client, |_| true);
        }
    }
    member.commit(client, |_| true);
    member.shared.done.store(true, Ordering::Release);
}

/// What librdkafka calls back.
struct Member {
    cluster: Arc<str>,
    news: Arc<News>,
    node: String,
    shared: Arc<Shared>,
}

impl Member {
    /// Commits what was said of partitions that are ours, where it is news.
    fn commit(&self, client: &Client, is_meant: impl Fn(&Name) -> bool) {
        let due = self.shared.desk().due(is_meant);
        if due.is_empty() {
            return;
        }
        let places = due
            .iter()
            .map(|((topic, number), place)| (&**topic, *number, place));
        if let Err(error) = commit(client, places) {
            return self.complain(&error, "offsets were not committed; that is tried again");
        }
        self.shared.confirmed.fetch_add(1, Ordering::Relaxed);
        let mut desk = self.shared.desk();
        for ((topic, number), place) in due {
            desk.partition(&topic, number).confirmed = Some(place);
        }
    }

    fn commit_begins(&self, client: &Client) {
        let begins = std::mem::take(&mut self.shared.desk().begins);
        if begins.is_empty() {
            return;
        }
        if let Err(error) = commit_begins(client, &begins) {
            self.complain(
                &error,
                "where a topic begins was not committed; that is tried again",
            );
        }
    }

    /// Asks what the last owner has committed of partitions that are ours now.
    fn ask_committed(&self, client: &Client) {
        let mut list = TopicPartitionList::new();
        for ((topic, number), partition) in &self.shared.desk().partitions {
            if partition.ownership == Ownership::AwaitCommitted {
                list.add_partition(topic, *number);
            }
        }
        if list.count() == 0 {
            return;
        }
        let answered = match client.committed_offsets(list, PATIENCE) {
            Ok(answered) => answered,
            Err(error) => return self.complain(&error, "what is committed is not known"),
        };
        let mut desk = self.shared.desk();
        for found in answered.elements() {
            let partition = desk.partition(found.topic(), found.partition());
            if found.error().is_ok() && partition.ownership == Ownership::AwaitCommitted {
                let place = match found.offset() {
                    Offset::Offset(offset) => Some((offset, found.metadata().to_owned())),
                    _ => None,
                };
                partition.ownership = Ownership::AwaitReader(place);
            }
        }
    }

    fn complain(&self, error: &KafkaError, reason: &str) {
        let code = error.rdkafka_error_code().unwrap_or(Code::Unknown);
        self.tell(code, reason);
    }

    fn tell(&self, code: Code, reason: &str) {
        let complaints = &self.news.complaints;
        if code != Code::FencedInstanceId {
            return complaints.tell(&self.cluster, "the group of a downlink", code, reason);
        }
        let mut desk = self.shared.desk();
        let partitions = desk.partitions.values_mut();
        partitions.for_each(|partition| partition.ownership = Ownership::None);
        drop(desk);
        if let Some(untold) = complaints.may_tell("fenced", Instant::now()) {
            let (cluster, node) = (&*self.cluster, &*self.node);
            tracing::error!(
                cluster,
                node,
                untold,
                "another gateway has the same [node].name, and commits in the place of this one; \
                 give each a name of its own and start this one again"
            );
        }
    }
}

/// Commits these where nothing is committed yet: it may have been done since that was asked last.
fn commit_begins(client: &Client, begins: &[(Name, i64)]) -> KafkaResult<()> {
    let mut asked = TopicPartitionList::new();
    for ((topic, number), _) in begins {
        asked.add_partition(topic, *number);
    }
    let answered = client.committed_offsets(asked, PATIENCE)?;
    let mut new = Vec::new();
    for ((topic, number), begin) in begins {
        let found = answered.find_partition(topic, *number);
        let found = found.ok_or(KafkaError::OffsetFetch(Code::UnknownPartition))?;
        found.error()?;
        if !matches!(found.offset(), Offset::Offset(_)) {
            new.push((topic, *number, (*begin, String::new())));
        }
    }
    if new.is_empty() {
        return Ok(());
    }
    commit(
        client,
        new.iter()
            .map(|(topic, number, place)| (&***topic, *number, place)),
    )
}

fn commit<'a>(
    client: &Client,
    places: impl Iterator<Item = (&'a str, i32, &'a Place)>,
) -> KafkaResult<()> {
    let mut list = TopicPartitionList::new();
    for (topic, number, (offset, metadata)) in places {
        let mut one = list.add_partition(topic, number);
        one.set_offset(Offset::Offset(*offset))?;
        if !metadata.is_empty() {
            one.set_metadata(metadata);
        }
    }
    client.commit(&list, CommitMode::Sync)
}

impl ConsumerContext for Member {
    fn pre_rebalance(&self, client: &Client, rebalance: &Rebalance<'_>) {
        let Rebalance::Revoke(list) = rebalance else {
            return;
        };
        let is_meant = |name: &Name| list.find_partition(&name.0, name.1).is_some();
        // Of what was lost someone else may have committed more by now, and Kafka would refuse ours.
        if !client.assignment_lost() {
            self.commit(client, is_meant);
        }
        let mut desk = self.shared.desk();
        let revoked = desk
            .partitions
            .iter_mut()
            .filter(|(name, _)| is_meant(name));
        revoked.for_each(|(_, partition)| partition.ownership = Ownership::None);
    }

    fn post_rebalance(&self, client: &Client, rebalance: &Rebalance<'_>) {
        let Rebalance::Assign(list) = rebalance else {
            return;
        };
        if let Err(error) = client.pause(list) {
            self.complain(&error, "partitions are fetched in vain");
        }
        let mut desk = self.shared.desk();
        for assigned in list.elements() {
            let partition = desk.partition(assigned.topic(), assigned.partition());
            partition.ownership = Ownership::AwaitCommitted;
            partition.confirmed = None;
        }
    }
}

impl ClientContext for Member {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        tracing::debug!(cluster = %self.cluster, ?level, facility, line, "librdkafka");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.tell(error.rdkafka_error_code().unwrap_or(Code::Unknown), reason);
    }
}
