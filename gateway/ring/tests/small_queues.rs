//! Hazard: events or requests lost when the queues are far smaller than what goes on.

mod support;

use std::io::{Read, Write};

use support::{client, drive, listen, options, raise_limits, ring};
use tributary_ring::{Event, ReceiveEnd, Ring, RingOptions};

const CONNECTIONS: u32 = 2_000;

#[test]
fn two_thousand_connections_through_queues_of_32_and_64_lose_nothing() {
    raise_limits();
    let (told, addr) = std::sync::mpsc::channel();
    let server = std::thread::spawn(move || {
        let sizes = RingOptions {
            submission_entries: 32,
            completion_entries: 64,
            receive_buffers: 8,
            ..options(CONNECTIONS)
        };
        let mut server: Ring<()> = ring(&sizes);
        told.send(listen(&mut server)).unwrap();
        let mut closed = 0;
        drive(&mut server, |ring, event| {
            match event {
                Event::Accepted { conn, .. } => ring.poll_readable(conn),
                Event::Readable { conn } => ring.receive(conn),
                Event::Received { conn, buffer, .. } => {
                    ring.send(conn, ring.bytes(&buffer).to_vec());
                    ring.give_back(buffer);
                    ring.poll_readable(conn);
                }
                Event::Sent { result, .. } => assert_eq!(result, Ok(())),
                Event::ReceiveEnded {
                    conn,
                    end: ReceiveEnd::WouldBlock | ReceiveEnd::NoBuffers,
                } => ring.poll_readable(conn),
                Event::ReceiveEnded { conn, .. } => ring.close(conn),
                Event::Closed { .. } => closed += 1,
                other => panic!("unexpected {other:?}"),
            }
            closed == CONNECTIONS
        });
        assert_eq!(server.used_slots(), 0);
        *server.stats()
    });
    let addr = addr.recv().unwrap();
    let mut peers: Vec<_> = (0..CONNECTIONS).map(|_| client(addr)).collect();
    for round in 0..3u32 {
        for (index, peer) in (0u32..).zip(&mut peers) {
            peer.write_all(&(index + round).to_le_bytes()).unwrap();
        }
        for (index, peer) in (0u32..).zip(&mut peers) {
            let mut answer = [0; 4];
            peer.read_exact(&mut answer).unwrap();
            assert_eq!(u32::from_le_bytes(answer), index + round);
        }
    }
    drop(peers);
    let stats = server.join().unwrap();
    assert_eq!(stats.accepted, u64::from(CONNECTIONS));
}

#[test]
fn requests_beyond_the_submission_queue_keep_their_order() {
    let mut server: Ring<()> = ring(&RingOptions {
        submission_entries: 2,
        ..options(64)
    });
    let addr = listen(&mut server);
    let mut peers: Vec<_> = (0..50).map(|_| client(addr)).collect();
    let mut conns = Vec::new();
    drive(&mut server, |_, event| {
        if let Event::Accepted { conn, .. } = event {
            conns.push(conn);
        }
        conns.len() == 50
    });
    // Far more requests than the queue holds, without an enter in between: each close is a chain.
    for conn in &conns {
        server.receive_armed(*conn);
        server.send(*conn, b"farewell".to_vec());
    }
    conns.iter().for_each(|conn| server.shutdown_write(*conn));
    conns.iter().for_each(|conn| server.close(*conn));
    let mut closed = 0;
    drive(&mut server, |_, event| {
        closed += u32::from(matches!(event, Event::Closed { .. }));
        closed == 50
    });
    for peer in &mut peers {
        assert_eq!(support::read_to_end(peer), b"farewell");
    }
    assert_eq!(server.stats().closes_linked, 50);
    assert_eq!(server.used_slots(), 0);
}
