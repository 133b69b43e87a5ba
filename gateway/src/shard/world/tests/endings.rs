//! What a connection's end leaves behind: a session that is kept or not, a will that is due or not.

use tributary_proto::close::Close;
use tributary_proto::reason::Reason;
use tributary_proto::session::Terms;

use super::bench::{Bench, ROOM_RECORDS, connect_kept, connect_with_will, publish_5, subscribe};
use crate::limits::TICKS_PER_SEC;
use crate::shard::client::Paused;

/// How long sessions last here, in seconds.
const LASTS_SECS: u32 = 60;
/// Every way in which a connection ends but the client's own goodbye.
const ENDS: [Close; 8] = [
    Close::ClientDisconnectWithWill,
    Close::PeerClosed,
    Close::PeerReset,
    Close::KeepAlive,
    Close::TakenOver,
    Close::OutQueueFull,
    Close::Violation(Reason::ProtocolError),
    Close::ServerDrain,
];

/// A client that gets everything below this topic.
fn watcher(bench: &mut Bench, filter: &str) -> u32 {
    let index = bench.connect("watcher", 5, 0);
    bench.world.on_bytes(index, &subscribe(1, filter, 1));
    bench.carry();
    assert_eq!(bench.sent(index), [0x90, 4, 0, 1, 0, 1]);
    index
}

/// A client with a will below `wills/`.
fn mortal(bench: &mut Bench, expiry_secs: u32, delay_secs: u32) -> u32 {
    let index = bench.enter(&connect_with_will(
        "mortal",
        expiry_secs,
        "wills/m",
        delay_secs,
    ));
    assert_eq!(bench.sent(index)[0], 0x20);
    index
}

fn run_to(bench: &mut Bench, secs: u32) {
    for tick in bench.world.now_tick..=secs * TICKS_PER_SEC {
        bench.world.on_tick(tick);
        bench.carry();
    }
}

#[test]
fn a_session_that_lasts_keeps_its_place_and_what_comes_meanwhile() {
    for close in ENDS.into_iter().chain([Close::ClientDisconnect]) {
        let mut bench = Bench::new(Terms::default());
        let index = bench.enter(&connect_kept("c", true, LASTS_SECS));
        bench.world.on_bytes(index, &subscribe(1, "x/#", 1));
        bench.carry();
        bench.sent(index);
        bench.world.end(index, close);
        assert!(!bench.is_here(index) && bench.world.clients.len() == 1);
        let other = bench.connect("other", 5, 0);
        bench
            .world
            .on_bytes(other, &publish_5("x/a", 0b010, 7, b"hello"));
        bench.carry();
        assert_eq!(bench.sent(other), [0x40, 2, 0, 7], "{close:?}");
        let back = bench.enter(&connect_kept("c", false, LASTS_SECS));
        bench.carry();
        let sent = bench.sent(back);
        assert_eq!((back, sent[2]), (index, 1), "its session is present");
        assert!(
            sent.ends_with(&publish_5("x/a", 0b010, 1, b"hello")),
            "{sent:?}"
        );
        assert_eq!(bench.ended(close), 1);
    }
}

#[test]
fn a_session_that_does_not_last_is_forgotten_with_all_that_it_wanted() {
    for close in ENDS.into_iter().chain([Close::ClientDisconnect]) {
        let mut bench = Bench::new(Terms::default());
        let index = bench.enter(&connect_kept("c", true, 0));
        bench.world.on_bytes(index, &subscribe(1, "x/#", 1));
        bench.carry();
        bench.world.end(index, close);
        assert_eq!(bench.world.clients.len(), 0, "{close:?}");
        assert!(bench.world.subscriptions.is_empty());
        assert_eq!(bench.world.book().subscriptions.read(), 0);
    }
}

#[test]
fn every_end_but_a_goodbye_publishes_the_will() {
    for expiry_secs in [0, LASTS_SECS] {
        for close in ENDS {
            let mut bench = Bench::new(Terms::default());
            let watcher = watcher(&mut bench, "wills/#");
            let index = mortal(&mut bench, expiry_secs, 0);
            bench.world.end(index, close);
            bench.carry();
            // [MQTT-3.1.2-8]
            let will = publish_5("wills/m", 0b010, 1, b"gone");
            assert_eq!(bench.sent(watcher), will, "{close:?}");
        }
        let mut bench = Bench::new(Terms::default());
        let watcher = watcher(&mut bench, "wills/#");
        let index = mortal(&mut bench, expiry_secs, 0);
        bench.world.end(index, Close::ClientDisconnect);
        run_to(&mut bench, 2 * LASTS_SECS);
        assert!(bench.sent(watcher).is_empty(), "[MQTT-3.1.2-10]");
    }
}

