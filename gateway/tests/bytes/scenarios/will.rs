//! Wills: published at every end of a connection that was not said, and at no other.

use super::plays;
use crate::connect::{Connect, Will};
use crate::peer::Peer;
use crate::target::Target;
use crate::wire::*;

plays! {
    ALL "MQTT-3.1.2-8" a_will_is_published_when_the_link_fails,
    ALL "MQTT-3.1.2-8, MQTT-3.1.2-22" a_will_is_published_when_its_client_falls_silent,
    ALL "MQTT-3.1.2-8, MQTT-4.8.0-1" a_will_is_published_when_its_client_breaks_the_rules,
    ALL "MQTT-3.1.2-8, MQTT-3.1.4-3" a_will_is_published_when_its_client_is_taken_over,
    ALL "MQTT-3.14.4-3, MQTT-3.1.2-10" a_disconnect_discards_the_will,
    ALL "MQTT-3.1.2-12, MQTT-3.1.2-11" without_a_will_nothing_is_published,
    ONLY_5 "3.14.2.1" a_disconnect_may_ask_for_the_will,
    ONLY_5 "MQTT-3.1.2-8" a_disconnect_with_an_error_leaves_the_will_as_it_was,
    OASIS "MQTT-3.1.2-9, MQTT-3.8.4-6" a_will_has_the_quality_it_was_given,
    OASIS "MQTT-3.1.2-16, MQTT-3.1.2-14" a_will_is_not_retained_by_itself,
    OASIS "MQTT-3.1.2-17, MQTT-3.1.2-15" a_will_may_be_retained,
    ONLY_5 "MQTT-3.1.3-10" a_will_keeps_its_properties_and_their_order,
    OASIS "MQTT-3.1.2-10" a_will_is_published_once,
}

/// A client with a will, one who watches its topic, and one who has nothing to do with it.
struct Cast {
    dying: Peer,
    watcher: Peer,
    other: Peer,
    topic: String,
    connect: Connect,
}

impl Cast {
    fn gather(target: &Target, version: u8, change: impl FnOnce(&mut Connect)) -> Cast {
        let topic = target.unique("will");
        let mut watcher = Peer::join(target, version, &target.unique("watcher"));
        watcher.subscribe(&topic, 2);
        let mut connect = Connect::new(version, &target.unique("dying"));
        connect.will = Some(Will::new(&topic, "gone"));
        change(&mut connect);
        let (dying, _) = Peer::open(target, &connect);
        Cast {
            dying,
            watcher,
            other: Peer::join(target, version, &target.unique("other")),
            topic,
            connect,
        }
    }
}

fn a_will_is_published_when_the_link_fails(target: &Target, version: u8) {
    let mut cast = Cast::gather(target, version, |_| {});
    cast.dying.vanish();
    let message = cast.watcher.hears(&cast.topic, "gone");
    assert!(message.qos == 0 && !message.retain, "{message:?}");
}

fn a_will_is_published_when_its_client_falls_silent(target: &Target, version: u8) {
    let mut cast = Cast::gather(target, version, |connect| connect.keep_alive_secs = 1);
    cast.watcher.hears(&cast.topic, "gone");
    cast.dying.expect_end(&[0x8D]);
}

fn a_will_is_published_when_its_client_breaks_the_rules(target: &Target, version: u8) {
    let mut cast = Cast::gather(target, version, |_| {});
    // Both bits of QoS [MQTT-3.3.1-4].
    let wrong = publish(version, 0b0110, cast.topic.as_bytes(), 1, &[], b"x");
    cast.dying.send(&wrong);
    cast.dying.expect_end(&[0x81]);
    cast.watcher.hears(&cast.topic, "gone");
}

fn a_will_is_published_when_its_client_is_taken_over(target: &Target, version: u8) {
    let mut cast = Cast::gather(target, version, |_| {});
    let mut heir = cast.connect.clone();
    heir.will = None;
    let (mut heir, _) = Peer::open(target, &heir);
    cast.dying.expect_end(&[0x8E]);
    cast.watcher.hears(&cast.topic, "gone");
    heir.ping();
}

