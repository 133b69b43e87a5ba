//! What one client is subscribed to: a word in its record, and a list only when it is several.
//!
//! ```text
//!    31    30     29     28   24 23                0
//! [ one | list | group | grant  | filter or group    ]   a claim, which may be all there is
//! [  0  |  1   |       number of a list              ]   several claims
//! [                      0                           ]   none
//! ```

use super::grant::{GRANT_BITS, Grant};
use super::limits;
use super::slab::Slab;

/// What a client is subscribed to; kept in its record, read and changed by `Subscriptions` alone.
///
/// It must be given to `unsubscribe_all` before it is dropped, or the client stays subscribed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Held(u32);

const _: () = assert!(size_of::<Held>() == 4);

/// One subscription from the client's side: which filter or group, and what was granted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Claim(u32);

/// A filter, or a group.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Key(u32);

/// The lists of the clients that have several subscriptions, each in the order of its keys.
pub(super) type Lists = Slab<Box<[Claim]>>;

const ONE: u32 = 1 << 31;
const LIST: u32 = 1 << 30;
const GROUP: u32 = 1 << 29;
const GRANT_AT: u32 = 24;
const NUMBER: u32 = (1 << GRANT_AT) - 1;

const _: () = assert!(limits::FILTERS_PER_SHARD_MAX == 1 << GRANT_AT);
const _: () = assert!(GRANT_AT + GRANT_BITS == 29);

impl Key {
    /// The key of a filter.
    pub(super) fn filter(number: u32) -> Key {
        Key(number)
    }

    /// The key of a group.
    pub(super) fn group(number: u32) -> Key {
        Key(GROUP | number)
    }

    /// Whether it is a group's.
    pub(super) fn is_group(self) -> bool {
        self.0 & GROUP != 0
    }

    /// The number of the filter or group.
    pub(super) fn number(self) -> u32 {
        self.0 & NUMBER
    }

    /// Both in one word.
    pub(super) fn word(self) -> u32 {
        self.0
    }
}

impl Claim {
    /// A claim on what the key names.
    pub(super) fn new(key: Key, grant: Grant) -> Claim {
        Claim(ONE | grant.bits() << GRANT_AT | key.0)
    }

    /// On what.
    pub(super) fn key(self) -> Key {
        Key(self.0 & (GROUP | NUMBER))
    }

    /// The bits of its grant.
    pub(super) fn grant_bits(self) -> u32 {
        self.0 >> GRANT_AT & ((1 << GRANT_BITS) - 1)
    }
}

impl Held {
    /// Whether there is no subscription.
    pub fn is_empty(&self) -> bool {
        self.0 == 0
    }

    /// How many there are.
    pub(super) fn count(&self, lists: &Lists) -> usize {
        match self.list(lists) {
            Some(claims) => claims.len(),
            None => usize::from(!self.is_empty()),
        }
    }

    /// The subscription to what the key names.
    pub(super) fn find(&self, lists: &Lists, key: Key) -> Option<Claim> {
        match self.list(lists) {
            Some(claims) => {
                let place = claims.binary_search_by_key(&key, |claim| claim.key());
                place.ok().map(|place| claims[place])
            }
            None => self.only().filter(|claim| claim.key() == key),
        }
    }

    /// The subscription at this place of all.
    pub(super) fn nth(&self, lists: &Lists, place: usize) -> Option<Claim> {
        match self.list(lists) {
            Some(claims) => claims.get(place).copied(),
            None => self.only().filter(|_| place == 0),
        }
    }

