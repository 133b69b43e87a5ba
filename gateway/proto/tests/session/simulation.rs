//! A session and a client that keeps to the rules, over a link that delays, splits and breaks, on
//! virtual time; the gateway may be killed at any moment and go on from its store.

mod client;
mod link;
mod server;

use tributary_proto::session::{Counts, Profile};
use tributary_proto::version::{Qos, Version};

use crate::chance::{Chance, for_seeds};
use client::Client;
use link::Pipe;
use server::Server;

/// One million steps in all.
const SEEDS: u64 = 250;
const STEPS: usize = 4_000;
/// Bytes on their way to the client, from which on there is no room for more PUBLISHes.
const ROOM_BYTES: usize = 120;
/// Messages that may wait for the client, lest a link that is mostly down collects them.
const UNDELIVERED_MAX: usize = 40;
const QOS: [Qos; 3] = [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce];

struct World {
    now: u64,
    client: Client,
    server: Server,
    up: Pipe,
    down: Pipe,
    is_linked: bool,
    /// PUBLISHes that the client may have unfinished.
    in_flight_max: usize,
    has_aliases: bool,
}

#[test]
fn every_message_arrives_as_often_as_its_qos_says_and_in_order() {
    for_seeds(SEEDS, |chance| {
        let version = chance.pick(&[Version::V31, Version::V311, Version::V5]);
        let in_flight_max = 1 + chance.below(6);
        let mut world = World {
            now: 0,
            client: Client::new(version),
            server: Server::new(version, chance.flip(), in_flight_max as u16),
            up: Pipe::default(),
            down: Pipe::default(),
            is_linked: false,
            in_flight_max,
            has_aliases: version == Version::V5,
        };
        for _ in 0..STEPS {
            world.step(chance);
        }
        world.finish(chance);
        world.check();
    });
}

impl World {
    fn step(&mut self, chance: &mut Chance) {
        self.now += chance.below(4) as u64;
        match chance.below(1_000) {
            0..150 if self.server.session.undelivered_count() < UNDELIVERED_MAX => {
                let room_bytes = self.room_bytes();
                self.server.deliver(chance.pick(&QOS), room_bytes);
            }
            150..300 => self.say(chance),
            300..470 => self.read_up(chance),
            470..640 => self.read_down(chance),
            640..760 => self.answer_offer(chance),
            760..910 => self.answer_server(chance),
            910..970 => self.server.commit(),
            970..995 => self.connect(chance),
            995..998 => self.break_link(chance.flip()),
            998 if self.server.is_durable => {
                self.break_link(false);
                self.server.crash();
            }
            _ => {}
        }
        self.flow(chance);
    }

    /// The client says something new.
    fn say(&mut self, chance: &mut Chance) {
        if !self.is_linked {
            return;
        }
        let qos = 1 + chance.below(2) as u8;
        if let Some(bytes) = self.client.say(qos, self.in_flight_max) {
            self.up.write(&bytes, self.now, chance);
        }
    }

    fn read_up(&mut self, chance: &mut Chance) {
        let bytes = self.up.read(self.now, chance);
        let (room_bytes, parties) = (self.room_bytes(), 1 + chance.below(3) as u8);
        self.server.read(&bytes, room_bytes, parties);
    }

    fn read_down(&mut self, chance: &mut Chance) {
        let bytes = self.down.read(self.now, chance);
        self.client.read(&bytes);
        let room_bytes = self.room_bytes();
        self.server.pump(room_bytes);
    }

    /// Kafka, another shard or the store answers one message, in no order.
    fn answer_offer(&mut self, chance: &mut Chance) {
        if !self.server.offers.is_empty() {
            let place = chance.below(self.server.offers.len());
            self.server.answer(place);
        }
    }

    /// The client answers one packet.
    fn answer_server(&mut self, chance: &mut Chance) {
        if self.is_linked
            && let Some(bytes) = self.client.answer()
        {
            self.up.write(&bytes, self.now, chance);
        }
    }

