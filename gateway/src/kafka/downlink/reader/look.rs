//! Looks which partitions the topics have, and begins to read those that are new.

use std::sync::Arc;

use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::types::RDKafkaErrorCode as Code;

use super::{Partition, Party, Reader};
use crate::kafka::downlink::ledger::Ledger;
use crate::kafka::downlink::marks::{self, Marks};
use crate::kafka::downlink::partitions::{self, Start};

impl Reader {
    /// Looks for partitions that are not read yet; says whether Kafka had all the answers.
    pub(super) fn look(&mut self) -> bool {
        let (mut is_answered, mut is_cut) = (true, false);
        let mut found = Vec::new();
        for feed in 0..self.feeds.len() {
            let error = match self.find_new(feed) {
                Ok(Some(starts)) => {
                    found.push((feed, starts));
                    continue;
                }
                Ok(None) => continue,
                Err(error) => error,
            };
            is_answered = false;
            let code = error.rdkafka_error_code().unwrap_or(Code::Unknown);
            let topic = &self.feeds[feed].topic;
            let reason = format!("the partitions of {topic} are not known: {error}");
            self.client.context().complain(code, &reason);
            if !matches!(code, Code::UnknownTopic | Code::UnknownTopicOrPartition) {
                // Each question to a Kafka that is away takes its time, and the fates of records
                // wait meanwhile.
                is_cut = true;
                break;
            }
        }
        if matches!(&self.party, Party::Several(_)) && !self.may_begin(&found, is_cut) {
            self.decide_begins(&found);
            return false;
        }
        for (feed, starts) in found {
            if let Err(error) = self.begin(feed, starts) {
                let code = error.rdkafka_error_code().unwrap_or(Code::Unknown);
                self.client
                    .context()
                    .complain(code, "partitions are not read");
                is_answered = false;
            }
        }
        is_answered
    }

    /// Whether everything is there that gateways which share their topics begin with.
    fn may_begin(&mut self, found: &[(usize, Vec<Start>)], is_cut: bool) -> bool {
        let mut all = found.iter();
        if !all.all(|(_, starts)| partitions::are_committed(starts)) {
            return false;
        }
        // The first look says from where on announcements are heard, for all topics.
        self.is_hearing() || !is_cut && !found.is_empty() && self.hear_first(found)
    }

    /// Where partitions begin that are not read yet, if there are any.
    fn find_new(&self, place: usize) -> KafkaResult<Option<Vec<Start>>> {
        let feed = &self.feeds[place];
        let known = feed.partition_count;
        let there = partitions::count(&self.client, &feed.topic)?;
        if there <= known {
            return Ok(None);
        }
        partitions::starts(&self.client, &feed.rule, known..there, known == 0).map(Some)
    }

    /// Of topics that nobody has read before, one gateway says where they begin: the owner of the
    /// first partition. If each did so for itself, one would pass over what another has in hand.
    fn decide_begins(&self, found: &[(usize, Vec<Start>)]) {
        let Party::Several(others) = &self.party else {
            return;
        };
        for (feed, starts) in found {
            let topic = &self.feeds[*feed].topic;
            let new = starts.iter().filter(|start| start.committed.is_none());
            let begins: Vec<_> = new.map(|start| (start.partition, start.offset)).collect();
            if !begins.is_empty() && others.owner.owns(topic, 0) {
                others.owner.begin(topic, &begins);
            }
        }
    }

    /// Begins to read partitions, beside those that are read already.
    fn begin(&mut self, place: usize, starts: Vec<Start>) -> Result<(), KafkaError> {
        let feed = &mut self.feeds[place];
        partitions::read(&self.client, &feed.topic, &starts)?;
        feed.partition_count += starts.len() as i32;
        for start in starts {
            let index = self.partitions.len() as u32;
            self.places.insert((place, start.partition), index);
            if let Some(catch_up) = &mut feed.catch_up {
                catch_up.expect(index, start.offset, start.end);
            }
            let committed = start.committed.map(|(offset, text)| {
                let (marks, _) = marks::split_heard(&text);
                (offset, marks.to_owned())
            });
            let early = match &mut self.party {
                Party::Alone(_) => None,
                Party::Several(others) => others.unplaced.remove(&(place, start.partition)),
            };
            self.partitions.push(Partition {
                feed: place,
                number: start.partition,
                ledger: Ledger::new(start.offset),
                marks: match &committed {
                    Some((offset, text)) => Marks::read(*offset, text),
                    None => Marks::default(),
                },
                early: early.unwrap_or_default(),
                committed,
                end: start.end,
                quiet_to: start.offset,
            });
        }
        let (cluster, topic) = (&*self.client.context().cluster, &*feed.topic);
        let partitions = feed.partition_count;
        tracing::info!(cluster, topic, partitions, "a downlink is read");
        self.end_catch_up(place);
        Ok(())
    }

    fn is_hearing(&self) -> bool {
        match &self.party {
            Party::Alone(_) => false,
            Party::Several(others) => others.is_hearing(),
        }
    }

    /// Hears what was announced since the commits that these begin with; says whether it could.
    fn hear_first(&mut self, found: &[(usize, Vec<Start>)]) -> bool {
        let starts = found.iter().flat_map(|(_, starts)| starts);
        let heard = starts.map(|start| {
            let (_, text) = start.committed.as_ref()?;
            marks::split_heard(text).1
        });
        // Of one that does not say so everything is heard.
        let from = heard.min().flatten();
        let client = Arc::clone(&self.client);
        match self.begin_to_hear(&client, from) {
            Ok(()) => true,
            Err(error) => {
                let code = error.rdkafka_error_code().unwrap_or(Code::Unknown);
                let reason = format!("what other gateways have handed off is not known: {error}");
                client.context().complain(code, &reason);
                false
            }
        }
    }
}
