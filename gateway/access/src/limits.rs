//! Every bound of rules and quotas, proven against each other.

/// Rules of one list: a decision names its rule in 16 bits.
pub const RULES_MAX: usize = 1 << 12;
/// Topics of one rule.
pub const TOPICS_PER_RULE_MAX: usize = 1 << 8;
/// Networks of one rule.
pub const NETWORKS_PER_RULE_MAX: usize = 1 << 8;
/// Bytes of a glob. A match costs at most this times the length of the id looked at.
pub const GLOB_BYTES_MAX: usize = 1 << 8;
/// Different claims that the placeholders of one list name.
pub const CLAIM_NAMES_MAX: usize = 1 << 6;
/// Bytes of a topic or filter, as on the wire [MQTT-1.5.4].
pub const TOPIC_BYTES_MAX: usize = u16::MAX as usize;
/// Rules that a client brings itself.
pub const OWN_RULES_MAX: usize = 1 << 6;
/// Bytes of them, as JSON without spaces.
pub const OWN_RULES_BYTES_MAX: usize = 4 << 10;
/// Bytes of groups, claims and own rules together that a profile keeps: a token may say more than
/// it should.
pub const KIND_BYTES_MAX: usize = 8 << 10;
/// Profiles at one time: a client names its own in 32 bits.
pub const PROFILES_MAX: usize = 1 << 24;

/// Milliseconds that the clock of quotas may count up to: 4 years of one process.
pub const NOW_MILLIS_MAX: u64 = 1 << 37;
/// Tokens of a rate in lowest terms; see [`crate::rate::Rate::per`].
pub const RATE_TOKENS_MAX: u64 = 1 << 26;
/// The longest window of a rate, in milliseconds: a day.
pub const RATE_WINDOW_MILLIS_MAX: u64 = 24 * 60 * 60 * 1_000;
/// Times a hold-off can double.
pub const STRIKES_MAX: u8 = 32;
/// The longest hold-off and the longest memory of one, in milliseconds: 30 days.
pub const HOLD_MILLIS_MAX: u64 = 30 * RATE_WINDOW_MILLIS_MAX;
/// Keys of one table.
pub const KEYS_MAX: usize = 1 << 24;
/// Entries looked at for each new key, so that a table empties as fast as it fills.
pub const SWEEP_PER_INSERT: usize = 4;
/// The same when the table is full, before the new key is turned away.
pub const SWEEP_WHEN_FULL: usize = 32;

const _: () = assert!(RULES_MAX <= 1 << 16, "a rule's index is a u16");
const _: () = assert!(OWN_RULES_MAX <= RULES_MAX);
const _: () = assert!(
    OWN_RULES_BYTES_MAX <= KIND_BYTES_MAX / 2,
    "half is left to the rest"
);
const _: () = assert!(CLAIM_NAMES_MAX <= 1 << 8, "a claim's slot is a u8");
const _: () = assert!(PROFILES_MAX <= u32::MAX as usize);
const _: () = assert!(KEYS_MAX <= u32::MAX as usize);
// A bucket counts in parts of a millisecond: half of its 64 bits are left to what is owed.
const _: () = assert!(NOW_MILLIS_MAX.ilog2() + RATE_TOKENS_MAX.ilog2() <= 63);
// A whole burst is never cut off, whatever the rate.
const _: () = assert!(u32::MAX as u64 <= (1 << 62) / RATE_WINDOW_MILLIS_MAX);
// The end of a hold-off shares a word with 8 bits of strikes.
const _: () = assert!(NOW_MILLIS_MAX + 2 * HOLD_MILLIS_MAX < 1 << 56);
