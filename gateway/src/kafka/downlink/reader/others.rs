//! What a reader has to do with the other gateways that read the same topics: it announces what was
//! handed off here, hears what was handed off elsewhere, and goes on from the commits of others.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaResult;
use rdkafka::message::Message as _;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaErrorCode as Code;

use super::arrivals::Survey;
use super::{DownlinkConfig, LAST_COMMIT_MAX, Party, Reader};
use crate::kafka::downlink::announcement;
use crate::kafka::downlink::announcer::{self, Announcer};
use crate::kafka::downlink::command::{Fate, Origin, Withdrawal};
use crate::kafka::downlink::consumer::{self, Client, News};
use crate::kafka::downlink::early::Early;
use crate::kafka::downlink::ledger::Closed;
use crate::kafka::downlink::marks::{self, Marks};
use crate::kafka::downlink::owner::{Membership, Owner, Place};
use crate::kafka::downlink::partitions;
use crate::kafka::properties;

/// How long one question to Kafka may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a start waits for what was announced before it. Beyond that devices get again what they
/// may have, which is better than nothing.
const HEAR_FIRST_MAX: Duration = Duration::from_secs(20);

/// The other gateways.
pub(super) struct Others {
    pub(super) owner: Owner,
    pub(super) announcer: Announcer,
    pub(super) survey: Survey,
    /// The topic of announcements.
    pub(super) handoffs: Arc<str>,
    announcer_config: ClientConfig,
    /// Behind the last announcement that was heard; none before the first look.
    heard_to: Option<i64>,
    /// What was announced of partitions that are not read yet, by feed and number.
    pub(super) unplaced: HashMap<(usize, i32), Early>,
}

impl Others {
    /// Joins them.
    pub(super) fn meet(
        config: &DownlinkConfig,
        membership: &Membership,
        client: &Arc<Client>,
        news: &Arc<News>,
    ) -> io::Result<Self> {
        let cluster: Arc<str> = config.cluster.as_str().into();
        let handoffs: Arc<str> = membership.handoffs.as_str().into();
        let topics = config.rules.iter().map(|rule| Arc::from(&*rule.topic));
        let topics: Vec<Arc<str>> = topics.collect();
        let group = consumer::config(&config.brokers, &config.properties, &config.group_id);
        let owner = Owner::start(group, membership, &topics, &cluster, news);
        let announcer_config = announcer::config(&config.brokers, &config.properties);
        let writes = announcer_config.clone();
        let announcer = Announcer::create(writes, &handoffs, &cluster, news);
        let announcer = announcer.map_err(|error| properties::describe(&error));
        Ok(Self {
            owner: owner.map_err(io::Error::other)?,
            announcer: announcer.map_err(io::Error::other)?,
            survey: Survey::start(client)?,
            handoffs,
            announcer_config,
            heard_to: None,
            unplaced: HashMap::new(),
        })
    }

    pub(super) fn is_hearing(&self) -> bool {
        self.heard_to.is_some()
    }

    /// Behind the last announcement that was heard.
    pub(super) fn heard_to(&self) -> i64 {
        self.heard_to.unwrap_or(0)
    }
}

impl Reader {
    /// Announces what was handed off, when it is time.
    pub(super) fn announce(&mut self, now: Instant) {
        let Party::Several(others) = &mut self.party else {
            return;
        };
        let (feeds, partitions) = (&self.feeds, &self.partitions);
        others.announcer.announce(now, |index| {
            let partition = &partitions[index as usize];
            (&*feeds[partition.feed].topic, partition.number)
        });
    }

    /// Announces all of it, if Kafka takes it in time.
    pub(super) fn announce_last(&mut self) {
        self.announce(Instant::now() + announcer::GATHER);
        if let Party::Several(others) = &self.party {
            others.announcer.flush(LAST_COMMIT_MAX);
        }
    }

