//! The end of a turn: answers and orders to the rings, batches to the lanes, books to readers.

use std::mem;

use tributary_proto::close::Close;

use super::Shard;
use super::client::{Listed, Paused};
use super::frames::frame;
use super::owners::Owner;
use super::world::{Leaving, Order, Socket, World};
use crate::limits::{LINGER_BYTES_MAX, LINGER_TICKS_MAX};

impl Shard {
    /// Carries out what a turn has left to be done.
    pub(super) fn carry(&mut self) {
        self.world.finish_turn();
        while let Some(index) = self.world.dirty.pop() {
            self.send_answers(index);
        }
        self.ask_for_last_lines();
        while let Some(order) = self.world.orders.pop() {
            self.obey(order);
        }
        for desk in self
            .world
            .desks
            .iter_mut()
            .filter(|desk| !desk.batch.is_empty())
        {
            desk.lane.submit(self.world.index, &mut desk.batch);
        }
        self.world.book().publishes.settle();
    }

    /// Hands a client's answers to its ring, unless earlier ones are still on their way.
    fn send_answers(&mut self, index: u32) {
        let Some(client) = self.world.clients.at(index) else {
            return;
        };
        client.listed.leave(Listed::DIRTY);
        let socket = client.socket();
        let Some(io) = client.io.as_mut().filter(|io| io.unsent_bytes() > 0) else {
            return self.send_owed(socket);
        };
        let (conn, unsent) = (client.conn, io.unsent_bytes());
        let is_framed = self.world.links.stage(socket).is_framed();
        let ring = &mut self.planes[usize::from(client.ring)].ring;
        if ring.send_in_flight(conn) {
            let generation = self.world.clients.generation(index);
            return self.world.on_out_queue(index, generation, unsent);
        }
        if !io.ready.is_empty() {
            io.ready.extend_from_slice(&io.out);
            io.out.clear();
            mem::swap(&mut io.ready, &mut io.out);
        }
        let mut words = mem::replace(&mut io.out, self.world.spares.lend());
        if is_framed {
            words = frame(&mut io.foreword, words, &mut self.world.spares);
        }
        let Ok(words) = self.world.seals.seal(socket, words, &mut self.world.spares) else {
            return self.world.end(index, Close::TlsViolation);
        };
        let bytes_out = words.len() as u64;
        ring.send(conn, words);
        self.world.book().bytes_out.add(bytes_out);
        self.world.fall_idle(index);
    }

    /// Sends the records that wait for a send, unless an earlier one is still on its way.
    pub(super) fn send_owed(&mut self, socket: Socket) {
        if !self.world.seals.owes(socket) {
            return;
        }
        let ring = &mut self.planes[usize::from(socket.ring)].ring;
        if ring.is_live(socket.conn)
            && !ring.send_in_flight(socket.conn)
            && let Some(records) = self.world.seals.take_owed(socket)
        {
            self.world.book().bytes_out.add(records.len() as u64);
            ring.send(socket.conn, records);
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Close {
                socket,
                mut last_words,
                linger,
                farewell,
            } => {
                if !self.plane(socket.ring).ring.is_live(socket.conn) {
                    return; // Its slot may have another owner already, with a seal of its own.
                }
                let world = &mut self.world;
                let is_framed = world.frame_last_words(socket, &mut last_words, farewell);
                let (last_words, has_alert) = world.seals.seal_last_words(
                    socket,
                    last_words,
                    farewell.is_some(),
                    &mut world.spares,
                );
                self.dismiss(socket, last_words, linger || is_framed || has_alert);
            }
            Order::CancelReceive(Socket { ring, conn }) => {
                self.plane(ring).ring.cancel_receive(conn);
            }
            Order::Say {
                socket,
                mut foreword,
                words,
            } => {
                let words = match self.world.links.stage(socket).is_framed() {
                    true => frame(&mut foreword, words, &mut self.world.spares),
                    false => words,
                };
                self.say(socket, words);
            }
            Order::AskPeer {
                socket: Socket { ring, conn },
                is_ipv6,
            } => self.plane(ring).ring.ask_peer_name(conn, is_ipv6),
            Order::Show(showing) => self.show(*showing),
            Order::Poll(Socket { ring, conn }) => self.plane(ring).ring.poll_readable(conn),
        }
    }

