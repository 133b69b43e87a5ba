//! Many clients over rings: every one of them is there, goes, comes back, and is counted once.

mod support;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;
use support::{floor, loadgen};

const CLIENTS: &str = "2000";

#[test]
fn all_clients_drop_and_return_in_every_storm_by_fin_and_by_reset() {
    for drop in ["fin", "reset"] {
        let floor = floor(1);
        let run = loadgen(&[
            "connect",
            "--target",
            &floor.address,
            "--connections",
            CLIENTS,
            "--hold",
            "0",
            "--rest",
            "0",
            "--storms",
            "2",
            "--drop",
            drop,
            "--max-missing",
            "0",
        ]);
        assert_eq!(run.exit_code, 0, "{run:?}");
        assert_eq!(run.count("connects_made"), 6_000, "{run:?}");
        assert_eq!(run.count("reconnects"), 4_000, "{run:?}");
        // Two storms, and everybody leaves at the end.
        assert_eq!(run.json["ends"]["dropped in a storm"], 6_000, "{run:?}");
        let phases = run.json["counts"]["phases"].as_array().expect("phases");
        let names: Vec<_> = phases
            .iter()
            .filter_map(|phase| phase["name"].as_str())
            .collect();
        let storm = ["drop", "down", "return", "up"];
        assert_eq!(names, [&["connect", "hold"][..], &storm, &storm].concat());
        for phase in phases.iter().filter(|phase| phase["name"] == "return") {
            assert_eq!(phase["connected_before"], 0, "{phase}");
            assert_eq!(phase["connected_after"], 2_000, "{phase}");
            assert_eq!(phase["connect_ms"]["count"], 2_000, "{phase}");
        }
    }
}

#[test]
fn a_few_publish_while_all_others_are_simply_there() {
    let floor = floor(1);
    let run = loadgen(&[
        "connect",
        "--target",
        &floor.address,
        "--connections",
        CLIENTS,
        "--threads",
        "2",
        "--publishers",
        "7",
        "--publish-rate",
        "700",
        "--hold",
        "0.5",
        "--version",
        "5",
    ]);
    assert_eq!(run.exit_code, 0, "{run:?}");
    assert!(run.count("sent") > 0, "{run:?}");
    assert_eq!(run.count("sent"), run.count("acknowledged"), "{run:?}");
    assert_eq!(run.count("unacknowledged"), 0, "{run:?}");
}

#[test]
fn the_floor_over_rings_answers_as_the_other_one_does() {
    let flags = ["--rings", "--connections", "5000", "--threads", "2"];
    let floor = support::floor_with("127.0.0.1:0", &flags);
    let connect = loadgen(&[
        "connect",
        "--target",
        &floor.address,
        "--connections",
        CLIENTS,
        "--subscribe-own",
        "--keepalive",
        "1",
        "--hold",
        "1.5",
        "--storms",
        "1",
        "--rest",
        "0",
        "--version",
        "5",
        "--max-missing",
        "0",
        "--max-ended",
        "0",
    ]);
    assert_eq!(connect.exit_code, 0, "{connect:?}");
    assert_eq!(connect.count("subscriptions_granted"), 4_000, "{connect:?}");
    assert!(connect.count("pings_answered") >= 2_000, "{connect:?}");
    let publish = loadgen(&[
        "publish",
        "--target",
        &floor.address,
        "--qos",
        "2",
        "--rate",
        "0",
        "--in-flight",
        "10",
        "--duration",
        "0.3",
    ]);
    assert!(publish.count("sent") > 0, "{publish:?}");
    assert_eq!(publish.count("sent"), publish.count("acknowledged"));
}

#[test]
fn clients_that_were_turned_away_come_back_to_the_next_server() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    let run = support::start(&[
        "connect",
        "--target",
        &address,
        "--connections",
        "200",
        "--reconnect",
        "--hold",
        "0",
        "--max-missing",
        "0",
    ]);
    // Whoever is in the backlog goes with the listener; the rest finds nobody for a while.
    drop(listener.accept().expect("a client comes"));
    drop(listener);
    let floor = support::floor_at(&address, 1);
    let run = run.wait();
    drop(floor);
    assert_eq!(run.exit_code, 0, "{run:?}");
    assert_eq!(run.count("connects_made"), 200, "{run:?}");
    assert!(run.count("connects_refused") > 0, "{run:?}");
}

#[test]
fn a_session_taken_over_by_nobody_misses_the_objective() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    let server = thread::spawn(move || {
        let (mut client, _) = listener.accept().expect("a client comes");
        let mut bytes = [0; 256];
        let _ = client.read(&mut bytes).expect("a CONNECT");
        // CONNACK, then DISCONNECT with reason 0x8E, session taken over.
        let answer = [0x20, 3, 0, 0, 0, 0xe0, 1, 0x8e];
        client.write_all(&answer).expect("the client reads");
        let _ = client.read(&mut bytes);
    });
    let run = loadgen(&[
        "connect",
        "--target",
        &address,
        "--connections",
        "1",
        "--hold",
        "0.2",
        "--version",
        "5",
    ]);
    server.join().expect("the server has no reason to panic");
    assert_eq!(run.exit_code, 3, "{run:?}");
    assert_eq!(run.count("wrong_takeovers"), 1, "{run:?}");
}
