//! TLS clients: their handshakes, what their records hold, and how that may end.

use tributary_proto::close::Close;
use tributary_tls::frame::{self, Front};
use tributary_tls::hello::offers_ticket;
use tributary_tls::{Fault, Handshake, Secured, Verdict};

use super::admit::Entrance;
use super::close::Whom;
use super::frames::farewell;
use super::seals::{Begun, End, Phase, Unsealed};
use super::world::{Order, Socket, World};
use crate::bound;
use crate::clock::since_1970;
use crate::limits::HALF_OPEN_PER_SHARD_MAX;
use crate::overload::Overload;

impl World {
    /// Looks at what a stranger under TLS has sent.
    pub(super) fn on_sealed(&mut self, socket: Socket, bytes: &mut [u8]) -> Entrance {
        let taken_bytes = match self.shake(socket, bytes) {
            Ok(taken_bytes) => taken_bytes,
            Err(entrance) => return entrance,
        };
        let bytes = &mut bytes[taken_bytes..];
        if bytes.is_empty() {
            return Entrance::Wait;
        }
        let (entrance, close) =
            self.open(socket, bytes, |world, data| world.on_clear(socket, data));
        let entrance = entrance.unwrap_or(Entrance::Wait);
        match (close, &entrance) {
            (None, _) => entrance,
            (Some(close), Entrance::Wait) => self.reject(socket, close),
            (Some(close), Entrance::In { index, .. }) => {
                self.end_at(*index, socket, close);
                entrance
            }
            (Some(close), Entrance::Elsewhere { .. } | Entrance::Behind) => {
                self.seals.note_end(socket, close);
                entrance
            }
            (Some(_), Entrance::Out) => entrance,
        }
    }

    /// A newcomer's records may have come to their end behind its MQTT, before it was here.
    pub(super) fn after_records(&mut self, socket: Socket, entrance: Entrance) -> Entrance {
        let Some(close) = self.seals.take_end(socket) else {
            return entrance;
        };
        match entrance {
            Entrance::Wait => return self.reject(socket, close),
            Entrance::In { index, .. } => self.end_at(index, socket, close),
            Entrance::Elsewhere { .. } | Entrance::Behind => self.seals.note_end(socket, close),
            Entrance::Out => {}
        }
        entrance
    }

    /// Handles what a client under TLS has sent; says how much of it was MQTT.
    pub(super) fn on_sealed_read(&mut self, socket: Socket, index: u32, bytes: &mut [u8]) -> usize {
        let read = |world: &mut World, data: &mut [u8]| world.on_clear_read(socket, index, data);
        let (mqtt_bytes, close) = self.open(socket, bytes, read);
        if let Some(close) = close {
            self.end_at(index, socket, close);
        } else if self.seals.owes(socket) && self.is_at(index, socket) {
            self.mark_dirty(index);
        }
        mqtt_bytes.unwrap_or(0)
    }

    /// What a client has sent led to a fault of ours: it goes, and is told nothing, since the keys
    /// may be half-way to the next ones. No byte of it counts as MQTT.
    pub(super) fn on_fault(&mut self, socket: Socket, index: u32) -> usize {
        if self.seals.is_sealed(socket) {
            self.seals.give_up(socket);
        }
        self.end_at(index, socket, Close::Internal);
        0
    }

    /// A connection is gone, or has left for another shard.
    pub(super) fn end_links(&mut self, socket: Socket) {
        self.links.end(socket);
        if let Some(sealed) = self.seals.take(socket) {
            self.reassembly_bytes -= sealed.cut_bytes();
        }
    }

    /// Opens the records that came and has what was in them looked at; why the connection has
    /// ended, if it has.
    fn open<T>(
        &mut self,
        socket: Socket,
        bytes: &mut [u8],
        look: impl FnOnce(&mut World, &mut [u8]) -> T,
    ) -> (Option<T>, Option<Close>) {
        let Some(mut joined) = self.seals.take_cut(socket) else {
            return self.open_in_place(socket, bytes, look);
        };
        self.reassembly_bytes -= joined.len();
        joined.extend_from_slice(bytes);
        if let Front::Short { .. } = frame::front(&joined) {
            return (None, self.keep_cut(socket, joined));
        }
        let outcome = self.open_in_place(socket, &mut joined, look);
        self.spares.give_back(joined);
        outcome
    }

    fn open_in_place<T>(
        &mut self,
        socket: Socket,
        bytes: &mut [u8],
        look: impl FnOnce(&mut World, &mut [u8]) -> T,
    ) -> (Option<T>, Option<Close>) {
        // TLS itself hardly ever has something to say.
        let mut said = Vec::new();
        let Unsealed {
            data,
            used_bytes,
            end,
        } = self.seals.unseal(socket, bytes, &mut said);
        self.seals.owe(socket, said);
        let close = match end {
            Some(End::Closed) => Some(Close::PeerClosed),
            Some(End::Failed(fault)) => {
                self.note_tls_fault(fault);
                Some(Close::TlsViolation)
            }
            None if used_bytes < bytes.len() => {
                let mut rest = self.spares.lend();
                rest.extend_from_slice(&bytes[used_bytes..]);
                self.keep_cut(socket, rest)
            }
            None => None,
        };
        // Records of a kind that only TLS knows hold nothing for anyone else.
        let looked = (!data.is_empty()).then(|| look(self, &mut bytes[data]));
        (looked, close)
    }

