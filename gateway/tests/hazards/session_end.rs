//! When a session ends: by its expiry, as it was asked for at first or changed in DISCONNECT, by a
//! clean start, and never before.
//!
//! That time has passed is seen by a will whose delay is longer than the session: it is published
//! when the session ends [section 3.1.3.2.2].

use crate::support::client::Client;
use crate::support::gateway::{Gateway, Launch};
use crate::support::property::*;
use crate::support::subscriber::{LASTING_SECS, LOCAL_ONLY};
use crate::support::wire::*;

fn connect(gateway: &Gateway, expiry_secs: u32) -> (Client, bool) {
    let expiry = four(SESSION_EXPIRY, expiry_secs);
    let connect = Connect {
        clean: false,
        properties: &expiry,
        ..Connect::new(V5, "passing")
    };
    let (client, connack) = Client::connect_to(gateway.mqtt(), connect);
    (client, connack.body[0] & 1 != 0)
}

/// Connects with a will that only the end of the session can publish soon.
fn connect_with_bell(gateway: &Gateway, expiry_secs: u32) -> Client {
    let expiry = four(SESSION_EXPIRY, expiry_secs);
    let delay = four(WILL_DELAY, LASTING_SECS);
    let will = Will {
        topic: "bell",
        payload: b"the session has ended",
        qos: 1,
        retain: false,
        properties: &delay,
    };
    let connect = Connect {
        clean: false,
        properties: &expiry,
        will: Some(will),
        ..Connect::new(V5, "passing")
    };
    Client::connect_to(gateway.mqtt(), connect).0
}

fn listener(gateway: &Gateway) -> Client {
    Client::connect(gateway, V5, "listener").subscribed("bell", 1)
}

#[test]
fn a_session_lasts_over_every_end_of_a_connection_but_not_over_a_clean_start() {
    let gateway = Launch::default().config(LOCAL_ONLY).start();
    for version in VERSIONS {
        let (client, present) = Client::resume(&gateway, version, "lasting");
        assert!(!present, "the first has none");
        client.subscribed("lasting/in", 1).leave(0, &[]);
        let (client, present) = Client::resume(&gateway, version, "lasting");
        // Version 3.1 has no word for it.
        assert_eq!(
            present,
            version != V31,
            "after DISCONNECT, version {version}"
        );
        client.reset();
        let (mut client, present) = Client::resume(&gateway, version, "lasting");
        assert_eq!(present, version != V31, "after a reset, version {version}");
        client.announce(Publish::qos1(
            0,
            "lasting/in",
            b"the subscription is there too",
        ));
        client.receive();
        let (mut clean, connack) =
            Client::connect_to(gateway.mqtt(), Connect::new(version, "lasting"));
        assert_eq!(connack.body[0], 0, "[MQTT-3.1.4-4]");
        clean.announce(Publish::qos1(0, "lasting/in", b"no subscription is left"));
        clean.ping();
        assert_eq!(clean.kept().count(), 0);
        clean.leave(0, &[]);
        let (client, present) = Client::resume(&gateway, version, "lasting");
        assert!(!present, "a clean session before it has left nothing");
        client.leave(0, &[]);
        drop(Client::connect(&gateway, version, "lasting"));
    }
}

#[test]
fn an_expiry_of_zero_in_disconnect_ends_the_session_at_once() {
    let gateway = Launch::default().config(LOCAL_ONLY).start();
    let (client, _) = connect(&gateway, LASTING_SECS);
    client.leave(0, &four(SESSION_EXPIRY, 0));
    assert!(!connect(&gateway, LASTING_SECS).1, "section 3.14.2.2.2");
}

#[test]
fn an_expiry_given_in_disconnect_counts_instead_of_the_first() {
    let gateway = Launch::default().config(LOCAL_ONLY).start();
    let mut listener = listener(&gateway);
    let client = connect_with_bell(&gateway, LASTING_SECS);
    // 0x04: the will is to be published all the same.
    client.leave(0x04, &four(SESSION_EXPIRY, 1));
    assert_eq!(listener.receive().payload, b"the session has ended");
    assert!(!connect(&gateway, 1).1, "it was cut to one second");
    let (client, _) = connect(&gateway, 1);
    client.leave(0, &four(SESSION_EXPIRY, LASTING_SECS));
    // A session of one second that ends later shows that this one would have ended too.
    let expiry = four(SESSION_EXPIRY, 1);
    let delay = four(WILL_DELAY, LASTING_SECS);
    let will = Will {
        topic: "bell",
        payload: b"a second has passed",
        qos: 1,
        retain: false,
        properties: &delay,
    };
    let clock = Connect {
        properties: &expiry,
        will: Some(will),
        ..Connect::new(V5, "clock")
    };
    Client::connect_to(gateway.mqtt(), clock).0.reset();
    assert_eq!(listener.receive().payload, b"a second has passed");
    assert!(connect(&gateway, 1).1, "it was made longer");
}

#[test]
fn an_expiry_asked_for_in_disconnect_after_none_at_first_is_a_protocol_error() {
    let gateway = Launch::default().config(LOCAL_ONLY).start();
    let (mut client, _) = connect(&gateway, 0);
    client.send(&disconnect(V5, 0, &four(SESSION_EXPIRY, 60)));
    client.expect_end(
        &[0x82],
        "a session of no length cannot be made longer [3.14.2.2.2]",
    );
    assert!(!connect(&gateway, 0).1);
}

#[test]
fn a_session_is_gone_when_its_time_is_over() {
    let gateway = Launch::default().config(LOCAL_ONLY).start();
    let mut listener = listener(&gateway);
    connect_with_bell(&gateway, 1).reset();
    assert_eq!(listener.receive().payload, b"the session has ended");
    // It stays, or it would end as well.
    let (_again, present) = connect(&gateway, 1);
    assert!(!present);
    let metrics = gateway.metrics();
    assert_eq!(metrics.sum("tributary_sessions_expired_total"), 1.0);
}

#[test]
fn a_session_that_came_back_in_time_begins_its_expiry_anew() {
    let gateway = Launch::default().config(LOCAL_ONLY).start();
    let mut listener = listener(&gateway);
    for _ in 0..3 {
        connect_with_bell(&gateway, 60).reset();
    }
    assert!(
        connect(&gateway, LASTING_SECS).1,
        "three ends, and none was the last"
    );
    let (mut clock, _) = Client::resume(&gateway, V5, "listener-2");
    clock.announce(Publish::qos1(0, "bell", b"last"));
    assert_eq!(
        listener.receive_until(b"last"),
        [],
        "each will was taken back [MQTT-3.1.3-9]"
    );
}

#[test]
fn the_longest_expiry_of_the_server_is_told_and_held() {
    let config = format!("{LOCAL_ONLY}[mqtt]\nsession_expiry_secs_max = 1\n");
    let gateway = Launch::default().config(&config).start();
    let mut listener = listener(&gateway);
    let expiry = four(SESSION_EXPIRY, u32::MAX);
    let connect_forever = Connect {
        properties: &expiry,
        ..Connect::new(V5, "forever")
    };
    let (_, connack) = Client::connect_to(gateway.mqtt(), connect_forever);
    let told = connack.connack_properties();
    assert_eq!(
        told.get(&SESSION_EXPIRY),
        Some(&vec![0, 0, 0, 1]),
        "section 3.2.2.3.2"
    );
    connect_with_bell(&gateway, u32::MAX).reset();
    assert_eq!(listener.receive().payload, b"the session has ended");
    assert!(!connect(&gateway, 1).1);
}
