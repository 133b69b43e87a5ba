//! What waits for a subscriber that is away: in order, bounded, and dropped by a rule that has a
//! name and a counter.

use crate::support::client::Client;
use crate::support::delivery::Delivery;
use crate::support::gateway::{Gateway, Launch};
use crate::support::subscriber::LOCAL_ONLY;
use crate::support::wire::*;

fn launch(mqtt: &str) -> Gateway {
    Launch::default()
        .config(&format!("{LOCAL_ONLY}[mqtt]\n{mqtt}"))
        .start()
}

/// A subscriber that has gone, with its session behind it.
fn away(gateway: &Gateway, version: u8, client_id: &str) {
    let (client, _) = Client::resume(gateway, version, client_id);
    client.subscribed("away/#", 2).leave(0, &[]);
}

fn publish_numbers(gateway: &Gateway, count: u64, padding: usize) {
    let mut publisher = Client::connect(gateway, V5, "publisher");
    for number in 0..count {
        let payload = format!("{number} {}", "x".repeat(padding));
        publisher.announce(Publish::qos1(0, "away/in", payload.as_bytes()));
    }
}

/// Comes back and returns what waited, which ends with a message sent now.
fn come_back(gateway: &Gateway, version: u8, client_id: &str) -> Vec<Delivery> {
    let (mut client, present) = Client::resume(gateway, version, client_id);
    assert_eq!(present, version != V31);
    let mut publisher = Client::connect(gateway, V5, "publisher");
    publisher.announce(Publish::qos1(0, "away/in", b"last"));
    client.receive_until(b"last")
}

fn numbers(deliveries: &[Delivery]) -> Vec<u64> {
    deliveries.iter().map(Delivery::number).collect()
}

#[test]
fn what_came_meanwhile_waits_in_order_and_keeps_its_qos() {
    let gateway = launch("");
    for version in VERSIONS {
        away(&gateway, version, "away");
        let mut publisher = Client::connect(&gateway, V5, "publisher");
        for number in 0..100_u64 {
            let payload = number.to_string();
            let publish = Publish::qos1(0, "away/in", payload.as_bytes());
            if number.is_multiple_of(2) {
                publisher.announce(publish);
            } else {
                publisher.send(
                    &Publish {
                        qos: 2,
                        packet_id: 7,
                        ..publish
                    }
                    .encode(V5),
                );
                publisher.expect(PUBREC);
                publisher.send(&pubrel(7));
                publisher.expect(PUBCOMP);
            }
        }
        let back = come_back(&gateway, version, "away");
        assert_eq!(numbers(&back), Vec::from_iter(0..100));
        for delivery in &back {
            let wanted = if delivery.number().is_multiple_of(2) {
                1
            } else {
                2
            };
            assert_eq!(
                (delivery.qos, delivery.dup),
                (wanted, false),
                "{delivery:?}"
            );
        }
        drop(Client::connect(&gateway, version, "away"));
    }
}

#[test]
fn beyond_its_bound_the_queue_drops_the_oldest_and_counts_it() {
    let gateway = launch("queue_messages_max = 10\n");
    for version in [V311, V5] {
        let before = dropped(&gateway);
        let name = format!("away{version}");
        away(&gateway, version, &name);
        publish_numbers(&gateway, 25, 0);
        assert_eq!(
            numbers(&come_back(&gateway, version, &name)),
            Vec::from_iter(15..25)
        );
        assert_eq!(dropped(&gateway) - before, 15.0);
        // The next one's queue is the only one that overflows.
        drop(Client::connect(&gateway, version, &name));
    }
}

#[test]
fn told_so_it_drops_the_newest() {
    let gateway = launch("queue_messages_max = 10\nqueue_drop = \"newest\"\n");
    away(&gateway, V5, "away");
    publish_numbers(&gateway, 25, 0);
    assert_eq!(
        numbers(&come_back(&gateway, V5, "away")),
        Vec::from_iter(0..10)
    );
    assert_eq!(dropped(&gateway), 15.0);
}

