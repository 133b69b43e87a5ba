//! What lists of rules say to clients: a table of cases, a model over sets of topics, random input.

mod brought;
mod model;
mod sharing;

use std::sync::Arc;

use tributary_proto::version::Qos;

use super::*;
use crate::decision::Why;
use crate::explanation::explain;
use crate::limits::TOPIC_BYTES_MAX;
use crate::rule::Action::{Publish, Receive, Retain, Subscribe};
use crate::rule::Effect::{Allow, Deny};
use crate::rule::{Action, Actions, Effect, Rule};

const KEY: u64 = 7;

fn actions(of: &[Action]) -> Actions {
    of.iter().copied().collect()
}

fn rule(effect: Effect, of: &[Action], topics: &[&str]) -> Rule {
    Rule::new(effect, actions(of), topics)
}

fn everything(effect: Effect, topics: &[&str]) -> Rule {
    Rule::new(effect, Actions::ALL, topics)
}

fn book(rules: Vec<Rule>, default: Effect) -> Arc<Rulebook> {
    Arc::new(Rulebook::new(rules, default).expect("the rules are right"))
}

fn named<'a>(client: &'a str, user: Option<&'a str>) -> Identity<'a> {
    Identity {
        subject: Subject { client, user },
        groups: &[],
        claims: &[],
        address: None,
    }
}

fn ask(action: Action, topic: &str) -> Ask<'_> {
    Ask {
        action,
        topic,
        qos: Qos::AtMostOnce,
        retain: false,
    }
}

/// Decides for a client that has just come, and has the explanation say the same.
fn decide(rules: &Arc<Rulebook>, identity: &Identity<'_>, ask: &Ask<'_>) -> Decision {
    decide_with(rules, None, identity, ask)
}

/// The same for one that brought these rules.
fn decide_with(
    rules: &Arc<Rulebook>,
    own: Option<&Arc<OwnRules>>,
    identity: &Identity<'_>,
    ask: &Ask<'_>,
) -> Decision {
    let mut profiles = Profiles::new(Arc::clone(rules), 10, KEY);
    let index = profiles.admit(identity, own).expect("there is room");
    let decision = profiles.decide(&index, identity.subject, ask);
    let explanation = explain(rules, own.map(|own| &**own), identity, ask);
    assert_eq!(explanation.decision, decision, "{explanation}");
    decision
}

fn is_allowed(rules: &Arc<Rulebook>, identity: &Identity<'_>, action: Action, topic: &str) -> bool {
    decide(rules, identity, &ask(action, topic)).allowed
}

#[test]
fn the_first_rule_that_decides_is_the_answer_and_then_the_default() {
    let rules = vec![
        everything(Allow, &["dev/%c/#"]),
        everything(Deny, &["dev/+/secret", "$SYS/#"]),
        everything(Allow, &["dev/#"]),
    ];
    let client = named("c1", None);
    for default in [Allow, Deny] {
        let rules = book(rules.clone(), default);
        for (action, topic, rule) in [
            (Publish, "dev/c1/secret", Some(0)),
            (Publish, "dev/c2/secret", Some(1)),
            (Publish, "dev/c2/open", Some(2)),
            (Publish, "dev", Some(2)),
            (Publish, "cat", None),
            (Publish, "$SYS/x", Some(1)),
            (Subscribe, "dev/c1/#", Some(0)),
            (Subscribe, "dev/c1/secret", Some(0)),
            (Subscribe, "dev/+/secret", Some(1)),
            (Subscribe, "dev/#", Some(1)),
            (Subscribe, "#", Some(1)),
            (Subscribe, "+/+/+", Some(1)),
            (Subscribe, "dev/c2/open/#", Some(2)),
            (Subscribe, "dev/+/open", Some(2)),
            (Subscribe, "cat/#", None),
            (Subscribe, "$share/g/dev/c1/#", Some(0)),
            (Subscribe, "$share/g/#", Some(1)),
            (Subscribe, "$SYS/#", Some(1)),
            (Receive, "dev/c2/secret", Some(1)),
        ] {
            let decision = decide(&rules, &client, &ask(action, topic));
            assert_eq!(decision.rule(), rule, "{action:?} {topic}");
            let effect = rule.map_or(default, |rule| rules.rules()[usize::from(rule)].effect);
            assert_eq!(decision.allowed, effect == Allow, "{action:?} {topic}");
        }
    }
}

