//! What the tests share: a bell, a ring that listens on a free port, and waits that end.
//!
//! Under valgrind the test programs run with `--fair-sched=yes --errors-for-leak-kinds=definite`
//! (`--test-threads=1 --skip clients_leave --skip five_thousand` keeps it to a few minutes; the one
//! leak, of a ring dropped while a buffer was lent out, is intended: `--skip after_its_ring`).

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use tributary_ring::{Conn, Event, Ring, RingOptions, Wake, listeners};

/// Long enough for a loaded machine and for valgrind; a test that gets here has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn options(table_slots: u32) -> RingOptions {
    RingOptions {
        table_slots,
        submission_entries: 64,
        completion_entries: 256,
        receive_buffers: 16,
        receive_buffer_bytes: 512,
    }
}

/// A ring of its own, for threads that need no bell.
pub(crate) fn ring<H: Send + 'static>(options: &RingOptions) -> Ring<H> {
    // The ring keeps the eventfd it registered; the descriptor may go.
    Ring::open(options, &Wake::new().unwrap()).unwrap()
}

pub(crate) fn listen<H: Send + 'static>(ring: &mut Ring<H>) -> SocketAddr {
    let mut all = listeners("127.0.0.1:0".parse().unwrap(), 1, 4096).unwrap();
    let addr = all[0].local_addr().unwrap();
    ring.listen(all.remove(0));
    ring.enter().unwrap();
    addr
}

/// The next event, waiting for it. Panics when none comes.
pub(crate) fn next<H: Send + 'static>(ring: &mut Ring<H>) -> Event<H> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(event) = ring.next_event() {
            return event;
        }
        assert!(
            Instant::now() < deadline,
            "no event came: {:?}",
            ring.stats()
        );
        // Short, since valgrind lets no other thread run meanwhile.
        ring.wait(1, 0, 1_000).unwrap();
    }
}

/// Hands events to `handle` until it says that it has seen enough.
pub(crate) fn drive<H: Send + 'static>(
    ring: &mut Ring<H>,
    mut handle: impl FnMut(&mut Ring<H>, Event<H>) -> bool,
) {
    loop {
        let event = next(ring);
        if handle(ring, event) {
            return;
        }
    }
}

/// Lets the ring do all that it can do now, and says that nothing happened.
pub(crate) fn assert_silent<H: Send + 'static + std::fmt::Debug>(ring: &mut Ring<H>) {
    for _ in 0..3 {
        ring.wait(1, 0, 2_000).unwrap();
        if let Some(event) = ring.next_event() {
            panic!("unexpected {event:?}");
        }
    }
}

pub(crate) fn accepted<H: Send + 'static + std::fmt::Debug>(ring: &mut Ring<H>) -> Conn {
    match next(ring) {
        Event::Accepted { conn, .. } => conn,
        other => panic!("expected Accepted, not {other:?}"),
    }
}

/// Closes `conn` and waits until its slot is free.
pub(crate) fn close<H: Send + 'static + std::fmt::Debug>(ring: &mut Ring<H>, conn: Conn) {
    ring.close(conn);
    match next(ring) {
        Event::Closed { conn: closed } if closed == conn => {}
        other => panic!("expected Closed, not {other:?}"),
    }
}

/// A blocking client whose reads give up in the end.
pub(crate) fn client(addr: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Reads to the end; a reset counts as one, as a client would see it.
pub(crate) fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    match io::Read::read_to_end(stream, &mut bytes) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
        Err(error) => panic!("the connection was not ended: {error}"),
    }
    bytes
}

/// Closes with RST, which leaves no port in TIME_WAIT.
pub(crate) fn reset(stream: TcpStream) {
    let socket = socket2::Socket::from(stream);
    socket.set_linger(Some(Duration::ZERO)).unwrap();
}

/// Makes room for the sockets of a test; both ends of a connection live in this process.
pub(crate) fn raise_limits() {
    tributary_ring::limits::raise_nofile().unwrap();
}
