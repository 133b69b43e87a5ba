//! Decisions against a model that enumerates topics, for random lists of rules.
//!
//! The model knows a filter only as the set of topics that it matches. It says, independently of
//! how filters are compared, what the documentation of [`crate::rulebook`] says.

use tributary_proto::topic::{self, matches};

use super::*;
use crate::draw::Draw;

const SEED: u64 = 0x5EED_0001;
const LISTS: usize = 400;
const ASKS_PER_LIST: usize = 40;
/// What rules and filters are made of.
const WORDS: [&str; 4] = ["a", "b", "$s", ""];
/// What topics are made of: also a level that no rule names, and the ids.
const LEVELS: [&str; 6] = ["a", "b", "$s", "", "other", "b/z"];

/// A set of topics, by place.
type Set = Vec<bool>;

struct World {
    topics: Vec<String>,
}

impl World {
    /// Topics of up to four levels, one more than filters have here.
    fn new() -> World {
        let mut topics: Vec<String> = LEVELS.iter().map(|level| level.to_string()).collect();
        let mut from = 0;
        for _ in 1..4 {
            let until = topics.len();
            for index in from..until {
                for level in LEVELS {
                    topics.push(format!("{}/{level}", topics[index]));
                }
            }
            from = until;
        }
        topics.retain(|topic| topic.split('/').count() <= 4);
        World { topics }
    }

    fn set(&self, filter: &str) -> Set {
        self.topics
            .iter()
            .map(|name| matches(filter, name))
            .collect()
    }

    /// What a rule's topic is about for this client.
    fn own(&self, topic: &str, effect: Effect, client: &str) -> Set {
        let Some((before, _)) = topic.split_once("%c") else {
            return self.set(topic);
        };
        let begins_topic = before.is_empty();
        let is_usable = match client {
            "" => false,
            _ if client.contains(['+', '#', '/', '\0']) => false,
            _ => !(begins_topic && client.starts_with('$')),
        };
        match effect {
            _ if is_usable => self.set(&topic.replace("%c", client)),
            Allow => vec![false; self.topics.len()],
            Deny if begins_topic => vec![true; self.topics.len()],
            // Everything from that level on; what ends above it is not meant.
            Deny => {
                let depth = |text: &str| text.split('/').count();
                let below = self.set(&format!("{before}#"));
                let pairs = below.iter().zip(&self.topics);
                pairs
                    .map(|(is, name)| *is && depth(name) >= depth(before))
                    .collect()
            }
        }
    }

    /// What all topics of all rules are about for this client.
    fn own_of_all(&self, rules: &[Rule], client: &str) -> Vec<(Effect, Vec<Set>)> {
        let all = rules.iter().map(|rule| {
            let own = |topic: &String| self.own(topic, rule.effect, client);
            (rule.effect, rule.topics.iter().map(own).collect())
        });
        all.collect()
    }

    /// The rule that decides, by the documentation's words.
    fn decider(&self, rules: &[(Effect, Vec<Set>)], asked: &str) -> Option<u16> {
        let theirs = self.set(asked);
        let decides = |(effect, topics): &(Effect, Vec<Set>)| {
            topics.iter().any(|own| {
                let mut pairs = own.iter().zip(&theirs);
                match effect {
                    Allow => pairs.all(|(own, theirs)| *own || !theirs),
                    Deny => pairs.any(|(own, theirs)| *own && *theirs),
                }
            })
        };
        rules.iter().position(decides).map(|place| place as u16)
    }
}

fn filter(draw: &mut Draw, words: &[&str]) -> String {
    loop {
        let levels = 1 + draw.below(3);
        let level = |_| match draw.below(4) {
            0 => "+",
            1 if draw.once_in(2) => "#",
            _ => *draw.pick(words),
        };
        let text = (0..levels).map(level).collect::<Vec<_>>().join("/");
        if topic::is_filter(&text) {
            return text;
        }
    }
}

fn rules(draw: &mut Draw) -> Vec<Rule> {
    let words: Vec<&str> = WORDS.into_iter().chain(["%c"]).collect();
    let one = |draw: &mut Draw| {
        let topics: Vec<String> = (0..=draw.below(2)).map(|_| filter(draw, &words)).collect();
        let topics: Vec<&str> = topics.iter().map(|topic| &**topic).collect();
        everything(*draw.pick(&[Allow, Deny]), &topics)
    };
    (0..1 + draw.below(4)).map(|_| one(draw)).collect()
}

#[test]
fn random_lists_decide_as_the_sets_of_their_topics_do() {
    let world = World::new();
    let mut draw = Draw::new(SEED);
    let mut seen = [0; 3];
    for list in 0..LISTS {
        let rules = rules(&mut draw);
        let default = *draw.pick(&[Allow, Deny]);
        let compiled = book(rules.clone(), default);
        let client = *draw.pick(&["b", "b", "other", "b/z", "+", "", "$s"]);
        let own = world.own_of_all(&rules, client);
        for _ in 0..ASKS_PER_LIST {
            let asked = filter(&mut draw, &WORDS);
            let expected = world.decider(&own, &asked);
            let say = || format!("list {list}: {client:?} for {asked} in {rules:#?}");
            let decision = decide(&compiled, &named(client, None), &ask(Subscribe, &asked));
            assert_eq!(decision.rule(), expected, "seed {SEED:#x}, {}", say());
            let effect = expected.map_or(default, |rule| rules[usize::from(rule)].effect);
            assert_eq!(
                decision.allowed,
                effect == Allow,
                "seed {SEED:#x}, {}",
                say()
            );
            seen[match (expected, effect) {
                (None, _) => 0,
                (_, Allow) => 1,
                (_, Deny) => 2,
            }] += 1;
        }
    }
    assert!(seen.iter().all(|count| *count > 1_000), "{seen:?}");
}

