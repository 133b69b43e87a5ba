//! A world of one shard whose only lane never reaches a broker, so that the test answers for Kafka.

use std::hash::RandomState;
use std::mem;
use std::net::Ipv4Addr;

use tributary_proto::malformed::Malformed;

use super::super::*;
use crate::books::Names;
use crate::kafka::{LaneConfig, Outcome, Refusal, ReportSink};
use crate::route::RouteRule;
use crate::shard::admit::Entrance;

/// Records that the lane takes before it is full.
pub(super) const ROOM_RECORDS: u64 = 8;

pub(super) struct Bench {
    pub(super) world: World,
    next_slot: u32,
    /// Records that Kafka has not answered: ticket, and the room it claims.
    pub(super) in_kafka: Vec<(u64, usize)>,
}

struct Deaf;

impl ReportSink for Deaf {
    fn report(&self, _ticket: u64, _outcome: Outcome) {}
    fn flush(&self) {}
    fn room(&self) {}
}

impl Bench {
    pub(super) fn new(terms: Terms) -> Bench {
        // Nobody listens on port 1 of the loopback interface: records wait.
        let brokers = vec![format!("{}:1", Ipv4Addr::LOCALHOST)];
        let mut config = LaneConfig::new("main", brokers);
        config.bounds.pending_records_max = ROOM_RECORDS;
        let lane = Lane::start(config, 1, Arc::new(Deaf)).expect("a lane needs no broker to start");
        let rules = [
            RouteRule::new("k/#", "main", "t"),
            RouteRule::new("null/#", "", ""),
        ];
        let names = Names {
            close: &Close::NAMES,
            refusal: Refusal::NAMES,
            malformed: Malformed::NAMES,
            bound: crate::bound::NAMES,
        };
        let world = World::new(WorldPlan {
            index: 0,
            shard_count: 1,
            connections_max: usize::MAX,
            connected: Arc::default(),
            terms,
            connect_ticks_max: 100,
            routes: Arc::new(RouteTable::compile(&rules).expect("two good rules")),
            lanes: vec![lane],
            books: Arc::new([ShardBooks::new(&names)]),
            hasher: RandomState::new(),
        });
        Bench {
            world,
            next_slot: 0,
            in_kafka: Vec::new(),
        }
    }

    pub(super) fn socket(&mut self) -> Socket {
        self.next_slot += 1;
        Socket {
            ring: 0,
            conn: Conn {
                slot: self.next_slot,
                generation: 1,
            },
        }
    }

    /// Lets a client in; its CONNACK is sent.
    pub(super) fn connect(&mut self, id: &str, level: u8, keep_alive_secs: u8) -> u32 {
        let socket = self.socket();
        let bytes = connect(id, level, keep_alive_secs);
        let Entrance::In {
            index,
            connect_bytes,
        } = self.world.on_stranger(socket, &bytes, true)
        else {
            panic!("{id} is not let in");
        };
        assert_eq!(connect_bytes, bytes.len());
        assert_eq!(self.sent(index)[0], 0x20);
        index
    }

    /// What a client is owed; it counts as sent.
    pub(super) fn sent(&mut self, index: u32) -> Vec<u8> {
        self.world.dirty.retain(|other| *other != index);
        let Some(client) = self.world.clients.at(index) else {
            return Vec::new();
        };
        client.dirty = false;
        let out = client
            .io
            .as_mut()
            .map(|io| mem::take(&mut io.out))
            .unwrap_or_default();
        self.world.fall_idle(index);
        out
    }

    /// Ends the turn: what was rendered for the lane is in Kafka's hands.
    pub(super) fn carry(&mut self) {
        let batch = mem::take(&mut self.world.desks[0].batch);
        self.in_kafka.extend(
            batch
                .written()
                .into_iter()
                .map(|one| (one.ticket, one.bytes)),
        );
    }

    /// Kafka answers the record at this place; its room is free again.
    pub(super) fn answer(&mut self, place: usize) {
        let (ticket, bytes) = self.in_kafka.remove(place);
        self.world.desks[0].lane.withdraw(bytes);
        self.world.on_report(ticket, Outcome::Delivered);
    }

    pub(super) fn has(&mut self, index: u32, reason: Paused) -> bool {
        self.world
            .clients
            .at(index)
            .is_some_and(|client| client.paused.has(reason))
    }

    pub(super) fn ended(&self, close: Close) -> u64 {
        self.world.book().disconnects.read(close.index())
    }

    pub(super) fn is_here(&mut self, index: u32) -> bool {
        self.world.clients.at(index).is_some()
    }

    /// What is kept of half-received packets, counted anew.
    pub(super) fn kept_bytes(&mut self) -> usize {
        let (all, _) = self.world.clients.some_from(0, usize::MAX);
        let partials = all
            .into_iter()
            .map(|index| match self.world.clients.at(index) {
                Some(client) => client.io.as_ref().map_or(0, |io| io.partial.len()),
                None => 0,
            });
        let partials: usize = partials.sum();
        partials
            + self
                .world
                .half_connects
                .values()
                .map(Vec::len)
                .sum::<usize>()
    }
}

/// A CONNECT of MQTT 3.1.1 (level 4) or 5.
pub(super) fn connect(id: &str, level: u8, keep_alive_secs: u8) -> Vec<u8> {
    let mut body = vec![0, 4, b'M', b'Q', b'T', b'T', level, 2, 0, keep_alive_secs];
    if level == 5 {
        body.push(0);
    }
    body.extend([0, id.len() as u8]);
    body.extend(id.as_bytes());
    packet(0x10, &body)
}

/// A PUBLISH of MQTT 3.1.1.
pub(super) fn publish(topic: &str, qos: u8, packet_id: u16, payload_bytes: usize) -> Vec<u8> {
    let mut body = vec![0, topic.len() as u8];
    body.extend(topic.as_bytes());
    if qos > 0 {
        body.extend(packet_id.to_be_bytes());
    }
    body.extend(vec![b'x'; payload_bytes]);
    packet(0x30 | qos << 1, &body)
}

fn packet(first_byte: u8, body: &[u8]) -> Vec<u8> {
    assert!(body.len() < 1 << 14);
    let length = match body.len() {
        short @ ..128 => vec![short as u8],
        long => vec![long as u8 | 0x80, (long >> 7) as u8],
    };
    [&[first_byte], &length[..], body].concat()
}

pub(super) const PINGREQ: [u8; 2] = [0xC0, 0];

/// SplitMix64, enough to pick what happens next.
pub(super) struct Chance(pub(super) u64);

impl Chance {
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        ((z ^ (z >> 27)) >> 8) as usize % bound
    }
}
