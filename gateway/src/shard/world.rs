//! Everything a shard knows but its rings: clients, time, lanes, books.
//!
//! Packets are handled here while the ring lends their bytes out, so nothing in here touches a
//! ring; what is to be done with a socket is said by the return value or put down as an order.

use std::collections::{HashMap, VecDeque};
use std::hash::RandomState;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use tributary_proto::close::Close;
use tributary_proto::session::{Commons, Journal, Terms};
use tributary_ring::Conn;

use super::buffers::Spares;
use super::client::Paused;
use super::clients::Clients;
use super::log_budget::LogBudget;
use super::wheel::Wheel;
use crate::books::ShardBooks;
use crate::kafka::{Batch, Lane};
use crate::route::RouteTable;

/// What surrounds one call of a session. A macro, since a function would borrow the whole world.
macro_rules! session_context {
    ($world:expr) => {
        tributary_proto::session::Context {
            terms: &$world.terms,
            commons: &mut $world.commons,
            journal: &mut $world.journal,
            now_sec: 0,
            room_bytes: usize::MAX,
            out: &mut $world.scratch,
        }
    };
}
pub(super) use session_context;

/// A socket of this shard: which ring, and where on it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Socket {
    /// Which ring of the shard.
    pub ring: u8,
    /// Where on it.
    pub conn: Conn,
}

/// What a ring is to do once the packet at hand is done with.
pub(super) enum Order {
    /// Close, after these last words if there are any.
    Close {
        /// The socket.
        socket: Socket,
        /// What is sent before; may be empty.
        last_words: Vec<u8>,
        /// Whether the peer must get time to read them, since it may still be sending.
        linger: bool,
    },
    /// Stop reading a socket that has a multishot receive armed.
    CancelReceive(Socket),
    /// Read on: nothing is armed.
    Poll(Socket),
}

/// What a shard offers to one lane in one turn.
pub(super) struct Desk {
    /// The lane.
    pub lane: Lane,
    /// Records taken since the last hand-over.
    pub batch: Batch,
}

/// A connection that was told to go and may still read its last words.
pub(super) struct Leaving {
    /// When it is closed, whatever it does.
    pub deadline_tick: u32,
    /// How much it has sent meanwhile.
    pub ignored_bytes: usize,
    /// Whether it gets time to read.
    pub linger: bool,
    /// Last words that wait for an earlier send to end.
    pub last_words: Vec<u8>,
}

/// A connection whose CONNECT has not come yet.
pub(super) struct Stranger {
    /// Its socket.
    pub socket: Socket,
    /// When its patience with us, or ours with it, ends.
    pub deadline_tick: u32,
}

/// Everything a shard knows but its rings.
pub(super) struct World {
    /// This shard's number.
    pub index: usize,
    /// How many shards there are.
    pub shard_count: usize,
    /// Clients the whole process takes at most.
    pub connections_max: usize,
    /// Clients of all shards; touched once per connect and once per end.
    pub connected: Arc<AtomicUsize>,
    /// What the server offers.
    pub terms: Terms,
    /// Time a connection has to send its CONNECT, in ticks.
    pub connect_ticks_max: u32,
    /// The routes.
    pub routes: Arc<RouteTable>,
    /// One desk per lane, in the order of the lanes.
    pub desks: Vec<Desk>,
    /// The shard's counters.
    pub books: Arc<[ShardBooks]>,
    /// The clients.
    pub clients: Clients,
    /// Their keep-alives.
    pub wheel: Wheel,
    /// Connections without a CONNECT, oldest first; some may be gone or let in by now.
    pub strangers: VecDeque<Stranger>,
    /// The first part of a CONNECT that came in several.
    pub half_connects: HashMap<Socket, Vec<u8>>,
    /// Connections that were told to go.
    pub leaving: HashMap<Socket, Leaving>,
    /// Clients with answers to be sent at the end of the turn.
    pub dirty: Vec<u32>,
    /// Clients that wait for room in a lane.
    pub waiting: Vec<super::clients::ClientRef>,
    /// Clients with a multishot receive.
    pub hot: VecDeque<super::clients::ClientRef>,
    /// Clients that do not read their answers.
    pub stalled: Vec<super::clients::ClientRef>,
    /// Work for the rings.
    pub orders: Vec<Order>,
    /// Spare session boxes.
    pub commons: Commons,
    /// What durable sessions do; off, since there is no store.
    pub journal: Journal,
    /// Spare buffers.
    pub spares: Spares,
    /// Bytes of half-received packets.
    pub reassembly_bytes: usize,
    /// Where answers are written before they are put to a client's account.
    pub scratch: Vec<u8>,
    /// Coarse time.
    pub now_tick: u32,
    /// Whether the gateway drains.
    pub draining: bool,
    /// Lines about single connections that may still be written this second.
    pub log_budget: LogBudget,
    /// Numbers for client ids that the server assigns.
    pub assigned_count: u64,
}