    /// Keeps the first part of a record until the rest comes.
    fn keep_cut(&mut self, socket: Socket, bytes: Vec<u8>) -> Option<Close> {
        self.reassembly_bytes += bytes.len();
        if self.is_reassembly_full() {
            self.reassembly_bytes -= bytes.len();
            return Some(Close::ReassemblyFull);
        }
        self.seals.put_cut(socket, bytes);
        None
    }

    /// Goes on with a handshake; how many bytes were the last of it when it is over.
    fn shake(&mut self, socket: Socket, bytes: &[u8]) -> Result<usize, Entrance> {
        let mut begun = match self.seals.take_phase(socket) {
            Phase::Begun(begun) => begun,
            Phase::Awaited => self.begin_handshake(socket, bytes)?,
            Phase::Agreed => return Ok(0),
            // It was told to go in this very turn.
            Phase::Over => return Err(Entrance::Out),
        };
        // Certificates are judged by the machine's clock, also where it was set meanwhile.
        let now_unix_secs = since_1970().as_secs();
        let mut flight = self.spares.lend();
        let taken = begun.handshake.on_bytes(bytes, now_unix_secs, &mut flight);
        match flight.is_empty() {
            true => self.spares.give_back(flight),
            false => self.seals.owe(socket, flight),
        }
        match taken.verdict {
            Verdict::NeedMore => {
                self.seals.put_begun(socket, begun);
                Err(Entrance::Wait)
            }
            Verdict::Done(secured) => {
                self.on_agreed(socket, &begun, *secured);
                Ok(taken.bytes)
            }
            Verdict::Failed(fault) => {
                self.seals.close_half(begun.number);
                self.note_tls_fault(fault);
                Err(self.reject(socket, Close::TlsFailed))
            }
        }
    }

    /// The first bytes have come: is there time for a handshake, and room?
    fn begin_handshake(&mut self, socket: Socket, bytes: &[u8]) -> Result<Box<Begun>, Entrance> {
        self.seals.give_up(socket);
        let claims_ticket = offers_ticket(bytes);
        if self.draining {
            return Err(self.reject(socket, Close::ServerDrain));
        }
        if !self.handshakes.take(claims_ticket) {
            let why = Overload::Handshakes;
            self.shed.on_turned_away(why, self.now_tick);
            self.book().shed.add(why.index(), 1);
            return Err(self.reject(socket, Close::Shed));
        }
        if self.seals.half_open_count() >= HALF_OPEN_PER_SHARD_MAX {
            self.make_room();
        }
        let door = self.links.door(socket);
        let Some((settings, ticks_max)) = door.tls() else {
            return Err(self.reject(socket, Close::Internal));
        };
        let deadline_tick = self.now_tick + ticks_max;
        Ok(Box::new(Begun {
            handshake: Handshake::new(settings),
            number: self.seals.open_half(socket, deadline_tick),
            claims_ticket,
        }))
    }

    /// Ends the handshake that has waited longest. Whoever is served is through within a few round
    /// trips: in a flood it is the flood that waits.
    fn make_room(&mut self) {
        self.book().bounds_hit.add(bound::HALF_OPEN, 1);
        if let Some(oldest) = self.seals.pop_half_open() {
            let close = Close::TlsUnfinished;
            self.seals.give_up(oldest);
            super::close::record(self, close, Whom::Stranger(oldest));
            self.forget_stranger(oldest);
            self.orders.push(Order::Close {
                socket: oldest,
                last_words: Vec::new(),
                linger: false,
                farewell: farewell(close),
            });
        }
    }

    fn on_agreed(&mut self, socket: Socket, begun: &Begun, secured: Secured) {
        self.seals.close_half(begun.number);
        if begun.claims_ticket && !secured.resumed {
            self.handshakes.correct();
        }
        let kind = usize::from(secured.resumed);
        self.book().tls_handshakes.add(kind, 1);
        if let Some(names) = secured.peer {
            self.links.certificates.insert(socket, Box::new(names));
        }
        self.seals.put_records(socket, secured.records);
    }

    fn note_tls_fault(&self, fault: Fault) {
        self.book().tls_failures.add(fault_index(fault), 1);
        tracing::debug!(kind = fault.name(), shard = self.index, "wrong in its TLS");
    }
}

/// Place of a fault in the counters; only peers that are wrong pay for the search.
fn fault_index(fault: Fault) -> usize {
    let place = Fault::NAMES.iter().position(|name| *name == fault.name());
    place.unwrap_or_default()
}
