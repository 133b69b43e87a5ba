//! What is kept for clients is accounted for, bounded, and gone when they are.

use tributary_proto::close::Close;
use tributary_proto::session::Terms;

use super::bench::{Bench, Chance, PINGREQ, connect, publish};
use crate::limits::REASSEMBLY_BYTES_PER_SHARD_MAX;
use crate::shard::admit::Entrance;

#[test]
fn whatever_happens_half_received_packets_are_accounted_for_and_gone_with_their_clients() {
    for seed in 0..10 {
        let mut chance = Chance(seed);
        let mut bench = Bench::new(Terms {
            receive_max: 3,
            ..Terms::default()
        });
        let mut wires: Vec<(u32, Vec<u8>)> = Vec::new();
        let mut strangers = Vec::new();
        for step in 0..1_500 {
            match chance.below(12) {
                0 => {
                    let index = bench.connect(&format!("c{step}"), 4, 0);
                    wires.push((index, Vec::new()));
                }
                1 => {
                    let socket = bench.socket();
                    let whole = connect("somebody", 4, 0);
                    let cut = 1 + chance.below(whole.len() - 1);
                    let entrance = bench.world.on_stranger(socket, &whole[..cut], false);
                    assert!(matches!(entrance, Entrance::Wait));
                    strangers.push(socket);
                }
                2 if !strangers.is_empty() => {
                    let socket = strangers.swap_remove(chance.below(strangers.len()));
                    assert!(bench.world.take_half_connect(socket).is_some());
                }
                3 if !bench.in_kafka.is_empty() => {
                    let place = chance.below(bench.in_kafka.len());
                    bench.answer(place);
                }
                4 => bench.world.on_room(),
                5 if !wires.is_empty() => {
                    let (index, _) = wires.swap_remove(chance.below(wires.len()));
                    bench.world.end(index, Close::PeerReset);
                }
                _ if wires.is_empty() => {}
                _ => {
                    let place = chance.below(wires.len());
                    let (index, wire) = &mut wires[place];
                    let topic = ["k/a", "null/a", "elsewhere"][chance.below(3)];
                    let id = 1 + chance.below(50) as u16;
                    wire.extend(publish(topic, chance.below(3) as u8, id, chance.below(300)));
                    let cut = 1 + chance.below(wire.len());
                    bench.world.on_bytes(*index, &wire[..cut]);
                    wire.drain(..cut);
                    let index = *index;
                    bench.sent(index);
                }
            }
            bench.carry();
            let kept_bytes = bench.kept_bytes();
            assert_eq!(bench.world.reassembly_bytes, kept_bytes, "seed {seed}");
        }
        assert!(
            bench.world.book().pauses.read() > 0,
            "nobody was ever paused"
        );
        wires
            .iter()
            .for_each(|(index, _)| bench.world.end(*index, Close::PeerClosed));
        strangers
            .iter()
            .for_each(|socket| drop(bench.world.take_half_connect(*socket)));
        assert_eq!(
            (bench.world.reassembly_bytes, bench.world.clients.len()),
            (0, 0)
        );
        while !bench.in_kafka.is_empty() {
            bench.answer(0);
        }
        assert_eq!(
            bench.world.book().publishes.pending(),
            0,
            "the books balance"
        );
        assert_eq!(bench.ended(Close::Internal), 0);
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
