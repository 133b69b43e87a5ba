//! A Kafka inside this process, for trying out and for tests: librdkafka's mock cluster.

use std::fmt;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use rdkafka::error::KafkaError;
use rdkafka::mocking::MockCluster;

/// A mock cluster of one broker on a random port of 127.0.0.1. It speaks the real protocol and
/// keeps about 5 MiB per partition in memory, so it is no place for data that matters.
pub struct Embedded {
    brokers: String,
    /// Dropping it ends the thread that owns the cluster, which cannot leave its thread.
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// The mock cluster picks its port and fails when that is taken.
const TRIES: usize = 10;

/// Why there is no embedded Kafka, for a human.
#[derive(Debug)]
pub struct EmbeddedError(String);

impl fmt::Display for EmbeddedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let advice = "name a real Kafka with --kafka HOST:PORT";
        write!(f, "the embedded Kafka does not start: {}; {advice}", self.0)
    }
}

impl std::error::Error for EmbeddedError {}

impl Embedded {
    /// Starts a cluster with these topics, each a name and a number of partitions.
    pub fn start(topics: &[(&str, i32)]) -> Result<Embedded, EmbeddedError> {
        let topics: Vec<_> = topics
            .iter()
            .map(|(name, count)| ((*name).to_owned(), *count))
            .collect();
        let (end, ended) = channel();
        let (started, start) = channel();
        let thread = std::thread::Builder::new()
            .name("embedded kafka".into())
            .spawn(move || run(&topics, &started, &ended))
            .map_err(|error| EmbeddedError(error.to_string()))?;
        let brokers = start
            .recv()
            .map_err(|error| EmbeddedError(error.to_string()))?;
        let brokers = brokers.map_err(|error| EmbeddedError(error.to_string()))?;
        Ok(Embedded {
            brokers,
            end: Some(end),
            thread: Some(thread),
        })
    }

    /// `host:port`, for a lane and for any Kafka client.
    pub fn brokers(&self) -> &str {
        &self.brokers
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.end = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

type Started = Result<String, KafkaError>;

fn run(topics: &[(String, i32)], started: &Sender<Started>, ended: &Receiver<()>) {
    let cluster = (1..TRIES).find_map(|_| MockCluster::new(1).ok());
    let cluster = cluster.map_or_else(|| MockCluster::new(1), Ok);
    let cluster = cluster.and_then(|cluster| {
        for (name, count) in topics {
            cluster.create_topic(name, *count, 1)?;
        }
        Ok(cluster)
    });
    match cluster {
        Ok(cluster) => {
            let _ = started.send(Ok(cluster.bootstrap_servers()));
            // Nothing is ever sent: this returns when the other end is dropped.
            let _ = ended.recv();
        }
        Err(error) => {
            let _ = started.send(Err(error));
        }
    }
}
