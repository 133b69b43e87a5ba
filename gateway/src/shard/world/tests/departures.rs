//! Clients that go, are taken over or are never let in, and who comes after them.

use tributary_proto::close::Close;
use tributary_proto::session::Terms;

use super::bench::{Bench, connect, publish};
use crate::shard::admit::Entrance;
use crate::shard::world::{Leaving, Order};

#[test]
fn an_answer_for_one_who_has_gone_is_booked_and_misses_the_newcomer() {
    let mut bench = Bench::new(Terms::default());
    let first = bench.connect("first", 4, 0);
    bench.world.on_bytes(first, &publish("k/a", 1, 7, 10));
    bench.carry();
    bench.world.end(first, Close::PeerReset);
    let second = bench.connect("second", 4, 0);
    assert_eq!(second, first, "the newcomer has its place");
    bench.world.on_bytes(second, &publish("k/a", 1, 7, 10));
    bench.carry();
    bench.answer(0);
    assert!(
        bench.sent(second).is_empty(),
        "that was not the newcomer's message"
    );
    bench.answer(0);
    assert_eq!(bench.sent(second), [0x40, 2, 0, 7]);
    assert_eq!(bench.world.book().publishes.pending(), 0);
}

#[test]
fn a_second_connect_takes_over_and_the_first_is_told_in_mqtt_5() {
    let mut bench = Bench::new(Terms::default());
    let first = bench.connect("same", 5, 0);
    let socket = bench.world.clients.at(first).map(|client| client.conn);
    let second = bench.connect("same", 5, 0);
    assert_eq!(bench.world.clients.by_id("same"), Some(second));
    assert_eq!(
        (bench.world.clients.len(), bench.ended(Close::TakenOver)),
        (1, 1)
    );
    let [
        Order::Close {
            socket: closed,
            last_words,
            linger: true,
            ..
        },
    ] = &bench.world.orders[..]
    else {
        panic!("the first is closed");
    };
    assert_eq!(
        (Some(closed.conn), &last_words[..2]),
        (socket, &[0xE0, 1][..])
    );
    assert_eq!(last_words[2], 0x8E);
    assert_eq!(bench.world.book().connections.read(), 1);
}

#[test]
fn a_client_that_takes_no_packet_as_long_as_connack_is_refused_for_that() {
    let mut bench = Bench::new(Terms::default());
    let mut bytes = connect("c", 5, 0);
    // Maximum Packet Size 10.
    let id = bytes.split_off(12);
    bytes.extend([5, 0x27, 0, 0, 0, 10]);
    bytes.extend(&id[1..]);
    bytes[1] += 5;
    let socket = bench.socket();
    assert!(matches!(
        bench.world.on_stranger(socket, &bytes, true),
        Entrance::Out
    ));
    let [Order::Close { last_words, .. }] = &bench.world.orders[..] else {
        panic!("closed")
    };
    assert_eq!(last_words[..4], [0x20, 3, 0, 0x95]);
    assert!(
        bench.world.scratch.is_empty(),
        "the welcome is not left for someone else"
    );
    assert_eq!(
        (
            bench.ended(Close::ConnectRefused),
            bench.ended(Close::TableFull)
        ),
        (1, 0)
    );
}

#[test]
fn who_is_leaving_has_until_its_own_deadline() {
    let mut bench = Bench::new(Terms::default());
    let (soon, late, unknown) = (bench.socket(), bench.socket(), bench.socket());
    for (socket, deadline_tick) in [(soon, 10), (late, 20)] {
        let (ignored_bytes, last_words) = (0, Vec::new());
        let leaving = Leaving {
            deadline_tick,
            ignored_bytes,
            linger: true,
            last_words,
        };
        bench.world.leaving.insert(socket, leaving);
    }
    assert_eq!(bench.world.on_tick(10), [soon]);
    assert!(bench.world.has_left_late(soon) && !bench.world.has_left_late(late));
    assert!(
        bench.world.has_left_late(unknown),
        "no one else would close it"
    );
}

#[test]
fn an_abandoned_drain_ends_everyone() {
    let mut bench = Bench::new(Terms::default());
    for number in 0..3_000 {
        bench.connect(&format!("c{number}"), 4, 0);
    }
    bench.world.abandon();
    assert_eq!(bench.world.clients.len(), 0);
    assert_eq!(bench.ended(Close::ServerDrain), 3_000);
    assert_eq!(bench.world.book().connections.read(), 0);
}
