//! Bounds that both sides set: how many at once, how large, how silent, under which alias.

use super::{plays, two};
use crate::connect::Connect;
use crate::peer::{Peer, acknowledge};
use crate::target::Target;
use crate::wire::*;

plays! {
    ONLY_5 "MQTT-3.3.4-9, MQTT-4.9.0-1, MQTT-4.9.0-2" no_more_is_under_way_than_the_client_takes,
    ONLY_5 "MQTT-4.9.0-3, MQTT-3.3.4-10" a_full_window_stops_nothing_but_messages,
    ONLY_5 "MQTT-3.3.4-7, 4.9" more_than_the_server_takes_ends_the_connection,
    ONLY_5 "MQTT-3.1.2-24, MQTT-3.1.2-25" a_message_too_large_for_the_client_is_left_out,
    ONLY_5 "MQTT-3.2.2-19, MQTT-3.4.2-2, MQTT-3.9.2-1" nothing_the_server_says_is_too_large,
    ONLY_5 "MQTT-3.2.2-15" a_packet_too_large_for_the_server_ends_the_connection,
    ONLY_5 "MQTT-3.1.2-26, MQTT-3.3.2-11, MQTT-3.3.2-10" aliases_of_the_server_stay_within_bounds,
    ONLY_5 "MQTT-3.1.2-27" a_client_that_takes_no_alias_gets_none,
    ONLY_5 "MQTT-3.3.2-9, MQTT-3.2.2-17, MQTT-3.3.2-12" client_aliases_are_taken_up_to_the_maximum,
    ALL "MQTT-3.1.2-22, MQTT-3.1.2-24" a_silent_client_is_thrown_out,
    ALL "MQTT-3.1.2-23, MQTT-3.12.4-1" a_client_that_pings_stays,
    ONLY_5 "MQTT-3.1.2-28" without_asking_no_response_information_comes,
    ONLY_5 "MQTT-3.1.2-29" without_problem_information_no_reason_string_comes,
    ONLY_5 "MQTT-3.2.2-9, 3.2.2.3" what_the_welcome_says_is_available,
    OASIS "MQTT-3.2.0-1, MQTT-3.1.4-5" packets_behind_the_connect_are_answered_behind_the_connack,
    ALL "4.2" packets_may_come_byte_by_byte,
}

fn no_more_is_under_way_than_the_client_takes(target: &Target, version: u8) {
    for (window, qos) in [(1, 1), (2, 1), (2, 2)] {
        let mut connect = Connect::new(version, &target.unique("narrow"));
        connect.list = vec![0x21, 0, window];
        let (mut subscriber, _) = Peer::open(target, &connect);
        let topic = target.unique("narrow");
        subscriber.subscribe(&topic, qos);
        let mut publisher = Peer::join(target, version, &target.unique("wide"));
        for number in 0..6 {
            publisher.publish(qos << 1, &topic, &number.to_string());
        }
        publisher.publish(0b0000, &topic, "of no quality");
        let mut held: Vec<_> = (0..window).map(|_| subscriber.take_message()).collect();
        for number in 0..6 {
            subscriber.ping();
            assert_eq!(
                subscriber.untaken_count(),
                0,
                "{window} at QoS {qos}, after {number}"
            );
            let message = held.remove(0);
            assert_eq!(message.text(), number.to_string());
            match qos {
                1 => subscriber.send(&acknowledge(0x40, message.id)),
                _ => {
                    subscriber.send(&acknowledge(0x50, message.id));
                    subscriber.expect(PUBREL);
                    subscriber.send(&acknowledge(0x70, message.id));
                }
            }
            if number + i32::from(window) < 6 {
                let mut next = subscriber.take_message();
                if next.qos == 0 {
                    next = subscriber.take_message();
                }
                held.push(next);
            }
        }
    }
}

