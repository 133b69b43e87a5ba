//! Taking records: into memory, to the file, and to the disk with one fsync for many.

use std::io;

use super::Spool;
use crate::error::{AppendError, is_no_room};
use crate::limits::{RECORD_BYTES_MAX, REFUSALS};
use crate::record::HEAD_BYTES;
use crate::segment::{self, RECORDS_AT, SPARE, Segment, Writer};

impl Spool {
    /// Takes a record and gives it the next number. It is not durable before [`Spool::sync`] has
    /// said so; most appends copy it to memory and do no more.
    pub fn append(&mut self, record: &[u8]) -> Result<u64, AppendError> {
        self.check().map_err(AppendError::Io)?;
        if record.len() > RECORD_BYTES_MAX {
            return Err(AppendError::TooLong);
        }
        let bytes = (HEAD_BYTES + record.len()) as u64;
        self.make_room(bytes)?;
        // There is one when there is room.
        let writer = self.writer.as_mut().ok_or(AppendError::Full)?;
        writer.push(record);
        self.last += 1;
        self.bytes += bytes;
        Ok(self.last)
    }

    /// Makes all that was appended durable, with one write and one fsync; gives the last number
    /// that is. All numbers up to it may be promised.
    ///
    /// An error of the kinds `StorageFull`, `QuotaExceeded` and `FileTooLarge` leaves everything
    /// waiting: nothing is promised, and the next `sync` tries again. Any other is the end of this
    /// spool, see [`Spool::failure`].
    pub fn sync(&mut self) -> io::Result<u64> {
        self.check()?;
        self.commit()?;
        // Its error is none of the records'; the marker is behind then, and written another time.
        let _ = self.mark();
        Ok(self.durable)
    }

    fn make_room(&mut self, bytes: u64) -> Result<(), AppendError> {
        let writer = self.writer.as_ref();
        let mut is_turn = !writer.is_some_and(|writer| writer.fits(bytes));
        if self.bytes + bytes > self.bytes_max {
            if bytes > self.bytes_max || !self.is_empty() {
                return Err(AppendError::Full);
            }
            // All of it is settled: a new segment lets every other one go.
            is_turn = true;
        }
        if !is_turn && writer.is_some_and(|writer| writer.can_wait(bytes)) {
            return Ok(());
        }
        if self.refusals_left > 0 {
            self.refusals_left -= 1;
            return Err(AppendError::Full);
        }
        let answer = if is_turn {
            self.turn(bytes)
        } else {
            self.write()
        };
        answer.map_err(|error| {
            if !is_no_room(&error) {
                return AppendError::Io(error);
            }
            self.refusals_left = REFUSALS;
            AppendError::Full
        })
    }

    /// Begins a new segment with room for a record that takes `bytes`. The one before is durable
    /// first: only the newest segment of a log can have a torn end.
    fn turn(&mut self, bytes: u64) -> io::Result<()> {
        self.commit()?;
        let base = self.last + 1;
        let capacity = self.segment_bytes.max(RECORDS_AT + bytes);
        let writer = match self.prepare(base, capacity) {
            // Whoever has nothing to keep needs no room for two.
            Err(error) if is_no_room(&error) && self.is_empty() && !self.segments.is_empty() => {
                self.give_up_all()?;
                self.prepare(base, capacity)?
            }
            answer => answer?,
        };
        self.fsynced(writer.file.sync())?;
        self.disk.rename(SPARE, &segment::name(base))?;
        let named = self.disk.sync();
        self.fsynced(named)?;
        // One without records has just been replaced: it had the same name.
        self.segments.pop_back_if(|newest| newest.base == base);
        self.segments.push_back(Segment {
            base,
            last: base - 1,
            end: RECORDS_AT,
            salt: writer.salt,
        });
        self.writer = Some(writer);
        self.release()
    }

    fn prepare(&mut self, base: u64, capacity: u64) -> io::Result<Writer> {
        let is_recycled = self.has_spare && capacity == self.segment_bytes;
        self.has_spare = false;
        let writer = Writer::prepare(&*self.disk, base, capacity, is_recycled);
        writer.inspect_err(|_| {
            // Gives back what room it took; the next try makes it anew in any case.
            let _ = self.disk.remove(SPARE);
        })
    }

    /// Writes and fsyncs what was appended.
    fn commit(&mut self) -> io::Result<()> {
        if self.durable == self.last {
            return Ok(());
        }
        self.write()?;
        let (Some(writer), Some(newest)) = (&self.writer, self.segments.back_mut()) else {
            return Ok(());
        };
        let (end, answer) = (writer.end(), writer.file.sync());
        if answer.is_ok() {
            (newest.end, newest.last) = (end, self.last);
            self.durable = self.last;
        }
        self.fsynced(answer)
    }

    fn write(&mut self) -> io::Result<()> {
        let answer = self.writer.as_mut().map_or(Ok(()), Writer::write);
        answer.map_err(|error| {
            if is_no_room(&error) {
                return error;
            }
            self.fail(&error)
        })
    }
}
