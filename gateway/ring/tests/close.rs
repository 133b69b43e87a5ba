//! Hazard: a close that the peer never hears of, because a request in flight pins the socket.

mod support;

use std::io::{ErrorKind, Read, Write};

use support::{
    accepted, assert_silent, client, close, drive, listen, next, options, read_to_end, ring,
};
use tributary_ring::{Conn, Event, Ring};

/// Accepts one connection, arms it, closes it, and checks that the client sees the end.
fn assert_fin(arm: impl Fn(&mut Ring<()>, Conn), linked: u64) {
    let mut server: Ring<()> = ring(&options(8));
    let mut peer = client(listen(&mut server));
    let conn = accepted(&mut server);
    arm(&mut server, conn);
    // The request must be with the kernel, or nothing would be pinned.
    server.enter().unwrap();
    close(&mut server, conn);
    assert_eq!(read_to_end(&mut peer), b"");
    assert_eq!(server.stats().closes_linked, linked);
    assert_eq!(server.stats().closes_alone, 1 - linked);
    assert_silent(&mut server);
    assert_eq!(server.used_slots(), 0);
}

#[test]
fn a_peer_sees_the_end_although_a_multishot_receive_was_armed() {
    assert_fin(|ring, conn| ring.receive_multishot(conn), 1);
}

#[test]
fn a_peer_sees_the_end_although_a_receive_was_armed() {
    assert_fin(|ring, conn| ring.receive_armed(conn), 1);
}

#[test]
fn a_peer_sees_the_end_although_a_poll_was_armed() {
    assert_fin(|ring, conn| ring.poll_readable(conn), 1);
}

#[test]
fn a_connection_with_nothing_in_flight_is_closed_without_a_shutdown() {
    assert_fin(|_, _| {}, 0);
}

#[test]
fn a_peer_that_never_reads_does_not_keep_its_connection_open() {
    const FAR_TOO_MUCH: usize = 64 << 20;
    let mut server: Ring<()> = ring(&options(8));
    let mut peer = client(listen(&mut server));
    let conn = accepted(&mut server);
    server.receive_multishot(conn);
    server.send(conn, vec![7; FAR_TOO_MUCH]);
    assert_silent(&mut server);
    assert!(server.send_in_flight(conn));
    close(&mut server, conn);
    assert_eq!(server.used_slots(), 0);
    // Only now does the peer read: what fitted into the socket, and then the end.
    let got = read_to_end(&mut peer).len();
    assert!(got > 0 && got < FAR_TOO_MUCH, "{got} bytes");
    assert_silent(&mut server);
}

#[test]
fn a_large_buffer_is_sent_whole_to_a_slow_reader() {
    let sent: Vec<u8> = (0..8_000_000u32).map(|n| (n % 251) as u8).collect();
    let expected = sent.clone();
    let mut server: Ring<()> = ring(&options(8));
    let mut peer = client(listen(&mut server));
    let reader = std::thread::spawn(move || {
        let mut got = vec![0; expected.len()];
        for piece in got.chunks_mut(10_007) {
            peer.read_exact(piece).unwrap();
        }
        assert!(got == expected, "the bytes arrived in another order");
        peer.write_all(b"thanks").unwrap();
        peer
    });
    let conn = accepted(&mut server);
    server.receive_armed(conn);
    server.send(conn, sent);
    let mut whole = false;
    drive(&mut server, |ring, event| match event {
        Event::Sent { result, bytes, .. } => {
            assert_eq!((result, bytes.len()), (Ok(()), 0));
            assert!(bytes.capacity() >= 8_000_000);
            whole = true;
            false
        }
        Event::Received { buffer, .. } => {
            assert_eq!(ring.bytes(&buffer), b"thanks");
            ring.give_back(buffer);
            true
        }
        other => panic!("unexpected {other:?}"),
    });
    assert!(whole);
    reader.join().unwrap();
}

#[test]
fn a_reset_reaches_the_peer_as_one() {
    let mut server: Ring<()> = ring(&options(8));
    let mut peer = client(listen(&mut server));
    let conn = accepted(&mut server);
    server.reset(conn);
    assert!(matches!(next(&mut server), Event::Closed { .. }));
    let error = peer.read(&mut [0; 8]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[test]
fn a_reset_drops_what_a_peer_that_never_reads_has_not_taken() {
    let mut server: Ring<()> = ring(&options(8));
    let mut peer = client(listen(&mut server));
    let conn = accepted(&mut server);
    server.receive_multishot(conn);
    server.send(conn, vec![7; 64 << 20]);
    assert_silent(&mut server);
    assert!(server.send_in_flight(conn));
    server.reset(conn);
    assert!(matches!(next(&mut server), Event::Closed { .. }));
    // The requests end, the kernel lets go of the socket, and the RST goes out.
    assert_silent(&mut server);
    let error = peer.read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(server.stats().closes_linked, 1);
}

#[test]
fn a_half_close_never_meets_the_next_connection_in_its_slot() {
    const ROUNDS: usize = 5_000;
    // One slot beside the one that accepts ahead: nearly every connection gets its predecessor's.
    let mut server: Ring<()> = ring(&options(2));
    let address = listen(&mut server);
    let mut before = None;
    for _ in 0..ROUNDS {
        let mut peer = client(address);
        let conn = accepted(&mut server);
        server.send(conn, b"hello".to_vec());
        let sent = next(&mut server);
        assert!(
            matches!(sent, Event::Sent { result: Ok(()), .. }),
            "{sent:?} after {before:?}"
        );
        peer.read_exact(&mut [0; 5]).unwrap();
        server.shutdown_write(conn);
        close(&mut server, conn);
        before = Some(conn);
    }
}

#[test]
fn a_half_closed_connection_still_hears_the_peer() {
    let mut server: Ring<()> = ring(&options(8));
    let mut peer = client(listen(&mut server));
    let conn = accepted(&mut server);
    server.shutdown_write(conn);
    server.receive_armed(conn);
    server.enter().unwrap();
    assert_eq!(read_to_end(&mut peer), b"");
    peer.write_all(b"last words").unwrap();
    match next(&mut server) {
        Event::Received { buffer, .. } => {
            assert_eq!(server.bytes(&buffer), b"last words");
            server.give_back(buffer);
        }
        other => panic!("unexpected {other:?}"),
    }
    close(&mut server, conn);
}
