//! From a publisher to its subscribers: quality, order, flags, replacement.

use super::{plays, two};
use crate::peer::Peer;
use crate::target::Target;
use crate::wire::*;

plays! {
    ALL "MQTT-3.8.4-6, MQTT-3.8.4-8" a_message_comes_at_the_lower_quality_of_both_sides,
    ALL "MQTT-4.6.0-5, MQTT-4.6.0-6" the_messages_of_one_client_on_one_topic_keep_their_order,
    OASIS "MQTT-3.3.1-3" a_first_delivery_says_neither_dup_nor_retain,
    OASIS "MQTT-3.3.5-1, MQTT-3.3.4-2" overlapping_subscriptions_deliver_at_the_highest_quality,
    ALL "MQTT-3.8.4-3" a_filter_subscribed_to_again_replaces_itself,
    ALL "4.5" a_client_hears_itself_when_it_subscribes,
    ALL "MQTT-3.10.4-2" nothing_comes_after_an_unsubscribe,
    OASIS "MQTT-3.10.4-3" what_was_begun_is_finished_after_an_unsubscribe,
    OASIS "MQTT-3.10.4-1" an_unsubscribe_needs_the_very_filter,
    OASIS "3.3.3" payloads_come_as_they_were_sent,
    OASIS "MQTT-3.8.4-5, MQTT-3.9.3-1" filters_of_one_subscribe_count_one_by_one,
    ALL "MQTT-4.5.0-1" every_subscriber_gets_its_own_copy,
    ONLY_5 "3.4.2.1" a_publisher_without_subscribers_is_told_or_not,
}

fn a_message_comes_at_the_lower_quality_of_both_sides(target: &Target, version: u8) {
    for granted in 0..3 {
        let (mut publisher, mut subscriber) = two(target, version);
        let topic = target.unique("quality");
        subscriber.subscribe(&topic, granted);
        for published in 0..3 {
            publisher.publish(published << 1, &topic, "x");
            let message = subscriber.hears(&topic, "x");
            assert_eq!(
                message.qos,
                granted.min(published),
                "{published} to {granted}"
            );
        }
    }
}

fn the_messages_of_one_client_on_one_topic_keep_their_order(target: &Target, version: u8) {
    for qos in 0..3 {
        let (mut publisher, mut subscriber) = two(target, version);
        let topic = target.unique("order");
        subscriber.subscribe(&topic, qos);
        for number in 0..50 {
            publisher.publish(qos << 1, &topic, &number.to_string());
        }
        for number in 0..50 {
            subscriber.hears(&topic, &number.to_string());
        }
    }
}

fn a_first_delivery_says_neither_dup_nor_retain(target: &Target, version: u8) {
    let (mut publisher, mut subscriber) = two(target, version);
    let topic = target.unique("flags");
    subscriber.subscribe(&topic, 2);
    // DUP of a client is its own affair; RETAIN is not passed on to those who were there before.
    for flags in [0b0001, 0b1010, 0b1011, 0b1100, 0b1101] {
        publisher.publish(flags, &topic, "x");
        let message = subscriber.hears(&topic, "x");
        assert!(
            !message.dup && !message.retain,
            "flags {flags:04b}: {message:?}"
        );
    }
    publisher.publish(0b0001, &topic, "");
    subscriber.hears(&topic, "");
}

fn overlapping_subscriptions_deliver_at_the_highest_quality(target: &Target, version: u8) {
    let (mut publisher, mut subscriber) = two(target, version);
    let root = target.unique("overlap");
    subscriber.subscribe(&format!("{root}/+"), 2);
    subscriber.subscribe(&format!("{root}/#"), 1);
    let topic = format!("{root}/a");
    publisher.publish(0b0100, &topic, "x");
    // One copy, or one for each subscription: the server may choose [section 3.3.4].
    let mut qualities = vec![subscriber.hears(&topic, "x").qos];
    let last = target.unique("overlap/last");
    subscriber.subscribe(&last, 1);
    publisher.publish(0b0010, &last, "last");
    loop {
        let message = subscriber.message();
        if message.topic == last {
            break;
        }
        qualities.push(message.qos);
    }
    qualities.sort();
    assert!(qualities == [2] || qualities == [1, 2], "{qualities:?}");
}

fn a_filter_subscribed_to_again_replaces_itself(target: &Target, version: u8) {
    let (mut publisher, mut subscriber) = two(target, version);
    let topic = target.unique("again");
    for qos in [0, 2, 1] {
        subscriber.subscribe(&topic, qos);
        publisher.publish(0b0100, &topic, "once");
        assert_eq!(subscriber.hears(&topic, "once").qos, qos);
        subscriber.hears_no_more_from(&mut publisher, target);
    }
}

