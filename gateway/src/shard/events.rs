//! What rings report, one event at a time, taken to whom it concerns.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tributary_proto::close::Close;
use tributary_ring::{Buffer, Event, ReceiveEnd};

use super::admit::Entrance;
use super::client::{Listed, Paused, Reading};
use super::clients::ClientRef;
use super::owners::Owner;
use super::world::{Socket, World};
use super::{Parcel, Shard};

/// A PINGREQ is two bytes. So is a DISCONNECT without a reason, which nobody waits for either.
const PINGREQ_BYTES: usize = 2;

impl Shard {
    /// Handles all completions that a ring has harvested; says how many there were that someone
    /// else caused. The end of a send of our own is no sign that more will come.
    pub(super) fn drain_ring(&mut self, ring: usize) -> usize {
        let mut count = 0;
        while let Some(event) = self.planes[ring].ring.next_event() {
            count += usize::from(!matches!(event, Event::Sent { .. }));
            self.on_event(ring as u8, event);
        }
        count
    }

    fn on_event(&mut self, ring: u8, event: Event<Parcel>) {
        match event {
            Event::Accepted { conn } => self.on_accepted(Socket { ring, conn }),
            Event::Readable { conn } => self.on_readable(Socket { ring, conn }),
            Event::Received { conn, buffer, more } => {
                self.on_received(Socket { ring, conn }, buffer, more);
            }
            Event::ReceiveEnded { conn, end } => self.on_receive_ended(Socket { ring, conn }, end),
            Event::Sent {
                conn,
                result,
                bytes,
            } => {
                self.world.spares.give_back(bytes);
                self.on_sent(Socket { ring, conn }, result.is_ok());
            }
            Event::Closed { conn } | Event::HandedOver { conn } => {
                self.planes[usize::from(ring)]
                    .owners
                    .set(conn.slot, Owner::Nobody);
            }
            Event::Arrived { conn, parcel } => {
                self.gather.on_newcomer();
                self.world.book().taken_over.add(1);
                let socket = Socket { ring, conn };
                self.set_owner(socket, Owner::Stranger);
                self.look_again(socket, &parcel.bytes);
            }
            Event::HandOverRefused { conn, parcel, .. } => {
                self.on_hand_over_refused(Socket { ring, conn }, &parcel.bytes);
            }
            Event::AcceptRefused { .. } => {
                self.world
                    .book()
                    .disconnects
                    .add(Close::TableFull.index(), 1);
            }
            // Only a load generator dials.
            Event::Connected { conn, .. } => self.plane(ring).ring.close(conn),
        }
    }

    fn on_accepted(&mut self, socket: Socket) {
        self.gather.on_newcomer();
        self.set_owner(socket, Owner::Stranger);
        self.greet(socket);
    }

    fn on_readable(&mut self, socket: Socket) {
        if let Owner::Client(index) = self.owner(socket)
            && let Some(client) = self.world.clients.at(index)
        {
            client.reading = Reading::Nothing;
            if client.paused.any() {
                return; // `resume` arms it again.
            }
            client.reading = Reading::Once;
        }
        let plane = self.plane(socket.ring);
        plane.receives = true;
        plane.ring.receive(socket.conn);
    }

    fn on_received(&mut self, socket: Socket, buffer: Buffer, more: bool) {
        let ring = usize::from(socket.ring);
        self.world.book().bytes_in.add(buffer.len() as u64);
        let owner = self.owner(socket);
        // Nor does a newcomer notice two milliseconds; in a storm of them it saves a wake-up each.
        if matches!(owner, Owner::Client(_)) && buffer.len() != PINGREQ_BYTES {
            self.gather.on_urgent();
        }
        let plane = &self.planes[ring];
        match owner {
            Owner::Client(index) => {
                if let Some(client) = self.world.clients.at(index) {
                    client.listed.enter(Listed::SPOKEN);
                    if !more {
                        client.reading = Reading::Nothing;
                    }
                }
                self.world.on_bytes(index, plane.ring.bytes(&buffer));
                self.planes[ring].ring.give_back(buffer);
                self.read_on(socket, index);
            }
            Owner::Stranger => {
                self.hear_others();
                self.world.shed.is_crowded = self.is_crowded(socket.ring);
                let bytes = self.planes[ring].ring.bytes(&buffer);
                let entrance = match self.world.take_half_connect(socket) {
                    Some(mut earlier) => {
                        earlier.extend_from_slice(bytes);
                        look_at(&mut self.world, socket, &earlier, false)
                    }
                    // Nearly always the CONNECT comes whole and is read where it lies.
                    None => look_at(&mut self.world, socket, bytes, false),
                };
                self.planes[ring].ring.give_back(buffer);
                self.act_on(socket, entrance);
            }
            Owner::Leaving => {
                let bytes = buffer.len();
                self.planes[ring].ring.give_back(buffer);
                self.ignore(socket, bytes, more);
            }
            Owner::Nobody => self.planes[ring].ring.give_back(buffer),
        }
    }

