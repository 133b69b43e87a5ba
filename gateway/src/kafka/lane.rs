//! The handle that shards hold on one Kafka cluster, and how a lane is started.

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::batch::Batch;
use super::complaints::Trouble;
use super::feeder::Feeder;
use super::limits;
use super::outcome::{Offer, Refusal, ReportSink};
use super::pace::Pace;
use super::probe::Probe;
use super::producer::{self, Producers};
use super::properties::{self, Properties, PropertyFault};
use super::room::Room;
use super::scout;
use super::shared::Shared;
use super::spool::{self, Opened, SpoolReading};
use super::stats::{LaneState, LaneStats};

/// What the configuration says of one cluster.
#[derive(Clone, Debug)]
pub struct LaneConfig {
    pub name: String,
    /// `host:port` of some brokers.
    pub brokers: Vec<String>,
    /// Passed to librdkafka as they are.
    pub properties: Properties,
    /// Topics to look up at once, so that a missing one is told of before the first device
    /// publishes.
    pub topics: Vec<String>,
    pub bounds: LaneBounds,
    /// ProduceRequests; 0 sets no budget.
    pub requests_per_sec: u32,
    /// A lane whose oldest request is un-acked for so long is down.
    pub down_after: Duration,
    /// Where records go by [`super::Policy::SpoolFirst`] and `SpoolInOutage`; without it they wait
    /// for Kafka.
    pub spool: Option<SpoolConfig>,
}

/// Where a lane keeps what Kafka does not have yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpoolConfig {
    /// A folder of its own.
    pub path: PathBuf,
    /// What records may take there.
    pub bytes_max: u64,
}

impl LaneConfig {
    /// A cluster with everything else at its default.
    pub fn new(name: impl Into<String>, brokers: Vec<String>) -> LaneConfig {
        LaneConfig {
            name: name.into(),
            brokers,
            properties: Properties::default(),
            topics: Vec::new(),
            bounds: LaneBounds::default(),
            requests_per_sec: limits::REQUESTS_PER_SEC_DEFAULT,
            down_after: Duration::from_secs(limits::DOWN_AFTER_SECS_DEFAULT),
            spool: None,
        }
    }
}

/// How much may be un-acked before [`Offer::Full`].
#[derive(Clone, Copy, Debug)]
pub struct LaneBounds {
    pub pending_records_max: u64,
    /// Key, headers and payload, and [`limits::RECORD_OVERHEAD_BYTES`] for each record.
    pub pending_bytes_max: u64,
}

impl Default for LaneBounds {
    fn default() -> LaneBounds {
        LaneBounds {
            pending_records_max: limits::PENDING_RECORDS_MAX_DEFAULT,
            pending_bytes_max: limits::PENDING_BYTES_MAX_DEFAULT,
        }
    }
}

/// Why a lane cannot start, for a human: what, where, what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneError {
    /// The cluster's name.
    pub cluster: String,
    /// The key in the cluster's table that is wrong.
    pub key: String,
    pub message: String,
}

impl fmt::Display for LaneError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[kafka.{}].{}: {}", self.cluster, self.key, self.message)
    }
}

impl std::error::Error for LaneError {}

/// A handle on one Kafka cluster. The lane ends with its last handle; what is un-acked then is not
/// answered, so [`Lane::drain`] comes first. A [`ReportSink`] must not own a handle.
#[derive(Clone)]
pub struct Lane {
    shared: Arc<Shared>,
    record_bytes_max: usize,
    _end: Arc<End>,
}

/// Ends the threads when the last handle is dropped.
struct End {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Lane {
    /// Starts a lane for shards `0..shards`. A cluster that cannot be reached is no error: records
    /// wait.
    pub fn start(
        config: LaneConfig,
        shards: usize,
        sink: Arc<dyn ReportSink>,
    ) -> Result<Lane, LaneError> {
        check(&config)?;
        let bounds = config.bounds;
        let room = Room::new(bounds.pending_records_max, bounds.pending_bytes_max);
        let fail = |key: &str, message: String| LaneError {
            cluster: config.name.clone(),
            key: key.to_owned(),
            message,
        };
        let spool = open_spool(&config)?;
        let desk = spool.as_ref().map(Opened::desk);
        let shared = Arc::new(Shared::new(&config.name, shards, sink, room, desk));
        let client_config = producer::client_config(&config.brokers, &config.properties);
        let producers = Producers::start(&client_config, &shared).map_err(|error| {
            let advice = "see CONFIGURATION.md of librdkafka for names and values";
            let said = properties::describe(&error);
            fail(
                "properties",
                format!("librdkafka refuses them: {said}; {advice}"),
            )
        })?;
        let source = Arc::new(Mutex::new(producers.clients()));
        let no_thread = |error: std::io::Error| {
            fail(
                "brokers",
                format!("no thread for this cluster: {error}; raise the limit of tasks"),
            )
        };
        let refresh = producer::refresh(&client_config);
        let probe = Probe::new(client_config.clone());
        let ask = scout::start(Arc::clone(&shared), Arc::clone(&source), refresh, probe);
        let ask = ask.map_err(no_thread)?;
        let pace = Pace::new(config.requests_per_sec, Instant::now());
        let feeder = Feeder::new(
            Arc::clone(&shared),
            client_config,
            producers,
            source,
            ask,
            pace,
            config.down_after,
        );
        let topics = config.topics.clone();
        let thread = std::thread::Builder::new()
            .name(format!("lane {}", config.name))
            .spawn(move || feeder.run(&topics))
            .map_err(no_thread)?;
        let mut end = End {
            shared: Arc::clone(&shared),
            threads: vec![thread],
        };
        if let Some(spool) = spool {
            let thread = spool.start(Arc::clone(&shared)).map_err(no_thread)?;
            end.threads.push(thread);
        }
        Ok(Lane {
            record_bytes_max: record_bytes_max(&config),
            _end: Arc::new(end),
            shared,
        })
    }

