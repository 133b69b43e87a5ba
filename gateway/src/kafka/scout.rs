//! Finds out which partitions a topic has and who leads them, on a thread of its own: the question
//! can take seconds, and nobody else may wait for it.

use std::sync::atomic::Ordering::SeqCst;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use rdkafka::metadata::MetadataTopic;
use rdkafka::producer::Producer as _;
use rdkafka::types::RDKafkaErrorCode as Code;

use super::errors::{self, Verdict};
use super::outcome::Refusal;
use super::probe::Probe;
use super::producer::Client;
use super::shared::{Answer, Shared};

/// The producers in use; a rebuild puts others here. All are asked, since each remembers for itself
/// what partitions there are, and refuses a record for one that it has not heard of.
pub(super) type Source = Arc<Mutex<Vec<Weak<Client>>>>;

/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two looks while the cluster is down or has not answered.
const RETRY: Duration = Duration::from_millis(500);
/// A cluster that makes topics by itself says "unknown" first: ask so often before believing it.
const UNKNOWN_TRIES: u32 = 4;
const UNKNOWN_RETRY: Duration = Duration::from_millis(250);

/// One of the known topics is how the scout notices that a cluster which fell silent is back.
const TICK: Duration = Duration::from_secs(1);

struct Watch {
    topic: Arc<str>,
    due: Instant,
    /// How often in a row the cluster did not know it.
    unknown: u32,
    /// It was found once, so it is looked at again and again.
    found: bool,
}

struct Scout {
    shared: Arc<Shared>,
    source: Source,
    /// Between two looks at a topic that is known.
    refresh: Duration,
    probe: Probe,
    watches: Vec<Watch>,
}

/// Starts the scout; it ends when the sender is dropped.
pub(super) fn start(
    shared: Arc<Shared>,
    source: Source,
    refresh: Duration,
    probe: Probe,
) -> std::io::Result<Sender<Arc<str>>> {
    let (ask, asked) = channel();
    let name = format!("scout {}", shared.name);
    let scout = Scout {
        shared,
        source,
        refresh,
        probe,
        watches: Vec::new(),
    };
    std::thread::Builder::new()
        .name(name)
        .spawn(move || scout.run(&asked))?;
    Ok(ask)
}

impl Scout {
    fn run(mut self, asked: &Receiver<Arc<str>>) {
        loop {
            match asked.recv_timeout(self.wait(Instant::now())) {
                Ok(topic) => self.watch(topic),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            asked.try_iter().for_each(|topic| self.watch(topic));
            let now = Instant::now();
            let due = self
                .watches
                .iter()
                .enumerate()
                .filter(|(_, watch)| watch.due <= now);
            if let Some((index, _)) = due.min_by_key(|(_, watch)| watch.due) {
                self.look(index);
            } else if self.watches.is_empty() && self.shared.health.is_down() {
                // Where everything is rejected nobody asks for a topic, and it must end some day.
                let _ = self.fetch(None);
            }
            self.look_for_deaf();
        }
    }

    /// Has producers replaced that do not hear the cluster any more, and never will.
    fn look_for_deaf(&mut self) {
        if !self.shared.health.is_down() {
            self.probe.rest();
            return;
        }
        let clients = self.clients();
        if self.probe.finds_deaf(&clients) {
            let cluster = &*self.shared.name;
            tracing::error!(
                cluster,
                "the Kafka producer has forgotten all brokers, and a new client finds some"
            );
            self.shared.fatal.store(true, SeqCst);
            self.shared.bell.ring();
        }
    }

    fn wait(&mut self, now: Instant) -> Duration {
        if self.shared.health.is_down()
            && let Some(first) = self.watches.first_mut()
        {
            first.due = first.due.min(now + TICK);
        }
        let due = self.watches.iter().map(|watch| watch.due).min();
        due.map_or(TICK, |due| due.saturating_duration_since(now).min(TICK))
    }

    fn watch(&mut self, topic: Arc<str>) {
        let due = Instant::now();
        match self.watches.iter_mut().find(|watch| watch.topic == topic) {
            Some(watch) => watch.due = due,
            None => self.watches.push(Watch {
                topic,
                due,
                unknown: 0,
                found: false,
            }),
        }
    }

    fn look(&mut self, index: usize) {
        let (topic, refresh) = (Arc::clone(&self.watches[index].topic), self.refresh);
        let found = self.fetch(Some(&topic));
        let (shared, watch) = (&self.shared, &mut self.watches[index]);
        let now = Instant::now();
        let leaders = match found {
            Ok(leaders) => {
                (watch.unknown, watch.found, watch.due) = (0, true, now + refresh);
                Ok(leaders)
            }
            Err(code) => {
                watch.due = now + RETRY;
                if errors::sort(code) == Verdict::Refuse(Refusal::TopicMissing) {
                    watch.unknown += 1;
                    if watch.unknown < UNKNOWN_TRIES {
                        watch.due = now + UNKNOWN_RETRY;
                        return;
                    }
                }
                complain(shared, &topic, code);
                let Verdict::Refuse(refusal) = errors::sort(code) else {
                    return;
                };
                (watch.unknown, watch.due) = (0, now + refresh);
                if !watch.found {
                    // Nobody waits for it any more; who does will ask again.
                    self.watches.swap_remove(index);
                }
                Err(refusal)
            }
        };
        self.shared.answers.push(Answer { topic, leaders });
        self.shared.bell.ring();
    }

    fn clients(&self) -> Vec<Arc<Client>> {
        let source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        source.iter().filter_map(Weak::upgrade).collect()
    }

    fn fetch(&self, topic: Option<&str>) -> Result<Vec<i32>, Code> {
        let mut found = Err(Code::AllBrokersDown);
        for client in self.clients() {
            found = Ok(self.fetch_by(&client, topic)?);
        }
        found
    }

    fn fetch_by(&self, client: &Client, topic: Option<&str>) -> Result<Vec<i32>, Code> {
        let metadata = client.client().fetch_metadata(topic, PATIENCE);
        let metadata =
            metadata.map_err(|error| error.rdkafka_error_code().unwrap_or(Code::Unknown))?;
        self.shared.note_up();
        metadata
            .topics()
            .first()
            .map_or(Err(Code::UnknownTopicOrPartition), leaders)
    }
}

fn leaders(topic: &MetadataTopic) -> Result<Vec<i32>, Code> {
    match topic.error() {
        Some(error) => Err(Code::from(error)),
        None if topic.partitions().is_empty() => Err(Code::UnknownTopicOrPartition),
        None => {
            let mut leaders = vec![-1; topic.partitions().len()];
            for partition in topic.partitions() {
                if let Some(leader) = leaders.get_mut(partition.id() as usize) {
                    *leader = partition.leader();
                }
            }
            Ok(leaders)
        }
    }
}

fn complain(shared: &Shared, topic: &str, code: Code) {
    let Some(untold) = shared
        .complaints
        .may_tell(&format!("{topic} {code:?}"), Instant::now())
    else {
        return;
    };
    let (cluster, error, remedy) = (&*shared.name, format!("{code:?}"), errors::remedy(code));
    tracing::warn!(
        cluster,
        topic,
        error,
        untold,
        remedy,
        "no partitions known for a topic"
    );
}
