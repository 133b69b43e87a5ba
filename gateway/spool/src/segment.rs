//! A segment: one file of records in a row, named for the first of them; and the writer of the
//! newest one.
//!
//! ```text
//!  [ label: base, salt ][ record ][ record ] ... [ record ][ 16 zeros ][ zeros, or a former life ]
//! ```
//!
//! A segment takes its room on disk when it is made, so its size says nothing of its end. The end
//! is where no record begins; the zeros tell a clean end from a torn record.

use std::hash::{BuildHasher, RandomState};
use std::io;

use crate::disk::{Disk, DiskFile};
use crate::label::{self, Copy, LABEL_BYTES};
use crate::limits::{NUMBER_MAX, VERSION, WRITE_BYTES};
use crate::record::{self, HEAD_BYTES, Salt};

/// Where the first record begins.
pub(crate) const RECORDS_AT: u64 = LABEL_BYTES as u64;

/// A file that is not a segment now: one is prepared under this name, and one that was settled
/// waits under it to be used again.
pub(crate) const SPARE: &str = "spare";

const KIND: label::Kind = *b"trib-log";

/// What is known of a segment on disk, as far as it is durable.
#[derive(Clone, Copy)]
pub(crate) struct Segment {
    /// The sequence number of its first record.
    pub(crate) base: u64,
    /// Of its last one, or of the last lost one behind that; `base - 1` while it is empty.
    pub(crate) last: u64,
    /// Where its records end in the file.
    pub(crate) end: u64,
    pub(crate) salt: Salt,
}

impl Segment {
    /// What its records take.
    pub(crate) fn bytes(&self) -> u64 {
        self.end - RECORDS_AT
    }
}

pub(crate) fn name(base: u64) -> String {
    format!("{base:020}.log")
}

/// The base, if it is a segment's name.
pub(crate) fn base(file_name: &str) -> Option<u64> {
    let base = file_name.strip_suffix(".log")?.parse().ok()?;
    (name(base) == file_name && (1..NUMBER_MAX).contains(&base)).then_some(base)
}

/// What a segment's label says.
pub(crate) enum Label {
    Ours { salt: Salt },
    Other { version: u32 },
    Damaged,
}

pub(crate) fn read_label(file: &dyn DiskFile, base: u64) -> io::Result<Label> {
    let mut label = Label::Damaged;
    for copy in label::read(file, KIND)? {
        match copy {
            Copy::Whole([found, salt]) if found == base => label = Label::Ours { salt: Salt(salt) },
            Copy::Other { version } => return Ok(Label::Other { version }),
            // One of another base was put here by somebody else.
            Copy::Whole(_) | Copy::Damaged => {}
        }
    }
    Ok(label)
}

/// Appends to the newest segment.
pub(crate) struct Writer {
    pub(crate) file: Box<dyn DiskFile>,
    pub(crate) salt: Salt,
    /// Of the next record.
    index: u32,
    /// Where `pending` belongs in the file.
    at: u64,
    /// The file's size once it is full.
    capacity: u64,
    /// Whole records that are not written yet.
    pending: Vec<u8>,
}

impl Writer {
    /// Makes an empty segment under the name of the spare; the caller syncs and renames it. So a
    /// file with a segment's name has always had its label.
    pub(crate) fn prepare(
        disk: &dyn Disk,
        base: u64,
        capacity: u64,
        is_recycled: bool,
    ) -> io::Result<Writer> {
        let file = if is_recycled {
            disk.open(SPARE)?
        } else {
            let file = disk.create(SPARE)?;
            file.allocate(capacity)?;
            file
        };
        // Random enough that no device can guess it, and no dependency.
        let salt = Salt(RandomState::new().hash_one(base));
        let mut front = label::encode(KIND, VERSION, [base, salt.0]).to_vec();
        front.resize(LABEL_BYTES + HEAD_BYTES, 0);
        file.write_at(&front, 0)?;
        Ok(Writer {
            file,
            salt,
            index: 0,
            at: RECORDS_AT,
            capacity,
            pending: Vec::new(),
        })
    }

    /// Whether a record that takes `bytes` fits into the segment.
    pub(crate) fn fits(&self, bytes: u64) -> bool {
        self.at + self.pending.len() as u64 + bytes <= self.capacity
    }

    /// Whether a record that takes `bytes` can wait in memory with the others.
    pub(crate) fn can_wait(&self, bytes: u64) -> bool {
        self.pending.is_empty() || self.pending.len() as u64 + bytes <= WRITE_BYTES as u64
    }

    pub(crate) fn push(&mut self, record: &[u8]) {
        record::push(&mut self.pending, self.salt, self.index, record);
        self.index += 1;
    }

    /// Writes what is pending and a clean end behind it. After an error all of it is still pending.
    pub(crate) fn write(&mut self) -> io::Result<()> {
        let bytes = self.pending.len();
        if bytes == 0 {
            return Ok(());
        }
        let rest = self.capacity.saturating_sub(self.at + bytes as u64);
        self.pending
            .resize(bytes + rest.min(HEAD_BYTES as u64) as usize, 0);
        let answer = self.file.write_at(&self.pending, self.at);
        self.pending.truncate(bytes);
        answer?;
        self.at += bytes as u64;
        self.pending.clear();
        Ok(())
    }

    /// Where the written records end.
    pub(crate) fn end(&self) -> u64 {
        self.at
    }
}

/// Writes a segment as a version to come would.
#[cfg(test)]
pub(crate) fn of_version(version: u32, base: u64) -> Vec<u8> {
    label::encode(KIND, version, [base, 0]).to_vec()
}
