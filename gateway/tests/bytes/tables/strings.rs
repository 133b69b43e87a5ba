//! Every string of every packet with bytes that are no string.

use super::{MALFORMED, OASIS, ends, refused};
use crate::case::Case;
use crate::connect::{Connect, Will};
use crate::wire::*;

/// What is wrong, the bytes, and the statements of MQTT 3.1.1 and of MQTT 5.
const WRONG: [(&str, &[u8], [&str; 2]); 9] = [
    ("continuation", b"a\x80b", ["MQTT-1.5.3-1", "MQTT-1.5.4-1"]),
    (
        "overlong_slash",
        b"a\xC0\xAFb",
        ["MQTT-1.5.3-1", "MQTT-1.5.4-1"],
    ),
    (
        "overlong_nul",
        b"a\xC0\x80b",
        ["MQTT-1.5.3-1", "MQTT-1.5.4-1"],
    ),
    (
        "high_surrogate",
        b"a\xED\xA0\x80b",
        ["MQTT-1.5.3-1", "MQTT-1.5.4-1"],
    ),
    (
        "low_surrogate",
        b"a\xED\xBF\xBFb",
        ["MQTT-1.5.3-1", "MQTT-1.5.4-1"],
    ),
    (
        "beyond_unicode",
        b"a\xF4\x90\x80\x80b",
        ["MQTT-1.5.3-1", "MQTT-1.5.4-1"],
    ),
    (
        "cut_character",
        b"ab\xE2\x82",
        ["MQTT-1.5.3-1", "MQTT-1.5.4-1"],
    ),
    ("never_a_byte", b"a\xFFb", ["MQTT-1.5.3-1", "MQTT-1.5.4-1"]),
    ("nul", b"a\0b", ["MQTT-1.5.3-2", "MQTT-1.5.4-2"]),
];

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (version, place) in OASIS.into_iter().zip(0..) {
        for (what, bytes, specs) in WRONG {
            let spec = specs[place];
            let opening = |field: &str, connect: Connect| {
                let what = format!("connect::{field}::{what}");
                Case::first(
                    version,
                    &what,
                    spec,
                    connect.encode(),
                    refused(version, MALFORMED),
                )
            };
            let plain = || Connect::new(version, "strings");
            let mut id = plain();
            id.client_id = bytes.to_vec();
            cases.push(opening("client_id", id));
            let mut will = plain();
            will.will = Some(Will {
                topic: bytes.to_vec(),
                ..Will::new("", "x")
            });
            cases.push(opening("will_topic", will));
            let mut user = plain();
            user.user_name = Some(bytes.to_vec());
            cases.push(opening("user_name", user));
            let head = [&[0, 9][..], &section(version, &[])].concat();
            let string = text(bytes);
            let said = [
                (
                    "publish::topic",
                    publish(version, 0b0010, bytes, 9, &[], b"x"),
                ),
                (
                    "subscribe::filter",
                    frame(0x82, &[&head[..], &string, &[0]].concat()),
                ),
                (
                    "unsubscribe::filter",
                    frame(0xA2, &[&head[..], &string].concat()),
                ),
            ];
            for (field, packet) in said {
                let what = format!("{field}::{what}");
                cases.push(Case::said(version, &what, spec, packet, ends(MALFORMED)));
            }
        }
    }
    cases
}
