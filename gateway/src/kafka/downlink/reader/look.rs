//! Looks which partitions the topics have, and begins to read those that are new.

use std::sync::Arc;

use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode as Code;

use super::{Partition, Reader};
use crate::kafka::downlink::ledger::Ledger;
use crate::kafka::downlink::marks::Marks;
use crate::kafka::downlink::partitions;

impl Reader {
    /// Looks for partitions that are not read yet; says whether Kafka had all the answers.
    pub(super) fn look(&mut self) -> bool {
        let mut is_answered = true;
        for feed in 0..self.feeds.len() {
            let Err(error) = self.look_at(feed) else {
                continue;
            };
            is_answered = false;
            let code = error.rdkafka_error_code().unwrap_or(Code::Unknown);
            let topic = &self.feeds[feed].topic;
            let reason = format!("the partitions of {topic} are not known: {error}");
            self.client.context().complain(code, &reason);
            if !matches!(code, Code::UnknownTopic | Code::UnknownTopicOrPartition) {
                // Each question to a Kafka that is away takes its time, and the fates of records
                // wait meanwhile.
                break;
            }
        }
        is_answered
    }

    fn look_at(&mut self, place: usize) -> Result<(), KafkaError> {
        let client = Arc::clone(&self.client);
        let feed = &mut self.feeds[place];
        let (known, there) = (
            feed.partition_count,
            partitions::count(&client, &feed.topic)?,
        );
        if there <= known {
            return Ok(());
        }
        let starts = partitions::starts(&client, &feed.rule, known..there, known == 0)?;
        partitions::read(&client, &feed.topic, &starts)?;
        feed.partition_count = there;
        for start in starts {
            let index = self.partitions.len() as u32;
            self.places.insert((place, start.partition), index);
            if let Some(catch_up) = &mut feed.catch_up {
                catch_up.expect(index, start.offset, start.end);
            }
            self.partitions.push(Partition {
                feed: place,
                number: start.partition,
                ledger: Ledger::new(start.offset),
                marks: match &start.committed {
                    Some((offset, text)) => Marks::read(*offset, text),
                    None => Marks::default(),
                },
                committed: start.committed,
                end: start.end,
            });
        }
        let (cluster, topic) = (&*client.context().cluster, &*feed.topic);
        tracing::info!(cluster, topic, partitions = there, "a downlink is read");
        self.end_catch_up(place);
        Ok(())
    }
}
