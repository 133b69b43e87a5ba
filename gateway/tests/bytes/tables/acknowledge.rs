//! PUBACK, PUBREC, PUBREL and PUBCOMP of a client: ids, reasons, lengths.

use super::{ERROR, MALFORMED, VERSIONS, ends, ignored};
use crate::answer::{Answer, Wanted};
use crate::case::Case;
use crate::wire::*;

/// Name, first byte, and the reasons that the packet may give [sections 3.4.2.1 to 3.7.2.1].
const KINDS: [(&str, u8, &[u8]); 4] = [
    ("puback", 0x40, RECEIVED),
    ("pubrec", 0x50, RECEIVED),
    ("pubrel", 0x62, RELEASED),
    ("pubcomp", 0x70, RELEASED),
];
const RECEIVED: &[u8] = &[0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99];
const RELEASED: &[u8] = &[0x00, 0x92];

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, first_byte, reasons) in KINDS {
        for version in VERSIONS {
            cases.extend(shapes(version, name, first_byte));
        }
        for reason in 0..=255 {
            let bytes = frame(first_byte, &[0, 9, reason]);
            let what = format!("{name}::reason::{reason:02x}");
            let answer = match reasons.contains(&reason) {
                true => to_unknown(V5, first_byte, reason),
                false => ends(ERROR),
            };
            cases.push(Case::said(V5, &what, statement(first_byte), bytes, answer));
        }
    }
    cases
}

fn statement(first_byte: u8) -> &'static str {
    match first_byte >> 4 {
        PUBACK => "MQTT-3.4.2-1",
        PUBREC => "MQTT-3.5.2-1",
        PUBREL => "MQTT-3.6.2-1",
        _ => "MQTT-3.7.2-1",
    }
}

/// What an acknowledgement of something that was never sent leads to.
fn to_unknown(version: u8, first_byte: u8, reason: u8) -> Answer {
    let answered = |kind| Answer::Goes(vec![Wanted::new(kind, 9, &[0x92])]);
    match first_byte >> 4 {
        // A refusal ends the exchange: nothing is to be released [MQTT-4.3.3-4].
        PUBREC if reason >= 0x80 => Answer::AnyOf(vec![ignored(), answered(PUBREL)]),
        // Before MQTT 5 there is no word for it, and silence is as good.
        PUBREC if version < V5 => Answer::AnyOf(vec![ignored(), answered(PUBREL)]),
        PUBREC => answered(PUBREL),
        PUBREL => answered(PUBCOMP),
        _ => ignored(),
    }
}

fn shapes(version: u8, name: &str, first_byte: u8) -> Vec<Case> {
    let row = |what: &str, body: &[u8], answer| {
        let what = format!("{name}::{what}");
        Case::said(
            version,
            &what,
            "2.2.1, 3.4.2",
            frame(first_byte, body),
            answer,
        )
    };
    let unknown = || to_unknown(version, first_byte, 0);
    let mut cases = vec![
        row("of_an_unknown_id", &[0, 9], unknown()),
        row("of_id_0", &[0, 0], ends(ERROR)),
        row("without_an_id", &[], ends(MALFORMED)),
        row("of_half_an_id", &[9], ends(MALFORMED)),
    ];
    cases.extend(match version {
        V5 => vec![
            row("without_a_property_length", &[0, 9, 0], unknown()),
            row("without_properties", &[0, 9, 0, 0], unknown()),
            row("one_byte_more", &[0, 9, 0, 0, 0], ends(MALFORMED)),
        ],
        _ => vec![row("one_byte_more", &[0, 9, 0], ends(MALFORMED))],
    });
    cases
}
