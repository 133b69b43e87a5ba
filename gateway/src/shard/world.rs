//! Everything a shard knows but its rings: clients, time, lanes, books.
//!
//! Packets are handled here while the ring lends their bytes out, so nothing in here touches a
//! ring; what is to be done with a socket is said by the return value or put down as an order.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroU64;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use tributary_proto::close::Close;
use tributary_proto::frame;
use tributary_proto::reason::Reason;
use tributary_proto::retained::{self, Retained};
use tributary_proto::session::{Commons, Journal, Terms};
use tributary_proto::subscriptions::{self, Found, InterestChange, Subscriptions, TopicHasher};
use tributary_ring::Conn;
use tributary_transport::websocket::CloseCode;

use super::approach::Departure;
use super::behind::Behind;
use super::buffers::Spares;
use super::client::{Listed, Paused};
use super::clients::{ClientRef, Clients};
use super::dawn::Dawn;
use super::door::Door;
use super::gate::{Gate, GatePlan};
use super::groups::GroupNames;
use super::handoff::Handoff;
use super::handshakes::Budget;
use super::inquiries::Showing;
use super::keep::Keeper;
use super::lines::Lines;
use super::link::Links;
use super::offer::Held;
use super::permission::Permission;
use super::prove::Pending;
use super::quota::Quota;
use super::seals::Seals;
use super::shed::Shed;
use super::speak::Speaker;
use super::stall::Pardon;
use super::wheel::Wheel;
use super::wills::DueWill;
use crate::auth::{Exchange, Users};
use crate::books::ShardBooks;
use crate::config::Handshakes;
use crate::interest::{Interest, Targets, View};
use crate::kafka::{Batch, Lane};
use crate::mailbox::{Mailboxes, Rules, Search};
use crate::route::RouteTable;
use crate::store::{Recovered, StoreHandle};

/// What surrounds one call of a client's session. A macro, since a function would borrow the whole
/// world.
macro_rules! context {
    ($world:expr, $client:expr) => {{
        $world.journal.switch($client.number().is_some());
        tributary_proto::session::Context {
            terms: &$world.terms,
            commons: &mut $world.commons,
            journal: &mut $world.journal,
            now_sec: $world.dawn.sec_at($world.now_tick),
            room_bytes: $client.room_bytes(),
            out: &mut $world.scratch,
        }
    }};
}
pub(super) use context;

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
        /// What a WebSocket's close frame says behind them; none when the peer is gone.
        farewell: Option<CloseCode>,
    },
    /// Stop reading a socket that has a multishot receive armed.
    CancelReceive(Socket),
    /// Read on: nothing is armed.
    Poll(Socket),
    /// Ask a stranger's socket where it comes from.
    AskPeer {
        /// The socket.
        socket: Socket,
        /// Whether it is one of IPv6.
        is_ipv6: bool,
    },
    /// Show clients to an operator, and where they come from.
    Show(Box<Showing>),
    /// Say this to a stranger.
    Say {
        /// The socket.
        socket: Socket,
        /// What goes before them and stands in no frame; may be empty.
        foreword: Vec<u8>,
        /// Packets; may be empty.
        words: Vec<u8>,
    },
}

/// What a shard offers to one lane in one turn.
pub(super) struct Desk {
    /// The lane.
    pub lane: Lane,
    /// Records taken since the last hand-over.
    pub batch: Batch,
}