/// Rules as a token says them.
fn brought(rules: &[Rule]) -> Arc<OwnRules> {
    let one = |rule: &Rule| {
        let actions = Action::ALL.map(Action::word);
        serde_json::json!({ rule.effect.word(): actions, "topics": rule.topics })
    };
    let list = rules.iter().map(one).collect();
    Arc::new(OwnRules::read(&list).expect("the rules are right"))
}

#[test]
fn rules_that_a_client_brings_are_asked_first_and_the_common_ones_then() {
    let world = World::new();
    let mut draw = Draw::new(SEED + 3);
    let mut seen = [0; 3];
    for list in 0..LISTS {
        let (first, then) = (rules(&mut draw), rules(&mut draw));
        let default = *draw.pick(&[Allow, Deny]);
        let common = book(then.clone(), default);
        let own = brought(&first);
        let client = *draw.pick(&["b", "b", "other", "b/z", "+", "", "$s"]);
        let [by_own, by_common] = [&first, &then].map(|rules| world.own_of_all(rules, client));
        for _ in 0..ASKS_PER_LIST {
            let asked = filter(&mut draw, &WORDS);
            let (why, effect) = match world.decider(&by_own, &asked) {
                Some(rule) => (Why::OwnRule(rule), first[usize::from(rule)].effect),
                None => match world.decider(&by_common, &asked) {
                    Some(rule) => (Why::Rule(rule), then[usize::from(rule)].effect),
                    None => (Why::Default, default),
                },
            };
            let ask = ask(Subscribe, &asked);
            let decision = decide_with(&common, Some(&own), &named(client, None), &ask);
            let say = format!("list {list}, seed {SEED:#x} + 3: {client:?} for {asked}");
            assert_eq!(
                (decision.why, decision.allowed),
                (why, effect == Allow),
                "{say}"
            );
            seen[match why {
                Why::OwnRule(_) => 0,
                Why::Rule(_) => 1,
                _ => 2,
            }] += 1;
        }
    }
    assert!(seen.iter().all(|count| *count > 500), "{seen:?}");
}

#[test]
fn what_may_be_subscribed_holds_no_topic_that_may_not() {
    let world = World::new();
    let mut draw = Draw::new(SEED + 1);
    let mut wildcards_allowed = 0;
    for list in 0..LISTS {
        let rules = book(rules(&mut draw), *draw.pick(&[Allow, Deny]));
        let id = *draw.pick(&["b", "b/z"]);
        let client = named(id, None);
        let asked = filter(&mut draw, &WORDS);
        if !is_allowed(&rules, &client, Subscribe, &asked) {
            continue;
        }
        wildcards_allowed += usize::from(asked.contains(['+', '#']));
        for name in world.topics.iter().filter(|name| matches(&asked, name)) {
            if !topic::is_name(name) {
                continue;
            }
            for action in [Subscribe, Publish, Receive] {
                let say = || format!("list {list}: {asked} reaches {name} in {rules:#?}");
                assert!(
                    is_allowed(&rules, &client, action, name),
                    "seed {SEED:#x}, {}",
                    say()
                );
            }
        }
    }
    assert!(wildcards_allowed > 50, "only {wildcards_allowed}");
}

#[test]
fn nothing_that_is_asked_makes_a_decision_panic() {
    let mut draw = Draw::new(SEED + 2);
    let letters: Vec<char> = "ab/+#$%c{}\0ü".chars().collect();
    let text =
        |draw: &mut Draw| -> String { (0..draw.below(12)).map(|_| *draw.pick(&letters)).collect() };
    let (mut lists, mut allowed) = (0, 0);
    for _ in 0..20_000 {
        let topics = [text(&mut draw), text(&mut draw)];
        let rules: Vec<Rule> = topics
            .iter()
            .map(|topic| everything(Allow, &[topic]))
            .collect();
        let Ok(rules) = Rulebook::new(rules, Deny) else {
            continue;
        };
        lists += 1;
        let rules = Arc::new(rules);
        let (client, user, asked) = (text(&mut draw), text(&mut draw), text(&mut draw));
        let identity = named(&client, Some(&user));
        for action in [Publish, Subscribe, Receive] {
            let decision = decide(&rules, &identity, &ask(action, &asked));
            allowed += usize::from(decision.allowed);
            let is_valid = match action {
                Subscribe => topic::is_filter(&asked),
                _ => topic::is_name(&asked),
            };
            assert!(is_valid || !decision.allowed, "{asked:?}");
        }
    }
    assert!(
        lists > 100 && allowed > 10,
        "{lists} lists, {allowed} allowed"
    );
}
