//! Sessions: who has one, what is in it, when it ends, who takes it over.

use super::{pass_secs, plays, secs};
use crate::connect::Connect;
use crate::peer::Peer;
use crate::target::Target;
use crate::wire::*;

plays! {
    OASIS "MQTT-3.2.2-1, MQTT-3.2.2-2, MQTT-3.2.2-3" session_present_says_whether_there_was_one,
    OASIS "MQTT-3.1.2-4, MQTT-3.1.2-6" a_clean_start_forgets_what_was,
    ALL "MQTT-3.1.2-5, MQTT-4.5.0-1" what_came_meanwhile_is_delivered_in_order,
    ALL "MQTT-3.1.2-6" a_clean_session_ends_with_its_connection,
    OASIS "MQTT-3.1.4-2, MQTT-3.1.4-3" a_newcomer_takes_over_the_client_id,
    OASIS "MQTT-3.1.4-2, 4.1" a_newcomer_takes_over_the_session_too,
    ONLY_5 "MQTT-4.1.0-2" a_session_ends_when_its_time_is_over,
    ONLY_5 "3.14.2.2.2" a_disconnect_may_change_when_the_session_ends,
    ONLY_5 "MQTT-3.1.3-6, MQTT-3.1.3-7, MQTT-3.2.2-16" an_assigned_client_id_is_unique_and_lasts,
    OASIS "MQTT-3.1.3-6" two_clients_without_an_id_are_two,
    OASIS "MQTT-3.10.4-1" a_subscription_taken_back_stays_away,
    OASIS "MQTT-3.1.3-2" client_ids_differ_by_case,
}

fn session_present_says_whether_there_was_one(target: &Target, version: u8) {
    let lasting = Connect::lasting(version, &target.unique("present"));
    for expected in [false, true, true] {
        let (peer, connack) = Peer::open(target, &lasting);
        assert_eq!(connack.session_present(), expected);
        peer.leave();
    }
    let clean = Connect {
        clean: true,
        ..lasting.clone()
    };
    let (peer, connack) = Peer::open(target, &clean);
    assert!(
        !connack.session_present(),
        "a clean start has none [MQTT-3.2.2-2]"
    );
    peer.leave();
    // MQTT 5 keeps what a clean start began; before, a clean session is clean at its end too.
    let (peer, connack) = Peer::open(target, &lasting);
    assert_eq!(connack.session_present(), version == V5);
    peer.leave();
}

fn a_clean_start_forgets_what_was(target: &Target, version: u8) {
    let lasting = Connect::lasting(version, &target.unique("forgets"));
    let topic = target.unique("forgets");
    let (mut subscriber, _) = Peer::open(target, &lasting);
    subscriber.subscribe(&topic, 1);
    subscriber.leave();
    let mut publisher = Peer::join(target, version, &target.unique("meanwhile"));
    publisher.publish(0b0010, &topic, "queued");
    let clean = Connect {
        clean: true,
        ..lasting
    };
    let (mut subscriber, _) = Peer::open(target, &clean);
    publisher.publish(0b0010, &topic, "no subscription");
    subscriber.hears_no_more_from(&mut publisher, target);
}

fn what_came_meanwhile_is_delivered_in_order(target: &Target, version: u8) {
    let lasting = Connect::lasting(version, &target.unique("queue"));
    let topic = target.unique("queue");
    let (mut subscriber, _) = Peer::open(target, &lasting);
    subscriber.subscribe(&topic, 2);
    subscriber.subscribe(&format!("{topic}/+"), 1);
    subscriber.leave();
    let mut publisher = Peer::join(target, version, &target.unique("meanwhile"));
    for number in 0..10 {
        publisher.publish(0b0100, &topic, &number.to_string());
        publisher.publish(0b0100, &format!("{topic}/x"), &number.to_string());
    }
    let (mut subscriber, connack) = Peer::open(target, &lasting);
    assert!(version == V31 || connack.session_present(), "{connack:x?}");
    let messages: Vec<_> = (0..20).map(|_| subscriber.message()).collect();
    for (name, qos) in [(topic.clone(), 2), (format!("{topic}/x"), 1)] {
        let of_topic = messages.iter().filter(|message| message.topic == name);
        let heard: Vec<_> = of_topic
            .map(|message| (message.text(), message.qos))
            .collect();
        let wanted: Vec<_> = (0..10).map(|number| (number.to_string(), qos)).collect();
        assert_eq!(heard, wanted);
    }
    subscriber.leave();
}

