//! Explanations name the rule that decided, and for each rule above it why it did not.

use tributary_proto::version::Qos;

use super::*;
use crate::rule::Actions;
use crate::subject::Subject;

/// One rule for each reason not to decide, then one that does.
fn rulebook() -> Rulebook {
    let all = |effect, topics: &[&str]| Rule::new(effect, Actions::ALL, topics);
    let mut rules = vec![all(Effect::Allow, &["#"]); 6];
    rules[0].user = Some("admin*".into());
    rules[1].client = Some("gw-*".into());
    rules[2].group = Some("ops".into());
    rules[3].claims = vec![("site".into(), "south".into())];
    rules[4].actions = [Action::Receive].into_iter().collect();
    rules[5].qos_max = Qos::AtMostOnce;
    rules.extend([
        all(Effect::Deny, &["cat/#"]),
        all(Effect::Allow, &["dev/+/up"]),
        all(Effect::Allow, &["dev/%{claim:none}/#"]),
        all(Effect::Deny, &["dev/+/secret"]),
        all(Effect::Allow, &["#"]),
    ]);
    Rulebook::new(rules, Effect::Deny).expect("the rules are right")
}

const IDENTITY: Identity<'static> = Identity {
    subject: Subject {
        client: "c1",
        user: Some("ann"),
    },
    groups: &["staff"],
    claims: &[("site", "north")],
    address: None,
};

fn ask(action: Action, topic: &str) -> Ask<'_> {
    Ask {
        action,
        topic,
        qos: Qos::AtLeastOnce,
        retain: false,
    }
}

