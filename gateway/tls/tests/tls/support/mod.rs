//! What the tests share: authorities, pairs of client and server, and a client that may lie.

pub(crate) mod client;
pub(crate) mod forger;
pub(crate) mod pki;
pub(crate) mod random;
pub(crate) mod server;

/// The time in tests: 1 June 2026.
pub(crate) const NOW_SECS: u64 = 1_780_272_000;
