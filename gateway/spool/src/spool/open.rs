//! What is in the folder: reads every segment that is not settled, cuts a torn end, counts what is
//! lost.

use std::collections::VecDeque;

use super::{Options, Recovered, Spool};
use crate::disk::Disk;
use crate::error::OpenError;
use crate::gaps::Gaps;
use crate::limits::{SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN, SEGMENTS_MIN};
use crate::marker::Marker;
use crate::scan::Scan;
use crate::segment::{self, Label, SPARE, Segment};

impl Spool {
    /// Opens a spool on anything that holds files.
    pub(crate) fn on(
        disk: Box<dyn Disk>,
        options: Options,
    ) -> Result<(Spool, Recovered), OpenError> {
        let segment_bytes = options.segment_bytes.min(options.bytes_max / SEGMENTS_MIN);
        let segment_bytes = segment_bytes.clamp(SEGMENT_BYTES_MIN, SEGMENT_BYTES_MAX);
        let folder = disk.path().to_owned();
        let failed = |error| OpenError::io(&folder, error);
        let (mut marker, marked) = Marker::open(&*disk)?;
        let mut bases: Vec<u64> = disk
            .names()
            .map_err(failed)?
            .iter()
            .filter_map(|name| segment::base(name))
            .collect();
        bases.sort_unstable();
        let before_first = bases.first().map_or(0, |base| base.saturating_sub(1));
        let settled = marked.unwrap_or(before_first);
        let mut recovery = Recovery {
            disk: &*disk,
            gaps: Gaps::default(),
            segments: VecDeque::new(),
            last: settled,
            torn_bytes: 0,
        };
        recovery.run(&bases, settled)?;
        let Recovery {
            mut gaps,
            segments,
            last,
            torn_bytes,
            ..
        } = recovery;
        let corrupt_records = gaps.count();
        let settled = gaps.settle(settled);
        // A new marker exists from here on, and the answer below is no promise without it.
        marker
            .write(settled)
            .and_then(|()| marker.sync())
            .and_then(|()| disk.sync())
            .map_err(failed)?;
        let spare = disk.open(SPARE).and_then(|file| file.bytes());
        let recovered = Recovered {
            records: last - settled - gaps.count(),
            bytes: segments.iter().map(Segment::bytes).sum(),
            torn_bytes,
            corrupt_records,
        };
        let spool = Spool {
            has_spare: spare.is_ok_and(|bytes| bytes == segment_bytes),
            disk,
            segment_bytes,
            bytes_max: options.bytes_max,
            segments,
            writer: None,
            cursor: None,
            marker,
            gaps,
            settled,
            durable: last,
            last,
            bytes: recovered.bytes,
            refusals_left: 0,
            fsyncs: 0,
            corrupt_records,
            torn_bytes,
            failure: None,
        };
        Ok((spool, recovered))
    }
}

/// A log that is being read for the first time.
struct Recovery<'a> {
    disk: &'a dyn Disk,
    gaps: Gaps,
    segments: VecDeque<Segment>,
    /// The highest number so far.
    last: u64,
    torn_bytes: u64,
}

impl Recovery<'_> {
    fn run(&mut self, bases: &[u64], settled: u64) -> Result<(), OpenError> {
        for (place, base) in bases.iter().enumerate() {
            let behind = bases.get(place + 1);
            let name = segment::name(*base);
            let file = self.disk.path().join(&name);
            if behind.is_some_and(|behind| behind - 1 <= settled) {
                // It was being given up when the last process ended.
                self.disk
                    .remove(&name)
                    .map_err(|error| OpenError::io(&file, error))?;
                continue;
            }
            self.segment(*base, behind.copied(), settled)
                .map_err(|trouble| match trouble {
                    Trouble::Version(found) => OpenError::Version { file, found },
                    Trouble::Io(error) => OpenError::io(&file, error),
                })?;
        }
        Ok(())
    }

    /// Reads a segment; `behind` is the base of the next one.
    fn segment(&mut self, base: u64, behind: Option<u64>, settled: u64) -> Result<(), Trouble> {
        // Whatever is missing in front of this segment belongs to the one before, to its end.
        if base > self.last + 1 {
            self.gaps.note((self.last + 1).max(settled + 1), base - 1);
            self.last = base - 1;
        }
        if let Some(before) = self.segments.back_mut() {
            before.last = base - 1;
        }
        let name = segment::name(base);
        let file = self.disk.open(&name)?;
        let salt = match segment::read_label(&*file, base)? {
            Label::Ours { salt } => salt,
            Label::Other { version } => return Err(Trouble::Version(version)),
            Label::Damaged => {
                // Somebody may still get something out of it; the spool cannot.
                self.torn_bytes += file.bytes()?.saturating_sub(segment::RECORDS_AT);
                self.disk.rename(&name, &format!("{name}.damaged"))?;
                return Ok(());
            }
        };
        let bytes = file.bytes()?;
        let index_end = behind.map_or(u32::MAX, |behind| {
            (behind - base).min(u32::MAX as u64) as u32
        });
        let mut scan = Scan::new(file, salt, bytes, index_end);
        while let Some(frame) = scan.find()? {
            scan.pass(&frame);
            let number = base + u64::from(frame.index);
            self.gaps.note((self.last + 1).max(settled + 1), number - 1);
            self.last = self.last.max(number);
        }
        self.segments.push_back(Segment {
            base,
            last: self.last,
            end: scan.at(),
            salt,
        });
        if behind.is_none() {
            self.close(scan)?;
        }
        Ok(())
    }

    /// Cuts what is behind the last whole record, and makes the rest durable: a process that was
    /// killed may have written it without an fsync.
    fn close(&mut self, mut scan: Scan) -> Result<(), Trouble> {
        self.torn_bytes += scan.torn_bytes()?;
        let end = scan.at();
        let file = scan.into_file();
        file.cut(end)?;
        Ok(file.sync()?)
    }
}

enum Trouble {
    Version(u32),
    Io(std::io::Error),
}

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Trouble {
        Trouble::Io(error)
    }
}
