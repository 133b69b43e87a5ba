//! Clients that are not read for a while: each is read again, or ended, and none is forgotten.

use tributary_proto::close::Close;
use tributary_proto::session::Terms;

use super::bench::{Bench, PINGREQ, ROOM_RECORDS, connect, publish};
use crate::bound;
use crate::limits::{
    DEMOTIONS_PER_SEC_MAX, HOT_QUIET_SECS, OUT_QUEUE_BYTES_MAX, OUT_QUEUE_STALL_TICKS_MAX,
    TICKS_PER_SEC,
};
use crate::shard::client::{Listed, Paused, Reading};
use crate::shard::clients::ClientRef;
use crate::shard::world::Order;

/// A world whose lane has no room left, by the messages of one client.
fn full_bench() -> Bench {
    let mut bench = Bench::new(Terms::default());
    let filler = bench.connect("filler", 4, 0);
    for id in 1..=ROOM_RECORDS as u16 {
        bench.world.on_bytes(filler, &publish("k/a", 1, id, 10));
    }
    bench.carry();
    assert_eq!(bench.in_kafka.len() as u64, ROOM_RECORDS);
    bench
}

#[test]
fn a_client_that_found_the_lane_full_goes_on_where_it_stopped() {
    let mut bench = full_bench();
    let index = bench.connect("c", 4, 0);
    let two = [publish("k/a", 1, 1, 10), publish("k/a", 1, 2, 10)].concat();
    bench.world.on_bytes(index, &two);
    bench.world.on_bytes(index, &PINGREQ);
    assert!(bench.has(index, Paused::LANE));
    assert!(
        bench.sent(index).is_empty(),
        "the ping waits behind the messages"
    );
    assert_eq!(bench.world.book().bounds_hit.read(bound::LANE), 1);
    while !bench.in_kafka.is_empty() {
        bench.answer(0);
    }
    bench.world.on_room();
    assert!(!bench.has(index, Paused::LANE));
    assert!(
        matches!(bench.world.orders[..], [Order::Poll(_)]),
        "it is read again"
    );
    bench.carry();
    assert_eq!(bench.in_kafka.len(), 2);
    bench.answer(1);
    bench.answer(0);
    assert_eq!(bench.sent(index), [0xD0, 0, 0x40, 2, 0, 1, 0x40, 2, 0, 2]);
    let book = bench.world.book();
    assert_eq!((book.pauses.read(), book.resumes.read()), (1, 1));
}

#[test]
fn notes_of_waiting_clients_who_have_gone_do_not_pile_up() {
    let mut bench = full_bench();
    let stays = bench.connect("stays", 4, 0);
    bench.world.on_bytes(stays, &publish("k/a", 1, 1, 10));
    let mut longest = 0;
    for number in 0..10_000 {
        let index = bench.connect(&format!("c{number}"), 4, 0);
        bench.world.on_bytes(index, &publish("k/a", 1, 1, 10));
        assert!(bench.has(index, Paused::LANE));
        bench.world.end(index, Close::PeerReset);
        longest = longest.max(bench.world.waiting.len());
    }
    assert!((1_000..2_000).contains(&longest), "{longest} notes");
    while !bench.in_kafka.is_empty() {
        bench.answer(0);
    }
    bench.world.on_room();
    assert!(
        !bench.has(stays, Paused::LANE),
        "who stayed was not swept out with them"
    );
    assert!(bench.world.waiting.is_empty());
}

#[test]
fn a_client_that_is_owed_too_much_waits_and_goes_on_at_half() {
    let mut bench = Bench::new(Terms {
        receive_max: 4,
        ..Terms::default()
    });
    let index = bench.connect("c", 4, 0);
    let all: Vec<u8> = (1..=6).flat_map(|id| publish("k/a", 1, id, 10)).collect();
    bench.world.on_bytes(index, &all);
    bench.carry();
    assert_eq!(bench.in_kafka.len(), 4);
    assert!(bench.has(index, Paused::WINDOW));
    bench.answer(0);
    assert!(bench.has(index, Paused::WINDOW));
    bench.answer(0);
    assert!(!bench.has(index, Paused::WINDOW));
    bench.carry();
    assert_eq!(
        bench.in_kafka.len(),
        4,
        "two that were left, and two that waited"
    );
    (0..4).for_each(|_| bench.answer(0));
    let acknowledged: Vec<u8> = bench
        .sent(index)
        .chunks(4)
        .map(|puback| puback[3])
        .collect();
    assert_eq!(acknowledged, [1, 2, 3, 4, 5, 6]);
}