fn a_clean_session_ends_with_its_connection(target: &Target, version: u8) {
    let id = target.unique("ends");
    let topic = target.unique("ends");
    let mut subscriber = Peer::join(target, version, &id);
    subscriber.subscribe(&topic, 1);
    subscriber.leave();
    let mut publisher = Peer::join(target, version, &target.unique("meanwhile"));
    publisher.publish(0b0010, &topic, "nobody");
    let again = Connect {
        clean: false,
        ..Connect::new(version, &id)
    };
    let (mut subscriber, connack) = Peer::open(target, &again);
    assert!(!connack.session_present(), "{connack:x?}");
    subscriber.hears_no_more_from(&mut publisher, target);
    subscriber.leave();
}

fn a_newcomer_takes_over_the_client_id(target: &Target, version: u8) {
    let id = target.unique("twin");
    let mut first = Peer::join(target, version, &id);
    first.ping();
    let mut second = Peer::join(target, version, &id);
    first.expect_end(&[0x8E]);
    second.ping();
}

fn a_newcomer_takes_over_the_session_too(target: &Target, version: u8) {
    let lasting = Connect::lasting(version, &target.unique("heir"));
    let topic = target.unique("heir");
    let (mut first, _) = Peer::open(target, &lasting);
    first.subscribe(&topic, 1);
    let (mut second, connack) = Peer::open(target, &lasting);
    assert!(connack.session_present(), "{connack:x?}");
    first.expect_end(&[0x8E]);
    let mut publisher = Peer::join(target, version, &target.unique("after"));
    publisher.publish(0b0010, &topic, "to the heir");
    second.hears(&topic, "to the heir");
    second.leave();
}

fn a_session_ends_when_its_time_is_over(target: &Target, version: u8) {
    let short = Connect {
        list: secs(0x11, 1),
        ..Connect::lasting(version, &target.unique("short"))
    };
    let endless = Connect {
        list: secs(0x11, u32::MAX),
        ..Connect::lasting(version, &target.unique("endless"))
    };
    Peer::open(target, &short).0.leave();
    Peer::open(target, &endless).0.leave();
    pass_secs(target, 2);
    assert!(
        !Peer::open(target, &short).1.session_present(),
        "its second is over"
    );
    assert!(
        Peer::open(target, &endless).1.session_present(),
        "it has no end"
    );
}

fn a_disconnect_may_change_when_the_session_ends(target: &Target, version: u8) {
    let lasting = Connect::lasting(version, &target.unique("changed"));
    let (mut peer, _) = Peer::open(target, &lasting);
    // From an hour to nothing: the session is over with the connection.
    peer.send(&frame(0xE0, &[&[0, 5][..], &secs(0x11, 0)].concat()));
    assert_eq!(peer.packet(), None);
    let (mut peer, connack) = Peer::open(target, &lasting);
    assert!(!connack.session_present(), "{connack:x?}");
    peer.send(&frame(0xE0, &[&[0, 5][..], &secs(0x11, 7200)].concat()));
    assert_eq!(peer.packet(), None);
    assert!(
        Peer::open(target, &lasting).1.session_present(),
        "two hours are not over"
    );
}

fn an_assigned_client_id_is_unique_and_lasts(target: &Target, version: u8) {
    let nameless = Connect::lasting(version, "");
    let assigned = |connack: &Packet| {
        let value = connack
            .property(0x12)
            .expect("the CONNACK says which id it is");
        String::from_utf8(value).expect("an id is a string")
    };
    let (first, connack) = Peer::open(target, &nameless);
    let (_second, other) = Peer::open(target, &nameless);
    let id = assigned(&connack);
    assert_ne!(id, assigned(&other));
    first.leave();
    let (mut again, connack) = Peer::open(target, &Connect::lasting(version, &id));
    assert!(connack.session_present(), "the session of {id}");
    assert_eq!(connack.property(0x12), None, "nothing was assigned to it");
    again.ping();
}

fn two_clients_without_an_id_are_two(target: &Target, version: u8) {
    let (mut first, mut second) = (
        Peer::join(target, version, ""),
        Peer::join(target, version, ""),
    );
    first.ping();
    second.ping();
    first.ping();
}

fn a_subscription_taken_back_stays_away(target: &Target, version: u8) {
    let lasting = Connect::lasting(version, &target.unique("away"));
    let topic = target.unique("away");
    let (mut subscriber, _) = Peer::open(target, &lasting);
    subscriber.subscribe(&topic, 1);
    subscriber.unsubscribe(&topic);
    subscriber.leave();
    let (mut subscriber, _) = Peer::open(target, &lasting);
    let mut publisher = Peer::join(target, version, &target.unique("after"));
    publisher.publish(0b0010, &topic, "nobody");
    subscriber.hears_no_more_from(&mut publisher, target);
    subscriber.leave();
}

fn client_ids_differ_by_case(target: &Target, version: u8) {
    let id = target.unique("case");
    let (mut small, mut large) = (
        Peer::join(target, version, &id),
        Peer::join(target, version, &id.to_uppercase()),
    );
    small.ping();
    large.ping();
    small.ping();
}
