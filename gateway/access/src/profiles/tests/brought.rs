//! Rules that clients bring: what they change, who shares them, and that a reload keeps them.

use super::*;

fn brought(text: &str) -> Arc<OwnRules> {
    Arc::new(OwnRules::parse(text).expect("the rules are right"))
}

const OWN_PLACE: &str = r##"[{"allow":["publish"],"topics":["dev/%c/#"]}]"##;

#[test]
fn a_million_clients_whose_tokens_say_the_same_share_one_profile() {
    let mut profiles = Profiles::new(book(vec![], Deny), 3, KEY);
    let mut indexes = Vec::new();
    for number in 0..1_000 {
        let name = format!("c{number}");
        // Each token is read anew.
        let own = brought(OWN_PLACE);
        let index = profiles
            .admit(&named(&name, None), Some(&own))
            .expect("one kind");
        drop(own);
        let subject = named(&name, None).subject;
        let topic = format!("dev/{name}/up");
        let decision = profiles.decide(&index, subject, &ask(Publish, &topic));
        assert_eq!((decision.allowed, decision.why), (true, Why::OwnRule(0)));
        let decision = profiles.decide(&index, subject, &ask(Publish, "dev/other/up"));
        assert_eq!((decision.allowed, decision.why), (false, Why::Default));
        indexes.push(index);
    }
    assert_eq!(profiles.len(), 1);
    let other = brought(r##"[{"deny":["publish"],"topics":["dev/%c/#"]}]"##);
    let without = profiles
        .admit(&named("c", None), None)
        .expect("there is room");
    let with = profiles
        .admit(&named("c", None), Some(&other))
        .expect("there is room");
    assert_eq!(profiles.len(), 3, "others are of another kind");
    for index in indexes.into_iter().chain([without, with]) {
        profiles.release(index);
    }
    assert!(profiles.is_empty());
}

#[test]
fn what_a_matcher_says_of_the_client_makes_another_kind() {
    let own = brought(r##"[{"allow":["publish"],"topics":["#"],"client":"gw-*"}]"##);
    let mut profiles = Profiles::new(book(vec![], Deny), 3, KEY);
    let may = |profiles: &mut Profiles, name| {
        let index = profiles
            .admit(&named(name, None), Some(&own))
            .expect("there is room");
        profiles
            .decide(&index, named(name, None).subject, &ask(Publish, "a"))
            .allowed
    };
    assert!(may(&mut profiles, "gw-1") && !may(&mut profiles, "x"));
    assert_eq!(profiles.len(), 2);
}

#[test]
fn both_lists_have_placeholders_for_claims_of_their_own() {
    let own = brought(r##"[{"allow":["publish"],"topics":["%{claim:b}/x"]}]"##);
    let rules = book(
        vec![everything(Allow, &["%{claim:a}/y", "%{claim:c}/z"])],
        Deny,
    );
    let client = Identity {
        claims: &[("a", "1"), ("b", "2"), ("c", "3")],
        ..named("c", None)
    };
    for (topic, why) in [
        ("2/x", Why::OwnRule(0)),
        ("1/y", Why::Rule(0)),
        ("3/z", Why::Rule(0)),
        ("1/x", Why::Default),
        ("2/y", Why::Default),
    ] {
        let decision = decide_with(&rules, Some(&own), &client, &ask(Publish, topic));
        assert_eq!(decision.why, why, "{topic}");
    }
}

#[test]
fn retaining_is_asked_of_both_lists_and_receiving_once_either_speaks_of_it() {
    let own =
        brought(r##"[{"allow":["publish"],"topics":["a"]},{"deny":["retain"],"topics":["a"]}]"##);
    let rules = book(vec![rule(Allow, &[Publish, Retain], &["#"])], Deny);
    let kept = |topic| Ask {
        retain: true,
        ..ask(Publish, topic)
    };
    let client = named("c", None);
    let decision = decide_with(&rules, Some(&own), &client, &kept("a"));
    assert_eq!((decision.action, decision.why), (Retain, Why::OwnRule(1)));
    assert!(decide_with(&rules, Some(&own), &client, &kept("b")).allowed);

    let receive = ask(Receive, "a");
    let decision = decide_with(&rules, Some(&own), &client, &receive);
    assert_eq!(decision.why, Why::ReceiveUnspoken);
    let speaking = brought(r##"[{"allow":["receive"],"topics":["b"]}]"##);
    let decision = decide_with(&rules, Some(&speaking), &client, &receive);
    assert_eq!((decision.allowed, decision.why), (false, Why::Default));
    let mut profiles = Profiles::new(rules, 3, KEY);
    for (own, judges) in [(None, false), (Some(&own), false), (Some(&speaking), true)] {
        let index = profiles.admit(&client, own).expect("there is room");
        assert_eq!(profiles.judges_receiving(&index), judges);
    }
}

#[test]
fn a_reload_keeps_what_a_client_brought() {
    let own = brought(OWN_PLACE);
    let client = named("c1", None);
    let mut profiles = Profiles::new(book(vec![], Deny), 3, KEY);
    let mut index = profiles.admit(&client, Some(&own)).expect("there is room");
    profiles.set_rules(book(vec![everything(Allow, &["news"])], Deny));
    assert_eq!(profiles.renew(&mut index, client.subject, None), Ok(()));
    let may = |topic| {
        profiles
            .decide(&index, client.subject, &ask(Publish, topic))
            .allowed
    };
    assert!(may("dev/c1/up") && may("news") && !may("dev/c2/up"));
}

#[test]
fn own_rules_count_against_the_bytes_of_a_kind() {
    let own = brought(OWN_PLACE);
    let long = "x".repeat(KIND_BYTES_MAX - OWN_PLACE.len());
    let mut profiles = Profiles::new(book(vec![], Allow), 10, KEY);
    for (length, is_fine) in [(long.len(), true), (long.len() + 1, false)] {
        let value = "x".repeat(length);
        let claims = [("", &*value)];
        let client = Identity {
            claims: &claims,
            ..named("c", None)
        };
        let admitted = profiles.admit(&client, Some(&own));
        assert_eq!(admitted.is_ok(), is_fine, "{admitted:?}");
    }
}
