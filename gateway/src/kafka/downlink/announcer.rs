//! Tells the other gateways of a shared downlink what was handed off here: a topic of one partition
//! that all of them read.
//!
//! Hand-offs are gathered for some milliseconds, so that a busy gateway writes a hundred records a
//! second, not one for each. An announcement that Kafka refuses is written again: the others would
//! keep those records for ever.

use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use crossbeam_queue::SegQueue;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::{ClientContext, DefaultClientContext};
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{DeliveryResult, Message as _};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _, ProducerContext};
use rdkafka::types::RDKafkaErrorCode as Code;

use super::announcement::{self, Section};
use super::consumer::News;
use crate::kafka::limits;
use crate::kafka::properties::Properties;

/// Where all announcements are: one partition is one order, and one number says how far it was
/// heard.
pub(super) const PARTITION: i32 = 0;

/// How long hand-offs are gathered.
pub(super) const GATHER: Duration = Duration::from_millis(10);
/// Between two attempts to write what Kafka has refused.
const AGAIN: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(5);

/// For a topic that is made here. Whoever starts hears what was announced since the last commits,
/// which are seconds old; hours are for all gateways being away at once.
const TOPIC_SETTINGS: [(&str, &str); 2] =
    [("cleanup.policy", "delete"), ("retention.ms", "21600000")];

const PROPERTIES: [(&str, &str); 7] = [
    ("acks", "all"),
    // Whatever is repeated or overtaken stays true, and idempotence spins beside a short linger.
    ("enable.idempotence", "false"),
    ("linger.ms", "0"),
    ("message.timeout.ms", "0"),
    ("reconnect.backoff.ms", "100"),
    ("reconnect.backoff.max.ms", "1000"),
    ("client.id", "tributary"),
];

/// Writes announcements.
pub(super) struct Announcer {
    producer: BaseProducer<Reports>,
    topic: Arc<str>,
    refused: Arc<SegQueue<Vec<u8>>>,
    /// By partition as the reader counts them.
    gathered: Vec<(u32, i64)>,
    announce_at: Instant,
    again_at: Instant,
}

impl Announcer {
    pub(super) fn create(
        config: ClientConfig,
        topic: &Arc<str>,
        cluster: &Arc<str>,
        news: &Arc<News>,
    ) -> KafkaResult<Self> {
        let refused = Arc::new(SegQueue::new());
        let reports = Reports {
            cluster: Arc::clone(cluster),
            news: Arc::clone(news),
            refused: Arc::clone(&refused),
        };
        let now = Instant::now();
        Ok(Self {
            producer: config.create_with_context(reports)?,
            topic: Arc::clone(topic),
            refused,
            gathered: Vec::new(),
            announce_at: now,
            again_at: now,
        })
    }

    /// Announces nothing: the first hand-off must not wait for connections and partitions.
    pub(super) fn open(&self) {
        self.write(announcement::encode(std::iter::empty()));
    }

    /// A record of this partition was handed off.
    pub(super) fn gather(&mut self, partition: u32, offset: i64) {
        self.gathered.push((partition, offset));
    }

    /// Whether so much is untold that nothing more should be handed off.
    pub(super) fn is_full(&self) -> bool {
        self.gathered.len() >= limits::DOWNLINK_UNANNOUNCED_MAX
    }

    /// Announces what was gathered, when it is time; `name` gives topic and number of a partition.
    pub(super) fn announce<'a>(&mut self, now: Instant, name: impl Fn(u32) -> (&'a str, i32)) {
        self.producer.poll(Duration::ZERO);
        if now >= self.again_at {
            self.again_at = now + AGAIN;
            // As many as there are now: what is refused at once is for the next time.
            for _ in 0..self.refused.len() {
                if let Some(bytes) = self.refused.pop() {
                    self.write(bytes);
                }
            }
        }
        if self.gathered.is_empty() || now < self.announce_at {
            return;
        }
        self.announce_at = now + GATHER;
        let mut gathered = std::mem::take(&mut self.gathered);
        gathered.sort_unstable();
        gathered.dedup();
        for some in gathered.chunks(limits::DOWNLINK_ANNOUNCEMENT_RECORDS_MAX) {
            let parts = some.chunk_by(|one, next| one.0 == next.0);
            let sections = parts.map(|part| {
                let (topic, partition) = name(part[0].0);
                let offsets = part.iter().map(|(_, offset)| *offset).collect();
                Section {
                    topic,
                    partition,
                    offsets,
                }
            });
            self.write(announcement::encode(sections));
        }
    }

    fn write(&self, bytes: Vec<u8>) {
        let record = BaseRecord::<(), [u8]>::to(&self.topic).payload(&bytes);
        if self.producer.send(record.partition(PARTITION)).is_err() {
            self.refused.push(bytes);
        }
    }

    /// Waits until Kafka has what was announced, but not for ever.
    pub(super) fn flush(&self, patience: Duration) {
        // What is left untold after that comes to its device once more.
        let _ = self.producer.flush(patience);
    }
}

/// The settings of a producer of announcements.
pub(super) fn config(brokers: &[String], properties: &Properties) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers.join(","));
    let configured = properties.iter().map(|(name, value)| (&**name, &**value));
    for (name, value) in configured.chain(PROPERTIES) {
        config.set(name, value);
    }
    config
}

/// Makes the topic of announcements.
pub(super) fn create_topic(config: &ClientConfig, topic: &str) -> KafkaResult<()> {
    let admin: AdminClient<DefaultClientContext> = config.create()?;
    // -1 stands for as many replicas as the cluster gives a topic by itself (KIP-464).
    let mut wanted = NewTopic::new(topic, 1, TopicReplication::Fixed(-1));
    for (name, value) in TOPIC_SETTINGS {
        wanted = wanted.set(name, value);
    }
    let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
    let made = wait_for(admin.create_topics([&wanted], &options))?;
    match made.into_iter().next() {
        // Another gateway was faster.
        Some(Ok(_)) | Some(Err((_, Code::TopicAlreadyExists))) => Ok(()),
        Some(Err((_, code))) => Err(KafkaError::AdminOp(code)),
        None => Err(KafkaError::AdminOp(Code::Unknown)),
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for the one answer of librdkafka's that comes as a future.
fn wait_for<T>(answer: impl Future<Output = T>) -> T {
    let mut answer = std::pin::pin!(answer);
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    loop {
        match answer.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(answer) => return answer,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// What librdkafka calls back.
struct Reports {
    cluster: Arc<str>,
    news: Arc<News>,
    refused: Arc<SegQueue<Vec<u8>>>,
}

impl ClientContext for Reports {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        tracing::debug!(cluster = %self.cluster, ?level, facility, line, "librdkafka");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let code = error.rdkafka_error_code().unwrap_or(Code::Unknown);
        self.complain(code, reason);
    }
}

impl ProducerContext for Reports {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, record)) = result {
            let code = error.rdkafka_error_code().unwrap_or(Code::Unknown);
            self.complain(code, "hand-offs were not announced; that is tried again");
            self.refused
                .push(record.payload().unwrap_or_default().to_vec());
        }
    }
}

impl Reports {
    fn complain(&self, code: Code, reason: &str) {
        let complaints = &self.news.complaints;
        complaints.tell(&self.cluster, "announcements of a downlink", code, reason);
    }
}
