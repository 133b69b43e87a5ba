//! Topic filters: which may be subscribed to, plain and shared.

use super::{VERSIONS, ends};
use crate::answer::{Answer, Wanted};
use crate::case::Case;
use crate::wire::*;

/// A name for the row, the filter, and whether it is valid [section 4.7.1].
const PLAIN: [(&str, &str, bool); 26] = [
    ("hash", "#", true),
    ("plus", "+", true),
    ("slash", "/", true),
    ("slashes", "//", true),
    ("hash_behind_a_slash", "/#", true),
    ("hash_behind_a_level", "a/#", true),
    ("plus_behind_a_slash", "/+", true),
    ("plus_between", "a/+/b", true),
    ("pluses", "+/+", true),
    ("plus_and_hash", "+/#", true),
    ("plus_in_front", "+/a", true),
    ("dollar", "$own/#", true),
    ("dollar_in_a_level", "a/$b", true),
    ("space", "a b/ ", true),
    ("empty", "", false),
    ("hash_behind_a_letter", "a#", false),
    ("hash_behind_letters_of_a_level", "a/b#", false),
    ("hash_before_a_letter", "#a", false),
    ("hash_before_a_level", "#/a", false),
    ("hash_between", "a/#/b", false),
    ("two_hashes", "##", false),
    ("plus_behind_a_letter", "a+", false),
    ("plus_before_a_letter", "+a", false),
    ("plus_inside_a_word", "a/b+c/d", false),
    ("two_pluses", "++", false),
    ("plus_and_hash_in_one_level", "+#", false),
];

/// The same for filters of shared subscriptions [section 4.8.2].
const SHARED: [(&str, &str, bool); 14] = [
    ("plain", "$share/group/a/b", true),
    ("hash", "$share/group/#", true),
    ("plus", "$share/group/+/b", true),
    ("leading_slash", "$share/group//a", true),
    ("dollar", "$share/group/$own/a", true),
    ("nothing", "$share/", false),
    ("no_filter", "$share/group", false),
    ("empty_filter", "$share/group/", false),
    ("empty_name", "$share//a", false),
    ("name_with_plus", "$share/gr+oup/a", false),
    ("name_with_hash", "$share/gr#oup/a", false),
    ("name_is_plus", "$share/+/a", false),
    ("name_is_hash", "$share/#/a", false),
    ("wrong_filter", "$share/group/a#", false),
];

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for version in VERSIONS {
        for (what, filter, valid) in PLAIN {
            cases.extend(pair(
                version,
                &format!("filter::{what}"),
                plain(filter),
                filter,
                valid,
            ));
        }
    }
    for (what, filter, valid) in SHARED {
        let spec = "MQTT-4.8.2-1, MQTT-4.8.2-2";
        cases.extend(pair(V5, &format!("shared::{what}"), spec, filter, valid));
    }
    let bytes = subscribe(V5, 9, &[], &[("$share/group/a", 0b0100)]);
    let what = "subscribe::shared::no_local";
    cases.push(Case::said(V5, what, "MQTT-3.8.3-4", bytes, ends(&[0x82])));
    cases
}

fn plain(filter: &str) -> &'static str {
    match filter {
        "" => "MQTT-4.7.3-1",
        _ if filter.contains('#') => "MQTT-4.7.1-1, MQTT-4.7.1-2",
        _ => "MQTT-4.7.1-2, MQTT-4.7.1-3",
    }
}

/// The filter subscribed to, and taken back.
fn pair(version: u8, what: &str, spec: &'static str, filter: &str, valid: bool) -> [Case; 2] {
    // A server may refuse the one filter, or end the connection over it [section 4.13].
    let refused = |packet: Wanted| {
        let end = ends(&[0x81, 0x82, 0x8F]);
        Answer::AnyOf(vec![end, Answer::Goes(vec![packet])])
    };
    let failure = if version == V5 { 0x8F } else { 0x80 };
    let granted = match valid {
        true => Answer::Goes(vec![Wanted::suback(9, &[1])]),
        false => refused(Wanted::suback(9, &[failure])),
    };
    let absent = match valid {
        true => Answer::Goes(vec![Wanted::unsuback(version, 9, &[0x11])]),
        false => refused(Wanted::unsuback(version, 9, &[failure])),
    };
    let ask = subscribe(version, 9, &[], &[(filter, 1)]);
    let take_back = unsubscribe(version, 9, &[], &[filter]);
    [
        Case::said(version, &format!("subscribe::{what}"), spec, ask, granted),
        Case::said(
            version,
            &format!("unsubscribe::{what}"),
            spec,
            take_back,
            absent,
        ),
    ]
}
