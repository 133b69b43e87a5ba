//! The rules of `[access]`: in the file, in one of their own, and what is said of wrong ones.

use tributary_access::rule::{Action, Effect};
use tributary_proto::version::Qos;

use super::*;

/// What is said of a section with these lines below `[access]`, which stand from line 2 on.
fn said(lines: &str) -> Vec<String> {
    faults(&format!("[access]\n{lines}"), &[])
}

#[test]
fn without_the_section_there_are_no_rules_and_an_empty_one_denies() {
    assert_eq!(good("", &[]).access, None);
    let empty = good("[access]\n", &[]).access.expect("there is a section");
    assert_eq!((empty.rules.len(), empty.default), (0, Effect::Deny));
    assert_eq!(empty.on_denied, OnDenied::Close);
    let open = "[access]\ndefault = \"allow\"\non_denied = \"drop\"\n";
    let open = good(open, &[]).access.expect("there is a section");
    assert_eq!(
        (open.default, open.on_denied),
        (Effect::Allow, OnDenied::Drop)
    );
}

#[test]
fn rules_of_both_files_are_read_in_their_order_with_all_their_keys() {
    let file = TempFile::with(
        "[[rules]]\ndeny = [\"receive\"]\ntopics = [\"b\"]\nclient = \"c*\"\ngroup = \"g\"\n\
         address = [\"10.0.0.0/8\", \"2001:db8::1\"]\n",
    );
    let text = format!(
        "[access]\nrules_file = {:?}\nrules = [{{ allow = [\"publish\", \"retain\"], \
         topics = [\"a/%u\"], user = \"u\", claims = {{ n = 7 }}, qos_max = 1 }}]\n",
        file.0.display().to_string()
    );
    let access = good(&text, &[]).access.expect("there is a section");
    let [own, other] = &access.rules[..] else {
        panic!("{access:?}")
    };
    assert_eq!((own.effect, own.qos_max), (Effect::Allow, Qos::AtLeastOnce));
    assert!(own.actions.holds(Action::Retain) && !own.actions.holds(Action::Receive));
    assert_eq!(own.claims, [("n".to_string(), "7".to_string())]);
    assert_eq!(
        (own.user.as_deref(), &*own.topics),
        (Some("u"), &["a/%u".to_string()][..])
    );
    assert_eq!(
        (other.effect, other.qos_max),
        (Effect::Deny, Qos::ExactlyOnce)
    );
    let matchers = (other.client.as_deref(), other.group.as_deref());
    assert_eq!(matchers, (Some("c*"), Some("g")));
    let networks: Vec<_> = other.networks.iter().map(ToString::to_string).collect();
    assert_eq!(networks, ["10.0.0.0/8", "2001:db8::1/128"]);
    assert!(own.networks.is_empty());
}

#[test]
fn a_wrong_rule_is_told_with_its_line_its_key_and_what_would_be_right() {
    let lines = "default = \"den\"\n\
        rules = [\n\
        { topics = [\"a\"] },\n\
        { allow = [\"publish\"], deny = [\"publish\"], topics = [\"a\"] },\n\
        { allow = [\"publsh\"], topics = [\"a\"] },\n\
        { allow = [\"publish\"] },\n\
        { allow = [\"publish\"], topics = [] },\n\
        { allow = [\"publish\"], topics = [\"a/%d\"] },\n\
        { allow = [\"publish\"], topics = [\"a/#/b\"], topic = \"x\" },\n\
        { allow = [\"subscribe\"], topics = [\"$share/g/a\"], qos_max = 3 },\n\
        { deny = [\"publish\"], topics = [\"a\"], address = [] },\n\
        { deny = [\"publish\"], topics = [\"a\"], address = [\"10.1.2.3/8\", \"::1\", \"x\"] },\n\
        ]\n";
    let expected = [
        "2: [access].default: \"den\" is unknown; did you mean \"deny\"?",
        "4: [[access.rules]]: neither allows nor denies; write allow = [...]",
        "5: [[access.rules]]: both allows and denies; write allow = [...]",
        "6: [[access.rules]].allow: \"publsh\" is unknown; did you mean \"publish\"?",
        "7: [[access.rules]].topics: is missing; write MQTT filters",
        "8: [[access.rules]].topics: has 0 topics; write MQTT filters",
        "9: [[access.rules]].topics: \"a/%d\" cannot be used: %d is no placeholder",
        "10: [[access.rules]].topic: unknown key; did you mean \"topics\"?",
        "10: [[access.rules]].topics: \"a/#/b\" cannot be used: + and # stand alone",
        "11: [[access.rules]].qos_max: is 3; a number from 0 to 2",
        "11: [[access.rules]].topics: \"$share/g/a\" cannot be used: rules judge what follows",
        "12: [[access.rules]].address: is empty: the rule would be about nobody; write networks",
        "13: [[access.rules]].address: \"10.1.2.3/8\": address has bits set behind its prefix",
        "13: [[access.rules]].address: \"x\": neither an address nor ADDRESS/BITS",
    ];
    let said = said(lines);
    assert_eq!(said.len(), expected.len(), "{said:#?}");
    for (said, expected) in said.iter().zip(expected) {
        assert!(said.starts_with(expected), "{said}\nnot\n{expected}");
    }
}

#[test]
fn a_file_of_rules_is_named_with_its_own_lines() {
    let file = TempFile::with("[[rules]]\nallow = [\"publish\"]\ntopics = [\"a#\"]\n[rest]\n");
    let path = file.0.display().to_string();
    let said_of_it = said(&format!("rules_file = {path:?}\n"));
    let wrong = [
        format!("2: [access].rules_file: {path}:3: [[rules]].topics: \"a#\" cannot be used"),
        format!("2: [access].rules_file: {path}:4: [rest]: unknown section"),
    ];
    assert_eq!(said_of_it.len(), wrong.len(), "{said_of_it:#?}");
    for (said, wrong) in said_of_it.iter().zip(&wrong) {
        assert!(said.starts_with(wrong), "{said}\nnot\n{wrong}");
    }
    let missing = said("rules_file = \"/nowhere/rules.toml\"\n");
    assert!(missing[0].starts_with("2: [access].rules_file: /nowhere/rules.toml cannot be read"));
}

#[test]
fn too_many_rules_are_refused_together() {
    let rule = "{ allow = [\"publish\"], topics = [\"a\"] },\n";
    let said = said(&format!("rules = [\n{}]\n", rule.repeat(4_097)));
    assert_eq!(
        said,
        ["2: [access].rules: 4097 rules are too many: 4096 is the bound; keep fewer"]
    );
}
