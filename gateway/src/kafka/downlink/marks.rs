//! What is written beside a committed offset: which of the records behind it are still open.
//!
//! One device that is away holds up the offset of its partition. Without these marks a new process
//! would hand off again what came behind its record and was handed off long since.
//!
//! ```text
//! "1." + base64 of varints: end - offset, first open - offset, second open - first open, ...
//! ```
//!
//! Records from the offset up to the end that are not named were done with. What does not fit is
//! left out from behind: the end is then nearer, and what is beyond it is handed off again.
//!
//! Where several gateways share a downlink, `@` and a number follow: up to where their
//! announcements are part of this.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::varint::{VARINT_BYTES_MAX, put_varint, take_varint};

const FORM: &str = "1.";

/// Kafka's own bound (`offset.metadata.max.bytes`) is 4,096 unless configured.
const TEXT_BYTES_MAX: usize = 3_000;

/// What an earlier process knew of the records behind the offset it had committed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks {
    begin: i64,
    /// Behind the last record that it knew of.
    end: i64,
    /// In order.
    open: Vec<i64>,
}

impl Marks {
    /// Reads what stood beside `offset`; of what cannot be read nothing is known.
    pub(super) fn read(offset: i64, text: &str) -> Self {
        Self::parse(offset, text).unwrap_or_default()
    }

    fn parse(offset: i64, text: &str) -> Option<Self> {
        let bytes = STANDARD_NO_PAD.decode(text.strip_prefix(FORM)?).ok()?;
        let mut numbers = Vec::new();
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            numbers.push(take_varint(&mut rest)?);
        }
        let (length, steps) = numbers.split_first()?;
        let end = offset.checked_add_unsigned(*length)?;
        let mut at = offset;
        let mut open = Vec::with_capacity(steps.len());
        for step in steps {
            at = at.checked_add_unsigned(*step)?;
            open.push(at);
        }
        let marks = Self {
            begin: offset,
            end,
            open,
        };
        // Anything else was not written here.
        marks
            .open
            .last()
            .is_none_or(|last| *last < end)
            .then_some(marks)
    }

    /// Writes the marks for `offset`; nothing when no record behind it was read.
    pub(super) fn write(offset: i64, end: i64, open: impl Iterator<Item = i64>) -> String {
        if end <= offset {
            return String::new();
        }
        let bytes_max = (TEXT_BYTES_MAX - FORM.len()) / 4 * 3 - 2 * VARINT_BYTES_MAX;
        let (mut steps, mut at, mut end) = (Vec::new(), offset, end);
        for open in open {
            if steps.len() > bytes_max {
                end = open;
                break;
            }
            put_varint(&mut steps, open.abs_diff(at));
            at = open;
        }
        let mut bytes = Vec::new();
        put_varint(&mut bytes, end.abs_diff(offset));
        bytes.extend(steps);
        format!("{FORM}{}", STANDARD_NO_PAD.encode(bytes))
    }

    /// Whether the record at this offset was done with.
    pub(super) fn is_done(&self, offset: i64) -> bool {
        (self.begin..self.end).contains(&offset) && self.open.binary_search(&offset).is_err()
    }

    /// The records that were done with, as ranges of offsets.
    pub(super) fn done(&self) -> impl Iterator<Item = Range<i64>> {
        let begins = std::iter::once(self.begin).chain(self.open.iter().map(|open| open + 1));
        let ends = self.open.iter().copied().chain([self.end]);
        let ranges = begins.zip(ends).map(|(begin, end)| begin..end);
        ranges.filter(|range| !range.is_empty())
    }

    /// Behind the last record of which anything is known.
    pub(super) fn end(&self) -> i64 {
        self.end
    }

    /// The open ones from this offset on.
    pub(super) fn open_from(&self, offset: i64) -> impl Iterator<Item = i64> {
        let first = self.open.partition_point(|open| *open < offset);
        self.open[first..].iter().copied()
    }

    /// Nothing holds any more.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

const HEARD: char = '@';

/// Adds up to where announcements were heard.
pub(super) fn with_heard(mut marks: String, heard_to: i64) -> String {
    marks.push(HEARD);
    marks + &heard_to.to_string()
}

/// Takes that off again; `None` when it is not there.
pub(super) fn split_heard(text: &str) -> (&str, Option<i64>) {
    match text.split_once(HEARD) {
        Some((marks, heard_to)) => (marks, heard_to.parse().ok()),
        None => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The offsets in a range that are not done with.
    fn undone(marks: &Marks, range: Range<i64>) -> Vec<i64> {
        range.filter(|offset| !marks.is_done(*offset)).collect()
    }

    #[test]
    fn what_is_written_is_read_again() {
        for open in [vec![], vec![100], vec![100, 101, 700], vec![104, 999]] {
            let text = Marks::write(100, 1_000, open.iter().copied());
            let marks = Marks::read(100, &text);
            assert_eq!(undone(&marks, 100..1_000), open, "{text}");
            assert_eq!(marks.end(), 1_000);
            assert!(!marks.is_done(99) && !marks.is_done(1_000));
            let done: Vec<i64> = marks.done().flatten().collect();
            assert_eq!(done.len() + open.len(), 900);
            assert!(done.iter().all(|offset| marks.is_done(*offset)));
        }
        assert_eq!(Marks::write(100, 100, std::iter::empty()), "");
    }

    #[test]
    fn how_far_announcements_were_heard_stands_behind_the_marks() {
        let marks = Marks::write(5, 500, [400].into_iter());
        let text = with_heard(marks.clone(), 77);
        assert_eq!(split_heard(&text), (&*marks, Some(77)));
        assert_eq!(split_heard(&marks), (&*marks, None));
        assert_eq!(split_heard("@x"), ("", None));
    }

    #[test]
    fn what_does_not_fit_is_handed_off_again_and_nothing_that_is_open_is_passed_over() {
        let open: Vec<i64> = (0..100_000).filter(|offset| offset % 7 == 0).collect();
        let text = Marks::write(0, 100_000, open.iter().copied());
        assert!(text.len() <= TEXT_BYTES_MAX, "{} bytes", text.len());
        let marks = Marks::read(0, &text);
        assert!(
            marks.end() > 10_000,
            "most of the room is used: {}",
            marks.end()
        );
        for offset in 0..100_000 {
            let is_known = offset < marks.end() && offset % 7 != 0;
            assert_eq!(marks.is_done(offset), is_known, "offset {offset}");
        }
    }

    #[test]
    fn of_what_cannot_be_read_nothing_is_known() {
        let cut = Marks::write(5, 500, [400].into_iter());
        for text in ["", "something else", "1.!", "1.gA", &cut[..4]] {
            let marks = Marks::read(5, text);
            let done = (0..1_000).filter(|offset| marks.is_done(*offset));
            assert_eq!(done.count(), 0, "{text}");
        }
    }
}
