//! Coarse time: keep-alives, deadlines, demotions and the sweep of a drain.

use tributary_proto::close::Close;

use super::client::{Client, Listed, Paused, Reading};
use super::world::{Order, Socket, World};
use crate::limits::{
    DEMOTIONS_PER_SEC_MAX, DRAIN_CLIENTS_PER_TICK, HOT_QUIET_SECS, IMPATIENT_TICKS, TICKS_PER_SEC,
};

impl World {
    /// Does what is due at `now_tick`. Sockets whose time is up are returned for their ring.
    pub(super) fn on_tick(&mut self, now_tick: u32) -> Vec<Socket> {
        let new_second = now_tick / TICKS_PER_SEC != self.now_tick / TICKS_PER_SEC;
        self.now_tick = now_tick;
        self.end_silent();
        self.tick_quotas();
        self.expire_retained();
        self.handoff.on_tick();
        self.view.catch_up();
        if new_second {
            self.end_stalled();
            self.demote_quiet();
            self.expire_commands();
            self.end_expired();
            self.count_all();
            self.speak();
        }
        if self.draining {
            self.sweep_draining();
        }
        self.overdue()
    }

    /// Looks at clients whose time has come: disconnects those that were silent for one and a half
    /// keep-alives \[MQTT-3.1.2-22\], publishes wills and ends sessions of those that are away.
    fn end_silent(&mut self) {
        while let Some(index) = self.wheel.pop(&mut self.clients, self.now_tick) {
            let now_tick = self.now_tick;
            let Some(client) = self.clients.at(index) else {
                continue;
            };
            if !client.session.is_connected() {
                self.end_absent(index);
                continue;
            }
            if client.paused.any() {
                client.heard_tick = now_tick;
            }
            match (client.due_tick(), self.pardon.holds(now_tick)) {
                (Some(tick), Some(until)) if tick <= now_tick => {
                    self.wheel.put(&mut self.clients, index, until);
                }
                (Some(tick), None) if tick <= now_tick => self.end(index, Close::KeepAlive),
                (Some(tick), _) => self.wheel.put(&mut self.clients, index, tick),
                (None, _) => {}
            }
        }
    }

    /// A client that is away: its session ends, or its will is due, or neither yet.
    fn end_absent(&mut self, index: u32) {
        let now_tick = self.now_tick;
        let Some(client) = self.clients.at(index) else {
            return;
        };
        if client.heard_tick <= now_tick {
            self.book().sessions_expired.add(1);
            return super::close::forget(self, index);
        }
        let will_tick = client
            .extra
            .as_ref()
            .map_or(u32::MAX, |extra| extra.will_tick);
        if will_tick <= now_tick {
            self.release_will(index);
        }
        let due_tick = self.clients.look(index).and_then(Client::due_tick);
        if let Some(tick) = due_tick {
            self.wheel.put(&mut self.clients, index, tick);
        }
    }

    /// Takes the multishot receive from clients that fell quiet.
    fn demote_quiet(&mut self) {
        let now_sec = self.now_sec() as u8;
        // All are looked at within the quiet time, so that those who have gone cannot pile up; what
        // is bounded is the number of cancels.
        let looks = (self.hot.len() / HOT_QUIET_SECS as usize + 1).max(DEMOTIONS_PER_SEC_MAX);
        let mut cancels_left = DEMOTIONS_PER_SEC_MAX;
        for _ in 0..looks.min(self.hot.len()) {
            if cancels_left == 0 {
                return;
            }
            let Some(at) = self.hot.pop_front() else {
                return;
            };
            let Some(client) = self.clients.find(at) else {
                continue;
            };
            if client.reading != Reading::Multishot {
                client.listed.leave(Listed::HOT);
                continue;
            }
            if u32::from(now_sec.wrapping_sub(client.heat_sec)) < HOT_QUIET_SECS {
                self.hot.push_back(at);
                continue;
            }
            client.heat = 0;
            client.listed.leave(Listed::HOT);
            cancels_left -= 1;
            self.orders.push(Order::CancelReceive(Socket {
                ring: client.ring,
                conn: client.conn,
            }));
            self.book().demotions.add(1);
        }
    }

    /// Connections that sent no CONNECT in time or did not go when told to.
    fn overdue(&mut self) -> Vec<Socket> {
        let now_tick = self.now_tick;
        let mut overdue = Vec::new();
        // Each deadline lies as far ahead as was agreed then: how much of that is cut off now?
        let cut_ticks = match self.pardon.is_impatient {
            true => self.connect_ticks_max.saturating_sub(IMPATIENT_TICKS),
            false => 0,
        };
        let is_pardoned = self.pardon.holds(now_tick).is_some();
        while !is_pardoned
            && self
                .strangers
                .front()
                .is_some_and(|one| one.deadline_tick.saturating_sub(cut_ticks) <= now_tick)
        {
            // The line above proves that there is a front.
            overdue.push(self.strangers.pop_front().unwrap().socket);
        }
        let gone = self
            .leaving
            .iter()
            .filter(|(_, leaving)| leaving.deadline_tick <= now_tick);
        overdue.extend(gone.map(|(socket, _)| *socket));
        if !is_pardoned {
            overdue.extend(self.seals.overdue(now_tick));
        }
        overdue
    }

    /// Whether the time of a connection that was told to go is over.
    pub(super) fn has_left_late(&self, socket: Socket) -> bool {
        self.leaving
            .get(&socket)
            .is_none_or(|leaving| leaving.deadline_tick <= self.now_tick)
    }

    /// Brings levels into the books that are not counted step by step.
    pub(super) fn count_all(&mut self) {
        let book = self.book();
        book.tls_half_open.set(self.seals.half_open_count() as u64);
        book.sessions.set(self.clients.len() as u64);
        book.queued_bytes.set(self.commons.queued_bytes as u64);
        let counts = self.commons.counts;
        book.queued_messages.set(counts.queued() as u64);
        book.in_flight.set(counts.in_flight() as u64);
        book.store_waiting.set(self.keeper.waiting_count());
    }

    /// Begins to let all clients go.
    pub(super) fn begin_drain(&mut self) {
        self.draining = true;
    }

    /// Lets clients go whom nothing is owed, some per tick; reads nothing more from the others.
    fn sweep_draining(&mut self) {
        let mut from = Some(0);
        let mut told_count = 0;
        while let Some(start) = from {
            let (some, next) = self.clients.some_from(start, 1024);
            from = next;
            for index in some {
                let Some(client) = self.clients.at(index) else {
                    continue;
                };
                if !client.session.is_connected() {
                    continue;
                }
                if client.session.owed_count() > 0 {
                    self.pause(index, Paused::DRAIN);
                } else if told_count < DRAIN_CLIENTS_PER_TICK {
                    told_count += 1;
                    self.end(index, Close::ServerDrain);
                }
            }
        }
    }

    /// The time to drain is over: everyone goes, whatever is owed.
    pub(super) fn abandon(&mut self) {
        let mut from = Some(0);
        while let Some(start) = from {
            let (some, next) = self.clients.some_from(start, 1024);
            from = next;
            some.into_iter()
                .for_each(|index| self.end(index, Close::ServerDrain));
        }
    }
}
