//! Who receives a message: one entry per client, however many of its filters match.

use std::ops::Range;

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
    /// The entries of the filter that brought most.
    biggest: Range<usize>,
}

/// So many entries beside the biggest filter's are merged without sorting all.
const FEW: usize = 8;

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
            let grant = Grant::from_bits(entry.subscriber.grant_bits(), || 0);
            Receiver {
                client: entry.subscriber.client(),
                qos: grant.qos,
                no_local: grant.no_local,
                retain_as_published: grant.retain_as_published,
                identifiers: &self.identifiers[entry.identifiers()],
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
        clear(&mut self.entries);
        clear(&mut self.identifiers);
        clear(&mut self.groups);
        self.sources = 0;
        self.biggest = 0..0;
    }

    /// Adds those who are subscribed to a filter.
    pub(super) fn add(&mut self, key: Key, audience: &Audience, identifiers: &Identifiers) {
        match audience {
            Audience::Nobody | Audience::Owners { .. } => {}
            Audience::One(only) => self.add_one(key, *only, identifiers),
            Audience::Crowd(crowd) => {
                self.groups
                    .extend(crowd.groups.iter().map(|group| GroupKey(*group)));
                if crowd.members.is_empty() {
                    return;
                }
                self.source(crowd.members.len());
                self.entries.reserve(crowd.members.len());
                for member in &crowd.members {
                    self.push(key, *member, identifiers);
                }
            }
        }
    }

    /// Adds one subscriber.
    pub(super) fn add_one(&mut self, key: Key, one: Subscriber, identifiers: &Identifiers) {
        self.source(1);
        self.push(key, one, identifiers);
    }

    /// A filter brings so many entries now.
    fn source(&mut self, count: usize) {
        self.sources += 1;
        if count > self.biggest.len() {
            self.biggest = self.entries.len()..self.entries.len() + count;
        }
    }

    /// Makes one entry of those of one client.
    pub(super) fn merge(&mut self) {
        // Within one filter nobody stands twice, and that is the usual case.
        if self.sources < 2 {
            return;
        }
        if self.entries.len() - self.biggest.len() > FEW {
            return self.merge_sorted();
        }
        // A crowd, and the few who listen to everything: each of them is looked for in the crowd.
        self.entries.rotate_left(self.biggest.start);
        let crowd = self.biggest.len();
        let mut kept = crowd;
        for at in crowd..self.entries.len() {
            let entry = self.entries[at];
            let mut others = self.entries[..kept].iter();
            match others.position(|other| other.client() == entry.client()) {
                Some(same) => self.entries[same] = self.join(self.entries[same], entry),
                None => {
                    self.entries[kept] = entry;
                    kept += 1;
                }
            }
        }
        self.entries.truncate(kept);
    }

    fn merge_sorted(&mut self) {
        self.entries
            .sort_unstable_by_key(|entry| (entry.client(), entry.identifiers_from));
        let mut kept = 0;
        for at in 1..self.entries.len() {
            let entry = self.entries[at];
            if self.entries[kept].client() == entry.client() {
                self.entries[kept] = self.join(self.entries[kept], entry);
            } else {
                kept += 1;
                self.entries[kept] = entry;
            }
        }
        self.entries.truncate(kept + 1);
    }

    /// One entry of two of one client.
    fn join(&mut self, one: Entry, other: Entry) -> Entry {
        let grant = grant::together(one.subscriber.grant_bits(), other.subscriber.grant_bits());
        let identifiers_from = self.identifiers.len();
        for index in one.identifiers().chain(other.identifiers()) {
            let identifier = self.identifiers[index];
            if !self.identifiers[identifiers_from..].contains(&identifier) {
                self.identifiers.push(identifier);
            }
        }
        Entry {
            subscriber: Subscriber::with_bits(one.client(), grant),
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

impl Entry {
    #[inline]
    fn client(&self) -> u32 {
        self.subscriber.client()
    }

    /// Where its identifiers stand among all.
    fn identifiers(&self) -> Range<usize> {
        let from = self.identifiers_from as usize;
        from..from + self.identifiers_count as usize
    }
}

fn clear<T>(list: &mut Vec<T>) {
    list.clear();
    if list.capacity() > limits::FOUND_KEPT_MAX {
        list.shrink_to(limits::FOUND_KEPT_MAX);
    }
}
