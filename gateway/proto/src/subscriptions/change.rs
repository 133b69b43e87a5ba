//! How filters and groups come and go with their subscribers.

use super::audience::{Audience, Subscriber};
use super::grant::{self, Grant};
use super::group::Group;
use super::held::{Claim, Held, Key};
use super::pattern::{Form, Pattern, steps};
use super::{Asked, Filter, InterestChange, Subscriptions, is_group, is_text};

impl Subscriptions {
    /// Whether one more subscription is within the bounds.
    pub(super) fn has_room(&self, asked: Asked<'_>, known: Option<Key>, held: &Held) -> bool {
        let bounds = self.bounds;
        asked.form != Form::TooDeep
            && held.count(&self.lists) < bounds.filters_per_client
            && (known.is_some()
                || self.filters.count() < bounds.filters_per_shard
                    && self.groups.count() < bounds.filters_per_shard)
    }

    /// The filter or group that is asked for, if anyone is subscribed to it.
    pub(super) fn key_of(&self, asked: Asked<'_>) -> Option<Key> {
        match asked.group {
            Some(group) => self.group(group).map(|group| Key::group(group.0)),
            None => self.filter(asked.form).map(Key::filter),
        }
    }

    fn filter(&self, form: Form<'_>) -> Option<u32> {
        match form {
            Form::Exact(text) => {
                let is_text = |number: &u32| is_text(&self.filters, *number, text);
                self.exact.find(self.hasher.hash(text), is_text).copied()
            }
            Form::Pattern(text, owner_level) => self.patterns.value(steps(text, owner_level)),
            Form::TooDeep => None,
        }
    }

    /// Takes in a filter or group that is not here yet.
    pub(super) fn add(&mut self, asked: Asked<'_>) -> Key {
        let Some(key) = asked.group else {
            return Key::filter(self.add_filter(asked.form));
        };
        let filter = match self.filter(asked.form) {
            Some(filter) => filter,
            None => self.add_filter(asked.form),
        };
        let Self {
            filters,
            groups,
            groups_by_key,
            hasher,
            ..
        } = self;
        let Some(Filter { audience, .. }) = filters.at_mut(filter) else {
            unreachable!("it was found or added above");
        };
        let on_filter = &mut audience.crowd().groups;
        let number = groups.insert(Group::new(key, filter, on_filter.len() as u32));
        on_filter.push(number);
        groups_by_key.insert_unique(hasher.hash(key), number, |number| {
            groups
                .at(*number)
                .map_or(0, |group| hasher.hash(&group.key))
        });
        Key::group(number)
    }

    fn add_filter(&mut self, form: Form<'_>) -> u32 {
        let (text, audience) = match form {
            Form::Exact(text) => (text.into(), Audience::Nobody),
            Form::Pattern(text, None) => (text.into(), Audience::Nobody),
            Form::Pattern(text, Some(level)) => (
                Pattern::new(text, Some(level)).text,
                Audience::Owners { count: 0, level },
            ),
            Form::TooDeep => unreachable!("`has_room` refuses it"),
        };
        let number = self.filters.insert(Filter { text, audience });
        match form {
            Form::Pattern(text, owner_level) => {
                self.patterns.insert(steps(text, owner_level), number);
            }
            Form::Exact(text) => {
                let (filters, hasher) = (&self.filters, &self.hasher);
                self.exact
                    .insert_unique(hasher.hash(text), number, |number| {
                        filters.at(*number).map_or(0, |at| hasher.hash(&at.text))
                    });
            }
            Form::TooDeep => {}
        }
        number
    }

    /// Keeps the identifier of a subscription, or forgets the one that it had before.
    pub(super) fn identify(&mut self, key: Key, client: u32, old: Option<Claim>, grant: Grant) {
        let had_one = old.is_some_and(|old| grant::is_identified(old.grant_bits()));
        if had_one || grant.identifier != 0 {
            self.identifiers.set(key, client, grant.identifier);
        }
    }

    /// Changes what a subscriber was granted.
    pub(super) fn replace(&mut self, key: Key, subscriber: Subscriber) {
        if key.is_group() {
            if let Some(group) = self.groups.at_mut(key.number()) {
                group.replace(subscriber);
            }
        } else if let Some(filter) = self.filters.at_mut(key.number()) {
            filter.audience.replace(subscriber);
        }
    }