impl Desk {
    fn new(lane: Lane) -> Self {
        let batch = Batch::default();
        Self { lane, batch }
    }
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
    /// The routes; a copy of its own, so that looking one up touches no other core's memory.
    pub routes: Rc<RouteTable>,
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
    /// What stands between sockets and their MQTT.
    pub links: Links,
    /// What opens and seals the bytes of sockets.
    pub seals: Seals,
    /// What TLS handshakes may take of this shard's time.
    pub handshakes: Budget,
    /// Newcomers that leave for their home once something has been sent.
    pub departures: HashMap<Socket, Departure>,
    /// The first part of a CONNECT that came in several, or of what stands before it.
    pub half_connects: HashMap<Socket, Vec<u8>>,
    /// Newcomers whose predecessors are heard out first.
    pub behind: Behind,
    /// Connections that were told to go.
    pub leaving: HashMap<Socket, Leaving>,
    /// Clients with answers to be sent at the end of the turn.
    pub dirty: Vec<u32>,
    /// Clients that wait for room in a lane.
    pub waiting: Vec<ClientRef>,
    /// Clients with a multishot receive.
    pub hot: VecDeque<ClientRef>,
    /// Clients that do not read their answers.
    pub stalled: Vec<ClientRef>,
    /// Work for the rings.
    pub orders: Vec<Order>,
    /// Spare session boxes.
    pub commons: Commons,
    /// What durable sessions do.
    pub journal: Journal,
    /// The store's side of that.
    pub keeper: Keeper,
    /// Who of this shard's clients wants what.
    pub subscriptions: Subscriptions,
    /// What changed in that, for the other shards.
    pub changes: Vec<InterestChange>,
    /// What all shards want.
    pub interest: Arc<Interest>,
    /// The same as this shard knows it.
    pub view: View,
    /// Own subscribers of the message at hand.
    pub found: Found,
    /// Other shards and groups that want it.
    pub reach: Targets,
    /// Names of groups that messages in sessions came by.
    pub group_names: GroupNames,
    /// Retained messages of the topics whose home is here.
    pub retained: Retained,
    /// Searches for retained messages of our own subscribers.
    pub searches: VecDeque<Search>,
    /// Wills that are due.
    pub wills: VecDeque<DueWill>,
    /// Messages whose subscribers get them once Kafka has them, by their tickets.
    pub held: HashMap<u64, Held>,
    /// Counts those tickets.
    pub held_count: u32,
    /// Records of Kafka topics that wait for their devices.
    pub handoff: Handoff,
    /// Claims whose answer is known already.
    pub later: Vec<(NonZeroU64, Reason)>,
    /// Letter boxes of all shards.
    pub mailboxes: Mailboxes,
    /// Shards that were left notes in this turn.
    pub rung: Vec<usize>,
    /// Messages given to subscribers in this turn.
    pub delivered_count: usize,
    /// Publishers who wait for the next turn, since enough was delivered in this one.
    pub weary: Vec<ClientRef>,
    /// There is work left that no one will ring for.
    pub is_restless: bool,
    /// What is said of the gateway as a whole; one shard has it.
    pub speaker: Option<Speaker>,
    /// Clients connected here.
    pub online_count: usize,
    pub dawn: Dawn,
    /// Exchanges that must end well before a client is let in.
    pub exchanges: HashMap<Socket, Box<Pending>>,
    /// Clients that prove anew who they are.
    pub reproofs: HashMap<u32, Box<Exchange>>,
    /// Who may come in by enhanced authentication.
    pub users: Arc<Users>,
    /// Who is asked about; `None` where nobody is.
    pub gate: Option<Gate>,
    /// What clients may do; `None` when everything.
    pub permission: Option<Permission>,
    /// Longest delay of a will, in seconds.
    pub will_delay_secs_max: u32,
    /// Where clients should go instead while the gateway drains.
    pub server_reference: Option<Arc<str>>,
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
    /// When newcomers are turned away.
    pub shed: Shed,
    /// How much clients may take.
    pub quota: Quota,
    /// How long silence is borne.
    pub pardon: Pardon,
    /// Lines about single connections that may still be written this second.
    pub lines: Lines,
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
    /// The listeners.
    pub doors: Arc<[Door]>,
    /// What TLS handshakes may take of a shard's time.
    pub handshakes: Handshakes,
    /// The counters of all shards.
    pub books: Arc<[ShardBooks]>,
    /// The hash that all shards agree on.
    pub hasher: RandomState,
    /// The hash of topics that all shards agree on.
    pub topic_hasher: TopicHasher,
    /// What all shards want.
    pub interest: Arc<Interest>,
    /// Letter boxes of all shards.
    pub mailboxes: Mailboxes,
    /// How much this shard's clients may subscribe to.
    pub subscription_bounds: subscriptions::Bounds,
    /// How much may be retained here.
    pub retained_bounds: retained::Bounds,
    /// This shard's end of the store, and what was in it.
    pub store: Option<(StoreHandle, Recovered)>,
    /// Seconds since 1970 at the start.
    pub base_sec: u32,
    /// Who may come in by enhanced authentication.
    pub users: Arc<Users>,
    /// How it is found out who clients are; `None` where nobody asks.
    pub gate: Option<GatePlan>,
    /// What clients may do; `None` when everything.
    pub rules: Option<Rules>,
    /// How often the gateway says how it is, in seconds; 0 is never.
    pub sys_interval_secs: u16,
    /// Longest delay of a will, in seconds.
    pub will_delay_secs_max: u32,
    /// Where clients should go instead while the gateway drains.
    pub server_reference: Option<Arc<str>>,
}

