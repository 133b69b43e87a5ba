//! What happens on one connection of a fleet: dial, greet, read, write, close.

use super::Fleet;
use super::client::{AWAITS_PINGRESP, RETURNS, SETTLED, SPOKEN, State};
use super::frames::{Context, on_frame};
use crate::close::Close;
use crate::codec::{each_frame, encode};
use crate::plan::Farewell;
use rustix::io::Errno;
use std::io;
use tributary_ring::{Conn, Event, ReceiveEnd};

/// Source ports that one connect may step over because they are taken.
const STEPS_MAX: u32 = 4_096;
/// Buffers kept for the next send, and the largest one worth keeping.
const SPARES_MAX: usize = 1_024;
const SPARE_BYTES_MAX: usize = 4_096;

impl Fleet {
    pub(super) fn open(&mut self, place: u32, intended_ns: u64) {
        self.books.counts.connects_tried += 1;
        let client = &mut self.clients[place as usize];
        self.books.counts.reconnects += u64::from(client.has(RETURNS));
        client.begin(intended_ns);
        self.opener.on_open(place, 0, self.now_ns);
        self.dial(place);
    }

    fn dial(&mut self, place: u32) {
        for _ in 0..STEPS_MAX {
            let pair = self.sources.next_pair();
            match self.rings.dial(pair, self.plan.target) {
                Ok((ring, conn)) => {
                    self.owners[ring][conn.slot as usize] = place;
                    let client = &mut self.clients[place as usize];
                    (client.ring, client.conn) = (ring as u8, conn);
                    client.state = State::Dialling;
                    return;
                }
                Err(error) if is_taken(&error) && pair.is_some() => {}
                Err(error) => {
                    self.clients[place as usize].state = State::Dialling;
                    let close = Close::NotReached(error.raw_os_error().unwrap_or(0));
                    return self.forget(place, close);
                }
            }
        }
        self.clients[place as usize].state = State::Dialling;
        self.forget(place, Close::NoPort);
    }

    pub(super) fn on_event(&mut self, ring: usize, event: Event<()>) {
        let place_of = |conn: Conn| self.owners[ring][conn.slot as usize];
        match event {
            Event::Connected { conn, result } => self.on_connected(place_of(conn), result),
            Event::Readable { conn } => self.rings.ring(ring).receive(conn),
            Event::Received { conn, buffer, more } => {
                let place = place_of(conn);
                let mut bytes = std::mem::take(&mut self.read);
                bytes.clear();
                bytes.extend_from_slice(self.rings.ring(ring).bytes(&buffer));
                self.rings.ring(ring).give_back(buffer);
                let taken = self.on_bytes(place, &mut bytes);
                self.read = bytes;
                match taken {
                    Ok(()) if !more => self.rings.ring(ring).poll_readable(conn),
                    Ok(()) => {}
                    Err(close) => self.close(place, close),
                }
            }
            Event::ReceiveEnded { conn, end } => match end {
                ReceiveEnd::WouldBlock | ReceiveEnd::NoBuffers => {
                    self.rings.ring(ring).poll_readable(conn);
                }
                ReceiveEnd::Cancelled => {}
                ReceiveEnd::Eof => self.close(place_of(conn), Close::Ended),
                ReceiveEnd::Error(raw) => self.close(place_of(conn), Close::Broken(raw)),
            },
            Event::Sent {
                conn,
                result,
                bytes,
            } => {
                let place = place_of(conn);
                self.keep(bytes);
                if let Err(raw) = result {
                    self.close(place, Close::Broken(raw));
                } else if let Some(waiting) = self.unsent.remove(&place) {
                    self.rings.ring(ring).send(conn, waiting);
                }
            }
            Event::Closed { .. } => self.closing -= 1,
            // A ring that dials takes no connections.
            Event::Accepted { .. }
            | Event::AcceptRefused { .. }
            | Event::PeerName { .. }
            | Event::Arrived { .. }
            | Event::HandedOver { .. }
            | Event::HandOverRefused { .. } => {}
        }
    }

    fn on_connected(&mut self, place: u32, result: Result<(), i32>) {
        match result {
            Ok(()) => {
                let client = &mut self.clients[place as usize];
                client.state = State::AwaitConnack;
                client.set(SPOKEN, true);
                let mut first = self.spare();
                match &mut self.tunnels {
                    Some(tunnels) => {
                        if let Err(close) = tunnels.dial(place, &mut first) {
                            return self.close(place, close);
                        }
                    }
                    None => self.hello(place, &mut first),
                }
                let client = &self.clients[place as usize];
                let (ring, conn) = (self.rings.ring(usize::from(client.ring)), client.conn);
                ring.send(conn, first);
                ring.receive_armed(conn);
            }
            // The pair of this source and the target is still in TIME_WAIT: take the next.
            Err(raw) if is_taken(&io::Error::from_raw_os_error(raw)) => {
                self.hang_up(place);
                self.dial(place);
            }
            Err(raw) => self.close(place, Close::NotReached(raw)),
        }
    }

    /// Appends the CONNECT of a client.
    fn hello(&self, place: u32, out: &mut Vec<u8>) {
        let id = self.plan.run.client_id(self.first + place);
        let keepalive = self.plan.keepalive_secs;
        encode::connect(out, self.plan.version, id.as_bytes(), keepalive);
    }

