//! From a record to the shard of its device, with a place in the ledger.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use rdkafka::types::RDKafkaErrorCode as Code;

use super::{POLL, POLL_WITH_OTHERS, Partition, Party, Reader, Stashed};
use crate::clock;
use crate::kafka::downlink::command::{Command, Dropped, Fate, Origin};
use crate::kafka::downlink::consumer::Level;
use crate::kafka::downlink::rule::{Addressed, Record};
use crate::kafka::limits;

impl Reader {
    /// Reads what there is, up to a bound; waits a little when there is nothing.
    pub(super) fn read_some(&mut self) {
        let client = Arc::clone(&self.client);
        if self.shared.stopped.load(Ordering::Relaxed) {
            // Nothing comes any more but fates.
            std::thread::park_timeout(super::ROOM_WAIT);
            return;
        }
        let mut wait = match &self.party {
            Party::Alone(_) => POLL,
            // The others wait for word of what was handed off, and nobody rings for a reader.
            Party::Several(others) if others.announcer.is_full() => {
                std::thread::park_timeout(super::ROOM_WAIT);
                return;
            }
            Party::Several(_) => POLL_WITH_OTHERS,
        };
        for _ in 0..limits::DOWNLINK_RECORDS_PER_TURN {
            match client.poll(wait) {
                Some(Ok(record)) => self.on_record(&record),
                Some(Err(error)) => self.on_error(&error),
                None => {
                    self.on_quiet();
                    break;
                }
            }
            if !self.stash.is_empty() {
                break;
            }
            wait = Duration::ZERO;
        }
    }

    fn on_error(&self, error: &KafkaError) {
        let code = error.rdkafka_error_code().unwrap_or(Code::Unknown);
        self.client
            .context()
            .complain(code, "records cannot be read now");
    }

    /// Nothing is left to be looked at of what was fetched before: what librdkafka has told of
    /// its progress meanwhile holds for us as well.
    fn on_quiet(&mut self) {
        for level in self.news.take_levels() {
            let Some(index) = self.note_end(&level) else {
                continue;
            };
            let partition = &mut self.partitions[index as usize];
            partition.quiet_to = level.fetched_to.unwrap_or(partition.quiet_to);
            let place = partition.feed;
            // The last offsets before the end may be markers, which are no records.
            if let (Some(catch_up), Some(next)) =
                (&mut self.feeds[place].catch_up, level.fetched_to)
            {
                catch_up.on_progress(index, next);
            }
            self.end_catch_up(place);
        }
    }

    /// Notes the end of a partition; gives the partition, if it is ours.
    pub(super) fn note_end(&mut self, level: &Level) -> Option<u32> {
        let mut feeds = self.feeds.iter();
        let feed = feeds.position(|feed| *feed.topic == *level.topic)?;
        let index = *self.places.get(&(feed, level.partition))?;
        self.partitions[index as usize].end = level.end;
        Some(index)
    }

    fn on_record(&mut self, record: &BorrowedMessage<'_>) {
        if let Party::Several(others) = &self.party
            && record.topic() == &*others.handoffs
        {
            return self.on_announcement(record.offset(), record.payload());
        }
        let mut feeds = self.feeds.iter();
        let Some(place) = feeds.position(|feed| *feed.topic == *record.topic()) else {
            return;
        };
        let Some(&index) = self.places.get(&(place, record.partition())) else {
            return;
        };
        let known = self.partitions[index as usize].recall(record.offset());
        if known == Some(Known::Told) {
            self.feeds[place].tally.on_read(Some(Fate::Elsewhere));
        }
        if known.is_some() && !self.feeds[place].rule.terms.latest {
            self.partitions[index as usize].ledger.pass(record.offset());
            return self.on_progress(place, index, record.offset());
        }
        let headers = record.headers();
        let headers: Vec<_> = headers
            .iter()
            .flat_map(|headers| headers.iter())
            .map(|header| (header.key, header.value))
            .collect();
        let seen = Record {
            key: record.key(),
            value: record.payload(),
            headers: &headers,
            timestamp_millis: record.timestamp().to_millis(),
        };
        let offset = record.offset();
        let feed = &mut self.feeds[place];
        match feed.rule.address(&seen, clock::unix_sec()) {
            addressed if known.is_some() => self.on_known(place, index, offset, addressed.ok()),
            Ok(addressed) => self.on_addressed(place, index, offset, addressed),
            Err(why) => {
                feed.tally.on_read(Some(Fate::Dropped(why)));
                self.partitions[index as usize].ledger.pass(offset);
                self.tell_drop(place, why, record.partition(), offset);
            }
        }
        self.on_progress(place, index, offset);
        self.give_up(index);
    }

    /// A partition was read up to this record.
    fn on_progress(&mut self, place: usize, index: u32, offset: i64) {
        if let Some(catch_up) = &mut self.feeds[place].catch_up {
            catch_up.on_progress(index, offset + 1);
            self.end_catch_up(place);
        }
    }

