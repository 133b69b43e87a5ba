//! SUBSCRIBE and UNSUBSCRIBE: options, ids, counts, ends.

use super::{ERROR, MALFORMED, OASIS, VERSIONS, ends};
use crate::answer::{Answer, Wanted};
use crate::case::Case;
use crate::wire::*;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for version in OASIS {
        cases.extend((0..=255).map(|options| by_options(version, options)));
        cases.extend(cut(version));
    }
    for version in VERSIONS {
        cases.extend(subscriptions(version));
        cases.extend(unsubscriptions(version));
    }
    cases.extend(identifiers());
    cases
}

/// All 256 options bytes.
fn by_options(version: u8, options: u8) -> Case {
    let reserved = if version == V5 {
        0b1100_0000
    } else {
        0b1111_1100
    };
    let (qos, handling) = (options & 0b11, options >> 4 & 0b11);
    let spec = match version {
        V5 if options & reserved != 0 => "MQTT-3.8.3-5",
        V5 => "3.8.3.1",
        _ => "MQTT-3-8.3-4",
    };
    let answer = match options & reserved != 0 {
        true if qos == 3 || handling == 3 => ends(ERROR),
        true => ends(MALFORMED),
        // Both are protocol errors by the words of 3.8.3.1.
        false if qos == 3 || handling == 3 => ends(ERROR),
        false => Answer::Goes(vec![Wanted::suback(9, &[qos])]),
    };
    let bytes = subscribe(version, 9, &[], &[("options/byte", options)]);
    Case::said(
        version,
        &format!("subscribe::options::{options:08b}"),
        spec,
        bytes,
        answer,
    )
}

fn subscriptions(version: u8) -> Vec<Case> {
    let row = |what: &str, spec, bytes, answer| {
        Case::said(version, &format!("subscribe::{what}"), spec, bytes, answer)
    };
    let plain = |id, filters: &[(&str, u8)]| subscribe(version, id, &[], filters);
    let granted = |id, codes: &[u8]| Answer::Goes(vec![Wanted::suback(id, codes)]);
    let none = if version == V5 {
        "MQTT-3.8.3-2"
    } else {
        "MQTT-3.8.3-3"
    };
    let zero = if version == V5 {
        "MQTT-2.2.1-3"
    } else {
        "MQTT-2.3.1-1"
    };
    let many: Vec<String> = (0..100).map(|n| format!("many/{n}")).collect();
    let many: Vec<(&str, u8)> = many.iter().map(|filter| (&filter[..], 1)).collect();
    vec![
        row("without_a_filter", none, plain(9, &[]), ends(ERROR)),
        row("of_id_0", zero, plain(0, &[("a", 0)]), ends(ERROR)),
        row(
            "of_id_1",
            "MQTT-3.8.4-2",
            plain(1, &[("a", 0)]),
            granted(1, &[0]),
        ),
        row(
            "of_id_65535",
            "MQTT-3.8.4-2",
            plain(65_535, &[("a", 0)]),
            granted(65_535, &[0]),
        ),
        row(
            "three_filters",
            "MQTT-3.9.3-1",
            plain(9, &[("a", 2), ("b", 0), ("c", 1)]),
            granted(9, &[2, 0, 1]),
        ),
        row(
            "the_same_filter_twice",
            "MQTT-3.8.4-5",
            plain(9, &[("a", 2), ("a", 0)]),
            granted(9, &[2, 0]),
        ),
        row(
            "a_hundred_filters",
            "MQTT-3.8.4-6",
            plain(9, &many),
            granted(9, &[1; 100]),
        ),
    ]
}

/// Subscription identifiers of every length.
fn identifiers() -> Vec<Case> {
    [
        1,
        127,
        128,
        16_383,
        16_384,
        2_097_151,
        2_097_152,
        268_435_455,
    ]
    .into_iter()
    .map(|identifier| {
        let list = [vec![0x0B], varint(identifier)].concat();
        let bytes = subscribe(V5, 9, &list, &[("identified", 1)]);
        let answer = Answer::Goes(vec![Wanted::suback(9, &[1])]);
        let what = format!("subscribe::identifier::{identifier}");
        Case::said(V5, &what, "3.8.2.1.2", bytes, answer)
    })
    .collect()
}

fn unsubscriptions(version: u8) -> Vec<Case> {
    let row = |what: &str, spec, bytes, answer| {
        Case::said(
            version,
            &format!("unsubscribe::{what}"),
            spec,
            bytes,
            answer,
        )
    };
    let plain = |id, filters: &[&str]| unsubscribe(version, id, &[], filters);
    let done = |id, codes: &[u8]| Answer::Goes(vec![Wanted::unsuback(version, id, codes)]);
    let zero = if version == V5 {
        "MQTT-2.2.1-3"
    } else {
        "MQTT-2.3.1-1"
    };
    let subscribed = subscribe(version, 8, &[], &[("a", 0), ("b/+", 1)]);
    let both = [subscribed, plain(9, &["b/+", "c", "a"])].concat();
    let wanted = vec![
        Wanted::suback(8, &[0, 1]),
        Wanted::unsuback(version, 9, &[0x00, 0x11, 0x00]),
    ];
    vec![
        row(
            "without_a_filter",
            "MQTT-3.10.3-2",
            plain(9, &[]),
            ends(ERROR),
        ),
        row("of_id_0", zero, plain(0, &["a"]), ends(ERROR)),
        row(
            "what_never_was",
            "MQTT-3.10.4-5",
            plain(9, &["a"]),
            done(9, &[0x11]),
        ),
        row(
            "of_id_65535",
            "MQTT-3.10.4-5",
            plain(65_535, &["a"]),
            done(65_535, &[0x11]),
        ),
        row("three_filters", "MQTT-3.11.3-1", both, Answer::Goes(wanted)),
    ]
}

/// Both packets ending inside a field.
fn cut(version: u8) -> Vec<Case> {
    let subscribe = subscribe(version, 9, &[], &[("a/b", 1), ("c/d", 0)]);
    let unsubscribe = unsubscribe(version, 9, &[], &["a/b", "c/d"]);
    let options = version == V5;
    let mut cases = Vec::new();
    for (name, packet, entry) in [("subscribe", subscribe, 6), ("unsubscribe", unsubscribe, 5)] {
        let body = &packet[2..];
        let head = 2 + usize::from(options);
        for cut in 0..body.len() {
            // Behind whole entries the packet is whole too; without any it has no filter.
            if cut > head && (cut - head) % entry == 0 {
                continue;
            }
            let bytes = frame(packet[0], &body[..cut]);
            let what = format!("{name}::cut_after_{cut}");
            cases.push(Case::said(version, &what, "4.13.1", bytes, ends(ERROR)));
        }
    }
    cases
}