#[test]
fn a_will_waits_for_its_delay_and_no_longer_than_its_session() {
    for (delay_secs, due_secs) in [(10, 10), (10 * LASTS_SECS, LASTS_SECS)] {
        let mut bench = Bench::new(Terms::default());
        let watcher = watcher(&mut bench, "wills/#");
        let index = mortal(&mut bench, LASTS_SECS, delay_secs);
        bench.world.end(index, Close::PeerReset);
        run_to(&mut bench, due_secs - 1);
        assert!(bench.sent(watcher).is_empty(), "not before {due_secs} s");
        run_to(&mut bench, due_secs + 2);
        assert!(!bench.sent(watcher).is_empty(), "due at {due_secs} s");
        run_to(&mut bench, 2 * LASTS_SECS);
        assert!(bench.sent(watcher).is_empty(), "once");
        assert_eq!(bench.world.book().wills_published.read(), 1);
    }
}

#[test]
fn a_client_that_is_back_in_time_is_not_mourned() {
    let mut bench = Bench::new(Terms::default());
    let watcher = watcher(&mut bench, "wills/#");
    let index = mortal(&mut bench, LASTS_SECS, 10);
    bench.world.end(index, Close::PeerReset);
    run_to(&mut bench, 5);
    bench.enter(&connect_kept("mortal", false, LASTS_SECS));
    run_to(&mut bench, 2 * LASTS_SECS);
    assert!(bench.sent(watcher).is_empty());
    // With a clean start the session ends, and the will with it.
    bench.world.end(index, Close::ClientDisconnect);
    let index = mortal(&mut bench, LASTS_SECS, 10);
    bench.world.end(index, Close::PeerReset);
    bench.enter(&connect_kept("mortal", true, LASTS_SECS));
    bench.carry();
    assert!(!bench.sent(watcher).is_empty(), "[MQTT-3.1.2-8]");
}

#[test]
fn a_session_ends_when_its_time_is_over_and_not_before() {
    let mut bench = Bench::new(Terms::default());
    let index = bench.enter(&connect_kept("c", true, LASTS_SECS));
    bench.world.end(index, Close::PeerReset);
    run_to(&mut bench, LASTS_SECS - 1);
    assert_eq!(bench.world.clients.len(), 1);
    run_to(&mut bench, LASTS_SECS + 2);
    assert_eq!(bench.world.clients.len(), 0);
    assert_eq!(bench.world.book().sessions_expired.read(), 1);
}

#[test]
fn room_in_a_lane_does_not_shorten_the_session_of_one_who_waited_for_it_and_left() {
    let mut bench = Bench::new(Terms::default());
    let index = bench.enter(&connect_kept("c", true, LASTS_SECS));
    for id in 1..=ROOM_RECORDS as u16 + 1 {
        bench
            .world
            .on_bytes(index, &publish_5("k/a", 0b010, id, b"x"));
    }
    bench.carry();
    assert!(bench.has(index, Paused::LANE));
    bench.world.end(index, Close::PeerReset);
    bench.world.orders.clear();
    while !bench.in_kafka.is_empty() {
        bench.answer(0);
    }
    bench.world.on_room();
    assert!(bench.world.orders.is_empty(), "there is no socket to read");
    run_to(&mut bench, LASTS_SECS - 1);
    assert_eq!(bench.world.clients.len(), 1);
}

#[test]
fn who_is_ended_over_its_own_bytes_keeps_its_session_as_long_as_agreed() {
    let mut bench = Bench::new(Terms {
        in_flight_max: 1,
        queue_messages_max: 1,
        ..Terms::default()
    });
    let index = bench.enter(&connect_kept("c", true, LASTS_SECS));
    bench.world.on_bytes(index, &subscribe(1, "x/own", 1));
    bench.carry();
    // One is in flight, one waits, and the third is too much.
    let all: Vec<u8> = (1..=4)
        .flat_map(|id| publish_5("x/own", 0b010, id, b"x"))
        .collect();
    bench.world.on_bytes(index, &all);
    bench.carry();
    assert!(!bench.is_here(index));
    assert_eq!(bench.ended(Close::OutQueueFull), 1);
    assert_eq!(bench.world.book().publishes.pending(), 0);
    run_to(&mut bench, LASTS_SECS - 1);
    assert_eq!(bench.world.clients.len(), 1);
}
