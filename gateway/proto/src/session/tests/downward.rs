//! To the client: packet ids, acknowledgements, the Receive Maximum, sizes, aliases and properties.

use std::sync::Arc;

use super::bench::*;
use crate::close::Close;
use crate::message::Message;
use crate::packet::{Packet, Publish, PublishProperties};
use crate::property::UserProperties;
use crate::reason::Reason;
use crate::session::{Delivered, Delivery, Loss, Profile};
use crate::version::{Qos, Version};
use crate::{decode, encode};

const QOS_0: Qos = Qos::AtMostOnce;
const QOS_1: Qos = Qos::AtLeastOnce;
const QOS_2: Qos = Qos::ExactlyOnce;

#[test]
fn a_message_goes_at_the_lower_of_both_qos() {
    for (published, granted, qos) in [
        (QOS_2, QOS_1, QOS_1),
        (QOS_1, QOS_2, QOS_1),
        (QOS_0, QOS_2, QOS_0),
    ] {
        let mut bench = Bench::new(Version::V311);
        let sent = bench.deliver_message(&message("a", published), granted);
        assert_eq!(sent, Delivered::Sent);
        assert_eq!(bench.copies()[0].qos, qos);
    }
}

#[test]
fn qos_0_to_an_idle_client_leaves_nothing_behind() {
    let mut bench = Bench::new(Version::V5);
    assert_eq!(bench.deliver("a", QOS_0), Delivered::Sent);
    assert_eq!(bench.written(), [0x30, 5, 0, 1, b't', 0, b'a']);
    assert!(bench.session.busy.is_none());
}

#[test]
fn qos_1_ends_with_its_puback() {
    let mut bench = Bench::new(Version::V311);
    assert_eq!(bench.deliver("a", QOS_1), Delivered::Sent);
    assert_eq!(bench.written(), [0x32, 6, 0, 1, b't', 0, 1, b'a']);
    assert!(bench.commons.queued_bytes > 0);
    assert_eq!(bench.give(puback(1)), Did::Done);
    assert!(bench.session.busy.is_none());
    assert_eq!(bench.commons.queued_bytes, 0);
}

#[test]
fn qos_2_goes_through_its_four_packets() {
    let mut bench = Bench::new(Version::V5);
    bench.deliver("a", QOS_2);
    assert_eq!(bench.written(), [0x34, 7, 0, 1, b't', 0, 1, 0, b'a']);
    bench.give(pubrec(1));
    assert_eq!(bench.written(), [PUBREL, 2, 0, 1]);
    assert_eq!(
        bench.commons.queued_bytes, 0,
        "the message is not needed again"
    );
    bench.give(pubrec(1));
    assert_eq!(
        bench.written(),
        [PUBREL, 2, 0, 1],
        "a repeated PUBREC is answered again"
    );
    bench.give(pubcomp(1));
    assert_eq!(bench.written(), []);
    assert!(bench.session.busy.is_none());
}

#[test]
fn a_refusing_acknowledgement_ends_the_exchange() {
    let mut bench = Bench::new(Version::V5);
    bench.deliver("a", QOS_2);
    bench.deliver("b", QOS_1);
    bench.written();
    bench.give(Packet::PubRec(ack(1, Reason::QuotaExceeded)));
    bench.give(Packet::PubAck(ack(2, Reason::NotAuthorized)));
    assert_eq!(bench.written(), [], "no PUBREL follows");
    assert_eq!(bench.commons.losses.of(Loss::Refused), 2);
    assert!(bench.session.busy.is_none());
}

#[test]
fn stray_acknowledgements_are_answered_where_there_is_an_answer() {
    for (version, not_found) in [
        (Version::V5, &[PUBREL, 3, 0, 9, 0x92][..]),
        (Version::V311, &[PUBREL, 2, 0, 9]),
    ] {
        let mut bench = Bench::new(version);
        assert_eq!(bench.give(puback(9)), Did::Done);
        assert_eq!(bench.give(pubcomp(9)), Did::Done);
        assert_eq!(bench.written(), []);
        assert_eq!(bench.give(pubrec(9)), Did::Done);
        assert_eq!(bench.written(), not_found);
    }
}

#[test]
fn an_acknowledgement_of_the_wrong_kind_ends_the_connection() {
    let error = Did::Close(Close::Violation(Reason::ProtocolError));
    let mut bench = Bench::new(Version::V5);
    bench.deliver("a", QOS_2);
    assert_eq!(bench.give(puback(1)), error);
    let mut bench = Bench::new(Version::V5);
    bench.deliver("a", QOS_1);
    assert_eq!(bench.give(pubrec(1)), error);
}

