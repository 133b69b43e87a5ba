//! Rules out of JSON are what the same rules in a configuration are; whatever is wrong is named.

use super::*;
use crate::rule::{Action, Actions, Rule};
use tributary_proto::version::Qos;

fn said(text: &str) -> String {
    let fault = OwnRules::parse(text).expect_err("it is wrong");
    fault.to_string()
}

#[test]
fn a_list_has_the_keys_that_a_rule_has_in_a_configuration() {
    let text = r##"[
        {"allow": ["publish", "retain"], "topics": ["dev/%c/#", "eq a"], "qos_max": 1},
        {"deny": ["subscribe"], "topics": ["#"], "user": "ann*", "client": "gw-?",
         "group": "ops", "claims": {"site": "north"}, "address": ["10.0.0.0/8", "::1"]}
    ]"##;
    let own = OwnRules::parse(text).expect("it is right");
    let publish: Actions = [Action::Publish, Action::Retain].into_iter().collect();
    let subscribe: Actions = [Action::Subscribe].into_iter().collect();
    let first = Rule {
        qos_max: Qos::AtLeastOnce,
        ..Rule::new(Effect::Allow, publish, &["dev/%c/#", "eq a"])
    };
    let second = Rule {
        user: Some("ann*".into()),
        client: Some("gw-?".into()),
        group: Some("ops".into()),
        claims: vec![("site".into(), "north".into())],
        networks: ["10.0.0.0/8", "::1"].map(|one| one.parse().unwrap()).into(),
        ..Rule::new(Effect::Deny, subscribe, &["#"])
    };
    assert_eq!(own.book().rules(), [first, second]);
    assert!(own.judge_addresses());
}

#[test]
fn spaces_and_the_order_of_keys_make_no_other_rules() {
    let [one, same, other] = [
        r#"[{"allow":["publish"],"topics":["a"]}]"#,
        r#" [ { "topics" : [ "a" ], "allow" : [ "publish" ] } ] "#,
        r#"[{"allow":["publish"],"topics":["b"]}]"#,
    ]
    .map(|text| OwnRules::parse(text).expect("it is right"));
    assert_eq!(one, same);
    assert_ne!(one, other);
    assert!(!one.judge_addresses());
    assert_eq!(format!("{one:?}"), "OwnRules(1)");
}

#[test]
fn whatever_is_wrong_is_named_with_its_rule() {
    let fine = r#"{"allow":["publish"],"topics":["a"]}"#;
    for (rule, sentence) in [
        ("1", "it is not an object"),
        (r#"{"topics":["a"]}"#, "it neither allows nor denies"),
        (
            r#"{"allow":[],"deny":[],"topics":["a"]}"#,
            "it both allows and denies",
        ),
        (
            r#"{"allow":"publish","topics":["a"]}"#,
            "its allow is not a list of texts",
        ),
        (
            r#"{"allow":[1],"topics":["a"]}"#,
            "its allow is not a list of texts",
        ),
        (
            r#"{"allow":["publsh"],"topics":["a"]}"#,
            "\"publsh\" is no action: write publish, subscribe, receive, retain",
        ),
        (
            r#"{"allow":[],"topics":["a"]}"#,
            "it names no action: name publish, subscribe, receive or retain",
        ),
        (
            r#"{"allow":["publish"]}"#,
            "it names no topic: write \"#\" for all",
        ),
        (
            r#"{"allow":["publish"],"topics":"a"}"#,
            "its topics is not a list of texts",
        ),
        (
            r#"{"allow":["publish"],"topics":["a"],"topic":"b\n"}"#,
            "its key \"topic\" is unknown: write allow or deny, topics, qos_max, user, client, \
             group, claims, address",
        ),
        (
            r#"{"allow":["publish"],"topics":["a"],"qos_max":3}"#,
            "its qos_max is not 0, 1 or 2",
        ),
        (
            r#"{"allow":["publish"],"topics":["a"],"qos_max":1.5}"#,
            "its qos_max is not 0, 1 or 2",
        ),
        (
            r#"{"allow":["publish"],"topics":["a"],"user":null}"#,
            "its user is not a text",
        ),
        (
            r#"{"allow":["publish"],"topics":["a"],"claims":{"n":1}}"#,
            "its claims is not an object of texts",
        ),
    ] {
        assert_eq!(
            said(&format!("[{fine},{rule}]")),
            format!("rule 2: {sentence}")
        );
    }
    assert!(
        said(r#"[{"allow":["publish"],"topics":["a#"]}]"#).starts_with("rule 1: topic \"a#\": ")
    );
    assert_eq!(said("[}"), "they are not JSON");
    assert_eq!(said("{}"), "they are not a list: write [{...}, ...]");
    assert_eq!(said("null"), "they are not a list: write [{...}, ...]");
}

#[test]
fn networks_are_a_list_of_some() {
    for address in [r#""10.0.0.0/8""#, "[]", r#"["10.0.0.0/33"]"#, "[10]"] {
        let rule = format!(r#"[{{"allow":["publish"],"topics":["a"],"address":{address}}}]"#);
        assert!(said(&rule).starts_with("rule 1: its address is not a list of "));
    }
}

#[test]
fn a_fault_quotes_little_of_a_token_and_forges_no_line() {
    let long = format!("x\\n{}", "y".repeat(1_000));
    let key = said(&format!("[{{\"allow\":[\"publish\"],\"{long}\":1}}]"));
    let topic = said(&format!(
        "[{{\"allow\":[\"publish\"],\"topics\":[\"%{long}\"]}}]"
    ));
    for sentence in [key, topic] {
        assert!(
            !sentence.contains('\n') && sentence.len() < 300,
            "{sentence}"
        );
    }
}

#[test]
fn lists_over_their_bounds_are_refused() {
    let list = |count| {
        format!(
            "[{}]",
            vec![r#"{"allow":["publish"],"topics":["a"]}"#; count].join(",")
        )
    };
    assert!(OwnRules::parse(&list(OWN_RULES_MAX)).is_ok());
    assert_eq!(
        said(&list(OWN_RULES_MAX + 1)),
        "65 rules are too many: 64 is the bound"
    );
    let long = format!(
        "[{{\"allow\":[\"publish\"],\"topics\":[\"{}\"]}}]",
        "a".repeat(4_100)
    );
    assert!(
        said(&long).ends_with("bytes are too many: 4096 is the bound"),
        "{}",
        said(&long)
    );
    let topics = vec!["\"a\""; 257].join(",");
    let wide = said(&format!(
        "[{{\"allow\":[\"publish\"],\"topics\":[{topics}]}}]"
    ));
    assert_eq!(wide, "rule 1: 257 topics are too many: 256 is the bound");
    let names: Vec<String> = (0..65).map(|n| format!("\"%{{claim:c{n}}}\"")).collect();
    let claims = said(&format!(
        "[{{\"allow\":[\"publish\"],\"topics\":[{}]}}]",
        names.join(",")
    ));
    assert!(
        claims.contains("placeholders name more than 64 claims"),
        "{claims}"
    );
    let deep = "[".repeat(1_000);
    assert_eq!(said(&deep), "they are not JSON");
}
