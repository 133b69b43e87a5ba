//! Decode and session: bytes of a client in, its packets handled one by one.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tributary_proto::close::Close;
use tributary_proto::decode;
use tributary_proto::frame::{self, Front};
use tributary_proto::packet::Packet;
use tributary_proto::session::Reaction;

use super::client::Paused;
use super::offer::Offered;
use super::world::{Socket, World, context};
use crate::limits::REASSEMBLY_BYTES_PER_SHARD_MAX;

/// How far a client's bytes were handled.
struct Progress {
    /// Bytes that need not be looked at again.
    consumed: usize,
    /// Why handling stopped before the end, if not for want of bytes.
    stop: Option<Stop>,
}

enum Stop {
    Pause(Paused),
    Close(Close),
}

impl World {
    /// Handles what a client has sent. What cannot be handled yet is put away with it.
    pub(super) fn on_bytes(&mut self, index: u32, bytes: &[u8]) {
        let Some(client) = self.clients.at(index) else {
            return;
        };
        let has_partial = client.io.as_ref().is_some_and(|io| !io.partial.is_empty());
        if !has_partial && !client.paused.any() {
            let progress = self.handle(index, bytes);
            return self.put_away(index, &bytes[progress.consumed..], progress.stop);
        }
        let io = client.io.get_or_insert_with(|| self.spares.lend_io());
        io.partial.extend_from_slice(bytes);
        self.reassembly_bytes += bytes.len();
        if client.paused.any() {
            return self.bound_reassembly(index);
        }
        self.resume_partial(index);
    }

    /// Handles what was put away with a client.
    pub(super) fn resume_partial(&mut self, index: u32) {
        let Some(client) = self.clients.at(index) else {
            return;
        };
        let Some(io) = client.io.as_mut().filter(|io| !io.partial.is_empty()) else {
            return;
        };
        let mut bytes = std::mem::take(&mut io.partial);
        self.reassembly_bytes -= bytes.len();
        let progress = self.handle(index, &bytes);
        let keeps_all = progress.consumed == 0 && progress.stop.is_none();
        if let Some(io) = self.clients.at(index).and_then(|client| client.io.as_mut())
            && keeps_all
        {
            // A long packet on its way: put the same buffer back instead of copying it each time.
            self.reassembly_bytes += bytes.len();
            io.partial = bytes;
            return self.bound_reassembly(index);
        }
        self.put_away(index, &bytes[progress.consumed..], progress.stop);
        bytes.clear();
        self.spares.give_back(bytes);
    }

    /// Keeps what was not handled, and does what handling stopped for.
    fn put_away(&mut self, index: u32, rest: &[u8], stop: Option<Stop>) {
        if let Some(Stop::Close(close)) = stop {
            return self.end(index, close);
        }
        let Some(client) = self.clients.at(index) else {
            return;
        };
        if !rest.is_empty() {
            let io = client.io.get_or_insert_with(|| self.spares.lend_io());
            io.partial.extend_from_slice(rest);
            self.reassembly_bytes += rest.len();
        }
        if let Some(Stop::Pause(reason)) = stop {
            self.pause(index, reason);
        }
        match rest {
            [] => self.fall_idle(index),
            _ => self.bound_reassembly(index),
        }
    }

    fn bound_reassembly(&mut self, index: u32) {
        if self.is_reassembly_full() {
            self.end(index, Close::ReassemblyFull);
        }
    }

    /// Whether more is kept of half-received packets than may be; counts it if so.
    pub(super) fn is_reassembly_full(&self) -> bool {
        let full = self.reassembly_bytes > REASSEMBLY_BYTES_PER_SHARD_MAX;
        if full {
            self.book().bounds_hit.add(crate::bound::REASSEMBLY, 1);
        }
        full
    }

