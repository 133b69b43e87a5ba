//! Reads bytes as a script of packets and settlements for one session, two bytes to a step, and
//! keeps account of what may be acknowledged.
//!
//! ```text
//! shape: [ receive maximum 3 bits ][ version 2 bits ]      step: [ what ][ packet id, qos ]
//! ```

use std::collections::VecDeque;

use tributary_proto::decode;
use tributary_proto::packet::Packet;
use tributary_proto::reason::Reason;
use tributary_proto::session::{Admission, BusyPool, Reaction, Session, Settled, Terms};
use tributary_proto::version::{Qos, Version};

const PUBACK: u8 = 0x40;
const PUBREC: u8 = 0x50;

/// A session with the account of what it owes.
pub struct Bench {
    session: Session,
    version: Version,
    terms: Terms,
    pool: BusyPool,
    out: Vec<u8>,
    /// Offered, and the answer still to come.
    waiting: Vec<u16>,
    /// Acknowledgements to come, oldest first: which packet, which id, whether it is settled.
    owed: VecDeque<(u8, u16, bool)>,
    over: bool,
}

impl Bench {
    pub fn new(shape: u8) -> Bench {
        let version = [Version::V31, Version::V311, Version::V5, Version::V5][shape as usize & 3];
        let receive_max = 1 + u16::from(shape >> 2 & 7);
        let admission = Admission {
            version,
            keep_alive_secs: 0,
            keep_alive_is_ours: false,
            packet_bytes_max: None,
            wants_session: false,
        };
        Bench {
            session: Session::new(&admission),
            version,
            terms: Terms {
                receive_max,
                ..Terms::default()
            },
            pool: BusyPool::default(),
            out: Vec::new(),
            waiting: Vec::new(),
            owed: VecDeque::new(),
            over: false,
        }
    }

    /// Does one step of the script.
    pub fn step(&mut self, what: u8, which: u8) {
        if self.over {
            return;
        }
        let id = 1 + u16::from(which >> 2 & 15);
        let [high, low] = id.to_be_bytes();
        match what % 8 {
            0..3 => self.publish(what, id, which & 3),
            3 => self.give(0x62, &[high, low], what),
            4 => self.give(
                [0xC0, 0x40, 0x50, 0x70][which as usize & 3],
                &[high, low],
                what,
            ),
            5 => self.give(0xE0, &[], what),
            _ if self.waiting.is_empty() => self.settle(id, what),
            _ => {
                let id = self
                    .waiting
                    .swap_remove(usize::from(which) % self.waiting.len());
                self.settle(id, what);
            }
        }
        self.check();
    }

    /// Answers what is still waiting: nothing may be left behind.
    pub fn finish(&mut self) {
        while let Some(id) = self.waiting.pop().filter(|_| !self.over) {
            self.settle(id, 0);
            self.check();
        }
        assert!(self.over || self.session.owed_count() == 0);
        self.session.on_gone(&mut self.pool);
        assert_eq!(self.session.owed_count(), 0);
    }

    fn publish(&mut self, what: u8, id: u16, qos: u8) {
        let [high, low] = id.to_be_bytes();
        let mut body = vec![0, 1, b't'];
        if qos > 0 {
            body.extend([high, low]);
        }
        if self.version == Version::V5 {
            body.push(0);
        }
        self.give(0x30 | qos << 1, &body, what);
    }

    fn give(&mut self, first_byte: u8, body: &[u8], what: u8) {
        let body = if first_byte == 0xC0 { &[] } else { body };
        let Ok(packet) = decode::packet(self.version, first_byte, body) else {
            return;
        };
        let (pool, out) = (&mut self.pool, &mut self.out);
        let owed_before = self.session.owed_count();
        match self.session.on_packet(&packet, &self.terms, pool, out) {
            Reaction::Offer { .. } => {
                let Packet::Publish(publish) = packet else {
                    panic!("{packet:?} was offered")
                };
                self.offered(publish.packet_id, publish.qos, what);
            }
            Reaction::Done => {
                // A repetition that gets an acknowledgement of its own.
                let repeated = self.session.owed_count() > owed_before
                    || self.out.first().is_some_and(|first| *first == PUBREC);
                if let (Packet::Publish(publish), true) = (packet, repeated) {
                    self.owed.push_back((PUBREC, publish.packet_id, true));
                } else if let Packet::PubRel(release) = packet
                    && self.session.owed_count() < owed_before
                {
                    // It takes back the answer to a repetition that waited for its turn.
                    let taken_back = (PUBREC, release.packet_id, true);
                    self.owed.retain(|owed| *owed != taken_back);
                }
            }
            Reaction::Wait => assert!(self.session.owed_count() > 0, "nothing would wake it"),
            Reaction::Close(_) => self.over = true,
        }
    }

    fn offered(&mut self, id: u16, qos: Qos, what: u8) {
        let (pool, out) = (&mut self.pool, &mut self.out);
        let settled = what & 0x80 != 0;
        if qos == Qos::AtMostOnce {
            return;
        }
        if settled {
            let answer = self.session.on_answered(id, qos, reason(what), pool, out);
            if let Settled::Close(_) = answer {
                return self.over = true;
            }
            assert_eq!(answer, Settled::Owed);
        } else {
            self.session.on_taken(id, qos, pool);
            self.waiting.push(id);
        }
        let kind = if qos == Qos::AtLeastOnce {
            PUBACK
        } else {
            PUBREC
        };
        self.owed.push_back((kind, id, settled));
    }

    fn settle(&mut self, id: u16, what: u8) {
        let (pool, out) = (&mut self.pool, &mut self.out);
        let waits = self.owed.iter_mut().find(|owed| owed.1 == id && !owed.2);
        match (
            self.session.on_settled(id, reason(what), pool, out).0,
            waits,
        ) {
            (Settled::Owed, Some(owed)) => owed.2 = true,
            (Settled::Unknown, None) => {}
            (Settled::Close(_), Some(_)) => self.over = true,
            other => panic!("{id}: {other:?}"),
        }
    }

    /// Compares what was written with what was owed.
    fn check(&mut self) {
        assert!(self.session.owed_count() <= usize::from(self.terms.receive_max));
        let mut written = &std::mem::take(&mut self.out)[..];
        while let [first_byte, length, rest @ ..] = written {
            let (body, rest) = rest.split_at(usize::from(*length));
            if let (PUBACK | PUBREC, [high, low, ..]) = (*first_byte, body) {
                let id = u16::from_be_bytes([*high, *low]);
                // Settled, and its turn.
                assert_eq!(self.owed.pop_front(), Some((*first_byte, id, true)));
            }
            written = rest;
        }
        assert!(self.over || self.owed.len() == self.session.owed_count());
    }
}

fn reason(what: u8) -> Reason {
    match what & 0x40 {
        0 => Reason::Success,
        _ => Reason::QuotaExceeded,
    }
}
