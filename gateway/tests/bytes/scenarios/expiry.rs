//! Messages that are worth something for a while only.

use super::{pass_secs, plays, secs, two};
use crate::connect::Connect;
use crate::peer::{Peer, acknowledge};
use crate::target::Target;
use crate::wire::*;

plays! {
    ONLY_5 "MQTT-3.3.2-5" a_message_that_expired_in_the_queue_is_not_delivered,
    ONLY_5 "MQTT-3.3.2-6" a_message_says_how_long_it_is_still_good_for,
    ONLY_5 "MQTT-3.3.2-6" a_message_delivered_at_once_has_all_its_time,
    ONLY_5 "MQTT-3.3.2-5" a_retained_message_expires,
    ONLY_5 "MQTT-4.3.3-7" what_was_sent_once_does_not_expire,
    ONLY_5 "MQTT-4.3.3-13" a_handshake_outlives_its_message,
}

const EXPIRY: u8 = 0x02;

fn left(message: &Message) -> Option<u32> {
    let values = message.values(EXPIRY);
    values
        .first()
        .map(|value| u32::from_be_bytes((*value).try_into().expect("four bytes")))
}

fn a_message_that_expired_in_the_queue_is_not_delivered(target: &Target, version: u8) {
    let lasting = Connect::lasting(version, &target.unique("late"));
    let topic = target.unique("late");
    let (mut subscriber, _) = Peer::open(target, &lasting);
    subscriber.subscribe(&topic, 2);
    subscriber.leave();
    let mut publisher = Peer::join(target, version, &target.unique("early"));
    for flags in [0b0010, 0b0100] {
        publisher.publish_with(flags, &topic, &secs(EXPIRY, 1), b"soon stale");
    }
    publisher.publish(0b0010, &topic, "for ever");
    pass_secs(target, 2);
    let (mut subscriber, _) = Peer::open(target, &lasting);
    let message = subscriber.hears(&topic, "for ever");
    assert_eq!(left(&message), None, "no expiry was given to it");
    subscriber.leave();
}

fn a_message_says_how_long_it_is_still_good_for(target: &Target, version: u8) {
    let lasting = Connect::lasting(version, &target.unique("left"));
    let topic = target.unique("left");
    let (mut subscriber, _) = Peer::open(target, &lasting);
    subscriber.subscribe(&topic, 1);
    subscriber.leave();
    let mut publisher = Peer::join(target, version, &target.unique("gives"));
    publisher.publish_with(0b0010, &topic, &secs(EXPIRY, 1000), b"good");
    pass_secs(target, 2);
    let (mut subscriber, _) = Peer::open(target, &lasting);
    let left = left(&subscriber.hears(&topic, "good")).expect("it expires");
    assert!(
        (900..1000).contains(&left),
        "three seconds or so are gone: {left}"
    );
    subscriber.leave();
}

fn a_message_delivered_at_once_has_all_its_time(target: &Target, version: u8) {
    let (mut publisher, mut subscriber) = two(target, version);
    let topic = target.unique("all/its/time");
    subscriber.subscribe(&topic, 1);
    publisher.publish_with(0b0010, &topic, &secs(EXPIRY, 1000), b"good");
    let left = left(&subscriber.hears(&topic, "good")).expect("it expires");
    assert!((900..=1000).contains(&left), "{left}");
}

fn a_retained_message_expires(target: &Target, version: u8) {
    let (mut publisher, mut subscriber) = two(target, version);
    let topic = target.unique("retained/expires");
    publisher.publish_with(0b0011, &topic, &secs(EXPIRY, 1), b"soon stale");
    publisher.publish_with(0b0011, &format!("{topic}/b"), &secs(EXPIRY, 1000), b"good");
    pass_secs(target, 2);
    subscriber.subscribe(&format!("{topic}/#"), 1);
    let message = subscriber.hears(&format!("{topic}/b"), "good");
    let left = left(&message).expect("it expires");
    assert!(message.retain && (900..1000).contains(&left), "{message:?}");
    subscriber.hears_no_more_from(&mut publisher, target);
    publisher.publish(0b0011, &format!("{topic}/b"), "");
}

fn what_was_sent_once_does_not_expire(target: &Target, version: u8) {
    let lasting = Connect::lasting(version, &target.unique("sent"));
    let topic = target.unique("sent");
    let (mut subscriber, _) = Peer::open(target, &lasting);
    subscriber.subscribe(&topic, 2);
    let mut publisher = Peer::join(target, version, &target.unique("sends"));
    publisher.publish_with(0b0100, &topic, &secs(EXPIRY, 1), b"on its way");
    let first = subscriber.take_message();
    subscriber.vanish();
    pass_secs(target, 2);
    let (mut subscriber, _) = Peer::open(target, &lasting);
    let again = subscriber.hears(&topic, "on its way");
    assert!(again.dup && again.id == first.id, "{again:?}");
    subscriber.leave();
}

fn a_handshake_outlives_its_message(target: &Target, version: u8) {
    let mut publisher = Peer::join(target, version, &target.unique("slow"));
    let topic = target.unique("slow");
    let list = secs(EXPIRY, 1);
    publisher.send(&publish(version, 0b0100, topic.as_bytes(), 9, &list, b"x"));
    assert_eq!(publisher.expect(PUBREC).id(), 9);
    pass_secs(target, 2);
    publisher.send(&acknowledge(0x62, 9));
    let done = publisher.expect(PUBCOMP);
    assert_eq!((done.id(), done.reason()), (9, 0));
}
