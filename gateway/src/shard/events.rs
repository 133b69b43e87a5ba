//! What rings report, one event at a time, taken to whom it concerns.

use std::mem;
use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};

use tributary_proto::close::Close;
use tributary_ring::{Buffer, Event, ReceiveEnd};

use super::admit::Entrance;
use super::approach::Departure;
use super::client::{Listed, Paused, Reading};
use super::clients::ClientRef;
use super::close::Whom;
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
            Event::Accepted { conn, listener } => {
                self.on_accepted(Socket { ring, conn }, listener as usize);
            }
            Event::PeerName { conn, result } => self.on_peer_name(Socket { ring, conn }, result),
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
                let socket = Socket { ring, conn };
                self.inquiries.on_address(socket, None);
                self.world.on_address_of_ended(socket, None);
                self.world.end_links(socket);
                self.planes[usize::from(ring)]
                    .owners
                    .set(conn.slot, Owner::Nobody);
            }
            Event::Arrived { conn, parcel } => self.on_arrived(Socket { ring, conn }, *parcel),
            Event::HandOverRefused { conn, parcel, .. } => {
                self.on_hand_over_refused(Socket { ring, conn }, *parcel);
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

    fn on_accepted(&mut self, socket: Socket, listener: usize) {
        self.gather.on_newcomer();
        self.set_owner(socket, Owner::Stranger);
        let door = self.plane(socket.ring).doors[listener];
        self.world.links.begin(socket, door);
        let door = self.world.links.door(socket);
        // A balancer must be one; where others come from is asked when they have said who they are.
        let is_relayed = door.is_relayed();
        if door.is_secure() {
            self.world.seals.begin(socket);
        }
        match (is_relayed, door.is_ipv6()) {
            (true, Some(is_ipv6)) => {
                self.plane(socket.ring)
                    .ring
                    .ask_peer_name(socket.conn, is_ipv6);
            }
            (true, None) => self.greet_from(socket, None),
            (false, _) => self.greet(socket),
        }
    }

    fn on_peer_name(&mut self, socket: Socket, result: Result<SocketAddr, i32>) {
        let is_shown = self.inquiries.on_address(socket, result.ok());
        let is_written = self.world.on_address_of_ended(socket, result.ok());
        // Whoever is told to go is not listened to.
        if is_shown || is_written || !matches!(self.owner(socket), Owner::Stranger) {
            return;
        }
        let world = &mut self.world;
        let is_relayed = world.links.door(socket).is_relayed();
        let must_say = world.links.addresses.is_awaited(socket) && world.quota.asks_address();
        match result {
            Ok(peer) if is_relayed => self.greet_from(socket, Some(peer.ip())),
            // Most often it has gone already; whoever cannot be told from a stranger is none of
            // those who may speak for others, and cannot be counted by its address.
            Err(_) if is_relayed || must_say => {
                super::close::record(world, Close::PeerReset, Whom::Stranger(socket));
                self.drop_stranger(socket);
            }
            result => world.on_peer_of_stranger(socket, result.ok().map(|peer| peer.ip())),
        }
    }

    /// Reads from a peer that may speak for others.
    fn greet_from(&mut self, socket: Socket, peer: Option<IpAddr>) {
        match self.world.on_peer(socket, peer) {
            true => self.greet(socket),
            false => self.act_on(socket, Some(Entrance::Out)),
        }
    }

    /// A connection has come from another shard with its CONNECT.
    fn on_arrived(&mut self, socket: Socket, parcel: Parcel) {
        self.gather.on_newcomer();
        self.world.book().taken_over.add(1);
        self.set_owner(socket, Owner::Stranger);
        self.world.unpack(socket, parcel.passage);
        self.look_again(socket, &parcel.bytes);
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

    fn on_received(&mut self, socket: Socket, mut buffer: Buffer, more: bool) {
        let ring = usize::from(socket.ring);
        self.world.book().bytes_in.add(buffer.len() as u64);
        match self.owner(socket) {
            Owner::Client(index) => {
                if let Some(client) = self.world.clients.at(index) {
                    client.listed.enter(Listed::SPOKEN);
                    if !more {
                        client.reading = Reading::Nothing;
                    }
                }
                let bytes = self.planes[ring].ring.bytes_mut(&mut buffer);
                let read = guarded(&mut self.world, |world| world.on_read(socket, index, bytes));
                self.planes[ring].ring.give_back(buffer);
                let mqtt_bytes = read.unwrap_or_else(|| self.world.on_fault(socket, index));
                // A newcomer is in no hurry either: it does not notice two milliseconds, and in a
                // storm of them that saves a wake-up each.
                if mqtt_bytes > 0 && mqtt_bytes != PINGREQ_BYTES {
                    self.gather.on_urgent();
                }
                self.read_on(socket, index);
            }
            Owner::Stranger => {
                self.hear_others();
                self.world.shed.is_crowded = self.is_crowded(socket.ring);
                let bytes = self.planes[ring].ring.bytes_mut(&mut buffer);
                let entrance = guarded(&mut self.world, |world| world.on_approach(socket, bytes));
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
                super::close::record(&mut self.world, close, Whom::Stranger(socket));
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
        let entrance = guarded(&mut self.world, |world| {
            let entrance = world.on_mqtt(socket, bytes, true);
            let entrance = world.after_frames(socket, entrance);
            world.after_records(socket, entrance)
        });
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
        let foreword = mem::take(&mut self.world.links.foreword);
        let Some(entrance) = entrance else {
            super::close::record(&mut self.world, Close::Internal, Whom::Stranger(socket));
            return self.drop_stranger(socket);
        };
        match entrance {
            Entrance::Wait => {
                self.world.say_foreword(socket, None, foreword);
                self.send_owed(socket);
                self.plane(socket.ring).ring.receive_armed(socket.conn);
            }
            // Nothing is armed: its turn comes.
            Entrance::Behind => self.world.say_foreword(socket, None, foreword),
            Entrance::Elsewhere { shard, bytes } => {
                if self.plane(socket.ring).ring.send_in_flight(socket.conn) {
                    let departure = Departure {
                        shard,
                        bytes,
                        foreword,
                    };
                    self.world.departures.insert(socket, departure);
                    return; // It leaves when that is done.
                }
                self.set_owner(socket, Owner::Nobody);
                self.world.book().handed_over.add(1);
                let passage = self.world.pack(socket, foreword);
                let parcel = Box::new(Parcel { bytes, passage });
                let target = self.meeting.filling_ring(shard);
                let plane = &mut self.planes[usize::from(socket.ring)];
                plane.ring.hand_over(socket.conn, target, parcel);
            }
            Entrance::In { index, .. } => {
                self.world.say_foreword(socket, Some(index), foreword);
                self.set_owner(socket, Owner::Client(index));
                self.read_on(socket, index);
            }
            Entrance::Out => {
                self.world.say_foreword(socket, None, foreword);
                self.world.forget_stranger(socket);
                self.set_owner(socket, Owner::Leaving);
            }
        }
    }

    /// The home's table is full: the socket is still here and gets its answer.
    fn on_hand_over_refused(&mut self, socket: Socket, parcel: Parcel) {
        self.world.unpack(socket, parcel.passage);
        self.world.refuse_late(socket, &parcel.bytes);
        self.act_on(socket, Some(Entrance::Out));
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
                let close = match self.world.seals.is_half_open(socket) {
                    true => Close::TlsUnfinished,
                    false => Close::ConnectDeadline,
                };
                super::close::record(&mut self.world, close, Whom::Stranger(socket));
                self.drop_stranger(socket);
            }
            Owner::Leaving if self.world.has_left_late(socket) => self.leave_now(socket),
            _ => {}
        }
    }

    fn drop_stranger(&mut self, socket: Socket) {
        self.ask_for_last_lines();
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
            Owner::Stranger => self.on_stranger_sent(socket),
            Owner::Nobody => {}
        }
    }

    /// Sends what has gathered meanwhile, or lets a newcomer go to its home at last.
    fn on_stranger_sent(&mut self, socket: Socket) {
        let Some(departure) = self.world.departures.remove(&socket) else {
            return self.send_owed(socket);
        };
        let Departure {
            shard,
            bytes,
            foreword,
        } = departure;
        self.world.links.foreword = foreword;
        self.act_on(socket, Some(Entrance::Elsewhere { shard, bytes }));
    }

    /// Sends what has gathered meanwhile, or lets the client fall idle.
    fn on_client_sent(&mut self, index: u32) {
        let generation = self.world.clients.generation(index);
        let Some(client) = self.world.clients.at(index) else {
            return;
        };
        let unsent = client.io.as_ref().map_or(0, |io| io.unsent_bytes());
        let owes = self.world.seals.owes(client.socket());
        if (unsent > 0 || owes) && client.listed.enter(Listed::DIRTY) {
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

/// Looks at what has come; nothing when that failed by a fault of ours.
fn guarded<T>(world: &mut World, look: impl FnOnce(&mut World) -> T) -> Option<T> {
    // One peer's bytes must not take the shard down, whatever they lead to.
    catch_unwind(AssertUnwindSafe(|| look(world))).ok()
}
