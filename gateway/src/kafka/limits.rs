//! Every bound of a lane, in one place, proven against each other at compile time.

use std::time::Duration;

/// Slots that a ticket can name on one shard.
pub const TICKET_SLOTS_MAX: u32 = 1 << 24;

/// Un-acked records of one lane unless configured: 20 s of 10,000 messages per second.
pub const PENDING_RECORDS_MAX_DEFAULT: u64 = 200_000;
/// Un-acked bytes of one lane unless configured.
pub const PENDING_BYTES_MAX_DEFAULT: u64 = 256 << 20;
/// Un-acked records that a lane can be configured to hold: what `room` packs into its
/// word.
pub const PENDING_RECORDS_CEILING: u64 = (1 << 24) - 1;
/// Un-acked bytes that a lane can be configured to hold: offsets inside a batch are 32 bit.
pub const PENDING_BYTES_CEILING: u64 = 2 << 30;
/// A paused client may go on when the lane has fallen below this share of its bounds.
pub const LOW_WATER_PERCENT: u64 = 70;
/// What one record costs the lane beyond key, headers and payload: its entries in batch and block,
/// its claim in flight, and librdkafka's own 300 bytes while it is there.
pub const RECORD_OVERHEAD_BYTES: usize = 128;

/// The largest record that a downlink takes to a device: a mailbox has room for some of them.
pub const DOWNLINK_RECORD_BYTES_MAX: usize = 16 << 20;
/// Bytes of the open records of one partition of a downlink; then the oldest is given up.
pub const DOWNLINK_OPEN_BYTES_MAX: usize = 64 << 20;
/// Records that a downlink reads before it looks at what became of earlier ones.
pub const DOWNLINK_RECORDS_PER_TURN: usize = 512;
/// Records that one announcement names, of ten bytes each at the worst, below Kafka's own 1 MB.
pub const DOWNLINK_ANNOUNCEMENT_RECORDS_MAX: usize = 50_000;
/// Hand-offs that wait to be announced; then nothing more is read.
pub const DOWNLINK_UNANNOUNCED_MAX: usize = 1 << 20;

/// One block is one ProduceRequest, so it stays below librdkafka's `batch.size` and Kafka's own
/// `message.max.bytes` (both 1 MB), else it is cut again below us.
pub const BLOCK_BYTES_MAX: usize = 512 << 10;
/// Below librdkafka's `batch.num.messages`.
pub const BLOCK_RECORDS_MAX: usize = 8_000;
/// A block of so many goes without linger: only what is one record cannot be cut below us.
pub const QUICK_RECORDS_MAX: usize = 1;
/// Emptied blocks that are kept for the next records.
pub const BLOCKS_SPARE_MAX: usize = 64;
/// A spare block or batch gives memory back to the allocator above this many bytes.
pub const SPARE_BYTES_MAX: usize = 1 << 20;
/// Blocks of one lane that may be with librdkafka at once.
pub const FLIGHTS_MAX: usize = 4_096;
/// Blocks of one partition with librdkafka: a second one would wait there with the idempotent
/// producer spinning beside it, and a rebuild could not keep the order.
pub const FLIGHTS_PER_PARTITION_MAX: usize = 1;
/// ProduceRequests that an idempotent producer may have un-acked on one connection (KIP-98).
pub const FLIGHTS_PER_LEADER_MAX: usize = 5;
/// ProduceRequests per second of one lane unless configured. Below it a record goes at once, above
/// it the blocks grow: each request costs about 45 us of CPU here and 60 us in the broker.
pub const REQUESTS_PER_SEC_DEFAULT: u32 = 2_000;
/// Requests that may go back to back after a quiet moment.
pub const REQUESTS_BURST: u32 = 8;

/// Kafka topics that one lane knows at a time, missing ones included.
pub const TOPICS_MAX: usize = 1_024;
/// Topic names that one batch distinguishes; one more is still written, at the cost of its bytes.
pub const BATCH_TOPICS_MAX: usize = 64;
/// Kafka's own limit on the length of a topic name.
pub const TOPIC_BYTES_MAX: usize = 249;
/// Headers of one record.
pub const HEADERS_MAX: usize = 16;
/// Emptied batches that wait for each shard.
pub const BATCHES_SPARE_MAX: usize = 4;

/// A lane whose oldest request is un-acked for so long is slow.
pub const SLOW_AFTER: Duration = Duration::from_secs(1);
/// And for so long, unless configured, is down.
pub const DOWN_AFTER_SECS_DEFAULT: u64 = 5;

/// What a spool may take on disk unless configured.
pub const SPOOL_BYTES_MAX_DEFAULT: u64 = 1 << 30;
/// One file of a spool.
pub const SPOOL_SEGMENT_BYTES: u64 = 64 << 20;
/// Handed to the spool's thread at once, if there is so much.
pub const INTAKE_BYTES: usize = 1 << 20;
/// Appended to the spool before an fsync that others wait for.
pub const COMMIT_BYTES: usize = 4 << 20;
/// Replayed records that Kafka has not answered. They claim none of the lane's room: what is safe
/// must never wait behind what is not.
pub const REPLAY_RECORDS_MAX: usize = 8_192;
pub const REPLAY_BYTES_MAX: usize = 16 << 20;
/// Replayed at once.
pub const REPLAY_BATCH_BYTES: usize = 1 << 20;
/// With so little left in the spool the lane holds its shards' batches back, so that it empties.
pub const HOLD_RECORDS_MAX: u64 = 4_096;

const _: () = assert!(BLOCK_BYTES_MAX < 1_000_000);
const _: () = assert!(HOLD_RECORDS_MAX <= REPLAY_RECORDS_MAX as u64);
const _: () = assert!(SLOW_AFTER.as_secs() < DOWN_AFTER_SECS_DEFAULT);
const _: () = assert!(BLOCK_RECORDS_MAX < 10_000);
const _: () = assert!(DOWNLINK_ANNOUNCEMENT_RECORDS_MAX * 10 < 1_000_000);
const _: () = assert!(FLIGHTS_MAX <= 1 << 16);
const _: () = assert!(FLIGHTS_PER_PARTITION_MAX <= FLIGHTS_PER_LEADER_MAX);
const _: () = assert!(PENDING_RECORDS_MAX_DEFAULT <= PENDING_RECORDS_CEILING);
const _: () = assert!(PENDING_BYTES_MAX_DEFAULT <= PENDING_BYTES_CEILING);
const _: () = assert!(PENDING_BYTES_CEILING < 1 << 40);
const _: () = assert!(LOW_WATER_PERCENT < 100);
const _: () = assert!(TOPICS_MAX <= u16::MAX as usize);
