//! Who receives a message: one entry per client, however many of its filters match.

use super::audience::{Audience, Subscriber};
use super::grant::{self, Grant};
use super::group::GroupKey;
use super::held::Key;
use super::identifiers::Identifiers;
use super::limits;
use crate::version::Qos;

/// The answer of `Subscriptions::find`, used again for the next topic.
#[derive(Debug, Default)]
pub struct Found {
    entries: Vec<Entry>,
    identifiers: Vec<u32>,
    groups: Vec<GroupKey>,
    /// Filters that brought subscribers.
    sources: usize,
}

/// A client that receives a message, and how.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Receiver<'a> {
    /// Its place in the slab.
    pub client: u32,
    /// The highest QoS of its subscriptions that match [MQTT-3.3.4-2].
    pub qos: Qos,
    /// All of them ask not to hear what it published itself [MQTT-3.8.3-3].
    pub no_local: bool,
    /// One of them asks for the RETAIN flag as published [MQTT-3.3.1-12].
    pub retain_as_published: bool,
    /// The identifiers of all of them, each once, in no order [MQTT-3.3.4-3] [MQTT-3.3.4-4].
    pub identifiers: &'a [u32],
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    subscriber: Subscriber,
    identifiers_from: u32,
    identifiers_count: u32,
}

impl Found {
    /// The clients that receive the message themselves, each once.
    pub fn receivers(&self) -> impl ExactSizeIterator<Item = Receiver<'_>> {
        self.entries.iter().map(|entry| {
            let from = entry.identifiers_from as usize;
            let grant = Grant::from_bits(entry.subscriber.grant_bits(), || 0);
            Receiver {
                client: entry.subscriber.client(),
                qos: grant.qos,
                no_local: grant.no_local,
                retain_as_published: grant.retain_as_published,
                identifiers: &self.identifiers[from..from + entry.identifiers_count as usize],
            }
        })
    }

    /// The groups of which one member receives the message.
    pub fn groups(&self) -> &[GroupKey] {
        &self.groups
    }

    /// Whether nobody receives it.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.groups.is_empty()
    }

    /// Forgets the last answer, and the room it took if that was much.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.entries.shrink_to(limits::FOUND_KEPT_MAX);
        self.identifiers.clear();
        self.identifiers.shrink_to(limits::FOUND_KEPT_MAX);
        self.groups.clear();
        self.groups.shrink_to(limits::FOUND_KEPT_MAX);
        self.sources = 0;
    }

    /// Adds those who are subscribed to a filter.
    pub(super) fn add(&mut self, key: Key, audience: &Audience, identifiers: &Identifiers) {
        match audience {
            Audience::Nobody | Audience::Owners { .. } => {}
            Audience::One(only) => self.add_one(key, *only, identifiers),
            Audience::Crowd(crowd) => {
                self.groups
                    .extend(crowd.groups.iter().map(|group| GroupKey(*group)));
                self.sources += usize::from(!crowd.members.is_empty());
                self.entries.reserve(crowd.members.len());
                for member in &crowd.members {
                    self.push(key, *member, identifiers);
                }
            }
        }
    }

    /// Adds one subscriber.
    pub(super) fn add_one(&mut self, key: Key, one: Subscriber, identifiers: &Identifiers) {
        self.sources += 1;
        self.push(key, one, identifiers);
    }

    /// Makes one entry of those of one client.
    pub(super) fn merge(&mut self) {
        // Within one filter nobody stands twice, and that is the usual case.
        if self.sources < 2 {
            return;
        }
        self.entries
            .sort_unstable_by_key(|entry| (entry.subscriber.client(), entry.identifiers_from));
        let mut kept = 0;
        let mut from = 0;
        while from < self.entries.len() {
            let client = self.entries[from].subscriber.client();
            let is_same = |entry: &Entry| entry.subscriber.client() == client;
            let until = from + self.entries[from..].partition_point(is_same);
            self.entries[kept] = self.merged(from..until);
            kept += 1;
            from = until;
        }
        self.entries.truncate(kept);
    }

    fn merged(&mut self, range: std::ops::Range<usize>) -> Entry {
        let first = self.entries[range.start];
        if range.len() == 1 {
            return first;
        }
        let together = range.clone().fold(first.subscriber, |all, at| {
            let one = self.entries[at].subscriber.grant_bits();
            Subscriber::with_bits(all.client(), grant::together(all.grant_bits(), one))
        });
        let identifiers_from = self.identifiers.len();
        for at in range {
            let Entry {
                identifiers_from: old_from,
                identifiers_count: count,
                ..
            } = self.entries[at];
            for index in old_from..old_from + count {
                let identifier = self.identifiers[index as usize];
                if !self.identifiers[identifiers_from..].contains(&identifier) {
                    self.identifiers.push(identifier);
                }
            }
        }
        Entry {
            subscriber: together,
            identifiers_from: identifiers_from as u32,
            identifiers_count: (self.identifiers.len() - identifiers_from) as u32,
        }
    }

    #[inline]
    fn push(&mut self, key: Key, subscriber: Subscriber, identifiers: &Identifiers) {
        let identifiers_from = self.identifiers.len() as u32;
        let is_identified = grant::is_identified(subscriber.grant_bits());
        if is_identified {
            self.identifiers
                .push(identifiers.of(key, subscriber.client()));
        }
        self.entries.push(Entry {
            subscriber,
            identifiers_from,
            identifiers_count: u32::from(is_identified),
        });
    }
}