fn a_full_window_stops_nothing_but_messages(target: &Target, version: u8) {
    let mut connect = Connect::new(version, &target.unique("full"));
    connect.list = vec![0x21, 0, 1];
    let (mut subscriber, _) = Peer::open(target, &connect);
    let mut publisher = Peer::join(target, version, &target.unique("fills"));
    let topic = target.unique("full");
    subscriber.subscribe(&topic, 1);
    publisher.publish(0b0010, &topic, "one");
    publisher.publish(0b0010, &topic, "two");
    let one = subscriber.take_message();
    subscriber.ping();
    assert_eq!(subscriber.untaken_count(), 0, "one too many is under way");
    subscriber.subscribe(&target.unique("more"), 1);
    subscriber.unsubscribe(&topic);
    subscriber.publish(0b0010, &target.unique("own"), "x");
    subscriber.publish(0b0100, &target.unique("own"), "x");
    subscriber.send(&acknowledge(0x40, one.id));
    subscriber.hears(&topic, "two");
}

fn more_than_the_server_takes_ends_the_connection(target: &Target, version: u8) {
    let connect = Connect::new(version, &target.unique("greedy"));
    let (mut publisher, connack) = Peer::open(target, &connect);
    let Some(window) = connack.property(0x21) else {
        return; // 65,535, as many as there are ids: nobody can send more.
    };
    let window = u16::from_be_bytes([window[0], window[1]]);
    let topic = target.unique("greedy");
    for id in 1..=window {
        publisher.send(&publish(version, 0b0100, topic.as_bytes(), id, &[], b"x"));
        publisher.expect(PUBREC);
    }
    publisher.send(&publish(
        version,
        0b0100,
        topic.as_bytes(),
        window + 1,
        &[],
        b"x",
    ));
    publisher.expect_end(&[0x93]);
}

fn a_message_too_large_for_the_client_is_left_out(target: &Target, version: u8) {
    let mut connect = Connect::new(version, &target.unique("small"));
    connect.list = vec![0x27, 0, 0, 0, 200];
    let (mut subscriber, _) = Peer::open(target, &connect);
    let mut publisher = Peer::join(target, version, &target.unique("large"));
    let topic = target.unique("size");
    subscriber.subscribe(&topic, 2);
    // First byte, two bytes of length, topic, id, properties' length: the rest is payload.
    let fits = 200 - 3 - (2 + topic.len()) - 2 - 1;
    for qos in 0..3 {
        let spare = if qos == 0 { 2 } else { 0 };
        for bytes in [fits + spare + 1, fits + spare, 10_000] {
            publisher.publish_with(qos << 1, &topic, &[], &vec![b'x'; bytes]);
        }
        let message = subscriber.message();
        assert_eq!((message.payload.len(), message.qos), (fits + spare, qos));
    }
    subscriber.hears_no_more_from(&mut publisher, target);
}

fn nothing_the_server_says_is_too_large(target: &Target, version: u8) {
    const LONGEST: u8 = 48;
    let mut connect = Connect::new(version, &target.unique("terse"));
    connect.list = vec![0x27, 0, 0, 0, LONGEST];
    let (mut peer, connack) = Peer::open(target, &connect);
    assert!(
        connack.body.len() + 2 <= usize::from(LONGEST),
        "{connack:x?}"
    );
    let topic = target.unique("terse");
    let asked = [
        (subscribe(version, 1, &[], &[("$share/terse/x", 2)]), SUBACK),
        (unsubscribe(version, 2, &[], &["terse/none"]), UNSUBACK),
        (
            publish(version, 0b0010, topic.as_bytes(), 3, &[], b"x"),
            PUBACK,
        ),
        (
            publish(version, 0b0100, topic.as_bytes(), 4, &[], b"x"),
            PUBREC,
        ),
        (acknowledge(0x62, 4), PUBCOMP),
        (acknowledge(0x62, 99), PUBCOMP),
        (acknowledge(0x50, 99), PUBREL),
        (publish(version, 0b0010, b"a/#", 5, &[], b"x"), DISCONNECT),
    ];
    for (bytes, kind) in asked {
        peer.send(&bytes);
        let answer = peer.expect(kind);
        assert!(answer.body.len() + 2 <= usize::from(LONGEST), "{answer:x?}");
    }
}

