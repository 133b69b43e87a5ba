//! Commits what is done with, and tells how far the topics are read.

use std::time::Instant;

use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::{LAST_COMMIT_MAX, Partition, Party, ROOM_WAIT, Reader};
use crate::kafka::downlink::marks::{self, Marks};
use crate::kafka::downlink::tally::Levels;

impl Partition {
    /// What can be committed: an offset, and what stands beside it.
    fn commit(&self) -> (i64, String) {
        let (offset, next) = (self.ledger.commit_offset(), self.ledger.next_offset());
        // What the earlier process knew holds until it was read again.
        let open = self.ledger.open_offsets().chain(self.marks.open_from(next));
        let end = next.max(self.marks.end());
        (offset, Marks::write(offset, end, open))
    }
}

impl Reader {
    /// Commits up to the first open record of each partition, where that has changed.
    ///
    /// A partition that begins at its end is committed at once: a gateway that is killed before its
    /// first record would else begin at a later end.
    ///
    /// With other gateways this says what could be committed, and the owner commits.
    pub(super) fn commit(&mut self) {
        let committer = match &self.party {
            Party::Alone(committer) => committer,
            Party::Several(_) => return self.say(),
        };
        if committer.is_busy() {
            return;
        }
        if committer.take_failed() {
            let partitions = self.partitions.iter_mut();
            partitions.for_each(|partition| partition.committed = None);
        }
        let mut list = TopicPartitionList::new();
        for partition in &mut self.partitions {
            let said = partition.commit();
            if partition.committed.as_ref() == Some(&said) {
                continue;
            }
            let topic = &self.feeds[partition.feed].topic;
            let mut one = list.add_partition(topic, partition.number);
            let is_set = one.set_offset(Offset::Offset(said.0));
            debug_assert!(is_set.is_ok(), "an offset that was read is one");
            if !said.1.is_empty() {
                one.set_metadata(&said.1);
            }
            partition.committed = Some(said);
        }
        if list.count() > 0 {
            committer.commit(list);
        }
    }

    fn say(&mut self) {
        self.adopt_inherited();
        let Party::Several(others) = &self.party else {
            return;
        };
        for partition in &mut self.partitions {
            let said = partition.commit();
            if partition.committed.as_ref() != Some(&said) {
                let (offset, marks) = said.clone();
                let hear_from = partition.early.hear_from(others.heard_to());
                let topic = &self.feeds[partition.feed].topic;
                let place = (offset, marks::with_heard(marks, hear_from));
                others.owner.say(topic, partition.number, place);
                partition.committed = Some(said);
            }
        }
    }

    /// Everything is committed anew at the next turn.
    pub(super) fn forget_commits(&mut self) {
        let partitions = self.partitions.iter_mut();
        partitions.for_each(|partition| partition.committed = None);
    }

    /// Commits what was handed off until now, if Kafka answers in time.
    pub(super) fn commit_last(&mut self) {
        let deadline = Instant::now() + LAST_COMMIT_MAX;
        self.commit();
        loop {
            match &self.party {
                Party::Several(others) => return others.owner.end(deadline),
                Party::Alone(committer) if !committer.is_busy() => return,
                Party::Alone(_) if Instant::now() >= deadline => return,
                Party::Alone(_) => std::thread::park_timeout(ROOM_WAIT),
            }
            // Once more for what was handed off while an earlier one was on its way.
            self.commit();
        }
    }

    /// Brings into the books what is not counted record by record.
    pub(super) fn tell_levels(&mut self) {
        for level in self.news.levels() {
            self.note_end(&level);
        }
        let commits = match &self.party {
            Party::Alone(committer) => committer.confirmed(),
            Party::Several(others) => others.owner.confirmed(),
        };
        let new_commits = commits - std::mem::replace(&mut self.commits_counted, commits);
        for (place, feed) in self.feeds.iter().enumerate() {
            let own = self.partitions.iter().filter(|one| one.feed == place);
            let lag: i64 = own
                .map(|one| (one.end - one.ledger.next_offset()).max(0))
                .sum();
            let partitions = feed.partition_count as u64;
            let owned = match &self.party {
                Party::Alone(_) => partitions,
                Party::Several(others) => others.owner.owned_count(&feed.topic) as u64,
            };
            feed.tally.set_levels(Levels {
                partitions,
                lag: lag as u64,
                owned,
            });
            (0..new_commits).for_each(|_| feed.tally.on_commit());
        }
    }
}
