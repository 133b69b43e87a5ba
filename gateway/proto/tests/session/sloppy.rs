//! A client that minds no rule: whatever it says and in whatever order Kafka answers, the session
//! does what the model does.

use tributary_proto::close::Close;
use tributary_proto::reason::Reason;
use tributary_proto::session::{Reaction, Settled};
use tributary_proto::version::{Qos, Version};

use crate::chance::{Chance, for_seeds};
use crate::model::{Expected, Model, is_failure};
use crate::said::{Seat, publish, release};

const SEEDS: u64 = 2_000;
const STEPS: usize = 200;
const IDS: usize = 9;

/// A session and its model, side by side.
struct Pair {
    seat: Seat,
    model: Model,
    /// Packet ids that were offered, whose answer is still to come.
    offered: Vec<u16>,
}

#[test]
fn whatever_a_client_says_the_session_does_what_the_model_does() {
    for_seeds(SEEDS, |chance| {
        let version = chance.pick(&[Version::V31, Version::V311, Version::V5]);
        let receive_max = 1 + chance.below(6) as u16;
        let mut pair = Pair {
            seat: Seat::new(version, receive_max),
            model: Model::new(version, receive_max),
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
        assert_eq!(pair.seat.session.owed_count(), 0, "all was answered");
    });
}

impl Pair {
    fn step(&mut self, chance: &mut Chance) {
        let id = 1 + chance.below(IDS) as u16;
        match chance.below(10) {
            0..4 => self.publish(chance, id),
            4..6 => {
                self.model.on_release(id);
                let (session, mut ctx) = self.seat.parts();
                let did = session.on_packet(&release(id), &mut ctx);
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
        let (session, mut ctx) = self.seat.parts();
        let did = session.on_packet(&packet, &mut ctx);
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
                let (session, mut ctx) = self.seat.parts();
                let settled = session.on_answered(id, qos, reason, &mut ctx);
                assert_eq!(settled, Settled::Owed { qos, reason });
                self.model.on_offered(id, qos, Some(reason.code()));
            }
            _ => {
                let (session, mut ctx) = self.seat.parts();
                session.on_taken(id, qos, 1, &mut ctx);
                self.model.on_offered(id, qos, None);
                if qos != Qos::AtMostOnce {
                    self.offered.push(id);
                }
            }
        }
    }

    fn settle(&mut self, id: u16, reason: Reason) {
        let (session, mut ctx) = self.seat.parts();
        let settled = session.on_settled(id, reason, &mut ctx);
        let known = self.model.on_settled(id, reason.code());
        match settled {
            Settled::Owed { reason: told, .. } => assert!(known && told == reason),
            Settled::Unknown => assert!(!known),
            other => panic!("{other:?}"),
        }
    }

    /// MQTT 3 has no words for a refusal.
    fn reason(&self, chance: &mut Chance) -> Reason {
        match self.model.version {
            Version::V5 => chance.pick(&[Reason::Success, Reason::Success, Reason::QuotaExceeded]),
            _ => Reason::Success,
        }
    }

    fn compare(&mut self) {
        assert_eq!(self.seat.said(), self.model.told);
        self.model.told.clear();
        let owed_count = self.seat.session.owed_count();
        assert_eq!(owed_count, self.model.owed.len());
        assert!(owed_count <= self.model.receive_max);
        let refused = |(_, _, answer): &(u8, u16, Option<u8>)| answer.is_some_and(is_failure);
        assert!(
            !self.model.owed.front().is_some_and(refused),
            "the front is told at once"
        );
    }
}
