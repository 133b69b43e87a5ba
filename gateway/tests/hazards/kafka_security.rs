//! Kafka behind TLS and logins: every way in carries records, a wrong one is named and acknowledges
//! nothing, and no secret is told to anyone.

use crate::support::client::Client;
use crate::support::gateway::{CONTROL_PATHS, Gateway};
use crate::support::kafka::{RealKafka, read_topic};
use crate::support::way::{MTLS, PASSWORD, SSL, USER, Way};
use crate::support::wire::*;
use crate::support::{DEADLINE, ask_until};
use std::path::PathBuf;

/// Of the cluster's own stores of keys.
const STORE_PASSWORD: &str = "changeit";

fn client_keys(kafka: &RealKafka) -> PathBuf {
    kafka.file("client.p12")
}

/// Nothing that the gateway says to anyone has a secret in it.
fn assert_discreet(gateway: &Gateway) {
    let mut said = gateway.whole_log();
    for path in CONTROL_PATHS {
        said += &gateway.ask(path);
    }
    for secret in [PASSWORD, STORE_PASSWORD] {
        assert!(!said.contains(secret), "{secret} is told");
    }
}

#[test]
fn every_mechanism_and_every_kind_of_tls_carries_records_that_are_read_back() {
    const COUNT: usize = 20;
    let kafka = RealKafka::start_with(&["--tls"]);
    let keys = client_keys(&kafka).display().to_string();
    let login = |mechanism| Way::login(&kafka, mechanism, USER, PASSWORD);
    let ways = [
        ("plain", login("PLAIN").with("compression.type", "lz4")),
        (
            "scram-256",
            login("SCRAM-SHA-256").with_password_file(&kafka),
        ),
        (
            "scram-512",
            login("SCRAM-SHA-512").with("compression.type", "zstd"),
        ),
        (
            "tls",
            Way::tls(SSL, &kafka).with("compression.type", "gzip"),
        ),
        (
            "client-certificate",
            Way::tls(MTLS, &kafka)
                .with("ssl.keystore.location", &keys)
                .with("ssl.keystore.password", STORE_PASSWORD),
        ),
    ];
    for (name, way) in ways {
        // librdkafka tells its whole configuration then.
        let gateway = way.with("debug", "conf,security").start(&kafka, "");
        let mut device = Client::connect(&gateway, V5, name);
        for number in 0..COUNT {
            device.publish("secure/says", number.to_string().as_bytes());
        }
        assert_untroubled(&gateway, name);
        assert!(
            gateway.whole_log().contains("ssl.ca.location"),
            "librdkafka tells it"
        );
        assert_discreet(&gateway);
        let records = read_topic(&kafka.bootstrap(), "mqtt");
        let of_way = records
            .iter()
            .filter(|record| record.key == name.as_bytes());
        let values: Vec<_> = of_way.map(|record| record.value.clone()).collect();
        let sent: Vec<_> = (0..COUNT)
            .map(|number| number.to_string().into_bytes())
            .collect();
        assert!(values == sent, "{name}: {} of {COUNT}", values.len());
    }
}

/// Trouble is forgotten soon after the lane is up.
fn assert_untroubled(gateway: &Gateway, name: &str) {
    let is_over = || {
        let ready = gateway.ask("/readyz");
        ready.contains("\"trouble\":null").then_some(())
    };
    let over = ask_until(DEADLINE, is_over);
    over.unwrap_or_else(|| panic!("{name}: {}", gateway.ask("/readyz")));
}

/// A gateway that cannot get in, and a device that waits for it.
fn refused(kafka: &RealKafka, way: &Way, error: &str, remedy: &str) -> (Gateway, Client) {
    let gateway = way.start(kafka, "");
    let mut device = Client::connect(&gateway, V5, "device");
    device.send(&Publish::qos1(1, "secure/says", b"x").encode(V5));
    let wanted = format!("\"trouble\":{{\"error\":\"{error}\"");
    let ready = ask_until(DEADLINE, || {
        let ready = gateway.ask("/readyz");
        let is_told = ready.contains(&wanted) && ready.contains("\"state\":\"down\"");
        is_told.then_some(ready)
    });
    let ready = ready.unwrap_or_else(|| panic!("no {wanted}: {}", gateway.ask("/readyz")));
    assert!(ready.contains(remedy), "{ready}");
    gateway.wait_for_line(&["trouble with Kafka", error, remedy]);
    assert_discreet(&gateway);
    device.ping();
    let acknowledged = gateway
        .metrics()
        .sum("tributary_publishes_acknowledged_total");
    assert_eq!(acknowledged, 0.0);
    (gateway, device)
}

#[test]
fn a_wrong_login_or_certificate_is_named_with_its_remedy_until_it_is_right() {
    let kafka = RealKafka::start_with(&["--tls"]);
    let wrong_password = Way::login(&kafka, "SCRAM-SHA-256", USER, "wrong");
    refused(&kafka, &wrong_password, "Authentication", "sasl.password");
    let other_ca = kafka.file("client.pem").display().to_string();
    let wrong_ca = Way::new(SSL, "ssl").with("ssl.ca.location", &other_ca);
    refused(&kafka, &wrong_ca, "SSL", "ssl.ca.location");
    let no_certificate = Way::tls(MTLS, &kafka);
    refused(&kafka, &no_certificate, "SSL", "ssl.keystore.location");

    let late = Way::login(&kafka, "SCRAM-SHA-512", "late", PASSWORD);
    let (gateway, mut device) = refused(&kafka, &late, "Authentication", "knows this user");
    let credential = format!("SCRAM-SHA-512=[password={PASSWORD}]");
    let add = [
        "--alter",
        "--entity-type",
        "users",
        "--entity-name",
        "late",
        "--add-config",
    ];
    kafka.tool(
        "kafka.admin.ConfigCommand",
        &[&add[..], &[&credential]].concat(),
    );
    let puback = device.expect(PUBACK);
    assert_eq!((puback.packet_id(), puback.reason()), (1, 0));
    gateway.wait_until("a lane that is up", |metrics| {
        metrics.labelled("tributary_kafka_state", "state", "up") == 1.0
    });
    assert_untroubled(&gateway, "late");
    assert_eq!(read_topic(&kafka.bootstrap(), "mqtt").len(), 1);
}
