//! Hazard: a connection or its parcel lost, doubled or left behind between two rings.

mod support;

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc;

use support::{
    accepted, client, close, drive, listen, next, options, raise_limits, read_to_end, reset, ring,
};
use tributary_ring::{Event, ReceiveEnd, Ring, RingAddress};

/// What goes along: bytes, and a count of how many parcels exist.
#[derive(Debug)]
struct Parcel {
    bytes: Vec<u8>,
    alive: Arc<AtomicI64>,
}

impl Parcel {
    fn boxed(bytes: &[u8], alive: &Arc<AtomicI64>) -> Box<Parcel> {
        alive.fetch_add(1, Ordering::SeqCst);
        Box::new(Parcel {
            bytes: bytes.to_vec(),
            alive: alive.clone(),
        })
    }
}

impl Drop for Parcel {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A ring on a thread of its own that answers each arrival with its parcel, holds it until the
/// client leaves, and ends after `expected` arrivals.
fn start_home(
    table_slots: u32,
    expected: u32,
) -> (RingAddress, std::thread::JoinHandle<(u64, u32)>) {
    let (told, address) = mpsc::channel();
    let home = std::thread::spawn(move || {
        let mut home: Ring<Parcel> = ring(&options(table_slots));
        told.send(home.address()).unwrap();
        let mut closed = 0;
        drive(&mut home, |ring, event| {
            match event {
                Event::Arrived { conn, parcel } => ring.send(conn, parcel.bytes.clone()),
                Event::Sent {
                    conn,
                    result: Ok(()),
                    ..
                } => ring.receive_armed(conn),
                Event::Sent { conn, .. } => ring.close(conn),
                Event::Received { conn, buffer, .. } => {
                    ring.give_back(buffer);
                    ring.receive_armed(conn);
                }
                Event::ReceiveEnded {
                    conn,
                    end: ReceiveEnd::NoBuffers,
                } => {
                    ring.receive_armed(conn);
                }
                Event::ReceiveEnded { conn, .. } => ring.close(conn),
                Event::Closed { .. } => closed += 1,
                other => panic!("unexpected {other:?}"),
            }
            closed == expected
        });
        (home.stats().arrived, home.used_slots())
    });
    (address.recv().unwrap(), home)
}

/// Reads the first bytes of each connection and sends it on; answers what is refused.
fn pass_on(ring: &mut Ring<Parcel>, home: &RingAddress, alive: &Arc<AtomicI64>, count: u32) {
    let mut over = 0;
    drive(ring, |ring, event| {
        match event {
            Event::Accepted { conn, .. } => ring.receive_armed(conn),
            Event::Received { conn, buffer, .. } => {
                let parcel = Parcel::boxed(ring.bytes(&buffer), alive);
                ring.give_back(buffer);
                ring.hand_over(conn, home, parcel);
            }
            Event::ReceiveEnded {
                conn,
                end: ReceiveEnd::NoBuffers,
            } => ring.receive_armed(conn),
            Event::ReceiveEnded { conn, .. } => ring.close(conn),
            Event::HandedOver { .. } | Event::Closed { .. } => over += 1,
            Event::HandOverRefused {
                conn,
                parcel,
                error,
            } => {
                assert_eq!(error, libc::ENFILE);
                ring.send(conn, [b"no:", &parcel.bytes[..]].concat());
            }
            Event::Sent { conn, .. } => ring.close(conn),
            other => panic!("unexpected {other:?}"),
        }
        over == count
    });
}

#[test]
fn a_handed_connection_keeps_its_parcel_and_what_was_still_unread() {
    let alive = Arc::new(AtomicI64::new(0));
    let (home, thread) = start_home(8, 1);
    let mut door: Ring<Parcel> = ring(&options(8));
    let mut device = client(listen(&mut door));
    let conn = accepted(&mut door);
    device.write_all(b"unread").unwrap();
    door.hand_over(conn, &home, Parcel::boxed(b"carried", &alive));
    assert!(matches!(next(&mut door), Event::HandedOver { conn: gone } if gone == conn));
    assert_eq!(door.used_slots(), 0);
    let mut answer = [0; 7];
    device.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"carried");
    drop(device);
    assert_eq!(thread.join().unwrap(), (1, 0));
    assert_eq!(alive.load(Ordering::SeqCst), 0);
}

#[test]
fn a_full_target_refuses_and_both_connection_and_parcel_come_back() {
    const SLOTS: u32 = 8;
    const CONNECTIONS: u32 = 32;
    let alive = Arc::new(AtomicI64::new(0));
    let (home, thread) = start_home(SLOTS, SLOTS);
    let mut door: Ring<Parcel> = ring(&options(64));
    let addr = listen(&mut door);
    let mut devices: Vec<_> = (0..CONNECTIONS).map(|_| client(addr)).collect();
    for (index, device) in devices.iter_mut().enumerate() {
        device.write_all(format!("{index:04}").as_bytes()).unwrap();
    }
    pass_on(&mut door, &home, &alive, CONNECTIONS);
    assert_eq!(door.stats().handed_over, u64::from(SLOTS));
    assert_eq!(
        door.stats().hand_over_refused,
        u64::from(CONNECTIONS - SLOTS)
    );
    assert_eq!(door.used_slots(), 0);

    let mut kept = 0;
    for (index, mut device) in devices.into_iter().enumerate() {
        let mut answer = [0; 4];
        device.read_exact(&mut answer).unwrap();
        if answer.starts_with(b"no:") {
            let rest = [&answer[3..], &read_to_end(&mut device)].concat();
            assert_eq!(rest, format!("{index:04}").as_bytes());
        } else {
            assert_eq!(answer, format!("{index:04}").as_bytes());
            kept += 1;
        }
    }
    assert_eq!(kept, SLOTS);
    assert_eq!(thread.join().unwrap(), (u64::from(SLOTS), 0));
    assert_eq!(alive.load(Ordering::SeqCst), 0);
}

