//! Names the bounds that can be hit while running, for their counter.

/// Names, in the order of the constants below.
pub const NAMES: &[&str] = &["out_queue", "reassembly", "clients", "lane"];

/// A client left too many answers unread: its socket is no longer read.
pub const OUT_QUEUE: usize = 0;
/// Too many half-received packets on a shard: the client concerned is disconnected.
pub const REASSEMBLY: usize = 1;
/// A shard has all the clients it may take: the newcomer is turned away.
pub const CLIENTS: usize = 2;
/// A lane is full: the sockets concerned are no longer read.
pub const LANE: usize = 3;
