//! Records on their way to the spool: one arena that goes to and fro between two threads.

use super::form;
use crate::kafka::batch::Record;
use crate::kafka::limits;
use crate::kafka::policy::Policy;

/// Records for the spool, in order, in the form they have there.
#[derive(Debug, Default)]
pub(in crate::kafka) struct Intake {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    is_for_outage: bool,
}

/// Who is to be answered for a record, and what it holds of the lane's room.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) ticket: u64,
    /// As [`Record::claim`] says.
    pub(super) weight: u64,
    pub(super) is_outage: bool,
    end: usize,
}

impl Intake {
    pub(in crate::kafka) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether it should go now, though there may be more.
    pub(in crate::kafka) fn is_full(&self) -> bool {
        self.bytes.len() >= limits::INTAKE_BYTES
    }

    /// Whether a record in it waited for Kafka first, or would have.
    pub(in crate::kafka) fn is_for_outage(&self) -> bool {
        self.is_for_outage
    }

    pub(in crate::kafka) fn push(&mut self, topic: &[u8], record: &Record, bytes: &[u8]) {
        form::write(&mut self.bytes, topic, record, bytes);
        let is_outage = record.policy == Policy::SpoolInOutage;
        self.is_for_outage |= is_outage;
        self.entries.push(Entry {
            ticket: record.ticket,
            weight: record.claim().1,
            is_outage,
            end: self.bytes.len(),
        });
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn records(&self) -> impl Iterator<Item = (&Entry, &[u8])> {
        let mut start = 0;
        self.entries.iter().map(move |entry| {
            let record = &self.bytes[start..entry.end];
            start = entry.end;
            (entry, record)
        })
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.entries.clear();
        self.is_for_outage = false;
        self.bytes.shrink_to(limits::SPARE_BYTES_MAX);
        self.entries
            .shrink_to(limits::SPARE_BYTES_MAX / size_of::<Entry>());
    }
}
