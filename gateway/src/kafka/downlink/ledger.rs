//! Keeps account of one partition: which records are open, and up to where it is done with.
//!
//! ```text
//! offsets:   5    6    8    9   12  | 13 is read next
//!          done open done done open
//! commit:        ^ the first open one, or the next to be read
//! ```
//!
//! Records are numbered as they are read, since offsets have holes, and begin anew when a topic is
//! made anew.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

/// The records of one partition from the first open one on.
#[derive(Debug)]
pub(super) struct Ledger {
    entries: VecDeque<Entry>,
    /// The number of the first entry.
    first: u64,
    /// The offset behind the last record read.
    next_offset: i64,
    /// Of the open ones.
    open_bytes: usize,
    /// From this number on offsets ascend: before it the topic was another one.
    ascends_from: u64,
}

#[derive(Debug)]
struct Entry {
    offset: i64,
    bytes: usize,
    /// How many have not told its fate yet; done with at 0.
    parties: u16,
    home: u16,
    device: Option<Arc<str>>,
}

/// A record that was closed without asking the shard which has it.
#[derive(Debug)]
pub(super) struct Closed {
    pub(super) number: u64,
    pub(super) offset: i64,
    pub(super) home: usize,
    /// `None` for everyone, or when it never went to a shard.
    pub(super) device: Option<Arc<str>>,
}

impl Ledger {
    /// Reading begins at this offset.
    pub(super) fn new(next_offset: i64) -> Self {
        Self {
            entries: VecDeque::new(),
            first: 0,
            next_offset,
            open_bytes: 0,
            ascends_from: 0,
        }
    }

    /// The offset that can be committed: everything before it is done with.
    pub(super) fn commit_offset(&self) -> i64 {
        self.entries
            .front()
            .map_or(self.next_offset, |entry| entry.offset)
    }

    /// The offsets of the open records, in order.
    pub(super) fn open_offsets(&self) -> impl Iterator<Item = i64> {
        let open = self.entries.iter().filter(|entry| entry.parties > 0);
        open.map(|entry| entry.offset)
    }

    /// The offset behind the last record read.
    pub(super) fn next_offset(&self) -> i64 {
        self.next_offset
    }

    /// A record was read whose fate so many will tell; gives its number.
    pub(super) fn open(
        &mut self,
        offset: i64,
        bytes: usize,
        parties: u16,
        home: u16,
        device: Option<Arc<str>>,
    ) -> u64 {
        if offset < self.next_offset {
            self.ascends_from = self.first + self.entries.len() as u64;
        }
        self.next_offset = offset + 1;
        self.open_bytes += bytes;
        self.entries.push_back(Entry {
            offset,
            bytes,
            parties,
            home,
            device,
        });
        self.first + self.entries.len() as u64 - 1
    }

    /// A record was read that nobody needs to tell of; gives its number.
    pub(super) fn pass(&mut self, offset: i64) -> u64 {
        let number = self.open(offset, 0, 1, 0, None);
        self.settle(number);
        number
    }

    /// The offset of a record, as long as it is not forgotten.
    pub(super) fn offset(&mut self, number: u64) -> Option<i64> {
        self.entry(number).map(|entry| entry.offset)
    }

    /// One of its parties has told its fate; says whether that was the last, which happens once.
    pub(super) fn settle(&mut self, number: u64) -> bool {
        let Some(entry) = self.entry(number).filter(|entry| entry.parties > 0) else {
            return false; // Given up, or handed off elsewhere.
        };
        entry.parties -= 1;
        let is_last = entry.parties == 0;
        if is_last {
            self.close(number);
        }
        is_last
    }

    /// Its fate is known, whoever was asked for it.
    pub(super) fn settle_wholly(&mut self, number: u64) {
        if let Some(entry) = self.entry(number).filter(|entry| entry.parties > 0) {
            entry.parties = 1;
            self.settle(number);
        }
    }

    /// Whether its fate is not known yet.
    pub(super) fn is_open(&mut self, number: u64) -> bool {
        self.entry(number).is_some_and(|entry| entry.parties > 0)
    }

    /// Gives the oldest open record up when there is too much behind it.
    pub(super) fn give_up(&mut self, entries_max: usize, bytes_max: usize) -> Option<Closed> {
        if self.entries.len() <= entries_max && self.open_bytes <= bytes_max {
            return None;
        }
        // The first entry is open, or it would have gone.
        Some(self.close_unasked(0))
    }

