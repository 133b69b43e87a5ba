//! A client that keeps to the specification and checks that the server does, in as few words as
//! possible and none of the gateway's.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use tributary_proto::version::Version;

/// What waits of a PUBLISH of the client's own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// PUBACK or PUBREC.
    Answer,
    /// PUBCOMP.
    Completion,
}

#[derive(Clone, Copy, Debug)]
struct Outgoing {
    id: u16,
    qos: u8,
    number: u32,
    stage: Stage,
}

pub(crate) struct Client {
    version: Version,
    /// Numbers of the messages that arrived, by QoS.
    pub(crate) arrived: [Vec<u32>; 3],
    /// QoS 2 packet ids that arrived and were not released.
    held: BTreeSet<u16>,
    /// Packet ids that count against the Receive Maximum on this connection.
    counted: BTreeSet<u16>,
    receive_max: usize,
    /// What the server's aliases stand for on this connection.
    aliases: BTreeMap<u16, Vec<u8>>,
    /// Answers not written yet.
    answers: VecDeque<Vec<u8>>,
    /// Own PUBLISHes that are not finished, oldest first.
    outgoing: VecDeque<Outgoing>,
    /// Those whose answers must come in this order, by QoS.
    unanswered: [VecDeque<u16>; 3],
    last_id: u16,
    pub(crate) said_count: [u32; 3],
    buffer: Vec<u8>,
}

/// The topic of a message with this number, either way.
pub(crate) fn topic(number: u32) -> &'static str {
    ["up or down/0", "up or down/1", "up or down/2"][number as usize % 3]
}

impl Client {
    pub(crate) fn new(version: Version) -> Client {
        Client {
            version,
            arrived: Default::default(),
            held: BTreeSet::new(),
            counted: BTreeSet::new(),
            receive_max: 0,
            aliases: BTreeMap::new(),
            answers: VecDeque::new(),
            outgoing: VecDeque::new(),
            unanswered: Default::default(),
            last_id: 0,
            said_count: [0; 3],
            buffer: Vec::new(),
        }
    }

    /// A new connection; says again what is not finished \[MQTT-4.4.0-1\].
    pub(crate) fn connect(&mut self, receive_max: usize) -> Vec<u8> {
        self.receive_max = receive_max;
        self.counted.clear();
        self.aliases.clear();
        self.answers.clear();
        self.buffer.clear();
        self.unanswered = Default::default();
        let mut bytes = Vec::new();
        for outgoing in self.outgoing.clone() {
            bytes.extend(match outgoing.stage {
                Stage::Completion => short(0x62, outgoing.id),
                Stage::Answer => self.publish(outgoing, true),
            });
        }
        bytes
    }

    /// Says a message that is new, unless too many are not finished.
    pub(crate) fn say(&mut self, qos: u8, in_flight_max: usize) -> Option<Vec<u8>> {
        if self.outgoing.len() >= in_flight_max {
            return None;
        }
        // As few ids as possible, so that they come round often.
        self.last_id = self.last_id % 9 + 1;
        while self.outgoing.iter().any(|one| one.id == self.last_id) {
            self.last_id = self.last_id % 9 + 1;
        }
        let outgoing = Outgoing {
            id: self.last_id,
            qos,
            number: self.said_count[usize::from(qos)],
            stage: Stage::Answer,
        };
        self.said_count[usize::from(qos)] += 1;
        self.outgoing.push_back(outgoing);
        Some(self.publish(outgoing, false))
    }

    /// The next answer that is due.
    pub(crate) fn answer(&mut self) -> Option<Vec<u8>> {
        let answer = self.answers.pop_front()?;
        let id = u16::from_be_bytes([answer[2], answer[3]]);
        if matches!(answer[0], 0x40 | 0x70) {
            self.counted.remove(&id);
        }
        Some(answer)
    }

    pub(crate) fn is_quiet(&self) -> bool {
        self.answers.is_empty() && self.outgoing.is_empty()
    }

