//! Clients with their subscriptions as a plain list, and what a publish should find by it.

use std::collections::{BTreeMap, BTreeSet};

use tributary_proto::subscriptions::{
    Added, Bounds, Found, Grant, Held, InterestChange, Subscriptions, TopicHasher,
};
use tributary_proto::topic;
use tributary_proto::version::Qos;

/// What a client receives a message with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Copy {
    pub(crate) qos: Qos,
    pub(crate) no_local: bool,
    pub(crate) retain_as_published: bool,
    pub(crate) identifiers: BTreeSet<u32>,
}

/// Who receives a message: the copies by client, and the keys of the groups.
pub(crate) type Answer = (BTreeMap<u32, Copy>, BTreeSet<String>);

/// A shard's index, and the same once more as lists.
pub(crate) struct Shard {
    pub(crate) index: Subscriptions,
    pub(crate) clients: Vec<Client>,
    pub(crate) changes: Vec<InterestChange>,
    found: Found,
}

pub(crate) struct Client {
    pub(crate) id: String,
    held: Held,
    /// What it is subscribed to, by filter.
    pub(crate) wants: BTreeMap<String, Grant>,
}

impl Shard {
    pub(crate) fn new(ids: &[&str], bounds: Bounds) -> Shard {
        let client = |id: &&str| Client {
            id: (*id).to_owned(),
            held: Held::default(),
            wants: BTreeMap::new(),
        };
        Shard {
            index: Subscriptions::new(TopicHasher::new(7), bounds),
            clients: ids.iter().map(client).collect(),
            changes: Vec::new(),
            found: Found::default(),
        }
    }

    pub(crate) fn subscribe(&mut self, client: usize, filter: &str, grant: Grant) -> Added {
        let Client { id, held, wants } = &mut self.clients[client];
        let changes = &mut self.changes;
        let added = self
            .index
            .subscribe(client as u32, id, held, filter, grant, changes);
        if added != Added::Full {
            let old = wants.insert(filter.to_owned(), grant);
            assert_eq!(old.is_some(), added == Added::Replaced, "{filter} of {id}");
        }
        added
    }

    pub(crate) fn unsubscribe(&mut self, client: usize, filter: &str) {
        let Client { id, held, wants } = &mut self.clients[client];
        let changes = &mut self.changes;
        let ended = self
            .index
            .unsubscribe(client as u32, id, held, filter, changes);
        assert_eq!(ended, wants.remove(filter).is_some(), "{filter} of {id}");
    }

    pub(crate) fn unsubscribe_all(&mut self, client: usize) {
        let Client { held, wants, .. } = &mut self.clients[client];
        self.index
            .unsubscribe_all(client as u32, held, &mut self.changes);
        assert!(held.is_empty());
        wants.clear();
    }

    /// What the index says.
    pub(crate) fn find(&mut self, name: &str) -> Answer {
        let clients = &self.clients;
        let mut owner = |id: &str| {
            let place = clients.iter().position(|client| client.id == id)?;
            Some((place as u32, &clients[place].held))
        };
        self.index.find(name, &mut owner, &mut self.found);
        let mut copies = BTreeMap::new();
        for receiver in self.found.receivers() {
            let identifiers: BTreeSet<u32> = receiver.identifiers.iter().copied().collect();
            assert_eq!(identifiers.len(), receiver.identifiers.len(), "each once");
            let copy = Copy {
                qos: receiver.qos,
                no_local: receiver.no_local,
                retain_as_published: receiver.retain_as_published,
                identifiers,
            };
            let old = copies.insert(receiver.client, copy);
            assert_eq!(old, None, "one entry per client");
        }
        let groups = self.groups_wanted(name);
        let keys = groups
            .iter()
            .filter_map(|key| Some((self.index.group(key)?, key.clone())));
        let by_key: BTreeMap<_, _> = keys.collect();
        let found = self.found.groups();
        let texts = found.iter().map(|key| {
            let text = by_key.get(key).cloned();
            text.unwrap_or_else(|| format!("{key:?} should not match"))
        });
        let texts: BTreeSet<String> = texts.collect();
        assert_eq!(texts.len(), found.len(), "each group once");
        (copies, texts)
    }

    /// What every filter, tried on its own, says.
    pub(crate) fn find_slowly(&self, name: &str) -> Answer {
        let mut copies: BTreeMap<u32, Copy> = BTreeMap::new();
        for (place, client) in self.clients.iter().enumerate() {
            let plain = client.wants.iter();
            let plain = plain.filter(|(filter, _)| topic::shared(filter).is_none());
            for (_, grant) in plain.filter(|(filter, _)| topic::matches(filter, name)) {
                let copy = copies.entry(place as u32).or_insert(Copy {
                    qos: Qos::AtMostOnce,
                    no_local: true,
                    retain_as_published: false,
                    identifiers: BTreeSet::new(),
                });
                copy.qos = copy.qos.max(grant.qos);
                copy.no_local &= grant.no_local;
                copy.retain_as_published |= grant.retain_as_published;
                copy.identifiers
                    .extend(Some(grant.identifier).filter(|id| *id != 0));
            }
        }
        (copies, self.groups_wanted(name))
    }

    fn groups_wanted(&self, name: &str) -> BTreeSet<String> {
        let filters = self.clients.iter().flat_map(|client| client.wants.keys());
        let matching = filters.filter(|filter| {
            topic::shared(filter).is_some_and(|(_, plain)| topic::matches(plain, name))
        });
        matching.cloned().collect()
    }

    /// Checks all that can be asked besides topics.
    pub(crate) fn check_lists(&self) {
        let mut count = 0;
        for (place, client) in self.clients.iter().enumerate() {
            let listed = self.index.list(place as u32, &client.id, &client.held);
            let listed: Vec<(String, Grant)> = listed.collect();
            count += listed.len();
            assert_eq!(listed.len(), client.wants.len());
            let listed: BTreeMap<String, Grant> = listed.into_iter().collect();
            assert_eq!(listed, client.wants, "{}", client.id);
        }
        assert_eq!(self.index.count(), count);
        assert_eq!(self.index.is_empty(), count == 0);
    }
}
