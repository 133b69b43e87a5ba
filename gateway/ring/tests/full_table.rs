//! Hazard: a listener that stays deaf after its table was full once.

mod support;

use support::{assert_silent, client, close, listen, next, options, read_to_end, ring};
use tributary_ring::{Event, Ring};

#[test]
fn connections_are_accepted_again_once_a_slot_is_free() {
    let mut server: Ring<()> = ring(&options(2));
    let addr = listen(&mut server);
    let _first = client(addr);
    let conn = support::accepted(&mut server);
    let _second = client(addr);
    support::accepted(&mut server);
    assert_eq!(server.used_slots(), server.table_slots());

    let mut turned_away = client(addr);
    match next(&mut server) {
        Event::AcceptRefused { error } => assert_eq!(error, libc::ENFILE),
        other => panic!("unexpected {other:?}"),
    }
    assert_eq!(read_to_end(&mut turned_away), b"");
    assert_eq!(server.stats().accept_refused, 1);
    // Whoever comes now waits in the backlog, and is not refused.
    let _waiting = client(addr);
    assert_silent(&mut server);

    close(&mut server, conn);
    let late = support::accepted(&mut server);
    assert_eq!(late.slot, conn.slot);
    assert_ne!(late.generation, conn.generation);
    assert_eq!(server.stats().accepted, 3);
}

#[test]
fn a_ring_that_stopped_accepting_frees_the_port_and_keeps_its_connections() {
    let mut server: Ring<()> = ring(&options(8));
    let addr = listen(&mut server);
    let mut peer = client(addr);
    let conn = support::accepted(&mut server);
    server.stop_accepting();
    assert_silent(&mut server);
    let refused = std::net::TcpStream::connect(addr).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    assert!(!tributary_ring::port_is_taken(addr).unwrap());
    server.send(conn, b"still here".to_vec());
    assert!(matches!(
        next(&mut server),
        Event::Sent { result: Ok(()), .. }
    ));
    close(&mut server, conn);
    assert_eq!(read_to_end(&mut peer), b"still here");
}