/// A home that serves until the connection arrives that says "end"; how many will arrive is not
/// known before. Says how many did.
fn home_until_the_end() -> (RingAddress, std::thread::JoinHandle<u64>) {
    let (told, address) = mpsc::channel();
    let home = std::thread::spawn(move || {
        let mut home: Ring<Parcel> = ring(&options(4_000));
        told.send(home.address()).unwrap();
        let mut ending = false;
        drive(&mut home, |ring, event| {
            match event {
                Event::Arrived { conn, parcel } => {
                    ending |= parcel.bytes == b"end";
                    ring.send(conn, parcel.bytes.clone());
                }
                Event::Sent { conn, .. } => ring.receive_armed(conn),
                Event::Received { conn, buffer, .. } => {
                    ring.give_back(buffer);
                    ring.close(conn);
                }
                Event::ReceiveEnded { conn, .. } => ring.close(conn),
                Event::Closed { .. } => {}
                other => panic!("unexpected {other:?}"),
            }
            ending && ring.used_slots() == 0
        });
        home.stats().arrived
    });
    (address.recv().unwrap(), home)
}

#[test]
fn nothing_is_lost_when_clients_leave_at_any_moment() {
    const CONNECTIONS: u32 = 3_000;
    raise_limits();
    let alive = Arc::new(AtomicI64::new(0));
    let (told, addr) = mpsc::channel();
    let (home, arrivals) = home_until_the_end();
    let counted = alive.clone();
    let door = std::thread::spawn(move || {
        let mut door: Ring<Parcel> = ring(&options(4_000));
        told.send(listen(&mut door)).unwrap();
        pass_on(&mut door, &home, &counted, CONNECTIONS + 1);
        assert_eq!(door.used_slots(), 0);
        *door.stats()
    });
    let addr = addr.recv().unwrap();
    for index in 0..CONNECTIONS {
        let mut device = client(addr);
        if index % 4 != 0 {
            // The other side may have gone already; that is the point.
            let _ = device.write_all(&index.to_le_bytes());
        }
        match index % 3 {
            0 => reset(device),
            1 => drop(device),
            _ => {
                let _ = device.shutdown(std::net::Shutdown::Write);
                if index % 4 != 0 {
                    assert_eq!(read_to_end(&mut device), index.to_le_bytes());
                }
            }
        }
    }
    let mut last = client(addr);
    last.write_all(b"end").unwrap();
    let mut answer = [0; 3];
    last.read_exact(&mut answer).unwrap();
    drop(last);
    let stats = door.join().unwrap();
    let arrived = arrivals.join().unwrap();
    assert_eq!(stats.accepted, u64::from(CONNECTIONS) + 1);
    assert_eq!(stats.handed_over, arrived);
    assert!(
        arrived > u64::from(CONNECTIONS) / 3,
        "most were to be handed over, {arrived} were"
    );
    assert_eq!(
        stats.handed_over + stats.closes_alone + stats.closes_linked,
        stats.accepted
    );
    assert_eq!(alive.load(Ordering::SeqCst), 0);
}

#[test]
fn what_cannot_be_handed_over_is_refused_at_once() {
    let alive = Arc::new(AtomicI64::new(0));
    let mut door: Ring<Parcel> = ring(&options(8));
    let device = client(listen(&mut door));
    let conn = accepted(&mut door);
    let refusal = |door: &mut Ring<Parcel>, target: &RingAddress| {
        door.hand_over(conn, target, Parcel::boxed(b"", &alive));
        match next(door) {
            Event::HandOverRefused {
                conn: back, error, ..
            } if back == conn => error,
            other => panic!("expected a refusal, not {other:?}"),
        }
    };
    let other_kind: Ring<u64> = ring(&options(8));
    assert_eq!(refusal(&mut door, &other_kind.address()), libc::EINVAL);
    let gone = ring::<Parcel>(&options(8)).address();
    assert!(!gone.is_open());
    assert_eq!(refusal(&mut door, &gone), libc::EOWNERDEAD);
    let own = door.address();
    assert_eq!(refusal(&mut door, &own), libc::EINVAL);
    door.poll_readable(conn);
    let open: Ring<Parcel> = ring(&options(8));
    assert_eq!(refusal(&mut door, &open.address()), libc::EBUSY);
    assert_eq!(alive.load(Ordering::SeqCst), 0);
    close(&mut door, conn);
    drop(device);
}
