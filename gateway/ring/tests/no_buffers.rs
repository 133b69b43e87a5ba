//! Hazard: a receive that dies, spins or loses bytes when every buffer is lent out.

mod support;

use std::io::Write;

use support::{accepted, assert_silent, client, drive, listen, next, options, ring};
use tributary_ring::{Event, ReceiveEnd, Ring, RingOptions};

const BUFFERS: u16 = 4;

fn scarce() -> RingOptions {
    RingOptions {
        receive_buffers: BUFFERS,
        receive_buffer_bytes: 64,
        ..options(64)
    }
}

#[test]
fn a_connection_that_found_no_buffer_is_served_once_some_are_back() {
    let mut server: Ring<()> = ring(&scarce());
    let addr = listen(&mut server);
    let mut peers: Vec<_> = (0..BUFFERS + 1).map(|_| client(addr)).collect();
    let conns: Vec<_> = peers.iter().map(|_| accepted(&mut server)).collect();
    let mut held = Vec::new();
    for (peer, conn) in peers.iter_mut().zip(&conns).take(BUFFERS.into()) {
        peer.write_all(b"hold").unwrap();
        server.receive_armed(*conn);
        match next(&mut server) {
            Event::Received { buffer, .. } => held.push(buffer),
            other => panic!("unexpected {other:?}"),
        }
    }
    let (last, conn) = (peers.last_mut().unwrap(), *conns.last().unwrap());
    // Arming an idle connection must not fail although there is no buffer for it.
    server.receive_multishot(conn);
    assert_silent(&mut server);
    last.write_all(b"patience").unwrap();
    match next(&mut server) {
        Event::ReceiveEnded { conn: ended, end } => {
            assert_eq!((ended, end), (conn, ReceiveEnd::NoBuffers));
        }
        other => panic!("unexpected {other:?}"),
    }
    assert_eq!(server.stats().no_buffers, 1);
    held.into_iter().for_each(|buffer| server.give_back(buffer));
    server.receive_multishot(conn);
    match next(&mut server) {
        Event::Received {
            conn: from, buffer, ..
        } => {
            assert_eq!((from, server.bytes(&buffer)), (conn, &b"patience"[..]));
            server.give_back(buffer);
        }
        other => panic!("unexpected {other:?}"),
    }
}

#[test]
fn a_stream_through_four_small_buffers_arrives_whole() {
    let sent: Vec<u8> = (0..500_000u32).map(|n| (n % 253) as u8).collect();
    let expected = sent.clone();
    let mut server: Ring<()> = ring(&scarce());
    let mut peer = client(listen(&mut server));
    let writer = std::thread::spawn(move || peer.write_all(&sent).unwrap());
    let conn = accepted(&mut server);
    server.receive_multishot(conn);
    let mut got = Vec::new();
    drive(&mut server, |ring, event| match event {
        Event::Received { buffer, more, .. } => {
            got.extend_from_slice(ring.bytes(&buffer));
            ring.give_back(buffer);
            if !more {
                ring.receive_multishot(conn);
            }
            false
        }
        Event::ReceiveEnded {
            end: ReceiveEnd::NoBuffers,
            ..
        } => {
            ring.receive_multishot(conn);
            false
        }
        Event::ReceiveEnded { end, .. } => {
            assert_eq!(end, ReceiveEnd::Eof);
            true
        }
        other => panic!("unexpected {other:?}"),
    });
    writer.join().unwrap();
    assert!(
        got == expected,
        "{} bytes of {} came, or out of order",
        got.len(),
        expected.len()
    );
}