impl World {
    /// A world with nothing in it but what was in the store.
    pub(super) fn new(mut plan: WorldPlan) -> Self {
        let (handle, recovered) = plan.store.take().unzip();
        let key = plan.hasher.hash_one("profiles");
        let mut world = Self::empty(plan, Keeper::new(handle), key);
        if let Some(recovered) = recovered {
            world.restore(recovered);
        }
        world
    }

    fn empty(plan: WorldPlan, keeper: Keeper, key: u64) -> Self {
        Self {
            index: plan.index,
            shard_count: plan.shard_count,
            connections_max: plan.connections_max,
            connected: plan.connected,
            terms: plan.terms,
            connect_ticks_max: plan.connect_ticks_max,
            routes: Rc::new((*plan.routes).clone()),
            desks: plan.lanes.into_iter().map(Desk::new).collect(),
            books: plan.books,
            clients: Clients::new(plan.hasher),
            wheel: Wheel::new(0),
            strangers: VecDeque::new(),
            links: Links::new(plan.doors),
            seals: Seals::default(),
            handshakes: Budget::new(plan.handshakes),
            departures: HashMap::new(),
            half_connects: HashMap::new(),
            behind: Behind::default(),
            leaving: HashMap::new(),
            dirty: Vec::new(),
            waiting: Vec::new(),
            hot: VecDeque::new(),
            stalled: Vec::new(),
            orders: Vec::new(),
            commons: Commons::default(),
            journal: Journal::default(),
            keeper,
            subscriptions: Subscriptions::new(plan.topic_hasher, plan.subscription_bounds),
            changes: Vec::new(),
            view: View::new(Arc::clone(&plan.interest), plan.index),
            interest: plan.interest,
            found: Found::default(),
            reach: Targets::default(),
            group_names: GroupNames::default(),
            retained: Retained::new(plan.retained_bounds),
            searches: VecDeque::new(),
            wills: VecDeque::new(),
            held: HashMap::new(),
            held_count: 0,
            handoff: Handoff::default(),
            later: Vec::new(),
            mailboxes: plan.mailboxes,
            rung: Vec::new(),
            delivered_count: 0,
            weary: Vec::new(),
            is_restless: false,
            speaker: Speaker::new(plan.sys_interval_secs).filter(|_| plan.index == 0),
            online_count: 0,
            dawn: Dawn::at(plan.base_sec),
            exchanges: HashMap::new(),
            reproofs: HashMap::new(),
            users: plan.users,
            gate: plan.gate.map(|gate| Gate::new(gate, key)),
            permission: plan.rules.map(|rules| Permission::new(rules, key)),
            will_delay_secs_max: plan.will_delay_secs_max,
            server_reference: plan.server_reference,
            spares: Spares::default(),
            reassembly_bytes: 0,
            scratch: Vec::with_capacity(4096),
            now_tick: 0,
            draining: false,
            shed: Shed::default(),
            quota: Quota::default(),
            pardon: Pardon::default(),
            lines: Lines::default(),
            assigned_count: 0,
        }
    }

    /// This shard's counters.
    pub(super) fn book(&self) -> &ShardBooks {
        &self.books[self.index]
    }

    /// Seconds since 1970, a tick behind at most.
    pub(super) fn wall_sec(&self) -> u32 {
        self.dawn.sec_at(self.now_tick)
    }

    /// Coarse time in seconds since the start.
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
        let client = self.clients.at(index);
        let Some(client) = client.filter(|client| client.session.is_connected()) else {
            self.scratch.clear();
            return;
        };
        let io = client.io.get_or_insert_with(|| self.spares.lend_io());
        io.out.extend_from_slice(&self.scratch);
        self.books[self.index]
            .packets_out
            .add(frame::count(&self.scratch));
        self.scratch.clear();
        if client.listed.enter(Listed::DIRTY) {
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