    /// Handles packet after packet until the bytes or the client's room run out.
    fn handle(&mut self, index: u32, bytes: &[u8]) -> Progress {
        let (mut consumed, mut packets) = (0, 0);
        // One client's bytes must not take the shard down, whatever they lead to and whenever they
        // are looked at.
        let handled = catch_unwind(AssertUnwindSafe(|| {
            self.on_frames(index, bytes, &mut consumed, &mut packets)
        }));
        let stop = handled.unwrap_or_else(|_| {
            self.scratch.clear();
            Some(Stop::Close(Close::Internal))
        });
        self.quota.settle();
        if packets > 0 {
            self.book().packets_in.add(packets);
            let now_tick = self.now_tick;
            // Of one whose connection ended over it the tick says when its session does.
            if let Some(client) = self.clients.at(index)
                && client.session.is_connected()
            {
                client.heard_tick = now_tick;
            }
        }
        self.account(index);
        Progress { consumed, stop }
    }

    fn on_frames(
        &mut self,
        index: u32,
        bytes: &[u8],
        consumed: &mut usize,
        packets: &mut u64,
    ) -> Option<Stop> {
        let socket = self.clients.look(index)?.socket();
        let packet_bytes_max = self.packet_bytes_max(socket);
        loop {
            match frame::front(&bytes[*consumed..], packet_bytes_max) {
                Ok(Front::Short { .. }) => return None,
                Ok(Front::Frame {
                    first_byte,
                    body,
                    rest,
                }) => {
                    let packet_bytes = bytes.len() - *consumed - rest.len();
                    let weight = [packet_bytes, rest.len()];
                    if let Some(stop) = self.on_frame(index, first_byte, body, weight) {
                        return Some(stop);
                    }
                    *consumed = bytes.len() - rest.len();
                    *packets += 1;
                }
                Err(how) => return Some(Stop::Close(Close::Malformed(how))),
            }
        }
    }

    /// Handles one packet; its answer goes to `scratch`. `weight` is how long it is, and how much
    /// came behind it.
    fn on_frame(
        &mut self,
        index: u32,
        first_byte: u8,
        body: &[u8],
        weight: [usize; 2],
    ) -> Option<Stop> {
        let client = self.clients.at(index)?;
        if !client.session.is_connected() {
            return None; // What it has just sent ended its connection; the rest speaks to nobody.
        }
        let packet = match decode::packet(client.session.version(), first_byte, body) {
            Ok(packet) => packet,
            Err(how) => return Some(Stop::Close(Close::Malformed(how))),
        };
        let reaction = client
            .session
            .on_packet(&packet, &mut context!(self, client));
        self.note_changes(index);
        match reaction {
            Reaction::Done => {
                self.rest(index);
                None
            }
            Reaction::Subscribe | Reaction::Unsubscribe | Reaction::Authenticate => {
                self.on_request(index, &packet)
            }
            Reaction::Wait => Some(Stop::Pause(Paused::WINDOW)),
            Reaction::Close(close) => Some(Stop::Close(close)),
            Reaction::Offer { alias } => {
                // The session offers nothing but a PUBLISH.
                let Packet::Publish(publish) = &packet else {
                    return None;
                };
                match self.offer_within_quotas(index, publish, alias, weight) {
                    Offered::Done => None,
                    Offered::Full => Some(Stop::Pause(Paused::LANE)),
                    Offered::Later => Some(Stop::Pause(Paused::TURN)),
                    Offered::Slowed => Some(Stop::Pause(Paused::QUOTA)),
                    Offered::Close(close) => Some(Stop::Close(close)),
                }
            }
        }
    }

    /// What the session alone cannot answer.
    fn on_request(&mut self, index: u32, packet: &Packet<'_>) -> Option<Stop> {
        match packet {
            Packet::Subscribe(ask) => self.subscribe(index, ask),
            Packet::Unsubscribe(ask) => self.unsubscribe(index, ask),
            Packet::Auth(auth) => return self.on_auth(index, auth).map(Stop::Close),
            _ => {}
        }
        None
    }

    /// Largest packet that this socket may send.
    pub(super) fn packet_bytes_max(&self, socket: Socket) -> u32 {
        let door = self.links.door(socket);
        let own = door.packet_bytes_max();
        own.unwrap_or(self.terms.packet_bytes_max)
    }

    /// Gives back what a client has unfinished when that is nothing.
    fn rest(&mut self, index: u32) {
        if let Some(client) = self.clients.at(index) {
            client.session.rest(&mut self.commons.pool);
        }
    }
}
