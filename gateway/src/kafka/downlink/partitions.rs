//! The partitions of a downlink's topics: which there are, where each begins, what is committed.

use std::time::Duration;

use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaErrorCode as Code;

use super::consumer::Client;
use super::rule::{From, Rule};

/// How long one question to Kafka may take; the reader does nothing else meanwhile.
const PATIENCE: Duration = Duration::from_secs(5);

/// A partition that is to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Start {
    pub(super) partition: i32,
    /// Where to begin.
    pub(super) offset: i64,
    /// The end of the partition now.
    pub(super) end: i64,
    /// What Kafka has as committed, and what stands beside it.
    pub(super) committed: Option<(i64, String)>,
}

/// How many partitions a topic has.
pub(super) fn count(client: &Client, topic: &str) -> KafkaResult<i32> {
    let metadata = client.fetch_metadata(Some(topic), PATIENCE)?;
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    let found = found.ok_or(KafkaError::MetadataFetch(Code::UnknownTopicOrPartition))?;
    match found.error() {
        Some(error) => Err(KafkaError::MetadataFetch(error.into())),
        None => Ok(found.partitions().len() as i32),
    }
}

/// Whether Kafka has an offset as committed for each of these.
pub(super) fn are_committed(starts: &[Start]) -> bool {
    starts.iter().all(|start| start.committed.is_some())
}

/// Where partitions begin that are not read yet; `is_first` when none of the topic is.
///
/// A partition without a commit begins where the rule says only when the whole topic has none: else
/// it was added later, and all that is in it is news.
pub(super) fn starts(
    client: &Client,
    rule: &Rule,
    partitions: std::ops::Range<i32>,
    is_first: bool,
) -> KafkaResult<Vec<Start>> {
    let mut asked = TopicPartitionList::new();
    for partition in partitions.clone() {
        asked.add_partition(&rule.topic, partition);
    }
    let answered = client.committed_offsets(asked, PATIENCE)?;
    let mut all_committed = Vec::new();
    for partition in partitions.clone() {
        let found = answered.find_partition(&rule.topic, partition);
        let found = found.ok_or(KafkaError::OffsetFetch(Code::UnknownPartition))?;
        // Of what Kafka could not say now must not be assumed that there is none.
        found.error()?;
        all_committed.push(match found.offset() {
            Offset::Offset(offset) => Some((offset, found.metadata().to_owned())),
            _ => None,
        });
    }
    let is_new = is_first && all_committed.iter().all(Option::is_none);
    let mut starts = Vec::new();
    for (partition, committed) in partitions.zip(all_committed) {
        let (begin, end) = client.fetch_watermarks(&rule.topic, partition, PATIENCE)?;
        let offset = match &committed {
            Some((offset, _)) => *offset,
            None if is_new && rule.from == From::End => end,
            None => begin,
        };
        starts.push(Start {
            partition,
            offset,
            end,
            committed,
        });
    }
    Ok(starts)
}

/// Begins to read them, beside those that are read already.
pub(super) fn read(client: &Client, topic: &str, starts: &[Start]) -> KafkaResult<()> {
    let mut list = TopicPartitionList::new();
    for start in starts {
        list.add_partition_offset(topic, start.partition, Offset::Offset(start.offset))?;
    }
    client.incremental_assign(&list)
}
