//! A shard's quotas on time of the test's own: who waits, who is refused, and who notices nothing.

use std::hash::RandomState;

use tributary_access::accounts;
use tributary_access::address::Grouping;
use tributary_access::meter;
use tributary_access::rate::Rate;
use tributary_proto::close::Close;

use super::bench::{Bench, PINGREQ, ROOM_RECORDS, connect, connect_as, publish, publish_5};
use crate::quota::{Flow, Ledger, Over, Share, Terms};
use crate::shard::QuotaPlan;
use crate::shard::admit::Entrance;
use crate::shard::client::{Paused, Reading};
use crate::shard::quota::Quota;
use crate::shard::world::Order;

fn plan(terms: Terms) -> QuotaPlan {
    let hasher = RandomState::new();
    QuotaPlan {
        ledger: Ledger::new(&terms, 7),
        terms,
        hasher,
        shards: 1,
    }
}

fn bench(terms: Terms) -> Bench {
    let mut bench = Bench::new(tributary_proto::session::Terms::default());
    bench.world.quota = Quota::new(plan(terms));
    bench
}

/// So many messages a second; `burst` at once.
fn messages(per_sec: u64, burst: u32, over: Over) -> Flow {
    let meter = meter::Terms {
        messages: Some(Rate::per_sec(per_sec, burst).expect("in bounds")),
        bytes: None,
    };
    Flow { meter, over }
}

fn of_client(flow: Flow) -> Terms {
    Terms {
        client: Some(flow),
        ..Terms::default()
    }
}

fn of_user(accounts: accounts::Terms) -> Terms {
    let over = Over::Slow;
    Terms {
        user: Some(Share { accounts, over }),
        ..Terms::default()
    }
}

/// As many messages, one behind the other in one read.
fn batch(ids: std::ops::RangeInclusive<u16>) -> Vec<u8> {
    ids.flat_map(|id| publish("k/a", 1, id, 10)).collect()
}

fn is_turned_away(bench: &mut Bench, connect: &[u8]) -> bool {
    let socket = bench.socket();
    let entrance = bench.world.on_stranger(socket, connect, true);
    matches!(entrance, Entrance::Out)
}

/// Messages that got as far as Kafka since the last look; it has acknowledged them.
fn carried(bench: &mut Bench) -> usize {
    bench.carry();
    let count = bench.in_kafka.len();
    (0..count).for_each(|_| bench.answer(0));
    count
}

/// Brings the world to this tick and says what got to the lane by that.
fn tick(bench: &mut Bench, now_tick: u32) -> usize {
    bench.world.on_tick(now_tick);
    carried(bench)
}

#[test]
fn a_client_over_its_rate_goes_on_message_by_message_as_tokens_come() {
    let mut bench = bench(of_client(messages(1, 5, Over::Slow)));
    let index = bench.connect("c", 4, 0);
    bench.world.on_bytes(index, &batch(1..=8));
    assert_eq!(carried(&mut bench), 5);
    assert!(bench.has(index, Paused::QUOTA));
    assert_eq!(bench.world.book().quota_hits.read(0), 1);
    let came: Vec<usize> = (1..=31)
        .map(|now_tick| tick(&mut bench, now_tick))
        .collect();
    let ticks: Vec<usize> = (1..=31).filter(|tick| came[tick - 1] > 0).collect();
    assert_eq!(ticks, [10, 20, 30]);
    assert_eq!(came.iter().sum::<usize>(), 3);
    assert!(!bench.has(index, Paused::QUOTA));
    assert!(bench.world.reassembly_bytes == 0, "nothing is left lying");
    let ids: Vec<u8> = bench
        .sent(index)
        .chunks(4)
        .map(|puback| puback[3])
        .collect();
    assert_eq!(ids, [1, 2, 3, 4, 5, 6, 7, 8], "each once, in order");
}

#[test]
fn a_client_within_its_rate_notices_nothing_and_an_idle_one_costs_nothing() {
    let mut bench = bench(of_client(messages(10, 20, Over::Slow)));
    let index = bench.connect("c", 4, 0);
    for now_tick in 1..=100 {
        bench
            .world
            .on_bytes(index, &publish("k/a", 1, now_tick as u16, 10));
        assert_eq!(tick(&mut bench, now_tick), 1);
    }
    assert_eq!(bench.world.book().quota_hits.sum(), 0);
    assert_eq!(bench.world.book().pauses.read(), 0);
    bench.world.on_tick(200);
    assert_eq!(bench.world.quota.remembered(), [0; 3]);
}

#[test]
fn tokens_that_a_read_did_not_need_are_there_for_the_next() {
    let mut bench = bench(of_client(messages(1, 6, Over::Slow)));
    let index = bench.connect("c", 4, 0);
    // The pings behind the first message look like more messages.
    let mut bytes = publish("k/a", 1, 1, 10);
    (0..200).for_each(|_| bytes.extend_from_slice(&PINGREQ));
    bench.world.on_bytes(index, &bytes);
    bench.world.on_bytes(index, &batch(2..=7));
    assert_eq!(carried(&mut bench), 6);
    assert!(bench.has(index, Paused::QUOTA));
}