    /// The cluster's name.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Claims room for one record; `bytes` as [`crate::route::Route::weigh`] says. Never waits.
    pub fn admit(&self, bytes: usize) -> Offer {
        if bytes > self.record_bytes_max {
            return Offer::Refused(Refusal::TooLarge);
        }
        if self.shared.closed.load(SeqCst) {
            return Offer::Refused(Refusal::Stopping);
        }
        self.shared
            .room
            .claim(bytes + limits::RECORD_OVERHEAD_BYTES)
    }

    /// Gives back the room of a record that was admitted and will not be submitted.
    pub fn withdraw(&self, bytes: usize) {
        self.shared
            .release(1, (bytes + limits::RECORD_OVERHEAD_BYTES) as u64);
    }

    /// Takes what is in `batch`, each record admitted before, and leaves an empty batch with the
    /// memory of an earlier one. To be called at the end of the turn of shard `shard`. Never waits.
    pub fn submit(&self, shard: usize, batch: &mut Batch) {
        if batch.is_empty() {
            return;
        }
        let mailbox = &self.shared.mailboxes[shard];
        let empty = mailbox.spare.pop().unwrap_or_default();
        mailbox.batches.push(std::mem::replace(batch, empty));
        self.shared.bell.ring();
    }

    /// Somebody was told `Full` and there has not been room again since.
    pub fn is_full(&self) -> bool {
        self.shared.room.is_awaited()
    }

    /// Records admitted and not answered.
    pub fn pending(&self) -> u64 {
        self.shared.room.records()
    }

    /// What these records have claimed.
    pub fn pending_bytes(&self) -> u64 {
        self.shared.room.bytes()
    }

    /// Kafka has not taken anything for a while: what a route wants rejected then is to be.
    pub fn is_down(&self) -> bool {
        self.shared.health.is_down()
    }

    /// Why the cluster does not answer, as long as it does not.
    pub fn trouble(&self) -> Option<Trouble> {
        match self.stats().state() {
            LaneState::Up => None,
            _ => self.shared.complaints.kept(),
        }
    }

    /// What the spool holds and has done, if there is one.
    pub fn spool(&self) -> Option<SpoolReading> {
        self.shared.spool.as_ref().map(|desk| desk.read())
    }

    pub fn stats(&self) -> &LaneStats {
        &self.shared.stats
    }

    /// Admits nothing more and waits at most `patience` for Kafka to answer what is pending; says
    /// how many records are still un-acked. The threads go on until the last handle is dropped.
    pub fn drain(&self, patience: Duration) -> u64 {
        self.shared.closed.store(true, SeqCst);
        self.shared.wait_drained(Instant::now() + patience)
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.shared.closed.store(true, SeqCst);
        self.shared.ended.store(true, SeqCst);
        self.shared.bell.ring();
        if let Some(desk) = &self.shared.spool {
            desk.bell.ring();
        }
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn open_spool(config: &LaneConfig) -> Result<Option<Opened>, LaneError> {
    let open = |spool: &SpoolConfig| spool::open(&config.name, &spool.path, spool.bytes_max);
    let opened = config.spool.as_ref().map(open).transpose();
    opened.map_err(|error| LaneError {
        cluster: config.name.clone(),
        key: "spool".to_owned(),
        message: error.to_string(),
    })
}

/// The largest record that can be taken at all.
fn record_bytes_max(config: &LaneConfig) -> usize {
    let room = config.bounds.pending_bytes_max as usize - limits::RECORD_OVERHEAD_BYTES;
    producer::message_bytes_max(&config.properties).min(room)
}

fn check(config: &LaneConfig) -> Result<(), LaneError> {
    let fail = |key: &str, message: String| {
        Err(LaneError {
            cluster: config.name.clone(),
            key: key.to_owned(),
            message,
        })
    };
    if config.brokers.iter().all(|broker| broker.trim().is_empty()) {
        return fail(
            "brokers",
            "is empty; name at least one broker as \"host:port\"".into(),
        );
    }
    let LaneBounds {
        pending_records_max: records,
        pending_bytes_max: bytes,
    } = config.bounds;
    if !(1..=limits::PENDING_RECORDS_CEILING).contains(&records) {
        let ceiling = limits::PENDING_RECORDS_CEILING;
        return fail(
            "pending_records_max",
            format!("{records} is not within 1..={ceiling}"),
        );
    }
    let floor = 1 << 20;
    if !(floor..=limits::PENDING_BYTES_CEILING).contains(&bytes) {
        let ceiling = limits::PENDING_BYTES_CEILING;
        return fail(
            "pending_bytes_max",
            format!("{bytes} is not within {floor}..={ceiling}"),
        );
    }
    for key in ["acks", "request.required.acks"] {
        if config
            .properties
            .get(key)
            .is_some_and(|acks| acks != "all" && acks != "-1")
        {
            let why = "a device is acknowledged only when all in-sync replicas have its message";
            return fail(
                &format!("properties.{key}"),
                format!("must be \"all\": {why}"),
            );
        }
    }
    for key in ["bootstrap.servers", "metadata.broker.list"] {
        if config.properties.contains_key(key) {
            return fail(
                &format!("properties.{key}"),
                "belongs into `brokers`".into(),
            );
        }
    }
    match config.properties.faults().into_iter().next() {
        Some(PropertyFault { name, wrong, right }) => {
            fail(&format!("properties.{name}"), format!("{wrong}; {right}"))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
