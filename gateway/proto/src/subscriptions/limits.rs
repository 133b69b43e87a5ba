//! The bounds of one shard's subscriptions; what is over them is answered with `Added::Full`.

/// Filters of one client, unless the configuration says otherwise.
pub const FILTERS_PER_CLIENT_MAX: usize = 1_000;
/// Different filters of one shard, and groups of one shard: a claim has 24 bits for either.
pub const FILTERS_PER_SHARD_MAX: usize = 1 << 24;
/// Clients of one shard: a subscriber has 24 bits for its client.
pub const CLIENTS_PER_SHARD_MAX: usize = 1 << 24;
/// Levels of a filter that stands in the trie, and so steps that a match may take at most.
pub const LEVELS_MAX: usize = 128;
/// How far a group is searched for a member that is ready once another could take it later.
pub const READY_LOOKS_MAX: usize = 64;
/// How far a group is searched at all for one message; the next search goes on from there.
pub const LOOKS_MAX: usize = 1_024;
/// Room that is kept from one match to the next, in subscribers: 16 bytes each.
pub const FOUND_KEPT_MAX: usize = 16 << 10;

const _: () = assert!(LEVELS_MAX <= u8::MAX as usize);
const _: () = assert!(READY_LOOKS_MAX <= LOOKS_MAX);
