//! The floor over rings: the same answers without a descriptor per connection, for more of them
//! than a process may have.

use super::Gone;
use super::reply::reply;
use crate::codec::each_frame;
use crate::rings::Rings;
use rustc_hash::FxHashMap;
use std::io;
use std::net::SocketAddr;
use tributary_ring::{Conn, Event, ReceiveEnd};

const WAIT_MICROS: u32 = 1_000_000;
/// What a peer speaks until its CONNECT says otherwise.
const VERSION_FIRST: u8 = 4;

pub(super) struct Ringed {
    rings: Rings,
    /// The MQTT version of whoever has a slot, for each ring.
    versions: Vec<Box<[u8]>>,
    /// Fronts of frames and answers behind a send under way, by ring and slot; few at any time.
    partials: FxHashMap<(usize, u32), Vec<u8>>,
    unsent: FxHashMap<(usize, u32), Vec<u8>>,
    spares: Vec<Vec<u8>>,
    /// Idle peers wait in a multishot receive, not in a poll.
    multishot: bool,
}

impl Ringed {
    /// Listens with room for so many connections on this thread.
    pub(super) fn open(
        address: SocketAddr,
        connections: u64,
        multishot: bool,
    ) -> io::Result<(Self, SocketAddr)> {
        let (rings, bound) = Rings::listen(connections, address)?;
        let versions = || vec![VERSION_FIRST; rings.table_slots() as usize].into();
        let floor = Self {
            versions: (0..rings.count()).map(|_| versions()).collect(),
            rings,
            partials: FxHashMap::default(),
            unsent: FxHashMap::default(),
            spares: Vec::new(),
            multishot,
        };
        Ok((floor, bound))
    }

    pub(super) fn serve(&mut self) -> io::Result<()> {
        loop {
            self.rings.enter()?;
            if self.take_events() == 0 {
                self.rings.wait(WAIT_MICROS)?;
                self.take_events();
            }
        }
    }

    fn take_events(&mut self) -> usize {
        let mut count = 0;
        while let Some((ring, event)) = self.rings.poll_event() {
            self.on_event(ring, event);
            count += 1;
        }
        count
    }

    fn on_event(&mut self, ring: usize, event: Event<()>) {
        match event {
            Event::Accepted { conn, .. } => {
                self.versions[ring][conn.slot as usize] = VERSION_FIRST;
                self.rings.ring(ring).receive_armed(conn);
            }
            Event::Readable { conn } => self.rings.ring(ring).receive(conn),
            Event::Received { conn, buffer, more } => {
                let mut replies = self.spares.pop().unwrap_or_default();
                let mut partial = self.partials.remove(&(ring, conn.slot)).unwrap_or_default();
                let version = &mut self.versions[ring][conn.slot as usize];
                let plane = self.rings.ring(ring);
                let taken = each_frame(&mut partial, plane.bytes(&buffer), |first_byte, body| {
                    reply(version, first_byte, body, &mut replies)
                });
                plane.give_back(buffer);
                if !partial.is_empty() {
                    self.partials.insert((ring, conn.slot), partial);
                }
                match taken {
                    Ok(()) => {
                        if !more {
                            self.arm(ring, conn);
                        }
                        self.send(ring, conn, replies);
                    }
                    Err(Gone) => self.close(ring, conn),
                }
            }
            Event::ReceiveEnded { conn, end } => match end {
                ReceiveEnd::WouldBlock | ReceiveEnd::NoBuffers => {
                    self.arm(ring, conn);
                }
                _ => self.close(ring, conn),
            },
            Event::Sent { conn, bytes, .. } => {
                self.spares.push(bytes);
                // A failed send shows in the next read, too.
                if let Some(waiting) = self.unsent.remove(&(ring, conn.slot)) {
                    self.rings.ring(ring).send(conn, waiting);
                }
            }
            Event::Closed { .. }
            | Event::AcceptRefused { .. }
            | Event::Connected { .. }
            | Event::PeerName { .. }
            | Event::Arrived { .. }
            | Event::HandedOver { .. }
            | Event::HandOverRefused { .. } => {}
        }
    }

    fn arm(&mut self, ring: usize, conn: Conn) {
        match self.multishot {
            true => self.rings.ring(ring).receive_multishot(conn),
            false => self.rings.ring(ring).poll_readable(conn),
        }
    }

    fn send(&mut self, ring: usize, conn: Conn, replies: Vec<u8>) {
        if replies.is_empty() {
            self.spares.push(replies);
        } else if self.rings.ring(ring).send_in_flight(conn) {
            let waiting = self.unsent.entry((ring, conn.slot)).or_default();
            waiting.extend_from_slice(&replies);
        } else {
            self.rings.ring(ring).send(conn, replies);
        }
    }

    fn close(&mut self, ring: usize, conn: Conn) {
        self.partials.remove(&(ring, conn.slot));
        self.unsent.remove(&(ring, conn.slot));
        self.rings.ring(ring).close(conn);
    }
}
