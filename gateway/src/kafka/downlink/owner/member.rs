//! The member of a group itself: what librdkafka calls back, and what is committed when.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaErrorCode as Code;

use super::Shared;
use super::desk::{Name, Place};
use crate::kafka::downlink::consumer::News;

pub(super) type Client = BaseConsumer<Member>;

/// How long one question to Kafka may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What librdkafka calls back.
pub(super) struct Member {
    pub(super) cluster: Arc<str>,
    pub(super) news: Arc<News>,
    pub(super) node: String,
    pub(super) shared: Arc<Shared>,
}

impl Member {
    /// Commits what was said of partitions that are ours, where it is news.
    pub(super) fn commit(&self, client: &Client, is_meant: impl Fn(&Name) -> bool) {
        let due = self.shared.desk().due(is_meant);
        if due.is_empty() {
            return;
        }
        if let Err(error) = commit(client, &due) {
            return self.complain(&error, "offsets were not committed; that is tried again");
        }
        self.shared.confirmed.fetch_add(1, Ordering::Relaxed);
        let mut desk = self.shared.desk();
        for (name, place) in due {
            desk.on_confirmed(&name, place);
        }
    }

    /// Commits where topics begin that nobody has read before.
    pub(super) fn commit_begins(&self, client: &Client) {
        let begins = self.shared.take_begins();
        if begins.is_empty() {
            return;
        }
        if let Err(error) = commit_begins(client, &begins) {
            self.complain(
                &error,
                "where a topic begins was not committed; that is tried again",
            );
        }
    }

    /// Asks what the last owner has committed of partitions that are ours now.
    pub(super) fn ask_committed(&self, client: &Client) {
        let unasked = self.shared.desk().unasked();
        if unasked.is_empty() {
            return;
        }
        match committed(client, &unasked) {
            Err(error) => self.complain(&error, "what is committed is not known"),
            Ok(places) => {
                let mut desk = self.shared.desk();
                for (name, place) in unasked.iter().zip(places) {
                    desk.on_committed(name, place);
                }
            }
        }
    }

    pub(super) fn complain(&self, error: &KafkaError, reason: &str) {
        let code = error.rdkafka_error_code().unwrap_or(Code::Unknown);
        self.tell(code, reason);
    }

    fn tell(&self, code: Code, reason: &str) {
        let complaints = &self.news.complaints;
        if code != Code::FencedInstanceId {
            return complaints.tell(&self.cluster, "the group of a downlink", code, reason);
        }
        self.shared.desk().on_revoked(|_| true);
        if let Some(untold) = complaints.may_tell("fenced", Instant::now()) {
            let (cluster, node) = (&*self.cluster, &*self.node);
            tracing::error!(
                cluster,
                node,
                untold,
                "another gateway has the same [node].name, and commits in the place of this one; \
                 give each a name of its own and start this one again"
            );
        }
    }
}

/// Commits these where nothing is committed yet: it may have been done since that was asked last.
fn commit_begins(client: &Client, begins: &[(Name, i64)]) -> KafkaResult<()> {
    let names: Vec<Name> = begins.iter().map(|(name, _)| name.clone()).collect();
    let places = committed(client, &names)?;
    let new = begins
        .iter()
        .zip(places)
        .filter(|(_, place)| place.is_none());
    let new = new.map(|((name, begin), _)| (name.clone(), (*begin, String::new())));
    let new: Vec<_> = new.collect();
    if new.is_empty() {
        return Ok(());
    }
    commit(client, &new)
}

/// What Kafka has as committed of each, in the same order.
fn committed(client: &Client, names: &[Name]) -> KafkaResult<Vec<Option<Place>>> {
    let mut asked = TopicPartitionList::new();
    for (topic, number) in names {
        asked.add_partition(topic, *number);
    }
    let answered = client.committed_offsets(asked, PATIENCE)?;
    let place = |(topic, number): &Name| {
        let found = answered.find_partition(topic, *number);
        let found = found.ok_or(KafkaError::OffsetFetch(Code::UnknownPartition))?;
        // Of what Kafka could not say now must not be assumed that there is none.
        found.error()?;
        Ok(match found.offset() {
            Offset::Offset(offset) => Some((offset, found.metadata().to_owned())),
            _ => None,
        })
    };
    names.iter().map(place).collect()
}

fn commit(client: &Client, places: &[(Name, Place)]) -> KafkaResult<()> {
    let mut list = TopicPartitionList::new();
    for ((topic, number), (offset, metadata)) in places {
        let mut one = list.add_partition(topic, *number);
        one.set_offset(Offset::Offset(*offset))?;
        if !metadata.is_empty() {
            one.set_metadata(metadata);
        }
    }
    client.commit(&list, CommitMode::Sync)
}

impl ConsumerContext for Member {
    fn pre_rebalance(&self, client: &Client, rebalance: &Rebalance<'_>) {
        let Rebalance::Revoke(list) = rebalance else {
            return;
        };
        let is_meant = |name: &Name| list.find_partition(&name.0, name.1).is_some();
        // Of what was lost someone else may have committed more by now; Kafka would refuse ours.
        if !client.assignment_lost() {
            self.commit(client, is_meant);
        }
        self.shared.desk().on_revoked(is_meant);
    }

    fn post_rebalance(&self, client: &Client, rebalance: &Rebalance<'_>) {
        let Rebalance::Assign(list) = rebalance else {
            return;
        };
        if let Err(error) = client.pause(list) {
            self.complain(&error, "partitions are fetched in vain");
        }
        let mut desk = self.shared.desk();
        for assigned in list.elements() {
            desk.on_assigned(&(assigned.topic().to_owned(), assigned.partition()));
        }
    }
}

impl ClientContext for Member {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        tracing::debug!(cluster = %self.cluster, ?level, facility, line, "librdkafka");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.tell(error.rdkafka_error_code().unwrap_or(Code::Unknown), reason);
    }
}
