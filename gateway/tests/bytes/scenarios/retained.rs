//! Retained messages: the last word on a topic, for those who come later.

use super::{plays, two};
use crate::connect::Connect;
use crate::peer::Peer;
use crate::target::Target;

plays! {
    ALL "MQTT-3.3.1-5, MQTT-3.3.1-6, MQTT-3.3.1-8" a_newcomer_gets_the_last_message_as_retained,
    ALL "MQTT-3.3.1-9, MQTT-3.3.1-12" a_subscriber_gets_it_as_any_other_message,
    ALL "MQTT-3.3.1-10, MQTT-3.3.1-11" an_empty_message_clears_and_is_delivered,
    OASIS "MQTT-3.3.1-12, MQTT-3.3.1-8" a_message_without_the_flag_changes_nothing,
    OASIS "MQTT-3.3.1-7" every_quality_can_be_retained,
    ALL "MQTT-3.3.1-6, MQTT-3.3.1-9" a_wildcard_gets_all_that_match,
    OASIS "MQTT-3.8.4-3, MQTT-3.8.4-4" a_subscription_made_again_gets_them_again,
    OASIS "MQTT-3.1.2-7" they_outlive_the_session_of_their_publisher,
    ONLY_5 "MQTT-3.3.1-9" handling_0_sends_them_each_time,
    ONLY_5 "MQTT-3.3.1-10" handling_1_sends_them_for_a_new_subscription_alone,
    ONLY_5 "MQTT-3.3.1-11" handling_2_sends_none,
    ONLY_5 "MQTT-3.3.1-12, MQTT-3.3.1-13" retain_as_published_keeps_the_flag,
    ONLY_5 "3.3.1.3" they_keep_their_properties,
    ONLY_5 "4.8.2" a_shared_subscription_gets_none,
}

const RETAIN: u8 = 0b0011;

fn a_newcomer_gets_the_last_message_as_retained(target: &Target, version: u8) {
    let (mut publisher, mut subscriber) = two(target, version);
    let topic = target.unique("retained");
    for payload in ["first", "second", "last"] {
        publisher.publish(RETAIN, &topic, payload);
    }
    subscriber.subscribe(&topic, 1);
    let message = subscriber.hears(&topic, "last");
    assert!(message.retain && !message.dup, "{message:?}");
    subscriber.hears_no_more_from(&mut publisher, target);
    publisher.publish(RETAIN, &topic, "");
}

fn a_subscriber_gets_it_as_any_other_message(target: &Target, version: u8) {
    let (mut publisher, mut subscriber) = two(target, version);
    let topic = target.unique("live");
    subscriber.subscribe(&topic, 1);
    publisher.publish(RETAIN, &topic, "x");
    assert!(!subscriber.hears(&topic, "x").retain);
    publisher.publish(RETAIN, &topic, "");
}

fn an_empty_message_clears_and_is_delivered(target: &Target, version: u8) {
    let (mut publisher, mut subscriber) = two(target, version);
    let topic = target.unique("cleared");
    publisher.publish(RETAIN, &topic, "x");
    subscriber.subscribe(&topic, 1);
    assert!(subscriber.hears(&topic, "x").retain);
    publisher.publish(RETAIN, &topic, "");
    assert!(!subscriber.hears(&topic, "").retain);
    let (_, mut later) = two(target, version);
    later.subscribe(&topic, 1);
    later.hears_no_more_from(&mut publisher, target);
}

fn a_message_without_the_flag_changes_nothing(target: &Target, version: u8) {
    let (mut publisher, mut subscriber) = two(target, version);
    let topic = target.unique("kept");
    publisher.publish(0b0010, &topic, "never kept");
    publisher.publish(RETAIN, &topic, "kept");
    for payload in ["passing", ""] {
        publisher.publish(0b0010, &topic, payload);
    }
    subscriber.subscribe(&topic, 1);
    assert!(subscriber.hears(&topic, "kept").retain);
    publisher.publish(RETAIN, &topic, "");
}

fn every_quality_can_be_retained(target: &Target, version: u8) {
    for published in 0..3 {
        for granted in 0..3 {
            let (mut publisher, mut subscriber) = two(target, version);
            let topic = target.unique("quality");
            publisher.publish(published << 1 | 1, &topic, "x");
            // Behind a message of QoS 0 nothing says that it has arrived but the next answer.
            publisher.ping();
            subscriber.subscribe(&topic, granted);
            let message = subscriber.hears(&topic, "x");
            assert!(message.retain, "{message:?}");
            assert_eq!(message.qos, published.min(granted), "[MQTT-3.8.4-8]");
            publisher.publish(RETAIN, &topic, "");
        }
    }
}

fn a_wildcard_gets_all_that_match(target: &Target, version: u8) {
    let (mut publisher, mut subscriber) = two(target, version);
    let root = target.unique("wild");
    let names: Vec<String> = (0..30).map(|n| format!("{root}/{}/{n}", n % 3)).collect();
    for name in &names {
        publisher.publish(RETAIN, name, name);
    }
    subscriber.subscribe(&format!("{root}/1/+"), 1);
    let mut heard: Vec<String> = (0..10).map(|_| subscriber.message().text()).collect();
    heard.sort();
    let mut wanted: Vec<_> = names
        .iter()
        .filter(|n| n.contains("/1/"))
        .cloned()
        .collect();
    wanted.sort();
    assert_eq!(heard, wanted);
    subscriber.hears_no_more_from(&mut publisher, target);
    names
        .iter()
        .for_each(|name| publisher.publish(RETAIN, name, ""));
}

