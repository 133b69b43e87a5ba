//! What one subscriber has seen of its topic, by which loss, repetition and disorder are known.

use std::collections::BTreeSet;
use std::ops::Range;

/// Sequences come as 0, 1, 2 and so on.
#[derive(Default)]
pub(super) struct Track {
    next: u32,
    /// Below `next` and not seen.
    missing: BTreeSet<u32>,
}

/// What a message is to a subscriber.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// For the first time; those in between are missing so far.
    New { skipped: Range<u32> },
    /// For the first time, after a later one.
    Late,
    /// Once more.
    Again,
}

impl Track {
    pub(super) fn see(&mut self, sequence: u32) -> Seen {
        if sequence < self.next {
            return match self.missing.remove(&sequence) {
                true => Seen::Late,
                false => Seen::Again,
            };
        }
        let skipped = self.next..sequence;
        self.missing.extend(skipped.clone());
        self.next = sequence + 1;
        Seen::New { skipped }
    }

    /// How many of the first `sent` messages never came.
    pub(super) fn lost(&self, sent: u32) -> u64 {
        self.missing.len() as u64 + u64::from(sent.saturating_sub(self.next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_in_order_once_is_new_and_nothing_is_lost() {
        let mut track = Track::default();
        for sequence in 0..5 {
            let skipped = sequence..sequence;
            assert_eq!(track.see(sequence), Seen::New { skipped });
        }
        assert_eq!(track.lost(5), 0);
        assert_eq!(track.lost(7), 2, "two more were sent");
    }

    #[test]
    fn a_gap_is_lost_until_it_comes_late_and_a_repetition_is_told_apart() {
        let mut track = Track::default();
        assert_eq!(track.see(2), Seen::New { skipped: 0..2 });
        assert_eq!(track.lost(3), 2);
        assert_eq!(track.see(1), Seen::Late);
        assert_eq!(track.see(1), Seen::Again);
        assert_eq!(track.see(2), Seen::Again);
        assert_eq!(track.lost(3), 1);
    }
}
