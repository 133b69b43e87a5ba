//! One core's world: its rings, its clients, and the loop that drives them.
//!
//! ```text
//!   ring events --> events.rs --> approach.rs  what stands before MQTT: PROXY header, WebSocket
//!                      |   |         |            and secure.rs: TLS
//!                      |   |         \--> admit.rs   a stranger's CONNECT: in, elsewhere, or out
//!                      |   \----> serve.rs   a client's bytes: decode, session, offer.rs
//!                      |                                         |            \--> lane
//!   mailbox  ----------+------------------> offer.rs  reports ---+--> answers in Io::out
//!   ticks    ----------+------------------> tick.rs              |
//!                      v                                         v
//!                   carry.rs: answers to the rings, orders to the rings, batches to the lanes
//! ```
//!
//! `World` never touches a ring, and nothing but `turn.rs` awaits.

mod addresses;
mod admit;
mod approach;
mod behind;
mod buffers;
mod carry;
mod client;
mod clients;
mod close;
mod dawn;
mod deliver;
mod door;
mod entered;
mod events;
mod filling;
mod finish;
mod frames;
mod gate;
mod gather;
mod groups;
mod handoff;
mod handshakes;
mod inquiries;
mod lines;
mod keep;
mod link;
mod newcomers;
mod notes;
mod offer;
mod owners;
mod pause;
mod permission;
mod prove;
mod quota;
mod restore;
mod retain;
mod revocation;
mod seals;
mod secure;
mod serve;
mod shed;
mod slab;
mod speak;
mod sparse;
mod spread;
mod stall;
mod subscribe;
mod thrift;
mod tick;
mod turn;
mod turn_away;
mod wheel;
mod wills;
mod world;

use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Barrier, OnceLock};

use glommio::{ExecutorJoinHandle, LocalExecutorBuilder, Placement};
use tributary_ring::{Ring, RingAddress, RingOptions};

use approach::Passage;
pub use door::Door;
pub use gate::GatePlan;
pub use quota::QuotaPlan;
pub use shed::ShedPlan;
pub use world::WorldPlan;

use crate::mailbox::Mailboxes;
use gather::Gather;
use inquiries::Inquiries;
use newcomers::Newcomers;
use owners::Owners;
use quota::Quota;
use shed::Shed;
use stall::Probe;
use world::World;

/// What travels with a socket to its home shard.
pub struct Parcel {
    /// All its MQTT that was read.
    bytes: Vec<u8>,
    /// What else is known of it, where a listener asks for more than MQTT.
    passage: Option<Box<Passage>>,
}

/// One listener on one ring.
pub struct Listening {
    /// Which of the doors it is.
    pub door: u8,
    /// The socket.
    pub socket: OwnedFd,
}

/// What a shard is made with.
pub struct ShardPlan {
    /// What it knows.
    pub world: WorldPlan,
    /// The core it is pinned to.
    pub cpu: usize,
    /// The shape of each of its rings.
    pub ring: RingOptions,
    /// For each ring its listeners: the same ones for all rings.
    pub listeners: Vec<Vec<Listening>>,
    /// All letter boxes; its own is at its index.
    pub mailboxes: Mailboxes,
    /// Where the shards meet before the first accept.
    pub meeting: Arc<Meeting>,
    /// From when on newcomers are turned away.
    pub shed: ShedPlan,
    /// What clients, users and addresses may take.
    pub quota: QuotaPlan,
}

/// Where the shards exchange the addresses of their rings before the first accept.
pub struct Meeting {
    addresses: Vec<OnceLock<Vec<RingAddress>>>,
    all_here: Barrier,
}

impl Meeting {
    /// A meeting of so many shards, and of whoever starts them.
    pub fn new(shards: usize) -> Self {
        Self {
            addresses: (0..shards).map(|_| OnceLock::new()).collect(),
            all_here: Barrier::new(shards + 1),
        }
    }

