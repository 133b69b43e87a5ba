//! Hazard: a connection taken for one of another listener, or of another peer.

mod support;

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;

use support::{client, next, options, ring};
use tributary_ring::{Conn, Event, Ring, listeners, unix_listener};

/// Who came, by which listener, and as whom the kernel knows them.
fn peer(server: &mut Ring<()>, is_ipv6: bool) -> (Conn, u32, Result<SocketAddr, i32>) {
    let (conn, listener) = match next(server) {
        Event::Accepted { conn, listener } => (conn, listener),
        other => panic!("expected Accepted, not {other:?}"),
    };
    server.ask_peer_name(conn, is_ipv6);
    match next(server) {
        Event::PeerName { conn: told, result } if told == conn => (conn, listener, result),
        other => panic!("expected PeerName, not {other:?}"),
    }
}

#[test]
fn each_connection_says_by_which_listener_it_came_and_from_where() {
    let mut server: Ring<()> = ring(&options(64));
    let mut targets = Vec::new();
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let listener = listeners(address.parse().unwrap(), 1, 16)
            .unwrap()
            .remove(0);
        targets.push(listener.local_addr().unwrap());
        server.listen(listener);
    }
    for (number, target) in (0..).zip(targets) {
        let stream = client(target);
        let (_, listener, result) = peer(&mut server, target.is_ipv6());
        assert_eq!(listener, number);
        assert_eq!(result, Ok(stream.local_addr().unwrap()));
    }
    assert_eq!(server.stats().stale_completions, 0);
}

#[test]
fn an_ipv4_peer_of_an_ipv6_listener_is_an_ipv4_peer() {
    let mut server: Ring<()> = ring(&options(64));
    let listener = listeners("[::]:0".parse().unwrap(), 1, 16)
        .unwrap()
        .remove(0);
    let port = listener.local_addr().unwrap().port();
    server.listen(listener);
    let stream = client(SocketAddr::from(([127, 0, 0, 1], port)));
    let (_, _, result) = peer(&mut server, true);
    assert_eq!(result, Ok(stream.local_addr().unwrap()));
}

#[test]
fn who_is_asked_and_closed_at_once_is_named_before_it_is_closed() {
    let mut server: Ring<()> = ring(&options(64));
    let listener = listeners("127.0.0.1:0".parse().unwrap(), 1, 16)
        .unwrap()
        .remove(0);
    let target = listener.local_addr().unwrap();
    server.listen(listener);
    for has_receive in [false, true] {
        let stream = client(target);
        let Event::Accepted { conn, .. } = next(&mut server) else {
            panic!("nobody was accepted");
        };
        if has_receive {
            server.receive_armed(conn);
        }
        server.ask_peer_name(conn, false);
        server.close(conn);
        let mut named = None;
        loop {
            match next(&mut server) {
                Event::PeerName { conn: told, result } if told == conn => named = Some(result),
                Event::Closed { conn: told } if told == conn => break,
                _ => {}
            }
        }
        assert_eq!(named, Some(Ok(stream.local_addr().unwrap())));
    }
}

#[test]
fn a_unix_socket_is_served_as_any_other_and_has_no_address_to_tell() {
    let path = std::env::temp_dir().join(format!("ring-listeners-{}", std::process::id()));
    let mut server: Ring<()> = ring(&options(64));
    server.listen(unix_listener(&path, 0o600, 16).unwrap());
    server.enter().unwrap();
    let mut stream = UnixStream::connect(&path).unwrap();
    stream.set_read_timeout(Some(support::PATIENCE)).unwrap();
    let (conn, _, result) = peer(&mut server, false);
    assert!(result.is_err(), "{result:?}");
    stream.write_all(b"there and back").unwrap();
    server.receive_armed(conn);
    let Event::Received { mut buffer, .. } = next(&mut server) else {
        panic!("nothing was received");
    };
    server.bytes_mut(&mut buffer).make_ascii_uppercase();
    server.send(conn, server.bytes(&buffer).to_vec());
    server.give_back(buffer);
    assert!(matches!(
        next(&mut server),
        Event::Sent { result: Ok(()), .. }
    ));
    let mut answer = [0; 14];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"THERE AND BACK");
    support::close(&mut server, conn);
    assert_eq!(stream.read(&mut answer).unwrap(), 0);
    std::fs::remove_file(&path).unwrap();
}
