//! Messages that have had their time: not sent, counted, and what is left of it told on the way.
//!
//! That time has passed is seen by a retained message that was published later and lives longer:
//! once it is gone from the gauge, the earlier one has expired too.

use crate::support::client::Client;
use crate::support::delivery::Delivery;
use crate::support::gateway::{Gateway, Launch};
use crate::support::property::*;
use crate::support::subscriber::{LASTING_SECS, LOCAL_ONLY};
use crate::support::wire::*;

fn start() -> Gateway {
    // What the server says of itself is retained as well, and would be in the gauge.
    let config = format!("{LOCAL_ONLY}[mqtt]\nsys_interval_secs = 0\n");
    Launch::default().config(&config).start()
}

/// Publishes with so many seconds to live.
fn publish(publisher: &mut Client, topic: &str, payload: &[u8], secs: u32, retain: bool) {
    let expiry = four(MESSAGE_EXPIRY, secs);
    publisher.announce(Publish {
        retain,
        properties: &expiry,
        ..Publish::qos1(0, topic, payload)
    });
}

/// The retained message of `topic` as a newcomer gets it.
fn retained(gateway: &Gateway, topic: &str) -> Delivery {
    let mut newcomer = Client::connect(gateway, V5, "newcomer").subscribed(topic, 1);
    let delivery = newcomer.receive();
    assert!(delivery.retain, "{delivery:?}");
    delivery
}

/// Waits until so many messages are retained.
fn wait_for_retained(gateway: &Gateway, count: usize) {
    gateway.wait_until(&format!("{count} retained messages"), |metrics| {
        metrics.sum("tributary_retained_messages") == count as f64
    });
}

/// Waits until a message of one second that was published before has expired, however seconds are
/// rounded. Nothing else is retained.
fn wait_for_expiry(gateway: &Gateway) {
    let mut publisher = Client::connect(gateway, V5, "clock");
    // It is counted before it is acknowledged.
    publish(&mut publisher, "clock", b"tick", 3, true);
    wait_for_retained(gateway, 0);
}

#[test]
fn an_expired_message_is_not_sent_to_who_comes_back_and_is_counted() {
    let gateway = start();
    let (away, _) = Client::resume(&gateway, V5, "away");
    away.subscribed("in", 1).leave(0, &[]);
    let mut publisher = Client::connect(&gateway, V5, "publisher");
    for round in 0..10 {
        publish(&mut publisher, "in", b"short", 1, false);
        publish(
            &mut publisher,
            "in",
            format!("{round}").as_bytes(),
            LASTING_SECS,
            false,
        );
    }
    wait_for_expiry(&gateway);
    let (mut back, present) = Client::resume(&gateway, V5, "away");
    assert!(present);
    publisher.announce(Publish::qos1(0, "in", b"last"));
    let there = back.receive_until(b"last");
    // [MQTT-3.3.2-5]
    let numbers: Vec<_> = there.iter().map(|delivery| delivery.number()).collect();
    assert_eq!(numbers, Vec::from_iter(0..10));
    for delivery in &there {
        // [MQTT-3.3.2-6]
        let left = delivery.expiry_secs().expect("it came with an expiry");
        assert!(
            left < LASTING_SECS && left > LASTING_SECS / 2,
            "{left} s left"
        );
    }
    let metrics = gateway.metrics();
    let expired = metrics.labelled("tributary_deliveries_dropped_total", "reason", "expired");
    assert_eq!(expired, 10.0);
}

#[test]
fn a_message_that_waits_for_the_receive_maximum_can_expire_too() {
    let gateway = start();
    let one_at_a_time = two(RECEIVE_MAXIMUM, 1);
    let connect = Connect {
        properties: &one_at_a_time,
        ..Connect::new(V5, "slow")
    };
    let (slow, _) = Client::connect_to(gateway.mqtt(), connect);
    let mut slow = slow.subscribed("in", 1);
    let mut publisher = Client::connect(&gateway, V5, "publisher");
    publisher.announce(Publish::qos1(0, "in", b"first"));
    let first = slow.receive_in_silence();
    publish(&mut publisher, "in", b"short", 1, false);
    publish(&mut publisher, "in", b"long", LASTING_SECS, false);
    wait_for_expiry(&gateway);
    slow.send(&frame(0x40, &first.packet_id.to_be_bytes()));
    assert_eq!(slow.receive().payload, b"long");
}

#[test]
fn a_message_on_its_way_at_once_tells_all_of_its_time() {
    let gateway = start();
    for version in VERSIONS {
        let mut subscriber = Client::connect(&gateway, version, "subscriber").subscribed("in", 1);
        let mut publisher = Client::connect(&gateway, V5, "publisher");
        publish(&mut publisher, "in", b"fresh", LASTING_SECS, false);
        let delivery = subscriber.receive();
        let told = delivery.expiry_secs();
        // The shards of both tell the time by themselves, to a second and a tick.
        let all = LASTING_SECS - 60..=LASTING_SECS + 1;
        let fresh = told.is_some_and(|secs| all.contains(&secs));
        assert!(fresh || version != V5, "{delivery:?}");
        publisher.announce(Publish::qos1(0, "in", b"no expiry"));
        assert_eq!(subscriber.receive().expiry_secs(), None);
    }
}

#[test]
fn a_retained_message_tells_what_is_left_and_is_gone_when_nothing_is() {
    let gateway = start();
    let mut publisher = Client::connect(&gateway, V5, "publisher");
    publish(&mut publisher, "long", b"long", LASTING_SECS, true);
    publish(&mut publisher, "short", b"short", 5, true);
    wait_for_retained(&gateway, 2);
    let left = |topic| retained(&gateway, topic).expiry_secs();
    let told = left("long").expect("it has an expiry");
    // [MQTT-3.3.2-5]
    wait_for_retained(&gateway, 1);
    let later = left("long").expect("it has an expiry");
    assert!(
        later < told && told <= LASTING_SECS + 1,
        "less and less is left: {told}, {later}"
    );
}
