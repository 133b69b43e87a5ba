//! What MQTT 5 lets a subscriber ask for and a message carry.

use super::{plays, two};
use crate::peer::Peer;
use crate::target::Target;
use crate::wire::*;

plays! {
    ONLY_5 "MQTT-3.8.3-3" no_local_keeps_a_client_from_hearing_itself,
    ONLY_5 "MQTT-3.3.4-3, MQTT-3.3.4-5" a_message_names_the_subscription_it_came_for,
    ONLY_5 "MQTT-3.3.4-4, MQTT-3.3.4-5" a_message_names_all_subscriptions_that_matched,
    ONLY_5 "3.8.4" a_subscription_made_again_has_the_new_identifier,
    ONLY_5 "MQTT-3.3.2-17, MQTT-3.3.2-18" user_properties_come_unaltered_and_in_order,
    ONLY_5 "MQTT-3.3.2-4, MQTT-3.3.2-15, MQTT-3.3.2-16, MQTT-3.3.2-20" properties_come_unaltered,
    ONLY_5 "4.10" a_request_finds_its_way_back_as_a_response,
    ONLY_5 "MQTT-3.10.4-4, MQTT-3.11.3-1, MQTT-3.11.3-2" an_unsuback_says_what_was_there,
    ONLY_5 "3.3.2.3.2" a_payload_that_is_no_text_may_be_refused,
    OASIS "3.3" old_and_new_clients_understand_each_other,
}

fn no_local_keeps_a_client_from_hearing_itself(target: &Target, version: u8) {
    let (mut publisher, mut subscriber) = two(target, version);
    let topic = target.unique("no/local");
    publisher.subscribe(&topic, 0b0101);
    subscriber.subscribe(&topic, 1);
    publisher.publish(0b0010, &topic, "mine");
    subscriber.hears(&topic, "mine");
    subscriber.publish(0b0010, &topic, "yours");
    publisher.hears(&topic, "yours");
    subscriber.hears(&topic, "yours");
    publisher.hears_no_more_from(&mut subscriber, target);
}

/// The identifiers that came with a message, as numbers.
fn identifiers(message: &Message) -> Vec<u32> {
    let values = message.values(0x0B).into_iter();
    let mut numbers: Vec<u32> = values
        .map(|value| u32::from_be_bytes(value.try_into().expect("widened to four bytes")))
        .collect();
    numbers.sort();
    numbers
}

fn identified(peer: &mut Peer, filter: &str, identifier: usize) {
    let list = [vec![0x0B], varint(identifier)].concat();
    assert_eq!(peer.ask(filter, 1, &list), 1);
}

fn a_message_names_the_subscription_it_came_for(target: &Target, version: u8) {
    let (mut publisher, mut subscriber) = two(target, version);
    let topic = target.unique("named");
    for identifier in [1, 127, 128, 268_435_455] {
        let topic = format!("{topic}/{identifier}");
        identified(&mut subscriber, &topic, identifier);
        publisher.publish(0b0010, &topic, "x");
        let message = subscriber.hears(&topic, "x");
        assert_eq!(identifiers(&message), [identifier as u32]);
    }
    subscriber.subscribe(&topic, 1);
    publisher.publish(0b0010, &topic, "x");
    assert_eq!(identifiers(&subscriber.hears(&topic, "x")), [0; 0]);
}

fn a_message_names_all_subscriptions_that_matched(target: &Target, version: u8) {
    let (mut publisher, mut subscriber) = two(target, version);
    let root = target.unique("all");
    identified(&mut subscriber, &format!("{root}/+"), 5);
    identified(&mut subscriber, &format!("{root}/#"), 7);
    identified(&mut subscriber, &format!("{root}/other"), 9);
    let topic = format!("{root}/a");
    publisher.publish(0b0010, &topic, "x");
    // One copy with both, or two copies with one each.
    let mut found = identifiers(&subscriber.hears(&topic, "x"));
    if found.len() == 1 {
        found.extend(identifiers(&subscriber.hears(&topic, "x")));
        found.sort();
    }
    assert_eq!(found, [5, 7]);
    subscriber.hears_no_more_from(&mut publisher, target);
}

fn a_subscription_made_again_has_the_new_identifier(target: &Target, version: u8) {
    let (mut publisher, mut subscriber) = two(target, version);
    let topic = target.unique("new");
    identified(&mut subscriber, &topic, 5);
    identified(&mut subscriber, &topic, 6);
    publisher.publish(0b0010, &topic, "x");
    assert_eq!(identifiers(&subscriber.hears(&topic, "x")), [6]);
    subscriber.subscribe(&topic, 1);
    publisher.publish(0b0010, &topic, "x");
    assert_eq!(identifiers(&subscriber.hears(&topic, "x")), [0; 0]);
}

