//! Whatever came and went, a topic finds exactly the subscribers whose filters match it.

use std::collections::{BTreeMap, BTreeSet};

use tributary_proto::subscriptions::{Bounds, Fit, Grant, InterestChange, Pattern};
use tributary_proto::topic;
use tributary_proto::version::Qos;

use crate::chance::{Chance, for_seeds};
use crate::model::Shard;

/// Ids that are levels, and ids that could be taken for something else.
const IDS: [&str; 12] = [
    "a", "b", "d1", "+", "#", "%c", "a/b", "$share", "$SYS", "d1/#", "g", "é",
];
const LEVELS: [&str; 11] = [
    "a", "b", "", "d1", "%c", "$share", "$SYS", "g", "é", "+", "#",
];
const QOS: [Qos; 3] = [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce];

pub(crate) fn any_grant(chance: &mut Chance) -> Grant {
    Grant {
        qos: chance.pick(&QOS),
        no_local: chance.flip(),
        retain_as_published: chance.flip(),
        identifier: chance.pick(&[0, 0, 1, 2, 268_435_455]),
    }
}

fn levels(chance: &mut Chance) -> String {
    let count = 1 + chance.below(4);
    let levels: Vec<&str> = (0..count).map(|_| chance.pick(&LEVELS)).collect();
    levels.join("/")
}

pub(crate) fn any_filter(chance: &mut Chance) -> String {
    loop {
        let mut filter = levels(chance);
        if chance.below(4) == 0 {
            filter = format!("$share/{}/{filter}", chance.pick(&["g", "h"]));
        }
        if topic::is_filter(&filter) {
            return filter;
        }
    }
}

pub(crate) fn any_name(chance: &mut Chance) -> String {
    loop {
        let name = levels(chance);
        if topic::is_name(&name) {
            return name;
        }
    }
}

#[test]
fn a_topic_finds_exactly_the_subscribers_whose_filters_match_it() {
    for_seeds(80, |chance| {
        let mut shard = Shard::new(&IDS, Bounds::default());
        let (mut copies, mut groups) = (0, 0);
        for _ in 0..200 {
            let client = chance.below(IDS.len());
            match chance.below(12) {
                0 => shard.unsubscribe_all(client),
                1..4 => {
                    let wants = &shard.clients[client].wants;
                    let known = wants.keys().nth(chance.below(wants.len().max(1)));
                    let filter = known.cloned().unwrap_or_else(|| any_filter(chance));
                    shard.unsubscribe(client, &filter);
                }
                _ => {
                    let filter = any_filter(chance);
                    shard.subscribe(client, &filter, any_grant(chance));
                }
            }
            for _ in 0..4 {
                let name = any_name(chance);
                let answer = shard.find(&name);
                assert_eq!(answer, shard.find_slowly(&name), "{name}");
                copies += answer.0.len();
                groups += answer.1.len();
            }
        }
        shard.check_lists();
        assert!(
            copies > 100 && groups > 10,
            "{copies} copies, {groups} groups"
        );
        (0..IDS.len()).for_each(|client| shard.unsubscribe_all(client));
        shard.check_lists();
        assert!(shard.index.is_empty());
        assert_eq!(wanted(&shard.changes), Wanted::default(), "all taken back");
    });
}

/// What the changes so far leave wanted.
#[derive(Default, PartialEq, Eq, Debug)]
struct Wanted {
    exact: BTreeSet<u64>,
    patterns: Vec<Pattern>,
    groups: BTreeMap<String, u32>,
}

fn wanted(changes: &[InterestChange]) -> Wanted {
    let mut all = Wanted::default();
    for change in changes.iter().cloned() {
        match change {
            InterestChange::Exact { hash, wanted: true } => assert!(all.exact.insert(hash)),
            InterestChange::Exact { hash, .. } => assert!(all.exact.remove(&hash)),
            InterestChange::Pattern { pattern, wanted } => {
                let place = all.patterns.iter().position(|other| *other == pattern);
                match (place, wanted) {
                    (None, true) => all.patterns.push(pattern),
                    (Some(place), false) => drop(all.patterns.remove(place)),
                    _ => panic!("told twice: {pattern:?}"),
                }
            }
            InterestChange::Group { key, members: 0 } => {
                assert!(all.groups.remove(&*key).is_some());
            }
            InterestChange::Group { key, members } => {
                let old = all.groups.insert(key.into(), members);
                assert_ne!(old, Some(members), "only news are told");
            }
        }
    }
    all
}

#[test]
fn a_group_takes_turns_over_all_its_members_and_grants_each_its_own() {
    let mut shard = Shard::new(&["a", "b", "c"], Bounds::default());
    let key = "$share/g/x/+";
    for (client, qos) in QOS.into_iter().enumerate() {
        let grant = Grant {
            qos,
            identifier: client as u32,
            ..Grant::default()
        };
        shard.subscribe(client, key, grant);
    }
    let group = shard.index.group(key).expect("it has members");
    let mut clients = Vec::new();
    for _ in 0..6 {
        let picked = shard.index.pick(group, &mut |_| Fit::Ready);
        let (client, grant) = picked.expect("all are ready");
        assert_eq!(
            (grant.qos, grant.identifier),
            (QOS[client as usize], client)
        );
        clients.push(client);
    }
    assert_eq!(clients, [0, 1, 2, 0, 1, 2]);
    shard.unsubscribe(1, key);
    let picked = shard.index.pick(group, &mut |client| match client {
        0 => Fit::No,
        _ => Fit::Ready,
    });
    assert_eq!(picked.map(|(client, _)| client), Some(2));
    shard.unsubscribe_all(0);
    shard.unsubscribe_all(2);
    assert_eq!(shard.index.group(key), None);
    assert_eq!(shard.index.pick(group, &mut |_| Fit::Ready), None);
}

#[test]
fn a_fleet_on_topics_of_its_own_is_one_interest_and_nobody_hears_the_others() {
    let ids: Vec<String> = (0..1_000).map(|number| format!("d{number}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let mut shard = Shard::new(&ids, Bounds::default());
    for (client, id) in ids.iter().enumerate() {
        shard.subscribe(client, &format!("dev/{id}/cmd"), Grant::default());
    }
    let [InterestChange::Pattern { pattern, wanted }] = shard.changes.as_slice() else {
        panic!("{} changes", shard.changes.len());
    };
    assert!(*wanted && &*pattern.text == "dev/%c/cmd" && pattern.owner_level == Some(1));
    for client in [0, 17, 999] {
        let (copies, _) = shard.find(&format!("dev/d{client}/cmd"));
        assert_eq!(copies.into_keys().collect::<Vec<_>>(), [client]);
    }
    for name in [
        "dev/d1000/cmd",
        "dev/%c/cmd",
        "dev//cmd",
        "dev/d1",
        "dev/d1/x",
    ] {
        assert_eq!(shard.find(name).0.len(), 0, "{name}");
    }
}