#[test]
fn a_rule_concerns_those_who_fit_all_of_its_matchers() {
    let mut only = everything(Allow, &["#"]);
    only.user = Some("ann*".into());
    only.client = Some("gw-?".into());
    only.group = Some("ops".into());
    only.claims = vec![("site".into(), "north".into())];
    let rules = book(vec![only], Deny);
    let fits = Identity {
        groups: &["dev", "ops"],
        claims: &[("site", "north"), ("site", "south")],
        ..named("gw-1", Some("anna"))
    };
    assert!(is_allowed(&rules, &fits, Publish, "a"));
    let mut others = [fits; 7];
    others[0].subject.user = Some("bob");
    others[1].subject.user = None;
    others[2].subject.client = "gw-10";
    others[3].groups = &[];
    others[4].groups = &["opsy"];
    others[5].claims = &[("site", "south"), ("site", "north")];
    others[6].claims = &[("place", "north")];
    for other in others {
        assert!(!is_allowed(&rules, &other, Publish, "a"), "{other:?}");
    }
}

#[test]
fn actions_are_apart_and_retaining_is_asked_for_on_top_of_publishing() {
    for action in Action::ALL {
        let rules = book(vec![rule(Allow, &[action, Receive], &["a"])], Deny);
        for asked in Action::ALL {
            let expected = asked == action || asked == Receive;
            let allowed = is_allowed(&rules, &named("c", None), asked, "a");
            assert_eq!(allowed, expected, "{action:?} for {asked:?}");
        }
    }
    let kept = Ask {
        retain: true,
        ..ask(Publish, "a")
    };
    let client = named("c", None);
    let open = rule(Allow, &[Publish], &["a"]);
    let no = decide(&book(vec![open.clone()], Deny), &client, &kept);
    assert_eq!(
        (no.allowed, no.action, no.why),
        (false, Retain, Why::Default)
    );
    let bar = rule(Deny, &[Retain], &["a"]);
    let no = decide(&book(vec![open.clone(), bar], Allow), &client, &kept);
    assert_eq!(
        (no.allowed, no.action, no.why),
        (false, Retain, Why::Rule(1))
    );
    let keep = rule(Allow, &[Retain], &["a"]);
    let yes = decide(&book(vec![open, keep.clone()], Deny), &client, &kept);
    assert_eq!(
        (yes.allowed, yes.action, yes.why),
        (true, Publish, Why::Rule(0))
    );
    let no = decide(&book(vec![keep], Deny), &client, &kept);
    assert_eq!((no.allowed, no.action), (false, Publish));
}

#[test]
fn receiving_follows_the_subscription_until_a_rule_speaks_of_it() {
    let silent = book(vec![rule(Deny, &[Publish], &["#"])], Deny);
    let decision = decide(&silent, &named("c", None), &ask(Receive, "a"));
    assert_eq!(
        (decision.allowed, decision.why),
        (true, Why::ReceiveUnspoken)
    );
    // A rule that concerns others makes the whole list one that judges.
    let mut other = rule(Allow, &[Receive], &["#"]);
    other.client = Some("d".into());
    let spoken = book(vec![other], Deny);
    let decision = decide(&spoken, &named("c", None), &ask(Receive, "a"));
    assert_eq!((decision.allowed, decision.why), (false, Why::Default));
}

#[test]
fn a_rule_says_nothing_of_a_higher_qos_than_its_own() {
    let mut low = everything(Allow, &["a/#"]);
    low.qos_max = Qos::AtLeastOnce;
    let rules = book(vec![low], Deny);
    for (qos, expected) in [
        (Qos::AtMostOnce, true),
        (Qos::AtLeastOnce, true),
        (Qos::ExactlyOnce, false),
    ] {
        for action in [Publish, Subscribe] {
            let asked = Ask {
                qos,
                ..ask(action, "a/b")
            };
            assert_eq!(decide(&rules, &named("c", None), &asked).allowed, expected);
        }
    }
}

