//! Acknowledgements in the order of the publishes, and QoS 2 once and once only.

use crate::support::client::Client;
use crate::support::gateway::{Gateway, Launch};
use crate::support::kafka::read_topic;
use crate::support::wire::*;

/// Spreads one client's publishes over the partitions, which answer in any order.
const KEY_BY_TOPIC: &str = "[[route]]\nfilter = \"#\"\ntopic = \"mqtt\"\nkey = \"{topic}\"\n";

#[test]
fn pubacks_come_in_the_order_of_the_publishes_whatever_partition_answers_first() {
    const ROUNDS: usize = 50;
    const WINDOW: u16 = 100;
    let gateway = Launch::default().config(KEY_BY_TOPIC).start();
    for version in VERSIONS {
        let mut client = Client::connect(&gateway, version, "orderly");
        for round in 0..ROUNDS {
            let publish = |packet_id: u16| {
                let topic = format!("order/{}/{}", round, packet_id % 31);
                Publish::qos1(packet_id, &topic, &packet_id.to_be_bytes()).encode(version)
            };
            client.send(&(1..=WINDOW).flat_map(publish).collect::<Vec<_>>());
            for packet_id in 1..=WINDOW {
                // [MQTT-4.6.0-2]
                let puback = client.expect(PUBACK);
                assert_eq!((puback.packet_id(), puback.reason()), (packet_id, 0));
            }
        }
    }
    let records = read_topic(gateway.kafka(), "mqtt");
    assert_eq!(records.len(), VERSIONS.len() * ROUNDS * usize::from(WINDOW));
    let partitions: std::collections::BTreeSet<_> =
        records.iter().map(|record| record.partition).collect();
    assert_eq!(
        partitions.len(),
        12,
        "many partitions answered, or this test shows nothing"
    );
}

#[test]
fn records_of_one_device_stand_in_the_order_it_sent_them() {
    let gateway = Gateway::start();
    let mut client = Client::connect(&gateway, V311, "device");
    for round in 0..20_u16 {
        let publish = |number: u16| {
            let payload = (round * 100 + number).to_be_bytes();
            let qos = (number % 3) as u8;
            Publish {
                qos,
                ..Publish::qos1(number, "device/says", &payload)
            }
            .encode(V311)
        };
        client.send(&(1..=100).flat_map(publish).collect::<Vec<_>>());
        for number in 1..=100_u16 {
            match number % 3 {
                0 => {}
                1 => assert_eq!(client.expect(PUBACK).packet_id(), number),
                _ => assert_eq!(client.expect(PUBREC).packet_id(), number),
            }
        }
        for number in (1..=100_u16).filter(|number| number % 3 == 2) {
            client.send(&pubrel(number));
            assert_eq!(client.expect(PUBCOMP).packet_id(), number);
        }
    }
    client.publish("device/says", &u16::MAX.to_be_bytes());
    let records = read_topic(gateway.kafka(), "mqtt");
    let values: Vec<u16> = records
        .iter()
        .map(|record| u16::from_be_bytes([record.value[0], record.value[1]]))
        .collect();
    assert_eq!(
        values.len(),
        20 * 100 + 1,
        "QoS 0 before an acknowledged QoS 1 is there too"
    );
    assert!(values.is_sorted(), "one key, one partition, one order");
}

#[test]
fn a_qos_2_publish_sent_twice_is_in_kafka_once() {
    let gateway = Gateway::start();
    for version in VERSIONS {
        let mut client = Client::connect(&gateway, version, "careful");
        let first = Publish::qos2(7, "careful/says", b"once");
        for dup in [false, true, true] {
            client.send(&Publish { dup, ..first }.encode(version));
            assert_eq!(client.expect(PUBREC).packet_id(), 7);
        }
        client.send(&pubrel(7));
        assert_eq!(client.expect(PUBCOMP).packet_id(), 7);
        // After PUBCOMP the id is free: the same id is another message [MQTT-4.3.3-2].
        client.send(&Publish::qos2(7, "careful/says", b"again").encode(version));
        assert_eq!(client.expect(PUBREC).packet_id(), 7);
        client.send(&pubrel(7));
        assert_eq!(client.expect(PUBCOMP).packet_id(), 7);
    }
    let records = read_topic(gateway.kafka(), "mqtt");
    let values: Vec<_> = records.iter().map(|record| &record.value[..]).collect();
    let wanted: [&[u8]; 6] = [b"once", b"again", b"once", b"again", b"once", b"again"];
    assert_eq!(values, wanted);
    let metrics = gateway.metrics();
    assert_eq!(
        metrics.labelled("tributary_publishes_acknowledged_total", "qos", "2"),
        6.0
    );
}

#[test]
fn duplicates_sent_before_the_first_pubrec_are_one_record_too() {
    let gateway = Gateway::start();
    let mut client = Client::connect(&gateway, V5, "hasty");
    let publish = Publish::qos2(3, "hasty/says", b"once");
    let twice = [
        publish.encode(V5),
        Publish {
            dup: true,
            ..publish
        }
        .encode(V5),
    ]
    .concat();
    client.send(&twice);
    assert_eq!(client.expect(PUBREC).packet_id(), 3);
    client.send(&pubrel(3));
    // The duplicate may be answered by a PUBREC of its own before or after.
    while client.packet().expect("the connection stays").kind() != PUBCOMP {}
    client.publish("hasty/says", b"last");
    let records = read_topic(gateway.kafka(), "mqtt");
    let values: Vec<_> = records.iter().map(|record| &record.value[..]).collect();
    assert_eq!(values, [&b"once"[..], b"last"]);
}

#[test]
fn a_pubrel_for_an_unknown_id_says_so_in_version_5() {
    let gateway = Gateway::start();
    for version in VERSIONS {
        let mut client = Client::connect(&gateway, version, "confused");
        client.send(&pubrel(99));
        let pubcomp = client.expect(PUBCOMP);
        // Packet identifier not found; earlier versions have no reason to give.
        let reason = if version == V5 { 0x92 } else { 0 };
        assert_eq!((pubcomp.packet_id(), pubcomp.reason()), (99, reason));
        client.ping();
    }
}
