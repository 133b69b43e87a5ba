//! Who of one shard's clients wants which topic.
//!
//! Exact filters are found by the hash of the topic, filters with wildcards by one walk down a
//! trie. A filter in which one level is the subscriber's own client id is a *template*: a million
//! of them are one path of the trie, and whom a topic is for is read off the topic. Shared
//! subscriptions are groups on a filter.
//!
//! ```text
//!   topic --hash--> exact ---+                    +--> One client
//!     |                      +--> filter, whose --+--> Crowd: clients, groups
//!     +----walk---> trie ----+    audience is     +--> Owners: client by the captured level,
//!                                                      if what it holds names this filter
//! ```
//!
//! What a client holds is 4 bytes in its record as long as it is at most one subscription.

use hashbrown::HashTable;

use audience::{Audience, Subscriber};
use group::Group;
use held::{Claim, Key, Lists};
use identifiers::Identifiers;
use pattern::Form;

use crate::topic;

pub use found::{Found, Receiver};
pub use grant::Grant;
pub use group::{Fit, GroupKey};
pub use hasher::TopicHasher;
pub use held::Held;
pub use interest::InterestChange;
pub use pattern::{Pattern, Step, steps};
pub use slab::Slab;
pub use trie::Trie;

mod change;
mod found;
mod group;
mod audience;
mod held;
mod identifiers;
mod grant;
mod interest;
mod trie;
mod pattern;
mod slab;
mod hasher;
pub mod limits;

/// The subscriptions of one shard's clients.
///
/// `client` is always the client's place in the shard's slab, below
/// [`limits::CLIENTS_PER_SHARD_MAX`]; `held` is the one in that client's record.
#[derive(Debug)]
pub struct Subscriptions {
    bounds: Bounds,
    hasher: TopicHasher,
    filters: Slab<Filter>,
    /// The filters without wildcards and client ids, by the hash of their text.
    exact: HashTable<u32>,
    /// All others.
    patterns: Trie,
    groups: Slab<Group>,
    groups_by_key: HashTable<u32>,
    lists: Lists,
    identifiers: Identifiers,
    count: usize,
    /// Those of them that are shared.
    shared_count: usize,
}

/// How much a shard and a client may subscribe to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// Filters of one client.
    pub filters_per_client: usize,
    /// Different filters of the shard, and as many groups; at most
    /// [`limits::FILTERS_PER_SHARD_MAX`].
    pub filters_per_shard: usize,
}

/// What became of a SUBSCRIBE's filter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Added {
    /// The client had no such subscription.
    New,
    /// It has another grant now [MQTT-3.8.4-3].
    Replaced,
    /// A bound was hit, and nothing changed: reason 0x97, Quota exceeded.
    Full,
}

#[derive(Debug)]
struct Filter {
    /// As subscribed; with `%c` for the client id where the audience is its owners.
    text: Box<str>,
    audience: Audience,
}

const _: () = assert!(Slab::<Filter>::PLACE_BYTES == 32);

/// A filter as it stands in a packet, looked at once.
#[derive(Clone, Copy)]
struct Asked<'a> {
    /// The whole of it, if it is shared.
    group: Option<&'a str>,
    form: Form<'a>,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds {
            filters_per_client: limits::FILTERS_PER_CLIENT_MAX,
            filters_per_shard: limits::FILTERS_PER_SHARD_MAX,
        }
    }
}

impl Subscriptions {
    /// No subscriptions yet; `hasher` is the one of all shards.
    pub fn new(hasher: TopicHasher, bounds: Bounds) -> Subscriptions {
        let filters_per_shard = bounds.filters_per_shard.min(limits::FILTERS_PER_SHARD_MAX);
        Subscriptions {
            bounds: Bounds {
                filters_per_shard,
                ..bounds
            },
            patterns: Trie::new(hasher.clone()),
            hasher,
            filters: Slab::default(),
            exact: HashTable::new(),
            groups: Slab::default(),
            groups_by_key: HashTable::new(),
            lists: Lists::default(),
            identifiers: Identifiers::default(),
            count: 0,
            shared_count: 0,
        }
    }

    /// How many subscriptions there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// How many of them are shared ones.
    pub fn shared_count(&self) -> usize {
        self.shared_count
    }