    /// Begins to hear announcements, from this one on or from the first that there is, and hears
    /// those that are there before any record is read.
    pub(super) fn begin_to_hear(&mut self, client: &Client, from: Option<i64>) -> KafkaResult<()> {
        let Party::Several(others) = &mut self.party else {
            return Ok(());
        };
        let handoffs = Arc::clone(&others.handoffs);
        if let Err(error) = partitions::count(client, &handoffs) {
            let code = error.rdkafka_error_code();
            let is_missing = matches!(
                code,
                Some(Code::UnknownTopic | Code::UnknownTopicOrPartition)
            );
            if !is_missing {
                return Err(error);
            }
            announcer::create_topic(&others.announcer_config, &handoffs)?;
        }
        others.announcer.open();
        let (first, end) = client.fetch_watermarks(&handoffs, announcer::PARTITION, PATIENCE)?;
        // Beyond the end it is another topic than the one that was heard then.
        let from = from
            .filter(|from| (first..=end).contains(from))
            .unwrap_or(first);
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&handoffs, announcer::PARTITION, Offset::Offset(from))?;
        client.incremental_assign(&list)?;
        others.heard_to = Some(from);
        let deadline = Instant::now() + HEAR_FIRST_MAX;
        while self.heard_to() < end && Instant::now() < deadline && !self.is_stopped() {
            // Nothing else is assigned yet.
            if let Some(Ok(record)) = client.poll(super::POLL) {
                self.on_announcement(record.offset(), record.payload());
            }
        }
        Ok(())
    }

    fn heard_to(&self) -> i64 {
        match &self.party {
            Party::Alone(_) => 0,
            Party::Several(others) => others.heard_to(),
        }
    }

    /// Hears what was handed off, perhaps by this gateway itself.
    pub(super) fn on_announcement(&mut self, heard_at: i64, payload: Option<&[u8]>) {
        if let Party::Several(others) = &mut self.party {
            others.heard_to = Some(heard_at + 1);
        }
        let sections = match announcement::decode(payload.unwrap_or_default()) {
            Ok(sections) => sections,
            Err(why) => {
                let untold = self
                    .news
                    .complaints
                    .may_tell("announcement", Instant::now());
                if let Some(untold) = untold {
                    let reason = why.to_string();
                    tracing::warn!(heard_at, reason, untold, "an announcement was passed over");
                }
                return;
            }
        };
        for section in sections {
            let mut feeds = self.feeds.iter();
            let Some(feed) = feeds.position(|feed| *feed.topic == *section.topic) else {
                continue;
            };
            self.feeds[feed].tally.on_heard(section.offsets.len());
            match self.places.get(&(feed, section.partition)) {
                Some(&index) => {
                    for offset in section.offsets {
                        self.close_elsewhere(index, offset, heard_at);
                    }
                }
                None => self.note_unplaced((feed, section.partition), &section.offsets, heard_at),
            }
        }
    }

    fn note_unplaced(&mut self, place: (usize, i32), offsets: &[i64], heard_at: i64) {
        if let Party::Several(others) = &mut self.party {
            let early = others.unplaced.entry(place).or_default();
            offsets
                .iter()
                .for_each(|offset| early.note(*offset..offset + 1, heard_at));
        }
    }

    /// Another gateway is done with a record.
    fn close_elsewhere(&mut self, index: u32, offset: i64, heard_at: i64) {
        let partition = &mut self.partitions[index as usize];
        if offset >= partition.ledger.next_offset() {
            return partition.early.note(offset..offset + 1, heard_at);
        }
        if let Some(closed) = partition.ledger.close_at(offset) {
            self.feeds[partition.feed].tally.on_fate(Fate::Elsewhere);
            self.withdraw(index, closed);
        }
    }

    /// Tells the shard that has a record to forget it.
    pub(super) fn withdraw(&self, index: u32, closed: Closed) {
        if let Some(device) = closed.device {
            let origin = Origin {
                post: Arc::clone(&self.post),
                partition: index,
                number: closed.number,
            };
            self.sink
                .withdraw(closed.home, Withdrawal { device, origin });
        }
    }

    /// Takes over what earlier owners of partitions have committed: they may have ended before
    /// all of it was announced, and what is committed never goes back.
    pub(super) fn adopt_inherited(&mut self) {
        let Party::Several(others) = &self.party else {
            return;
        };
        for ((topic, number), place) in others.owner.take_inherited() {
            let mut feeds = self.feeds.iter();
            let feed = feeds.position(|feed| *feed.topic == *topic);
            let index = feed.and_then(|feed| self.places.get(&(feed, number)));
            // One that is not read yet begins with what is committed.
            if let Some(&index) = index {
                self.adopt(index, &place);
                self.partitions[index as usize].committed = None;
            }
        }
    }

    fn adopt(&mut self, index: u32, (offset, text): &Place) {
        let heard_at = self.heard_to();
        let partition = &self.partitions[index as usize];
        let next = partition.ledger.next_offset();
        if *offset > next.max(partition.end) {
            return; // It was committed of another topic by this name.
        }
        let marks = Marks::read(*offset, marks::split_heard(text).0);
        for done in std::iter::once(0..*offset).chain(marks.done()) {
            for offset in self.partitions[index as usize]
                .ledger
                .open_within(done.clone())
            {
                self.close_elsewhere(index, offset, heard_at);
            }
            let unread = done.start.max(next)..done.end;
            self.partitions[index as usize].early.note(unread, heard_at);
        }
    }
}