#[test]
fn a_subscription_is_granted_at_the_highest_qos_that_is_allowed() {
    let mut low = rule(Allow, &[Subscribe], &["a/#"]);
    low.qos_max = Qos::AtLeastOnce;
    let rules = book(vec![low, rule(Allow, &[Subscribe], &["b"])], Deny);
    let client = named("c", None);
    let mut profiles = Profiles::new(rules, 10, KEY);
    let index = profiles.admit(&client, None).expect("there is room");
    let grant = |topic, qos| profiles.grant(&index, client.subject, topic, qos).ok();
    assert_eq!(grant("a/b", Qos::ExactlyOnce), Some(Qos::AtLeastOnce));
    assert_eq!(grant("a/b", Qos::AtMostOnce), Some(Qos::AtMostOnce));
    assert_eq!(grant("b", Qos::ExactlyOnce), Some(Qos::ExactlyOnce));
    assert_eq!(grant("c", Qos::ExactlyOnce), None);
}

#[test]
fn an_exact_filter_is_about_the_words_of_a_subscription() {
    let rules = vec![
        rule(Deny, &[Subscribe], &["eq #", "eq +/#"]),
        rule(Allow, &[Subscribe, Publish], &["eq a/#", "a/+", "eq b"]),
    ];
    let rules = book(rules, Deny);
    let client = named("c", None);
    for (topic, expected) in [
        ("#", Some(0)),
        ("$share/g/#", Some(0)),
        ("+/#", Some(0)),
        ("a/#", Some(1)),
        ("a/+", Some(1)),
        ("a/b", Some(1)),
        ("a/b/#", None),
        ("b", Some(1)),
        ("b/#", None),
    ] {
        let decision = decide(&rules, &client, &ask(Subscribe, topic));
        assert_eq!(decision.rule(), expected, "{topic}");
    }
    assert!(is_allowed(&rules, &client, Publish, "b"));
    assert!(
        !is_allowed(&rules, &client, Publish, "a"),
        "`eq a/#` is no topic"
    );
}

#[test]
fn no_choice_of_an_id_or_a_user_gains_anything() {
    let rules = vec![
        everything(Deny, &["dev/%c/secret"]),
        everything(Allow, &["dev/%c/#", "user/%u"]),
    ];
    let honest = named("c1", Some("ann"));
    let tricks = ["+", "#", "c2/#", "a/b", "", "c1/secret", "+/x", "\0"];
    for default in [Deny, Allow] {
        let rules = book(rules.clone(), default);
        assert!(is_allowed(&rules, &honest, Publish, "dev/c1/up"));
        assert!(!is_allowed(&rules, &honest, Publish, "dev/c1/secret"));
        assert!(is_allowed(&rules, &honest, Publish, "user/ann"));
        for id in tricks {
            // Above all: the denying rule still holds, on all that the id could be meant to reach.
            for topic in [
                "dev/c2/up",
                "dev/a/b/up",
                "dev/a/b/secret",
                "dev//up",
                "dev/c1",
            ] {
                let trickster = named(id, Some(id));
                assert!(
                    !is_allowed(&rules, &trickster, Publish, topic),
                    "{id:?} {topic}"
                );
                assert!(
                    !is_allowed(&rules, &trickster, Subscribe, topic),
                    "{id:?} {topic}"
                );
            }
            for filter in ["dev/+/up", "dev/#", "+/+/up", "#", "dev/+", "dev/c2/#"] {
                let trickster = named(id, Some(id));
                assert!(
                    !is_allowed(&rules, &trickster, Subscribe, filter),
                    "{id:?} {filter}"
                );
            }
        }
    }
    let rules = book(rules, Deny);
    for user in tricks.map(Some).into_iter().chain([None]) {
        for topic in ["user/", "user/ann", "user/c2", "user/a/b", "user"] {
            let trickster = named("c1", user);
            assert!(
                !is_allowed(&rules, &trickster, Publish, topic),
                "{user:?} {topic}"
            );
        }
    }
}

#[test]
fn topics_that_are_none_are_never_allowed() {
    let rules = book(vec![everything(Allow, &["#", "$SYS/#", "eq #"])], Allow);
    let client = named("c", None);
    let long = "a".repeat(TOPIC_BYTES_MAX + 1);
    for topic in ["", "a\0b", &long, "+", "#", "a/+", "a+b", "dev/#"] {
        for action in [Publish, Receive, Retain] {
            let decision = decide(&rules, &client, &ask(action, topic));
            assert_eq!((decision.allowed, decision.why), (false, Why::NotATopic));
        }
    }
    for filter in [
        "",
        "a\0b",
        &long,
        "a#",
        "a/#/b",
        "+a",
        "$share/",
        "$share/g",
        "$share/g/",
        "$share//a",
        "$share/+/a",
        "$share/g/$share/h/a",
    ] {
        let decision = decide(&rules, &client, &ask(Subscribe, filter));
        assert_eq!(
            (decision.allowed, decision.why),
            (false, Why::NotAFilter),
            "{filter}"
        );
    }
    let longest = "a".repeat(TOPIC_BYTES_MAX);
    assert!(is_allowed(&rules, &client, Publish, &longest));
    assert!(is_allowed(&rules, &client, Subscribe, &longest));
}

