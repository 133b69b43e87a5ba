//! A token bucket in one word: exact, however long it is idle and however often it is asked.
//!
//! It holds one moment: when it will be full again. Until then its owner owes time; taking a token
//! adds what a token takes to refill. In parts of a millisecond, of which [`Rate`] says how many
//! there are, every such sum is whole, so nothing is rounded and nothing drifts.
//!
//! ```text
//!         now           full_at
//!   -------+---------------+------------------->  time
//!          |<--- owed ---->|<- room for tokens ->|
//!          |<------------ burst ---------------->|
//! ```

use std::time::Duration;

use crate::limits::NOW_MILLIS_MAX;
use crate::rate::Rate;

/// What one owner has left of a rate. A bucket lives under one rate: after a change of the rate,
/// begin with a new one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Bucket {
    /// In parts of the rate. In the past: full.
    full_at: u64,
}

const _: () = assert!(size_of::<Bucket>() == 8);

/// What a bucket says to a request for tokens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Take {
    /// It gave them.
    Taken,
    /// It gave nothing. After this time, not before, it could.
    Wait(Duration),
    /// It gave nothing and never will: more than the burst was asked for.
    Never,
}

impl Bucket {
    /// A full one.
    pub const fn new() -> Bucket {
        Bucket { full_at: 0 }
    }

    /// Takes all of `count` tokens or none.
    #[inline]
    pub fn take(&mut self, now_millis: u64, count: u32, rate: &Rate) -> Take {
        if count > rate.burst() {
            return Take::Never;
        }
        let (now, owed) = self.owed(now_millis, rate);
        let over = (owed + rate.cost(count)).saturating_sub(rate.cost(rate.burst()));
        if over > 0 {
            return wait(over, rate);
        }
        self.full_at = now + owed + rate.cost(count);
        Take::Taken
    }

    /// The same, but what is larger than the burst passes when the bucket is full, and is paid for
    /// afterwards: for bytes, where one message may be larger than what may come at once.
    #[inline]
    pub fn take_or_owe(&mut self, now_millis: u64, count: u32, rate: &Rate) -> Take {
        if count <= rate.burst() {
            return self.take(now_millis, count, rate);
        }
        let (now, owed) = self.owed(now_millis, rate);
        if owed > 0 {
            return wait(owed, rate);
        }
        self.full_at = now.saturating_add(rate.cost(count));
        Take::Taken
    }

    /// How many tokens could be taken now.
    #[inline]
    pub fn available(&self, now_millis: u64, rate: &Rate) -> u32 {
        let room = rate.cost(rate.burst());
        let left = room.saturating_sub(self.owed(now_millis, rate).1);
        // No more than the burst, which is a u32.
        (left / rate.cost(1)) as u32
    }

    /// Gives back what was taken for something that then did not happen.
    pub fn give_back(&mut self, count: u32, rate: &Rate) {
        self.full_at = self.full_at.saturating_sub(rate.cost(count));
    }

    /// Whether it is full, hence as good as a new one.
    #[inline]
    pub fn is_full(&self, now_millis: u64, rate: &Rate) -> bool {
        self.owed(now_millis, rate).1 == 0
    }

    /// Now, and what is owed, in parts.
    #[inline]
    fn owed(&self, now_millis: u64, rate: &Rate) -> (u64, u64) {
        debug_assert!(
            now_millis <= NOW_MILLIS_MAX,
            "the clock counts from the start"
        );
        let now = now_millis.min(NOW_MILLIS_MAX) * rate.parts_per_milli();
        (now, self.full_at.saturating_sub(now))
    }
}

/// The whole milliseconds in which so many parts pass.
fn wait(parts: u64, rate: &Rate) -> Take {
    Take::Wait(Duration::from_millis(
        parts.div_ceil(rate.parts_per_milli()),
    ))
}

#[cfg(test)]
mod tests;