fn a_packet_too_large_for_the_server_ends_the_connection(target: &Target, version: u8) {
    let connect = Connect::new(version, &target.unique("huge"));
    let (mut publisher, connack) = Peer::open(target, &connect);
    let Some(longest) = connack.property(0x27) else {
        return; // As large as a packet can be.
    };
    let longest = u32::from_be_bytes(longest.try_into().expect("four bytes"));
    // The front says how large it would be; the rest need not come.
    let mut front = vec![0x30];
    front.extend(varint(longest as usize));
    front.extend(text(b"huge"));
    publisher.send_unless_closed(&front);
    publisher.expect_end(&[0x95]);
}

fn aliases_of_the_server_stay_within_bounds(target: &Target, version: u8) {
    let mut connect = Connect::new(version, &target.unique("aliases"));
    connect.list = vec![0x22, 0, 3];
    let (mut subscriber, _) = Peer::open(target, &connect);
    let mut publisher = Peer::join(target, version, &target.unique("long/names"));
    let root = target.unique("alias");
    subscriber.subscribe(&format!("{root}/+"), 1);
    let mut known: [String; 4] = Default::default();
    for round in 0..3 {
        for number in 0..5 {
            let name = format!("{root}/{number}");
            publisher.publish(0b0010, &name, &round.to_string());
            let message = subscriber.message();
            let alias = match message.values(0x23)[..] {
                [] => 0,
                [value] => usize::from(u16::from_be_bytes([value[0], value[1]])),
                _ => panic!("one alias at most: {message:?}"),
            };
            assert!(alias <= 3, "the client takes three: {message:?}");
            if !message.topic.is_empty() {
                known[alias] = message.topic.clone();
            }
            let topic = if alias == 0 {
                &message.topic
            } else {
                &known[alias]
            };
            assert_eq!(*topic, name, "{message:?}");
        }
    }
}

fn a_client_that_takes_no_alias_gets_none(target: &Target, version: u8) {
    let (mut publisher, mut subscriber) = two(target, version);
    let topic = target.unique("no/alias");
    subscriber.subscribe(&topic, 1);
    for _ in 0..5 {
        publisher.publish_with(0b0010, &topic, &[0x23, 0, 1], b"x");
        assert_eq!(subscriber.hears(&topic, "x").values(0x23), [[0; 2]; 0]);
    }
}

fn client_aliases_are_taken_up_to_the_maximum(target: &Target, version: u8) {
    let connect = Connect::new(version, &target.unique("up/to"));
    let (mut publisher, connack) = Peer::open(target, &connect);
    let mut subscriber = Peer::join(target, version, &target.unique("reads"));
    let root = target.unique("up/to");
    subscriber.subscribe(&format!("{root}/+"), 1);
    let maximum = connack
        .property(0x22)
        .map_or(0, |max| u16::from_be_bytes([max[0], max[1]]));
    for alias in [1, maximum].into_iter().filter(|alias| *alias > 0) {
        let [high, low] = alias.to_be_bytes();
        let topic = format!("{root}/{alias}");
        publisher.publish_with(0b0010, &topic, &[0x23, high, low], b"named");
        publisher.publish_with(0b0010, "", &[0x23, high, low], b"by alias");
        subscriber.hears(&topic, "named");
        subscriber.hears(&topic, "by alias");
    }
    if let Some(beyond) = maximum.checked_add(1) {
        let [high, low] = beyond.to_be_bytes();
        publisher.send(&publish(version, 0b0010, b"a", 9, &[0x23, high, low], b"x"));
        publisher.expect_end(&[0x94]);
    }
}

fn a_silent_client_is_thrown_out(target: &Target, version: u8) {
    let mut connect = Connect::new(version, &target.unique("silent"));
    connect.keep_alive_secs = 1;
    let (mut silent, _) = Peer::open(target, &connect);
    silent.expect_end(&[0x8D]);
}

