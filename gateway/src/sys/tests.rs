//! The topics against what mosquitto 2.0 was seen to say, and that only changes are told.

use std::collections::BTreeMap;

use super::*;
use tributary_proto::session::Loss;

use crate::books::{Names, ShardBooks};

/// All that mosquitto 2.0.11 publishes when nothing has happened yet, but for its version.
const MOSQUITTO: &[&str] = &[
    "bytes/received",
    "bytes/sent",
    "clients/active",
    "clients/connected",
    "clients/disconnected",
    "clients/expired",
    "clients/inactive",
    "clients/maximum",
    "clients/total",
    "heap/current",
    "heap/maximum",
    "load/bytes/received/15min",
    "load/bytes/sent/1min",
    "load/connections/5min",
    "load/messages/received/1min",
    "load/messages/sent/15min",
    "load/publish/dropped/1min",
    "load/publish/received/5min",
    "load/publish/sent/15min",
    "load/sockets/1min",
    "messages/received",
    "messages/sent",
    "messages/stored",
    "publish/bytes/received",
    "publish/bytes/sent",
    "publish/messages/dropped",
    "publish/messages/received",
    "publish/messages/sent",
    "retained messages/count",
    "shared_subscriptions/count",
    "store/messages/bytes",
    "store/messages/count",
    "subscriptions/count",
    "uptime",
];

fn told(sys: &mut Sys, reading: &Reading) -> BTreeMap<String, String> {
    let mut told = BTreeMap::new();
    sys.on_interval(reading, &mut |topic, payload| {
        let name = topic.strip_prefix(ROOT).expect("it is below the root");
        let twice = told.insert(name.to_string(), payload.to_string());
        assert_eq!(twice, None, "{topic} is told twice");
    });
    told
}

#[test]
fn at_first_every_topic_that_mosquitto_has_is_told() {
    let first = told(&mut Sys::new("1.2.3"), &Reading::default());
    for name in MOSQUITTO {
        let payload = first
            .get(*name)
            .unwrap_or_else(|| panic!("{name} is not told"));
        let zero = match *name {
            "uptime" => "0 seconds",
            name if name.starts_with("load/") => "0.00",
            _ => "0",
        };
        assert_eq!(payload, zero, "{name}");
    }
    assert_eq!(first["version"], "tributary version 1.2.3");
    assert_eq!(first.len(), 2 + NUMBERS.len() + 27);
    assert!(
        first
            .keys()
            .all(|name| tributary_proto::topic::is_name(name))
    );
}

#[test]
fn only_what_changed_is_told_again() {
    let mut sys = Sys::new("1");
    let reading = Reading {
        uptime_secs: 10,
        sessions: 3,
        connected: 2,
        ..Reading::default()
    };
    told(&mut sys, &reading);
    assert_eq!(told(&mut sys, &reading), BTreeMap::new());
    let later = Reading {
        uptime_secs: 20,
        connected: 1,
        ..reading
    };
    let changed = told(&mut sys, &later);
    let expected = [
        ("clients/active", "1"),
        ("clients/connected", "1"),
        ("clients/disconnected", "2"),
        ("clients/inactive", "2"),
        ("uptime", "20 seconds"),
    ];
    let expected = expected.map(|(name, payload)| (name.to_string(), payload.to_string()));
    assert_eq!(changed, BTreeMap::from(expected));
}

#[test]
fn the_highest_is_remembered_when_it_has_gone() {
    let mut sys = Sys::new("1");
    let of = |connected, heap_bytes| Reading {
        connected,
        heap_bytes,
        ..Reading::default()
    };
    told(&mut sys, &of(5, 100));
    let fewer = told(&mut sys, &of(2, 300));
    assert!(!fewer.contains_key("clients/maximum"), "{fewer:?}");
    assert_eq!(fewer["heap/maximum"], "300");
    assert_eq!(told(&mut sys, &of(6, 1))["clients/maximum"], "6");
}

/// Figures that mosquitto 2.0.11 gave for 27 bytes received within an interval of two seconds.
#[test]
fn load_is_averaged_as_mosquitto_does() {
    let mut sys = Sys::new("1");
    told(
        &mut sys,
        &Reading {
            uptime_secs: 2,
            ..Reading::default()
        },
    );
    let received = Reading {
        uptime_secs: 4,
        bytes_received: 27,
        ..Reading::default()
    };
    let first = told(&mut sys, &received);
    let spans = |told: &BTreeMap<String, String>| {
        ["1min", "5min", "15min"]
            .map(|span| told.get(&format!("load/bytes/received/{span}")).cloned())
    };
    let say = |texts: [&str; 3]| texts.map(|text| Some(text.to_string()));
    assert_eq!(spans(&first), say(["26.55", "5.38", "1.80"]));
    let quiet = told(
        &mut sys,
        &Reading {
            uptime_secs: 6,
            ..received
        },
    );
    // mosquitto leaves the third unsaid, since it moved by less than 0.01.
    assert_eq!(spans(&quiet), say(["25.68", "5.35", "1.79"]));
}

#[test]
fn a_reading_adds_up_the_books_of_all_shards() {
    let names = Names {
        close: &["bye"],
        refusal: &["no"],
        malformed: &["length"],
        transport: &["proxy_bad_thing"],
        tls: &["not_tls"],
        bound: &["memory"],
        loss: &Loss::NAMES,
    };
    let (one, two) = (ShardBooks::new(&names), ShardBooks::new(&names));
    one.connections.add(2);
    two.connections.add(3);
    one.sessions.add(7);
    one.deliveries.add(1, 4);
    two.deliveries.add(2, 1);
    two.deliveries_dropped.add(Loss::TooLarge.index(), 6);
    one.publishes.on_received(2);
    one.publishes.settle();
    let reading = Reading::of([&one, &two], 60, 1_000);
    let expected = Reading {
        uptime_secs: 60,
        heap_bytes: 1_000,
        connected: 5,
        sessions: 7,
        publishes_sent: 5,
        publishes_dropped: 6,
        publishes_received: 1,
        ..Reading::default()
    };
    assert_eq!(reading, expected);
    assert_eq!(reading.disconnected(), 2);
}
