//! How much CPU does a server thread need per echoed 64-byte message, 200 connections with one in
//! flight each: ring or epoll?
//!
//! Both servers meet the same client, a ring on a thread of its own. Compare lines of one run:
//! machines differ, and so do minutes.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::thread;

use rustix::event::epoll;
use tributary_ring::{Event, ReceiveEnd, Ring, RingOptions, Wake, clock, listener};

const CONNECTIONS: u32 = 200;
const MESSAGES_PER_CONNECTION: u32 = 2_000;
const MESSAGE_BYTES: usize = 64;
const MESSAGES: u64 = CONNECTIONS as u64 * MESSAGES_PER_CONNECTION as u64;

fn main() {
    println!("{:<40} {:>12} {:>14}", "server", "CPU ns/msg", "messages/s");
    for _ in 0..3 {
        measure("epoll, recv and send calls", serve_with_epoll);
        measure("ring, poll then receive, wait 1", |l| {
            serve_with_ring(l, false, 1)
        });
        measure("ring, multishot receive, wait 1", |l| {
            serve_with_ring(l, true, 1)
        });
        measure("ring, poll then receive, min-wait 32", |l| {
            serve_with_ring(l, false, 32)
        });
        measure("ring, multishot receive, min-wait 32", |l| {
            serve_with_ring(l, true, 32)
        });
        println!();
    }
}

/// Runs `serve`, which returns the CPU time of its thread when all clients have gone.
fn measure(name: &str, serve: impl FnOnce(TcpListener) -> u64 + Send) {
    let listener = listener("127.0.0.1:0".parse().unwrap(), 1024).unwrap();
    let addr = listener.local_addr().unwrap();
    thread::scope(|scope| {
        let server = scope.spawn(move || {
            let before = clock::thread_cpu_ns();
            serve(listener) - before
        });
        let elapsed_ns = run_client(addr);
        let cpu_ns = server.join().unwrap();
        let rate = MESSAGES as f64 * 1e9 / elapsed_ns as f64;
        println!("{name:<40} {:>12} {rate:>14.0}", cpu_ns / MESSAGES);
    });
}

fn open_ring() -> Ring<()> {
    let options = RingOptions {
        table_slots: 256,
        ..RingOptions::default()
    };
    Ring::open(&options, &Wake::new().unwrap()).unwrap()
}

fn run_client(addr: SocketAddr) -> u64 {
    let mut ring = open_ring();
    let start = clock::monotonic_ns();
    for _ in 0..CONNECTIONS {
        ring.connect(None, addr).unwrap();
    }
    let mut left: HashMap<u32, (u32, usize)> = HashMap::new();
    let mut gone = 0;
    while gone < CONNECTIONS {
        ring.wait(1, 0, 100_000).unwrap();
        while let Some(event) = ring.next_event() {
            match event {
                Event::Connected { conn, result } => {
                    result.unwrap();
                    left.insert(conn.slot, (MESSAGES_PER_CONNECTION, MESSAGE_BYTES));
                    ring.receive_multishot(conn);
                    ring.send(conn, vec![7; MESSAGE_BYTES]);
                }
                Event::Received { conn, buffer, more } => {
                    let (messages, bytes) = left.get_mut(&conn.slot).unwrap();
                    *bytes -= buffer.len();
                    ring.give_back(buffer);
                    if !more {
                        ring.receive_multishot(conn);
                    }
                    if *bytes == 0 {
                        *bytes = MESSAGE_BYTES;
                        *messages -= 1;
                        if *messages == 0 {
                            ring.close(conn);
                        } else {
                            ring.send(conn, vec![7; MESSAGE_BYTES]);
                        }
                    }
                }
                Event::ReceiveEnded { conn, .. } => ring.receive_multishot(conn),
                Event::Closed { .. } => gone += 1,
                _ => {}
            }
        }
    }
    clock::monotonic_ns() - start
}

fn serve_with_ring(listener: TcpListener, multishot: bool, want: usize) -> u64 {
    let mut ring = open_ring();
    ring.listen(listener);
    let mut gone = 0;
    while gone < CONNECTIONS {
        ring.wait(want, if want > 1 { 50 } else { 0 }, 100_000)
            .unwrap();
        while let Some(event) = ring.next_event() {
            match event {
                Event::Accepted { conn, .. } if multishot => ring.receive_multishot(conn),
                Event::Accepted { conn, .. } => ring.poll_readable(conn),
                Event::Readable { conn } => ring.receive(conn),
                Event::Received { conn, buffer, more } => {
                    ring.send(conn, ring.bytes(&buffer).to_vec());
                    ring.give_back(buffer);
                    if !more && multishot {
                        ring.receive_multishot(conn);
                    } else if !more {
                        ring.poll_readable(conn);
                    }
                }
                Event::ReceiveEnded {
                    conn,
                    end: ReceiveEnd::WouldBlock,
                } => {
                    ring.poll_readable(conn);
                }
                Event::ReceiveEnded { conn, .. } => ring.close(conn),
                Event::Closed { .. } => gone += 1,
                _ => {}
            }
        }
    }
    clock::thread_cpu_ns()
}

fn serve_with_epoll(listener: TcpListener) -> u64 {
    let set = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
    let mut streams: HashMap<u64, TcpStream> = HashMap::new();
    for _ in 0..CONNECTIONS {
        let (stream, _) = listener.accept().unwrap();
        stream.set_nonblocking(true).unwrap();
        let key = stream.as_raw_fd() as u64;
        epoll::add(
            &set,
            &stream,
            epoll::EventData::new_u64(key),
            epoll::EventFlags::IN,
        )
        .unwrap();
        streams.insert(key, stream);
    }
    let mut events: Vec<epoll::Event> = Vec::with_capacity(512);
    let mut buffer = [0; 8192];
    while !streams.is_empty() {
        events.clear();
        epoll::wait(&set, rustix::buffer::spare_capacity(&mut events), None).unwrap();
        for event in &events {
            let key = event.data.u64();
            let stream = streams.get_mut(&key).unwrap();
            match stream.read(&mut buffer) {
                Ok(0) | Err(_) => drop(streams.remove(&key)),
                Ok(count) => stream.write_all(&buffer[..count]).unwrap(),
            }
        }
    }
    clock::thread_cpu_ns()
}
