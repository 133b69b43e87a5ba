//! Hazard: dialling that hangs, leaks a slot, or takes a slot that the kernel has given away.

mod support;

use std::net::TcpListener;

use support::{client, close, listen, next, options, ring};
use tributary_ring::{Event, Ring};

#[test]
fn a_refused_dial_says_so_and_can_be_closed() {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let mut dialler: Ring<()> = ring(&options(2));
    let conn = dialler.connect(None, port).unwrap();
    match next(&mut dialler) {
        Event::Connected {
            conn: failed,
            result,
        } => {
            assert_eq!((failed, result), (conn, Err(libc::ECONNREFUSED)));
        }
        other => panic!("unexpected {other:?}"),
    }
    close(&mut dialler, conn);
    assert_eq!(dialler.used_slots(), 0);
}

#[test]
fn a_dial_that_nobody_answers_can_be_given_up() {
    // A listener with a full backlog drops what comes after.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let any: std::net::SocketAddr = "127.0.0.1:0".parse().unwrap();
    socket.bind(&any.into()).unwrap();
    socket.listen(0).unwrap();
    let deaf = socket.local_addr().unwrap().as_socket().unwrap();
    let mut dialler: Ring<()> = ring(&options(8));
    let conns: Vec<_> = (0..8)
        .map(|_| dialler.connect(None, deaf).unwrap())
        .collect();
    dialler.wait(8, 0, 50_000).unwrap();
    let mut pending = conns;
    while let Some(event) = dialler.next_event() {
        let Event::Connected { conn, .. } = event else {
            panic!("unexpected {event:?}")
        };
        pending.retain(|one| *one != conn);
        dialler.close(conn);
    }
    assert!(!pending.is_empty(), "the backlog of 0 took them all");
    pending.iter().for_each(|conn| dialler.close(*conn));
    support::drive(&mut dialler, |ring, event| {
        assert!(
            matches!(event, Event::Closed { .. }),
            "unexpected {event:?}"
        );
        ring.used_slots() == 0
    });
}

#[test]
fn a_full_table_refuses_to_dial_and_an_explicit_source_port_is_used() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = listener.local_addr().unwrap();
    let free = TcpListener::bind("127.0.0.9:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let mut dialler: Ring<()> = ring(&options(1));
    let conn = dialler.connect(Some(free), target).unwrap();
    assert!(matches!(
        next(&mut dialler),
        Event::Connected { result: Ok(()), .. }
    ));
    assert_eq!(listener.accept().unwrap().1, free);
    let full = dialler.connect(None, target).unwrap_err();
    assert_eq!(full.raw_os_error(), Some(libc::ENFILE));
    close(&mut dialler, conn);
    dialler.connect(None, target).unwrap();
}

#[test]
fn a_ring_that_listens_does_not_dial() {
    let mut server: Ring<()> = ring(&options(4));
    let addr = listen(&mut server);
    assert_eq!(
        server.connect(None, addr).unwrap_err().kind(),
        std::io::ErrorKind::InvalidInput
    );
    drop(client(addr));
}

#[test]
fn a_ring_that_dials_takes_no_hand_overs() {
    let mut server: Ring<u8> = ring(&options(4));
    let addr = listen(&mut server);
    let (told, address) = std::sync::mpsc::channel();
    let (quit, wait) = std::sync::mpsc::channel::<()>();
    let dialler = std::thread::spawn(move || {
        let mut dialler: Ring<u8> = ring(&options(4));
        dialler.connect(None, addr).unwrap();
        assert!(matches!(
            next(&mut dialler),
            Event::Connected { result: Ok(()), .. }
        ));
        told.send(dialler.address()).unwrap();
        // Let the kernel answer the message in this thread.
        while wait.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
            dialler.wait(1, 0, 5_000).unwrap();
            assert!(dialler.next_event().is_none());
        }
    });
    let conn = support::accepted(&mut server);
    server.hand_over(conn, &address.recv().unwrap(), Box::new(5));
    match next(&mut server) {
        Event::HandOverRefused { parcel, error, .. } => {
            assert_eq!((*parcel, error), (5, libc::ENFILE));
        }
        other => panic!("unexpected {other:?}"),
    }
    drop(quit);
    dialler.join().unwrap();
}
