//! Hazard: a shard that sleeps through a completion or a note, or is woken for nothing.

mod support;

use std::fs::File;
use std::io::{Read, Write};
use std::sync::Arc;

use support::{accepted, client, listen, options};
use tributary_ring::{Event, Ring, Wake, adopt};

/// Signals since the last look; does not wait.
fn signals(ear: &File) -> u64 {
    let flags = socket2::SockRef::from(ear);
    flags.set_nonblocking(true).unwrap();
    let mut count = [0; 8];
    let mut reader = ear;
    let got = reader.read(&mut count);
    flags.set_nonblocking(false).unwrap();
    got.map_or(0, |_| u64::from_ne_bytes(count))
}

#[test]
fn a_completion_rings_the_bell_only_while_it_is_sound() {
    let wake = Wake::new().unwrap();
    let mut ear: File = adopt(wake.try_clone_fd().unwrap());
    let mut server: Ring<()> = Ring::open(&options(8), &wake).unwrap();
    server.silence_wake();
    let mut peer = client(listen(&mut server));
    let conn = accepted(&mut server);
    server.poll_readable(conn);
    server.enter().unwrap();
    assert_eq!(signals(&ear), 0);

    server.sound_wake();
    assert!(!server.has_work());
    peer.write_all(b"ring").unwrap();
    // Blocks until the bell rings; a lost signal hangs here and fails by the harness' patience.
    ear.read_exact(&mut [0; 8]).unwrap();
    assert!(server.has_work());
    server.enter().unwrap();
    assert!(matches!(server.next_event(), Some(Event::Readable { .. })));
}

#[test]
fn a_note_from_another_thread_rings_the_same_bell() {
    let wake = Arc::new(Wake::new().unwrap());
    let mut ear: File = adopt(wake.try_clone_fd().unwrap());
    let note = wake.clone();
    let writer = std::thread::spawn(move || note.signal());
    ear.read_exact(&mut [0; 8]).unwrap();
    writer.join().unwrap();
    assert_eq!(signals(&ear), 0);
}

#[test]
fn a_wait_ends_when_the_bell_is_rung_again_and_again() {
    const LONG_US: u32 = 60_000_000;
    let wake = Arc::new(Wake::new().unwrap());
    let mut server: Ring<()> = Ring::open_waiting(&options(8), &wake).unwrap();
    for _ in 0..100 {
        let note = wake.clone();
        let writer = std::thread::spawn(move || note.signal());
        server.wait(32, 50, LONG_US).unwrap();
        assert!(server.next_event().is_none());
        writer.join().unwrap();
    }
}

#[test]
fn a_completion_in_one_ring_ends_a_wait_in_another() {
    const LONG_US: u32 = 60_000_000;
    let wake = Wake::new().unwrap();
    let mut waiting: Ring<()> = Ring::open_waiting(&options(8), &wake).unwrap();
    let mut server: Ring<()> = Ring::open(&options(8), &wake).unwrap();
    let mut peer = client(listen(&mut server));
    let conn = accepted(&mut server);
    for round in 0..10_u8 {
        server.poll_readable(conn);
        server.enter().unwrap();
        peer.write_all(&[round]).unwrap();
        while !server.has_completions() {
            waiting.wait(32, 50, LONG_US).unwrap();
            assert!(waiting.next_event().is_none());
        }
        server.enter().unwrap();
        assert!(matches!(server.next_event(), Some(Event::Readable { .. })));
        server.receive(conn);
        server.enter().unwrap();
        match server.next_event() {
            Some(Event::Received { buffer, .. }) => server.give_back(buffer),
            other => panic!("unexpected {other:?}"),
        }
    }
}