/// What a shard is made with; see [`super::ShardPlan`].
pub struct WorldPlan {
    /// This shard's number.
    pub index: usize,
    /// How many shards there are.
    pub shard_count: usize,
    /// Clients the whole process takes at most.
    pub connections_max: usize,
    /// Clients of all shards.
    pub connected: Arc<AtomicUsize>,
    /// What the server offers.
    pub terms: Terms,
    /// Time a connection has to send its CONNECT, in ticks.
    pub connect_ticks_max: u32,
    /// The routes.
    pub routes: Arc<RouteTable>,
    /// The lanes that routes name by index.
    pub lanes: Vec<Lane>,
    /// The counters of all shards.
    pub books: Arc<[ShardBooks]>,
    /// The hash that all shards agree on.
    pub hasher: RandomState,
}

impl World {
    /// An empty world.
    pub(super) fn new(plan: WorldPlan) -> Self {
        let desks = plan.lanes.into_iter().map(|lane| Desk {
            lane,
            batch: Batch::default(),
        });
        Self {
            index: plan.index,
            shard_count: plan.shard_count,
            connections_max: plan.connections_max,
            connected: plan.connected,
            terms: plan.terms,
            connect_ticks_max: plan.connect_ticks_max,
            routes: plan.routes,
            desks: desks.collect(),
            books: plan.books,
            clients: Clients::new(plan.hasher),
            wheel: Wheel::new(0),
            strangers: VecDeque::new(),
            half_connects: HashMap::new(),
            leaving: HashMap::new(),
            dirty: Vec::new(),
            waiting: Vec::new(),
            hot: VecDeque::new(),
            stalled: Vec::new(),
            orders: Vec::new(),
            commons: Commons::default(),
            journal: Journal::default(),
            spares: Spares::default(),
            reassembly_bytes: 0,
            scratch: Vec::with_capacity(4096),
            now_tick: 0,
            draining: false,
            log_budget: LogBudget::default(),
            assigned_count: 0,
        }
    }

    /// This shard's counters.
    pub(super) fn book(&self) -> &ShardBooks {
        &self.books[self.index]
    }

    /// Coarse time in seconds.
    pub(super) fn now_sec(&self) -> u32 {
        self.now_tick / crate::limits::TICKS_PER_SEC
    }

    /// The shard that a client id lives on.
    pub(super) fn home(&self, client_id: &str) -> usize {
        (self.clients.hash(client_id) % self.shard_count as u64) as usize
    }

    /// Puts what stands in `scratch` to the account of a client, to be sent when the turn ends.
    pub(super) fn owe(&mut self, index: u32) {
        if self.scratch.is_empty() {
            return;
        }
        let Some(client) = self.clients.at(index) else {
            self.scratch.clear();
            return;
        };
        let io = client.io.get_or_insert_with(|| self.spares.lend_io());
        io.out.extend_from_slice(&self.scratch);
        self.scratch.clear();
        if !client.dirty {
            client.dirty = true;
            self.dirty.push(index);
        }
    }

    /// Stops reading a client's socket for this reason.
    pub(super) fn pause(&mut self, index: u32, reason: Paused) {
        let Some(client) = self.clients.at(index) else {
            return;
        };
        let was_read = !client.paused.any();
        if !client.paused.add(reason) {
            return;
        }
        if client.reading == super::client::Reading::Multishot {
            let socket = Socket {
                ring: client.ring,
                conn: client.conn,
            };
            self.orders.push(Order::CancelReceive(socket));
        }
        self.book().pauses.add(u64::from(was_read));
    }

    /// Ends a client's connection.
    pub(super) fn end(&mut self, index: u32, close: Close) {
        super::close::end(self, index, close);
    }
}

#[cfg(test)]
mod tests;