#[test]
fn packet_ids_go_round_and_skip_those_in_use() {
    let mut bench = Bench::new(Version::V311);
    bench.deliver("stays", QOS_1);
    bench.deliver("stays too", QOS_2);
    bench.give(pubrec(2));
    bench.session.last_id = u16::MAX - 1;
    bench.written();
    for id in [u16::MAX, 3, 4] {
        bench.deliver("goes", QOS_1);
        assert_eq!(bench.copies()[0].id, id);
        bench.give(puback(id));
    }
}

#[test]
fn packet_ids_go_on_where_the_last_exchange_ended() {
    let mut bench = Bench::new(Version::V311);
    for id in 1..=3 {
        bench.deliver("a", QOS_1);
        assert_eq!(bench.copies()[0].id, id);
        bench.give(puback(id));
        assert!(bench.session.busy.is_none());
    }
}

#[test]
fn a_box_of_unfinished_things_stays_small() {
    assert!(size_of::<crate::session::busy::Busy>() <= 400);
}

#[test]
fn no_more_is_unacknowledged_than_the_client_allows() {
    let mut bench = Bench::with(Version::V5, allowing(2));
    assert_eq!(bench.deliver("1", QOS_1), Delivered::Sent);
    assert_eq!(bench.deliver("2", QOS_2), Delivered::Sent);
    assert!(!bench.session.is_ready(&bench.commons.profiles));
    assert_eq!(bench.deliver("3", QOS_1), Delivered::Queued);
    assert_eq!(bench.deliver("4", QOS_2), Delivered::Queued);
    assert_eq!(
        bench.deliver("free", QOS_0),
        Delivered::Sent,
        "QoS 0 is not counted"
    );
    assert_eq!(bench.payloads(), ["1", "2", "free"]);
    bench.give(puback(1));
    assert_eq!(bench.payloads(), ["3"]);
    bench.give(pubrec(2));
    assert_eq!(
        bench.written(),
        [PUBREL, 2, 0, 2],
        "counted until its PUBCOMP"
    );
    bench.give(pubcomp(2));
    assert_eq!(bench.payloads(), ["4"]);
}

#[test]
fn a_message_that_the_client_would_not_take_is_as_good_as_sent() {
    let mut bench = Bench::with(
        Version::V5,
        Profile {
            packet_bytes_max: 9,
            receive_max: 1,
            ..Profile::PLAIN
        },
    );
    let too_large = Delivered::Dropped(Loss::TooLarge);
    assert_eq!(bench.deliver("abcd", QOS_0), too_large);
    assert_eq!(bench.deliver("abc", QOS_0), Delivered::Sent);
    assert_eq!(bench.deliver("ab", QOS_1), too_large);
    assert_eq!(bench.deliver("a", QOS_1), Delivered::Sent);
    assert_eq!(bench.deliver("ab", QOS_1), Delivered::Queued);
    assert_eq!(bench.deliver("b", QOS_1), Delivered::Queued);
    assert_eq!(bench.payloads(), ["abc", "a"]);
    bench.give(puback(1));
    assert_eq!(bench.payloads(), ["b"]);
    assert_eq!(bench.commons.losses.of(Loss::TooLarge), 3);
}

#[test]
fn a_topic_is_said_once_and_then_by_its_alias() {
    let mut bench = Bench::with(Version::V5, aliasing(2));
    let mut said = |topic: &str, qos| {
        bench.deliver_message(&on(topic, "a", qos), qos);
        let copy = bench.copies().remove(0);
        (copy.topic, copy.alias)
    };
    assert_eq!(said("topic x", QOS_0), ("topic x".into(), 1));
    assert_eq!(said("topic x", QOS_1), (String::new(), 1));
    assert_eq!(said("topic y", QOS_2), ("topic y".into(), 2));
    assert_eq!(said("topic x", QOS_0), (String::new(), 1));
    assert_eq!(
        said("topic z", QOS_0),
        ("topic z".into(), 2),
        "the least recently used makes room"
    );
    assert_eq!(said("topic y", QOS_0), ("topic y".into(), 1));
}

#[test]
fn an_alias_never_makes_a_packet_too_long() {
    let mut bench = Bench::with(
        Version::V5,
        Profile {
            packet_bytes_max: 14,
            ..aliasing(2)
        },
    );
    let mut said = |topic: &str, payload: &str| {
        bench.deliver_message(&on(topic, payload, QOS_0), QOS_0);
        let copies = bench.copies().into_iter();
        copies.map(|copy| (copy.topic, copy.alias)).next()
    };
    assert_eq!(said("topic", "long"), Some(("topic".into(), 0)));
    assert_eq!(said("topic", "too long"), None);
    assert_eq!(
        said("topic", "a"),
        Some(("topic".into(), 1)),
        "the first try was in vain"
    );
    assert_eq!(said("topic", "a long"), Some((String::new(), 1)));
    assert_eq!(said("abc", "a"), Some(("abc".into(), 0)), "shorter in full");
}

