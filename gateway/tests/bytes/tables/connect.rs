//! CONNECT: every combination of its flags, its names and levels, its client ids, its end.

use super::{ERROR, MALFORMED, OASIS, VERSIONS, accepted, refused};
use crate::answer::Answer;
use crate::case::Case;
use crate::connect::{Connect, Will};
use crate::wire::*;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = protocols();
    cases.extend(OASIS.into_iter().flat_map(flags));
    for version in VERSIONS {
        cases.extend(client_ids(version));
        cases.extend(wills(version));
        cases.extend(shapes(version));
    }
    cases
}

/// Names and levels that are no MQTT spoken here.
fn protocols() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut row = |what: String, name: &[u8], level: u8, spec, answer| {
        let body = [text(name), vec![level, 2, 0, 0], text(b"protocol")].concat();
        let what = format!("connect::protocol::{what}");
        cases.push(Case::first(V311, &what, spec, frame(0x10, &body), answer));
    };
    for level in [0, 1, 2, 3] {
        let old = Answer::Refused(vec![1]);
        row(
            format!("level_{level}"),
            b"MQTT",
            level,
            "MQTT-3.1.2-2",
            old,
        );
    }
    // A client from the future reads what is newest; the older refusal is allowed too.
    for level in [6, 7, 127, 255] {
        let new = Answer::Refused(vec![0x84, 1]);
        row(
            format!("level_{level}"),
            b"MQTT",
            level,
            "MQTT-3.1.2-2",
            new,
        );
    }
    let names: [(&str, &[u8]); 5] = [
        ("lower_case", b"mqtt"),
        ("empty", b""),
        ("longer", b"MQTTX"),
        ("another", b"HTTP"),
        ("of_binary", b"\xFF\xFE\xFD\xFC"),
    ];
    for (what, name) in names {
        let answer = Answer::AnyOf(vec![Answer::Closes, Answer::Refused(vec![1, 0x84])]);
        row(format!("name_{what}"), name, 4, "MQTT-3.1.2-1", answer);
    }
    for level in [4, 5] {
        let answer = Answer::AnyOf(vec![Answer::Closes, Answer::Refused(vec![1, 0x84])]);
        row(
            format!("old_name_with_level_{level}"),
            b"MQIsdp",
            level,
            "MQTT-3.1.2-1",
            answer,
        );
    }
    cases
}

/// All 256 connect flags, with exactly the fields in the payload that they ask for.
fn flags(version: u8) -> Vec<Case> {
    let of = |flags: u8| {
        let spec = match flags {
            _ if flags & 1 != 0 => "MQTT-3.1.2-3",
            _ if flags & 0b0001_1000 == 0b0001_1000 => "MQTT-3.1.2-12, MQTT-3.1.2-14",
            _ if flags & 0b0000_0100 != 0 => "MQTT-3.1.2-9",
            _ if flags & 0b0011_1000 != 0 => "MQTT-3.1.2-11, MQTT-3.1.2-13, MQTT-3.1.2-15",
            _ if version == V5 => "MQTT-3.1.2-16 to MQTT-3.1.2-19",
            _ if flags & 0b1100_0000 == 0b0100_0000 => "MQTT-3.1.2-22",
            _ => "MQTT-3.1.2-18 to MQTT-3.1.2-21",
        };
        let will_is_wrong = match flags & 0b100 != 0 {
            true => flags >> 3 & 0b11 == 3,
            false => flags & 0b0011_1000 != 0,
        };
        let lonely_password = version < V5 && flags & 0b1100_0000 == 0b0100_0000;
        let is_wrong = flags & 1 != 0 || will_is_wrong || lonely_password;
        let mut body = Connect::protocol(version);
        body.extend([flags, 0, 0]);
        body.extend(section(version, &[]));
        body.extend(text(format!("flags{version}x{flags}").as_bytes()));
        if flags & 0b100 != 0 {
            body.extend(section(version, &[]));
            body.extend([text(b"flags/will"), text(b"")].concat());
        }
        if flags & 0b1000_0000 != 0 {
            body.extend(text(b"user"));
        }
        if flags & 0b0100_0000 != 0 {
            body.extend(text(b"word"));
        }
        let answer = match is_wrong {
            true => refused(version, ERROR),
            false => accepted(),
        };
        let what = format!("connect::connect_flags::{flags:08b}");
        Case::first(version, &what, spec, frame(0x10, &body), answer)
    };
    (0..=255).map(of).collect()
}