fn a_disconnect_discards_the_will(target: &Target, version: u8) {
    let mut cast = Cast::gather(target, version, |_| {});
    cast.dying.leave();
    cast.watcher.hears_no_more_from(&mut cast.other, target);
}

fn without_a_will_nothing_is_published(target: &Target, version: u8) {
    let mut cast = Cast::gather(target, version, |connect| connect.will = None);
    cast.dying.vanish();
    cast.watcher.hears_no_more_from(&mut cast.other, target);
}

fn a_disconnect_may_ask_for_the_will(target: &Target, version: u8) {
    let mut cast = Cast::gather(target, version, |_| {});
    cast.dying.send(&frame(0xE0, &[0x04]));
    cast.watcher.hears(&cast.topic, "gone");
}

fn a_disconnect_with_an_error_leaves_the_will_as_it_was(target: &Target, version: u8) {
    for reason in [0x80, 0x82, 0x98] {
        let mut cast = Cast::gather(target, version, |_| {});
        cast.dying.send(&frame(0xE0, &[reason]));
        cast.watcher.hears(&cast.topic, "gone");
    }
}

fn a_will_has_the_quality_it_was_given(target: &Target, version: u8) {
    for qos in 0..3 {
        let mut cast = Cast::gather(target, version, |connect| {
            connect.will.iter_mut().for_each(|will| will.qos = qos);
        });
        cast.dying.vanish();
        assert_eq!(cast.watcher.hears(&cast.topic, "gone").qos, qos);
    }
}

fn a_will_is_not_retained_by_itself(target: &Target, version: u8) {
    let mut cast = Cast::gather(target, version, |_| {});
    cast.dying.vanish();
    cast.watcher.hears(&cast.topic, "gone");
    let mut later = Peer::join(target, version, &target.unique("later"));
    later.subscribe(&cast.topic, 1);
    later.hears_no_more_from(&mut cast.other, target);
}

fn a_will_may_be_retained(target: &Target, version: u8) {
    let mut cast = Cast::gather(target, version, |connect| {
        connect.will.iter_mut().for_each(|will| will.retain = true);
    });
    cast.dying.vanish();
    assert!(
        !cast.watcher.hears(&cast.topic, "gone").retain,
        "for the one who was there"
    );
    let mut later = Peer::join(target, version, &target.unique("later"));
    later.subscribe(&cast.topic, 1);
    assert!(
        later.hears(&cast.topic, "gone").retain,
        "for the one who came later"
    );
    later.publish(0b0011, &cast.topic, "");
}

fn a_will_keeps_its_properties_and_their_order(target: &Target, version: u8) {
    let list = [
        &b"\x26\0\x01z\0\x011\x01\x01\x03\0\x04text\x26\0\x01a\0\x012"[..],
        b"\x08\0\x01r\x09\0\x01\0\x26\0\x01z\0\x013",
    ]
    .concat();
    let mut cast = Cast::gather(target, version, |connect| {
        connect
            .will
            .iter_mut()
            .for_each(|will| will.list = list.clone());
    });
    cast.dying.vanish();
    let message = cast.watcher.hears(&cast.topic, "gone");
    assert_eq!(
        message.values(0x26),
        [b"\0\x01z\0\x011", b"\0\x01a\0\x012", b"\0\x01z\0\x013"]
    );
    assert_eq!(message.values(0x01), [[1]]);
    assert_eq!(message.values(0x03), [b"text"]);
    assert_eq!(message.values(0x08), [b"r"]);
    assert_eq!(message.values(0x09), [[0]]);
}

fn a_will_is_published_once(target: &Target, version: u8) {
    let mut cast = Cast::gather(target, version, |_| {});
    cast.dying.vanish();
    cast.watcher.hears(&cast.topic, "gone");
    let mut again = cast.connect.clone();
    again.will = None;
    Peer::open(target, &again).0.vanish();
    cast.watcher.hears_no_more_from(&mut cast.other, target);
}
