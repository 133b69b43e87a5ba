//! A client that minds no rule: whatever it says and in whatever order Kafka answers, the session
//! does what the model does.

use tributary_proto::close::Close;
use tributary_proto::reason::Reason;
use tributary_proto::session::{BusyPool, Reaction, Session, Settled, Terms};
use tributary_proto::version::{Qos, Version};

use crate::chance::{Chance, for_seeds};
use crate::model::{Expected, Model, is_failure};
use crate::said::{publish, release, said, session};

const SEEDS: u64 = 2_000;
const STEPS: usize = 200;
const IDS: usize = 9;

/// A session and its model, side by side.
struct Pair {
    session: Session,
    model: Model,
    terms: Terms,
    pool: BusyPool,
    out: Vec<u8>,
    /// Packet ids that were offered, whose answer is still to come.
    offered: Vec<u16>,
}

#[test]
fn whatever_a_client_says_the_session_does_what_the_model_does() {
    for_seeds(SEEDS, |chance| {
        let version = chance.pick(&[Version::V31, Version::V311, Version::V5]);
        let receive_max = 1 + chance.below(6) as u16;
        let mut pair = Pair {
            session: session(version),
            model: Model::new(version, receive_max),
            terms: Terms {
                receive_max,
                ..Terms::default()
            },
            pool: BusyPool::default(),
            out: Vec::new(),
            offered: Vec::new(),
        };
        for _ in 0..STEPS {
            pair.step(chance);
            pair.compare();
        }
        while let Some(id) = pair.offered.pop() {
            pair.settle(id, Reason::Success);
        }
        pair.compare();
        assert_eq!(pair.session.owed_count(), 0, "all was answered");
    });
}

impl Pair {
    fn step(&mut self, chance: &mut Chance) {
        let id = 1 + chance.below(IDS) as u16;
        match chance.below(10) {
            0..4 => self.publish(chance, id),
            4..6 => {
                self.model.on_release(id);
                let packet = release(id);
                let (pool, out) = (&mut self.pool, &mut self.out);
                let did = self.session.on_packet(&packet, &self.terms, pool, out);
                assert_eq!(did, Reaction::Done);
            }
            // An answer to no one.
            6 => self.settle(id + 100, Reason::Success),
            _ if self.offered.is_empty() => {}
            _ => {
                let id = self.offered.swap_remove(chance.below(self.offered.len()));
                self.settle(id, self.reason(chance));
            }
        }
    }

    fn publish(&mut self, chance: &mut Chance, id: u16) {
        let qos = chance.pick(&[Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce]);
        let id = if qos == Qos::AtMostOnce { 0 } else { id };
        let packet = publish(id, qos, qos != Qos::AtMostOnce && chance.flip());
        let (pool, out) = (&mut self.pool, &mut self.out);
        let did = self.session.on_packet(&packet, &self.terms, pool, out);
        let expected = match did {
            Reaction::Done => Expected::Done,
            Reaction::Offer { alias: 0 } => Expected::Offer,
            Reaction::Wait => Expected::Wait,
            Reaction::Close(Close::ReceiveMaximum) => Expected::TooMany,
            other => panic!("{other:?}"),
        };
        assert_eq!(expected, self.model.on_publish(id, qos));
        if expected != Expected::Offer {
            return;
        }
        match chance.below(4) {
            // The lane was full: as if it had never been said.
            0 => {}
            1 => {
                let reason = self.reason(chance);
                let (pool, out) = (&mut self.pool, &mut self.out);
                let settled = self.session.on_answered(id, qos, reason, pool, out);
                assert_eq!(settled, Settled::Owed);
                self.model.on_offered(id, qos, Some(reason.code()));
            }
            _ => {
                self.session.on_taken(id, qos, &mut self.pool);
                self.model.on_offered(id, qos, None);
                if qos != Qos::AtMostOnce {
                    self.offered.push(id);
                }
            }
        }
    }

    fn settle(&mut self, id: u16, reason: Reason) {
        let (pool, out) = (&mut self.pool, &mut self.out);
        let (settled, _) = self.session.on_settled(id, reason, pool, out);
        let known = self.model.on_settled(id, reason.code());
        assert_eq!(
            settled,
            if known {
                Settled::Owed
            } else {
                Settled::Unknown
            }
        );
    }

    /// MQTT 3 has no words for a refusal.
    fn reason(&self, chance: &mut Chance) -> Reason {
        match self.model.version {
            Version::V5 => chance.pick(&[Reason::Success, Reason::Success, Reason::QuotaExceeded]),
            _ => Reason::Success,
        }
    }

    fn compare(&mut self) {
        assert_eq!(said(&self.out), self.model.told);
        self.out.clear();
        self.model.told.clear();
        assert_eq!(self.session.owed_count(), self.model.owed.len());
        assert!(self.session.owed_count() <= self.model.receive_max);
        let refused = |(_, _, answer): &(u8, u16, Option<u8>)| answer.is_some_and(is_failure);
        assert!(
            !self.model.owed.front().is_some_and(refused),
            "the front is told at once"
        );
    }
}
