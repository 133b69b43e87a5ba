//! An honest client that repeats itself over a slow link: each of its QoS 2 messages is offered
//! once, and none is acknowledged before Kafka has it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use tributary_proto::reason::Reason;
use tributary_proto::session::Reaction;
use tributary_proto::version::{Qos, Version};

use crate::chance::{Chance, for_seeds};
use crate::said::{PUBACK, PUBCOMP, PUBREC, Said, Seat, publish, release};

const SEEDS: u64 = 2_000;
const STEPS: usize = 300;
const IDS: u16 = 5;

/// What a message of the client's waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Awaits {
    /// PUBACK.
    Acknowledgement,
    /// PUBREC.
    Receipt,
    /// PUBCOMP.
    Completion,
}

/// What the client sends: which packet id, and for a PUBLISH which message.
#[derive(Clone, Copy, Debug)]
enum Sent {
    Publish {
        id: u16,
        message: usize,
        qos: Qos,
        dup: bool,
    },
    Release {
        id: u16,
    },
}

struct World {
    seat: Seat,
    /// From the client to the server; the front is looked at again after `Wait`.
    up: VecDeque<Sent>,
    /// From the server to the client, not read yet.
    down: VecDeque<Said>,
    /// What the client has under way, by packet id.
    stages: BTreeMap<u16, (Awaits, usize)>,
    next_message: usize,
    /// Messages that were offered, and how often.
    offers: BTreeMap<usize, u32>,
    /// Messages in the hands of Kafka, with their packet ids.
    in_kafka: Vec<(u16, usize)>,
    kept: BTreeSet<usize>,
}

#[test]
fn a_client_that_repeats_itself_gets_every_message_through_exactly_once() {
    for_seeds(SEEDS, |chance| {
        let version = chance.pick(&[Version::V31, Version::V311, Version::V5]);
        // More than the ids at hand: this client never sends too much.
        let seat = Seat::new(version, IDS + 1);
        let mut world = World {
            seat,
            up: VecDeque::new(),
            down: VecDeque::new(),
            stages: BTreeMap::new(),
            next_message: 0,
            offers: BTreeMap::new(),
            in_kafka: Vec::new(),
            kept: BTreeSet::new(),
        };
        for _ in 0..STEPS {
            world.step(chance);
        }
        world.finish(chance);
    });
}

impl World {
    fn step(&mut self, chance: &mut Chance) {
        match chance.below(6) {
            0 => self.say_something_new(chance),
            1 => self.repeat_something(chance),
            2 | 3 => self.serve(),
            4 => self.answer(chance),
            _ => self.read(),
        }
    }

    fn say_something_new(&mut self, chance: &mut Chance) {
        let Some(id) = (1..=IDS).find(|id| !self.stages.contains_key(id)) else {
            return;
        };
        let (qos, stage) = match chance.flip() {
            true => (Qos::AtLeastOnce, Awaits::Acknowledgement),
            false => (Qos::ExactlyOnce, Awaits::Receipt),
        };
        let message = self.next_message;
        self.next_message += 1;
        self.stages.insert(id, (stage, message));
        self.up.push_back(Sent::Publish {
            id,
            message,
            qos,
            dup: false,
        });
    }

    /// Only QoS 2 is repeated: at QoS 1 a repetition is a second message by definition.
    fn repeat_something(&mut self, chance: &mut Chance) {
        let id = 1 + chance.below(usize::from(IDS)) as u16;
        match self.stages.get(&id) {
            Some((Awaits::Receipt, message)) => {
                let (message, qos) = (*message, Qos::ExactlyOnce);
                self.up.push_back(Sent::Publish {
                    id,
                    message,
                    qos,
                    dup: true,
                });
            }
            Some((Awaits::Completion, _)) => self.up.push_back(Sent::Release { id }),
            _ => {}
        }
    }

    fn serve(&mut self) {
        let Some(sent) = self.up.front().copied() else {
            return;
        };
        let packet = match sent {
            Sent::Publish { id, qos, dup, .. } => publish(id, qos, dup),
            Sent::Release { id } => release(id),
        };
        let (session, mut ctx) = self.seat.parts();
        match session.on_packet(&packet, &mut ctx) {
            Reaction::Done => {}
            Reaction::Wait => return,
            Reaction::Offer { .. } => {
                let Sent::Publish {
                    id, message, qos, ..
                } = sent
                else {
                    panic!("{sent:?}")
                };
                *self.offers.entry(message).or_default() += 1;
                session.on_taken(id, qos, 1, &mut ctx);
                self.in_kafka.push((id, message));
            }
            other => panic!("{other:?} to {sent:?}"),
        }
        self.up.pop_front();
        self.down.extend(self.seat.said());
    }

    /// Kafka answers one of its records, in no order.
    fn answer(&mut self, chance: &mut Chance) {
        if self.in_kafka.is_empty() {
            return;
        }
        let (id, message) = self.in_kafka.swap_remove(chance.below(self.in_kafka.len()));
        self.kept.insert(message);
        let (session, mut ctx) = self.seat.parts();
        session.on_settled(id, Reason::Success, &mut ctx);
        self.down.extend(self.seat.said());
    }

    /// The client reads one acknowledgement.
    fn read(&mut self) {
        let Some((kind, id, _)) = self.down.pop_front() else {
            return;
        };
        let Some((stage, message)) = self.stages.get(&id).copied() else {
            return;
        };
        if kind == PUBACK || kind == PUBREC {
            assert!(
                self.kept.contains(&message),
                "{id} acknowledged before Kafka has {message}"
            );
        }
        match (kind, stage) {
            (PUBACK, Awaits::Acknowledgement) => drop(self.stages.remove(&id)),
            (PUBREC, Awaits::Receipt | Awaits::Completion) => {
                self.stages.insert(id, (Awaits::Completion, message));
                self.up.push_back(Sent::Release { id });
            }
            (PUBCOMP, Awaits::Completion) => drop(self.stages.remove(&id)),
            // The answer to a PUBREL that was said twice.
            (PUBCOMP, _) => {}
            other => panic!("{other:?}"),
        }
    }

    fn finish(&mut self, chance: &mut Chance) {
        while !(self.up.is_empty() && self.down.is_empty() && self.in_kafka.is_empty()) {
            self.serve();
            self.answer(chance);
            self.read();
        }
        assert!(self.stages.is_empty(), "left unfinished: {:?}", self.stages);
        assert!(self.next_message > 0);
        let offered: Vec<_> = self.offers.keys().copied().collect();
        assert_eq!(
            offered,
            Vec::from_iter(0..self.next_message),
            "a message was lost"
        );
        assert!(
            self.offers.values().all(|count| *count == 1),
            "a message was offered twice"
        );
    }
}