    fn publish(&mut self, outgoing: Outgoing, dup: bool) -> Vec<u8> {
        let Outgoing {
            id, qos, number, ..
        } = outgoing;
        // The answer to a QoS 2 PUBLISH of an earlier connection may have been on its way already.
        if !(dup && qos == 2) {
            self.unanswered[usize::from(qos)].push_back(id);
        }
        let topic = topic(number).as_bytes();
        let mut body = vec![0, topic.len() as u8];
        body.extend(topic);
        body.extend(id.to_be_bytes());
        if self.version == Version::V5 {
            body.push(0);
        }
        body.extend(number.to_be_bytes());
        let mut bytes = vec![0x30 | u8::from(dup) << 3 | qos << 1, body.len() as u8];
        bytes.extend(body);
        bytes
    }

    pub(crate) fn read(&mut self, bytes: &[u8]) {
        self.buffer.extend(bytes);
        while let [first_byte, length, rest @ ..] = &self.buffer[..] {
            // No packet in this simulation is longer than 127 bytes.
            let Some(body) = rest.get(..usize::from(*length)) else {
                return;
            };
            let (first_byte, body) = (*first_byte, body.to_vec());
            self.buffer.drain(..2 + body.len());
            match first_byte >> 4 {
                3 => self.on_publish(first_byte, &body),
                _ => self.on_short(first_byte, &body),
            }
        }
    }

    fn on_publish(&mut self, first_byte: u8, body: &[u8]) {
        let (dup, qos) = (first_byte & 8 != 0, first_byte >> 1 & 3);
        let (mut said, mut rest) = body[2..].split_at(usize::from(body[1]));
        let mut id = 0;
        if qos > 0 {
            id = u16::from_be_bytes([rest[0], rest[1]]);
            rest = &rest[2..];
        }
        if self.version == Version::V5 {
            let (properties, payload) = rest[1..].split_at(usize::from(rest[0]));
            if let [0x23, high, low] = properties {
                let alias = u16::from_be_bytes([*high, *low]);
                if !said.is_empty() {
                    self.aliases.insert(alias, said.to_vec());
                }
                said = &self.aliases[&alias];
            } else {
                assert_eq!(properties, [], "no other property was published");
            }
            rest = payload;
        }
        let number = u32::from_be_bytes(rest.try_into().expect("a payload is a number"));
        assert_eq!(said, topic(number).as_bytes());
        if qos > 0 {
            self.counted.insert(id);
            assert!(self.counted.len() <= self.receive_max, "[MQTT-3.3.4-9]");
        }
        match qos {
            0 => assert!(!dup, "[MQTT-3.3.1-2]"),
            1 => self.answers.push_back(short(0x40, id)),
            _ => self.answers.push_back(short(0x50, id)),
        }
        if qos == 2 && !self.held.insert(id) {
            assert!(dup, "a new message under packet id {id}, which is in use");
            return;
        }
        self.arrived[usize::from(qos)].push(number);
    }

    fn on_short(&mut self, first_byte: u8, body: &[u8]) {
        let id = u16::from_be_bytes([body[0], body[1]]);
        let place = self.outgoing.iter().position(|one| one.id == id);
        let stage = place.map(|place| self.outgoing[place].stage);
        match (first_byte, place, stage) {
            (0x40, Some(place), Some(Stage::Answer)) => {
                self.check_order(1, id);
                self.outgoing.remove(place);
            }
            (0x50, Some(place), Some(stage)) => {
                if stage == Stage::Answer {
                    self.check_order(2, id);
                }
                self.outgoing[place].stage = Stage::Completion;
                self.answers.push_back(short(0x62, id));
            }
            (0x62, ..) => {
                self.held.remove(&id);
                self.answers.push_back(short(0x70, id));
            }
            (0x70, Some(place), Some(Stage::Completion)) => {
                self.outgoing.remove(place);
            }
            // The answer to a PUBREL that was said on two connections.
            (0x70, ..) => {}
            other => panic!("{other:?} {body:?}"),
        }
    }

    /// Acknowledgements come in the order of the PUBLISHes \[MQTT-4.6.0-2\], \[MQTT-4.6.0-3\].
    fn check_order(&mut self, qos: usize, id: u16) {
        if self.unanswered[qos].contains(&id) {
            assert_eq!(self.unanswered[qos].pop_front(), Some(id));
        }
    }
}

fn short(first_byte: u8, id: u16) -> Vec<u8> {
    let [high, low] = id.to_be_bytes();
    vec![first_byte, 2, high, low]
}