    /// Closes the record at this offset, which was handed off by someone else, if it is open.
    pub(super) fn close_at(&mut self, offset: i64) -> Option<Closed> {
        let from = self.ascends_from.saturating_sub(self.first) as usize;
        let (mut low, mut high) = (from.min(self.entries.len()), self.entries.len());
        while low < high {
            let middle = low.midpoint(high);
            match self.entries[middle].offset < offset {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        let entry = self.entries.get(low)?;
        (entry.offset == offset && entry.parties > 0).then(|| self.close_unasked(low))
    }

    /// The offsets of the open records within these bounds.
    pub(super) fn open_within(&self, offsets: Range<i64>) -> Vec<i64> {
        let open = self.open_offsets();
        open.filter(|offset| offsets.contains(offset)).collect()
    }

    /// Closes the entry at this place, which is open.
    fn close_unasked(&mut self, place: usize) -> Closed {
        let entry = &mut self.entries[place];
        entry.parties = 0;
        let closed = Closed {
            number: self.first + place as u64,
            offset: entry.offset,
            home: usize::from(entry.home),
            device: entry.device.take(),
        };
        self.close(closed.number);
        closed
    }

    fn entry(&mut self, number: u64) -> Option<&mut Entry> {
        let place = number.checked_sub(self.first)?;
        self.entries.get_mut(usize::try_from(place).ok()?)
    }

    fn close(&mut self, number: u64) {
        if let Some(entry) = self.entry(number) {
            entry.device = None;
            self.open_bytes -= entry.bytes;
        }
        while self.entries.front().is_some_and(|entry| entry.parties == 0) {
            self.entries.pop_front();
            self.first += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(ledger: &mut Ledger, offset: i64) -> u64 {
        ledger.open(offset, 10, 1, 0, Some("device".into()))
    }

    #[test]
    fn what_is_committed_stops_before_the_first_open_record() {
        let mut ledger = Ledger::new(5);
        assert_eq!(ledger.commit_offset(), 5, "nothing was read");
        let numbers: Vec<_> = [5, 6, 8, 9, 12]
            .map(|offset| read(&mut ledger, offset))
            .into();
        assert_eq!(ledger.commit_offset(), 5);
        assert_eq!(ledger.open_offsets().collect::<Vec<_>>(), [5, 6, 8, 9, 12]);
        for (done, commit) in [(2, 5), (0, 6), (3, 6), (1, 12), (4, 13)] {
            assert!(ledger.settle(numbers[done]));
            assert_eq!(ledger.commit_offset(), commit, "after record {done}");
        }
        assert_eq!((ledger.entries.len(), ledger.open_bytes), (0, 0));
    }

    #[test]
    fn a_fate_that_is_told_again_or_too_late_changes_nothing() {
        let mut ledger = Ledger::new(0);
        let (first, second) = (read(&mut ledger, 0), read(&mut ledger, 1));
        assert!(ledger.settle(second) && !ledger.settle(second));
        assert!(ledger.settle(first) && !ledger.settle(first));
        assert!(!ledger.settle(99), "nobody was asked");
        assert_eq!(ledger.commit_offset(), 2);
    }

    #[test]
    fn a_record_for_everyone_is_open_until_the_last_has_told() {
        let mut ledger = Ledger::new(0);
        let number = ledger.open(0, 10, 3, 0, None);
        assert!(!ledger.settle(number) && !ledger.settle(number));
        assert!(ledger.is_open(number) && ledger.commit_offset() == 0);
        assert!(ledger.settle(number) && ledger.commit_offset() == 1);
    }

    #[test]
    fn the_oldest_open_record_goes_when_too_many_are_behind_it() {
        let mut ledger = Ledger::new(0);
        let numbers: Vec<_> = (0..4).map(|offset| read(&mut ledger, offset)).collect();
        assert!(ledger.give_up(4, 1000).is_none());
        ledger.settle(numbers[1]);
        read(&mut ledger, 4);
        let given_up = ledger.give_up(4, 1000).expect("five are more than four");
        assert_eq!(given_up.number, numbers[0]);
        assert_eq!(given_up.device.as_deref(), Some("device"));
        assert_eq!(ledger.commit_offset(), 2, "the one behind it was done with");
        assert!(ledger.give_up(4, 1000).is_none());
        assert!(!ledger.settle(numbers[0]), "it was given up");
        let by_bytes = ledger.give_up(4, 29).expect("30 bytes are more than 29");
        assert_eq!(by_bytes.number, numbers[2]);
    }

    #[test]
    fn what_others_have_handed_off_is_closed_by_its_offset() {
        let mut ledger = Ledger::new(5);
        for offset in [5, 6, 8, 9, 12] {
            read(&mut ledger, offset);
        }
        let closed = ledger.close_at(8).expect("it is open");
        assert_eq!((closed.number, closed.offset), (2, 8));
        assert_eq!(closed.device.as_deref(), Some("device"));
        for offset in [8, 7, 4, 13, -1] {
            assert!(ledger.close_at(offset).is_none(), "offset {offset}");
        }
        assert!(!ledger.settle(2), "its shard comes too late");
        assert_eq!(ledger.open_within(5..12), [5, 6, 9]);
        assert!(ledger.close_at(5).is_some() && ledger.close_at(6).is_some());
        assert_eq!((ledger.commit_offset(), ledger.open_bytes), (9, 20));
    }

    #[test]
    fn only_the_records_of_a_topic_that_was_made_anew_are_closed_by_their_offsets() {
        let mut ledger = Ledger::new(500);
        for offset in [500, 501, 0, 1, 2] {
            read(&mut ledger, offset);
        }
        assert!(ledger.close_at(501).is_none());
        assert_eq!(ledger.close_at(1).map(|closed| closed.number), Some(3));
    }

    #[test]
    fn any_order_of_fates_ends_with_everything_committed() {
        // Every order in which seven fates can come, by its number.
        for mut order in 0..5040_usize {
            let mut ledger = Ledger::new(100);
            let mut left: Vec<_> = (100..107).map(|offset| read(&mut ledger, offset)).collect();
            let mut open: Vec<i64> = (100..107).collect();
            while !left.is_empty() {
                let place = order % left.len();
                order /= left.len();
                ledger.settle(left.remove(place));
                open.remove(place);
                let wanted = open.first().copied().unwrap_or(107);
                assert_eq!(ledger.commit_offset(), wanted);
            }
        }
    }

    #[test]
    fn a_topic_that_was_made_anew_begins_with_low_offsets_again() {
        let mut ledger = Ledger::new(500);
        let old = read(&mut ledger, 500);
        let new = read(&mut ledger, 0);
        assert!(ledger.settle(old));
        assert_eq!(ledger.commit_offset(), 0);
        assert!(ledger.settle(new));
        assert_eq!(ledger.commit_offset(), 1);
    }
}