    fn on_addressed(&mut self, place: usize, index: u32, offset: i64, addressed: Addressed) {
        let feed = &mut self.feeds[place];
        let device = addressed.device;
        let (home, parties) = match &device {
            Some(device) => (self.sink.home(device), 1),
            None => (0, self.sink.shards()),
        };
        let message = Arc::new(addressed.message);
        let ledger = &mut self.partitions[index as usize].ledger;
        let bytes = message.bytes();
        let number = ledger.open(offset, bytes, parties as u16, home as u16, device.clone());
        feed.tally.on_read(None);
        let command = Command {
            device,
            message,
            is_tombstone: addressed.is_tombstone,
            terms: Arc::clone(&feed.terms),
            origin: Origin {
                post: Arc::clone(&self.post),
                partition: index,
                number,
            },
        };
        self.hold_or_send(place, command);
    }

    /// A record was read that its device has: what is older than this state is void all the same.
    fn on_known(&mut self, place: usize, index: u32, offset: i64, addressed: Option<Addressed>) {
        let number = self.partitions[index as usize].ledger.pass(offset);
        let Some(addressed) = addressed.filter(|addressed| addressed.device.is_some()) else {
            return;
        };
        let command = Command {
            device: addressed.device,
            message: Arc::new(addressed.message),
            is_tombstone: true,
            terms: Arc::clone(&self.feeds[place].terms),
            origin: Origin {
                post: Arc::clone(&self.post),
                partition: index,
                number,
            },
        };
        self.hold_or_send(place, command);
    }

    fn hold_or_send(&mut self, place: usize, command: Command) {
        let feed = &mut self.feeds[place];
        let Some(catch_up) = &mut feed.catch_up else {
            return self.send(command);
        };
        if let Some(older) = catch_up.hold(command) {
            // For everyone or for one: no shard has heard of it.
            let ledger = &mut self.partitions[older.origin.partition as usize].ledger;
            if ledger.is_open(older.origin.number) {
                ledger.settle_wholly(older.origin.number);
                feed.tally.on_fate(Fate::Dropped(Dropped::Superseded));
            }
        }
    }

    /// Lets a compacted topic's newest go out once its end at the start is reached.
    pub(super) fn end_catch_up(&mut self, place: usize) {
        let feed = &mut self.feeds[place];
        let Some(catch_up) = feed.catch_up.take_if(|catch_up| catch_up.is_done()) else {
            return;
        };
        for command in catch_up.release() {
            self.send(command);
        }
    }

    /// Takes a command to its shard, or to all of them.
    fn send(&mut self, command: Command) {
        let shards = match &command.device {
            Some(device) => {
                let home = self.sink.home(device);
                home..home + 1
            }
            None => 0..self.sink.shards(),
        };
        self.stash.push_back(Stashed { command, shards });
        self.empty_stash();
    }

    /// Takes to the shards what waits for them, in order, as far as they have room.
    pub(super) fn empty_stash(&mut self) {
        while let Some(Stashed { command, shards }) = self.stash.front_mut() {
            let origin = &command.origin;
            let ledger = &mut self.partitions[origin.partition as usize].ledger;
            // It may have been closed while it waited; what is older than a state is void then.
            let is_open = ledger.is_open(origin.number);
            let is_void = !is_open && command.terms.latest && command.device.is_some();
            command.is_tombstone |= is_void;
            while (is_open || is_void)
                && let Some(shard) = shards.next()
            {
                if !self.sink.has_room(shard, command.bytes()) {
                    shards.start = shard;
                    return;
                }
                self.sink.leave(shard, command.clone());
            }
            self.stash.pop_front();
        }
    }

    /// Gives up the oldest open records of a partition that holds up too many.
    fn give_up(&mut self, index: u32) {
        let partition = &mut self.partitions[index as usize];
        let (place, number) = (partition.feed, partition.number);
        let entries_max = self.feeds[place].rule.uncommitted_max;
        let bytes_max = limits::DOWNLINK_OPEN_BYTES_MAX;
        while let Some(given_up) = self.partitions[index as usize]
            .ledger
            .give_up(entries_max, bytes_max)
        {
            let fate = Fate::Dropped(Dropped::Window);
            self.feeds[place].tally.on_fate(fate);
            self.tell_drop(place, Dropped::Window, number, given_up.offset);
            self.withdraw(index, given_up);
        }
    }

    /// Says loudly, but seldom, that records of a topic go nowhere.
    fn tell_drop(&self, place: usize, why: Dropped, partition: i32, offset: i64) {
        let topic = &*self.feeds[place].topic;
        let reason = why.name();
        let what = format!("{topic} {reason}");
        let complaints = &self.news.complaints;
        if let Some(untold) = complaints.may_tell(&what, Instant::now()) {
            tracing::warn!(
                topic,
                partition,
                offset,
                reason,
                untold,
                "a record was dropped"
            );
        }
    }
}

/// How it is known that a record was done with before it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    /// It stood beside the commit that reading began with.
    Committed,
    /// Another gateway has told.
    Told,
}

impl Partition {
    /// Whether the record at this offset was done with before it was read.
    fn recall(&mut self, offset: i64) -> Option<Known> {
        if offset < self.ledger.next_offset() {
            // The topic was made anew: these are other records.
            self.marks.forget();
            self.early.forget();
        }
        let was_told = self.early.take(offset);
        if self.marks.is_done(offset) {
            return Some(Known::Committed);
        }
        was_told.then_some(Known::Told)
    }
}
