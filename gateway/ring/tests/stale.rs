//! Hazard: a call or a completion for a connection that is over hits the one that took its slot.

mod support;

use std::io::Write;

use support::{accepted, assert_silent, client, close, listen, next, options, read_to_end, ring};
use tributary_ring::{Conn, Event, Ring};

#[test]
fn calls_for_a_past_life_of_a_slot_do_nothing() {
    let mut server: Ring<u8> = ring(&options(1));
    let addr = listen(&mut server);
    let first = client(addr);
    let old = accepted(&mut server);
    close(&mut server, old);
    drop(first);
    let mut second = client(addr);
    let new = accepted(&mut server);
    assert_eq!(new.slot, old.slot);

    let elsewhere: Ring<u8> = ring(&options(1));
    for outdated in [
        old,
        Conn {
            slot: 77,
            generation: 1,
        },
    ] {
        server.send(outdated, b"not for you".to_vec());
        server.poll_readable(outdated);
        server.receive(outdated);
        server.receive_armed(outdated);
        server.receive_multishot(outdated);
        server.cancel_receive(outdated);
        server.shutdown_write(outdated);
        server.hand_over(outdated, &elsewhere.address(), Box::new(1));
        server.close(outdated);
        server.reset(outdated);
        assert!(!server.is_live(outdated) && !server.send_in_flight(outdated));
    }
    assert_silent(&mut server);
    assert_eq!(server.stats().stale_calls, 20);

    server.send(new, b"for you".to_vec());
    assert!(matches!(
        next(&mut server),
        Event::Sent { result: Ok(()), .. }
    ));
    close(&mut server, new);
    assert_eq!(read_to_end(&mut second), b"for you");
}

#[test]
fn completions_of_a_closed_connection_are_swallowed_and_their_buffers_come_back() {
    let mut server: Ring<()> = ring(&options(1));
    let addr = listen(&mut server);
    // More lives than there are buffers: a buffer that did not come back would be missed.
    for _ in 0..40 {
        let mut peer = client(addr);
        let conn = accepted(&mut server);
        server.receive_armed(conn);
        peer.write_all(b"too late").unwrap();
        // The receive completes inside this enter, and the close overtakes the news of it.
        server.enter().unwrap();
        close(&mut server, conn);
    }
    assert!(
        server.stats().stale_completions >= 30,
        "{:?}",
        server.stats()
    );
    let mut peer = client(addr);
    let conn = accepted(&mut server);
    server.receive_armed(conn);
    peer.write_all(b"in time").unwrap();
    match next(&mut server) {
        Event::Received { buffer, .. } => {
            assert_eq!(server.bytes(&buffer), b"in time");
            server.give_back(buffer);
        }
        other => panic!("unexpected {other:?}"),
    }
    assert_eq!(server.stats().no_buffers, 0);
}
