//! What one partition sends in one ProduceRequest: records one behind the other, owned until
//! answered.

use super::batch::Record;
use super::limits;
use super::policy::Policy;

/// Records of one partition, in order. It stays with the lane until each of them is answered, so
/// that a new producer can be given the rest.
#[derive(Debug, Default)]
pub(super) struct Block {
    pub(super) bytes: Vec<u8>,
    pub(super) records: Vec<Record>,
    /// Where the block stands among those of its partition.
    pub(super) sequence: u64,
}

impl Block {
    /// Whether one more record of `bytes` stays within one request. A record that is larger than
    /// that gets a block of its own.
    pub(super) fn fits(&self, bytes: usize) -> bool {
        let framed = self.records.len() * FRAME_BYTES;
        self.records.is_empty()
            || (self.records.len() < limits::BLOCK_RECORDS_MAX
                && self.bytes.len() + framed + bytes + FRAME_BYTES <= limits::BLOCK_BYTES_MAX)
    }

    pub(super) fn push(&mut self, record: &Record, bytes: &[u8]) {
        let start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(record.whole(bytes));
        self.records.push(Record { start, ..*record });
    }

    /// Whether a record in it may go to the spool instead.
    pub(super) fn is_spoolable(&self) -> bool {
        let mut records = self.records.iter();
        records.any(|record| record.policy == Policy::SpoolInOutage)
    }

    /// Takes out what may go to the spool, in order.
    pub(super) fn take_spoolable(&mut self, mut each: impl FnMut(&Record, &[u8])) {
        let (records, bytes) = (
            std::mem::take(&mut self.records),
            std::mem::take(&mut self.bytes),
        );
        for record in &records {
            match record.policy {
                Policy::SpoolInOutage => each(record, &bytes),
                _ => self.push(record, &bytes),
            }
        }
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.records.clear();
        self.bytes.shrink_to(limits::SPARE_BYTES_MAX);
    }
}

/// What Kafka's record format adds to a record at most, lengths and deltas (KIP-98).
const FRAME_BYTES: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn record(payload_bytes: u32) -> Record {
        Record {
            ticket: 7,
            start: 0,
            key_bytes: 0,
            headers_bytes: 0,
            payload_bytes,
            ..Record::default()
        }
    }

    #[test]
    fn a_block_takes_what_one_request_may_hold_and_always_one() {
        let mut block = Block::default();
        let payload = vec![7; limits::BLOCK_BYTES_MAX + 1];
        assert!(block.fits(payload.len()));
        block.push(&record(payload.len() as u32), &payload);
        assert!(!block.fits(0));
        block.clear();
        while block.fits(0) {
            block.push(&record(0), &[]);
        }
        assert_eq!(block.records.len(), limits::BLOCK_RECORDS_MAX);
        block.clear();
        while block.fits(1000) {
            block.push(&record(1000), &payload);
        }
        assert!(block.bytes.len() <= limits::BLOCK_BYTES_MAX && block.records.len() > 400);
    }
}