    /// Arms a client's socket again after a read, the way its traffic asks for.
    fn read_on(&mut self, socket: Socket, index: u32) {
        let now_sec = self.world.now_sec();
        let generation = self.world.clients.generation(index);
        let Some(client) = self.world.clients.at(index) else {
            return;
        };
        if client.conn != socket.conn || client.ring != socket.ring {
            return; // The client ended, and its place has a new one.
        }
        let hot = client.warm(now_sec);
        if client.reading != Reading::Nothing || client.paused.any() {
            return;
        }
        if hot {
            client.reading = Reading::Multishot;
            // A pause ends the multishot receive and leaves its entry standing.
            if client.listed.enter(Listed::HOT) {
                self.world.hot.push_back(ClientRef { index, generation });
            }
            self.world.book().promotions.add(1);
            self.plane(socket.ring).ring.receive_multishot(socket.conn);
        } else {
            client.reading = Reading::Poll;
            self.plane(socket.ring).ring.poll_readable(socket.conn);
        }
    }

    fn on_receive_ended(&mut self, socket: Socket, end: ReceiveEnd) {
        let gone = match end {
            ReceiveEnd::Eof => Some(Close::PeerClosed),
            ReceiveEnd::Error(_) => Some(Close::PeerReset),
            ReceiveEnd::WouldBlock | ReceiveEnd::NoBuffers | ReceiveEnd::Cancelled => None,
        };
        match (self.owner(socket), gone) {
            (Owner::Client(index), Some(close)) => self.world.end(index, close),
            (Owner::Client(index), None) => {
                let Some(client) = self.world.clients.at(index) else {
                    return;
                };
                client.reading = Reading::Nothing;
                if !client.paused.any() {
                    client.reading = Reading::Poll;
                    self.plane(socket.ring).ring.poll_readable(socket.conn);
                }
            }
            (Owner::Stranger, Some(close)) => {
                super::close::record(&mut self.world, close, None);
                self.drop_stranger(socket);
            }
            (Owner::Stranger, None) => self.plane(socket.ring).ring.receive_armed(socket.conn),
            (Owner::Leaving, Some(_)) => self.leave_now(socket),
            (Owner::Leaving, None) => self.plane(socket.ring).ring.poll_readable(socket.conn),
            (Owner::Nobody, _) => {}
        }
    }

    /// Looks at the CONNECT of a newcomer that belongs here for sure.
    pub(super) fn look_again(&mut self, socket: Socket, bytes: &[u8]) {
        self.hear_others();
        self.world.shed.is_crowded = self.is_crowded(socket.ring);
        let entrance = look_at(&mut self.world, socket, bytes, true);
        self.act_on(socket, entrance);
    }

    /// What other shards have said comes before a newcomer: its publisher may have its PUBACK, and
    /// what waits for a session belongs into its queue.
    fn hear_others(&mut self) {
        let index = self.world.index;
        if self.mailboxes.0[index].has_notes() {
            let mailboxes = self.mailboxes.clone();
            self.world.take_notes(&mailboxes.0[index]);
        }
    }

    /// Does what is to be done with a connection whose bytes were looked at; `None` when that
    /// failed by a fault of ours.
    fn act_on(&mut self, socket: Socket, entrance: Option<Entrance>) {
        let Some(entrance) = entrance else {
            super::close::record(&mut self.world, Close::Internal, None);
            return self.drop_stranger(socket);
        };
        match entrance {
            Entrance::Wait => self.plane(socket.ring).ring.receive_armed(socket.conn),
            Entrance::Behind => {}
            Entrance::Elsewhere { shard, bytes } => {
                self.set_owner(socket, Owner::Nobody);
                self.world.book().handed_over.add(1);
                let target = self.meeting.filling_ring(shard);
                let plane = &mut self.planes[usize::from(socket.ring)];
                plane
                    .ring
                    .hand_over(socket.conn, target, Box::new(Parcel { bytes }));
            }
            Entrance::In { index, .. } => {
                self.set_owner(socket, Owner::Client(index));
                self.read_on(socket, index);
            }
            Entrance::Out => {
                self.world.forget_stranger(socket);
                self.set_owner(socket, Owner::Leaving);
            }
        }
    }

