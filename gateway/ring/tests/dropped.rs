//! Hazard: a ring that goes away while the kernel still works for it: freed memory, lost parcels,
//! peers that wait forever.

mod support;

use std::io::Write;
use std::sync::Arc;

use support::{accepted, client, listen, next, options, read_to_end, ring};
use tributary_ring::{Event, Ring};

#[test]
fn peers_of_a_dropped_ring_see_the_end_whatever_was_in_flight() {
    let mut server: Ring<()> = ring(&options(8));
    let addr = listen(&mut server);
    let address = server.address();
    let mut peers = Vec::new();
    for index in 0..4 {
        peers.push(client(addr));
        let conn = accepted(&mut server);
        match index {
            0 => server.poll_readable(conn),
            1 => server.receive_armed(conn),
            2 => server.receive_multishot(conn),
            _ => server.send(conn, vec![1; 64 << 20]),
        }
    }
    server.enter().unwrap();
    // The address keeps the kernel's half alive: nothing of it may be left running.
    drop(server);
    for peer in &mut peers {
        read_to_end(peer);
    }
    assert!(!address.is_open());
    assert!(!tributary_ring::port_is_taken(addr).unwrap());
}

#[test]
fn an_idle_ring_that_is_dropped_closes_its_listener_and_its_connections() {
    let mut server: Ring<()> = ring(&options(8));
    let addr = listen(&mut server);
    let address = server.address();
    let mut peer = client(addr);
    let conn = accepted(&mut server);
    server.poll_readable(conn);
    server.enter().unwrap();
    drop(server);
    assert_eq!(read_to_end(&mut peer), b"");
    assert!(!tributary_ring::port_is_taken(addr).unwrap());
    assert!(!address.is_open());
}

#[test]
fn a_buffer_can_be_read_after_its_ring_is_gone() {
    let mut server: Ring<()> = ring(&options(8));
    let other: Ring<()> = ring(&options(8));
    let mut peer = client(listen(&mut server));
    let conn = accepted(&mut server);
    server.receive_armed(conn);
    peer.write_all(b"still readable").unwrap();
    let Event::Received { buffer, .. } = next(&mut server) else {
        panic!("expected bytes")
    };
    let bytes = server.bytes(&buffer);
    drop(server);
    assert_eq!(bytes, b"still readable");
    drop(other);
}

#[test]
fn parcels_that_have_arrived_unseen_are_freed_with_the_ring() {
    let alive = Arc::new(());
    let home: Ring<Arc<()>> = ring(&options(8));
    let (told, addr) = std::sync::mpsc::channel();
    let (address, parcel) = (home.address(), alive.clone());
    let door = std::thread::spawn(move || {
        let mut door: Ring<Arc<()>> = ring(&options(8));
        told.send(listen(&mut door)).unwrap();
        let conn = accepted(&mut door);
        door.hand_over(conn, &address, Box::new(parcel));
        door.enter().unwrap();
        door.stats().accepted
    });
    let mut peer = client(addr.recv().unwrap());
    assert_eq!(door.join().unwrap(), 1);
    drop(home);
    assert_eq!(read_to_end(&mut peer), b"");
    assert_eq!(Arc::strong_count(&alive), 1);
}