#[test]
fn mqtt_3_is_never_told_an_alias() {
    let mut bench = Bench::with(Version::V311, aliasing(2));
    for _ in 0..2 {
        bench.deliver_message(&on("topic", "a", QOS_0), QOS_0);
        assert_eq!(bench.copies()[0].topic, "topic");
    }
}

#[test]
fn aliases_end_with_the_connection_and_repetitions_have_none() {
    let mut bench = Bench::with(Version::V5, aliasing(2));
    for _ in 0..2 {
        bench.deliver_message(&on("topic", "a", QOS_1), QOS_1);
    }
    bench.written();
    bench.gone(true);
    bench.resume(aliasing(2));
    bench.deliver_message(&on("topic", "a", QOS_1), QOS_1);
    let copies = bench.copies();
    let said: Vec<_> = copies
        .iter()
        .map(|copy| (&*copy.topic, copy.alias))
        .collect();
    assert_eq!(said, [("topic", 0), ("topic", 0), ("topic", 1)]);
}

#[test]
fn the_rest_of_its_life_is_sent_with_a_message() {
    let mut bench = Bench::with(Version::V5, allowing(1));
    let lives = |secs| {
        let mut lives = Message::clone(&message("a", QOS_1));
        lives.expires_at_sec = secs;
        Arc::new(lives)
    };
    bench.deliver_message(&lives(1_010), QOS_1);
    assert_eq!(expiry(&bench.written()), Some(10));
    bench.deliver_message(&lives(1_005), QOS_1);
    bench.deliver_message(&lives(1_020), QOS_1);
    bench.now_sec = 1_005;
    bench.give(puback(1));
    assert_eq!(
        expiry(&bench.written()),
        Some(15),
        "the one between is over"
    );
    assert_eq!(bench.commons.losses.of(Loss::Expired), 1);
    let over = bench.deliver_message(&lives(1_005), QOS_0);
    assert_eq!(over, Delivered::Dropped(Loss::Expired));
}

fn expiry(frame: &[u8]) -> Option<u32> {
    match decode::packet(Version::V5, frame[0], &frame[2..]) {
        Ok(Packet::Publish(publish)) => publish.properties.message_expiry_secs,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_was_published_arrives_with_its_properties_in_their_order() {
    let pairs = [("b", "1"), ("a", "2"), ("b", "3")];
    let properties = PublishProperties {
        payload_is_utf8: true,
        message_expiry_secs: Some(60),
        content_type: Some("text"),
        response_topic: Some("r"),
        correlation_data: Some(b"c"),
        user_properties: UserProperties::from_pairs(&pairs),
        ..PublishProperties::default()
    };
    let published = Publish {
        dup: true,
        qos: QOS_1,
        retain: true,
        topic: "t",
        packet_id: 7,
        properties,
        payload: b"x",
    };
    let message = encode::message_of_publish(&published, "t", 5, 1_000);
    let mut bench = Bench::new(Version::V5);
    bench.deliver_as(
        &Arc::new(message),
        Delivery {
            qos: QOS_2,
            retain: true,
            identifiers: &[],
            group: 0,
            receipt: None,
        },
    );
    let written = bench.written();
    let arrived = decode::packet(Version::V5, written[0], &written[2..]);
    let expected = Publish {
        dup: false,
        packet_id: 1,
        ..published
    };
    assert_eq!(arrived, Ok(Packet::Publish(expected)));
}

#[test]
fn every_matching_subscription_is_named_to_mqtt_5_alone() {
    let identified = Delivery {
        identifiers: &[1, 200],
        ..delivery(QOS_0)
    };
    let mut bench = Bench::new(Version::V5);
    bench.deliver_as(&message("a", QOS_0), identified);
    let (head, tail) = ([0x30, 10, 0, 1, b't', 5], [0x0B, 1, 0x0B, 0xC8, 1, b'a']);
    assert_eq!(bench.written(), [&head[..], &tail[..]].concat());
    let mut bench = Bench::new(Version::V311);
    bench.deliver_as(&message("a", QOS_0), identified);
    assert_eq!(bench.written(), [0x30, 4, 0, 1, b't', b'a']);
}

fn allowing(receive_max: u16) -> Profile {
    Profile {
        receive_max,
        ..Profile::PLAIN
    }
}

fn aliasing(topic_alias_max: u16) -> Profile {
    Profile {
        topic_alias_max,
        ..Profile::PLAIN
    }
}

fn on(topic: &str, payload: &str, qos: Qos) -> Arc<Message> {
    let mut message = Message::clone(&message(payload, qos));
    message.topic = topic.into();
    Arc::new(message)
}
