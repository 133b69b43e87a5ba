//! Replayed records that Kafka has not answered, so that the spool forgets only what is settled
//! without a gap.

use std::collections::VecDeque;

use crate::kafka::limits;

/// Numbers in order, each once.
#[derive(Debug, Default)]
pub(super) struct Window {
    records: VecDeque<Open>,
    bytes: usize,
}

#[derive(Debug)]
struct Open {
    number: u64,
    bytes: usize,
    is_answered: bool,
}

impl Window {
    /// How many records may be replayed now, and bytes of them.
    pub(super) fn room(&self) -> (usize, usize) {
        (
            limits::REPLAY_RECORDS_MAX - self.records.len().min(limits::REPLAY_RECORDS_MAX),
            limits::REPLAY_BYTES_MAX.saturating_sub(self.bytes),
        )
    }

    /// A record goes out, its number above all before.
    pub(super) fn push(&mut self, number: u64, bytes: usize) {
        self.bytes += bytes;
        self.records.push_back(Open {
            number,
            bytes,
            is_answered: false,
        });
    }

    /// One was answered.
    pub(super) fn answer(&mut self, number: u64) {
        let place = self.records.binary_search_by_key(&number, |o| o.number);
        if let Ok(place) = place {
            self.records[place].is_answered = true;
        }
    }

    /// Drops what is answered up to the first that is not; gives the last such number.
    pub(super) fn settle(&mut self) -> Option<u64> {
        let mut settled = None;
        while let Some(first) = self.records.pop_front_if(|first| first.is_answered) {
            self.bytes -= first.bytes;
            settled = Some(first.number);
        }
        settled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_answered_without_a_gap_is_settled() {
        let mut window = Window::default();
        for number in [3, 4, 7, 8] {
            window.push(number, 10);
        }
        window.answer(4);
        window.answer(7);
        window.answer(99);
        assert_eq!(window.settle(), None);
        window.answer(3);
        assert_eq!(window.settle(), Some(7));
        assert_eq!(window.room().0, limits::REPLAY_RECORDS_MAX - 1);
        assert_eq!(window.room().1, limits::REPLAY_BYTES_MAX - 10);
        window.answer(8);
        assert_eq!(window.settle(), Some(8));
        assert_eq!(window.room().1, limits::REPLAY_BYTES_MAX);
    }
}
