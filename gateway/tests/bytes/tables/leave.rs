//! DISCONNECT and AUTH: every reason, and shapes they may not have.

use super::{ERROR, MALFORMED, VERSIONS, ends};
use crate::answer::Answer;
use crate::case::Case;
use crate::wire::*;

/// The reasons a client may leave with, and those that only a server gives [section 3.14.2.1].
const CLIENT: [u8; 14] = [
    0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99,
];
const SERVER: [u8; 15] = [
    0x87, 0x89, 0x8B, 0x8D, 0x8E, 0x8F, 0x9A, 0x9B, 0x9C, 0x9D, 0x9E, 0x9F, 0xA0, 0xA1, 0xA2,
];

pub(super) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = (0..=255).map(disconnect).collect();
    cases.extend((0..=255).map(auth));
    for version in VERSIONS {
        let bytes = frame(0xE0, &[]);
        cases.push(Case::said(
            version,
            "disconnect::plain",
            "3.14.4",
            bytes,
            Answer::Closes,
        ));
    }
    for version in [V31, V311] {
        let what = "disconnect::with_a_body";
        cases.push(Case::said(
            version,
            what,
            "3.14.2",
            frame(0xE0, &[0]),
            Answer::Closes,
        ));
    }
    let row = |what: &str, spec, body: &[u8], answer| {
        Case::said(
            V5,
            &format!("disconnect::{what}"),
            spec,
            frame(0xE0, body),
            answer,
        )
    };
    cases.push(row(
        "without_properties",
        "3.14.2.2.1",
        &[0, 0],
        Answer::Closes,
    ));
    cases.push(row("one_byte_more", "4.13.1", &[0, 0, 0], ends(MALFORMED)));
    // The session was to end with the connection: too late to ask for more.
    let expiry = [0x00, 5, 0x11, 0, 0, 0, 9];
    cases.push(row(
        "session_expiry_after_none",
        "3.14.2.2.2",
        &expiry,
        ends(&[0x82]),
    ));
    cases
}

fn disconnect(reason: u8) -> Case {
    let answer = match reason {
        _ if CLIENT.contains(&reason) => Answer::Closes,
        // The table names the sender of each and no statement what to do about another one.
        _ if SERVER.contains(&reason) => Answer::AnyOf(vec![Answer::Closes, ends(ERROR)]),
        _ => ends(ERROR),
    };
    let what = format!("disconnect::reason::{reason:02x}");
    Case::said(V5, &what, "MQTT-3.14.2-1", frame(0xE0, &[reason]), answer)
}

/// No client that named no method may send one, whatever it says [MQTT-4.12.0-7].
fn auth(reason: u8) -> Case {
    let body = [&[reason, 7][..], b"\x15\0\x04none"].concat();
    let what = format!("auth::reason::{reason:02x}");
    Case::said(
        V5,
        &what,
        "MQTT-3.15.2-1, MQTT-4.12.0-7",
        frame(0xF0, &body),
        ends(ERROR),
    )
}
