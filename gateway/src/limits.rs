//! Every bound of the gateway that is not a setting, summed up and proven against each other.
//!
//! A bound has an owner, a counter that says when it was hit, and a consequence; all three stand in
//! ARCHITECTURE.md. What an idle client costs is summed at the end.

use std::time::Duration;

use tributary_transport::limits as transport;

/// Shards of one process: a ticket has 8 bits for them.
pub const SHARDS_MAX: usize = 1 << 8;
/// Clients of one shard: a ticket has 24 bits for them.
pub const CLIENTS_PER_SHARD_MAX: usize = 1 << 24;
/// Rings of one shard: a socket names its ring in 8 bits.
pub const RINGS_PER_SHARD_MAX: usize = 1 << 8;
/// Listeners of one gateway: a socket names its own in 8 bits.
pub const LISTENERS_MAX: usize = 1 << 8;
/// Descriptors of the process that a ring takes for itself; each listener takes one more in it.
const DESCRIPTORS_PER_RING: usize = 2;
/// Descriptors of the process that a shard takes for its executor.
const DESCRIPTORS_PER_SHARD: usize = 7;
/// Descriptors of the process left to Kafka, the store, the control thread and sockets on their way
/// from one ring to another.
const DESCRIPTORS_RESERVED: usize = 128;
/// Slots in a ring's table when the descriptor limit would allow more and nobody asked for it.
pub const TABLE_SLOTS_MAX: u32 = 1 << 20;
/// Share of a descriptor table kept free of accepts for sockets handed over, in percent.
pub const TABLE_HEADROOM_PERCENT: u32 = 10;
/// Sockets do not fall evenly on rings; a ring is planned to be this full at most, in percent.
pub const TABLE_FILL_PERCENT: usize = 95;

/// What a shard remembers of a slot of its rings, where a listener asks for more than MQTT.
pub const LINK_BYTES: usize = 6;
/// What it remembers beside that where a listener takes TLS; what that points to comes on top.
pub const SEAL_BYTES: usize = 4;

/// What it remembers of where a client comes from, where a rule asks for it and no balancer tells.
pub const CLIENT_ADDRESS_BYTES: usize = 17;
/// What it remembers of a client whose user or address has quotas.
pub const OWNERS_BYTES: usize = 16;

/// One step of coarse time: keep-alive, deadlines and housekeeping are counted in it.
pub const TICK: Duration = Duration::from_millis(100);
/// Ticks in a second.
pub const TICKS_PER_SEC: u32 = 10;
/// How often the runtime's reactor gets its turn.
///
/// Nothing waits there: one visit a millisecond, as first planned, cost 4 us per message at 10,000
/// messages per second.
pub const REACTOR_VISIT: Duration = Duration::from_millis(100);

/// Completions a busy shard waits for at most in one go.
pub const WAIT_COMPLETIONS: usize = 32;
/// Completions per millisecond from which on a shard lets them gather, and for how long.
pub const GATHER_PER_MILLI: usize = 10;
/// See above.
pub const GATHER_MICROS: u32 = 50;
/// Completions per millisecond from which on it lets them gather for longer.
pub const GATHER_PER_MILLI_BUSY: usize = 30;
/// See above.
pub const GATHER_BUSY_MICROS: u32 = 150;
/// How long they gather while nothing but pings comes, and how many end that.
pub const GATHER_PATIENT_MICROS: u32 = 2_000;
/// See above.
pub const PATIENT_COMPLETIONS: usize = 512;
/// The same while newcomers come: each passes through several waits before it has its CONNACK.
pub const GATHER_NEWCOMERS_MICROS: u32 = 500;
/// See above.
pub const NEWCOMER_COMPLETIONS: usize = 128;
/// Completions per millisecond from which on that pays.
pub const GATHER_PER_MILLI_PATIENT: usize = 2;
/// For so long nothing but pings must have come: whoever publishes more often waits for nobody.
pub const GATHER_PINGS_ONLY_MILLIS: u64 = 20;