    /// Adds a subscriber to a filter or group.
    pub(super) fn join(
        &mut self,
        key: Key,
        subscriber: Subscriber,
        changes: &mut Vec<InterestChange>,
    ) {
        if key.is_group() {
            if let Some(group) = self.groups.at_mut(key.number()) {
                group.insert(subscriber);
                tell_group(group, changes);
            }
        } else if let Some(filter) = self.filters.at_mut(key.number())
            && filter.audience.insert(subscriber)
        {
            changes.push(self.change(key.number(), true));
        }
    }

    /// Removes a subscriber from a filter or group, and with the last one that as well.
    pub(super) fn leave(&mut self, client: u32, claim: Claim, changes: &mut Vec<InterestChange>) {
        let key = claim.key();
        self.count -= 1;
        self.shared_count -= usize::from(key.is_group());
        if grant::is_identified(claim.grant_bits()) {
            self.identifiers.set(key, client, 0);
        }
        if key.is_group() {
            self.leave_group(client, key.number(), changes);
        } else if let Some(filter) = self.filters.at_mut(key.number())
            && filter.audience.remove(client)
        {
            changes.push(self.change(key.number(), false));
            self.drop_if_over(key.number());
        }
    }

    fn leave_group(&mut self, client: u32, number: u32, changes: &mut Vec<InterestChange>) {
        let Some(group) = self.groups.at_mut(number) else {
            return;
        };
        group.remove(client);
        tell_group(group, changes);
        if group.count() > 0 {
            return;
        }
        let Some(group) = self.groups.remove(number) else {
            return;
        };
        let hash = self.hasher.hash(&group.key);
        if let Ok(entry) = self
            .groups_by_key
            .find_entry(hash, |other| *other == number)
        {
            entry.remove();
        }
        if self.groups_by_key.len() * 4 < self.groups_by_key.capacity() {
            let (groups, hasher) = (&self.groups, &self.hasher);
            let count = self.groups_by_key.len() * 2;
            self.groups_by_key.shrink_to(count, |number| {
                groups.at(*number).map_or(0, |at| hasher.hash(&at.key))
            });
        }
        if let Some(filter) = self.filters.at_mut(group.filter) {
            let on_filter = &mut filter.audience.crowd().groups;
            on_filter.swap_remove(group.place as usize);
            if let Some(moved) = on_filter.get(group.place as usize)
                && let Some(moved) = self.groups.at_mut(*moved)
            {
                moved.place = group.place;
            }
            filter.audience.settle();
        }
        self.drop_if_over(group.filter);
        debug_assert!(!is_group(&self.groups, number, &group.key));
    }

    /// What to tell the other shards when the first subscriber came or the last one went.
    fn change(&self, number: u32, wanted: bool) -> InterestChange {
        let Some(filter) = self.filters.at(number) else {
            unreachable!("whoever asks holds it");
        };
        match form_of(filter) {
            Form::Pattern(text, owner_level) => InterestChange::Pattern {
                pattern: Pattern {
                    text: text.into(),
                    owner_level,
                },
                wanted,
            },
            _ => InterestChange::Exact {
                hash: self.hasher.hash(&filter.text),
                wanted,
            },
        }
    }

    fn drop_if_over(&mut self, number: u32) {
        if !self
            .filters
            .at(number)
            .is_some_and(|filter| filter.audience.is_over())
        {
            return;
        }
        let Some(filter) = self.filters.remove(number) else {
            return;
        };
        if let Form::Pattern(text, owner_level) = form_of(&filter) {
            self.patterns.remove(steps(text, owner_level));
            return;
        }
        let hash = self.hasher.hash(&filter.text);
        if let Ok(entry) = self.exact.find_entry(hash, |other| *other == number) {
            entry.remove();
        }
        if self.exact.len() * 4 < self.exact.capacity() {
            let (filters, hasher) = (&self.filters, &self.hasher);
            self.exact.shrink_to(self.exact.len() * 2, |number| {
                filters.at(*number).map_or(0, |at| hasher.hash(&at.text))
            });
        }
    }
}

/// How a filter is kept that is kept already.
fn form_of(filter: &Filter) -> Form<'_> {
    match filter.audience {
        Audience::Owners { level, .. } => Form::Pattern(&filter.text, Some(level)),
        _ => Form::of(&filter.text, ""),
    }
}

fn tell_group(group: &mut Group, changes: &mut Vec<InterestChange>) {
    changes.extend(group.news().map(|members| InterestChange::Group {
        key: group.key.clone(),
        members,
    }));
}