    /// Adds a subscription, or replaces the one with its key.
    pub(super) fn put(&mut self, lists: &mut Lists, claim: Claim) {
        if let Some(claims) = self.list_mut(lists) {
            match claims.binary_search_by_key(&claim.key(), |claim| claim.key()) {
                Ok(place) => claims[place] = claim,
                Err(place) => {
                    let mut longer = std::mem::take(claims).into_vec();
                    longer.reserve_exact(1);
                    longer.insert(place, claim);
                    *claims = longer.into_boxed_slice();
                }
            }
            return;
        }
        match self.only().filter(|only| only.key() != claim.key()) {
            None => self.0 = claim.0,
            Some(only) => {
                let mut two = [only, claim];
                two.sort_by_key(|claim| claim.key());
                self.0 = LIST | lists.insert(two.into());
            }
        }
    }

    /// Takes a subscription out.
    pub(super) fn remove(&mut self, lists: &mut Lists, key: Key) -> Option<Claim> {
        let Some(claims) = self.list_mut(lists) else {
            let only = self.only().filter(|only| only.key() == key)?;
            self.0 = 0;
            return Some(only);
        };
        let place = claims
            .binary_search_by_key(&key, |claim| claim.key())
            .ok()?;
        let mut shorter = std::mem::take(claims).into_vec();
        let removed = shorter.remove(place);
        match shorter.as_slice() {
            [only] => {
                let only = only.0;
                lists.remove(self.0 & !LIST);
                self.0 = only;
            }
            _ => *claims = shorter.into_boxed_slice(),
        }
        Some(removed)
    }

    /// Takes all out, and leaves nothing.
    pub(super) fn take(&mut self, lists: &mut Lists) -> (Option<Claim>, Box<[Claim]>) {
        let list = self.list_number().and_then(|number| lists.remove(number));
        let taken = (self.only(), list.unwrap_or_default());
        self.0 = 0;
        taken
    }

    fn only(&self) -> Option<Claim> {
        (self.0 & ONE != 0).then_some(Claim(self.0))
    }

    fn list_number(&self) -> Option<u32> {
        (self.0 & (ONE | LIST) == LIST).then_some(self.0 & !LIST)
    }

    fn list<'a>(&self, lists: &'a Lists) -> Option<&'a [Claim]> {
        lists.at(self.list_number()?).map(|claims| &**claims)
    }

    fn list_mut<'a>(&self, lists: &'a mut Lists) -> Option<&'a mut Box<[Claim]>> {
        lists.at_mut(self.list_number()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(number: u32) -> Claim {
        let key = if number.is_multiple_of(2) {
            Key::filter(number)
        } else {
            Key::group(number)
        };
        Claim::new(key, Grant::default())
    }

    #[test]
    fn one_subscription_needs_no_list_and_several_share_one() {
        let (mut held, mut lists) = (Held::default(), Lists::default());
        assert!(held.is_empty());
        for number in 0..10 {
            held.put(&mut lists, claim(number));
            assert_eq!(held.count(&lists), number as usize + 1);
            assert_eq!(lists.count(), usize::from(number > 0));
        }
        for number in 0..10 {
            let wanted = claim(number);
            assert_eq!(held.find(&lists, wanted.key()), Some(wanted));
        }
        assert_eq!(held.find(&lists, claim(10).key()), None);
        for number in 0..10 {
            let wanted = claim(number);
            assert_eq!(held.remove(&mut lists, wanted.key()), Some(wanted));
            assert_eq!(held.remove(&mut lists, wanted.key()), None);
        }
        assert!(held.is_empty() && lists.count() == 0);
    }

    #[test]
    fn a_new_grant_takes_the_place_of_the_old_one() {
        let (mut held, mut lists) = (Held::default(), Lists::default());
        let grant = |identifier| Grant {
            identifier,
            ..Grant::default()
        };
        for other in [None, Some(claim(8))] {
            other
                .into_iter()
                .for_each(|other| held.put(&mut lists, other));
            for identifier in [0, 5] {
                let claim = Claim::new(Key::filter(4), grant(identifier));
                held.put(&mut lists, claim);
                assert_eq!(held.find(&lists, claim.key()), Some(claim));
                assert_eq!(held.count(&lists), 1 + usize::from(other.is_some()));
            }
        }
    }
}
