//! A decision and a check of a known key allocate nothing, whatever is asked.

use std::sync::Arc;

use tikv_jemalloc_ctl::thread::allocatedp;
use tributary_access::decision::Ask;
use tributary_access::holdoffs::{Holdoffs, Terms};
use tributary_access::meter::{self, Tokens};
use tributary_access::meters::Meters;
use tributary_access::profiles::Profiles;
use tributary_access::rate::Rate;
use tributary_access::rule::{Action, Actions, Effect, Rule};
use tributary_access::rulebook::Rulebook;
use tributary_access::subject::{Identity, Subject};
use tributary_proto::version::Qos;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Bytes that this thread allocates in `work`.
fn allocated_bytes(work: impl FnOnce()) -> u64 {
    let count = allocatedp::read().expect("the allocator counts by thread");
    let before = count.get();
    work();
    count.get() - before
}

#[test]
fn the_count_sees_an_allocation() {
    let bytes = allocated_bytes(|| drop(std::hint::black_box(Box::new([0_u8; 100]))));
    assert!(bytes >= 100, "{bytes}");
}

#[test]
fn decisions_allocate_nothing() {
    let topics = [
        "eq #",
        "a/%c/#",
        "%u-%c/+",
        "%{claim:site}/x",
        "$SYS/#",
        "+/+/b",
    ];
    let mut rules: Vec<Rule> = Vec::new();
    for effect in [Effect::Deny, Effect::Allow] {
        rules.extend(
            topics
                .iter()
                .map(|topic| Rule::new(effect, Actions::ALL, &[topic])),
        );
    }
    let rules = Rulebook::new(rules, Effect::Deny).expect("the rules are right");
    let mut profiles = Profiles::new(Arc::new(rules), 10, 7);
    let asked = [
        "#",
        "a/c1/b",
        "a/+/b",
        "u1-c1/x",
        "north/x",
        "z/#",
        "$share/g/z",
        "",
        "a\0",
        "z",
    ];
    for client in ["c1", "c/1", ""] {
        let subject = Subject {
            client,
            user: Some("u1"),
        };
        let identity = Identity {
            subject,
            groups: &[],
            claims: &[("site", "north")],
            address: None,
        };
        let index = profiles.admit(&identity, None).expect("there is room");
        let mut decided = 0;
        let bytes = allocated_bytes(|| {
            for topic in asked {
                for action in Action::ALL {
                    let ask = Ask {
                        action,
                        topic,
                        qos: Qos::AtLeastOnce,
                        retain: true,
                    };
                    let decision = profiles.decide(&index, subject, &ask);
                    decided += usize::from(decision.rule().is_some());
                }
                let _ = profiles.grant(&index, subject, topic, Qos::ExactlyOnce);
            }
        });
        assert!(decided > 10, "only {decided} were decided by a rule");
        assert_eq!(bytes, 0, "{client:?}");
        profiles.release(index);
    }
}

#[test]
fn checks_of_known_keys_allocate_nothing() {
    let rate = Rate::per_sec(1, 1_000).expect("in bounds");
    let second = std::time::Duration::from_secs(1);
    let terms = Terms::new(rate, second, second, second).expect("in bounds");
    let both = meter::Terms {
        messages: Some(rate),
        bytes: Some(rate),
    };
    let packet = Tokens {
        messages: 1,
        bytes: 1,
    };
    let mut meters = Meters::new(both, 100, 7);
    let mut holdoffs = Holdoffs::new(terms, 100, 7);
    let mut round = |now| {
        for key in 0..100_u64 {
            assert_eq!(meters.grab(now, key, packet, packet), Ok(packet));
            assert_eq!(holdoffs.held(now, &key), None);
            holdoffs.note(now, key).expect("there is room");
        }
        assert_eq!(meters.sweep(now, 10), 0);
    };
    round(0);
    assert_eq!(allocated_bytes(|| round(1)), 0);
}
