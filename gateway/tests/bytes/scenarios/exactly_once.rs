//! Packet ids and handshakes: a message once at QoS 2, at least once at QoS 1.

use super::{plays, two};
use crate::connect::Connect;
use crate::peer::{Peer, acknowledge};
use crate::target::Target;
use crate::wire::*;

plays! {
    OASIS "MQTT-4.3.3-2, MQTT-4.3.3-10" a_repeated_publish_of_qos_2_is_delivered_once,
    OASIS "MQTT-4.3.3-2, MQTT-4.3.3-12" an_id_that_was_released_is_a_new_message,
    OASIS "MQTT-4.3.2-2, MQTT-4.3.2-5" an_id_that_was_acknowledged_is_a_new_message,
    OASIS "MQTT-4.3.3-10, 4.4" a_handshake_goes_on_over_a_reconnect,
    OASIS "MQTT-2.3.1-4, MQTT-2.2.1-4" ids_of_what_is_under_way_differ,
    OASIS "MQTT-4.3.3-1, MQTT-4.3.3-5" a_release_comes_for_every_receipt,
    ONLY_5 "MQTT-4.4.0-2, MQTT-4.3.3-4" a_receipt_that_refuses_ends_the_exchange,
    OASIS "MQTT-4.6.0-2, MQTT-4.6.0-3" acknowledgements_come_in_the_order_of_the_publishes,
}

fn a_repeated_publish_of_qos_2_is_delivered_once(target: &Target, version: u8) {
    let (mut publisher, mut subscriber) = two(target, version);
    let topic = target.unique("repeated");
    subscriber.subscribe(&topic, 2);
    let first = publish(version, 0b0100, topic.as_bytes(), 500, &[], b"once");
    let again = publish(version, 0b1100, topic.as_bytes(), 500, &[], b"once");
    for packet in [&first, &again, &again] {
        publisher.send(packet);
        assert_eq!(publisher.expect(PUBREC).id(), 500);
    }
    publisher.send(&acknowledge(0x62, 500));
    assert_eq!(publisher.expect(PUBCOMP).id(), 500);
    subscriber.hears(&topic, "once");
    subscriber.hears_no_more_from(&mut publisher, target);
}

fn an_id_that_was_released_is_a_new_message(target: &Target, version: u8) {
    let (mut publisher, mut subscriber) = two(target, version);
    let topic = target.unique("released");
    subscriber.subscribe(&topic, 2);
    // DUP or not: after PUBCOMP the id says nothing about the past.
    for flags in [0b0100, 0b0100, 0b1100] {
        publisher.send(&publish(version, flags, topic.as_bytes(), 9, &[], b"x"));
        publisher.expect(PUBREC);
        publisher.send(&acknowledge(0x62, 9));
        publisher.expect(PUBCOMP);
        subscriber.hears(&topic, "x");
    }
}

fn an_id_that_was_acknowledged_is_a_new_message(target: &Target, version: u8) {
    let (mut publisher, mut subscriber) = two(target, version);
    let topic = target.unique("acknowledged");
    subscriber.subscribe(&topic, 1);
    for flags in [0b0010, 0b0010, 0b1010] {
        publisher.send(&publish(version, flags, topic.as_bytes(), 9, &[], b"x"));
        publisher.expect(PUBACK);
        subscriber.hears(&topic, "x");
    }
}

fn a_handshake_goes_on_over_a_reconnect(target: &Target, version: u8) {
    let mut subscriber = Peer::join(target, version, &target.unique("watch"));
    let topic = target.unique("over");
    subscriber.subscribe(&topic, 2);
    let lasting = Connect::lasting(version, &target.unique("lasting"));
    let (mut publisher, _) = Peer::open(target, &lasting);
    publisher.send(&publish(version, 0b0100, topic.as_bytes(), 9, &[], b"x"));
    publisher.expect(PUBREC);
    publisher.vanish();
    let (mut publisher, connack) = Peer::open(target, &lasting);
    assert!(connack.session_present(), "{connack:x?}");
    publisher.send(&publish(version, 0b1100, topic.as_bytes(), 9, &[], b"x"));
    assert_eq!(publisher.expect(PUBREC).id(), 9);
    publisher.send(&acknowledge(0x62, 9));
    assert_eq!(publisher.expect(PUBCOMP).id(), 9);
    subscriber.hears(&topic, "x");
    subscriber.hears_no_more_from(&mut publisher, target);
}

fn ids_of_what_is_under_way_differ(target: &Target, version: u8) {
    let (mut publisher, mut subscriber) = two(target, version);
    let topic = target.unique("ids");
    subscriber.subscribe(&topic, 2);
    for number in 0..10 {
        let flags = if number % 2 == 0 { 0b0010 } else { 0b0100 };
        publisher.publish(flags, &topic, "x");
    }
    let mut ids: Vec<u16> = (0..10).map(|_| subscriber.take_message().id).collect();
    ids.sort();
    ids.dedup();
    assert!(
        ids.len() == 10 && ids[0] > 0,
        "ten messages under way: {ids:?}"
    );
}

fn a_release_comes_for_every_receipt(target: &Target, version: u8) {
    let (mut publisher, mut subscriber) = two(target, version);
    let topic = target.unique("release");
    subscriber.subscribe(&topic, 2);
    publisher.publish(0b0100, &topic, "x");
    let message = subscriber.take_message();
    subscriber.send(&acknowledge(0x50, message.id));
    let release = subscriber.expect(PUBREL);
    assert_eq!(
        (release.first_byte, release.id()),
        (0x62, message.id),
        "[MQTT-3.6.1-1]"
    );
    subscriber.send(&acknowledge(0x70, message.id));
    subscriber.ping();
}

fn a_receipt_that_refuses_ends_the_exchange(target: &Target, version: u8) {
    let id = target.unique("refuses");
    let lasting = Connect::lasting(version, &id);
    let (mut subscriber, _) = Peer::open(target, &lasting);
    let mut publisher = Peer::join(target, version, &target.unique("offers"));
    let topic = target.unique("refused");
    subscriber.subscribe(&topic, 2);
    for (flags, answer) in [(0b0010, 0x40), (0b0100, 0x50)] {
        publisher.publish(flags, &topic, "no, thanks");
        let message = subscriber.take_message();
        let [high, low] = message.id.to_be_bytes();
        subscriber.send(&frame(answer, &[high, low, 0x80]));
        subscriber.ping();
    }
    subscriber.vanish();
    let (mut subscriber, connack) = Peer::open(target, &lasting);
    assert!(connack.session_present(), "{connack:x?}");
    publisher.publish(0b0010, &topic, "next");
    subscriber.hears(&topic, "next");
    subscriber.leave();
}

fn acknowledgements_come_in_the_order_of_the_publishes(target: &Target, version: u8) {
    let mut publisher = Peer::join(target, version, &target.unique("orderly"));
    let mut bytes = Vec::new();
    for id in 1..=20 {
        let topic = format!("orderly/{id}");
        bytes.extend(publish(version, 0b0010, topic.as_bytes(), id, &[], b"x"));
    }
    publisher.send(&bytes);
    let ids: Vec<u16> = (1..=20).map(|_| publisher.expect(PUBACK).id()).collect();
    assert_eq!(ids, (1..=20).collect::<Vec<u16>>());
}