    /// Returns once every shard has its rings; says whether all of them do.
    pub fn wait(&self) -> bool {
        self.all_here.wait();
        self.addresses.iter().all(|rings| rings.get().is_some())
    }

    /// Sockets that the rings of all shards hold; none before they have met.
    pub fn socket_count(&self) -> u64 {
        let rings = self.addresses.iter().filter_map(OnceLock::get).flatten();
        rings.map(|ring| u64::from(ring.used_slots())).sum()
    }

    fn bring(&self, shard: usize, rings: Vec<RingAddress>) {
        // Each shard brings its rings once, so the place is empty.
        let _ = self.addresses[shard].set(rings);
    }
}

/// One ring of a shard with the owners of its slots.
struct Plane {
    ring: Ring<Parcel>,
    owners: Owners,
    /// Which door each of its listeners is.
    doors: Vec<u8>,
    /// A receive was asked for that will complete as soon as it is submitted.
    receives: bool,
}

/// A shard.
struct Shard {
    planes: Vec<Plane>,
    /// The ring that accepts.
    filling: usize,
    world: World,
    mailboxes: Mailboxes,
    meeting: Arc<Meeting>,
    gather: Gather,
    newcomers: Newcomers,
    inquiries: Inquiries,
    probe: Probe,
}

/// Starts a shard on a thread of its own; the thread ends when the shard has drained.
///
/// # Errors
/// When the runtime cannot be started, most often for want of locked memory.
pub fn start(plan: ShardPlan) -> io::Result<ExecutorJoinHandle<io::Result<()>>> {
    // Client sockets live on rings of our own: the runtime's registered memory would lie idle.
    LocalExecutorBuilder::new(Placement::Fixed(plan.cpu))
        .io_memory(0)
        .name(&format!("shard-{}", plan.world.index))
        .spawn(move || async move {
            let meeting = Arc::clone(&plan.meeting);
            match Shard::open(plan) {
                Ok((shard, listeners)) => {
                    meeting.wait();
                    shard.run(listeners).await
                }
                Err(error) => {
                    tracing::error!(%error, "the rings of a shard cannot be opened");
                    meeting.wait();
                    Err(error)
                }
            }
        })
        .map_err(|error| io::Error::other(error.to_string()))
}

/// Waits for a shard to end.
///
/// # Errors
/// What ended it, when it was not a drain.
pub fn join(thread: ExecutorJoinHandle<io::Result<()>>) -> Result<(), String> {
    match thread.join() {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(format!("a shard ended: {error}")),
        Err(error) => Err(format!("a shard ended: {error}")),
    }
}

impl Shard {
    /// Opens the rings; must run on the shard's own thread.
    fn open(plan: ShardPlan) -> io::Result<(Self, Vec<Vec<Listening>>)> {
        let index = plan.world.index;
        let mut planes = Vec::new();
        for (place, listeners) in plan.listeners.iter().enumerate() {
            let wake = plan.mailboxes.0[index].wake();
            // The first ring is the one that is waited in; the others ring its bell.
            let ring = match place {
                0 => Ring::open_waiting(&plan.ring, wake)?,
                _ => Ring::open(&plan.ring, wake)?,
            };
            planes.push(Plane {
                owners: Owners::new(plan.ring.table_slots),
                doors: listeners.iter().map(|listening| listening.door).collect(),
                ring,
                receives: false,
            });
        }
        plan.meeting.bring(
            index,
            planes.iter().map(|plane| plane.ring.address()).collect(),
        );
        let mut world = World::new(plan.world);
        world.shed = Shed::new(plan.shed);
        world.quota = Quota::new(plan.quota);
        let shard = Self {
            planes,
            filling: 0,
            world,
            mailboxes: plan.mailboxes,
            meeting: plan.meeting,
            gather: Gather::default(),
            newcomers: Newcomers::default(),
            inquiries: Inquiries::default(),
            probe: Probe::default(),
        };
        Ok((shard, plan.listeners))
    }
}