fn a_subscription_made_again_gets_them_again(target: &Target, version: u8) {
    let (mut publisher, mut subscriber) = two(target, version);
    let topic = target.unique("again");
    publisher.publish(RETAIN, &topic, "x");
    for qos in [1, 1, 2, 0] {
        subscriber.subscribe(&topic, qos);
        assert!(subscriber.hears(&topic, "x").retain);
    }
    publisher.publish(RETAIN, &topic, "");
}

fn they_outlive_the_session_of_their_publisher(target: &Target, version: u8) {
    let id = target.unique("gone");
    let topic = target.unique("outlive");
    let mut publisher = Peer::join(target, version, &id);
    publisher.publish(RETAIN, &topic, "x");
    publisher.leave();
    let mut again = Peer::join(target, version, &id);
    again.subscribe(&topic, 1);
    again.hears(&topic, "x");
    again.publish(RETAIN, &topic, "");
}

/// How many of two equal SUBSCRIBEs and a third after an UNSUBSCRIBE got the retained message.
/// Subscribes, subscribes again, and once more after UNSUBSCRIBE: `expected` says when the retained
/// message comes along. It may come behind one that another client publishes meanwhile: their
/// order is nobody's promise.
fn subscribe_with_handling(target: &Target, version: u8, handling: u8, expected: [bool; 3]) {
    let (mut publisher, mut subscriber) = two(target, version);
    let topic = target.unique("handling");
    publisher.publish(RETAIN, &topic, "kept");
    for (round, kept_comes) in expected.into_iter().enumerate() {
        if round == 2 {
            subscriber.unsubscribe(&topic);
        }
        subscriber.subscribe(&topic, handling << 4 | 1);
        publisher.publish(0b0010, &topic, "live");
        let count = 1 + usize::from(kept_comes);
        let mut texts: Vec<_> = (0..count)
            .map(|_| subscriber.message().text().to_owned())
            .collect();
        texts.sort_unstable();
        assert_eq!(texts, ["kept", "live"][2 - count..], "round {round}");
    }
    subscriber.hears_no_more_from(&mut publisher, target);
    publisher.publish(RETAIN, &topic, "");
}

fn handling_0_sends_them_each_time(target: &Target, version: u8) {
    subscribe_with_handling(target, version, 0, [true, true, true]);
}

fn handling_1_sends_them_for_a_new_subscription_alone(target: &Target, version: u8) {
    subscribe_with_handling(target, version, 1, [true, false, true]);
    // A session that comes back has its subscriptions, so they are not new.
    let lasting = Connect::lasting(version, &target.unique("back"));
    let topic = target.unique("back");
    let mut publisher = Peer::join(target, version, &target.unique("keeps"));
    publisher.publish(RETAIN, &topic, "kept");
    let (mut subscriber, _) = Peer::open(target, &lasting);
    subscriber.subscribe(&topic, 0b01_0001);
    subscriber.hears(&topic, "kept");
    subscriber.leave();
    let (mut subscriber, _) = Peer::open(target, &lasting);
    subscriber.subscribe(&topic, 0b01_0001);
    subscriber.hears_no_more_from(&mut publisher, target);
    publisher.publish(RETAIN, &topic, "");
    subscriber.leave();
}

fn handling_2_sends_none(target: &Target, version: u8) {
    subscribe_with_handling(target, version, 2, [false, false, false]);
}

fn retain_as_published_keeps_the_flag(target: &Target, version: u8) {
    let (mut publisher, mut subscriber) = two(target, version);
    let topic = target.unique("as/published");
    subscriber.subscribe(&topic, 0b1001);
    for flags in [0b0010, RETAIN] {
        publisher.publish(flags, &topic, "x");
        assert_eq!(subscriber.hears(&topic, "x").retain, flags == RETAIN);
    }
    publisher.publish(RETAIN, &topic, "");
}

fn they_keep_their_properties(target: &Target, version: u8) {
    let (mut publisher, mut subscriber) = two(target, version);
    let topic = target.unique("properties");
    let list = b"\x01\x01\x03\0\x04text\x26\0\x01a\0\x01b";
    publisher.publish_with(RETAIN, &topic, list, b"x");
    subscriber.subscribe(&topic, 1);
    let message = subscriber.hears(&topic, "x");
    assert_eq!(message.values(0x01), [[1]]);
    assert_eq!(message.values(0x03), [b"text"]);
    assert_eq!(message.values(0x26), [b"\0\x01a\0\x01b"]);
    publisher.publish(RETAIN, &topic, "");
}

fn a_shared_subscription_gets_none(target: &Target, version: u8) {
    let (mut publisher, mut subscriber) = two(target, version);
    let topic = target.unique("shared");
    publisher.publish(RETAIN, &topic, "kept");
    subscriber.subscribe(&format!("$share/group/{topic}"), 1);
    publisher.publish(0b0010, &topic, "live");
    assert!(!subscriber.hears(&topic, "live").retain);
    publisher.publish(RETAIN, &topic, "");
}