    /// The home's table is full: the socket is still here and gets its answer.
    fn on_hand_over_refused(&mut self, socket: Socket, bytes: &[u8]) {
        self.world.refuse_late(socket, bytes);
        self.set_owner(socket, Owner::Leaving);
    }

    /// A connection's time is up: no CONNECT, or last words unread.
    pub(super) fn expire(&mut self, socket: Socket) {
        if !self.plane(socket.ring).ring.is_live(socket.conn) {
            // It has gone by itself, and its slot may have another owner already.
            self.world.leaving.remove(&socket);
            return;
        }
        match self.owner(socket) {
            Owner::Stranger => {
                super::close::record(&mut self.world, Close::ConnectDeadline, None);
                self.drop_stranger(socket);
            }
            Owner::Leaving if self.world.has_left_late(socket) => self.leave_now(socket),
            _ => {}
        }
    }

    fn drop_stranger(&mut self, socket: Socket) {
        self.world.forget_stranger(socket);
        self.set_owner(socket, Owner::Nobody);
        self.plane(socket.ring).ring.close(socket.conn);
    }

    fn on_sent(&mut self, socket: Socket, went_well: bool) {
        match self.owner(socket) {
            Owner::Client(index) if went_well => self.on_client_sent(index),
            Owner::Client(index) => self.world.end(index, Close::PeerReset),
            Owner::Leaving if went_well => self.after_last_words(socket),
            Owner::Leaving => self.leave_now(socket),
            Owner::Stranger | Owner::Nobody => {}
        }
    }

    /// Sends what has gathered meanwhile, or lets the client fall idle.
    fn on_client_sent(&mut self, index: u32) {
        let generation = self.world.clients.generation(index);
        let Some(client) = self.world.clients.at(index) else {
            return;
        };
        let unsent = client.io.as_ref().map_or(0, |io| io.unsent_bytes());
        if unsent > 0 && client.listed.enter(Listed::DIRTY) {
            self.world.dirty.push(index);
        }
        if client.paused.has(Paused::OUT) {
            self.world.on_out_queue(index, generation, unsent);
        }
        self.world.pump(index);
        self.world.fall_idle(index);
    }

    /// Who owns a socket now. A client that ended in this very turn may have left its place to a
    /// newcomer already, so a place alone proves nothing.
    pub(super) fn owner(&mut self, socket: Socket) -> Owner {
        let owner = self.planes[usize::from(socket.ring)]
            .owners
            .of(socket.conn.slot);
        let Owner::Client(index) = owner else {
            return owner;
        };
        match self.world.clients.at(index) {
            Some(client)
                if client.session.is_connected()
                    && client.conn == socket.conn
                    && client.ring == socket.ring =>
            {
                owner
            }
            _ => Owner::Nobody,
        }
    }

    pub(super) fn set_owner(&mut self, socket: Socket, owner: Owner) {
        self.planes[usize::from(socket.ring)]
            .owners
            .set(socket.conn.slot, owner);
    }

    pub(super) fn plane(&mut self, ring: u8) -> &mut super::Plane {
        &mut self.planes[usize::from(ring)]
    }
}

/// Looks at the bytes of a connection that is no client yet, and at what came behind its CONNECT.
fn look_at(world: &mut World, socket: Socket, bytes: &[u8], settled: bool) -> Option<Entrance> {
    // One stranger's bytes must not take the shard down, whatever they lead to.
    let looked_at = AssertUnwindSafe(|| world.on_stranger(socket, bytes, settled));
    let entrance = catch_unwind(looked_at).ok()?;
    if let Entrance::In {
        index,
        connect_bytes,
    } = entrance
        && connect_bytes < bytes.len()
    {
        world.on_bytes(index, &bytes[connect_bytes..]);
    }
    Some(entrance)
}
