//! Reads all partitions of a Kafka topic and knows when it has read everything.

use crate::failure::Failure;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::time::{Duration, Instant};

const ANSWER_WAIT: Duration = Duration::from_secs(5);
/// librdkafka spins when it is asked to wait less than a millisecond.
const POLL_WAIT: Duration = Duration::from_millis(50);

pub struct Topic {
    consumer: BaseConsumer,
    name: String,
    /// The next offset to come, by partition.
    next: Vec<i64>,
    at_end: Vec<bool>,
    /// Offsets that Kafka had dropped before we came to them.
    pub skipped: u64,
    pub last_error: Option<KafkaError>,
}

impl Topic {
    /// Waits for the topic to be there, at most for `patience`, then begins with its oldest record.
    pub fn open(
        brokers: &str,
        name: &str,
        properties: &[(String, String)],
        patience: Duration,
    ) -> Result<Self, Failure> {
        let refuse = |error: &dyn std::fmt::Display| {
            let what = format!("cannot read topic {name} of Kafka at {brokers}");
            Failure::start(
                what,
                error,
                "check --kafka and --topic, and that the broker runs",
            )
        };
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", brokers)
            // Partitions are assigned by hand; the library wants a name all the same.
            .set("group.id", "tributary-loadgen-verify")
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "earliest")
            // The default sleeps a second once the queue was full: four times slower.
            .set("fetch.queue.backoff.ms", "5")
            .set("reconnect.backoff.max.ms", "1000")
            .set("log_level", "2");
        for (key, value) in properties {
            config.set(key, value);
        }
        let consumer: BaseConsumer = config.create().map_err(|error| refuse(&error))?;
        let until = Instant::now() + patience;
        let partitions = loop {
            match partition_count(&consumer, name) {
                Ok(count) if count > 0 => break count,
                answer if Instant::now() >= until => {
                    return Err(match answer {
                        Ok(_) => refuse(&"there is no such topic"),
                        Err(error) => refuse(&error),
                    });
                }
                _ => drop(consumer.poll(POLL_WAIT)),
            }
        };
        let mut list = TopicPartitionList::new();
        let mut next = Vec::new();
        for partition in 0..partitions {
            let marks = consumer.fetch_watermarks(name, partition, ANSWER_WAIT);
            let (oldest, _) = marks.map_err(|error| refuse(&error))?;
            next.push(oldest.max(0));
            list.add_partition_offset(name, partition, Offset::Beginning)
                .map_err(|error| refuse(&error))?;
        }
        consumer.assign(&list).map_err(|error| refuse(&error))?;
        // What was dropped before we came may have been this run's.
        let skipped = next.iter().sum::<i64>() as u64;
        let at_end = vec![false; next.len()];
        Ok(Self {
            consumer,
            name: name.to_owned(),
            next,
            at_end,
            skipped,
            last_error: None,
        })
    }

    pub fn partitions(&self) -> i32 {
        self.next.len() as i32
    }

    /// Hands the next record to `on_record`; `false` where none came for a while.
    pub fn poll(&mut self, on_record: impl FnOnce(&BorrowedMessage<'_>)) -> bool {
        match self.consumer.poll(POLL_WAIT) {
            Some(Ok(message)) => {
                let (partition, offset) = (message.partition(), message.offset());
                if let Some(next) = self.next.get_mut(partition as usize) {
                    self.skipped += (offset - *next).max(0) as u64;
                    *next = offset + 1;
                    self.at_end[partition as usize] = false;
                }
                on_record(&message);
                true
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                if let Some(at_end) = self.at_end.get_mut(partition as usize) {
                    *at_end = true;
                }
                false
            }
            Some(Err(error)) => {
                self.last_error = Some(error);
                false
            }
            None => false,
        }
    }

    /// Whether everything that Kafka holds at this moment has been read. Asks Kafka only where all
    /// partitions have been at their end.
    pub fn is_read(&self) -> bool {
        self.at_end.iter().all(|at_end| *at_end)
            && (0..).zip(&self.next).all(|(partition, next)| {
                let marks = self
                    .consumer
                    .fetch_watermarks(&self.name, partition, ANSWER_WAIT);
                marks.is_ok_and(|(_, newest)| *next >= newest)
            })
    }
}

fn partition_count(consumer: &BaseConsumer, name: &str) -> KafkaResult<i32> {
    let metadata = consumer.fetch_metadata(Some(name), ANSWER_WAIT)?;
    let topic = metadata.topics().iter().find(|topic| topic.name() == name);
    Ok(topic
        .filter(|topic| topic.error().is_none())
        .map_or(0, |t| t.partitions().len() as i32))
}
