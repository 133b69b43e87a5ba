//! One shard's view of what the others want.

use std::sync::Arc;

use hashbrown::HashTable;
use tributary_proto::subscriptions::{InterestChange, Pattern, Slab, Step, Trie, steps};
use tributary_proto::topic;

use super::balance::Balance;
use super::log::Told;
use super::{Interest, ShardSet};

/// What a shard knows of all shards' patterns and groups; up to date at every publish.
pub struct View {
    interest: Arc<Interest>,
    shard: usize,
    /// How far the log was read.
    position: u64,
    /// Read and not yet applied; empty between calls.
    news: Vec<Arc<Told>>,
    trie: Trie,
    wanted: Slab<Wanted>,
    groups: Slab<Group>,
    groups_by_key: HashTable<u32>,
}

/// Where a publish goes besides the shard itself.
#[derive(Default, Debug)]
pub struct Targets {
    /// The other shards that may have a subscriber.
    pub shards: ShardSet,
    /// The groups that get it, on whatever shard, this one included: pick one for each.
    pub groups: Vec<GroupAt>,
}

/// A group as a view knows it; holds until the view catches up again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GroupAt(u32);

/// Who wants what matches one pattern.
#[derive(Default)]
struct Wanted {
    shards: ShardSet,
    groups: Vec<u32>,
}

struct Group {
    key: Arc<str>,
    balance: Balance,
}

impl View {
    /// The view of a shard, which must read it at every tick or publish.
    pub fn new(interest: Arc<Interest>, shard: usize) -> View {
        View {
            shard,
            position: 0,
            news: Vec::new(),
            trie: Trie::new(interest.hasher.clone()),
            wanted: Slab::default(),
            groups: Slab::default(),
            groups_by_key: HashTable::new(),
            interest,
        }
    }

    /// Where a publish to this topic goes. `home` says which shard a client id belongs to.
    pub fn find(&mut self, topic: &str, home: impl Fn(&str) -> usize, targets: &mut Targets) {
        self.catch_up();
        targets.shards = ShardSet::default();
        targets.groups.clear();
        let interest = &self.interest;
        let hash = interest.hasher.hash(topic);
        interest.cells.find(hash, &mut targets.shards);
        let wanted = &self.wanted;
        self.trie.walk(topic, |number, captured| {
            let Some(wanted) = wanted.at(number) else {
                return;
            };
            match captured {
                // Only one client can be meant, and it lives on one shard.
                Some(client_id) => {
                    let shard = home(client_id);
                    if wanted.shards.contains(shard) {
                        targets.shards.insert(shard);
                    }
                }
                None => targets.shards.add(&wanted.shards),
            }
            let groups = wanted.groups.iter().map(|group| GroupAt(*group));
            targets.groups.extend(groups);
        });
        targets.shards.remove(self.shard);
    }

    /// The group with this key, as far as this shard knows; for one that another shard passes on.
    pub fn group(&self, key: &str) -> Option<GroupAt> {
        let is_key = |number: &u32| self.groups.at(*number).is_some_and(|at| &*at.key == key);
        let number = self
            .groups_by_key
            .find(self.interest.hasher.hash(key), is_key)?;
        Some(GroupAt(*number))
    }

    /// The key of a group: `$share/{name}/{filter}`.
    pub fn group_key(&self, group: GroupAt) -> Option<&Arc<str>> {
        self.groups.at(group.0).map(|group| &group.key)
    }

    /// The shard whose turn it is to give a group's message to a member; `tried` have none that
    /// could take it.
    pub fn pick_shard(&mut self, group: GroupAt, tried: &ShardSet) -> Option<usize> {
        self.groups.at_mut(group.0)?.balance.pick(tried)
    }

    /// Reads what the shards told since the last time: one load when that is nothing.
    #[inline]
    pub fn catch_up(&mut self) {
        if self.interest.log.has_news(self.position) {
            self.read();
        }
    }

    fn read(&mut self) {
        let mut news = std::mem::take(&mut self.news);
        while self.interest.log.has_news(self.position) {
            let log = &self.interest.log;
            self.position = log.read(self.shard, self.position, &mut news);
            for told in news.drain(..) {
                self.apply(&told);
            }
        }
        self.news = news;
    }

    fn apply(&mut self, told: &Told) {
        match &told.change {
            // What the shard itself wants it finds in its own index.
            InterestChange::Pattern { .. } if told.shard == self.shard => {}
            InterestChange::Pattern { pattern, wanted } => {
                self.apply_pattern(told.shard, pattern, *wanted);
            }
            InterestChange::Group { key, members } => {
                self.apply_group(told.shard, key, *members);
            }
            InterestChange::Exact { .. } => {}
        }
    }

    fn apply_pattern(&mut self, shard: usize, pattern: &Pattern, is_wanted: bool) {
        let number = self.wanted_at(|| pattern.steps());
        if let Some(wanted) = self.wanted.at_mut(number) {
            if is_wanted {
                wanted.shards.insert(shard);
            } else {
                wanted.shards.remove(shard);
            }
        }
        self.drop_if_unwanted(number, || pattern.steps());
    }

    fn apply_group(&mut self, shard: usize, key: &str, members: u32) {
        let Some((_, filter)) = topic::shared(key) else {
            return;
        };
        let number = match self.group(key) {
            Some(group) => group.0,
            None => self.add_group(key, filter),
        };
        let Some(group) = self.groups.at_mut(number) else {
            return;
        };
        group.balance.set(shard, members);
        if !group.balance.is_empty() {
            return;
        }
        self.groups.remove(number);
        let hash = self.interest.hasher.hash(key);
        if let Ok(entry) = self
            .groups_by_key
            .find_entry(hash, |other| *other == number)
        {
            entry.remove();
        }
        let at = self.wanted_at(|| steps(filter, None));
        if let Some(wanted) = self.wanted.at_mut(at) {
            wanted.groups.retain(|other| *other != number);
        }
        self.drop_if_unwanted(at, || steps(filter, None));
    }

    fn add_group(&mut self, key: &str, filter: &str) -> u32 {
        let number = self.groups.insert(Group {
            key: key.into(),
            balance: Balance::default(),
        });
        let (groups, hasher) = (&self.groups, &self.interest.hasher);
        self.groups_by_key
            .insert_unique(hasher.hash(key), number, |number| {
                groups.at(*number).map_or(0, |at| hasher.hash(&at.key))
            });
        let at = self.wanted_at(|| steps(filter, None));
        if let Some(wanted) = self.wanted.at_mut(at) {
            wanted.groups.push(number);
        }
        number
    }

    /// The number of what is wanted at a pattern, which may be nothing yet.
    fn wanted_at<'a, S: Iterator<Item = Step<'a>>>(&mut self, steps: impl Fn() -> S) -> u32 {
        if let Some(number) = self.trie.value(steps()) {
            return number;
        }
        let number = self.wanted.insert(Wanted::default());
        self.trie.insert(steps(), number);
        number
    }

    fn drop_if_unwanted<'a, S: Iterator<Item = Step<'a>>>(
        &mut self,
        number: u32,
        steps: impl Fn() -> S,
    ) {
        let is_wanted = |wanted: &Wanted| !wanted.shards.is_empty() || !wanted.groups.is_empty();
        if self.wanted.at(number).is_some_and(is_wanted) {
            return;
        }
        self.wanted.remove(number);
        self.trie.remove(steps());
    }

    /// How many patterns are wanted by anyone, as this shard knows.
    pub fn patterns(&self) -> usize {
        self.wanted.count()
    }
}
