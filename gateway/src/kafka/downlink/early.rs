//! Remembers which records of one partition other gateways have handed off before we read them.
//!
//! A gateway that reads more slowly than another one hears of hand-offs first. What is forgotten
//! for want of room comes to its device once more.

use std::collections::BTreeMap;
use std::ops::Range;

/// Ranges that are told apart; what comes beyond them is forgotten.
const RANGES_MAX: usize = 65_536;

/// Offsets that were announced and not read yet.
#[derive(Debug, Default)]
pub(super) struct Early {
    /// Begin and end, none of which touch.
    ranges: BTreeMap<i64, i64>,
    /// The announcement that told of the first of them.
    since: Option<i64>,
}

impl Early {
    /// Notes records of which the announcement at the offset `heard_at` has told.
    pub(super) fn note(&mut self, told: Range<i64>, heard_at: i64) {
        let Range { mut start, mut end } = told;
        if start >= end {
            return;
        }
        while let Some((&begin, &until)) = self.ranges.range(..=end).next_back()
            && until >= start
        {
            self.ranges.remove(&begin);
            (start, end) = (start.min(begin), end.max(until));
        }
        if self.ranges.len() < RANGES_MAX {
            self.ranges.insert(start, end);
            self.since.get_or_insert(heard_at);
        }
    }

    /// Whether the record at this offset was told of. Nothing is known of earlier ones any more.
    pub(super) fn take(&mut self, offset: i64) -> bool {
        let mut was_told = false;
        while let Some(first) = self.ranges.first_entry()
            && *first.key() <= offset
        {
            let (begin, end) = first.remove_entry();
            was_told |= (begin..end).contains(&offset);
            if offset + 1 < end {
                self.ranges.insert(offset + 1, end);
                break;
            }
        }
        if self.ranges.is_empty() {
            self.since = None;
        }
        was_told
    }

    /// From which announcement on a new process must hear all to know what is known here;
    /// `heard_to` is where the next one will be.
    pub(super) fn hear_from(&self, heard_to: i64) -> i64 {
        self.since.unwrap_or(heard_to)
    }

    /// Nothing holds any more.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_is_known_once_it_is_read_and_nothing_else_is() {
        let mut early = Early::default();
        let told = [5..6, 9..12, 6..7, 20..21, 11..14];
        for (heard_at, told) in (70..).zip(told.clone()) {
            early.note(told, heard_at);
        }
        assert_eq!(early.ranges.len(), 3, "{early:?}");
        assert_eq!(early.hear_from(99), 70);
        for offset in 0..25 {
            let was_told = told.iter().any(|told| told.contains(&offset));
            assert_eq!(early.take(offset), was_told, "offset {offset}");
        }
        assert_eq!(early.hear_from(99), 99);
    }

    #[test]
    fn offsets_that_compaction_took_away_leave_nothing_behind() {
        let mut early = Early::default();
        early.note(3..4, 1);
        early.note(8..10, 2);
        assert!(early.take(9) && !early.take(10));
        assert!(early.ranges.is_empty() && early.since.is_none());
    }

    #[test]
    fn what_is_too_much_is_forgotten() {
        let mut early = Early::default();
        (0..100_000).for_each(|number| early.note(2 * number..2 * number + 1, 0));
        assert_eq!(early.ranges.len(), RANGES_MAX);
        assert!(early.take(0) && !early.take(190_000));
    }
}