    /// How many a client has.
    pub fn count_of(&self, held: &Held) -> usize {
        held.count(&self.lists)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Subscribes a client to a valid filter, which may be a shared one, or changes what it was
    /// granted. What the other shards must know is appended to `changes`.
    pub fn subscribe(
        &mut self,
        client: u32,
        client_id: &str,
        held: &mut Held,
        filter: &str,
        grant: Grant,
        changes: &mut Vec<InterestChange>,
    ) -> Added {
        let asked = Asked::of(filter, client_id);
        let known = self.key_of(asked);
        let old = known.and_then(|key| held.find(&self.lists, key));
        if old.is_none() && !self.has_room(asked, known, held) {
            return Added::Full;
        }
        let key = known.unwrap_or_else(|| self.add(asked));
        held.put(&mut self.lists, Claim::new(key, grant));
        self.identify(key, client, old, grant);
        let subscriber = Subscriber::new(client, grant);
        if old.is_some() {
            self.replace(key, subscriber);
            return Added::Replaced;
        }
        self.count += 1;
        self.shared_count += usize::from(key.is_group());
        self.join(key, subscriber, changes);
        Added::New
    }

    /// Ends a subscription; says whether there was one.
    pub fn unsubscribe(
        &mut self,
        client: u32,
        client_id: &str,
        held: &mut Held,
        filter: &str,
        changes: &mut Vec<InterestChange>,
    ) -> bool {
        let key = self.key_of(Asked::of(filter, client_id));
        let Some(claim) = key.and_then(|key| held.remove(&mut self.lists, key)) else {
            return false;
        };
        self.leave(client, claim, changes);
        true
    }

    /// Ends all subscriptions of a client.
    pub fn unsubscribe_all(
        &mut self,
        client: u32,
        held: &mut Held,
        changes: &mut Vec<InterestChange>,
    ) {
        let (only, several) = held.take(&mut self.lists);
        for claim in only.into_iter().chain(several) {
            self.leave(client, claim, changes);
        }
    }

    /// What a client is subscribed to, as it asked for it.
    pub fn list(
        &self,
        client: u32,
        client_id: &str,
        held: &Held,
    ) -> impl Iterator<Item = (String, Grant)> {
        let claims = (0..held.count(&self.lists)).filter_map(|nth| held.nth(&self.lists, nth));
        claims.filter_map(move |claim| {
            let key = claim.key();
            let identifier = || self.identifiers.of(key, client);
            let grant = Grant::from_bits(claim.grant_bits(), identifier);
            if key.is_group() {
                let group = self.groups.at(key.number())?;
                return Some((group.key.to_string(), grant));
            }
            let filter = self.filters.at(key.number())?;
            let text = match filter.audience {
                Audience::Owners { level, .. } => {
                    pattern::with_level(&filter.text, level, client_id).into()
                }
                _ => filter.text.to_string(),
            };
            Some((text, grant))
        })
    }

    /// Finds every subscriber of a topic, and every group.
    ///
    /// `owner` says which client has the id that stands in the topic, and what it holds; it is
    /// asked once for each template that matches.
    pub fn find<'h>(
        &mut self,
        topic: &str,
        owner: &mut impl FnMut(&str) -> Option<(u32, &'h Held)>,
        found: &mut Found,
    ) {
        found.clear();
        if self.is_empty() {
            return;
        }
        let Self {
            filters,
            lists,
            identifiers,
            ..
        } = self;
        let is_topic = |number: &u32| is_text(filters, *number, topic);
        if let Some(number) = self.exact.find(self.hasher.hash(topic), is_topic)
            && let Some(filter) = filters.at(*number)
        {
            found.add(Key::filter(*number), &filter.audience, identifiers);
        }
        self.patterns.walk(topic, |number, captured| {
            let key = Key::filter(number);
            let Some(client_id) = captured else {
                if let Some(filter) = filters.at(number) {
                    found.add(key, &filter.audience, identifiers);
                }
                return;
            };
            if let Some((client, held)) = owner(client_id)
                && let Some(claim) = held.find(lists, key)
            {
                let subscriber = Subscriber::with_bits(client, claim.grant_bits());
                found.add_one(key, subscriber, identifiers);
            }
        });
        found.merge();
    }

    /// The group with this key, `$share/{name}/{filter}`, if it has members here.
    pub fn group(&self, key: &str) -> Option<GroupKey> {
        let is_key = |number: &u32| is_group(&self.groups, *number, key);
        let number = self.groups_by_key.find(self.hasher.hash(key), is_key)?;
        Some(GroupKey(*number))
    }

    /// The member of a group whose turn it is, of those that `usable` says can take a message.
    pub fn pick(
        &mut self,
        group: GroupKey,
        usable: &mut impl FnMut(u32) -> Fit,
    ) -> Option<(u32, Grant)> {
        let member = self.groups.at_mut(group.0)?.pick(usable)?;
        let client = member.client();
        let identifier = || self.identifiers.of(Key::group(group.0), client);
        Some((client, Grant::from_bits(member.grant_bits(), identifier)))
    }
}

impl<'a> Asked<'a> {
    fn of(filter: &'a str, client_id: &str) -> Asked<'a> {
        match topic::shared(filter) {
            Some((_, plain)) => Asked {
                group: Some(filter),
                form: Form::of_shared(plain),
            },
            None => Asked {
                group: None,
                form: Form::of(filter, client_id),
            },
        }
    }
}

fn is_text(filters: &Slab<Filter>, number: u32, text: &str) -> bool {
    filters
        .at(number)
        .is_some_and(|filter| &*filter.text == text)
}

fn is_group(groups: &Slab<Group>, number: u32, key: &str) -> bool {
    groups.at(number).is_some_and(|group| &*group.key == key)
}

#[cfg(test)]
mod tests;