/// Answers a client may leave unread before its socket is no longer read.
pub const OUT_QUEUE_BYTES_MAX: usize = 16 << 10;
/// How long a client may stay that full before it is disconnected.
pub const OUT_QUEUE_STALL_TICKS_MAX: u32 = 30 * TICKS_PER_SEC;
/// Bytes of half-received packets on one shard; beyond that the client concerned is disconnected.
pub const REASSEMBLY_BYTES_PER_SHARD_MAX: usize = 64 << 20;
/// Spare byte buffers kept per shard, and the largest one worth keeping.
pub const SPARE_BUFFERS_MAX: usize = 1024;
/// Capacity up to which a buffer is kept for its next use.
pub const SPARE_BUFFER_BYTES_MAX: usize = 16 << 10;
/// Longest CONNECT taken, fixed header included: ids, names, passwords and wills fit.
pub const CONNECT_BYTES_MAX: u32 = 64 << 10;
/// How long a connection that was told to go may take to read its last words.
pub const LINGER_TICKS_MAX: u32 = 2 * TICKS_PER_SEC;
/// How much it may still send meanwhile; it is thrown away.
pub const LINGER_BYTES_MAX: usize = 1 << 20;

/// Notes that other shards may leave for one before their publishers have to wait.
pub const NOTES_PER_SHARD_MAX: usize = 64 << 10;
/// Bytes of the messages in them.
pub const NOTE_BYTES_PER_SHARD_MAX: usize = 64 << 20;
/// Notes a shard looks at before it looks at its rings again.
pub const NOTES_PER_TURN: usize = 1024;

/// Messages that a shard gives to subscribers in one turn before publishers wait for the next; one
/// message goes to all its subscribers at once, so it may be more by those.
pub const DELIVERIES_PER_TURN: usize = 16_384;
/// Wills that wait for room in a lane or another shard.
pub const WILLS_DUE_MAX: usize = 1 << 20;
/// Messages of one shard whose subscribers wait until Kafka has them.
pub const HELD_MESSAGES_MAX: usize = 64 << 10;
/// Commands from Kafka that are with a device's session and not acknowledged; the rest waits.
pub const COMMANDS_WITH_SESSION_MAX: usize = 16;
/// Strangers of one shard that are proving who they are.
pub const EXCHANGES_PER_SHARD_MAX: usize = 16 << 10;
/// Kinds of clients that a shard tells apart, where there are rules: those whom the same rules
/// concern, and who have the same groups and claims, are one.
pub const PROFILES_PER_SHARD_MAX: usize = 64 << 10;
/// Clients that get the profiles of new rules in one turn.
pub const RENEWALS_PER_TURN: usize = 256;
/// Strangers of one shard about whom somebody is asked.
pub const ASKED_PER_SHARD_MAX: usize = 16 << 10;
/// Addresses of which a shard remembers wrong passwords.
pub const HELD_OFF_ADDRESSES_MAX: usize = 64 << 10;
/// Ends of proofs on a shard below which it does not pay to look whose connections are gone.
pub const EXPIRIES_SWEEP_MIN: usize = 1024;
/// Wrong passwords of one address that are forgiven at once, and per minute. This and the next
/// three unless the configuration says something else.
pub const FAILURES_PER_MIN: u32 = 30;
/// How long an address is held off the first time, at most, and when that is forgotten.
pub const FAILURE_HOLD_OFF_SECS: u64 = 10;
/// See above.
pub const FAILURE_HOLD_OFF_SECS_MAX: u64 = 10 * 60;
/// See above.
pub const FAILURE_FORGIVE_SECS: u64 = 60 * 60;
/// Turns for which a newcomer waits while the connection that it takes over goes on talking.
pub const BEHIND_TURNS_MAX: u8 = 64;
/// Names of groups that a shard remembers for the messages in its sessions.
pub const GROUP_NAMES_MAX: usize = 64 << 10;
/// Steps of a search for retained messages that are done at once.
pub const RETAINED_STEPS: usize = 256;
/// Messages that wait for a subscriber from which on its search for retained ones waits.
pub const RETAINED_WAITING_MAX: usize = 64;
/// Retained messages whose time is over that are forgotten in one tick.
pub const RETAINED_EXPIRED_PER_TICK: usize = 1_000;

/// Reads within one second that make a connection hot (multishot receive, 873 B in the kernel
/// against 264 B for a one-shot poll).
pub const HOT_READS: u8 = 4;
/// Quiet seconds after which a hot connection goes back to the one-shot poll.
pub const HOT_QUIET_SECS: u32 = 10;
/// Connections demoted per second and shard: each needs a cancel, whose cost grows with the ring.
pub const DEMOTIONS_PER_SEC_MAX: usize = 512;