fn a_client_that_pings_stays(target: &Target, version: u8) {
    let mut connect = Connect::new(version, &target.unique("pings"));
    connect.keep_alive_secs = 4;
    let (mut pings, _) = Peer::open(target, &connect);
    for _ in 0..5 {
        // At least a second and a half each time, which makes more than six.
        super::pass_secs(target, 1);
        pings.ping();
    }
}

fn without_asking_no_response_information_comes(target: &Target, version: u8) {
    for list in [vec![], vec![0x19, 0]] {
        let mut connect = Connect::new(version, &target.unique("response"));
        connect.list = list;
        assert_eq!(Peer::open(target, &connect).1.property(0x1A), None);
    }
}

fn without_problem_information_no_reason_string_comes(target: &Target, version: u8) {
    let mut connect = Connect::new(version, &target.unique("terse"));
    connect.list = vec![0x17, 0];
    let (mut terse, _) = Peer::open(target, &connect);
    terse.send(&subscribe(version, 1, &[], &[("$share/g/terse", 1)]));
    let suback = terse.expect(SUBACK);
    assert_eq!(suback.body[2], 0, "no properties: {suback:x?}");
    terse.send(&unsubscribe(version, 2, &[], &["terse/none"]));
    let unsuback = terse.expect(UNSUBACK);
    assert_eq!(unsuback.body[2], 0, "no properties: {unsuback:x?}");
    terse.send(&acknowledge(0x62, 3));
    let pubcomp = terse.expect(PUBCOMP);
    assert!(
        pubcomp.body.get(3).is_none_or(|length| *length == 0),
        "{pubcomp:x?}"
    );
}

fn what_the_welcome_says_is_available(target: &Target, version: u8) {
    let connect = Connect::new(version, &target.unique("welcome"));
    let (_peer, connack) = Peer::open(target, &connect);
    let mut seen = Vec::new();
    for (id, value) in connack.properties() {
        assert!(id == 0x26 || !seen.contains(&id), "{id:#04x} twice");
        seen.push(id);
        match id {
            0x24 => panic!("every quality of service is there: {value:x?}"),
            0x25 | 0x28 | 0x29 | 0x2A => assert_eq!(value, [1], "{id:#04x} is available"),
            0x21 => assert_ne!(value, [0, 0], "receive maximum"),
            0x27 => assert_ne!(value, [0; 4], "maximum packet size"),
            0x11 | 0x12 | 0x13 | 0x1F | 0x22 | 0x26 => {}
            other => panic!("{other:#04x} was not asked for"),
        }
    }
}

fn packets_behind_the_connect_are_answered_behind_the_connack(target: &Target, version: u8) {
    let mut eager = Peer::dial(target, version);
    let topic = target.unique("eager");
    let connect = Connect::new(version, &target.unique("eager")).encode();
    let ask = subscribe(version, 1, &[], &[(&topic, 1)]);
    let say = publish(version, 0, topic.as_bytes(), 0, &[], b"x");
    eager.send(&[connect, ask, say, PINGREQ_BYTES.to_vec()].concat());
    let kinds: Vec<u8> = (0..2)
        .map(|_| eager.packet().expect("an answer").kind())
        .collect();
    assert_eq!(kinds, [CONNACK, SUBACK]);
    eager.expect(PINGRESP);
    eager.hears(&topic, "x");
}

fn packets_may_come_byte_by_byte(target: &Target, version: u8) {
    let mut slow = Peer::dial(target, version);
    let connect = Connect::new(version, &target.unique("slow")).encode();
    let say = publish(version, 0b0010, b"byte/by/byte", 9, &[], b"payload");
    for byte in connect.iter().chain(&say) {
        slow.send(&[*byte]);
    }
    slow.expect(CONNACK);
    assert_eq!(slow.expect(PUBACK).id(), 9);
    slow.ping();
}
