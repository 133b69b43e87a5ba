//! Hazard: bytes lost, doubled or mixed up on their way through two rings.

mod support;

use std::collections::HashMap;

use support::{drive, listen, options, raise_limits, ring};
use tributary_ring::{Conn, Event, ReceiveEnd, Ring};

const CONNECTIONS: u32 = 200;
const ROUNDS: u32 = 20;

fn message(conn: Conn, round: u32) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(64);
    for word in 0..8u32 {
        bytes.extend_from_slice(&conn.slot.to_le_bytes());
        bytes.extend_from_slice(&(round * 8 + word).to_le_bytes());
    }
    bytes
}

/// Sends back whatever comes, until every client has gone.
fn serve(mut server: Ring<()>) {
    let mut gone = 0;
    drive(&mut server, |ring, event| {
        match event {
            Event::Accepted { conn, .. } => ring.poll_readable(conn),
            Event::Readable { conn } => ring.receive(conn),
            Event::Received { conn, buffer, more } => {
                assert!(!more);
                ring.send(conn, ring.bytes(&buffer).to_vec());
                ring.give_back(buffer);
            }
            Event::Sent { conn, result, .. } => {
                assert_eq!(result, Ok(()));
                ring.poll_readable(conn);
            }
            Event::ReceiveEnded {
                conn,
                end: ReceiveEnd::WouldBlock | ReceiveEnd::NoBuffers,
            } => {
                ring.poll_readable(conn);
            }
            Event::ReceiveEnded { conn, end } => {
                assert_eq!(end, ReceiveEnd::Eof);
                ring.close(conn);
            }
            Event::Closed { .. } => gone += 1,
            other => panic!("unexpected {other:?}"),
        }
        gone == CONNECTIONS
    });
    assert_eq!(server.used_slots(), 0);
    assert_eq!(server.stats().accepted, u64::from(CONNECTIONS));
}

#[test]
fn every_byte_comes_back_once_and_in_order_to_the_connection_that_sent_it() {
    raise_limits();
    let (told, addr) = std::sync::mpsc::channel();
    let server = std::thread::spawn(move || {
        let mut server = ring(&options(512));
        told.send(listen(&mut server)).unwrap();
        serve(server);
    });
    let addr = addr.recv().unwrap();

    let mut client: Ring<()> = ring(&options(512));
    for index in 0..CONNECTIONS {
        // Own source addresses, and both ways of choosing a port.
        let source = format!("127.0.0.{}:0", 2 + index % 4).parse().unwrap();
        let source = (index % 5 != 0).then_some(source);
        client.connect(source, addr).unwrap();
    }
    let mut rounds: HashMap<Conn, (u32, Vec<u8>)> = HashMap::new();
    let mut done = 0;
    drive(&mut client, |ring, event| {
        match event {
            Event::Connected { conn, result } => {
                assert_eq!(result, Ok(()));
                rounds.insert(conn, (0, Vec::new()));
                ring.receive_multishot(conn);
                ring.send(conn, message(conn, 0));
            }
            Event::Sent { result, .. } => assert_eq!(result, Ok(())),
            Event::Received { conn, buffer, more } => {
                let (round, got) = rounds.get_mut(&conn).unwrap();
                got.extend_from_slice(ring.bytes(&buffer));
                ring.give_back(buffer);
                if got.len() == 64 {
                    assert_eq!(*got, message(conn, *round));
                    got.clear();
                    *round += 1;
                    if *round == ROUNDS {
                        ring.close(conn);
                    } else {
                        ring.send(conn, message(conn, *round));
                    }
                }
                if !more && ring.is_live(conn) {
                    ring.receive_multishot(conn);
                }
            }
            Event::ReceiveEnded { conn, end } => {
                assert_eq!(end, ReceiveEnd::NoBuffers);
                ring.receive_multishot(conn);
            }
            Event::Closed { .. } => done += 1,
            other => panic!("unexpected {other:?}"),
        }
        done == CONNECTIONS
    });
    assert_eq!(client.used_slots(), 0);
    server.join().unwrap();
}
