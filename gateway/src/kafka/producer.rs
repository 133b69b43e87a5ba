//! The rdkafka producer of a lane: its settings, its delivery reports, and what it complains about.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, Producer as _, ProducerContext, PurgeConfig};
use rdkafka::types::RDKafkaErrorCode as Code;

use super::complaints::Trouble;
use super::errors;
use super::flight::Claim;
use super::limits;
use super::properties::Properties;
use super::shared::Shared;

/// What a lane sets unless the configuration says otherwise.
const PROPERTIES: [(&str, &str); 13] = [
    ("acks", "all"),
    ("enable.idempotence", "true"),
    // A record never fails by time: it waits, and so does its device.
    ("message.timeout.ms", "0"),
    // One block of ours is one request; see the proofs in `limits`.
    ("batch.size", "1000000"),
    ("batch.num.messages", "10000"),
    // The lane's own room is the bound.
    ("queue.buffering.max.messages", "0"),
    ("queue.buffering.max.kbytes", "2147483647"),
    ("reconnect.backoff.ms", "100"),
    // The default of 10 s costs 5 s after an outage, when the brokers are back long since.
    ("reconnect.backoff.max.ms", "1000"),
    ("socket.timeout.ms", "15000"),
    ("socket.nagle.disable", "true"),
    (REFRESH, "60000"),
    ("client.id", "tributary"),
];

/// Whether and how long librdkafka waits for more; the lane gathers records by itself.
const LINGER: &str = "linger.ms";
const QUICK_LINGER_MS: &str = "0";
/// Any linger costs a whole millisecond, and any prevents what is described at [`Producers`].
const BULK_LINGER_MS: &str = "0.5";

/// Between two looks at what partitions there are, librdkafka's and the lane's own.
const REFRESH: &str = "topic.metadata.refresh.interval.ms";
const REFRESH_MS_DEFAULT: u64 = 60_000;
/// Shorter ones, and -1 for never, are not for the lane.
const REFRESH_MS_MIN: u64 = 250;

/// The largest `message.max.bytes` is librdkafka's own default when nothing is configured.
const MESSAGE_BYTES_MAX_DEFAULT: usize = 1_000_000;

/// The largest record that the cluster is configured to take.
pub(super) fn message_bytes_max(properties: &Properties) -> usize {
    let configured = properties
        .get("message.max.bytes")
        .and_then(|value| value.parse().ok());
    configured.unwrap_or(MESSAGE_BYTES_MAX_DEFAULT)
}

pub(super) fn client_config(brokers: &[String], properties: &Properties) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers.join(","));
    for (name, value) in PROPERTIES {
        config.set(name, value);
    }
    for (name, value) in properties.iter() {
        config.set(name, value);
    }
    config
}

/// How often the lane looks whether its topics have changed, whatever librdkafka is told.
pub(super) fn refresh(config: &ClientConfig) -> Duration {
    let configured = config.get(REFRESH).and_then(|value| value.parse().ok());
    let millis = configured.filter(|millis| *millis >= REFRESH_MS_MIN);
    Duration::from_millis(millis.unwrap_or(REFRESH_MS_DEFAULT))
}

pub(super) type Client = BaseProducer<Reports>;

/// The producers of one cluster, one for small blocks and one for large ones.
///
/// Without linger librdkafka sends the first records of a block alone while the rest is still being
/// handed over, and then spins until they are acknowledged (measured at 100,000 records per second:
/// 3.8 us of CPU each in the broker's thread against 1.2). With one, a quiet lane's records wait
/// for 1 ms more. A partition never has blocks with both, so its order does not depend on which is
/// taken.
pub(super) struct Producers {
    quick: Producer,
    /// `None` when the configuration sets a linger: then that is what holds.
    bulk: Option<Producer>,
}

impl Producers {
    pub(super) fn start(config: &ClientConfig, shared: &Arc<Shared>) -> KafkaResult<Producers> {
        if config.get(LINGER).is_some() {
            return Ok(Producers {
                quick: Producer::start(config, shared)?,
                bulk: None,
            });
        }
        let start = |linger| Producer::start(config.clone().set(LINGER, linger), shared);
        Ok(Producers {
            quick: start(QUICK_LINGER_MS)?,
            bulk: Some(start(BULK_LINGER_MS)?),
        })
    }

    /// Blocks of one leader that may be with librdkafka at once.
    ///
    /// A configured linger holds each block back where the others do not see it: five that linger
    /// would keep the sixth waiting (measured with 12 partitions: p50 of 2.4 lingers).
    pub(super) fn flights_per_leader_max(&self) -> usize {
        match self.bulk {
            Some(_) => limits::FLIGHTS_PER_LEADER_MAX,
            None => limits::FLIGHTS_MAX,
        }
    }

