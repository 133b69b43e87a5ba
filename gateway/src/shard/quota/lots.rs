//! Lots: tokens that a shard has borrowed from an account of all shards, to be used here.
//!
//! A lot is a tenth of a second's worth divided by the shards. So shared memory is touched ten
//! times a second by an owner that uses its rate up, and what lies in lots, on top of the burst, is
//! at most a tenth of a second's worth, or one message and one byte per shard where that is more.

use std::collections::HashMap;
use std::sync::Arc;

use tributary_access::meter::{self, Short, Tokens};
use tributary_access::rate::Rate;

use crate::limits::{QUOTA_LOT_IDLE_TICKS, QUOTA_LOTS_PER_SEC};
use crate::quota::{Over, Shared};
use crate::shard::thrift::shrink_map;

/// The lots of one level's owners on one shard.
pub(super) struct Lots {
    /// The accounts that they are borrowed from.
    pub(super) shared: Arc<Shared>,
    /// What becomes of a message for which there are no tokens.
    pub(super) over: Over,
    /// Whether any rate is bounded.
    pub(super) is_metering: bool,
    size: Tokens,
    lots: HashMap<u64, Lot>,
}

#[derive(Default)]
struct Lot {
    tokens: Tokens,
    used_tick: u32,
}

impl Lots {
    /// No lots yet.
    pub(super) fn new(
        shared: Arc<Shared>,
        meter: &meter::Terms,
        over: Over,
        shards: usize,
    ) -> Self {
        let parts = QUOTA_LOTS_PER_SEC * shards as u64;
        let size = |rate: &Option<Rate>| match rate {
            // A lot is no more than what may come at once, so it fits.
            Some(rate) => (rate.tokens_per_sec() / parts).clamp(1, u64::from(rate.burst())) as u32,
            None => 0,
        };
        Self {
            size: Tokens {
                messages: size(&meter.messages),
                bytes: size(&meter.bytes),
            },
            shared,
            over,
            is_metering: !meter.is_empty(),
            lots: HashMap::new(),
        }
    }

    /// Takes as much of `want` as there is, from the lot here and from the account; nothing when
    /// that is less than `least`.
    pub(super) fn grab(
        &mut self,
        now_tick: u32,
        key: u64,
        least: Tokens,
        want: Tokens,
    ) -> Result<Tokens, Short> {
        let lot = self.lots.entry(key).or_default();
        lot.used_tick = now_tick;
        if !lot.tokens.covers(want) {
            let missing = least.less(lot.tokens);
            let wanted = want.most(self.size).less(lot.tokens);
            let borrowed = self
                .shared
                .grab(super::millis(now_tick), key, missing, wanted);
            match borrowed {
                Ok(borrowed) => lot.tokens = lot.tokens.more(borrowed),
                Err(_) if missing.is_empty() => {}
                Err(short) => return Err(short),
            }
        }
        let granted = want.least(lot.tokens);
        lot.tokens = lot.tokens.less(granted);
        Ok(granted)
    }

    /// Gives back what was grabbed and not used; what is more than a lot goes to the account.
    pub(super) fn give_back(&mut self, key: u64, tokens: Tokens) {
        let lot = self.lots.entry(key).or_default();
        lot.tokens = lot.tokens.more(tokens);
        let excess = lot.tokens.less(self.size);
        if !excess.is_empty() {
            lot.tokens = lot.tokens.less(excess);
            self.shared.give_back(key, excess);
        }
    }

    /// Gives back the lots that nobody has asked for lately.
    pub(super) fn sweep(&mut self, now_tick: u32) {
        let shared = &self.shared;
        self.lots.retain(|key, lot| {
            let is_used = now_tick.wrapping_sub(lot.used_tick) < QUOTA_LOT_IDLE_TICKS;
            if !is_used {
                shared.give_back(*key, lot.tokens);
            }
            is_used
        });
        shrink_map(&mut self.lots);
    }

    /// Owners with a lot here.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.lots.len()
    }
}

#[cfg(test)]
mod tests;