#[test]
fn a_packet_that_comes_in_pieces_is_paid_for_once() {
    let mut bench = bench(of_client(messages(1, 2, Over::Slow)));
    let index = bench.connect("c", 4, 0);
    for byte in batch(1..=2) {
        bench.world.on_bytes(index, &[byte]);
    }
    assert_eq!(carried(&mut bench), 2);
    assert!(!bench.has(index, Paused::QUOTA));
}

#[test]
fn what_waits_for_a_lane_is_paid_for_once() {
    let many = ROOM_RECORDS as u16;
    let mut bench = bench(of_client(messages(1, u32::from(many) + 1, Over::Slow)));
    let index = bench.connect("c", 4, 0);
    bench.world.on_bytes(index, &batch(1..=many + 1));
    assert!(bench.has(index, Paused::LANE) && !bench.has(index, Paused::QUOTA));
    for _ in 0..3 {
        bench.world.on_room();
        assert!(bench.has(index, Paused::LANE));
    }
    assert_eq!(carried(&mut bench), usize::from(many));
    bench.world.on_room();
    assert_eq!(carried(&mut bench), 1, "its token was still there");
}

#[test]
fn mqtt_5_is_refused_by_name_and_mqtt_3_waits_instead() {
    let mut bench = bench(of_client(messages(1, 1, Over::Refuse)));
    let five = bench.connect("five", 5, 0);
    bench.sent(five);
    let two = [publish_5("k/a", 2, 1, b"x"), publish_5("k/a", 2, 2, b"x")].concat();
    bench.world.on_bytes(five, &two);
    assert_eq!(carried(&mut bench), 1);
    assert_eq!(bench.sent(five), [0x40, 2, 0, 1, 0x40, 3, 0, 2, 0x97]);
    let three = bench.connect("three", 4, 0);
    bench.world.on_bytes(three, &batch(1..=2));
    assert_eq!(carried(&mut bench), 1);
    assert!(bench.has(three, Paused::QUOTA) && !bench.has(five, Paused::QUOTA));
    assert_eq!(tick(&mut bench, 10), 1);
}

#[test]
fn qos_0_over_the_rate_is_dropped_counted_and_in_the_books() {
    let mut bench = bench(of_client(messages(1, 2, Over::Refuse)));
    let index = bench.connect("c", 4, 0);
    for _ in 0..5 {
        bench.world.on_bytes(index, &publish("k/a", 0, 0, 10));
    }
    assert_eq!(carried(&mut bench), 2);
    assert!(!bench.has(index, Paused::QUOTA));
    assert_eq!(bench.world.book().quota_hits.read(0), 3);
}

#[test]
fn whoever_is_to_be_closed_is_closed_for_that_reason() {
    let mut bench = bench(of_client(messages(1, 2, Over::Close)));
    let index = bench.connect("c", 5, 0);
    let three: Vec<u8> = (1..=3)
        .flat_map(|id| publish_5("k/a", 2, id, b"x"))
        .collect();
    bench.world.on_bytes(index, &three);
    assert_eq!(carried(&mut bench), 2);
    assert_eq!(bench.ended(Close::MessageRate), 1);
}

#[test]
fn who_comes_back_still_owes_what_it_owed_and_nobody_else_does() {
    let mut bench = bench(of_client(messages(1, 3, Over::Slow)));
    let index = bench.connect("c", 4, 0);
    bench.world.on_bytes(index, &batch(1..=3));
    bench.world.end(index, Close::PeerReset);
    // The place of the one that went is the newcomer's.
    let other = bench.connect("other", 4, 0);
    assert_eq!(other, index);
    bench.world.on_bytes(other, &batch(1..=3));
    assert!(!bench.has(other, Paused::QUOTA));
    let again = bench.connect("c", 4, 0);
    bench.world.on_bytes(again, &batch(1..=1));
    assert!(bench.has(again, Paused::QUOTA));
}

#[test]
fn notes_of_those_who_wait_and_go_do_not_pile_up() {
    let mut bench = bench(of_client(messages(1, 1, Over::Slow)));
    let stays = bench.connect("stays", 4, 0);
    bench.world.on_bytes(stays, &batch(1..=2));
    assert_eq!(carried(&mut bench), 1);
    let mut longest = 0;
    for number in 0..10_000 {
        let index = bench.connect(&format!("c{number}"), 4, 0);
        bench.world.on_bytes(index, &batch(1..=2));
        assert_eq!(carried(&mut bench), 1);
        bench.world.end(index, Close::PeerReset);
        longest = longest.max(bench.world.quota.remembered()[1]);
    }
    assert!((1_000..2_000).contains(&longest), "{longest} notes");
    assert!(bench.has(stays, Paused::QUOTA));
    assert_eq!(tick(&mut bench, 10), 1);
    assert!(!bench.has(stays, Paused::QUOTA));
}

