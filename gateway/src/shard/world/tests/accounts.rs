//! What is kept for clients is accounted for, bounded, and gone when they are.

use tributary_proto::close::Close;
use tributary_proto::session::Terms;

use super::bench::{Bench, Chance, PINGREQ, connect, publish};
use crate::limits::REASSEMBLY_BYTES_PER_SHARD_MAX;
use crate::shard::admit::Entrance;
use crate::shard::world::Socket;

/// Devices and strangers that come, speak in pieces and go as chance has it.
struct Crowd {
    bench: Bench,
    chance: Chance,
    /// Clients, each with what it has written and not sent yet.
    wires: Vec<(u32, Vec<u8>)>,
    strangers: Vec<Socket>,
    came: u32,
}

#[test]
fn half_received_packets_are_accounted_for_and_gone_with_their_clients() {
    for seed in 0..10 {
        let mut crowd = Crowd {
            bench: Bench::new(Terms {
                receive_max: 3,
                ..Terms::default()
            }),
            chance: Chance(seed),
            wires: Vec::new(),
            strangers: Vec::new(),
            came: 0,
        };
        for _ in 0..1_500 {
            crowd.step();
            let kept_bytes = crowd.bench.kept_bytes();
            assert_eq!(
                crowd.bench.world.reassembly_bytes, kept_bytes,
                "seed {seed}"
            );
        }
        assert!(
            crowd.bench.world.book().pauses.read() > 0,
            "nobody was ever paused"
        );
        crowd.leave();
    }
}

impl Crowd {
    fn step(&mut self) {
        match self.chance.below(12) {
            0 => {
                self.came += 1;
                let index = self.bench.connect(&format!("c{}", self.came), 4, 0);
                self.wires.push((index, Vec::new()));
            }
            1 => self.begin_connect(),
            2 if !self.strangers.is_empty() => {
                let place = self.chance.below(self.strangers.len());
                let socket = self.strangers.swap_remove(place);
                assert!(self.bench.world.take_half_connect(socket).is_some());
            }
            3 if !self.bench.in_kafka.is_empty() => {
                let place = self.chance.below(self.bench.in_kafka.len());
                self.bench.answer(place);
            }
            4 => self.bench.world.on_room(),
            5 if !self.wires.is_empty() => {
                let place = self.chance.below(self.wires.len());
                let (index, _) = self.wires.swap_remove(place);
                self.bench.world.end(index, Close::PeerReset);
            }
            _ => self.send_some(),
        }
        self.bench.carry();
    }

    fn begin_connect(&mut self) {
        let socket = self.bench.socket();
        let whole = connect("somebody", 4, 0);
        let cut = 1 + self.chance.below(whole.len() - 1);
        let entrance = self.bench.world.on_stranger(socket, &whole[..cut], false);
        assert!(matches!(entrance, Entrance::Wait));
        self.strangers.push(socket);
    }

    fn send_some(&mut self) {
        if self.wires.is_empty() {
            return;
        }
        let (place, chance) = (self.chance.below(self.wires.len()), &mut self.chance);
        let (index, wire) = &mut self.wires[place];
        let topic = ["k/a", "null/a", "elsewhere"][chance.below(3)];
        let (qos, id) = (chance.below(3) as u8, 1 + chance.below(50) as u16);
        wire.extend(publish(topic, qos, id, chance.below(300)));
        let cut = 1 + chance.below(wire.len());
        self.bench.world.on_bytes(*index, &wire[..cut]);
        wire.drain(..cut);
        self.bench.sent(*index);
    }

    /// Everyone goes; what Kafka had is settled all the same.
    fn leave(mut self) {
        let world = &mut self.bench.world;
        self.wires
            .iter()
            .for_each(|(index, _)| world.end(*index, Close::PeerClosed));
        self.strangers
            .iter()
            .for_each(|socket| drop(world.take_half_connect(*socket)));
        assert_eq!((world.reassembly_bytes, world.clients.len()), (0, 0));
        while !self.bench.in_kafka.is_empty() {
            self.bench.answer(0);
        }
        assert_eq!(
            self.bench.world.book().publishes.pending(),
            0,
            "the books balance"
        );
        assert_eq!(self.bench.ended(Close::Internal), 0);
    }
}