    fn break_link(&mut self, is_noticed: bool) {
        self.is_linked = false;
        self.up.cut();
        self.down.cut();
        if is_noticed && self.server.session.is_connected() {
            self.server.on_gone();
        }
    }

    fn connect(&mut self, chance: &mut Chance) {
        if self.is_linked {
            return;
        }
        // A takeover, when the end of the last connection went unnoticed.
        self.break_link(true);
        let receive_max = 1 + chance.below(6);
        let topic_alias_max = match self.has_aliases {
            true => chance.below(3) as u16,
            false => 0,
        };
        let again = self.client.connect(receive_max);
        self.is_linked = true;
        self.up.write(&again, self.now, chance);
        let profile = Profile {
            receive_max: receive_max as u16,
            topic_alias_max,
            ..Profile::PLAIN
        };
        let room_bytes = self.room_bytes();
        self.server.resume(profile, room_bytes);
    }

    /// What the server may say gets on its way, or into nothing.
    fn flow(&mut self, chance: &mut Chance) {
        let bytes = self.server.take_out();
        if self.is_linked && !bytes.is_empty() {
            self.down.write(&bytes, self.now, chance);
        }
    }

    fn room_bytes(&self) -> usize {
        ROOM_BYTES.saturating_sub(self.down.backlog())
    }

    /// Nothing breaks any more: all that is under way comes to its end.
    fn finish(&mut self, chance: &mut Chance) {
        self.connect(chance);
        let mut turns = 0;
        while !self.is_quiet() {
            turns += 1;
            assert!(turns < 100_000, "something waits for ever");
            self.now += 1;
            self.read_up(chance);
            self.read_down(chance);
            self.answer_offer(chance);
            self.answer_server(chance);
            self.server.commit();
            let counts = &self.server.commons.counts;
            assert_eq!(
                counts.queued() + counts.in_flight(),
                self.server.session.undelivered_count()
            );
            self.flow(chance);
        }
    }

    fn is_quiet(&self) -> bool {
        self.client.is_quiet()
            && self.server.session.undelivered_count() == 0
            && self.server.session.owed_count() == 0
            && self.server.offers.is_empty()
            && self.up.backlog() + self.down.backlog() == 0
    }

    fn check(&self) {
        let (client, server) = (&self.client, &self.server);
        assert_eq!(server.commons.queued_bytes, 0);
        assert_eq!(server.commons.counts, Counts::default());
        assert_eq!(server.commons.profiles.count(), 1);
        let [_, once_1, once_2] = &server.delivered;
        assert!(
            once_1.len() + once_2.len() > STEPS / 100,
            "hardly anything was delivered"
        );
        assert_eq!(
            firsts(&client.arrived[1]),
            *once_1,
            "QoS 1 down: at least once, in order"
        );
        assert_eq!(
            client.arrived[2], *once_2,
            "QoS 2 down: exactly once, in order"
        );
        let mut sent = server.delivered[0].iter();
        let in_order = client.arrived[0]
            .iter()
            .all(|number| sent.any(|other| other == number));
        assert!(in_order, "QoS 0 down: at most once, in order");
        let all = |qos: usize| Vec::from_iter(0..client.said_count[qos]);
        let said_count = client.said_count[1] + client.said_count[2];
        assert!(said_count > STEPS as u32 / 400, "hardly anything was said");
        assert_eq!(
            sorted(firsts(&server.received[1])),
            all(1),
            "QoS 1 up: at least once"
        );
        assert_eq!(
            sorted(server.received[2].clone()),
            all(2),
            "QoS 2 up: exactly once"
        );
    }
}

/// Each number where it came first.
fn firsts(numbers: &[u32]) -> Vec<u32> {
    let mut seen = std::collections::BTreeSet::new();
    let firsts = numbers.iter().filter(|number| seen.insert(**number));
    firsts.copied().collect()
}

fn sorted(mut numbers: Vec<u32>) -> Vec<u32> {
    numbers.sort_unstable();
    numbers
}
