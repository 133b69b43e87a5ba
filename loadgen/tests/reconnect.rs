//! A server that loses connections: what was not acknowledged goes again, marked, and what was
//! acknowledged does not.

mod support;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use support::{Scratch, loadgen};
use tributary_loadgen::codec::{Malformed, each_frame, packet};
use tributary_loadgen::ledger::{Kind, Reader};

/// Serves one connection until it has read `publishes_max` PUBLISHes, of which it answers all but
/// the last. Returns the first byte of each PUBLISH.
fn serve(mut client: TcpStream, publishes_max: usize) -> Vec<u8> {
    let (mut partial, mut bytes, mut publishes) = (Vec::new(), [0; 4096], Vec::new());
    loop {
        let count = client.read(&mut bytes).unwrap_or(0);
        if count == 0 {
            return publishes;
        }
        let mut answers = Vec::new();
        each_frame::<Malformed>(&mut partial, &bytes[..count], |first_byte, body| {
            match first_byte >> 4 {
                packet::CONNECT => answers.extend_from_slice(&[0x20, 2, 0, 0]),
                packet::PUBLISH if publishes.len() < publishes_max => {
                    publishes.push(first_byte);
                    let id_at = 2 + usize::from(u16::from_be_bytes([body[0], body[1]]));
                    if publishes.len() < publishes_max {
                        answers.extend_from_slice(&[0x40, 2, body[id_at], body[id_at + 1]]);
                    }
                }
                _ => {}
            }
            Ok(())
        })
        .expect("loadgen writes MQTT");
        if client.write_all(&answers).is_err() || publishes.len() == publishes_max {
            return publishes;
        }
    }
}

#[test]
fn unanswered_messages_go_again_with_dup_and_stand_in_the_ledger() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    let server = thread::spawn(move || {
        let mut connections = Vec::new();
        for publishes_max in [5, 3, usize::MAX] {
            let (client, _) = listener.accept().expect("a client comes");
            connections.push(serve(client, publishes_max));
        }
        connections
    });
    let file = Scratch::new("ledger");
    let run = loadgen(&[
        "publish",
        "--target",
        &address,
        "--clients",
        "1",
        "--rate",
        "200",
        "--duration",
        "0.5",
        "--in-flight",
        "1",
        "--ledger",
        file.path(),
    ]);
    let connections = server.join().expect("the server has no reason to panic");
    assert_eq!(run.exit_code, 0, "{run:?}");
    assert_eq!(
        (run.count("sent"), run.count("acknowledged")),
        (100, 100),
        "{run:?}"
    );
    assert_eq!(
        (run.count("resent"), run.count("reconnects")),
        (2, 2),
        "{run:?}"
    );
    let is_duplicate = |first_byte: &u8| first_byte & 0x08 != 0;
    assert!(!connections[0].iter().any(is_duplicate));
    for again in &connections[1..] {
        assert!(is_duplicate(&again[0]), "the unanswered one goes first");
        assert!(!again[1..].iter().any(is_duplicate));
    }
    let mut resent = Vec::new();
    Reader::open(&file.0)
        .and_then(|mut reader| {
            reader.read_new(|record| {
                if record.kind == Kind::Resent {
                    resent.push((record.first, record.count));
                }
            })
        })
        .expect("the ledger is whole");
    // Five publishes with four answers, then the fifth again and two more with one answer.
    assert_eq!(resent, [(4, 1), (6, 1)]);
}