fn client_ids(version: u8) -> Vec<Case> {
    let row = |what: &str, spec, id: &str, clean, answer| {
        let connect = Connect {
            clean,
            ..Connect::new(version, id)
        };
        let what = format!("connect::client_id::{what}");
        Case::first(version, &what, spec, connect.encode(), answer)
    };
    let rejected = || Answer::Refused(vec![2]);
    let empty = "MQTT-3.1.3-6, MQTT-3.1.3-7";
    let mut cases = vec![
        row(
            "of_1_byte",
            "MQTT-3.1.3-5",
            &format!("{version}"),
            true,
            accepted(),
        ),
        row(
            "of_23_bytes",
            "MQTT-3.1.3-5",
            &format!("0123456789abcdefghijk0{version}"),
            true,
            accepted(),
        ),
        row(
            "of_23_capitals",
            "MQTT-3.1.3-5",
            &format!("LMNOPQRSTUVWXYZABCDEFG{version}"),
            true,
            accepted(),
        ),
    ];
    // Longer ones may be taken or refused [MQTT-3.1.3-5, MQTT-3.1.3-8].
    let too_long = if version == V5 { 0x85 } else { 2 };
    let either = Answer::AnyOf(vec![accepted(), Answer::Refused(vec![too_long])]);
    let long = version.to_string().repeat(60_000);
    cases.push(row(
        "of_60000_bytes",
        "MQTT-3.1.3-8, MQTT-3.1.3-9",
        &long,
        true,
        either,
    ));
    cases.push(match version {
        // "Between 1 and 23 characters long" [MQTT 3.1, CONNECT].
        V31 => row("empty", "MQTT 3.1 CONNECT", "", true, rejected()),
        _ => row("empty", empty, "", true, accepted()),
    });
    cases.push(match version {
        V5 => row("empty_not_clean", empty, "", false, accepted()),
        _ => row("empty_not_clean", "MQTT-3.1.3-8", "", false, rejected()),
    });
    cases
}

fn wills(version: u8) -> Vec<Case> {
    let row = |what: &str, spec, topic: &[u8], answer| {
        let mut connect = Connect::new(version, &format!("will{version}{what}"));
        connect.will = Some(Will {
            topic: topic.to_vec(),
            ..Will::new("", "gone")
        });
        let what = format!("connect::will_topic::{what}");
        Case::first(version, &what, spec, connect.encode(), answer)
    };
    let wrong = || refused(version, &[0x81, 0x82, 0x90]);
    vec![
        row("plain", "MQTT-3.1.2-9", b"a/will", accepted()),
        row("empty", "MQTT-4.7.3-1", b"", wrong()),
        row("with_hash", "MQTT-4.7.1-1", b"a/#", wrong()),
        row("with_plus", "MQTT-4.7.1-1", b"a/+/b", wrong()),
    ]
}

/// A whole CONNECT, one that ends before each of its fields, and one that does not end.
fn shapes(version: u8) -> Vec<Case> {
    let mut whole = Connect::new(version, &format!("shape{version}"));
    whole.will = Some(Will::new("shape/will", "x"));
    whole.user_name = Some(b"user".to_vec());
    whole.password = Some(b"\0\xFF\x80".to_vec());
    let body = whole.body();
    let says = |bytes: &[u8], what: &str, spec, answer| {
        Case::first(
            version,
            &format!("connect::shape::{what}"),
            spec,
            frame(0x10, bytes),
            answer,
        )
    };
    let mut cases = vec![says(&body, "all_fields", "MQTT-3.1.3-1", accepted())];
    // In front of the level nothing says which version could be answered in.
    let level_ends = Connect::protocol(version).len();
    for cut in 0..body.len() {
        // MQTT 3.1 lets a flag promise a user name or password that is not there [CONNECT].
        let left_out = version == V31 && (cut == body.len() - 5 || cut == body.len() - 11);
        let answer = match cut {
            _ if left_out => accepted(),
            _ if cut < level_ends => Answer::Closes,
            _ => refused(version, ERROR),
        };
        cases.push(says(
            &body[..cut],
            &format!("cut_after_{cut}"),
            "MQTT-3.1.4-1",
            answer,
        ));
    }
    let longer = [&body[..], &[0]].concat();
    cases.push(says(
        &longer,
        "one_byte_more",
        "MQTT-3.1.4-1",
        refused(version, MALFORMED),
    ));
    for keep_alive_secs in [0, 1, 65_535] {
        let connect = Connect {
            keep_alive_secs,
            ..Connect::new(version, &format!("alive{version}x{keep_alive_secs}"))
        };
        let what = format!("connect::keep_alive::{keep_alive_secs}");
        cases.push(Case::first(
            version,
            &what,
            "3.1.2.10",
            connect.encode(),
            accepted(),
        ));
    }
    cases
}
