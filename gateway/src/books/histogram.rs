//! How long the turns of a loop take: fixed buckets, one per power of two microseconds.

use super::Count;

/// The first bucket ends here, in microseconds; the next ones double.
const FIRST_BOUND_MICROS: u64 = 4;

/// 4 us to 4.2 s; what takes longer is counted in the last, open one.
const BOUNDED_BUCKETS: usize = 21;

const MICROS_PER_SEC: f64 = 1e6;

/// One writer, any number of readers; observing is two adds, no search.
#[derive(Debug)]
pub struct Histogram {
    buckets: [Count; BOUNDED_BUCKETS + 1],
    sum_micros: Count,
}

/// What a histogram held when it was read.
#[derive(Clone, Debug)]
pub struct HistogramReading {
    pub sum_secs: f64,
    pub count: u64,
    /// Upper bound in seconds (the last is infinite) and the observations in that bucket alone.
    pub buckets: Vec<(f64, u64)>,
}

impl Histogram {
    pub const fn new() -> Self {
        Histogram {
            buckets: [const { Count::new() }; BOUNDED_BUCKETS + 1],
            sum_micros: Count::new(),
        }
    }

    pub fn observe(&self, micros: u64) {
        self.buckets[bucket(micros)].add(1);
        self.sum_micros.add(micros);
    }

    pub fn read(&self) -> HistogramReading {
        let bound = |index| match index {
            BOUNDED_BUCKETS => f64::INFINITY,
            _ => (FIRST_BOUND_MICROS << index) as f64 / MICROS_PER_SEC,
        };
        let buckets: Vec<_> = self
            .buckets
            .iter()
            .enumerate()
            .map(|(i, count)| (bound(i), count.read()))
            .collect();
        HistogramReading {
            sum_secs: self.sum_micros.read() as f64 / MICROS_PER_SEC,
            // From the buckets and not counted apart, so that the two agree at every reading.
            count: buckets.iter().map(|(_, count)| count).sum(),
            buckets,
        }
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

/// The first bucket whose bound is not below `micros`.
fn bucket(micros: u64) -> usize {
    let doublings = micros
        .div_ceil(FIRST_BOUND_MICROS)
        .max(1)
        .next_power_of_two();
    (doublings.trailing_zeros() as usize).min(BOUNDED_BUCKETS)
}