    /// Says something to a stranger.
    fn say(&mut self, socket: Socket, words: Vec<u8>) {
        let ring = &mut self.planes[usize::from(socket.ring)].ring;
        if !ring.is_live(socket.conn) {
            return;
        }
        let world = &mut self.world;
        if !world.seals.is_sealed(socket) {
            if !ring.send_in_flight(socket.conn) {
                ring.send(socket.conn, words);
            }
            return;
        }
        // Records go in their order or not at all.
        if let Ok(records) = world.seals.seal(socket, words, &mut world.spares) {
            world.seals.owe(socket, records);
        }
        self.send_owed(socket);
    }

    /// Closes a connection, after its last words if there are any.
    fn dismiss(&mut self, socket: Socket, last_words: Vec<u8>, linger: bool) {
        let ring = &mut self.plane(socket.ring).ring;
        if !ring.is_live(socket.conn) {
            return;
        }
        if last_words.is_empty() {
            ring.close(socket.conn);
            return self.set_owner(socket, Owner::Nobody);
        }
        let busy = ring.send_in_flight(socket.conn);
        let deadline_tick = self.world.now_tick + LINGER_TICKS_MAX;
        let mut leaving = Leaving {
            deadline_tick,
            ignored_bytes: 0,
            linger,
            last_words,
        };
        if !busy {
            let last_words = mem::take(&mut leaving.last_words);
            self.world.book().bytes_out.add(last_words.len() as u64);
            self.plane(socket.ring).ring.send(socket.conn, last_words);
        }
        self.world.leaving.insert(socket, leaving);
        self.set_owner(socket, Owner::Leaving);
    }

    /// A send to a connection that was told to go has ended.
    pub(super) fn after_last_words(&mut self, socket: Socket) {
        let Some(leaving) = self.world.leaving.get_mut(&socket) else {
            return self.leave_now(socket);
        };
        let ring = &mut self.planes[usize::from(socket.ring)].ring;
        if !leaving.last_words.is_empty() {
            return ring.send(socket.conn, mem::take(&mut leaving.last_words));
        }
        if !leaving.linger {
            return self.leave_now(socket);
        }
        // Closing with bytes unread would make the kernel send RST, and the peer might never see
        // the words that say why.
        ring.shutdown_write(socket.conn);
        if !ring.is_reading(socket.conn) {
            ring.poll_readable(socket.conn);
        }
    }

    /// Throws away what a connection still sends that was told to go.
    pub(super) fn ignore(&mut self, socket: Socket, bytes: usize, more: bool) {
        let Some(leaving) = self.world.leaving.get_mut(&socket) else {
            return;
        };
        leaving.ignored_bytes += bytes;
        if leaving.ignored_bytes > LINGER_BYTES_MAX {
            self.leave_now(socket);
        } else if !more {
            self.plane(socket.ring).ring.poll_readable(socket.conn);
        }
    }

    /// Closes a connection that was told to go.
    pub(super) fn leave_now(&mut self, socket: Socket) {
        self.world.leaving.remove(&socket);
        self.set_owner(socket, Owner::Nobody);
        self.plane(socket.ring).ring.close(socket.conn);
    }

    /// Brings what the rings have counted into the books.
    pub(super) fn publish_ring_stats(&mut self) {
        let mut sum = [0; 7];
        for plane in &self.planes {
            let stats = plane.ring.stats();
            let counted = [
                stats.accepted,
                stats.accept_refused,
                stats.enters,
                stats.cqes,
                stats.no_buffers,
                stats.cq_overflow,
                stats.stale_completions,
            ];
            sum.iter_mut()
                .zip(counted)
                .for_each(|(sum, counted)| *sum += counted);
        }
        let book = self.world.book();
        let cells = [
            &book.ring_accepted,
            &book.ring_accept_failed,
            &book.ring_enters,
            &book.ring_completions,
            &book.ring_no_buffers,
            &book.ring_cq_overflow,
            &book.ring_stale,
        ];
        cells
            .into_iter()
            .zip(sum)
            .for_each(|(cell, sum)| cell.set(sum));
    }
}

impl World {
    /// Gives a client's buffers back when nothing is in them.
    pub(super) fn fall_idle(&mut self, index: u32) {
        let Some(client) = self.clients.at(index) else {
            return;
        };
        if client.paused.has(Paused::OUT) {
            return; // The record says since when it has stalled.
        }
        if client
            .io
            .as_ref()
            .is_some_and(|io| io.partial.is_empty() && io.unsent_bytes() == 0)
            && let Some(io) = client.io.take()
        {
            self.spares.give_back_io(io);
        }
    }
}
