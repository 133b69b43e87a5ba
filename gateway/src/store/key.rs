//! Keys on disk: a session's number first, so that all of a session lies together.
//!
//! ```text
//!  table sessions   [ number 8 ][ 0 ]                       the record
//!                   [ number 8 ][ 1 ]                       the will
//!                   [ number 8 ][ 2 ][ filter ]             a subscription
//!  table flow       [ number 8 ][ 0 ][ packet id 2 ]        a QoS 2 packet id in use
//!                   [ number 8 ][ 1 ][ seq 8 ][ 0 ]         a queue entry
//!                   [ number 8 ][ 1 ][ seq 8 ][ 1 ]         how far its delivery has come
//!  table bodies     [ body 8 ]                              a message that several entries share
//!  table retained   [ topic ]                               a retained message
//! ```
//!
//! Numbers are big-endian: the order of the keys is the order of the queue.

use super::op::SessionNumber;

/// What stands under a session's number in the table of sessions.
pub(super) const RECORD: u8 = 0;
pub(super) const WILL: u8 = 1;
pub(super) const SUBSCRIPTION: u8 = 2;
/// What stands under it in the table of the flow.
pub(super) const TAKEN: u8 = 0;
pub(super) const QUEUE: u8 = 1;
/// The parts of one queue entry.
pub(super) const ENTRY: u8 = 0;
pub(super) const STATE: u8 = 1;

pub(super) type QueueKey = [u8; 18];

pub(super) fn record(session: SessionNumber) -> [u8; 9] {
    let mut key = [RECORD; 9];
    key[..8].copy_from_slice(&session.word().to_be_bytes());
    key
}

pub(super) fn will(session: SessionNumber) -> [u8; 9] {
    let mut key = record(session);
    key[8] = WILL;
    key
}

/// Writes the key of a subscription into `key`, which is emptied before.
pub(super) fn subscription(session: SessionNumber, filter: &str, key: &mut Vec<u8>) {
    key.clear();
    key.extend_from_slice(&session.word().to_be_bytes());
    key.push(SUBSCRIPTION);
    key.extend_from_slice(filter.as_bytes());
}

pub(super) fn taken(session: SessionNumber, packet_id: u16) -> [u8; 11] {
    let mut key = [TAKEN; 11];
    key[..8].copy_from_slice(&session.word().to_be_bytes());
    key[9..].copy_from_slice(&packet_id.to_be_bytes());
    key
}

pub(super) fn queue(session: SessionNumber, seq: u64, part: u8) -> QueueKey {
    let mut key = [QUEUE; 18];
    key[..8].copy_from_slice(&session.word().to_be_bytes());
    key[9..17].copy_from_slice(&seq.to_be_bytes());
    key[17] = part;
    key
}

/// A key of either table of sessions, taken apart: number, tag, rest.
pub(super) fn split(key: &[u8]) -> Option<(SessionNumber, u8, &[u8])> {
    let (number, rest) = key.split_first_chunk::<8>()?;
    let (&tag, rest) = rest.split_first()?;
    let number = u64::from_be_bytes(*number).try_into().ok()?;
    Some((SessionNumber(number), tag, rest))
}

/// The rest of a queue key: sequence number and part.
pub(super) fn split_queue(rest: &[u8]) -> Option<(u64, u8)> {
    let (seq, rest) = rest.split_first_chunk::<8>()?;
    match rest {
        [part] => Some((u64::from_be_bytes(*seq), *part)),
        _ => None,
    }
}