#[test]
fn each_rule_that_does_not_decide_says_why() {
    let rulebook = rulebook();
    let text = explain(&rulebook, None, &IDENTITY, &ask(Action::Subscribe, "dev/#")).to_string();
    let expected = "\
subscribe is denied: rule 10 says so
  subscribe, rule 1: the user does not fit \"admin*\"
  subscribe, rule 2: the client id does not fit \"gw-*\"
  subscribe, rule 3: not in group \"ops\"
  subscribe, rule 4: claim site is not \"south\"
  subscribe, rule 5: it speaks of receive alone
  subscribe, rule 6: it speaks of nothing above QoS 0
  subscribe, rule 7: none of [\"cat/#\"] matches
  subscribe, rule 8: none of [\"dev/+/up\"] takes in all that the filter asks for
  subscribe, rule 9: a placeholder in [\"dev/%{claim:none}/#\"] has no value that can stand in a \
level of a topic
  subscribe, rule 10: decides: deny publish, subscribe, receive, retain of [\"dev/+/secret\"]
";
    assert_eq!(text, expected);
}

#[test]
fn a_publish_that_is_to_be_kept_is_explained_for_both_actions() {
    let open = Rule::new(
        Effect::Allow,
        [Action::Publish].into_iter().collect(),
        &["a"],
    );
    let rulebook = Rulebook::new(vec![open], Effect::Deny).expect("the rule is right");
    let kept = Ask {
        retain: true,
        ..ask(Action::Publish, "a")
    };
    let expected = "\
retain is denied: no rule decides, and that is the default
  publish, rule 1: decides: allow publish of [\"a\"]
  retain, rule 1: it speaks of publish alone
";
    assert_eq!(
        explain(&rulebook, None, &IDENTITY, &kept).to_string(),
        expected
    );
}

#[test]
fn what_no_rule_is_asked_about_is_explained_in_one_line() {
    let rulebook = Rulebook::new(vec![], Effect::Deny).expect("no rule is wrong");
    let explained =
        |action, topic| explain(&rulebook, None, &IDENTITY, &ask(action, topic)).to_string();
    assert_eq!(
        explained(Action::Receive, "a"),
        "receive is allowed: no rule speaks of it, and the subscription stands\n"
    );
    assert_eq!(
        explained(Action::Publish, "a/#"),
        "publish is denied: this is not a valid topic name\n"
    );
    assert_eq!(
        explained(Action::Subscribe, "a/#/b"),
        "subscribe is denied: this is not a valid topic filter\n"
    );
}

#[test]
fn a_rule_that_denies_for_want_of_a_value_says_so() {
    let rule = Rule::new(Effect::Deny, Actions::ALL, &["home/%u/safe"]);
    let rulebook = Rulebook::new(vec![rule], Effect::Allow).expect("the rule is right");
    let anonymous = Identity {
        subject: Subject {
            client: "c1",
            user: None,
        },
        ..IDENTITY
    };
    let expected = "\
publish is denied: rule 1 says so
  publish, rule 1: decides, since a placeholder in it has no value that can stand in a level of a \
topic: deny publish, subscribe, receive, retain of [\"home/%u/safe\"]
";
    let ask = ask(Action::Publish, "home/ann/door");
    assert_eq!(
        explain(&rulebook, None, &anonymous, &ask).to_string(),
        expected
    );
    assert!(explain(&rulebook, None, &IDENTITY, &ask).decision.allowed);
}

#[test]
fn a_clients_own_rules_are_told_apart_from_the_common_ones() {
    let own = r##"[{"deny":["publish"],"topics":["a/secret"]}]"##;
    let own = OwnRules::parse(own).expect("the rules are right");
    let open = Rule::new(Effect::Allow, Actions::ALL, &["a/#"]);
    let rulebook = Rulebook::new(vec![open], Effect::Deny).expect("the rule is right");
    let explained = |topic| {
        let ask = ask(Action::Publish, topic);
        explain(&rulebook, Some(&own), &IDENTITY, &ask).to_string()
    };
    let denied = "\
publish is denied: own rule 1 says so
  publish, own rule 1: decides: deny publish of [\"a/secret\"]
";
    assert_eq!(explained("a/secret"), denied);
    let allowed = "\
publish is allowed: rule 1 says so
  publish, own rule 1: none of [\"a/secret\"] matches
  publish, rule 1: decides: allow publish, subscribe, receive, retain of [\"a/#\"]
";
    assert_eq!(explained("a/b"), allowed);
}

#[test]
fn where_a_client_comes_from_is_explained_known_or_not() {
    let from = |effect, networks: &[&str]| Rule {
        networks: networks.iter().map(|one| one.parse().unwrap()).collect(),
        ..Rule::new(effect, Actions::ALL, &["#"])
    };
    let rules = vec![
        from(Effect::Allow, &["10.0.0.0/8", "::1"]),
        from(Effect::Deny, &["192.0.2.0/24"]),
    ];
    let rulebook = Rulebook::new(rules, Effect::Allow).expect("the rules are right");
    let explained = |address: Option<&str>| {
        let address = address.map(|address| address.parse().unwrap());
        let identity = Identity {
            address,
            ..IDENTITY
        };
        explain(&rulebook, None, &identity, &ask(Action::Publish, "a")).to_string()
    };
    let first = "\
publish is allowed: rule 1 says so
  publish, rule 1: decides: allow publish, subscribe, receive, retain address 10.0.0.0/8, ::1/128 \
of [\"#\"]
";
    assert_eq!(explained(Some("10.9.9.9")), first);
    let neither = "\
publish is allowed: no rule decides, and that is the default
  publish, rule 1: the address is in none of 10.0.0.0/8, ::1/128
  publish, rule 2: the address is in none of 192.0.2.0/24
";
    assert_eq!(explained(Some("203.0.113.7")), neither);
    let unknown = "\
publish is denied: rule 2 says so
  publish, rule 1: it is not known where the client comes from, and this is for 10.0.0.0/8, \
::1/128 alone
  publish, rule 2: decides, since it is not known where the client comes from: deny publish, \
subscribe, receive, retain address 192.0.2.0/24 of [\"#\"]
";
    assert_eq!(explained(None), unknown);
}
