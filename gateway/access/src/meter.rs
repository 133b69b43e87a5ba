//! A meter: how many messages and how many bytes one owner may still send.
//!
//! Tokens are grabbed in advance for all that one read may hold, and what is left is given back:
//! one look at the meter then serves a whole batch.

use std::time::Duration;

use crate::bucket::{Bucket, Take};
use crate::rate::Rate;

/// The rates of a meter. What has none is not bounded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Terms {
    pub messages: Option<Rate>,
    pub bytes: Option<Rate>,
}

impl Terms {
    /// Whether nothing is bounded.
    pub fn is_empty(&self) -> bool {
        self.messages.is_none() && self.bytes.is_none()
    }
}

/// So many messages and so many bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tokens {
    pub messages: u32,
    pub bytes: u32,
}

impl Tokens {
    /// Whether both are at least as many as those.
    pub fn covers(&self, other: Tokens) -> bool {
        self.messages >= other.messages && self.bytes >= other.bytes
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        *self == Tokens::default()
    }

    /// What is left after those; never below none.
    pub fn less(self, other: Tokens) -> Tokens {
        Tokens {
            messages: self.messages.saturating_sub(other.messages),
            bytes: self.bytes.saturating_sub(other.bytes),
        }
    }

    /// Both together.
    pub fn more(self, other: Tokens) -> Tokens {
        Tokens {
            messages: self.messages.saturating_add(other.messages),
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }

    /// The fewer of each kind.
    pub fn least(self, other: Tokens) -> Tokens {
        Tokens {
            messages: self.messages.min(other.messages),
            bytes: self.bytes.min(other.bytes),
        }
    }

    /// The more of each kind.
    pub fn most(self, other: Tokens) -> Tokens {
        Tokens {
            messages: self.messages.max(other.messages),
            bytes: self.bytes.max(other.bytes),
        }
    }
}

/// What there was not enough of, and when there could be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Short {
    Messages(Duration),
    Bytes(Duration),
}

/// What one owner has left of its rates.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Meter {
    messages: Bucket,
    bytes: Bucket,
}

const _: () = assert!(size_of::<Meter>() == 16);

impl Meter {
    /// Takes as much of `want` as there is, of each kind; nothing when that is less than `least`.
    ///
    /// One message may be larger than the burst of bytes: it passes when the bucket is full and is
    /// paid for afterwards.
    pub fn grab(
        &mut self,
        now_millis: u64,
        least: Tokens,
        want: Tokens,
        terms: &Terms,
    ) -> Result<Tokens, Short> {
        let messages = match &terms.messages {
            None => want.messages,
            Some(rate) => grab(
                &mut self.messages,
                now_millis,
                least.messages,
                want.messages,
                rate,
            )
            .map_err(Short::Messages)?,
        };
        let bytes = match &terms.bytes {
            None => Ok(want.bytes),
            Some(rate) => grab(&mut self.bytes, now_millis, least.bytes, want.bytes, rate),
        };
        match bytes {
            Ok(bytes) => Ok(Tokens { messages, bytes }),
            Err(wait) => {
                let taken = Tokens { messages, bytes: 0 };
                self.give_back(taken, terms);
                Err(Short::Bytes(wait))
            }
        }
    }

    /// Gives back what was grabbed and not used.
    pub fn give_back(&mut self, tokens: Tokens, terms: &Terms) {
        if let Some(rate) = &terms.messages {
            self.messages.give_back(tokens.messages, rate);
        }
        if let Some(rate) = &terms.bytes {
            self.bytes.give_back(tokens.bytes, rate);
        }
    }

    /// Whether it is as good as a new one.
    pub fn is_full(&self, now_millis: u64, terms: &Terms) -> bool {
        let is_full = |bucket: &Bucket, rate: &Option<Rate>| {
            rate.as_ref()
                .is_none_or(|rate| bucket.is_full(now_millis, rate))
        };
        is_full(&self.messages, &terms.messages) && is_full(&self.bytes, &terms.bytes)
    }
}

/// Takes between `least` and `want` tokens of one bucket, or says how long until that is possible.
fn grab(
    bucket: &mut Bucket,
    now_millis: u64,
    least: u32,
    want: u32,
    rate: &Rate,
) -> Result<u32, Duration> {
    let there = bucket.available(now_millis, rate).min(want);
    let count = there.max(least);
    match bucket.take_or_owe(now_millis, count, rate) {
        Take::Taken => Ok(count),
        Take::Wait(wait) => Err(wait),
        // What is larger than the burst is owed instead.
        Take::Never => unreachable!("take_or_owe always has an answer"),
    }
}

#[cfg(test)]
mod tests;
