//! Reading back what is durable and not settled, in order, from where the last reader stopped.

use std::io;

use super::Spool;
use crate::scan::Scan;
use crate::segment;

/// The reader's place in one segment.
pub(super) struct Cursor {
    base: u64,
    scan: Scan,
}

impl Cursor {
    pub(super) fn base(&self) -> u64 {
        self.base
    }

    /// The number that should come next.
    fn next(&self) -> u64 {
        self.base + u64::from(self.scan.index())
    }
}

/// What a caller will take.
struct Budget {
    records: usize,
    bytes: usize,
    is_untouched: bool,
}

impl Budget {
    /// Whether it takes one more; the first always, or a long record would never be read.
    fn spend(&mut self, bytes: usize) -> bool {
        if self.records == 0 || (bytes > self.bytes && !self.is_untouched) {
            return false;
        }
        self.records -= 1;
        self.bytes = self.bytes.saturating_sub(bytes);
        self.is_untouched = false;
        true
    }
}

impl Spool {
    /// Durable records that are not settled, from the number `from` on (a settled one means the
    /// first that is not), in order: at most `records_max`, and not more than `bytes_max` of their
    /// bytes, but one at least. An empty answer means that there are no more yet.
    pub fn read(
        &mut self,
        from: u64,
        records_max: usize,
        bytes_max: usize,
    ) -> io::Result<Vec<(u64, Vec<u8>)>> {
        let mut records = Vec::new();
        self.visit(from, records_max, bytes_max, |number, record| {
            records.push((number, record.to_vec()));
        })?;
        Ok(records)
    }

    /// As [`Spool::read`], lending each record to `each` instead of copying it; gives the number
    /// to go on from. It goes on quickest from there. A record that is found corrupt is passed over
    /// and counted.
    ///
    /// After an error nothing is lost: what was not lent yet is there for the next try. A failed
    /// spool still gives what was durable before.
    pub fn visit(
        &mut self,
        from: u64,
        records_max: usize,
        bytes_max: usize,
        mut each: impl FnMut(u64, &[u8]),
    ) -> io::Result<u64> {
        let mut budget = Budget {
            records: records_max,
            bytes: bytes_max,
            is_untouched: true,
        };
        let mut next = from.max(self.settled + 1);
        let mut is_more = true;
        while is_more && next <= self.durable {
            let mut cursor = self.take_cursor(next)?;
            let answer = self.walk(&mut cursor, &mut next, &mut budget, &mut each);
            self.cursor = Some(cursor);
            is_more = answer?;
        }
        Ok(next)
    }

    /// The cursor, in the segment that has the number `next` and not behind that.
    fn take_cursor(&mut self, next: u64) -> io::Result<Cursor> {
        let place = self.segments.partition_point(|s| s.base <= next);
        let segment = place.checked_sub(1).map(|place| self.segments[place]);
        let segment = segment.ok_or(io::ErrorKind::NotFound)?;
        let here = |cursor: &mut Cursor| cursor.base == segment.base && cursor.next() <= next;
        if let Some(mut cursor) = self.cursor.take_if(here) {
            cursor.scan.extend(segment.end);
            return Ok(cursor);
        }
        let file = self.disk.open(&segment::name(segment.base))?;
        Ok(Cursor {
            base: segment.base,
            scan: Scan::new(file, segment.salt, segment.end, u32::MAX),
        })
    }

    /// Goes through one segment; says whether the budget would have taken more.
    fn walk(
        &mut self,
        cursor: &mut Cursor,
        next: &mut u64,
        budget: &mut Budget,
        each: &mut impl FnMut(u64, &[u8]),
    ) -> io::Result<bool> {
        let place = self.segments.partition_point(|s| s.base <= cursor.base);
        let last = self.segments[place - 1].last.min(self.durable);
        while *next <= last {
            let expected = cursor.next();
            let Some(frame) = cursor.scan.find()? else {
                self.note_lost(expected, last);
                *next = last + 1;
                break;
            };
            let number = cursor.base + u64::from(frame.index);
            if number > expected {
                self.note_lost(expected, number - 1);
            }
            if number >= *next {
                if !budget.spend(frame.record_bytes()) {
                    return Ok(false);
                }
                each(number, cursor.scan.record(&frame));
                *next = number + 1;
            }
            cursor.scan.pass(&frame);
        }
        Ok(true)
    }

    fn note_lost(&mut self, first: u64, last: u64) {
        self.corrupt_records += self.gaps.note(first.max(self.settled + 1), last);
        self.settled = self.gaps.settle(self.settled);
    }
}
