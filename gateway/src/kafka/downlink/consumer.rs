//! The rdkafka consumer of a reader: its settings, and what it tells besides records.

use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::statistics::Statistics;
use rdkafka::types::RDKafkaErrorCode as Code;

use crate::kafka::complaints::Complaints;
use crate::kafka::properties::Properties;

/// What a reader sets unless the configuration says otherwise.
const PROPERTIES: [(&str, &str); 10] = [
    // What the log has cut off meanwhile is gone: go on with the oldest that there is.
    ("auto.offset.reset", "earliest"),
    ("socket.nagle.disable", "true"),
    ("reconnect.backoff.ms", "100"),
    ("reconnect.backoff.max.ms", "1000"),
    ("socket.timeout.ms", "15000"),
    // The bound on what was fetched and not looked at: shards that are full stop the fetching.
    ("queued.max.messages.kbytes", "16384"),
    ("queued.min.messages", "10000"),
    ("fetch.queue.backoff.ms", "5"),
    // A command does not wait for company.
    ("fetch.wait.max.ms", "100"),
    ("client.id", "tributary"),
];

/// What the promise hangs on, whatever the configuration says.
const PROPERTIES_FIXED: [(&str, &str); 4] = [
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("isolation.level", "read_committed"),
    ("statistics.interval.ms", "5000"),
];

pub(super) type Client = BaseConsumer<Events>;

/// A consumer without partitions.
pub(super) fn create(
    brokers: &[String],
    properties: &Properties,
    group_id: &str,
    events: Events,
) -> KafkaResult<Client> {
    config(brokers, properties, group_id).create_with_context(events)
}

/// The settings of a consumer.
pub(super) fn config(brokers: &[String], properties: &Properties, group_id: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers.join(","));
    let configured = properties.iter().map(|(name, value)| (&**name, &**value));
    let all = PROPERTIES.into_iter().chain(configured);
    for (name, value) in all.chain(PROPERTIES_FIXED) {
        config.set(name, value);
    }
    config.set("group.id", group_id);
    config
}

/// How far librdkafka has come with one partition.
#[derive(Clone, Debug)]
pub(super) struct Level {
    pub(super) topic: String,
    pub(super) partition: i32,
    /// The end of the partition.
    pub(super) end: i64,
    /// What is fetched next, when nothing fetched is left to be looked at.
    pub(super) fetched_to: Option<i64>,
}

/// What librdkafka tells; shared with the reader.
#[derive(Debug, Default)]
pub(super) struct News {
    pub(super) complaints: Complaints,
    levels: Mutex<Vec<Level>>,
}

impl News {
    /// The levels told last, unless they were taken.
    pub(super) fn levels(&self) -> Vec<Level> {
        let levels = self.levels.lock();
        levels.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The levels told since they were taken last; mostly none.
    pub(super) fn take_levels(&self) -> Vec<Level> {
        let mut levels = self.levels.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut levels)
    }
}

/// What librdkafka calls back.
pub(super) struct Events {
    pub(super) cluster: Arc<str>,
    pub(super) news: Arc<News>,
}

impl Events {
    pub(super) fn complain(&self, code: Code, reason: &str) {
        let complaints = &self.news.complaints;
        complaints.tell(&self.cluster, "a downlink", code, reason);
    }
}

impl ConsumerContext for Events {}

impl ClientContext for Events {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        tracing::debug!(cluster = %self.cluster, ?level, facility, line, "librdkafka");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let code = error.rdkafka_error_code().unwrap_or(Code::Unknown);
        self.complain(code, reason);
    }

    fn stats(&self, statistics: Statistics) {
        let mut levels = Vec::new();
        for (name, topic) in statistics.topics {
            for partition in topic.partitions.into_values() {
                // -1 stands for all that have no number yet.
                if partition.partition < 0 || partition.hi_offset < 0 {
                    continue;
                }
                levels.push(Level {
                    topic: name.clone(),
                    partition: partition.partition,
                    end: partition.hi_offset,
                    fetched_to: (partition.fetchq_cnt == 0).then_some(partition.next_offset),
                });
            }
        }
        *self
            .news
            .levels
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = levels;
    }
}
