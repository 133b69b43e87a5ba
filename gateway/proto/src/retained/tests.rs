//! The index against a plain list that is looked through with `topic::matches`.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::topic;
use crate::version::Qos;

const PLENTY: Bounds = Bounds {
    count_max: usize::MAX,
    bytes_max: usize::MAX,
};
/// More than any search here needs.
const ALL: usize = 1_000_000;

/// xorshift64*: the same numbers for the same seed, on every machine.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % bound
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// Few words, so that topics share levels; some of them sort around `/`, `$` and each other.
    fn topic(&mut self) -> String {
        const LEVELS: [&str; 12] = [
            "", "a", "b", "c", "a-", "a\u{1}", "a.b", "$", "$SYS", "%", "ä", "aa",
        ];
        let count = 1 + self.below(4);
        let levels: Vec<&str> = (0..count).map(|_| self.pick(&LEVELS)).collect();
        let topic = levels.join("/");
        if topic.is_empty() { "a".into() } else { topic }
    }

    fn filter(&mut self) -> String {
        let topic = self.topic();
        let mut levels: Vec<&str> = topic.split('/').collect();
        for level in &mut levels {
            if self.below(2) == 0 {
                *level = "+";
            }
        }
        if self.below(3) == 0 {
            levels.push("#");
        }
        if self.below(20) == 0 {
            levels = vec!["#"];
        }
        levels.join("/")
    }
}

fn message(topic: &str, payload: &str, expires_at_sec: u32) -> Arc<Message> {
    Arc::new(Message {
        topic: topic.into(),
        payload: payload.as_bytes().into(),
        properties: Box::default(),
        publisher: Message::NOBODY,
        expires_at_sec,
        qos: Qos::AtLeastOnce,
        retain: true,
    })
}

fn lasting(topic: &str) -> Arc<Message> {
    message(topic, "x", Message::NEVER)
}

fn topics(found: &[Arc<Message>]) -> Vec<&str> {
    found.iter().map(|message| &*message.topic).collect()
}

fn holding(names: &[&str]) -> Retained {
    let mut retained = Retained::new(PLENTY);
    for name in names {
        assert_eq!(retained.set(lasting(name)), Kept::New, "{name}");
    }
    retained
}

/// All that a filter finds, in steps of this budget, and how many steps it took.
fn search(retained: &Retained, filter: &str, budget: usize, now: u32) -> (Vec<Arc<Message>>, u32) {
    let (mut found, mut cursor, mut calls) = (Vec::new(), Cursor::default(), 1);
    while let Some(next) = retained.find(filter, &cursor, budget, now, &mut found) {
        assert_ne!(next, cursor, "the search for {filter} stands still");
        (cursor, calls) = (next, calls + 1);
    }
    (found, calls)
}

#[test]
fn levels_come_before_longer_levels() {
    let in_order = [
        "/", "//", "/a", "a", "a/", "a//", "a/b", "a/b/c", "a/c", "a\u{1}", "a-", "a-/b",
    ];
    let retained = holding(&in_order);
    let all: Vec<_> = retained.iter().collect();
    assert_eq!(topics(&all), in_order);
}

#[test]
fn a_wildcard_finds_what_it_matches_and_no_more() {
    let retained = holding(&["a", "a/b", "a/b/c", "a-/b", "b/b", "$SYS/b", "/b", "b"]);
    let found = |filter| search(&retained, filter, ALL, 0).0;
    assert_eq!(topics(&found("+/b")), ["/b", "a/b", "a-/b", "b/b"]);
    assert_eq!(topics(&found("a/#")), ["a", "a/b", "a/b/c"]);
    assert_eq!(topics(&found("#")).len(), 7, "all but $SYS");
    assert_eq!(topics(&found("$SYS/#")), ["$SYS/b"]);
    assert_eq!(topics(&found("+")), ["a", "b"]);
    assert_eq!(topics(&found("a/b")), ["a/b"]);
    assert!(found("a/b/c/d").is_empty());
}

