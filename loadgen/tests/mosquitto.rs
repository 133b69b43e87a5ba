//! `publish` against a broker that no one here wrote: both sides have to count the same.

mod support;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use support::pki::Authority;
use support::{loadgen, mosquitto, mosquitto_with};

#[test]
fn mosquitto_answers_every_quality_in_both_versions() {
    let Some(broker) = mosquitto() else { return };
    for version in ["4", "5"] {
        for qos in ["0", "1", "2"] {
            let run = loadgen(&[
                "publish",
                "--target",
                &broker.address,
                "--clients",
                "20",
                "--rate",
                "1000",
                "--duration",
                "0.5",
                "--qos",
                qos,
                "--version",
                version,
                "--in-flight",
                "10",
            ]);
            assert_eq!(run.exit_code, 0, "{run:?}");
            assert_eq!(
                run.count("sent"),
                500,
                "QoS {qos}, version {version}: {run:?}"
            );
            let acknowledged = if qos == "0" { 0 } else { 500 };
            assert_eq!(run.count("acknowledged"), acknowledged, "{run:?}");
            assert_eq!(run.count("connections_ended"), 0, "{run:?}");
        }
    }
}

#[test]
fn subscriptions_and_pings_are_answered() {
    let Some(broker) = mosquitto() else { return };
    let run = loadgen(&[
        "connect",
        "--target",
        &broker.address,
        "--connections",
        "200",
        "--hold",
        "1.5",
        "--keepalive",
        "1",
        "--subscribe-own",
        "--version",
        "5",
    ]);
    assert_eq!(
        (run.count("held"), run.count("subscriptions_granted")),
        (200, 200),
        "{run:?}"
    );
    assert!(run.count("pings_answered") >= 200, "{run:?}");
}

#[test]
fn mosquitto_answers_within_tls() {
    let authority = Authority::new();
    let identity = authority.sign("gateway.test");
    let (chain, key) = (identity.chain.path(), identity.key.path());
    let lines = format!("certfile {chain}\nkeyfile {key}\n");
    let Some(broker) = mosquitto_with(&lines) else {
        return;
    };
    let target = ["--target", &broker.address];
    let tls = ["--tls", authority.pem.path(), "--tls-name", "gateway.test"];
    let fleet = [
        "connect",
        "--connections",
        "20",
        "--subscribe-own",
        "--tls-resume",
    ];
    let active = [
        "--hold",
        "1.5",
        "--keepalive",
        "1",
        "--publishers",
        "5",
        "--storms",
        "1",
    ];
    let run = loadgen(&[&fleet[..], &target, &active, &tls].concat());
    assert_eq!((run.exit_code, run.count("held")), (0, 20), "{run:?}");
    let handshakes = ["handshakes_full", "handshakes_resumed"].map(|name| run.count(name));
    assert_eq!(handshakes, [20, 20], "{run:?}");
    assert_eq!(run.count("subscriptions_granted"), 40, "{run:?}");
    assert!(run.count("pings_answered") >= 15, "{run:?}");
    assert!(run.count("sent") > 0, "{run:?}");
    assert_eq!(run.count("sent"), run.count("acknowledged"), "{run:?}");
    let load = [
        "publish",
        "--clients",
        "5",
        "--rate",
        "0",
        "--duration",
        "0.3",
    ];
    let large = ["--payload", "70000", "--max-unacknowledged", "0"];
    let run = loadgen(&[&load[..], &target, &large, &tls].concat());
    assert_eq!(
        (run.exit_code, run.count("connections_ended")),
        (0, 0),
        "{run:?}"
    );
    assert!(run.count("acknowledged") > 0, "{run:?}");
}

#[test]
fn a_server_without_a_websocket_there_is_named_as_such() {
    let Some(broker) = mosquitto() else { return };
    let flags = ["--connections", "1", "--hold", "0", "--ws", "/mqtt"];
    let run = loadgen(&[&["connect", "--target", &broker.address], &flags[..]].concat());
    assert_eq!(run.count("connects_refused"), 1, "{run:?}");
}

#[test]
fn a_stock_subscriber_receives_the_payloads_that_were_stamped() {
    let Some(broker) = mosquitto() else { return };
    let port = broker.address.rsplit(':').next().expect("HOST:PORT");
    // Into a pipe it would write its lines only at the end.
    let mut subscriber = Command::new("stdbuf")
        .args(["-oL", "mosquitto_sub"])
        .args([
            "-d", "-p", port, "-q", "1", "-t", "dev/#", "-C", "30", "-W", "20", "-F", "%t %l",
        ])
        .stdout(Stdio::piped())
        .spawn()
        .expect("mosquitto-clients is installed beside mosquitto");
    let mut lines = BufReader::new(subscriber.stdout.take().expect("stdout is piped"))
        .lines()
        .map_while(Result::ok);
    assert!(
        lines.any(|line| line.contains("SUBACK")),
        "the subscriber is there before the run"
    );
    let run = loadgen(&[
        "publish",
        "--target",
        &broker.address,
        "--clients",
        "3",
        "--rate",
        "60",
        "--duration",
        "0.5",
        "--payload",
        "33",
        "--run",
        "stock",
    ]);
    assert_eq!(run.count("acknowledged"), 30, "{run:?}");
    let received: Vec<String> = lines.filter(|line| line.starts_with("dev/")).collect();
    subscriber.wait().expect("the subscriber ends");
    assert_eq!(received.len(), 30);
    let run = tributary_loadgen::stamp::RunId::from_name("stock");
    for device in 0..3 {
        let expected = format!("dev/{}/telemetry 33", run.client_id(device));
        assert_eq!(
            received.iter().filter(|line| **line == expected).count(),
            10
        );
    }
}