    /// The one for a block of so many records.
    pub(super) fn client(&self, records: usize) -> &Arc<Client> {
        match &self.bulk {
            Some(bulk) if records > limits::QUICK_RECORDS_MAX => &bulk.client,
            _ => &self.quick.client,
        }
    }

    /// Each of them, for whoever must not keep them.
    pub(super) fn clients(&self) -> Vec<Weak<Client>> {
        let client = |producer: &Producer| Arc::downgrade(&producer.client);
        self.each().map(client).collect()
    }

    /// The error that the producers cannot recover from.
    pub(super) fn fatal_error(&self) -> Option<(Code, String)> {
        self.each()
            .find_map(|producer| producer.client.client().fatal_error())
    }

    /// Lets all that is unanswered come back.
    pub(super) fn purge(&self) {
        for producer in self.each() {
            producer
                .client
                .purge(PurgeConfig::default().queue().inflight());
        }
    }

    /// Stops the reports and lets the producers go, with all they still hold.
    pub(super) fn stop(self) {
        self.quick.stop();
        if let Some(bulk) = self.bulk {
            bulk.stop();
        }
    }

    fn each(&self) -> impl Iterator<Item = &Producer> {
        std::iter::once(&self.quick).chain(&self.bulk)
    }
}

/// One producer and the thread that carries its reports home.
struct Producer {
    client: Arc<Client>,
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// How long one call to librdkafka may wait for a report. It is a whole number of milliseconds and
/// a little: rdkafka rounds what is left down to milliseconds and spins through the rest.
const POLL: Duration = Duration::from_micros(250_050);

impl Producer {
    fn start(config: &ClientConfig, shared: &Arc<Shared>) -> KafkaResult<Producer> {
        let stopped = Arc::new(AtomicBool::new(false));
        let reports = Reports {
            shared: Arc::clone(shared),
            stopped: Arc::clone(&stopped),
        };
        let client: Arc<Client> = Arc::new(config.create_with_context(reports)?);
        let thread = std::thread::Builder::new()
            .name(format!("reports {}", shared.name))
            .spawn({
                let (client, stopped) = (Arc::clone(&client), Arc::clone(&stopped));
                let shared = Arc::clone(shared);
                move || {
                    while !stopped.load(SeqCst) {
                        client.poll(POLL);
                        // Reports of a flight that has not landed: librdkafka had cut the block.
                        shared.flush();
                    }
                }
            });
        let thread = thread.map_err(|_| KafkaError::ClientCreation("no thread left".into()))?;
        Ok(Producer {
            client,
            stopped,
            thread: Some(thread),
        })
    }

    fn stop(mut self) {
        self.stopped.store(true, SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What librdkafka calls back.
pub(super) struct Reports {
    shared: Arc<Shared>,
    stopped: Arc<AtomicBool>,
}

impl ProducerContext for Reports {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, word: usize) {
        let error = match result {
            Ok(_) => {
                self.shared.note_up();
                None
            }
            Err((error, _)) => {
                let code = error.rdkafka_error_code().unwrap_or(Code::Unknown);
                self.complain(code, "a record was not delivered");
                Some(code)
            }
        };
        self.shared.settle(Claim::from_word(word), error);
    }
}

impl ClientContext for Reports {
    /// librdkafka's own log tells what its errors tell as well, and more often.
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        tracing::debug!(cluster = %self.shared.name, ?level, facility, line, "librdkafka");
    }

    /// Failed logins, certificates and connections show up here and nowhere else, each twice.
    fn error(&self, error: KafkaError, reason: &str) {
        if self.stopped.load(SeqCst) {
            return;
        }
        let code = error.rdkafka_error_code().unwrap_or(Code::Unknown);
        let code = errors::cause(code, reason);
        if code == Code::AllBrokersDown {
            self.shared.note_brokers_down();
        }
        if code == Code::Fatal {
            self.shared.fatal.store(true, SeqCst);
            self.shared.bell.ring();
        }
        let trouble = Trouble {
            error: format!("{code:?}"),
            reason: reason.to_owned(),
            remedy: errors::remedy(code),
        };
        let (complaints, names_cause) = (&self.shared.complaints, errors::names_cause(code));
        complaints.keep(trouble, names_cause, Instant::now());
        self.complain(code, reason);
    }
}

impl Reports {
    fn complain(&self, code: Code, reason: &str) {
        // What a purge returns is sent again by the lane; there is nothing to tell.
        if matches!(code, Code::PurgeQueue | Code::PurgeInflight) {
            return;
        }
        let (complaints, cluster) = (&self.shared.complaints, &self.shared.name);
        complaints.tell(cluster, "Kafka", code, reason);
    }
}
