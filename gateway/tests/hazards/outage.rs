//! Kafka late, gone, back, or without the topic: nothing is acknowledged that it does not have.
//!
//! The outage of a running Kafka lasts 5 seconds here; `TRIBUTARY_TEST_OUTAGE_SECS=30` makes it
//! longer.

use crate::support::client::Client;
use crate::support::gateway::{Gateway, Launch};
use crate::support::kafka::{RealKafka, read_topic};
use crate::support::wire::*;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Publishes at QoS 1 and sees a ping answered first: the gateway lives, and does not acknowledge.
fn publish_in_vain(client: &mut Client, payload: &[u8]) -> u16 {
    let packet_id = client.take_packet_id();
    let publish = Publish::qos1(packet_id, "outage/says", payload).encode(client.version());
    client.send(&[publish, PINGREQ_BYTES.to_vec()].concat());
    client.expect(PINGRESP);
    packet_id
}

#[test]
fn a_kafka_that_comes_late_gets_what_waited_for_it_and_only_then_the_device_its_puback() {
    let kafka = RealKafka::start();
    kafka.stop();
    let gateway = Launch::default().kafka(&kafka.bootstrap()).start();
    let mut early: Vec<_> = VERSIONS
        .map(|version| Client::connect(&gateway, version, &format!("early{version}")))
        .into();
    let waiting: Vec<_> = early
        .iter_mut()
        .map(|client| {
            let first = publish_in_vain(client, b"1");
            [first, publish_in_vain(client, b"2")]
        })
        .collect();
    let metrics = gateway.metrics();
    assert_eq!(metrics.sum("tributary_publishes_acknowledged_total"), 0.0);
    assert_eq!(metrics.sum("tributary_publishes_pending"), 6.0);

    kafka.restart();
    for (client, packet_ids) in early.iter_mut().zip(&waiting) {
        for packet_id in packet_ids {
            let puback = client.expect(PUBACK);
            assert_eq!((puback.packet_id(), puback.reason()), (*packet_id, 0));
        }
    }
    let values = values_by_key(&kafka);
    assert_eq!(values.len(), VERSIONS.len());
    let whole = |said: &Vec<Vec<u8>>| said.concat() == b"12";
    assert!(
        values.values().all(whole),
        "each once and in order: {values:?}"
    );
}

#[test]
fn a_kafka_killed_and_back_loses_nothing_and_no_paused_device_is_timed_out() {
    const PILE: u16 = 2000;
    let kafka = RealKafka::start();
    // Room for the device and a part of the pile: the lane is full before the pile is read.
    let config = format!(
        "[kafka.main]\nbrokers = [\"{}\"]\npending_records_max = 500\n",
        kafka.bootstrap()
    );
    let gateway = Launch::default().config(&config).start();
    let mut device = Client::connect(&gateway, V5, "device");
    device.publish("outage/says", b"0");
    kafka.kill();
    let sent: Vec<_> = (1..=100_u8)
        .map(|number| publish_in_vain(&mut device, number.to_string().as_bytes()))
        .collect();
    let impatient = Connect {
        keep_alive_secs: 3,
        ..Connect::new(V311, "impatient")
    };
    let (mut impatient, _) = Client::connect_to(gateway.mqtt(), impatient);
    let pile = |packet_id: u16| {
        Publish::qos1(packet_id, "outage/pile", &packet_id.to_be_bytes()).encode(V311)
    };
    impatient.send(&(1..=PILE).flat_map(pile).collect::<Vec<_>>());
    let end = Instant::now() + outage();
    while Instant::now() < end {
        device.ping();
    }
    let metrics = gateway.metrics();
    let acknowledged = metrics.sum("tributary_publishes_acknowledged_total");
    assert_eq!(acknowledged, 1.0, "only the one from before the outage");
    assert!(
        metrics.sum("tributary_publishes_pending") < f64::from(PILE),
        "the pile is not read"
    );
    assert_eq!(
        metrics.sum("tributary_connections"),
        2.0,
        "silent only since it is not read"
    );

    kafka.restart();
    for packet_id in &sent {
        let puback = device.expect(PUBACK);
        assert_eq!((puback.packet_id(), puback.reason()), (*packet_id, 0));
    }
    for packet_id in 1..=PILE {
        assert_eq!(impatient.expect(PUBACK).packet_id(), packet_id);
    }
    let device = (0..=sent.len()).map(|number| number.to_string().into_bytes());
    let pile = (1..=PILE).map(|number| number.to_be_bytes().to_vec());
    let values = values_by_key(&kafka);
    assert!(
        values["device"] == device.collect::<Vec<_>>(),
        "each once and in order"
    );
    assert!(
        values["impatient"] == pile.collect::<Vec<_>>(),
        "each once and in order"
    );
    let metrics = gateway.metrics();
    assert_eq!(
        (
            metrics.imbalance(),
            metrics.sum("tributary_publishes_pending")
        ),
        (0.0, 0.0)
    );
}

