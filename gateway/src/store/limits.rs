//! Every bound of the store, proven against each other where they lean on each other.

/// Operations that one shard may have waiting for a commit; beyond that it hears `Full`.
pub const OPS_PER_SHARD_MAX: u64 = 200_000;
/// Bytes that the operations of one shard may hold meanwhile.
pub const BYTES_PER_SHARD_MAX: u64 = 64 << 20;
/// A shard that was told `Full` hears that there is room again below this share of the bounds.
pub const LOW_WATER_PERCENT: u64 = 70;
/// Entries of deleted sessions that one commit clears away beside its own work.
pub const SWEEP_PER_COMMIT: usize = 1_000;
/// Pages kept in memory. The system's page cache stands behind them, so a miss costs one read.
pub const CACHE_BYTES: usize = 32 << 20;

const _: () = assert!(LOW_WATER_PERCENT < 100);
const _: () = assert!((SWEEP_PER_COMMIT as u64) < OPS_PER_SHARD_MAX);