fn user_properties_come_unaltered_and_in_order(target: &Target, version: u8) {
    let (mut publisher, mut subscriber) = two(target, version);
    let topic = target.unique("user");
    subscriber.subscribe(&topic, 2);
    let pairs = [("z", "1"), ("a", ""), ("z", "1"), ("", "é"), ("m", "2")];
    let pairs: Vec<Vec<u8>> = pairs
        .iter()
        .map(|(name, value)| [text(name.as_bytes()), text(value.as_bytes())].concat())
        .collect();
    let list: Vec<u8> = pairs
        .iter()
        .flat_map(|pair| [&[0x26], &pair[..]].concat())
        .collect();
    for flags in [0b0000, 0b0010, 0b0100] {
        publisher.publish_with(flags, &topic, &list, b"x");
        assert_eq!(subscriber.hears(&topic, "x").values(0x26), pairs);
    }
}

fn properties_come_unaltered(target: &Target, version: u8) {
    let (mut publisher, mut subscriber) = two(target, version);
    let topic = target.unique("properties");
    subscriber.subscribe(&topic, 1);
    let list = b"\x01\x01\x03\0\x0Atext/plain\x08\0\x09answer/me\x09\0\x04\0\xFF\x80\x0A";
    publisher.publish_with(0b0010, &topic, list, b"text");
    let message = subscriber.hears(&topic, "text");
    assert_eq!(message.values(0x01), [[1]]);
    assert_eq!(message.values(0x03), [b"text/plain"]);
    assert_eq!(message.values(0x08), [b"answer/me"]);
    assert_eq!(message.values(0x09), [b"\0\xFF\x80\x0A"]);
    publisher.publish(0b0010, &topic, "bare");
    assert_eq!(subscriber.hears(&topic, "bare").properties, []);
}

fn a_request_finds_its_way_back_as_a_response(target: &Target, version: u8) {
    let (mut requester, mut responder) = two(target, version);
    let (ask, answer) = (target.unique("ask"), target.unique("answer"));
    responder.subscribe(&ask, 1);
    requester.subscribe(&answer, 1);
    let list = [&[0x08][..], &text(answer.as_bytes()), b"\x09\0\x02id"].concat();
    requester.publish_with(0b0010, &ask, &list, b"question");
    let question = responder.hears(&ask, "question");
    let reply_to = String::from_utf8(question.values(0x08)[0].to_vec()).expect("a topic");
    let correlation = [&[0x09][..], &text(question.values(0x09)[0])].concat();
    responder.publish_with(0b0010, &reply_to, &correlation, b"reply");
    assert_eq!(requester.hears(&answer, "reply").values(0x09), [b"id"]);
}

fn an_unsuback_says_what_was_there(target: &Target, version: u8) {
    let (_, mut subscriber) = two(target, version);
    let root = target.unique("there");
    let names: Vec<String> = (0..4).map(|number| format!("{root}/{number}")).collect();
    subscriber.subscribe(&names[1], 1);
    subscriber.subscribe(&names[3], 1);
    let filters: Vec<&str> = names.iter().map(String::as_str).collect();
    for codes in [[0x11, 0, 0x11, 0], [0x11; 4]] {
        subscriber.send(&unsubscribe(version, 70, &[], &filters));
        assert_eq!(subscriber.expect(UNSUBACK).codes(version), codes);
    }
}

fn a_payload_that_is_no_text_may_be_refused(target: &Target, version: u8) {
    let mut publisher = Peer::join(target, version, &target.unique("no/text"));
    let topic = target.unique("no/text");
    publisher.send(&publish(
        version,
        0b0010,
        topic.as_bytes(),
        9,
        &[1, 1],
        b"\xFF",
    ));
    let packet = publisher.packet().expect("an answer, whatever it is");
    let allowed: &[u8] = if packet.kind() == PUBACK {
        &[0, 0x10, 0x99]
    } else {
        &[0x99]
    };
    assert!(allowed.contains(&packet.reason()), "{packet:x?}");
}

fn old_and_new_clients_understand_each_other(target: &Target, version: u8) {
    let topic = target.unique("mixed");
    let mut publisher = Peer::join(target, version, &target.unique("says"));
    for other in [V31, V311, V5] {
        let mut subscriber = Peer::join(target, other, &target.unique("hears"));
        subscriber.subscribe(&topic, 1);
        let list: &[u8] = if version == V5 {
            b"\x26\0\x01a\0\x01b"
        } else {
            b""
        };
        publisher.publish_with(0b0010, &topic, list, b"x");
        let message = subscriber.hears(&topic, "x");
        let both_new = version == V5 && other == V5;
        assert_eq!(message.values(0x26).len(), usize::from(both_new));
    }
}
