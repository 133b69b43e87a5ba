//! Every bound of the spool, and the version of what it writes.

/// Of the format of files; a spool with another one is not touched.
pub(crate) const VERSION: u32 = 1;

/// The longest record. What a device may send is bounded far below by the gateway.
pub const RECORD_BYTES_MAX: usize = 2 << 20;

/// Settled records that kill -9 can make come back: the replay marker is written at the latest when
/// it lags by this many.
pub const MARKER_RECORDS_MAX: u64 = 256;

/// The smallest and the largest segment; what the options ask for is brought in between. A record
/// that is longer than the segment gets one of its own.
pub const SEGMENT_BYTES_MIN: u64 = 8 << 10;
pub const SEGMENT_BYTES_MAX: u64 = 1 << 30;

/// A full log must be made of several segments: room comes back a segment at a time.
pub(crate) const SEGMENTS_MIN: u64 = 4;

/// Appended bytes that are held in memory; beyond it they are written, without an fsync. Few in a
/// test, so that much is written and not yet synced.
pub(crate) const WRITE_BYTES: usize = if cfg!(test) { 4 << 10 } else { 1 << 20 };

/// Sequence numbers beyond this one are none: at a million a second it lasts for 292,000 years.
pub(crate) const NUMBER_MAX: u64 = u64::MAX / 2;

/// Read ahead, for replay and at the start. Few in a test, so that much lies across the edge.
pub(crate) const READ_BYTES: usize = if cfg!(test) { 600 } else { 256 << 10 };

/// Appends that are refused without asking the disk again once it had no room.
pub(crate) const REFUSALS: u32 = 64;

// A record's place in its segment is 32 bits wide, and a record takes 16 bytes or more.
const _: () = assert!(SEGMENT_BYTES_MAX / 16 <= u32::MAX as u64);
const _: () = assert!(RECORD_BYTES_MAX as u64 <= SEGMENT_BYTES_MAX / 2);
