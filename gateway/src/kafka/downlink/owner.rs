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
//! name of the node is the member's name (static membership, KIP-345): a gateway that is back
//! within the session timeout owns what it did, and nobody else notices.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;
use rdkafka::consumer::Consumer as _;

use super::consumer::News;
use crate::kafka::properties;
use desk::{Desk, Name};
use member::{Client, Member};

mod desk;
mod member;

pub(super) use desk::Place;

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

/// The reader's end.
pub(super) struct Owner {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    desk: Mutex<Desk>,
    /// Where topics begin that nobody has read before.
    begins: Mutex<Vec<(Name, i64)>>,
    confirmed: AtomicU64,
    /// The reader will say no more.
    ended: AtomicBool,
    /// All of that is committed.
    done: AtomicBool,
}

/// How long one look at the group's news lasts; a whole millisecond and a little, as elsewhere.
const POLL: Duration = Duration::from_micros(100_050);
const COMMIT_EVERY: Duration = Duration::from_millis(500);

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
            .map_err(|error| properties::describe(&error))?;
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
        self.shared.desk().say(&(topic.to_owned(), number), place);
    }

    /// Whether a partition is ours.
    pub(super) fn owns(&self, topic: &str, number: i32) -> bool {
        self.shared.desk().owns(&(topic.to_owned(), number))
    }

    /// How many partitions of a topic are ours.
    pub(super) fn owned_count(&self, topic: &str) -> usize {
        self.shared.desk().owned_count(topic)
    }

    /// Commits where a topic begins that nobody has read before. The owner of its first partition
    /// does so for all of them at once, so that one gateway decides.
    pub(super) fn begin(&self, topic: &str, offsets: &[(i32, i64)]) {
        let named = offsets.iter();
        let named = named.map(|(number, offset)| ((topic.to_owned(), *number), *offset));
        let mut begins = self.shared.begins();
        begins.retain(|(name, _)| name.0 != topic);
        begins.extend(named);
    }

    /// What the last owners of partitions have committed that are ours now.
    pub(super) fn take_inherited(&self) -> Vec<(Name, Place)> {
        self.shared.desk().take_inherited()
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

    fn begins(&self) -> MutexGuard<'_, Vec<(Name, i64)>> {
        self.begins.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_begins(&self) -> Vec<(Name, i64)> {
        std::mem::take(&mut self.begins())
    }
}

/// Keeps the membership and commits, until the reader has ended.
fn run(client: &Client) {
    let member = client.context();
    let mut commit_at = Instant::now();
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
        if now >= commit_at {
            commit_at = now + COMMIT_EVERY;
            member.commit(client, |_| true);
        }
    }
    member.commit(client, |_| true);
    member.shared.done.store(true, Ordering::Release);
}