/// Bytes of memory that glommio locks per shard.
pub const LOCKED_BYTES_PER_SHARD: u64 = 512 << 10;

/// Longest certificate chain or key of the control plane.
pub const CONTROL_PEM_BYTES_MAX: u64 = 1 << 20;

/// Questions of operators about clients that are open at once.
pub const INQUIRIES_MAX: usize = 8;
/// How long a shard may take to answer one.
pub const INQUIRY_TIMEOUT: Duration = Duration::from_secs(2);
/// Clients on one page of a list, if nothing else is said.
pub const INQUIRY_CLIENTS: usize = 100;
/// Clients on one page at most.
pub const INQUIRY_CLIENTS_MAX: usize = 1_000;
/// Clients that a shard shows in one turn, and places of its slab that it looks at for them.
pub const INQUIRY_CLIENTS_PER_TURN: usize = 256;
/// See above.
pub const INQUIRY_PLACES_PER_TURN: usize = 8 << 10;
/// Bytes of names after which a page ends, and what a shard brings in one turn: an id alone may
/// have 64 KiB.
pub const INQUIRY_BYTES_MAX: usize = 1 << 20;
/// See above.
pub const INQUIRY_BYTES_PER_TURN: usize = 256 << 10;
/// Times that shards are asked for one page: it may end before it is full.
pub const INQUIRY_TURNS_MAX: usize = 2 * SHARDS_MAX;

/// Clients told to leave per tick and shard while draining: a storm elsewhere is not our goal.
pub const DRAIN_CLIENTS_PER_TICK: usize = 2_000;
/// Connections that begin to be read in one turn, so that a storm of newcomers leaves the turn to
/// the clients; and as many while the shard is behind anyway.
pub const NEWCOMERS_PER_TURN: usize = 256;
/// See above.
pub const NEWCOMERS_PER_TURN_BEHIND: usize = 16;
/// CONNECTs let in per second and shard when nothing is said: a core can do no more.
pub const CONNECTS_PER_SEC_AND_SHARD: u32 = 25_000;
/// How long a connection that says nothing is waited for while memory is short.
pub const IMPATIENT_TICKS: u32 = TICKS_PER_SEC;
/// How long after the last newcomer was turned away for the rate or the table that is over.
pub const SHED_SPELL_TICKS: u32 = TICKS_PER_SEC;
/// Time between two lines about the beginning of the same overload.
pub const SHED_LINE_TICKS_MIN: u32 = 10 * TICKS_PER_SEC;
/// Part of the memory of the machine, or of its cgroup, that the gateway takes at most, in percent.
pub const MEMORY_PERCENT_MAX: u64 = 85;
/// Kernel memory of an idle connection with its one-shot poll, measured at 4,132 B; rounded up.
pub const KERNEL_BYTES_PER_CONNECTION: u64 = 4_200;
/// Ticks that must be missing in a row before it is said that the thread has stalled.
pub const STALL_TICKS_MIN: u32 = 2;
/// How long after a stall, and the stall's own time besides, what has gathered in the sockets may
/// take to be read before anyone's silence counts.
pub const CATCH_UP_TICKS: u32 = 2 * TICKS_PER_SEC;

