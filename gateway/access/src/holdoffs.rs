//! Holds off those who come too often, each time for longer: flapping clients, guessers of
//! passwords.
//!
//! ```text
//!                 too many                     hold-off over
//!   +--------+   (strike n + 1)   +---------+                 +---------+
//!   | counts |------------------->| is held |---------------->| counts, |---> too many: held
//!   +--------+                    +---------+                 | marked  |     twice as long
//!        ^                                                    +---------+
//!        +------------- `forgive` has passed without ---------------+
//! ```
//!
//! Who is held and comes all the same is turned away and not counted: a device that does not know
//! better gets in when its time is over.

use std::hash::Hash;
use std::time::Duration;

use crate::bucket::{Bucket, Take};
use crate::limits::{HOLD_MILLIS_MAX, STRIKES_MAX};
use crate::rate::Rate;
use crate::table::Table;

pub use crate::table::Full;

/// From when on a key is held off, and for how long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Terms {
    rate: Rate,
    first_millis: u64,
    longest_millis: u64,
    forgive_millis: u64,
}

impl Terms {
    /// Above `rate` a key is held off for `first`, then for twice as long each time, at most for
    /// `longest`. When `forgive` has passed since its last hold-off, it begins anew.
    ///
    /// `None` when `first` is under a millisecond or above `longest`, or when `longest` or
    /// `forgive` is over [`HOLD_MILLIS_MAX`].
    pub fn new(rate: Rate, first: Duration, longest: Duration, forgive: Duration) -> Option<Terms> {
        let millis = |time: Duration| u64::try_from(time.as_millis()).ok();
        let terms = Terms {
            rate,
            first_millis: millis(first)?,
            longest_millis: millis(longest)?,
            forgive_millis: millis(forgive)?,
        };
        let in_order = 0 < terms.first_millis && terms.first_millis <= terms.longest_millis;
        let in_bounds = terms.longest_millis.max(terms.forgive_millis) <= HOLD_MILLIS_MAX;
        (in_order && in_bounds).then_some(terms)
    }

    /// How long the next hold-off is after so many strikes.
    fn hold_millis(&self, strikes: u8) -> u64 {
        let doubled = u128::from(self.first_millis) << strikes.min(STRIKES_MAX);
        doubled.min(u128::from(self.longest_millis)) as u64
    }
}

/// What is known of one key.
#[derive(Clone, Copy, Debug, Default)]
struct Hold {
    bucket: Bucket,
    /// `[ end of the last hold-off, ms: 56 ][ strikes: 8 ]`; 0 for none.
    word: u64,
}

const _: () = assert!(size_of::<Hold>() == 16);

impl Hold {
    fn strikes(self) -> u8 {
        self.word as u8
    }

    fn until_millis(self) -> u64 {
        self.word >> 8
    }

    /// How long it is still held.
    fn left(self, now_millis: u64) -> Option<Duration> {
        let left = self.until_millis().saturating_sub(now_millis);
        (left > 0).then(|| Duration::from_millis(left))
    }

    /// Whether its last hold-off is forgiven.
    fn is_forgiven(self, now_millis: u64, terms: &Terms) -> bool {
        self.strikes() == 0 || now_millis >= self.until_millis() + terms.forgive_millis
    }

    /// Whether it is as good as none.
    fn is_spent(self, now_millis: u64, terms: &Terms) -> bool {
        self.left(now_millis).is_none()
            && self.is_forgiven(now_millis, terms)
            && self.bucket.is_full(now_millis, &terms.rate)
    }

    /// Counts one event.
    fn note(&mut self, now_millis: u64, terms: &Terms) -> Note {
        if let Some(left) = self.left(now_millis) {
            return Note::Held(left);
        }
        if self.is_forgiven(now_millis, terms) {
            self.word = 0;
        }
        match self.bucket.take(now_millis, 1, &terms.rate) {
            Take::Taken => Note::Fine,
            Take::Wait(_) | Take::Never => {
                let hold_millis = terms.hold_millis(self.strikes());
                let strikes = self.strikes().saturating_add(1).min(STRIKES_MAX);
                self.word = (now_millis + hold_millis) << 8 | u64::from(strikes);
                Note::Held(Duration::from_millis(hold_millis))
            }
        }
    }
}

/// What became of an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Note {
    Fine,
    /// The key is held off for so long from now on.
    Held(Duration),
}

/// One set of terms for many keys. A key within its rate and idle long enough costs nothing.
#[derive(Debug)]
pub struct Holdoffs<K> {
    terms: Terms,
    table: Table<K, Hold>,
    turned_away_count: u64,
}

impl<K: Hash + Eq> Holdoffs<K> {
    /// Remembers at most so many keys. Nobody outside should know `hash_key`.
    pub fn new(terms: Terms, keys_max: usize, hash_key: u64) -> Holdoffs<K> {
        Holdoffs {
            terms,
            table: Table::new(keys_max, hash_key),
            turned_away_count: 0,
        }
    }

    /// How long a key is still held off. Counts nothing.
    pub fn held(&self, now_millis: u64, key: &K) -> Option<Duration> {
        self.table.find(key)?.left(now_millis)
    }

    /// Counts one event: a connect of a client that may flap, a failure of an address to prove who
    /// it is.
    ///
    /// [`Full`]: a key unknown so far could not be remembered. A newcomer that connects is turned
    /// away for it; a failure ends its connection anyway, and the address is as free to try again
    /// as before. To hold off every unknown address then would let an attack shut out the fleet.
    pub fn note(&mut self, now_millis: u64, key: K) -> Result<Note, Full> {
        let terms = self.terms;
        if let Some(hold) = self.table.find_mut(&key) {
            return Ok(hold.note(now_millis, &terms));
        }
        let mut hold = Hold::default();
        let note = hold.note(now_millis, &terms);
        let is_spent = |hold: &Hold| hold.is_spent(now_millis, &terms);
        let inserted = self.table.insert(key, hold, is_spent);
        self.turned_away_count += u64::from(inserted.is_err());
        inserted.map(|()| note)
    }

    /// Forgets what is held against a key, and says whether there was anything.
    pub fn forgive(&mut self, key: &K) -> bool {
        self.table.forget(key)
    }

    /// Forgets keys with nothing against them among the next `count`, and says how many were.
    pub fn sweep(&mut self, now_millis: u64, count: usize) -> usize {
        let terms = self.terms;
        self.table
            .sweep(count, |hold| hold.is_spent(now_millis, &terms))
    }

    /// Keys remembered.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether no key is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes allocated.
    pub fn bytes(&self) -> usize {
        self.table.bytes()
    }

    /// How often [`Full`] was the answer.
    pub fn turned_away_count(&self) -> u64 {
        self.turned_away_count
    }
}

#[cfg(test)]
mod tests;