#[test]
fn any_set_of_topics_answers_any_filter_as_a_plain_list_does() {
    for seed in 1..=200 {
        let mut chance = Chance(seed);
        let names: BTreeSet<String> = (0..chance.below(300)).map(|_| chance.topic()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let retained = holding(&names);
        for _ in 0..50 {
            let filter = chance.filter();
            assert!(topic::is_filter(&filter), "{filter}");
            let budget = 1 + chance.below(40);
            let (found, _) = search(&retained, &filter, budget, 0);
            let mut found = topics(&found);
            found.sort_unstable();
            let matches = |name: &&&str| topic::matches(&filter, name);
            let expected: Vec<&str> = names.iter().filter(matches).copied().collect();
            assert_eq!(
                found, expected,
                "seed {seed}, filter {filter}, budget {budget}"
            );
        }
    }
}

/// What must be found: matching topics that were there from the first step to the last. What may
/// be: those that were there at some time. Nothing twice.
#[test]
fn changes_between_the_steps_of_a_search_lose_and_double_nothing_that_stays() {
    let (mut searches, mut changed) = (0, 0);
    for seed in 1..=300 {
        let mut chance = Chance(seed);
        let names: BTreeSet<String> = (0..200).map(|_| chance.topic()).collect();
        let mut retained = Retained::new(PLENTY);
        for name in names.iter().filter(|_| chance.below(2) == 0) {
            retained.set(lasting(name));
        }
        let filter = chance.filter();
        let mut always: BTreeSet<String> = retained.iter().map(|m| m.topic.to_string()).collect();
        let mut ever = always.clone();
        let (mut found, mut cursor) = (Vec::new(), Cursor::default());
        let names: Vec<&String> = names.iter().collect();
        while let Some(next) = retained.find(&filter, &cursor, 5, 0, &mut found) {
            cursor = next;
            for _ in 0..3 {
                let name = chance.pick(&names);
                if chance.below(2) == 0 {
                    retained.set(lasting(name));
                    ever.insert(name.clone());
                } else if retained.clear(name) {
                    always.remove(name);
                }
                changed += 1;
            }
        }
        searches += 1;
        let list = topics(&found);
        let unique: BTreeSet<&str> = list.iter().copied().collect();
        assert_eq!(unique.len(), list.len(), "seed {seed}: twice in {list:?}");
        for name in always.iter().filter(|name| topic::matches(&filter, name)) {
            assert!(
                unique.contains(&**name),
                "seed {seed}: {filter} lost {name}"
            );
        }
        for name in unique {
            assert!(
                ever.contains(name) && topic::matches(&filter, name),
                "seed {seed}: {name}"
            );
        }
    }
    assert!(changed > searches, "no search was cut into steps");
}

#[test]
fn sets_clears_and_expiries_agree_with_a_plain_map() {
    let bounds = Bounds {
        count_max: 60,
        bytes_max: 60 * 100,
    };
    let (mut full, mut expired) = (0, 0);
    for seed in 1..=50 {
        let mut chance = Chance(seed);
        let mut retained = Retained::new(bounds);
        let mut model: BTreeMap<String, Arc<Message>> = BTreeMap::new();
        let mut now = 0;
        for _ in 0..2_000 {
            let topic = chance.topic();
            match chance.below(10) {
                0..=6 => {
                    let until = [Message::NEVER, now + 1, now + 5, now + 50];
                    let payload = "x".repeat(chance.below(30));
                    let message = message(&topic, &payload, chance.pick(&until));
                    let mut next = model.clone();
                    let kept = match next.insert(topic, message.clone()) {
                        None => Kept::New,
                        Some(_) => Kept::Replaced,
                    };
                    let bytes: usize = next.values().map(|m| weigh(m)).sum();
                    let fits = next.len() <= bounds.count_max && bytes <= bounds.bytes_max;
                    assert_eq!(retained.set(message), if fits { kept } else { Kept::Full });
                    full += u32::from(!fits);
                    model = if fits { next } else { model };
                }
                7 | 8 => assert_eq!(retained.clear(&topic), model.remove(&topic).is_some()),
                _ => {
                    now += 1;
                    let (found, _) = search(&retained, "#", ALL, now);
                    let fresh = |m: &&Arc<Message>| !m.is_expired(now) && !m.topic.starts_with('$');
                    assert_eq!(found.len(), model.values().filter(fresh).count());
                    while let Some(message) = retained.expire(now) {
                        assert!(message.is_expired(now));
                        assert_eq!(model.remove(&*message.topic), Some(message));
                        expired += 1;
                    }
                    assert!(!model.values().any(|m| m.is_expired(now)), "seed {seed}");
                }
            }
            let held: Vec<&Message> = model.values().map(|m| &**m).collect();
            assert_eq!(retained.count(), held.len());
            assert_eq!(retained.bytes(), held.iter().map(|m| weigh(m)).sum());
        }
        let mut kept: Vec<_> = retained.iter().collect();
        kept.sort_by(|a, b| a.topic.cmp(&b.topic));
        assert_eq!(kept, model.into_values().collect::<Vec<_>>(), "seed {seed}");
    }
    assert!(
        full > 100 && expired > 100,
        "{full} full, {expired} expired"
    );
}

#[test]
fn a_message_that_is_too_large_leaves_the_old_one_in_place() {
    let bytes_max = weigh(&message("a", "123456789", 7));
    let mut retained = Retained::new(Bounds {
        count_max: 9,
        bytes_max,
    });
    assert_eq!(retained.set(message("a", "123456789", 7)), Kept::New);
    assert_eq!(retained.set(message("a", "1234567890", 9)), Kept::Full);
    assert_eq!(retained.find_exact("a").unwrap().expires_at_sec, 7);
    assert_eq!(retained.set(message("a", "1", 9)), Kept::Replaced);
    assert_eq!(retained.expire(8), None, "the old time is forgotten");
    assert_eq!(retained.expire(9).unwrap().payload[..], *b"1");
    assert_eq!((retained.count(), retained.bytes()), (0, 0));
}

#[test]
fn a_search_jumps_over_what_lies_between_two_matches() {
    let mut retained = Retained::new(PLENTY);
    for device in 0..20 {
        for reading in 0..500 {
            retained.set(lasting(&format!("dev/{device:02}/{reading:03}/value")));
        }
        retained.set(lasting(&format!("dev/{device:02}/name")));
    }
    let (found, calls) = search(&retained, "dev/+/name", 100, 0);
    assert_eq!(found.len(), 20);
    // 10,020 topics one by one would be more than a hundred calls.
    assert!(calls < 10, "{calls} calls");
}

#[test]
fn a_filter_that_matches_everything_is_cut_into_steps() {
    let mut retained = Retained::new(PLENTY);
    for device in 0..1_000 {
        retained.set(lasting(&format!("{device}/a")));
    }
    let (found, calls) = search(&retained, "+/a", 100, 0);
    assert_eq!(found.len(), 1_000);
    assert!((10..50).contains(&calls), "{calls} calls");
}

#[test]
fn a_message_comes_back_as_it_was_and_a_large_one_is_shared() {
    let mut chance = Chance(7);
    let mut retained = Retained::new(PLENTY);
    for text_bytes in (0..300).chain([65_535, 1 << 20]) {
        let mut kept = Message::clone(&message("gerät/ä", "", Message::NEVER));
        let properties = chance.below(text_bytes + 1);
        kept.properties = vec![chance.below(256) as u8; properties].into();
        kept.payload = vec![0xFF; text_bytes - properties].into();
        kept.publisher = u64::MAX / 3 + text_bytes as u64;
        kept.qos = chance.pick(&[Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce]);
        kept.retain = chance.below(2) == 0;
        let kept = Arc::new(kept);
        retained.set(kept.clone());
        let found = retained.find_exact("gerät/ä").expect("it was set");
        assert_eq!(found, kept);
        let is_large = kept.topic.len() + text_bytes > 255;
        assert_eq!(Arc::ptr_eq(&found, &kept), is_large, "{text_bytes} bytes");
        assert_eq!(retained.bytes(), weigh(&kept));
    }
}