#[test]
fn the_queue_of_a_session_is_bounded_in_bytes_too() {
    const PADDING: usize = 1000;
    const QUEUE_BYTES_MAX: usize = 64 << 10;
    const COUNT: u64 = 200;
    let gateway = launch(&format!("queue_bytes_max = {QUEUE_BYTES_MAX}\n"));
    away(&gateway, V5, "away");
    publish_numbers(&gateway, COUNT, PADDING);
    let back = numbers(&come_back(&gateway, V5, "away"));
    // A publisher has its answer when its message is on the way to the subscriber's shard: only now
    // is all of it counted.
    let lost = dropped(&gateway) as u64;
    assert!(
        back.len() * PADDING <= QUEUE_BYTES_MAX,
        "{} messages",
        back.len()
    );
    assert!(
        back.len() * PADDING > QUEUE_BYTES_MAX / 2,
        "{} messages",
        back.len()
    );
    // What is there is the newest without a hole, and what is not there was counted.
    assert_eq!(back, Vec::from_iter(lost..COUNT));
}

#[test]
fn all_queues_together_are_bounded_and_every_loss_is_counted() {
    const SESSIONS: usize = 50;
    const COUNT: u64 = 20;
    const PADDING: usize = 1000;
    const TOTAL_BYTES_MAX: usize = 512 << 10;
    let bounds = format!("queue_bytes_max = 65536\nqueued_bytes_max = {TOTAL_BYTES_MAX}\n");
    let gateway = launch(&bounds);
    for number in 0..SESSIONS {
        away(&gateway, V5, &format!("away{number}"));
    }
    publish_numbers(&gateway, COUNT, PADDING);
    let mut there = 0;
    for number in 0..SESSIONS {
        // Others have no place until these are gone: each takes its own and leaves for good.
        let (mut client, present) = Client::resume(&gateway, V5, &format!("away{number}"));
        assert!(present);
        client.unsubscribe("away/#");
        there += client.kept().count();
        let own = format!("own/{number}");
        assert_eq!(client.subscribe(&own, 1), 1);
        client.announce(Publish::qos1(0, &own, b"last"));
        there += client.receive_until(b"last").len();
    }
    assert!(
        there * PADDING <= TOTAL_BYTES_MAX,
        "{there} messages waited"
    );
    assert!(there > 0, "or this test shows nothing");
    let all = SESSIONS * COUNT as usize;
    // Each session's shard was heard of: only now is all of it counted.
    let lost = dropped(&gateway);
    assert_eq!(lost as usize, all - there, "{all} were published to them");
}

#[test]
fn qos_0_does_not_wait_and_that_is_counted_or_it_is_there() {
    let gateway = launch("");
    away(&gateway, V5, "away");
    let mut publisher = Client::connect(&gateway, V5, "publisher");
    let qos_0 = Publish {
        topic: b"away/in",
        payload: b"0",
        ..Publish::default()
    };
    publisher.send(&qos_0.encode(V5));
    publisher.announce(Publish::qos1(0, "away/in", b"1"));
    // Section 3.1.2.4 leaves QoS 0 to the server; QoS 1 it does not.
    let back = numbers(&come_back(&gateway, V5, "away"));
    assert!(back == [1] || back == [0, 1], "{back:?}");
}

/// Messages dropped since a queue was full.
fn dropped(gateway: &Gateway) -> f64 {
    gateway
        .metrics()
        .labelled("tributary_deliveries_dropped_total", "reason", "queue_full")
}

#[test]
fn what_waits_and_what_is_in_flight_stands_in_the_metrics() {
    const COUNT: u64 = 5;
    let gateway = launch("");
    away(&gateway, V5, "away");
    publish_numbers(&gateway, COUNT, 10);
    let levels = |queued: u64, in_flight: u64| {
        gateway.wait_until("the levels of what was published", |metrics| {
            metrics.sum("tributary_queued_messages") == queued as f64
                && metrics.sum("tributary_in_flight") == in_flight as f64
        })
    };
    levels(COUNT, 0);
    let (mut client, _) = Client::resume(&gateway, V5, "away");
    let unanswered: Vec<_> = (0..COUNT).map(|_| client.receive_in_silence()).collect();
    levels(0, COUNT);
    drop(client);
    assert_eq!(
        numbers(&come_back(&gateway, V5, "away")),
        numbers(&unanswered)
    );
    let metrics = levels(0, 0);
    assert!(metrics.sum("tributary_payload_bytes_in_total") >= (10 * COUNT) as f64);
}
