//! Backpressure: sockets that are not read for a while, and when they are again.

use std::mem;

use tributary_proto::close::Close;

use super::client::{Listed, Paused, Reading};
use super::clients::ClientRef;
use super::world::{Order, Socket, World};
use crate::limits::{OUT_QUEUE_BYTES_MAX, OUT_QUEUE_STALL_TICKS_MAX};

/// Notes of clients that wait for room, below which it does not pay to look who has gone.
const WAITING_SWEEP_MIN: usize = 1024;

impl World {
    /// Takes a reason to wait away from a client; reads on when it was the last.
    pub(super) fn resume(&mut self, index: u32, reason: Paused) {
        let now_tick = self.now_tick;
        let Some(client) = self.clients.at(index) else {
            return;
        };
        if !client.paused.lift(reason) {
            return;
        }
        // It was this gateway that did not listen: its silence counts from now on.
        client.heard_tick = now_tick;
        self.book().resumes.add(1);
        self.resume_partial(index);
        let Some(client) = self.clients.at(index) else {
            return;
        };
        if !client.paused.any() && client.reading == Reading::Nothing {
            client.reading = Reading::Poll;
            self.orders.push(Order::Poll(Socket {
                ring: client.ring,
                conn: client.conn,
            }));
        }
    }

    /// A new turn: those who had to wait for it go on.
    pub(super) fn begin_turn(&mut self) {
        self.delivered_count = 0;
        self.renew_some();
        for at in mem::take(&mut self.weary) {
            if self.clients.find(at).is_some() {
                self.resume(at.index, Paused::TURN);
            }
        }
    }

    /// Remembers who waits for room in a lane.
    pub(super) fn await_room(&mut self, at: ClientRef) {
        // During an outage devices come and go, each leaving its note here. Those who have gone
        // are swept out whenever they may be the greater part: a constant cost per note.
        if self.waiting.len() > 2 * self.clients.len() + WAITING_SWEEP_MIN {
            let clients = &mut self.clients;
            self.waiting.retain(|at| clients.find(*at).is_some());
        }
        self.waiting.push(at);
        self.book().bounds_hit.add(crate::bound::LANE, 1);
    }

    /// A lane has room again: everyone who waited for one tries again, and waits again if that
    /// was not the lane.
    pub(super) fn on_room(&mut self) {
        // If it was the store's: what it had no room for goes before whoever waited for that, or
        // they would find it still full, and nobody would ring for them again.
        self.submit_batch();
        for at in mem::take(&mut self.waiting) {
            if self.clients.find(at).is_some() {
                self.resume(at.index, Paused::LANE);
            }
        }
    }

    /// Notes how much a client leaves unread after its answers were handed to the ring.
    pub(super) fn on_out_queue(&mut self, index: u32, generation: u16, bytes: usize) {
        let now_tick = self.now_tick;
        let Some(client) = self.clients.at(index) else {
            return;
        };
        let full = bytes > OUT_QUEUE_BYTES_MAX;
        match (full, client.paused.has(Paused::OUT)) {
            (true, false) => {
                if let Some(io) = client.io.as_mut() {
                    io.stalled_tick = now_tick;
                }
                // It may have recovered and stalled again since the list was last looked at.
                if client.listed.enter(Listed::STALLED) {
                    self.stalled.push(ClientRef { index, generation });
                }
                self.pause(index, Paused::OUT);
                self.book().bounds_hit.add(crate::bound::OUT_QUEUE, 1);
            }
            (false, true) if bytes < OUT_QUEUE_BYTES_MAX / 2 => self.resume(index, Paused::OUT),
            _ => {}
        }
    }

    /// Disconnects clients that have not read their answers for too long.
    pub(super) fn end_stalled(&mut self) {
        let mut stalled = mem::take(&mut self.stalled);
        let now_tick = self.now_tick;
        let mut too_long = Vec::new();
        stalled.retain(|at| {
            let Some(client) = self.clients.find(*at) else {
                return false;
            };
            if !client.paused.has(Paused::OUT) {
                client.listed.leave(Listed::STALLED);
                return false;
            }
            let since = client.io.as_ref().map_or(now_tick, |io| io.stalled_tick);
            let over = now_tick.wrapping_sub(since) > OUT_QUEUE_STALL_TICKS_MAX;
            if over {
                too_long.push(at.index);
            }
            !over
        });
        stalled.append(&mut self.stalled);
        self.stalled = stalled;
        for index in too_long {
            self.end(index, Close::OutQueueFull);
        }
    }
}
