//! `deliver` against a broker that no one here wrote: everything arrives once, in order, unchanged.

mod support;

use std::io::{Read, Write};
use std::net::TcpListener;
use support::{Said, loadgen, mosquitto};

fn assert_all_arrived(run: &Said, sent: u64, delivered: u64) {
    assert_eq!(run.exit_code, 0, "{run:?}");
    assert_eq!(run.count("sent"), sent, "{run:?}");
    let arrivals = &run.json["verdict"]["arrivals"];
    assert_eq!(arrivals["delivered"], delivered, "{run:?}");
    for fault in ["lost", "duplicated", "reordered", "corrupted", "foreign"] {
        assert_eq!(arrivals[fault], 0, "{fault}: {run:?}");
    }
}

#[test]
fn each_message_reaches_each_subscriber_of_its_topic_once() {
    let Some(broker) = mosquitto() else { return };
    for version in ["4", "5"] {
        for qos in ["0", "1", "2"] {
            let target = ["deliver", "--target", &broker.address, "--version", version];
            let much = ["--topics", "10", "--subscribers", "3", "--qos", qos];
            let pace = ["--rate", "1000", "--duration", "0.5", "--in-flight", "10"];
            let run = loadgen(&[&target[..], &much, &pace].concat());
            assert_all_arrived(&run, 500, 1_500);
            assert_eq!(run.json["latency_ms"]["deliver"]["count"], 1_500, "{run:?}");
        }
    }
}

#[test]
fn subscribers_that_were_away_get_what_was_kept_for_them() {
    let Some(broker) = mosquitto() else { return };
    for version in ["4", "5"] {
        let target = ["deliver", "--target", &broker.address, "--version", version];
        let much = ["--topics", "10", "--away", "50", "--in-flight", "10"];
        let run = loadgen(&[&target[..], &much].concat());
        assert_all_arrived(&run, 500, 500);
        assert_eq!(
            run.json["verdict"]["arrivals"]["sessions_missing"], 0,
            "{run:?}"
        );
    }
}

/// A server that takes everything and delivers nothing.
#[test]
fn a_message_that_never_arrives_is_lost_and_misses_the_objective() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let target = listener.local_addr().expect("bound").to_string();
    let server = std::thread::spawn(move || {
        for _ in 0..2 {
            let (mut socket, _) = listener.accept().expect("a client");
            std::thread::spawn(move || {
                let mut packet = [0; 1_024];
                while let Ok(1..) = socket.read(&mut packet) {
                    let answer: &[u8] = match packet[0] >> 4 {
                        1 => &[0x20, 2, 0, 0],
                        8 => &[0x90, 3, 0, 1, 1],
                        // The only message has packet id 1.
                        3 => &[0x40, 2, 0, 1],
                        _ => &[],
                    };
                    let _ = socket.write_all(answer);
                }
            });
        }
    });
    let flags = ["--topics", "1", "--rate", "1", "--duration", "1"];
    let run = loadgen(
        &[
            &["deliver", "--target", &target][..],
            &flags,
            &["--drain", "0.2"],
        ]
        .concat(),
    );
    server.join().expect("it served two clients");
    assert_eq!(run.exit_code, 3, "{run:?}");
    assert_eq!(run.count("acknowledged"), 1, "{run:?}");
    assert_eq!(run.json["verdict"]["arrivals"]["lost"], 1, "{run:?}");
}
