//! Operations by chance against a model that is nothing but maps; the seed is printed on failure.
//!
//! `TRIBUTARY_STORE_SEED` sets the seed.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU64;
use std::sync::Arc;

use tributary_proto::message::Message;
use tributary_proto::version::{Qos, Version};

use super::ground::*;
use crate::store::{
    EntryState, Op, QueueEntry, Recovered, RecoveredEntry, RecoveredSession, SessionNumber,
    SessionRecord, StoredGrant, StoredWill, Whose,
};

/// What ought to be in the store.
#[derive(Default)]
pub(super) struct Model {
    sessions: BTreeMap<SessionNumber, Session>,
    retained: BTreeMap<Box<str>, Arc<Message>>,
}

struct Session {
    client_id: Box<str>,
    record: SessionRecord,
    subscriptions: BTreeMap<Box<str>, StoredGrant>,
    queue: BTreeMap<u64, (QueueEntry, EntryState)>,
    taken: BTreeSet<u16>,
    will: Option<Box<StoredWill>>,
}

impl Model {
    fn apply(&mut self, op: &Op) {
        match op.clone() {
            Op::SessionPut {
                session,
                client_id,
                record,
            } => {
                let fresh = || Session {
                    client_id,
                    record: RECORD,
                    subscriptions: BTreeMap::new(),
                    queue: BTreeMap::new(),
                    taken: BTreeSet::new(),
                    will: None,
                };
                self.sessions.entry(session).or_insert_with(fresh).record = *record;
            }
            Op::SessionDelete { session } => drop(self.sessions.remove(&session)),
            Op::SubscriptionPut {
                session,
                filter,
                grant,
            } => drop(self.of(session).subscriptions.insert(filter, grant)),
            Op::SubscriptionDelete { session, filter } => {
                self.of(session).subscriptions.remove(&filter);
            }
            Op::WillPut { session, will } => self.of(session).will = Some(will),
            Op::WillDelete { session } => self.of(session).will = None,
            Op::QueuePut {
                session,
                seq,
                entry,
            } => drop(
                self.of(session)
                    .queue
                    .insert(seq, (entry, EntryState::Waiting)),
            ),
            Op::QueueSent {
                session,
                seq,
                packet_id,
            } => self.entry(session, seq).1 = EntryState::Sent { packet_id },
            Op::QueueReceived { session, seq } => {
                if let (_, state @ EntryState::Sent { .. }) = self.entry(session, seq)
                    && let EntryState::Sent { packet_id } = *state
                {
                    *state = EntryState::Received { packet_id };
                }
            }
            Op::QueueDone { session, seq } => drop(self.of(session).queue.remove(&seq)),
            Op::IdTaken { session, packet_id } => drop(self.of(session).taken.insert(packet_id)),
            Op::IdReleased { session, packet_id } => {
                self.of(session).taken.remove(&packet_id);
            }
            Op::RetainedPut { message } => {
                self.retained.insert(message.topic.clone(), message);
            }
            Op::RetainedDelete { topic } => drop(self.retained.remove(&topic)),
        }
    }

    fn of(&mut self, session: SessionNumber) -> &mut Session {
        self.sessions
            .get_mut(&session)
            .expect("the script names those that exist")
    }

    fn entry(&mut self, session: SessionNumber, seq: u64) -> &mut (QueueEntry, EntryState) {
        let queue = &mut self.of(session).queue;
        queue
            .get_mut(&seq)
            .expect("the script names those that exist")
    }