#[test]
fn a_client_is_idle_again_after_a_packet_that_came_in_pieces() {
    let mut bench = Bench::new(Terms::default());
    let index = bench.connect("c", 4, 0);
    for byte in publish("k/a", 0, 0, 40) {
        bench.world.on_bytes(index, &[byte]);
    }
    bench.carry();
    assert_eq!(bench.in_kafka.len(), 1);
    assert!(
        bench
            .world
            .clients
            .at(index)
            .is_some_and(|client| client.io.is_none())
    );
    bench.world.on_bytes(index, &PINGREQ);
    assert_eq!(bench.sent(index), [0xD0, 0]);
    assert!(
        bench
            .world
            .clients
            .at(index)
            .is_some_and(|client| client.io.is_none())
    );
}

#[test]
fn whoever_exceeds_the_bound_on_half_received_packets_goes_and_is_counted() {
    let packet_bytes_max = 2 * REASSEMBLY_BYTES_PER_SHARD_MAX as u32;
    let mut bench = Bench::new(Terms {
        packet_bytes_max,
        ..Terms::default()
    });
    let (other, greedy) = (bench.connect("other", 4, 0), bench.connect("greedy", 4, 0));
    bench.world.on_bytes(other, &PINGREQ[..1]);
    // The front of a PUBLISH that is longer than all that may be kept.
    let mut bytes = vec![0x30, 0xFF, 0xFF, 0xFF, 0x2F, 0, 1, b'a'];
    bytes.resize(REASSEMBLY_BYTES_PER_SHARD_MAX - 1, b'x');
    bench.world.on_bytes(greedy, &bytes);
    assert!(bench.is_here(greedy), "the bound itself is allowed");
    bench.world.on_bytes(greedy, b"x");
    assert!(!bench.is_here(greedy) && bench.is_here(other));
    assert_eq!(bench.ended(Close::ReassemblyFull), 1);
    assert_eq!(
        bench.world.book().bounds_hit.read(crate::bound::REASSEMBLY),
        1
    );
    assert_eq!(bench.world.reassembly_bytes, 1);
}

#[test]
fn half_a_connect_counts_as_a_half_received_packet() {
    let mut bench = Bench::new(Terms::default());
    bench.world.reassembly_bytes = REASSEMBLY_BYTES_PER_SHARD_MAX - 1;
    let (first, second) = (bench.socket(), bench.socket());
    assert!(matches!(
        bench.world.on_stranger(first, &[0x10], false),
        Entrance::Wait
    ));
    assert!(matches!(
        bench.world.on_stranger(second, &[0x10], false),
        Entrance::Out
    ));
    assert_eq!(bench.ended(Close::ReassemblyFull), 1);
    assert_eq!(bench.world.half_connects.len(), 1);
    assert_eq!(bench.world.reassembly_bytes, REASSEMBLY_BYTES_PER_SHARD_MAX);
}

#[test]
fn a_fault_in_handling_one_client_ends_that_client_alone() {
    let mut bench = Bench::new(Terms::default());
    let (unlucky, other) = (bench.connect("unlucky", 4, 0), bench.connect("other", 4, 0));
    // A route that names a lane which is not there stands for any fault.
    let desks = std::mem::take(&mut bench.world.desks);
    let mut bytes = PINGREQ.to_vec();
    bytes.extend(publish("k/a", 1, 1, 10));
    bench.world.on_bytes(unlucky, &bytes[..bytes.len() - 1]);
    // The rest meets what was put away.
    bench.world.on_bytes(unlucky, &bytes[bytes.len() - 1..]);
    assert!(!bench.is_here(unlucky));
    assert_eq!(bench.ended(Close::Internal), 1);
    bench.world.on_bytes(other, &PINGREQ);
    assert_eq!(
        bench.sent(other),
        [0xD0, 0],
        "nothing of the unlucky one's is in it"
    );
    assert_eq!(bench.world.reassembly_bytes, 0);
    bench.world.desks = desks;
}