    fn on_bytes(&mut self, place: u32, bytes: &mut Vec<u8>) -> Result<(), Close> {
        self.now_ns = self.clock.now_ns();
        self.books.counts.reads += 1;
        self.books.counts.bytes_received += bytes.len() as u64;
        let mut out = std::mem::take(&mut self.out);
        out.clear();
        if let Some(tunnels) = &mut self.tunnels
            && tunnels.open(place, bytes, &mut self.books.counts)?
        {
            self.hello(place, &mut out);
        }
        self.out = out;
        let mut partial = self.partials.remove(&place).unwrap_or_default();
        let client = &mut self.clients[place as usize];
        let was = client.state;
        let mut context = Context {
            plan: &self.plan,
            place,
            number: self.first + place,
            now_ns: self.now_ns,
            books: &mut self.books,
            talkers: &mut self.talkers,
            out: &mut self.out,
        };
        let taken = each_frame(&mut partial, bytes, |first_byte, body| {
            on_frame(client, (first_byte, body), &mut context)
        });
        if !partial.is_empty() {
            self.partials.insert(place, partial);
        }
        if was != State::Connected && client.state == State::Connected {
            self.connected += 1;
            self.opener.on_settled();
            self.settle(place);
        }
        taken?;
        self.pump(place);
        Ok(())
    }

    /// Sends what is in `out`, and behind it what the client may publish.
    pub(super) fn pump(&mut self, place: u32) {
        if self.clients[place as usize].state == State::Connected {
            let (now_ns, out) = (self.now_ns, &mut self.out);
            self.talkers.pump(place, now_ns, &mut self.books, out);
        }
        self.send_out(place);
    }

    /// Writes `out`; what finds another send under way waits for it.
    fn send_out(&mut self, place: u32) {
        if let Some(tunnels) = &mut self.tunnels {
            tunnels.seal(place, &mut self.out);
        }
        self.write_out(place);
    }

    fn write_out(&mut self, place: u32) {
        if self.out.is_empty() {
            return;
        }
        let client = &mut self.clients[place as usize];
        client.set(SPOKEN, true);
        let (index, conn) = (usize::from(client.ring), client.conn);
        self.books.counts.writes += 1;
        self.books.counts.bytes_sent += self.out.len() as u64;
        if self.rings.ring(index).send_in_flight(conn) {
            let waiting = self.unsent.entry(place).or_default();
            waiting.extend_from_slice(&self.out);
            return;
        }
        let mut bytes = self.spare();
        bytes.extend_from_slice(&self.out);
        self.rings.ring(index).send(conn, bytes);
    }

    /// A client that pinged has spoken, so an idle one pings once in two rounds.
    pub(super) fn ping(&mut self, place: u32) {
        let client = &mut self.clients[place as usize];
        if client.state != State::Connected || client.replace(SPOKEN, false) {
            return;
        }
        if client.replace(AWAITS_PINGRESP, true) {
            return self.close(place, Close::NoPingresp);
        }
        client.begin(self.now_ns);
        self.books.counts.pings_sent += 1;
        self.out.clear();
        self.out.extend_from_slice(&encode::PINGREQ);
        self.send_out(place);
    }

    /// Ends a connection, for whatever reason, and plans the next where there is to be one.
    pub(super) fn close(&mut self, place: u32, close: Close) {
        if self.clients[place as usize].state == State::Away {
            return;
        }
        if close.has_alert() || close.is_ours() && self.plan.fleet.farewell == Farewell::Fin {
            self.say_goodbye(place);
        }
        self.hang_up(place);
        self.forget(place, close);
    }

    /// DISCONNECT from whoever is connected, and what the tunnel has to say at its end.
    fn say_goodbye(&mut self, place: u32) {
        self.out.clear();
        if self.clients[place as usize].state == State::Connected {
            self.out.extend_from_slice(&encode::DISCONNECT);
        }
        if let Some(tunnels) = &mut self.tunnels {
            tunnels.seal_last(place, &mut self.out);
        }
        self.write_out(place);
    }

    fn hang_up(&mut self, place: u32) {
        let client = &self.clients[place as usize];
        let ring = self.rings.ring(usize::from(client.ring));
        self.closing += 1;
        match self.plan.fleet.farewell {
            Farewell::Fin => ring.close(client.conn),
            Farewell::Reset => ring.reset(client.conn),
        }
        self.partials.remove(&place);
        self.unsent.remove(&place);
    }

    /// Books the end of a connection whose socket is gone or was never there.
    fn forget(&mut self, place: u32, close: Close) {
        let in_handshake = self
            .tunnels
            .as_mut()
            .is_some_and(|tunnels| tunnels.end(place));
        let close = if in_handshake {
            close.in_handshake()
        } else {
            close
        };
        let client = &mut self.clients[place as usize];
        let close = if client.state == State::Connected {
            self.connected -= 1;
            close
        } else {
            self.opener.on_settled();
            close.before_connack()
        };
        client.state = State::Away;
        client.set(SPOKEN | AWAITS_PINGRESP, false);
        let attempts = client.attempts;
        self.books.closed(close, self.now_ns);
        if let Some(publisher) = self.talkers.at(place) {
            publisher.on_close(&mut self.books);
        }
        if close == Close::Churned {
            self.opener.retry_at_once(place, self.now_ns);
        } else if self.plan.reconnect && close != Close::Dropped {
            let client = &mut self.clients[place as usize];
            client.attempts = attempts.saturating_add(1);
            self.opener.retry(place, u16::from(attempts), self.now_ns);
        }
        self.settle(place);
    }

    fn settle(&mut self, place: u32) {
        let client = &mut self.clients[place as usize];
        self.settled += u64::from(!client.replace(SETTLED, true));
    }

    fn spare(&mut self) -> Vec<u8> {
        self.spares.pop().unwrap_or_default()
    }

    fn keep(&mut self, bytes: Vec<u8>) {
        if self.spares.len() < SPARES_MAX && bytes.capacity() <= SPARE_BYTES_MAX {
            self.spares.push(bytes);
        }
    }
}

fn is_taken(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(
        errno,
        Some(Errno::ADDRINUSE | Errno::ADDRNOTAVAIL | Errno::ACCESS)
    )
}