    /// Says in which way the store differs.
    pub(super) fn difference(&self, recovered: &Recovered) -> Option<String> {
        let session = |(number, session): (&SessionNumber, &Session)| {
            let entry = |(seq, (entry, state)): (&u64, &(QueueEntry, EntryState))| RecoveredEntry {
                seq: *seq,
                entry: entry.clone(),
                state: *state,
            };
            RecoveredSession {
                number: *number,
                client_id: session.client_id.clone(),
                record: session.record.clone(),
                subscriptions: session.subscriptions.clone().into_iter().collect(),
                queue: session.queue.iter().map(entry).collect(),
                taken: session.taken.iter().copied().collect(),
                will: session.will.clone(),
            }
        };
        let wanted: Vec<_> = self.sessions.iter().map(session).collect();
        let retained: Vec<_> = self.retained.values().cloned().collect();
        if recovered.retained != retained {
            return Some(format!(
                "retained {:?}, not {retained:?}",
                recovered.retained
            ));
        }
        let (found, count) = (&recovered.sessions, wanted.len());
        if found.len() != count {
            return Some(format!("{} sessions, not {count}", found.len()));
        }
        let pair = found
            .iter()
            .zip(&wanted)
            .find(|(found, wanted)| found != wanted);
        pair.map(|(found, wanted)| format!("{found:?}, not {wanted:?}"))
    }
}

/// An endless row of batches that depends on nothing but its seed.
pub(super) struct Script {
    random: u64,
    pub(super) model: Model,
    next_session: u64,
    next_seq: u64,
}

impl Script {
    pub(super) fn new(seed: u64) -> Script {
        Script {
            random: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
            model: Model::default(),
            next_session: 1,
            next_seq: 1,
        }
    }

