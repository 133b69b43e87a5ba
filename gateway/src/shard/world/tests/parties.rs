//! Everyone who has to answer for a message has answered before its publisher hears, once.

use tributary_proto::close::Close;
use tributary_proto::session::Terms;

use super::bench::{Bench, Durable, connect_kept, publish, publish_5, subscribe};
use crate::kafka::{Outcome, Refusal};

/// A subscriber whose session lasts, and who is away.
fn away(durable: &mut Durable, filter: &str) {
    let index = durable.bench.enter(&connect_kept("away", false, 3_600));
    durable
        .bench
        .world
        .on_bytes(index, &subscribe(1, filter, 1));
    durable.bench.world.end(index, Close::PeerReset);
    durable.commit();
}

fn balance(bench: &Bench) -> (u64, u64) {
    let publishes = &bench.world.book().publishes;
    publishes.settle();
    let sum = |metric| {
        let entries = publishes.read();
        let entry = entries.iter().find(|entry| entry.metric == metric);
        entry.map_or(0, |entry| entry.values.iter().sum::<u64>())
    };
    let settled = sum("tributary_publishes_acknowledged")
        + sum("tributary_publishes_refused")
        + sum("tributary_publishes_settled_after_gone")
        + publishes.pending();
    (sum("tributary_publishes_received"), settled)
}

#[test]
fn kafka_and_the_disk_both_answer_before_the_publisher_hears() {
    for kafka_first in [true, false] {
        let mut durable = Durable::new(&format!("both-{kafka_first}"));
        away(&mut durable, "k/#");
        let publisher = durable.bench.connect("publisher", 5, 0);
        durable
            .bench
            .world
            .on_bytes(publisher, &publish_5("k/a", 0b010, 1, b"x"));
        durable.bench.carry();
        if kafka_first {
            durable.bench.answer(0);
            durable.bench.carry();
        } else {
            durable.commit();
        }
        assert!(durable.bench.sent(publisher).is_empty());
        if kafka_first {
            durable.commit();
        } else {
            durable.bench.answer(0);
        }
        assert_eq!(durable.bench.sent(publisher), [0x40, 2, 0, 1]);
        assert_eq!(balance(&durable.bench), (1, 1));
    }
}

#[test]
fn a_publisher_that_goes_with_parties_outstanding_is_counted_once() {
    for qos in [1, 2] {
        for expiry_secs in [0, 60] {
            let mut durable = Durable::new(&format!("gone-{qos}-{expiry_secs}"));
            away(&mut durable, "k/#");
            let connect = connect_kept("publisher", true, expiry_secs);
            let publisher = durable.bench.enter(&connect);
            durable.commit();
            let publish = publish_5("k/a", qos << 1, 1, b"x");
            durable.bench.world.on_bytes(publisher, &publish);
            durable.bench.carry();
            durable.bench.world.end(publisher, Close::PeerReset);
            assert_eq!(balance(&durable.bench), (1, 1));
            durable.bench.answer(0);
            durable.commit();
            assert_eq!(balance(&durable.bench), (1, 1));
            assert_eq!(durable.bench.world.book().publishes.pending(), 0);
        }
    }
}

#[test]
fn a_group_on_the_publishers_own_shard_does_not_leave_it_without_an_answer() {
    let mut durable = Durable::new("group");
    let member = durable.bench.connect("member", 5, 0);
    let filter = "$share/crew/x/#";
    durable
        .bench
        .world
        .on_bytes(member, &subscribe(1, filter, 1));
    durable.commit();
    durable.bench.sent(member);
    let publisher = durable.bench.connect("publisher", 5, 0);
    durable
        .bench
        .world
        .on_bytes(publisher, &publish_5("x/a", 0b010, 1, b"x"));
    durable.commit();
    assert_eq!(durable.bench.sent(publisher), [0x40, 2, 0, 1]);
    assert_eq!(durable.bench.sent(member), publish_5("x/a", 0b010, 1, b"x"));
    assert_eq!(balance(&durable.bench), (1, 1));
}

#[test]
fn subscribers_behind_kafka_get_what_kafka_has_and_nothing_else() {
    let mut bench = Bench::new(Terms::default());
    let reader = bench.connect("reader", 5, 0);
    bench.world.on_bytes(reader, &subscribe(1, "after/#", 1));
    bench.carry();
    bench.sent(reader);
    let publisher = bench.connect("publisher", 5, 0);
    for id in 1..=2 {
        let publish = publish_5("after/a", 0b010, id, &[id as u8]);
        bench.world.on_bytes(publisher, &publish);
    }
    bench.carry();
    assert!(bench.sent(reader).is_empty() && bench.sent(publisher).is_empty());
    bench.answer_with(0, Outcome::Failed(Refusal::TooLarge));
    assert!(bench.sent(reader).is_empty());
    assert_eq!(bench.sent(publisher), [0x40, 3, 0, 1, 0x95]);
    bench.answer(0);
    assert_eq!(bench.sent(reader), publish_5("after/a", 0b010, 1, &[2]));
    assert_eq!(bench.sent(publisher), [0x40, 2, 0, 2]);
    assert!(bench.world.held.is_empty());
    assert_eq!(balance(&bench), (2, 2));
}

#[test]
fn who_waits_behind_kafka_may_go_and_its_subscribers_get_the_message_all_the_same() {
    let mut bench = Bench::new(Terms::default());
    let reader = bench.connect("reader", 5, 0);
    bench.world.on_bytes(reader, &subscribe(1, "after/#", 1));
    bench.carry();
    bench.sent(reader);
    let publisher = bench.connect("publisher", 5, 0);
    bench
        .world
        .on_bytes(publisher, &publish_5("after/a", 0b010, 1, b"x"));
    bench.carry();
    bench.world.end(publisher, Close::PeerReset);
    bench.answer(0);
    assert_eq!(bench.sent(reader), publish_5("after/a", 0b010, 1, b"x"));
    assert_eq!(balance(&bench), (1, 1));
}

#[test]
fn no_room_to_retain_is_told_in_mqtt_5_and_does_not_end_who_has_no_word_for_it() {
    let mut bench = Bench::new(Terms::default());
    let [new, old] = [("new", 5), ("old", 4)].map(|(id, level)| bench.connect(id, level, 0));
    for number in 0..1_000 {
        let topic = format!("x/{number}");
        bench
            .world
            .on_bytes(new, &publish_5(&topic, 0b001, 0, b"x"));
    }
    assert_eq!(bench.world.book().retained_messages.read(), 1_000);
    bench
        .world
        .on_bytes(new, &publish_5("x/more", 0b011, 1, b"x"));
    let mut retained = publish("x/more", 1, 2, 1);
    retained[0] |= 1;
    bench.world.on_bytes(old, &retained);
    bench.carry();
    assert_eq!(bench.sent(new), [0x40, 3, 0, 1, 0x97]);
    assert_eq!(bench.sent(old), [0x40, 2, 0, 2]);
    assert_eq!(
        bench.world.book().bounds_hit.read(crate::bound::RETAINED),
        2
    );
    assert_eq!(balance(&bench), (1_002, 1_002));
}
