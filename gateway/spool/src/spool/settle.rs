//! Forgetting records that are in Kafka: the replay marker moves, whole segments go.

use std::io;

use super::Spool;
use crate::limits::MARKER_RECORDS_MAX;
use crate::segment::{self, SPARE};

impl Spool {
    /// All records up to `through` are in Kafka and need not be kept; a number that is not durable
    /// yet counts as the last that is. After an error the numbers are settled all the same, only
    /// the disk does not know it yet, and the next call tells it.
    pub fn settle(&mut self, through: u64) -> io::Result<()> {
        let through = through.min(self.durable);
        if through > self.settled {
            self.settled = self.gaps.settle(through);
        }
        let lag = self.settled - self.marker.written();
        if lag >= MARKER_RECORDS_MAX || self.is_empty() {
            self.mark()?;
        }
        self.release()
    }

    /// Writes the replay marker if it is behind.
    pub(super) fn mark(&mut self) -> io::Result<()> {
        if self.marker.written() == self.settled {
            return Ok(());
        }
        self.marker.write(self.settled)
    }

    /// Gives up the segments that are settled as a whole. The marker is on disk first, so that a
    /// segment that is missing for another reason shows as what it is: lost records.
    pub(super) fn release(&mut self) -> io::Result<()> {
        if !self.is_oldest_settled() || self.failure.is_some() {
            return Ok(());
        }
        self.mark_for_good()?;
        while self.is_oldest_settled() {
            self.forget_oldest()?;
        }
        Ok(())
    }

    /// Gives up a log of which all is settled, the newest segment too. Until there is another one,
    /// it is the marker alone that keeps the numbers going.
    pub(super) fn give_up_all(&mut self) -> io::Result<()> {
        self.mark_for_good()?;
        self.writer = None;
        while !self.segments.is_empty() {
            self.forget_oldest()?;
        }
        let named = self.disk.sync();
        self.fsynced(named)
    }

    /// The marker is on disk when this returns.
    fn mark_for_good(&mut self) -> io::Result<()> {
        self.mark()?;
        let marked = self.marker.sync();
        self.fsynced(marked)
    }

    fn forget_oldest(&mut self) -> io::Result<()> {
        let oldest = self.segments[0];
        self.give_up(&segment::name(oldest.base))?;
        self.segments.pop_front();
        self.bytes -= oldest.bytes();
        self.cursor.take_if(|cursor| cursor.base() == oldest.base);
        self.refusals_left = 0;
        Ok(())
    }

    fn is_oldest_settled(&self) -> bool {
        self.segments.len() > 1 && self.segments[0].last <= self.settled
    }

    /// Keeps one file for the next segment: its blocks have been written before, which saves the
    /// file system's journal a part in every fsync.
    fn give_up(&mut self, name: &str) -> io::Result<()> {
        let bytes = self.disk.open(name).and_then(|file| file.bytes());
        let has_size = bytes.is_ok_and(|bytes| bytes == self.segment_bytes);
        let answer = if has_size && !self.has_spare {
            let answer = self.disk.rename(name, SPARE);
            self.has_spare = answer.is_ok();
            answer
        } else {
            self.disk.remove(name)
        };
        // Somebody else was quicker.
        answer.or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        })
    }
}