fn a_client_hears_itself_when_it_subscribes(target: &Target, version: u8) {
    let mut client = Peer::join(target, version, &target.unique("self"));
    let topic = target.unique("self");
    client.subscribe(&topic, 2);
    for flags in [0b0000, 0b0010, 0b0100] {
        client.publish(flags, &topic, "me");
        client.hears(&topic, "me");
    }
}

fn nothing_comes_after_an_unsubscribe(target: &Target, version: u8) {
    let (mut publisher, mut subscriber) = two(target, version);
    let root = target.unique("stop");
    for filter in [root.clone(), format!("{root}/#"), format!("{root}/+")] {
        let topic = filter.replace(['#', '+'], "x");
        subscriber.subscribe(&filter, 1);
        publisher.publish(0b0010, &topic, "before");
        subscriber.hears(&topic, "before");
        subscriber.unsubscribe(&filter);
        publisher.publish(0b0010, &topic, "after");
        subscriber.hears_no_more_from(&mut publisher, target);
    }
}

fn what_was_begun_is_finished_after_an_unsubscribe(target: &Target, version: u8) {
    let (mut publisher, mut subscriber) = two(target, version);
    let topic = target.unique("begun");
    subscriber.subscribe(&topic, 2);
    publisher.publish(0b0100, &topic, "x");
    let message = subscriber.take_message();
    subscriber.unsubscribe(&topic);
    subscriber.send(&crate::peer::acknowledge(0x50, message.id));
    assert_eq!(subscriber.expect(PUBREL).id(), message.id);
    subscriber.send(&crate::peer::acknowledge(0x70, message.id));
    subscriber.ping();
}

fn an_unsubscribe_needs_the_very_filter(target: &Target, version: u8) {
    let (mut publisher, mut subscriber) = two(target, version);
    let root = target.unique("very");
    subscriber.subscribe(&format!("{root}/+"), 1);
    for other in [
        format!("{root}/a"),
        format!("{root}/#"),
        root.to_uppercase(),
    ] {
        subscriber.unsubscribe(&other);
    }
    publisher.publish(0b0010, &format!("{root}/a"), "x");
    subscriber.hears(&format!("{root}/a"), "x");
}

fn payloads_come_as_they_were_sent(target: &Target, version: u8) {
    let (mut publisher, mut subscriber) = two(target, version);
    let topic = target.unique("payload");
    subscriber.subscribe(&topic, 1);
    let every_byte: Vec<u8> = (0..=255).collect();
    for payload in [Vec::new(), every_byte.clone(), every_byte.repeat(1000)] {
        publisher.publish_with(0b0010, &topic, &[], &payload);
        assert!(
            subscriber.message().payload == payload,
            "{} bytes",
            payload.len()
        );
    }
}

fn filters_of_one_subscribe_count_one_by_one(target: &Target, version: u8) {
    let (mut publisher, mut subscriber) = two(target, version);
    let root = target.unique("many");
    let names: Vec<String> = (0..3).map(|number| format!("{root}/{number}")).collect();
    let filters: Vec<(&str, u8)> = names.iter().map(String::as_str).zip([2, 0, 1]).collect();
    subscriber.send(&subscribe(version, 77, &[], &filters));
    let suback = subscriber.expect(SUBACK);
    assert_eq!((suback.id(), suback.codes(version)), (77, &[2, 0, 1][..]));
    for (name, qos) in filters {
        publisher.publish(0b0100, name, "x");
        assert_eq!(subscriber.hears(name, "x").qos, qos);
    }
}

fn every_subscriber_gets_its_own_copy(target: &Target, version: u8) {
    let mut publisher = Peer::join(target, version, &target.unique("to/all"));
    let topic = target.unique("all");
    let mut subscribers: Vec<Peer> = (0..20)
        .map(|_| Peer::join(target, version, &target.unique("each")))
        .collect();
    for (subscriber, qos) in subscribers.iter_mut().zip([0, 1, 2].into_iter().cycle()) {
        subscriber.subscribe(&topic, qos);
    }
    publisher.publish(0b0100, &topic, "for all");
    for (subscriber, qos) in subscribers.iter_mut().zip([0, 1, 2].into_iter().cycle()) {
        assert_eq!(subscriber.hears(&topic, "for all").qos, qos);
    }
}

fn a_publisher_without_subscribers_is_told_or_not(target: &Target, version: u8) {
    let mut publisher = Peer::join(target, version, &target.unique("alone"));
    let topic = target.unique("nobody");
    publisher.send(&publish(version, 0b0010, topic.as_bytes(), 5, &[], b"x"));
    let puback = publisher.expect(PUBACK);
    assert!([0x00, 0x10].contains(&puback.reason()), "{puback:x?}");
}
