//! Hazard: a connection whose reading was paused loses bytes, or never reads again.

mod support;

use std::io::Write;

use support::{accepted, assert_silent, client, listen, next, options, ring};
use tributary_ring::{Conn, Event, ReceiveEnd, Ring};

fn assert_paused_and_resumed(arm: impl Fn(&mut Ring<()>, Conn)) {
    let mut server: Ring<()> = ring(&options(8));
    let mut peer = client(listen(&mut server));
    let conn = accepted(&mut server);
    arm(&mut server, conn);
    server.enter().unwrap();
    server.cancel_receive(conn);
    // Asking twice is asking once.
    server.cancel_receive(conn);
    match next(&mut server) {
        Event::ReceiveEnded { conn: ended, end } => {
            assert_eq!((ended, end), (conn, ReceiveEnd::Cancelled));
        }
        other => panic!("unexpected {other:?}"),
    }
    assert!(!server.is_reading(conn));
    peer.write_all(b"kept in the socket").unwrap();
    assert_silent(&mut server);
    server.receive_multishot(conn);
    match next(&mut server) {
        Event::Received { buffer, more, .. } => {
            assert!(more);
            assert_eq!(server.bytes(&buffer), b"kept in the socket");
            server.give_back(buffer);
        }
        other => panic!("unexpected {other:?}"),
    }
}

#[test]
fn a_paused_poll_resumes_without_loss() {
    assert_paused_and_resumed(|ring, conn| ring.poll_readable(conn));
}

#[test]
fn a_paused_receive_resumes_without_loss() {
    assert_paused_and_resumed(|ring, conn| ring.receive_armed(conn));
}

#[test]
fn a_paused_multishot_receive_resumes_without_loss() {
    assert_paused_and_resumed(|ring, conn| ring.receive_multishot(conn));
}

#[test]
fn a_receive_that_ended_before_the_pause_tells_its_bytes_and_nothing_else() {
    let mut server: Ring<()> = ring(&options(8));
    let mut peer = client(listen(&mut server));
    let conn = accepted(&mut server);
    peer.write_all(b"first").unwrap();
    server.receive_armed(conn);
    server.enter().unwrap();
    server.cancel_receive(conn);
    match next(&mut server) {
        Event::Received { buffer, more, .. } => {
            assert!(!more);
            server.give_back(buffer);
        }
        other => panic!("unexpected {other:?}"),
    }
    assert_silent(&mut server);
    // Nothing armed: there is nothing to cancel.
    server.cancel_receive(conn);
    assert_silent(&mut server);
    server.poll_readable(conn);
    peer.write_all(b"second").unwrap();
    assert!(matches!(next(&mut server), Event::Readable { .. }));
}