/// What Kafka has of each device, in its order.
fn values_by_key(kafka: &RealKafka) -> HashMap<String, Vec<Vec<u8>>> {
    let mut values: HashMap<_, Vec<_>> = HashMap::new();
    for record in read_topic(&kafka.bootstrap(), "mqtt") {
        let key = String::from_utf8(record.key).expect("a client id is text");
        values.entry(key).or_default().push(record.value);
    }
    values
}

/// How long Kafka stays away: longer than 1.5 times the keep-alive of the impatient device.
fn outage() -> Duration {
    let wanted = std::env::var("TRIBUTARY_TEST_OUTAGE_SECS").ok();
    Duration::from_secs(wanted.map_or(5, |secs| secs.parse().expect("a number of seconds")))
}

#[test]
fn a_topic_that_is_missing_refuses_its_own_publishes_and_no_others() {
    let kafka = RealKafka::start();
    let routes = "[[route]]\nfilter = \"absent/#\"\ntopic = \"absent\"\n\n\
                  [[route]]\nfilter = \"#\"\ntopic = \"mqtt\"\n";
    let gateway = Launch::default()
        .config(routes)
        .kafka(&kafka.bootstrap())
        .start();
    let mut bystander = Client::connect(&gateway, V5, "bystander");
    bystander.publish("present/says", b"1");

    let mut newer = Client::connect(&gateway, V5, "newer");
    newer.send(&Publish::qos1(1, "absent/says", b"x").encode(V5));
    let puback = newer.expect(PUBACK);
    assert!(
        puback.packet_id() == 1 && puback.reason() >= 0x80,
        "refused: {puback:?}"
    );
    newer.publish("present/says", b"2");

    let mut older = Client::connect(&gateway, V311, "older");
    older.send(&Publish::qos1(1, "absent/says", b"x").encode(V311));
    // Version 3.1.1 cannot refuse one message: the connection ends without an acknowledgement.
    assert_eq!(older.packet(), None);

    bystander.publish("present/says", b"3");
    let metrics = gateway.wait_until("everything settled", |metrics| {
        metrics.sum("tributary_publishes_pending") == 0.0
    });
    assert_eq!(metrics.sum("tributary_publishes_acknowledged_total"), 3.0);
    assert_eq!(metrics.sum("tributary_publishes_refused_total"), 2.0);
    assert_eq!(metrics.imbalance(), 0.0);
    gateway.wait_for_line(&["absent"]);
    assert_eq!(read_topic(&kafka.bootstrap(), "mqtt").len(), 3);
}

#[test]
fn a_gateway_told_to_drain_without_its_kafka_still_ends_and_acknowledges_nothing() {
    let kafka = RealKafka::start();
    kafka.stop();
    let config = "[drain]\ntimeout_secs = 2\n";
    let mut gateway = Launch::default()
        .config(config)
        .kafka(&kafka.bootstrap())
        .start();
    let mut device = Client::connect(&gateway, V5, "device");
    publish_in_vain(&mut device, b"x");
    gateway.terminate();
    // Server shutting down; no PUBACK comes before it.
    device.expect_end(&[0x8B], "the gateway drains");
    assert!(
        gateway.exit_status().code().is_some(),
        "it ends by itself: {}",
        gateway.log()
    );
}

#[test]
fn a_kafka_that_never_comes_does_not_keep_the_gateway_from_starting() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = nobody.local_addr().expect("it is bound").to_string();
    drop(nobody);
    let gateway: Gateway = Launch::default().kafka(&address).start();
    let mut device = Client::connect(&gateway, V5, "device");
    publish_in_vain(&mut device, b"x");
    assert_eq!(
        gateway
            .metrics()
            .sum("tributary_publishes_acknowledged_total"),
        0.0
    );
}
