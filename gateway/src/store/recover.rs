//! Reads the whole file at start and sorts it by home shard; what has expired or hangs on nothing
//! is left for the store thread to clear away.
//!
//! Both tables of sessions are ordered by session number, so one pass over each is enough.

use std::collections::BTreeSet;
use std::sync::Arc;

use redb::{Database, ReadTransaction, ReadableDatabase, ReadableTable};
use rustc_hash::FxHashMap;
use tributary_proto::message::Message;

use super::apply::Ledger;
use super::error::Cause;
use super::key;
use super::op::{QueueEntry, SessionNumber, StoredGrant};
use super::record::{self, Content};
use super::recovered::{EntryState, Recovered, RecoveredEntry, RecoveredSession};
use super::tables;

/// Everything that a file said.
pub(super) struct Recovery {
    pub(super) shards: Vec<Recovered>,
    pub(super) ledger: Ledger,
    pub(super) next_session: u64,
    /// Retained messages that have expired.
    pub(super) expired: Vec<Box<[u8]>>,
}

/// Where a session went, in the order of the numbers.
struct Place {
    number: SessionNumber,
    shard: usize,
    index: usize,
}

struct Reading<'a, H> {
    home: H,
    now_sec: u32,
    transaction: &'a ReadTransaction,
    shards: Vec<Recovered>,
    places: Vec<Place>,
    /// Sessions to clear away: expired, or without a record.
    doomed: BTreeSet<SessionNumber>,
    last: Option<SessionNumber>,
    references: FxHashMap<u64, u32>,
}

/// Reads everything; `home` says which shard a client id or a topic belongs to.
pub(super) fn recover(
    database: &Database,
    shards: usize,
    now_sec: u32,
    home: impl Fn(&str) -> usize,
) -> Result<Recovery, Cause> {
    let transaction = database.begin_read().map_err(redb::Error::from)?;
    let mut reading = Reading {
        home,
        now_sec,
        transaction: &transaction,
        shards: (0..shards).map(|_| Recovered::default()).collect(),
        places: Vec::new(),
        doomed: BTreeSet::new(),
        last: None,
        references: FxHashMap::default(),
    };
    reading.read_sessions()?;
    let (bodies, next_body) = reading.read_bodies()?;
    reading.read_flow(&bodies)?;
    let expired = reading.read_retained()?;
    let doomed = reading.doomed.into_iter().collect();
    let ledger = Ledger::new(reading.references, next_body, doomed);
    Ok(Recovery {
        shards: reading.shards,
        ledger,
        next_session: reading.last.map_or(0, SessionNumber::word) + 1,
        expired,
    })
}

