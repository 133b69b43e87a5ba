//! What is sent again when a client comes back to its session, and what is not.

use super::plays;
use crate::connect::Connect;
use crate::peer::{Peer, acknowledge};
use crate::target::Target;
use crate::wire::*;

plays! {
    OASIS "MQTT-4.4.0-1, MQTT-3.3.1-1" what_was_not_acknowledged_comes_again_with_dup_and_its_id,
    OASIS "MQTT-4.4.0-1, MQTT-4.3.3-6" a_release_comes_again_and_not_its_publish,
    OASIS "MQTT-4.6.0-1" what_comes_again_comes_in_its_order,
    OASIS "MQTT-4.4.0-1" what_was_acknowledged_does_not_come_again,
    ONLY_5 "MQTT-4.4.0-1" nothing_comes_again_on_the_same_connection,
    ONLY_5 "MQTT-3.3.2-7" an_alias_does_not_outlive_its_connection,
}

/// A subscriber with a lasting session that has one subscription, and a publisher.
fn pair(target: &Target, version: u8, qos: u8) -> (Connect, Peer, Peer, String) {
    let lasting = Connect::lasting(version, &target.unique("resumes"));
    let topic = target.unique("resumes");
    let (mut subscriber, _) = Peer::open(target, &lasting);
    subscriber.subscribe(&topic, qos);
    let publisher = Peer::join(target, version, &target.unique("sends"));
    (lasting, subscriber, publisher, topic)
}

fn come_back(target: &Target, lasting: &Connect) -> Peer {
    let (peer, connack) = Peer::open(target, lasting);
    assert!(connack.session_present(), "{connack:x?}");
    peer
}

fn what_was_not_acknowledged_comes_again_with_dup_and_its_id(target: &Target, version: u8) {
    for qos in [1, 2] {
        let (lasting, mut subscriber, mut publisher, topic) = pair(target, version, qos);
        publisher.publish(qos << 1, &topic, "again");
        let first = subscriber.take_message();
        assert!(!first.dup, "{first:?}");
        // The link fails twice before the acknowledgement gets through.
        for _ in 0..2 {
            subscriber.vanish();
            subscriber = come_back(target, &lasting);
            let again = subscriber.take_message();
            assert!(again.dup, "[MQTT-3.3.1-1] {again:?}");
            assert_eq!(
                (again.id, again.qos, &again.payload),
                (first.id, qos, &first.payload)
            );
        }
        subscriber.leave();
    }
}

fn a_release_comes_again_and_not_its_publish(target: &Target, version: u8) {
    let (lasting, mut subscriber, mut publisher, topic) = pair(target, version, 2);
    publisher.publish(0b0100, &topic, "once");
    let message = subscriber.take_message();
    subscriber.send(&acknowledge(0x50, message.id));
    assert_eq!(subscriber.expect(PUBREL).id(), message.id);
    for _ in 0..2 {
        subscriber.vanish();
        subscriber = come_back(target, &lasting);
        let packet = subscriber.packet().expect("the release comes again");
        assert_eq!(
            (packet.kind(), packet.id()),
            (PUBREL, message.id),
            "{packet:x?}"
        );
    }
    subscriber.send(&acknowledge(0x70, message.id));
    subscriber.hears_no_more_from(&mut publisher, target);
    subscriber.leave();
}

fn what_comes_again_comes_in_its_order(target: &Target, version: u8) {
    let (lasting, mut subscriber, mut publisher, topic) = pair(target, version, 2);
    for number in 0..10 {
        let flags = if number % 2 == 0 { 0b0010 } else { 0b0100 };
        publisher.publish(flags, &topic, &number.to_string());
    }
    let first: Vec<_> = (0..10).map(|_| subscriber.take_message()).collect();
    subscriber.vanish();
    let mut subscriber = come_back(target, &lasting);
    publisher.publish(0b0010, &topic, "new");
    for message in first {
        let again = subscriber.take_message();
        assert!(again.dup);
        assert_eq!((again.id, again.qos), (message.id, message.qos));
        assert_eq!(again.text(), message.text());
    }
    let new = subscriber.take_message();
    assert_eq!((new.dup, &new.text()[..]), (false, "new"));
    subscriber.leave();
}

fn what_was_acknowledged_does_not_come_again(target: &Target, version: u8) {
    let (lasting, mut subscriber, mut publisher, topic) = pair(target, version, 2);
    for (flags, payload) in [(0b0010, "one"), (0b0100, "two"), (0b0000, "zero")] {
        publisher.publish(flags, &topic, payload);
        subscriber.hears(&topic, payload);
    }
    subscriber.ping();
    subscriber.vanish();
    let mut subscriber = come_back(target, &lasting);
    subscriber.hears_no_more_from(&mut publisher, target);
    subscriber.leave();
}

fn nothing_comes_again_on_the_same_connection(target: &Target, version: u8) {
    let (_, mut subscriber, mut publisher, topic) = pair(target, version, 1);
    publisher.publish(0b0010, &topic, "once");
    let message = subscriber.take_message();
    super::pass_secs(target, 2);
    subscriber.hears_no_more_from(&mut publisher, target);
    subscriber.send(&acknowledge(0x40, message.id));
    subscriber.leave();
}

fn an_alias_does_not_outlive_its_connection(target: &Target, version: u8) {
    let lasting = Connect::lasting(version, &target.unique("alias"));
    let (mut publisher, _) = Peer::open(target, &lasting);
    let alias = [0x23, 0, 1];
    publisher.publish_with(0b0010, &target.unique("alias"), &alias, b"x");
    publisher.publish_with(0b0010, "", &alias, b"x");
    publisher.vanish();
    let mut publisher = come_back(target, &lasting);
    publisher.send(&publish(version, 0b0010, b"", 1, &alias, b"x"));
    publisher.expect_end(&[0x82, 0x94]);
}