#[test]
fn two_reasons_to_wait_are_one_pause_and_the_last_ends_it() {
    let mut bench = full_bench();
    let index = bench.connect("c", 4, 0);
    bench.world.on_bytes(index, &publish("k/a", 1, 1, 10));
    bench.world.pause(index, Paused::OUT);
    while !bench.in_kafka.is_empty() {
        bench.answer(0);
    }
    bench.world.on_room();
    assert!(bench.world.orders.is_empty() && !bench.has(index, Paused::LANE));
    bench.world.resume(index, Paused::OUT);
    assert!(matches!(bench.world.orders[..], [Order::Poll(_)]));
    bench.world.resume(index, Paused::OUT);
    assert_eq!(bench.world.orders.len(), 1, "armed once");
    let book = bench.world.book();
    assert_eq!((book.pauses.read(), book.resumes.read()), (1, 1));
}

#[test]
fn a_cancelled_multishot_is_not_armed_again_before_it_has_ended() {
    let mut bench = Bench::new(Terms::default());
    let index = bench.connect("c", 4, 0);
    if let Some(client) = bench.world.clients.at(index) {
        client.reading = Reading::Multishot;
    }
    bench.world.pause(index, Paused::LANE);
    assert!(matches!(bench.world.orders[..], [Order::CancelReceive(_)]));
    bench.world.resume(index, Paused::LANE);
    assert_eq!(
        bench.world.orders.len(),
        1,
        "the end of the receive arms it"
    );
}

#[test]
fn a_client_that_takes_a_last_buffer_and_reads_no_more_is_ended() {
    let mut bench = Bench::new(Terms::default());
    let index = bench.connect("c", 4, 0);
    let generation = bench.world.clients.generation(index);
    bench
        .world
        .on_bytes(index, &PINGREQ.repeat(OUT_QUEUE_BYTES_MAX));
    let since = 3 * TICKS_PER_SEC;
    bench.world.now_tick = since;
    bench
        .world
        .on_out_queue(index, generation, OUT_QUEUE_BYTES_MAX + 1);
    assert!(bench.has(index, Paused::OUT));
    assert_eq!(bench.world.book().bounds_hit.read(bound::OUT_QUEUE), 1);
    // All of it goes to the ring, which never gets rid of it.
    bench.sent(index);
    bench.world.on_tick(since + OUT_QUEUE_STALL_TICKS_MAX);
    assert!(bench.is_here(index));
    bench
        .world
        .on_tick(since + OUT_QUEUE_STALL_TICKS_MAX + TICKS_PER_SEC);
    assert!(!bench.is_here(index));
    assert_eq!(bench.ended(Close::OutQueueFull), 1);
}

#[test]
fn a_client_that_stalls_again_and_again_is_listed_once() {
    let mut bench = Bench::new(Terms::default());
    let index = bench.connect("c", 4, 0);
    let generation = bench.world.clients.generation(index);
    for _ in 0..100 {
        bench
            .world
            .on_out_queue(index, generation, OUT_QUEUE_BYTES_MAX + 1);
        assert!(bench.has(index, Paused::OUT));
        bench.world.on_out_queue(index, generation, 0);
        assert!(!bench.has(index, Paused::OUT));
    }
    assert_eq!(bench.world.stalled.len(), 1);
    bench.world.end_stalled();
    assert!(bench.world.stalled.is_empty());
    bench
        .world
        .on_out_queue(index, generation, OUT_QUEUE_BYTES_MAX + 1);
    assert_eq!(bench.world.stalled.len(), 1, "it is listed anew");
}