impl<H: Fn(&str) -> usize> Reading<'_, H> {
    fn read_sessions(&mut self) -> Result<(), Cause> {
        let mut subscriptions: Vec<(Box<str>, StoredGrant)> = Vec::new();
        self.for_each(tables::SESSIONS, |reading, key, value| {
            let (number, tag, rest) = key::split(key)?;
            if reading.last != Some(number) {
                reading.finish_session(&mut subscriptions);
            }
            reading.last = Some(number);
            if tag == key::RECORD {
                return reading.begin_session(number, value);
            }
            if reading.doomed.contains(&number) && tag == key::WILL {
                // It ended while nobody was there to publish its will.
                return reading.publish_will(value);
            }
            if reading
                .places
                .last()
                .is_none_or(|place| place.number != number)
            {
                reading.doomed.insert(number);
                return Some(());
            }
            match tag {
                key::WILL => reading.newest()?.will = Some(Box::new(record::read_will(value)?)),
                key::SUBSCRIPTION => {
                    let filter = std::str::from_utf8(rest).ok()?;
                    subscriptions.push((filter.into(), record::read_grant(value)?));
                }
                _ => return None,
            }
            Some(())
        })?;
        self.finish_session(&mut subscriptions);
        Ok(())
    }

    fn begin_session(&mut self, number: SessionNumber, value: &[u8]) -> Option<()> {
        let (client_id, record) = record::read_session(value)?;
        if record.is_expired(self.now_sec) {
            self.doomed.insert(number);
            return Some(());
        }
        let shard = (self.home)(client_id);
        let sessions = &mut self.shards.get_mut(shard)?.sessions;
        self.places.push(Place {
            number,
            shard,
            index: sessions.len(),
        });
        sessions.push(RecoveredSession {
            number,
            client_id: client_id.into(),
            record,
            subscriptions: Box::default(),
            queue: Box::default(),
            taken: Box::default(),
            will: None,
        });
        Some(())
    }

    /// Gives the session read last what was found of it.
    fn finish_session(&mut self, subscriptions: &mut Vec<(Box<str>, StoredGrant)>) {
        if let Some(newest) = self.newest().filter(|_| !subscriptions.is_empty()) {
            newest.subscriptions = subscriptions.drain(..).collect();
        }
    }

    fn newest(&mut self) -> Option<&mut RecoveredSession> {
        let shard = self.places.last()?.shard;
        self.shards[shard].sessions.last_mut()
    }

    /// Hands over the will of a session that has expired. A session without a record was ended
    /// while the gateway ran: its will was dealt with then.
    fn publish_will(&mut self, value: &[u8]) -> Option<()> {
        let will = record::read_will(value)?;
        let shard = (self.home)(&will.message.topic);
        self.shards.get_mut(shard)?.wills.push(will);
        Some(())
    }

    fn read_bodies(&mut self) -> Result<(FxHashMap<u64, Arc<Message>>, u64), Cause> {
        let mut bodies = FxHashMap::default();
        let mut next = 0;
        self.for_each(tables::BODIES, |_, key, value| {
            let number = u64::from_be_bytes(key.try_into().ok()?);
            bodies.insert(number, Arc::new(record::read_message(value)?));
            next = number + 1;
            Some(())
        })?;
        Ok((bodies, next))
    }

    fn read_flow(&mut self, bodies: &FxHashMap<u64, Arc<Message>>) -> Result<(), Cause> {
        let mut reached = 0;
        let mut queue: Vec<RecoveredEntry> = Vec::new();
        let mut taken: Vec<u16> = Vec::new();
        self.for_each(tables::FLOW, |reading, key, value| {
            let (number, tag, rest) = key::split(key)?;
            while reading
                .places
                .get(reached)
                .is_some_and(|place| place.number < number)
            {
                reading.finish_flow(reached, &mut queue, &mut taken);
                reached += 1;
            }
            let is_alive = reading
                .places
                .get(reached)
                .is_some_and(|place| place.number == number);
            if !is_alive {
                reading.doomed.insert(number);
                reading.last = reading.last.max(Some(number));
            }
            match tag {
                key::TAKEN if is_alive => taken.push(u16::from_be_bytes(rest.try_into().ok()?)),
                key::TAKEN => {}
                key::QUEUE => match key::split_queue(rest)? {
                    (seq, key::ENTRY) => {
                        let entry = reading.read_entry(seq, value, bodies)?;
                        queue.extend(is_alive.then_some(entry));
                    }
                    (seq, key::STATE) if is_alive => {
                        let newest = queue.last_mut().filter(|newest| newest.seq == seq)?;
                        newest.state = record::read_state(value)?;
                    }
                    (_, key::STATE) => {}
                    _ => return None,
                },
                _ => return None,
            }
            Some(())
        })?;
        self.finish_flow(reached, &mut queue, &mut taken);
        Ok(())
    }

    /// Also counts the references of deleted sessions, since they are still to be cleared away.
    fn read_entry(
        &mut self,
        seq: u64,
        value: &[u8],
        bodies: &FxHashMap<u64, Arc<Message>>,
    ) -> Option<RecoveredEntry> {
        let head = record::read_entry(value)?;
        let message = match head.content {
            Content::Inline(message) => Arc::new(message),
            Content::Shared(body) => {
                *self.references.entry(body).or_default() += 1;
                Arc::clone(bodies.get(&body)?)
            }
        };
        Some(RecoveredEntry {
            seq,
            entry: QueueEntry {
                message,
                qos: head.qos,
                retain: head.retain,
                identifiers: head.identifiers,
            },
            state: EntryState::Waiting,
        })
    }

    fn finish_flow(
        &mut self,
        reached: usize,
        queue: &mut Vec<RecoveredEntry>,
        taken: &mut Vec<u16>,
    ) {
        if let Some(place) = self.places.get(reached)
            && !(queue.is_empty() && taken.is_empty())
        {
            let session = &mut self.shards[place.shard].sessions[place.index];
            session.queue = queue.drain(..).collect();
            session.taken = taken.drain(..).collect();
        }
    }

    fn read_retained(&mut self) -> Result<Vec<Box<[u8]>>, Cause> {
        let mut expired = Vec::new();
        self.for_each(tables::RETAINED, |reading, key, value| {
            let mut message = record::read_message(value)?;
            if message.is_expired(reading.now_sec) {
                expired.push(key.into());
                return Some(());
            }
            message.topic = std::str::from_utf8(key).ok()?.into();
            let shard = (reading.home)(&message.topic);
            reading
                .shards
                .get_mut(shard)?
                .retained
                .push(Arc::new(message));
            Some(())
        })?;
        Ok(expired)
    }

    /// Walks one table; `None` from `take` means that an entry is not what was written.
    fn for_each(
        &mut self,
        definition: tables::Definition,
        mut take: impl FnMut(&mut Self, &[u8], &[u8]) -> Option<()>,
    ) -> Result<(), Cause> {
        let table = self
            .transaction
            .open_table(definition)
            .map_err(redb::Error::from)?;
        for entry in table.iter()? {
            let (key, value) = entry?;
            take(self, key.value(), value.value()).ok_or_else(|| Cause::Corrupt {
                what: format!("an entry of its table {definition} cannot be read"),
            })?;
        }
        Ok(())
    }
}
