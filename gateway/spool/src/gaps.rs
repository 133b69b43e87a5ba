//! Which sequence numbers have no record any more, so that each is counted once.

/// Ranges of lost numbers, in order; no two touch.
#[derive(Default)]
pub(crate) struct Gaps(Vec<Gap>);

/// Both ends belong to it.
#[derive(Clone, Copy)]
struct Gap {
    first: u64,
    last: u64,
}

impl Gap {
    fn count(self) -> u64 {
        self.last - self.first + 1
    }
}

impl Gaps {
    /// Notes that `first..=last` are lost; says how many of them were not known to be.
    pub(crate) fn note(&mut self, first: u64, last: u64) -> u64 {
        if first > last {
            return 0;
        }
        let start = self.0.partition_point(|gap| gap.last + 1 < first);
        let end = self.0.partition_point(|gap| gap.first <= last + 1);
        let touched = &self.0[start..end];
        let known: u64 = touched.iter().map(|gap| gap.count()).sum();
        let joined = Gap {
            first: touched.first().map_or(first, |gap| gap.first.min(first)),
            last: touched.last().map_or(last, |gap| gap.last.max(last)),
        };
        self.0.splice(start..end, [joined]);
        joined.count() - known
    }

    /// Forgets the numbers up to `settled`, and gives back where that ends when what is lost right
    /// behind it is passed as well: nobody will ever read and settle it.
    pub(crate) fn settle(&mut self, settled: u64) -> u64 {
        let passed = self.0.partition_point(|gap| gap.first <= settled + 1);
        let end = self.0[..passed].last().map_or(0, |gap| gap.last);
        self.0.drain(..passed);
        settled.max(end)
    }

    /// How many numbers are lost.
    pub(crate) fn count(&self) -> u64 {
        self.0.iter().map(|gap| gap.count()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::Gaps;

    #[test]
    fn a_number_is_counted_once_however_the_ranges_overlap() {
        let mut gaps = Gaps::default();
        assert_eq!(gaps.note(10, 12), 3);
        assert_eq!(gaps.note(20, 20), 1);
        assert_eq!(gaps.note(11, 14), 2);
        assert_eq!(gaps.note(5, 30), 26 - 6);
        assert_eq!(gaps.note(4, 3), 0);
        assert_eq!(gaps.count(), 26);
    }

    #[test]
    fn settling_passes_over_what_is_lost_right_behind() {
        let mut gaps = Gaps::default();
        gaps.note(4, 6);
        gaps.note(9, 9);
        assert_eq!(gaps.settle(2), 2);
        assert_eq!(gaps.count(), 4);
        assert_eq!(gaps.settle(3), 6);
        assert_eq!(gaps.count(), 1);
        assert_eq!(gaps.settle(20), 20);
        assert_eq!(gaps.count(), 0);
    }
}