#[test]
fn a_drain_takes_those_along_who_wait_for_tokens() {
    let mut bench = bench(of_client(messages(1, 1, Over::Slow)));
    let index = bench.connect("c", 4, 0);
    bench.world.on_bytes(index, &batch(1..=2));
    carried(&mut bench);
    bench.world.begin_drain();
    bench.world.on_tick(1);
    assert_eq!(bench.ended(Close::ServerDrain), 1);
    assert_eq!(bench.world.reassembly_bytes, 0);
    assert_eq!(
        tick(&mut bench, 20),
        0,
        "what was read and not taken goes nowhere"
    );
}

#[test]
fn a_takeover_ends_the_wait_and_keep_alive_does_not() {
    let mut bench = bench(of_client(messages(1, 1, Over::Slow)));
    let index = bench.connect("c", 4, 1);
    bench.world.on_bytes(index, &batch(1..=62));
    for now_tick in 1..=300 {
        tick(&mut bench, now_tick);
    }
    assert_eq!(bench.ended(Close::KeepAlive), 0, "it was not listened to");
    assert!(bench.has(index, Paused::QUOTA));
    let again = bench.connect("c", 4, 0);
    assert_eq!(bench.ended(Close::TakenOver), 1);
    assert!(!bench.has(again, Paused::QUOTA));
    assert_eq!(bench.world.reassembly_bytes, 0);
}

#[test]
fn a_socket_that_waits_is_not_read_and_is_read_again_after_that() {
    let mut bench = bench(of_client(messages(1, 1, Over::Slow)));
    let index = bench.connect("c", 4, 0);
    if let Some(client) = bench.world.clients.at(index) {
        client.reading = Reading::Multishot;
    }
    bench.world.on_bytes(index, &batch(1..=2));
    assert!(matches!(bench.world.orders[..], [Order::CancelReceive(_)]));
    if let Some(client) = bench.world.clients.at(index) {
        client.reading = Reading::Nothing;
    }
    bench.world.on_tick(10);
    assert!(matches!(
        bench.world.orders[..],
        [Order::CancelReceive(_), Order::Poll(_)]
    ));
}

#[test]
fn a_user_has_so_many_connections_and_a_takeover_needs_no_further_one() {
    let mut bench = bench(of_user(accounts::Terms {
        connections_max: Some(2),
        ..accounts::Terms::default()
    }));
    let one = bench.enter(&connect_as("one", "user"));
    bench.enter(&connect_as("two", "user"));
    assert!(is_turned_away(&mut bench, &connect_as("three", "user")));
    assert_eq!(bench.ended(Close::ConnectRefused), 1);
    bench.enter(&connect_as("three", "other"));
    bench.enter(&connect_as("two", "user"));
    assert!(is_turned_away(&mut bench, &connect_as("three", "user")));
    bench.world.end(one, Close::PeerReset);
    bench.enter(&connect_as("four", "user"));
    bench.enter(&connect("nobody's", 4, 0));
    assert!(is_turned_away(&mut bench, &connect_as("five", "user")));
}

#[test]
fn all_clients_of_a_user_share_its_rate_and_those_of_another_do_not() {
    let mut bench = bench(of_user(accounts::Terms {
        meter: messages(1, 4, Over::Slow).meter,
        ..accounts::Terms::default()
    }));
    let one = bench.enter(&connect_as("one", "user"));
    let two = bench.enter(&connect_as("two", "user"));
    let other = bench.enter(&connect_as("three", "other"));
    bench.world.on_bytes(one, &batch(1..=3));
    bench.world.on_bytes(two, &batch(1..=3));
    bench.world.on_bytes(other, &batch(1..=3));
    assert_eq!(carried(&mut bench), 3 + 1 + 3);
    assert_eq!(
        [one, two, other].map(|one| bench.has(one, Paused::QUOTA)),
        [false, true, false]
    );
    assert_eq!(tick(&mut bench, 10), 1);
    assert_eq!(tick(&mut bench, 20), 1);
    assert!(!bench.has(two, Paused::QUOTA));
}

#[test]
fn a_socket_is_asked_once_where_it_comes_from_and_its_connect_waits_for_that() {
    let accounts = accounts::Terms {
        connections_max: Some(1),
        ..accounts::Terms::default()
    };
    let over = Over::Slow;
    let mut bench = bench(Terms {
        address: Some((Grouping::default(), Share { accounts, over })),
        ..Terms::default()
    });
    let mut come = |id: &str, last: u8| {
        let (socket, connect) = (bench.socket(), connect(id, 5, 0));
        bench.world.orders.clear();
        for _ in 0..2 {
            let entrance = bench.world.on_stranger(socket, &connect, true);
            assert!(matches!(entrance, Entrance::Behind));
            let kept = bench.world.take_half_connect(socket);
            assert_eq!(kept.as_deref(), Some(&connect[..]));
        }
        let is_question = |order: &&Order| matches!(order, Order::AskPeer { .. });
        assert_eq!(bench.world.orders.iter().filter(is_question).count(), 1);
        let address = [192, 0, 2, last].into();
        bench.world.on_peer_of_stranger(socket, Some(address));
        let entrance = bench.world.on_stranger(socket, &connect, true);
        matches!(entrance, Entrance::In { .. })
    };
    assert!(come("first", 1));
    assert!(!come("second", 1), "its address has its one connection");
    assert!(come("third", 2));
}
