//! No shard that has a subscriber is ever left out, whatever came and went, and whoever tells at
//! the same time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tributary_proto::subscriptions::{
    Added, Bounds, Fit, Grant, Held, InterestChange, Subscriptions, TopicHasher,
};
use tributary_proto::topic;

use super::{Interest, ShardSet, Targets, View};

const LEVELS: [&str; 9] = ["a", "b", "", "%c", "c0", "c1", "$x", "+", "#"];

/// SplitMix64, by Sebastiano Vigna.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }

    fn text(&mut self, is_right: impl Fn(&str) -> bool) -> String {
        loop {
            let count = 1 + self.below(3);
            let levels: Vec<&str> = (0..count).map(|_| LEVELS[self.below(9)]).collect();
            let mut text = levels.join("/");
            if self.below(5) == 0 {
                text = format!("$share/g/{text}");
            }
            if is_right(&text) {
                return text;
            }
        }
    }

    fn name(&mut self) -> String {
        self.text(|text| topic::is_name(text) && !text.starts_with("$share"))
    }
}

/// One shard with a few clients, as far as subscriptions go.
struct Shard {
    number: usize,
    index: Subscriptions,
    clients: Vec<Client>,
    view: View,
    interest: Arc<Interest>,
    changes: Vec<InterestChange>,
}

struct Client {
    id: String,
    held: Held,
    filters: Vec<String>,
}

fn hasher() -> TopicHasher {
    TopicHasher::new(3)
}

/// The shard that a client id of this test belongs to: its number says so.
fn home(id: &str, shards: usize) -> usize {
    id.trim_start_matches('c')
        .parse()
        .map_or(0, |n: usize| n % shards)
}

impl Shard {
    fn all(shards: usize) -> Vec<Shard> {
        let interest = Arc::new(Interest::new(shards, hasher()));
        let shard = |number: usize| Shard {
            number,
            index: Subscriptions::new(hasher(), Bounds::default()),
            clients: (0..3)
                .map(|client| Client {
                    id: format!("c{}", number + client * shards),
                    held: Held::default(),
                    filters: Vec::new(),
                })
                .collect(),
            view: View::new(Arc::clone(&interest), number),
            interest: Arc::clone(&interest),
            changes: Vec::new(),
        };
        (0..shards).map(shard).collect()
    }

    fn subscribe(&mut self, client: usize, filter: &str) {
        let Client { id, held, filters } = &mut self.clients[client];
        let (number, grant) = (client as u32, Grant::default());
        let changes = &mut self.changes;
        let added = self
            .index
            .subscribe(number, id, held, filter, grant, changes);
        assert_ne!(added, Added::Full);
        if added == Added::New {
            filters.push(filter.to_owned());
        }
        self.tell();
    }

    fn unsubscribe(&mut self, client: usize, filter: &str) {
        let Client { id, held, filters } = &mut self.clients[client];
        filters.retain(|other| other != filter);
        let changes = &mut self.changes;
        self.index
            .unsubscribe(client as u32, id, held, filter, changes);
        self.tell();
    }

    fn leave(&mut self, client: usize) {
        let Client { held, filters, .. } = &mut self.clients[client];
        filters.clear();
        self.index
            .unsubscribe_all(client as u32, held, &mut self.changes);
        self.tell();
    }

    fn tell(&mut self) {
        for change in self.changes.drain(..) {
            self.interest.tell(self.number, change);
        }
    }

    /// Subscribes, unsubscribes or leaves.
    fn change(&mut self, chance: &mut Chance) {
        let client = chance.below(self.clients.len());
        let filters = &self.clients[client].filters;
        match chance.below(8) {
            0 => self.leave(client),
            1..4 if !filters.is_empty() => {
                let filter = filters[chance.below(filters.len())].clone();
                self.unsubscribe(client, &filter);
            }
            _ => self.subscribe(client, &chance.text(topic::is_filter)),
        }
    }

    fn wants(&self, name: &str) -> bool {
        let mut filters = self.clients.iter().flat_map(|client| &client.filters);
        filters.any(|filter| topic::shared(filter).is_none() && topic::matches(filter, name))
    }

    fn find(&mut self, name: &str, shards: usize) -> Targets {
        let mut targets = Targets::default();
        self.view.find(name, |id| home(id, shards), &mut targets);
        targets
    }
}

/// The groups that should get a message, with their members on each shard.
fn groups_wanted(shards: &[Shard], name: &str) -> Vec<(String, Vec<usize>)> {
    let all = shards.iter().flat_map(|shard| &shard.clients);
    let mut keys: Vec<&String> = all.flat_map(|client| &client.filters).collect();
    keys.retain(|key| topic::shared(key).is_some_and(|(_, plain)| topic::matches(plain, name)));
    keys.sort();
    keys.dedup();
    let members = |shard: &Shard, key: &String| {
        let members = shard.clients.iter().filter(|c| c.filters.contains(key));
        members.count()
    };
    let counted = keys.into_iter().map(|key| {
        let counts = shards.iter().map(|shard| members(shard, key)).collect();
        (key.clone(), counts)
    });
    counted.collect()
}