    /// The next batch, already in the model.
    pub(super) fn batch(&mut self) -> Vec<Op> {
        let mut ops = Vec::new();
        for _ in 0..1 + self.below(12) {
            let before = ops.len();
            self.act(&mut ops);
            for op in &ops[before..] {
                self.model.apply(op);
            }
        }
        ops
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) % bound
    }

    fn act(&mut self, ops: &mut Vec<Op>) {
        let known = self.model.sessions.len();
        if known < 3 || known < 40 && self.below(10) == 0 {
            let number = NonZeroU64::new(self.next_session).expect("it begins at 1");
            self.next_session += 1;
            return ops.push(self.put_session(SessionNumber(number)));
        }
        let place = self.below(known as u64) as usize;
        let number = self.model.sessions.keys().nth(place);
        let session = *number.expect("there are that many");
        match self.below(30) {
            0 if self.below(4) == 0 => ops.push(Op::SessionDelete { session }),
            0 => ops.push(self.put_session(session)),
            1..=3 => ops.push(Op::SubscriptionPut {
                session,
                filter: format!("f/{}", self.below(6)).into(),
                grant: self.grant(),
            }),
            4 => ops.push(Op::SubscriptionDelete {
                session,
                filter: format!("f/{}", self.below(6)).into(),
            }),
            5 => ops.push(Op::WillPut {
                session,
                will: Box::new(StoredWill {
                    message: self.message("will"),
                    delay_secs: self.below(100) as u32,
                    due_sec: (self.below(2) == 0).then_some(NOW),
                }),
            }),
            6 => ops.push(Op::WillDelete { session }),
            7 => ops.push(Op::IdTaken {
                session,
                packet_id: self.below(20) as u16 + 1,
            }),
            8 => ops.push(Op::IdReleased {
                session,
                packet_id: self.below(20) as u16 + 1,
            }),
            9..=10 => {
                let topic = format!("r/{}", self.below(10));
                let message = self.message(&topic);
                ops.push(Op::RetainedPut { message });
            }
            11 => ops.push(Op::RetainedDelete {
                topic: format!("r/{}", self.below(10)).into(),
            }),
            12..=14 => self.fan_out(ops),
            15..=17 => ops.extend([self.put_entry(session)]),
            _ => ops.extend(self.step(session)),
        }
    }

    fn put_session(&mut self, session: SessionNumber) -> Op {
        let versions = [Version::V31, Version::V311, Version::V5];
        Op::SessionPut {
            session,
            client_id: format!("client-{}", session.word()).into(),
            record: Box::new(SessionRecord {
                version: versions[self.below(3) as usize],
                whose: self.whose(),
                expiry_secs: 1_000 + self.below(1_000) as u32,
                disconnected_at_sec: (self.below(2) == 0).then_some(NOW - 10),
            }),
        }
    }

    fn whose(&mut self) -> Whose {
        match self.below(3) {
            0 => Whose::Unknown,
            1 => Whose::Anonymous,
            _ => Whose::User("ü".repeat(self.below(100) as usize).into()),
        }
    }

    fn grant(&mut self) -> StoredGrant {
        StoredGrant {
            qos: self.qos(),
            no_local: self.below(2) == 0,
            retain_as_published: self.below(2) == 0,
            retain_handling: self.below(3) as u8,
            identifier: self.below(3) as u32 * 1_000,
        }
    }

    fn qos(&mut self) -> Qos {
        Qos::from_bits(self.below(3) as u8).expect("0, 1 or 2")
    }

    fn message(&mut self, topic: &str) -> Arc<Message> {
        let byte = self.below(256) as u8;
        Arc::new(Message {
            topic: topic.into(),
            payload: vec![byte; self.below(300) as usize].into(),
            properties: vec![byte; self.below(20) as usize].into(),
            publisher: self.below(5),
            expires_at_sec: Message::NEVER,
            qos: self.qos(),
            retain: self.below(2) == 0,
        })
    }

    fn put_entry(&mut self, session: SessionNumber) -> Op {
        let message = self.message("t");
        self.put_message(session, message)
    }

    fn put_message(&mut self, session: SessionNumber, message: Arc<Message>) -> Op {
        self.next_seq += 1;
        Op::QueuePut {
            session,
            seq: self.next_seq,
            entry: QueueEntry {
                message,
                qos: self.qos(),
                retain: self.below(2) == 0,
                identifiers: (0..self.below(3)).map(|id| id as u32 * 200).collect(),
            },
        }
    }

    /// One message for some sessions.
    fn fan_out(&mut self, ops: &mut Vec<Op>) {
        let message = self.message("many");
        let numbers: Vec<_> = self.model.sessions.keys().copied().collect();
        for number in numbers {
            if self.below(3) == 0 {
                ops.push(self.put_message(number, message.clone()));
            }
        }
    }

    /// Something happens to an entry of the queue.
    fn step(&mut self, session: SessionNumber) -> Option<Op> {
        let count = self.model.sessions[&session].queue.len();
        let place = self.below(count.max(1) as u64) as usize;
        let seq = *self.model.sessions[&session].queue.keys().nth(place)?;
        Some(match self.below(4) {
            0 => Op::QueueSent {
                session,
                seq,
                packet_id: self.below(65_535) as u16 + 1,
            },
            1 => Op::QueueReceived { session, seq },
            _ => Op::QueueDone { session, seq },
        })
    }
}

pub(super) fn seed() -> u64 {
    let set = std::env::var("TRIBUTARY_STORE_SEED").ok();
    set.and_then(|seed| seed.parse().ok())
        .unwrap_or(u64::from(std::process::id()))
}

#[test]
fn operations_by_chance_are_read_back_as_the_model_has_them() {
    let seed = seed();
    let folder = Folder::new();
    let mut script = Script::new(seed);
    let mut most = (0, 0, 0);
    for _ in 0..15 {
        let (opened, recovered) = open(&folder);
        if let Some(difference) = script.model.difference(&recovered) {
            panic!("TRIBUTARY_STORE_SEED={seed}: {difference}");
        }
        let queued = recovered.sessions.iter().map(|session| session.queue.len());
        most = most.max((
            recovered.sessions.len(),
            queued.sum(),
            recovered.retained.len(),
        ));
        let mut running = start(opened);
        for _ in 0..60 {
            running.commit(script.batch());
        }
        assert!(running.store.end());
    }
    let (sessions, queued, retained) = most;
    assert!(
        sessions > 10 && queued > 20 && retained > 2,
        "the script did little: {most:?}"
    );
}