/// Users, and as many addresses, with an account at one time: 45 B each. Whoever finds no room goes
/// unbounded by it.
pub const QUOTA_KEYS_MAX: usize = 1 << 21;
/// Locks over them.
pub const QUOTA_STRIPES: usize = 64;
/// Lots of tokens that a shard borrows per second for an owner that uses its rate up.
pub const QUOTA_LOTS_PER_SEC: u64 = 10;
/// Ticks after which a lot that is not used goes back.
pub const QUOTA_LOT_IDLE_TICKS: u32 = TICKS_PER_SEC;
/// Clients held up by a quota that a shard lets try again in one tick.
pub const QUOTA_WAKES_PER_TICK: usize = 4_096;
/// Meters, accounts and hold-offs looked at per tick for those that nothing is owed to.
pub const QUOTA_SWEEP_PER_TICK: usize = 1_024;
/// Messages that tokens are grabbed for at once, for what may be in one read.
pub const QUOTA_GRAB_MESSAGES_MAX: u32 = 1_024;
/// Client ids of one shard that are watched for coming over and over: 29 B each. Whoever finds no
/// room is not watched.
pub const FLAPPING_KEYS_PER_SHARD_MAX: usize = 1 << 20;
/// Ticks between two lines about the same quota on one shard.
pub const QUOTA_LINE_TICKS_MIN: u32 = 10 * TICKS_PER_SEC;
/// TLS handshakes of one shard that have begun and not ended; each holds 4 to 6 KB, and 30 KB at
/// most. The one that has waited longest makes room for the next.
pub const HALF_OPEN_PER_SHARD_MAX: usize = 4_096;
/// Full TLS handshakes per second and shard when nothing is said: a third of a core at 68 us each,
/// three quarters of it at 176 us with client certificates.
pub const FULL_HANDSHAKES_PER_SEC: u32 = 4_000;
/// Resumed ones, at 54 us each.
pub const RESUMED_HANDSHAKES_PER_SEC: u32 = 8_000;
/// Longest file with certificates, keys or lists that is read.
pub const TLS_FILE_BYTES_MAX: u64 = 16 << 20;

/// Log lines about single connections per shard and second; the rest is counted.
pub const CONNECTION_LINES_PER_SEC_MAX: u32 = 20;

/// Rings that each shard can have under this limit on open files: their descriptors count too.
pub fn rings_per_shard_max(shards: usize, listeners: usize, descriptors_max: usize) -> usize {
    let taken = DESCRIPTORS_RESERVED + shards * DESCRIPTORS_PER_SHARD;
    let per_ring = DESCRIPTORS_PER_RING + listeners;
    let rings = descriptors_max.saturating_sub(taken) / (shards * per_ring);
    rings.clamp(1, RINGS_PER_SHARD_MAX)
}

/// Slots of a table of that size that accepts are planned to fill.
pub const fn usable_table_slots(table_slots: u32) -> usize {
    let kept_free = table_slots / 100 * TABLE_HEADROOM_PERCENT;
    (table_slots - kept_free) as usize * TABLE_FILL_PERCENT / 100
}

/// User memory of one idle connected client with a 16-byte client id, owner by owner.
pub mod idle_client {
    /// The record in the shard's slab.
    pub const RECORD_BYTES: usize = 80;
    /// The client id itself.
    pub const CLIENT_ID_BYTES: usize = 16;
    /// Its entry in the index by client id: 4 B, a tag, and the free places of a table that grows
    /// by doubling, at worst.
    pub const INDEX_BYTES: usize = 12;
    /// The ring's generation and state for the slot.
    pub const RING_SLOT_BYTES: usize = 4;
    /// Who owns the slot.
    pub const OWNER_BYTES: usize = 4;
    /// All of it.
    pub const BYTES: usize =
        RECORD_BYTES + CLIENT_ID_BYTES + INDEX_BYTES + RING_SLOT_BYTES + OWNER_BYTES;
    /// What may be spent (DESIGN 2.4).
    pub const BYTES_MAX: usize = 128;

    const _: () = assert!(BYTES <= BYTES_MAX);
}

const _: () = assert!(1000 / TICKS_PER_SEC as u128 == TICK.as_millis());
const _: () = assert!(GATHER_MICROS <= GATHER_BUSY_MICROS);
const _: () = assert!((GATHER_BUSY_MICROS as u128) < TICK.as_micros());
const _: () = assert!(OUT_QUEUE_BYTES_MAX <= SPARE_BUFFER_BYTES_MAX);
const _: () = assert!(CONNECT_BYTES_MAX as usize <= LINGER_BYTES_MAX);
const _: () = assert!(TABLE_HEADROOM_PERCENT < 100);
// What stands before a CONNECT shares its table and must not need more of it.
const _: () = assert!(transport::HEAD_BYTES_MAX as u32 <= CONNECT_BYTES_MAX);
const _: () = assert!(transport::PROXY_V2_BYTES_MAX as u32 <= CONNECT_BYTES_MAX);
const _: () = assert!(LISTENERS_MAX - 1 <= u8::MAX as usize);
