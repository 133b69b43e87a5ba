//! A group of clusters: whoever hashes to one that is full or down waits, and nobody else does.

use tributary_proto::session::Terms;

use super::bench::{Bench, ROOM_RECORDS, publish};
use crate::kafka::Outcome;
use crate::route::{Context, GroupBy, GroupRule, LaneIndex, RouteRule};
use crate::shard::client::Paused;

/// A world whose only rule goes to a group of two clusters.
fn bench() -> Bench {
    let group = GroupRule::for_test(GroupBy::Client, &[("east", 1), ("west", 1)]);
    let rule = RouteRule::grouped_for_test("k/#", "t", group);
    Bench::by_rules(Terms::default(), &[rule])
}

/// The lane that a client's records take.
fn lane_of(bench: &Bench, client_id: &str) -> usize {
    let context = Context {
        client_id,
        topic: "k/a",
        user: "",
        qos: 1,
        response_topic: "",
        correlation_data: &[],
    };
    let route = bench.world.routes.find(context.topic);
    let lane = route.and_then(|route| route.lane(&context));
    lane.map(|LaneIndex(lane)| usize::from(lane))
        .expect("a rule takes it")
}

/// The first two client ids that take the lane.
fn two_of(bench: &Bench, lane: usize) -> [String; 2] {
    let ids = (0..).map(|number| format!("c{number}"));
    let mut here = ids.filter(|id| lane_of(bench, id) == lane);
    [here.next(), here.next()].map(|id| id.expect("there is no end of them"))
}

#[test]
fn a_full_lane_holds_up_its_own_clients_and_none_of_the_other() {
    let mut bench = bench();
    let ([filler, waits], [other, another]) = (two_of(&bench, 0), two_of(&bench, 1));
    let filler = bench.connect(&filler, 4, 0);
    for id in 1..=ROOM_RECORDS as u16 {
        bench.world.on_bytes(filler, &publish("k/a", 1, id, 10));
    }
    let waits = bench.connect(&waits, 4, 0);
    bench.world.on_bytes(waits, &publish("k/a", 1, 1, 10));
    assert!(bench.has(waits, Paused::LANE));
    let others = [other, another].map(|id| bench.connect(&id, 4, 0));
    for (index, packet_id) in others.into_iter().zip([7, 8]) {
        bench
            .world
            .on_bytes(index, &publish("k/a", 1, packet_id, 10));
        assert!(!bench.has(index, Paused::LANE));
    }
    bench.carry();
    assert_eq!(bench.in_kafka.len() as u64, ROOM_RECORDS);
    let carried = bench.carry_lane(1);
    assert_eq!(carried.len(), 2);
    for (ticket, bytes) in carried {
        bench.world.desks[1].lane.withdraw(bytes);
        bench.world.on_report(ticket, Outcome::Delivered);
    }
    assert_eq!(bench.sent(others[0]), [0x40, 2, 0, 7]);
    assert_eq!(bench.sent(others[1]), [0x40, 2, 0, 8]);
    // Room in the one lane is none in the other: who waits is not sent there.
    bench.world.on_room();
    assert!(bench.has(waits, Paused::LANE));
    bench.carry();
    assert!(bench.carry_lane(1).is_empty());
    while !bench.in_kafka.is_empty() {
        bench.answer(0);
    }
    bench.world.on_room();
    bench.carry();
    assert!(!bench.has(waits, Paused::LANE));
    assert_eq!(bench.in_kafka.len(), 1);
    bench.answer(0);
    assert_eq!(bench.sent(waits), [0x40, 2, 0, 1]);
}
