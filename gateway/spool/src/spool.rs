//! The spool itself: its state, what it counts, and how it fails.
//!
//! ```text
//!   settled ............ durable ............ last
//!      |   to be read       |    not safe yet   |
//!      |   and settled      |    sync is due    |
//! ```

mod append;
mod open;
mod read;
mod settle;

use std::collections::VecDeque;
use std::io;
use std::path::Path;

use crate::disk::{Disk, Folder};
use crate::error::OpenError;
use crate::gaps::Gaps;
use crate::marker::Marker;
use crate::segment::{Segment, Writer};

use read::Cursor;

/// How large a spool may be.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The size of a file. Room comes back a file at a time, and one fsync more is needed for each;
    /// never more than a quarter of `bytes_max`.
    pub segment_bytes: u64,
    /// What records may take on disk, each with 16 bytes of its own, until their segment is settled
    /// as a whole.
    pub bytes_max: u64,
}

/// What was found when a spool was opened.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Recovered {
    /// Records to be read and settled.
    pub records: u64,
    /// What counts against `bytes_max`.
    pub bytes: u64,
    /// Cut off the end of the log: at least so much of a record was written and never finished.
    pub torn_bytes: u64,
    /// Numbers whose record is not there or not what was appended. Each may have been promised to
    /// a device, though a power loss in the middle of a sync can also leave such a hole.
    pub corrupt_records: u64,
}

/// What a spool holds now, and what it has counted since it was opened.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Counters {
    /// Appended and not settled.
    pub records: u64,
    /// What counts against `bytes_max`: records whose segment is not settled as a whole.
    pub bytes: u64,
    pub segments: u64,
    pub fsyncs: u64,
    /// As in [`Recovered`], with those that were found since.
    pub corrupt_records: u64,
    pub torn_bytes: u64,
}

/// A bounded log on disk; see the crate's page.
pub struct Spool {
    disk: Box<dyn Disk>,
    segment_bytes: u64,
    bytes_max: u64,
    /// Oldest first. The newest is given up only where the disk has no room for another beside it:
    /// its name keeps the sequence numbers going, also where the marker cannot be read.
    segments: VecDeque<Segment>,
    /// Writes to the newest segment. What an earlier process left behind is never appended to: of
    /// what is behind its end nobody can say when it was written.
    writer: Option<Writer>,
    cursor: Option<Cursor>,
    marker: Marker,
    /// Among the numbers behind `settled`.
    gaps: Gaps,
    settled: u64,
    durable: u64,
    last: u64,
    /// What records take in all segments, and in memory.
    bytes: u64,
    has_spare: bool,
    /// How often to say `Full` before the disk is asked again.
    refusals_left: u32,
    fsyncs: u64,
    corrupt_records: u64,
    torn_bytes: u64,
    failure: Option<String>,
}

impl Spool {
    /// Opens the spool in the folder `path`, or makes an empty one, and reads it from end to end.
    pub fn open(path: &Path, options: Options) -> Result<(Spool, Recovered), OpenError> {
        Spool::on(Box::new(Folder::lock(path)?), options)
    }

    pub fn counters(&self) -> Counters {
        Counters {
            records: self.last - self.settled - self.gaps.count(),
            bytes: self.bytes,
            segments: self.segments.len() as u64,
            fsyncs: self.fsyncs,
            corrupt_records: self.corrupt_records,
            torn_bytes: self.torn_bytes,
        }
    }

    /// Whether all that was appended is settled.
    pub fn is_empty(&self) -> bool {
        self.settled == self.last
    }

    /// The last number that was given; 0 before the first.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// All numbers up to this one are on disk.
    pub fn durable(&self) -> u64 {
        self.durable
    }

    /// All numbers up to this one are settled.
    pub fn settled(&self) -> u64 {
        self.settled
    }

    /// Why this spool takes nothing more until it is opened anew; `None` while it does.
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// The newest file, as far as it is durable.
    #[cfg(test)]
    pub(crate) fn last_file(&self) -> Option<Segment> {
        self.segments.back().copied()
    }

    fn check(&self) -> io::Result<()> {
        match &self.failure {
            None => Ok(()),
            Some(failure) => Err(io::Error::other(failure.clone())),
        }
    }

    /// Notes how an fsync went. One that failed is the end: the kernel may have dropped what it
    /// could not write, and the next fsync would say nothing of it.
    fn fsynced(&mut self, answer: io::Result<()>) -> io::Result<()> {
        self.fsyncs += 1;
        answer.map_err(|error| self.fail(&error))
    }

    /// Fails for good.
    fn fail(&mut self, error: &io::Error) -> io::Error {
        let folder = self.disk.path().display();
        let failure = format!(
            "the spool {folder} failed ({error}): what was not synced before is lost, what was is \
             read when the gateway starts again"
        );
        io::Error::other(self.failure.insert(failure).clone())
    }
}

/// Does what makes the next start quicker; a spool that is killed instead loses nothing by it.
impl Drop for Spool {
    fn drop(&mut self) {
        // There is nobody to tell, and nothing is lost: what was settled comes again.
        let _ = self.mark();
    }
}