#[test]
fn hot_clients_who_have_gone_leave_the_list_however_many_they_are() {
    let mut bench = Bench::new(Terms::default());
    let gone = (0..100_000).map(|index| ClientRef {
        index,
        generation: 0,
    });
    bench.world.hot.extend(gone);
    for sec in 1..60 {
        bench.world.on_tick(sec * TICKS_PER_SEC);
    }
    assert!(bench.world.hot.len() <= DEMOTIONS_PER_SEC_MAX);
}

#[test]
fn quiet_hot_clients_are_demoted_once_and_so_many_a_second() {
    let mut bench = Bench::new(Terms::default());
    let count = DEMOTIONS_PER_SEC_MAX + 100;
    for number in 0..count {
        let index = bench.connect(&format!("c{number}"), 4, 0);
        let generation = bench.world.clients.generation(index);
        if let Some(client) = bench.world.clients.at(index) {
            client.reading = Reading::Multishot;
            client.listed.enter(Listed::HOT);
        }
        bench.world.hot.push_back(ClientRef { index, generation });
    }
    bench.world.on_tick(TICKS_PER_SEC);
    assert_eq!(
        (bench.world.orders.len(), bench.world.hot.len()),
        (0, count),
        "not quiet yet"
    );
    bench.world.on_tick((HOT_QUIET_SECS + 1) * TICKS_PER_SEC);
    assert_eq!(bench.world.orders.len(), DEMOTIONS_PER_SEC_MAX);
    bench.world.on_tick((HOT_QUIET_SECS + 2) * TICKS_PER_SEC);
    assert_eq!(
        (bench.world.orders.len(), bench.world.hot.len()),
        (count, 0)
    );
    assert!(
        bench
            .world
            .orders
            .iter()
            .all(|order| matches!(order, Order::CancelReceive(_)))
    );
}

#[test]
fn a_client_that_the_gateway_did_not_listen_to_is_not_blamed_for_its_silence() {
    let mut bench = full_bench();
    let (paused, silent) = (
        bench.connect("paused", 4, 10),
        bench.connect("silent", 4, 10),
    );
    bench.world.on_bytes(paused, &publish("k/a", 1, 1, 10));
    for tick in 0..60 * TICKS_PER_SEC {
        bench.world.on_tick(tick);
    }
    assert!(bench.is_here(paused) && !bench.is_here(silent));
    assert_eq!(bench.ended(Close::KeepAlive), 1);
    while !bench.in_kafka.is_empty() {
        bench.answer(0);
    }
    bench.world.on_room();
    let resumed = bench.world.now_tick;
    bench.world.on_tick(resumed + 14 * TICKS_PER_SEC);
    assert!(
        bench.is_here(paused),
        "its silence counts from when it was read again"
    );
    for tick in 14 * TICKS_PER_SEC..20 * TICKS_PER_SEC {
        bench.world.on_tick(resumed + tick);
    }
    assert!(!bench.is_here(paused));
}

#[test]
fn a_drain_lets_go_whom_nothing_is_owed_and_the_others_when_they_have_it() {
    let mut bench = Bench::new(Terms::default());
    let (idle, owed) = (bench.connect("idle", 4, 0), bench.connect("owed", 4, 0));
    bench.world.on_bytes(owed, &publish("k/a", 1, 1, 10));
    bench.carry();
    bench.world.begin_drain();
    bench.world.on_tick(1);
    assert!(!bench.is_here(idle) && bench.is_here(owed));
    let socket = bench.socket();
    bench
        .world
        .on_stranger(socket, &connect("late", 4, 0), true);
    assert!(bench.world.clients.by_id("late").is_none());
    bench.world.on_bytes(owed, &publish("k/a", 1, 2, 10));
    bench.carry();
    assert_eq!(bench.in_kafka.len(), 1, "nothing new is taken from it");
    bench.answer(0);
    bench.world.on_tick(2);
    assert!(!bench.is_here(owed));
    let puback = [0x40, 2, 0, 1];
    let told =
        bench.world.orders.iter().any(
            |order| matches!(order, Order::Close { last_words, .. } if last_words[..] == puback),
        );
    assert!(told, "its acknowledgement goes out before the end");
    assert_eq!(
        (
            bench.ended(Close::ServerDrain),
            bench.world.reassembly_bytes
        ),
        (2, 0)
    );
}
