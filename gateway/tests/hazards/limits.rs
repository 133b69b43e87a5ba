//! What the CONNACK promised to hold back a client, held: receive maximum, topic aliases.

use crate::support::client::Client;
use crate::support::gateway::{Gateway, Launch};
use crate::support::kafka::read_topic;
use crate::support::wire::*;

const RECEIVE_MAX_4: &str = "[mqtt]\nreceive_max = 4\ntopic_alias_max = 3\n";

/// A topic alias as a property list.
fn alias(number: u16) -> [u8; 3] {
    let [high, low] = number.to_be_bytes();
    [0x23, high, low]
}

#[test]
fn the_connack_tells_the_limits_that_are_held() {
    let gateway = Launch::default().config(RECEIVE_MAX_4).start();
    let (_client, connack) = Client::connect_to(gateway.mqtt(), Connect::new(V5, "reader"));
    let told = connack.connack_properties();
    assert_eq!(told.get(&0x21), Some(&vec![0, 4]), "receive maximum");
    assert_eq!(told.get(&0x22), Some(&vec![0, 3]), "topic alias maximum");
    assert!(told.contains_key(&0x27), "maximum packet size");
}

#[test]
fn a_client_without_an_id_is_given_one() {
    let gateway = Gateway::start();
    let (_client, connack) = Client::connect_to(gateway.mqtt(), Connect::new(V5, ""));
    let assigned = connack
        .connack_properties()
        .remove(&0x12)
        .expect("[MQTT-3.1.3-7]");
    assert!(assigned.len() > 2, "an id that is not empty");
}

#[test]
fn one_publish_more_than_the_receive_maximum_ends_the_connection() {
    let gateway = Launch::default().config(RECEIVE_MAX_4).start();
    let mut client = Client::connect(&gateway, V5, "eager");
    // QoS 2 stays in flight until its PUBREL, so Kafka's speed has no say in this.
    for packet_id in 1..=4 {
        client.send(&Publish::qos2(packet_id, "eager/says", b"x").encode(V5));
        assert_eq!(client.expect(PUBREC).packet_id(), packet_id);
    }
    client.send(&Publish::qos2(5, "eager/says", b"x").encode(V5));
    client.expect_end(&[0x93], "receive maximum exceeded [MQTT-3.3.4-9]");
}

#[test]
fn a_pubrel_makes_room_under_the_receive_maximum() {
    let gateway = Launch::default().config(RECEIVE_MAX_4).start();
    let mut client = Client::connect(&gateway, V5, "steady");
    for packet_id in 1..=100 {
        client.send(&Publish::qos2(packet_id, "steady/says", b"x").encode(V5));
        assert_eq!(client.expect(PUBREC).packet_id(), packet_id);
        if packet_id >= 4 {
            client.send(&pubrel(packet_id - 3));
            assert_eq!(client.expect(PUBCOMP).packet_id(), packet_id - 3);
        }
    }
    client.ping();
}

#[test]
fn a_version_3_client_may_send_ahead_and_is_answered_in_full() {
    let gateway = Launch::default().config(RECEIVE_MAX_4).start();
    let mut client = Client::connect(&gateway, V311, "older");
    // Version 3.1.1 knows no receive maximum: what is too much waits in the socket.
    let publish = |packet_id| Publish::qos1(packet_id, "older/says", b"x").encode(V311);
    client.send(&(1..=1000).flat_map(publish).collect::<Vec<_>>());
    for packet_id in 1..=1000 {
        assert_eq!(client.expect(PUBACK).packet_id(), packet_id);
    }
}

#[test]
fn a_topic_alias_stands_for_its_topic_until_it_is_set_anew() {
    let gateway = Launch::default().config(RECEIVE_MAX_4).start();
    let mut client = Client::connect(&gateway, V5, "brief");
    let said: [(&str, u16); 6] = [
        ("long/topic/a", 1),
        ("", 1),
        ("long/topic/b", 3),
        ("", 3),
        ("long/topic/c", 1),
        ("", 1),
    ];
    for (number, (topic, number_of_alias)) in (1..).zip(said) {
        let properties = alias(number_of_alias);
        let publish = Publish::qos1(number, topic, b"x");
        client.send(
            &Publish {
                properties: &properties,
                ..publish
            }
            .encode(V5),
        );
        let puback = client.expect(PUBACK);
        assert_eq!((puback.packet_id(), puback.reason()), (number, 0));
    }
    // Another connection of the same client id knows none of them [MQTT-3.3.2-7].
    let mut again = Client::connect(&gateway, V5, "brief");
    let publish = Publish::qos1(1, "", b"x");
    again.send(
        &Publish {
            properties: &alias(1),
            ..publish
        }
        .encode(V5),
    );
    again.expect_end(&[0x82, 0x94], "an alias of an earlier connection");

    let records = read_topic(gateway.kafka(), "mqtt");
    let topics: Vec<_> = records
        .iter()
        .map(|record| String::from_utf8_lossy(&record.mqtt_topic))
        .collect();
    let (a, b, c) = ("long/topic/a", "long/topic/b", "long/topic/c");
    assert_eq!(topics, [a, a, b, b, c, c]);
}

#[test]
fn a_topic_alias_beyond_the_limit_or_never_set_ends_the_connection() {
    let gateway = Launch::default().config(RECEIVE_MAX_4).start();
    // [MQTT-3.3.2-8] and [MQTT-3.3.2-9]; the specification calls alias 0 and an unknown one both a
    // protocol error and an invalid alias.
    let cases: [(u16, &str, &[u8]); 4] = [
        (0, "topic", &[0x82, 0x94]),
        (4, "topic", &[0x94]),
        (u16::MAX, "topic", &[0x94]),
        (2, "", &[0x82, 0x94]),
    ];
    for (number, topic, reasons) in cases {
        let mut client = Client::connect(&gateway, V5, "wrong");
        let publish = Publish::qos1(1, topic, b"x");
        client.send(
            &Publish {
                properties: &alias(number),
                ..publish
            }
            .encode(V5),
        );
        client.expect_end(reasons, &format!("alias {number} with topic {topic:?}"));
    }
    gateway.wait_for_connections(0);
}
