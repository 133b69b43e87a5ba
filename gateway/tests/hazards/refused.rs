//! What the gateway says that it can do, and what it refuses, so that no client waits for what will
//! not come.

use crate::support::client::Client;
use crate::support::gateway::Gateway;
use crate::support::wire::*;

#[test]
fn the_connack_does_not_say_that_anything_is_unavailable() {
    let gateway = Gateway::start();
    let (_client, connack) = Client::connect_to(gateway.mqtt(), Connect::new(V5, "reader"));
    let told = connack.connack_properties();
    let names = [
        (0x25, "retain"),
        (0x28, "wildcard"),
        (0x29, "subscription ids"),
        (0x2A, "shared"),
    ];
    for (identifier, name) in names {
        // Not told means available (section 3.2.2.3).
        let value = told.get(&identifier);
        assert!(value.is_none_or(|value| value == &[1]), "{name}: {value:?}");
    }
}

#[test]
fn a_subscribe_is_answered_with_one_reason_for_each_filter() {
    let gateway = Gateway::start();
    for version in VERSIONS {
        let mut client = Client::connect(&gateway, version, "curious");
        client.send(&subscribe(version, 7, &["a/b", "c/+", "#"]));
        let suback = client.expect(SUBACK);
        assert_eq!(suback.packet_id(), 7);
        let reasons = &suback.body[suback.body.len() - 3..];
        assert_eq!(reasons, [0; 3], "v{version}");
        client.ping();
    }
}

#[test]
fn an_unsubscribe_is_answered() {
    let gateway = Gateway::start();
    for version in VERSIONS {
        let mut client = Client::connect(&gateway, version, "leaving");
        client.send(&subscribe(version, 7, &["a/b"]));
        client.expect(SUBACK);
        client.send(&unsubscribe(version, 8, &["a/b", "c/d"]));
        let unsuback = client.expect(UNSUBACK);
        assert_eq!(unsuback.packet_id(), 8);
        if version == V5 {
            // The second subscription never existed.
            assert_eq!(&unsuback.body[unsuback.body.len() - 2..], [0, 0x11]);
        }
        client.ping();
    }
}

#[test]
fn only_the_server_speaks_under_sys() {
    let gateway = Gateway::start();
    for version in VERSIONS {
        let mut listener = Client::connect(&gateway, version, "listener");
        assert_eq!(listener.subscribe("$SYS/mine", 1), 1);
        let mut client = Client::connect(&gateway, version, "pretender");
        let publish = Publish::qos1(1, "$SYS/mine", b"x");
        client.send(&publish.encode(version));
        let puback = client.expect(PUBACK);
        // Not authorized, where the version has a word for it.
        let refusal = if version == V5 { 0x87 } else { 0 };
        assert_eq!(puback.reason(), refusal, "v{version}");
        listener.ping();
    }
}
