//! How often something may happen, as an exact fraction.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use crate::limits::{RATE_TOKENS_MAX, RATE_WINDOW_MILLIS_MAX};

/// So many tokens in so many milliseconds, and how many may be saved up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rate {
    /// In lowest terms with `millis`; at most [`RATE_TOKENS_MAX`].
    tokens: u32,
    /// What one token takes is `millis / tokens`.
    millis: u32,
    burst: u32,
}

/// Why a rate cannot be kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RateError {
    /// Nothing would ever be allowed.
    Zero,
    /// The window is over [`RATE_WINDOW_MILLIS_MAX`] or not whole milliseconds.
    Window,
    /// In lowest terms more than [`RATE_TOKENS_MAX`] tokens.
    TooFine,
}

impl Rate {
    /// So many a second; `burst` is how many may come at once.
    pub fn per_sec(tokens: u64, burst: u32) -> Result<Rate, RateError> {
        Rate::per(tokens, Duration::from_secs(1), burst)
    }

    /// So many in each window; `burst` is how many may come at once. So up to `burst + tokens` can
    /// come in one window after a quiet time.
    ///
    /// Above 67 million per second `tokens` must share factors with the window's milliseconds, for
    /// example be a multiple of 1,000: a [`crate::bucket::Bucket`] counts in fractions of a
    /// millisecond with this denominator.
    pub fn per(tokens: u64, window: Duration, burst: u32) -> Result<Rate, RateError> {
        let millis = window.as_millis();
        let is_whole = Duration::from_millis(millis as u64) == window;
        if millis == 0 || !is_whole || millis > u128::from(RATE_WINDOW_MILLIS_MAX) {
            return Err(RateError::Window);
        }
        if tokens == 0 || burst == 0 {
            return Err(RateError::Zero);
        }
        let millis = millis as u64;
        let divisor = greatest_divisor(tokens, millis);
        if tokens / divisor > RATE_TOKENS_MAX {
            return Err(RateError::TooFine);
        }
        Ok(Rate {
            tokens: (tokens / divisor) as u32,
            millis: (millis / divisor) as u32,
            burst,
        })
    }

    /// How many may come at once.
    pub const fn burst(&self) -> u32 {
        self.burst
    }

    /// How many come in a second, rounded down.
    pub const fn tokens_per_sec(&self) -> u64 {
        self.tokens as u64 * 1_000 / self.millis as u64
    }

    /// Parts that a millisecond has: the unit in which one token is a whole number.
    #[inline]
    pub(crate) const fn parts_per_milli(&self) -> u64 {
        self.tokens as u64
    }

    /// What so many tokens cost in parts; no burst overflows.
    #[inline]
    pub(crate) const fn cost(&self, tokens: u32) -> u64 {
        tokens as u64 * self.millis as u64
    }
}

fn greatest_divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

impl std::error::Error for RateError {}

impl Display for RateError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            RateError::Zero => f.write_str("a rate and its burst are at least 1"),
            RateError::Window => f.write_str("a rate's window is between 1 ms and a day"),
            RateError::TooFine => {
                write!(f, "a rate above {RATE_TOKENS_MAX} is a multiple of 1,000")
            }
        }
    }
}
