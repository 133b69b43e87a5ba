//! What the gateway does not do yet is refused truthfully, so that no client waits for what will
//! not come.

use crate::support::client::Client;
use crate::support::gateway::Gateway;
use crate::support::wire::*;

#[test]
fn the_connack_says_what_is_not_available() {
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
        assert_eq!(
            told.get(&identifier),
            Some(&vec![0]),
            "{name} is told to be unavailable"
        );
    }
}

#[test]
fn a_subscribe_is_answered_with_one_refusal_for_each_filter() {
    let gateway = Gateway::start();
    for version in VERSIONS {
        let mut client = Client::connect(&gateway, version, "curious");
        client.send(&subscribe(version, 7, &["a/b", "c/d", "e/f"]));
        let suback = client.expect(SUBACK);
        assert_eq!(suback.packet_id(), 7);
        let reasons = &suback.body[suback.body.len() - 3..];
        // Version 3.1.1 has one code for failure; version 5 says "implementation specific".
        let refusal = if version == V5 { 0x83 } else { 0x80 };
        assert_eq!(reasons, [refusal; 3], "v{version}");
        client.ping();
        client.publish("curious/says", b"publishing goes on");
    }
}

#[test]
fn an_unsubscribe_is_answered() {
    let gateway = Gateway::start();
    for version in VERSIONS {
        let mut client = Client::connect(&gateway, version, "leaving");
        client.send(&unsubscribe(version, 8, &["a/b", "c/d"]));
        let unsuback = client.expect(UNSUBACK);
        assert_eq!(unsuback.packet_id(), 8);
        if version == V5 {
            // No subscription existed.
            assert_eq!(&unsuback.body[unsuback.body.len() - 2..], [0x11, 0x11]);
        }
        client.ping();
    }
}

#[test]
fn a_retained_publish_is_refused_where_the_version_has_a_word_for_it() {
    let gateway = Gateway::start();
    let mut client = Client::connect(&gateway, V5, "keeper");
    let publish = Publish {
        retain: true,
        ..Publish::qos1(1, "keep/this", b"x")
    };
    client.send(&publish.encode(V5));
    client.expect_end(&[0x9A], "retain not supported [MQTT-3.2.2-14]");
}
