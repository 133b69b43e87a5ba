//! Hazard: a slot that leaks, or is freed twice, when thousands of connections come and go.

mod support;

use std::net::SocketAddr;

use support::{drive, listen, options, raise_limits, ring};
use tributary_ring::{Event, ReceiveEnd, Ring, RingOptions};

const CONNECTIONS: u32 = 5_000;
/// Fewer slots than connections, so that slots live many lives.
const SERVER_SLOTS: u32 = 1_200;
const AT_ONCE: u32 = 1_000;

/// Reads one message per connection, then closes every other one itself.
fn serve(mut server: Ring<()>) -> Ring<()> {
    let mut closed = 0;
    drive(&mut server, |ring, event| {
        match event {
            Event::Accepted { conn, .. } => ring.poll_readable(conn),
            Event::Readable { conn } => ring.receive(conn),
            Event::Received { conn, buffer, .. } => {
                let answered = ring.bytes(&buffer).contains(&b'!');
                ring.give_back(buffer);
                if answered {
                    ring.close(conn);
                } else {
                    ring.poll_readable(conn);
                }
            }
            Event::ReceiveEnded {
                conn,
                end: ReceiveEnd::WouldBlock | ReceiveEnd::NoBuffers,
            } => {
                ring.poll_readable(conn);
            }
            Event::ReceiveEnded { conn, .. } => ring.close(conn),
            Event::Closed { .. } => closed += 1,
            other => panic!("unexpected {other:?}"),
        }
        closed == CONNECTIONS
    });
    server
}

/// Dials, says one thing, and leaves: at once, or after the server has.
fn visit(addr: SocketAddr) -> Ring<()> {
    let mut client: Ring<()> = ring(&options(AT_ONCE));
    let mut dialled = 0;
    let mut closed = 0;
    while dialled < AT_ONCE {
        client.connect(None, addr).unwrap();
        dialled += 1;
    }
    drive(&mut client, |ring, event| {
        match event {
            Event::Connected { conn, result } => {
                assert_eq!(result, Ok(()));
                let waits = conn.slot % 2 == 0;
                ring.send(
                    conn,
                    if waits {
                        b"bye!".to_vec()
                    } else {
                        b"hello".to_vec()
                    },
                );
                if waits {
                    ring.receive_armed(conn);
                }
            }
            Event::Sent { conn, .. } if conn.slot % 2 == 0 => {}
            Event::Sent { conn, .. } if conn.slot % 3 == 0 => ring.reset(conn),
            Event::Sent { conn, .. } => ring.close(conn),
            Event::ReceiveEnded { conn, .. } => ring.close(conn),
            Event::Closed { .. } => {
                closed += 1;
                if dialled < CONNECTIONS {
                    ring.connect(None, addr).unwrap();
                    dialled += 1;
                }
            }
            other => panic!("unexpected {other:?}"),
        }
        closed == CONNECTIONS
    });
    client
}

#[test]
fn five_thousand_connections_leave_no_slot_behind() {
    raise_limits();
    let (told, addr) = std::sync::mpsc::channel();
    let server = std::thread::spawn(move || {
        let sizes = RingOptions {
            submission_entries: 256,
            ..options(SERVER_SLOTS)
        };
        let mut server = ring(&sizes);
        told.send(listen(&mut server)).unwrap();
        let server = serve(server);
        assert_eq!(server.used_slots(), 0);
        assert_eq!(server.address().used_slots(), 0);
        *server.stats()
    });
    let client = visit(addr.recv().unwrap());
    assert_eq!(client.used_slots(), 0);
    let stats = server.join().unwrap();
    assert_eq!(stats.accepted, u64::from(CONNECTIONS));
    assert_eq!(
        stats.closes_alone + stats.closes_linked,
        u64::from(CONNECTIONS)
    );
    assert_eq!(stats.accept_refused, 0);
}