#[test]
fn claims_stand_for_levels_and_are_kept_with_the_profile() {
    let rules = book(vec![everything(Allow, &["%{claim:site}/%c/#"])], Deny);
    let north = Identity {
        claims: &[("site", "north")],
        ..named("c1", None)
    };
    assert!(is_allowed(&rules, &north, Publish, "north/c1/up"));
    assert!(!is_allowed(&rules, &north, Publish, "south/c1/up"));
    for value in ["", "+", "#", "a/b", "$SYS"] {
        let claims = [("site", value)];
        let client = Identity {
            claims: &claims,
            ..north
        };
        for topic in ["/c1/up", "north/c1/up", "a/b/c1/up", "$SYS/c1/up"] {
            assert!(
                !is_allowed(&rules, &client, Publish, topic),
                "{value:?} {topic}"
            );
        }
    }
}

#[test]
fn an_address_fits_its_networks_and_nobody_gains_by_hiding_it() {
    let from = |effect, network: &str, topic| Rule {
        networks: vec![network.parse().unwrap()],
        ..everything(effect, &[topic])
    };
    let rules = book(
        vec![
            from(Deny, "10.1.0.0/16", "plant/#"),
            from(Allow, "10.0.0.0/8", "plant/#"),
            from(Allow, "2001:db8::/32", "plant/#"),
            from(Allow, "203.0.113.7", "plant/one"),
        ],
        Deny,
    );
    let cases = [
        (Some("10.2.3.4"), true, true),
        (Some("::ffff:10.2.3.4"), true, true),
        (Some("10.1.3.4"), false, false),
        (Some("::ffff:10.1.3.4"), false, false),
        (Some("2001:db8:1::1"), true, true),
        (Some("2001:db9::1"), false, false),
        (Some("203.0.113.7"), false, true),
        (Some("203.0.113.8"), false, false),
        (None, false, false),
    ];
    for (address, everywhere, in_one) in cases {
        let identity = Identity {
            address: address.map(|address| address.parse().unwrap()),
            ..named("c", None)
        };
        let may = |topic| is_allowed(&rules, &identity, Publish, topic);
        assert_eq!(
            (may("plant/x"), may("plant/one")),
            (everywhere, in_one),
            "{address:?}"
        );
    }
    let denying = book(vec![from(Deny, "192.0.2.0/24", "#")], Allow);
    let hidden = named("c", None);
    assert!(!is_allowed(&denying, &hidden, Publish, "a"));
    let known = Identity {
        address: Some([198, 51, 100, 1].into()),
        ..hidden
    };
    assert!(is_allowed(&denying, &known, Publish, "a"));
}

#[test]
fn clients_of_one_network_share_a_profile_and_keep_their_place_over_a_reload() {
    let from = |network: &str| {
        let rule = Rule {
            networks: vec![network.parse().unwrap()],
            ..everything(Allow, &["a"])
        };
        book(vec![rule], Deny)
    };
    let mut profiles = Profiles::new(from("10.0.0.0/8"), 10, KEY);
    let at = |last| Some(IpAddr::from([10, 0, 0, last]));
    let of = |last| Identity {
        address: at(last),
        ..named("c", None)
    };
    let mut indexes: Vec<_> = (0..5)
        .map(|last| profiles.admit(&of(last), None).expect("there is room"))
        .collect();
    assert_eq!(profiles.len(), 1, "an address makes no kind of its own");
    profiles.set_rules(from("10.0.0.3"));
    let mut allowed = Vec::new();
    for (last, index) in (0..).zip(&mut indexes) {
        let subject = of(last).subject;
        profiles
            .renew(index, subject, at(last))
            .expect("there is room");
        allowed.push(profiles.decide(index, subject, &ask(Publish, "a")).allowed);
    }
    assert_eq!(allowed, [false, false, false, true, false]);
    assert_eq!(profiles.len(), 2);
}
