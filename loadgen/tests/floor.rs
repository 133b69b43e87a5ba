//! Floor, `publish` and `connect` against each other: every count has to come out even.

mod support;

use support::{Scratch, floor, loadgen};
use tributary_loadgen::ledger::{Kind, Reader};

#[test]
fn every_quality_and_version_gets_every_message_answered() {
    let floor = floor(1);
    for version in ["4", "5"] {
        for qos in ["0", "1", "2"] {
            let run = loadgen(&[
                "publish",
                "--target",
                &floor.address,
                "--clients",
                "50",
                "--rate",
                "2000",
                "--duration",
                "0.5",
                "--qos",
                qos,
                "--version",
                version,
                "--payload",
                "100",
            ]);
            assert_eq!(run.exit_code, 0, "{run:?}");
            assert_eq!(run.count("connects_made"), 50);
            assert_eq!(
                run.count("sent"),
                1_000,
                "QoS {qos}, version {version}: {run:?}"
            );
            let acknowledged = if qos == "0" { 0 } else { 1_000 };
            assert_eq!(run.count("acknowledged"), acknowledged, "{run:?}");
            for none in [
                "unsent",
                "unacknowledged",
                "refused",
                "resent",
                "connections_ended",
            ] {
                assert_eq!(run.count(none), 0, "{none}: {run:?}");
            }
        }
    }
}

#[test]
fn a_closed_loop_keeps_to_what_may_be_in_flight_and_in_a_write() {
    let floor = floor(2);
    let run = loadgen(&[
        "publish",
        "--target",
        &floor.address,
        "--clients",
        "20",
        "--rate",
        "0",
        "--threads",
        "2",
        "--in-flight",
        "8",
        "--coalesce",
        "4",
        "--duration",
        "0.5",
        "--server-pid",
        &floor.pid(),
    ]);
    assert_eq!(run.exit_code, 0, "{run:?}");
    assert!(run.count("sent") > 0);
    assert_eq!(run.count("sent"), run.count("acknowledged"));
    assert_eq!(run.count("sent") % 4, 0, "messages leave four at a time");
    assert!(run.count("writes") <= run.count("sent") / 4, "{run:?}");
    assert!(
        run.json["server"]["cpu_us_per_message"]
            .as_f64()
            .is_some_and(|us| us > 0.0)
    );
    assert!(
        run.json["latency_ms"]["publish"]["p99_9"]
            .as_f64()
            .is_some_and(|ms| ms > 0.0)
    );
    assert!(
        run.json["host"]["kernel"]
            .as_str()
            .is_some_and(|kernel| !kernel.is_empty())
    );
}

#[test]
fn the_ledger_says_what_was_sent_and_acknowledged() {
    let (floor, file) = (floor(1), Scratch::new("ledger"));
    let run = loadgen(&[
        "publish",
        "--target",
        &floor.address,
        "--clients",
        "7",
        "--rate",
        "1400",
        "--run",
        "told",
        "--duration",
        "0.5",
        "--threads",
        "2",
        "--ledger",
        file.path(),
    ]);
    assert_eq!(run.exit_code, 0, "{run:?}");
    let mut reader = Reader::open(&file.0).expect("publish wrote a ledger");
    assert_eq!(
        (reader.header.run.as_str(), reader.header.clients),
        ("told", 7)
    );
    let (mut acknowledged, mut sent, mut closed) = (0, 0, false);
    reader
        .read_new(|record| match record.kind {
            Kind::Acknowledged => acknowledged += u64::from(record.count),
            Kind::Sent => sent += u64::from(record.first),
            Kind::Closed => closed = true,
            Kind::Refused | Kind::Resent => panic!("the floor refuses nothing"),
        })
        .expect("the ledger is whole");
    assert_eq!((acknowledged, sent, closed), (700, 700, true));
}

#[test]
fn clients_connect_subscribe_ping_and_come_and_go() {
    let floor = floor(1);
    let run = loadgen(&[
        "connect",
        "--target",
        &floor.address,
        "--connections",
        "2000",
        "--hold",
        "1.5",
        "--keepalive",
        "1",
        "--subscribe-own",
        "--churn",
        "10",
        "--version",
        "5",
        "--server-pid",
        &floor.pid(),
        "--max-refused",
        "0",
        "--max-ended",
        "0",
    ]);
    assert_eq!(run.exit_code, 0, "{run:?}");
    assert_eq!(run.count("connects_refused"), 0);
    assert!(run.count("held") > 1_900, "{run:?}");
    assert!(
        run.json["ends"]["churned"]
            .as_u64()
            .is_some_and(|churned| churned > 0),
        "{run:?}"
    );
    assert!(run.count("subscriptions_granted") >= 2_000);
    assert!(run.count("pings_answered") > 0);
    assert!(
        run.json["server"]["cpu_us_per_connect"]
            .as_f64()
            .is_some_and(|us| us > 0.0)
    );
}

#[test]
fn a_missed_objective_is_exit_code_3_and_says_which() {
    let floor = floor(1);
    let run = loadgen(&[
        "publish",
        "--target",
        &floor.address,
        "--clients",
        "5",
        "--rate",
        "100",
        "--duration",
        "0.2",
        "--max-p99-ms",
        "0.000001",
    ]);
    assert_eq!(run.exit_code, 3, "{run:?}");
    assert!(run.stdout.contains("--max-p99-ms"), "{run:?}");
    assert_eq!(run.json["missed"].as_array().map(Vec::len), Some(1));
}

#[test]
fn nobody_to_talk_to_is_exit_code_1_with_the_reason_and_the_next_step() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = closed.local_addr().expect("bound").to_string();
    drop(closed);
    let run = loadgen(&["publish", "--target", &address, "--clients", "3"]);
    assert_eq!(run.exit_code, 1, "{run:?}");
    assert!(run.stderr.contains("Connection refused"), "{run:?}");
    assert!(run.stderr.contains("start the server"), "{run:?}");
    let run = loadgen(&[
        "connect",
        "--target",
        &address,
        "--connections",
        "3",
        "--hold",
        "0",
        "--max-refused",
        "2",
    ]);
    assert_eq!(
        (run.exit_code, run.count("connects_refused")),
        (3, 3),
        "{run:?}"
    );
}

#[test]
fn wrong_usage_is_exit_code_2() {
    let wrong: [&[&str]; 4] = [
        &["publish"],
        &["publish", "--target", "127.0.0.1:1", "--payload", "15"],
        &[
            "publish",
            "--target",
            "127.0.0.1:1",
            "--rate",
            "0",
            "--coalesce",
            "4",
        ],
        &["verify", "--kafka", "127.0.0.1:1", "--topic", "t"],
    ];
    for args in wrong {
        let run = loadgen(args);
        assert_eq!(run.exit_code, 2, "{args:?}: {run:?}");
        assert!(!run.stderr.is_empty());
    }
}