#[test]
fn a_publish_is_told_to_every_shard_that_wants_it_and_to_hardly_any_other() {
    let (mut told, mut vain) = (0, 0);
    for (seed, count) in (0..15).flat_map(|seed| [1, 2, 3, 9].map(|count| (seed, count))) {
        let mut chance = Chance(seed);
        let mut shards = Shard::all(count);
        for _ in 0..150 {
            let changing = chance.below(count);
            shards[changing].change(&mut chance);
            let (from, name) = (chance.below(count), chance.name());
            let targets = shards[from].find(&name, count);
            assert!(!targets.shards.contains(from), "it finds its own by itself");
            for shard in shards.iter().filter(|shard| shard.number != from) {
                let (is_told, is_wanted) =
                    (targets.shards.contains(shard.number), shard.wants(&name));
                assert!(is_told || !is_wanted, "seed {seed}: {name} from {from}");
                told += usize::from(is_told);
                vain += usize::from(is_told && !is_wanted);
            }
            check_groups(&mut shards, from, &name, &targets);
        }
        (0..count).for_each(|shard| (0..3).for_each(|client| shards[shard].leave(client)));
        shards.iter_mut().for_each(|shard| shard.view.catch_up());
        assert!(shards.iter().all(|shard| shard.view.patterns() == 0));
        assert_eq!(shards[0].interest.backlog(), 0, "all have read all");
    }
    assert!(told > 1_000 && vain * 10 < told, "{vain} of {told} in vain");
}

fn check_groups(shards: &mut [Shard], from: usize, name: &str, targets: &Targets) {
    let wanted = groups_wanted(shards, name);
    let view = &mut shards[from].view;
    let key = |view: &View, group| view.group_key(group).map(|key| key.to_string());
    let mut found: Vec<_> = targets.groups.to_vec();
    found.sort_by_key(|group| key(view, *group));
    let keys: Vec<_> = found.iter().filter_map(|group| key(view, *group)).collect();
    let wanted_keys: Vec<_> = wanted.iter().map(|(key, _)| key.clone()).collect();
    assert_eq!(keys, wanted_keys, "{name}");
    for (group, (key, members)) in found.into_iter().zip(wanted) {
        assert_eq!(shards[from].view.group(&key), Some(group));
        let mut tried = ShardSet::default();
        while let Some(picked) = shards[from].view.pick_shard(group, &tried) {
            assert!(members[picked] > 0, "{picked} has no member of {key}");
            let index = &mut shards[picked].index;
            let local = index.group(&key).expect("it has members there");
            assert!(index.pick(local, &mut |_| Fit::Ready).is_some());
            tried.insert(picked);
        }
        let everywhere = members.iter().filter(|members| **members > 0).count();
        assert_eq!(
            tried.iter().count(),
            everywhere,
            "all of {key} can be tried"
        );
    }
}

#[test]
fn a_fleets_template_sends_each_topic_to_one_shard() {
    const SHARDS: usize = 4;
    let mut shards = Shard::all(SHARDS);
    for shard in &mut shards {
        for client in 0..3 {
            let filter = format!("dev/{}/cmd", shard.clients[client].id);
            shard.subscribe(client, &filter);
        }
    }
    for client in 0..3 * SHARDS {
        let targets = shards[0].find(&format!("dev/c{client}/cmd"), SHARDS);
        let told: Vec<usize> = targets.shards.iter().collect();
        let wanted: Vec<usize> = Some(client % SHARDS)
            .filter(|home| *home != 0)
            .into_iter()
            .collect();
        assert_eq!(told, wanted);
    }
    assert_eq!(shards[0].view.patterns(), 1);
}

/// A subscription that was answered: its shard, its filter, and which of all changes it was.
type Answered = Mutex<Vec<(usize, String, usize)>>;

#[test]
fn a_subscription_that_was_answered_is_found_by_every_later_publish_on_any_thread() {
    const SHARDS: usize = 3;
    const STEPS: usize = 4_000;
    let answered = Answered::default();
    let checks = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for mut shard in Shard::all(SHARDS) {
            let (answered, checks) = (&answered, &checks);
            scope.spawn(move || {
                let mut chance = Chance(shard.number as u64);
                for step in 0..STEPS {
                    change_one(&mut shard, &mut chance, step, answered);
                    checks.fetch_add(
                        publish_one(&mut shard, &mut chance, answered),
                        Ordering::Relaxed,
                    );
                }
            });
        }
    });
    let checks = checks.into_inner();
    assert!(
        checks > SHARDS * STEPS,
        "only {checks} subscriptions were looked for"
    );
}

fn change_one(shard: &mut Shard, chance: &mut Chance, step: usize, answered: &Answered) {
    let is_mine = |entry: &(usize, String, usize)| entry.0 == shard.number;
    let mine = |list: &[(usize, String, usize)]| {
        let mine: Vec<_> = list
            .iter()
            .filter(|entry| is_mine(entry))
            .cloned()
            .collect();
        mine
    };
    let held = mine(&answered.lock().expect("nobody panicked"));
    if held.len() > 20 || (!held.is_empty() && chance.below(3) == 0) {
        // Nobody may count on it from now on; only then it is told.
        let gone = held[chance.below(held.len())].clone();
        answered
            .lock()
            .expect("nobody panicked")
            .retain(|entry| *entry != gone);
        shard.unsubscribe(0, &gone.1);
        return;
    }
    let filter = chance.text(|text| topic::is_filter(text) && topic::shared(text).is_none());
    if held.iter().all(|(_, other, _)| *other != filter) {
        shard.subscribe(0, &filter);
        let entry = (shard.number, filter, step);
        answered.lock().expect("nobody panicked").push(entry);
    }
}

/// Publishes, and says how many subscriptions on other shards were found by it.
fn publish_one(shard: &mut Shard, chance: &mut Chance, answered: &Answered) -> usize {
    let before = answered.lock().expect("nobody panicked").clone();
    let name = chance.name();
    let targets = shard.find(&name, 3);
    let after = answered.lock().expect("nobody panicked").clone();
    let mut found = 0;
    for entry in before.iter().filter(|entry| entry.0 != shard.number) {
        if topic::matches(&entry.1, &name) && after.contains(entry) {
            assert!(targets.shards.contains(entry.0), "{name} misses {entry:?}");
            found += 1;
        }
    }
    found
}
