//! Names the bounds that can be hit while running, for their counter.

/// Names, in the order of the constants below.
pub const NAMES: &[&str] = &[
    "out_queue",
    "reassembly",
    "clients",
    "lane",
    "subscriptions",
    "retained",
    "wills",
    "held",
    "exchanges",
    "listener",
    "quota",
    "half_open",
    "profiles",
    "asked",
    "addresses",
];

/// A client left too many answers unread: its socket is no longer read.
pub const OUT_QUEUE: usize = 0;
/// Too many half-received packets on a shard: the client concerned is disconnected.
pub const REASSEMBLY: usize = 1;
/// A shard has all the clients it may take: the newcomer is turned away.
pub const CLIENTS: usize = 2;
/// A lane is full: the sockets concerned are no longer read.
pub const LANE: usize = 3;
/// A client or a shard has all the subscriptions it may have: the filter is refused with 0x97.
pub const SUBSCRIPTIONS: usize = 4;
/// A shard keeps all the retained messages it may keep: one more is refused with 0x97.
pub const RETAINED: usize = 5;
/// Too many wills wait to be published: one more is dropped.
pub const WILLS: usize = 6;
/// Too many messages wait for Kafka before their subscribers get them: their publisher waits.
pub const HELD: usize = 7;
/// Too many strangers prove who they are: one more is turned away with 0x89.
pub const EXCHANGES: usize = 8;
/// A listener has all the clients it may have: the newcomer is turned away.
pub const LISTENER: usize = 9;
/// There is no room for one more account: its owner goes unbounded.
pub const QUOTA: usize = 10;
/// Too many TLS handshakes have begun: the one that has waited longest is closed.
pub const HALF_OPEN: usize = 11;
/// Too many kinds of clients, as the rules tell them apart: one of another kind is turned away.
pub const PROFILES: usize = 12;
/// Too many strangers wait until it is known who they are: one more is turned away with 0x89.
pub const ASKED: usize = 13;
/// Too many addresses have shown wrong passwords: one more is not remembered.
pub const ADDRESSES: usize = 14;
