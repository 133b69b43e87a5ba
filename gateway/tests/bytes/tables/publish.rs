//! PUBLISH: its flags, its packet id, its topic, its alias and its payload.

use super::{ERROR, OASIS, VERSIONS, ends, ignored, puback, pubrec};
use crate::answer::{Answer, Wanted};
use crate::case::Case;
use crate::wire::*;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for version in VERSIONS {
        cases.extend((0..16).map(|flags| by_flags(version, flags)));
        cases.extend(packet_ids(version));
        cases.extend(topics(version));
        cases.extend(payloads(version));
    }
    cases.extend(OASIS.into_iter().flat_map(cut));
    cases.extend(aliases());
    cases
}

/// DUP, both bits of QoS, RETAIN.
fn by_flags(version: u8, flags: u8) -> Case {
    let (dup, qos, retain) = (flags & 0b1000 != 0, flags >> 1 & 0b11, flags & 1 != 0);
    let (spec, answer) = match qos {
        0 if dup => ("MQTT-3.3.1-2", ends(ERROR)),
        0 => ("MQTT-3.3.4-1", ignored()),
        1 => ("MQTT-3.3.4-1", puback(9)),
        2 => ("MQTT-3.3.4-1", pubrec(9)),
        _ => ("MQTT-3.3.1-4", ends(&[0x81])),
    };
    // A retained message of its own for each, so that none is stored for long.
    let topic = format!("flags/{version}/{flags}");
    let payload: &[u8] = if retain { b"" } else { b"x" };
    let bytes = publish(version, flags, topic.as_bytes(), 9, &[], payload);
    Case::said(
        version,
        &format!("publish::flags::{flags:04b}"),
        spec,
        bytes,
        answer,
    )
}

fn packet_ids(version: u8) -> Vec<Case> {
    let row = |qos: u8, id: u16, spec, answer| {
        let bytes = publish(version, qos << 1, b"ids", id, &[], b"x");
        let what = format!("publish::packet_id::{id}_at_qos_{qos}");
        Case::said(version, &what, spec, bytes, answer)
    };
    let zero = if version == V5 {
        "MQTT-2.2.1-3"
    } else {
        "MQTT-2.3.1-1"
    };
    let same = if version == V5 {
        "MQTT-2.2.1-5"
    } else {
        "MQTT-2.3.1-6"
    };
    vec![
        row(1, 0, zero, ends(ERROR)),
        row(2, 0, zero, ends(ERROR)),
        row(1, 1, same, puback(1)),
        row(1, 255, same, puback(255)),
        row(1, 256, same, puback(256)),
        row(1, 65_535, same, puback(65_535)),
        row(2, 65_535, same, pubrec(65_535)),
    ]
}

fn topics(version: u8) -> Vec<Case> {
    let row = |what: &str, spec, topic: &[u8], answer| {
        let bytes = publish(version, 0b0010, topic, 9, &[], b"x");
        Case::said(
            version,
            &format!("publish::topic::{what}"),
            spec,
            bytes,
            answer,
        )
    };
    let wildcard = || ends(&[0x81, 0x82, 0x90]);
    let long = vec![b'l'; 65_535];
    let mut cases = vec![
        row("empty", "MQTT-4.7.3-1", b"", ends(&[0x81, 0x82, 0x90])),
        row("hash", "MQTT-3.3.2-2", b"#", wildcard()),
        row("plus", "MQTT-3.3.2-2", b"+", wildcard()),
        row("last_level_hash", "MQTT-3.3.2-2", b"a/#", wildcard()),
        row("middle_level_plus", "MQTT-3.3.2-2", b"a/+/b", wildcard()),
        row("hash_in_a_word", "MQTT-3.3.2-2", b"a/b#c", wildcard()),
        row("plus_in_a_word", "MQTT-3.3.2-2", b"a+b", wildcard()),
        row("one_character", "MQTT-4.7.3-1", b"t", puback(9)),
        row("only_a_slash", "4.7.1.1", b"/", puback(9)),
        row("slashes", "4.7.1.1", b"//a//", puback(9)),
        row("with_a_space", "4.7.3", b"Accounts payable", puback(9)),
        row(
            "of_many_letters",
            "1.5.4",
            "тема/主题/𐍈".as_bytes(),
            puback(9),
        ),
        row(
            "with_a_byte_order_mark",
            "MQTT-1.5.4-3",
            b"\xEF\xBB\xBFa",
            puback(9),
        ),
        row("of_a_dollar", "4.7.2", b"$own/topic", puback(9)),
    ];
    cases.push(row("of_65535_bytes", "MQTT-4.7.3-3", &long, puback(9)));
    cases
}

fn payloads(version: u8) -> Vec<Case> {
    let row = |what: &str, payload: &[u8]| {
        let bytes = publish(version, 0b0010, b"payload", 9, &[], payload);
        Case::said(
            version,
            &format!("publish::payload::{what}"),
            "3.3.3",
            bytes,
            puback(9),
        )
    };
    vec![
        row("empty", b""),
        row("of_all_bytes", &(0..=255).collect::<Vec<u8>>()),
        row("of_100000_bytes", &vec![7; 100_000]),
    ]
}

/// A PUBLISH that ends inside a field.
fn cut(version: u8) -> Vec<Case> {
    let whole = publish(version, 0b0010, b"cut/here", 9, &[], b"");
    let body = &whole[2..];
    let cuts = 0..body.len();
    cuts.map(|cut| {
        let bytes = frame(0x32, &body[..cut]);
        Case::said(
            version,
            &format!("publish::cut_after_{cut}"),
            "4.13.1",
            bytes,
            ends(ERROR),
        )
    })
    .collect()
}

/// The alias of a topic, which MQTT 5 has and which lasts as long as the connection.
fn aliases() -> Vec<Case> {
    const SET: &[u8] = &[0x23, 0, 1];
    let say = |topic: &[u8], id, list: &[u8]| publish(V5, 0b0010, topic, id, list, b"x");
    let taken = |ids: &[u16]| {
        let wanted = ids.iter().map(|id| Wanted::new(PUBACK, *id, &[0x00, 0x10]));
        Answer::Goes(wanted.collect())
    };
    let row = |what: &str, spec, packets: &[Vec<u8>], answer| {
        Case::said(
            V5,
            &format!("publish::alias::{what}"),
            spec,
            packets.concat(),
            answer,
        )
    };
    let set = say(b"alias/one", 1, SET);
    vec![
        row(
            "used",
            "MQTT-3.3.2-12",
            &[set.clone(), say(b"", 2, SET)],
            taken(&[1, 2]),
        ),
        row(
            "set_anew",
            "3.3.2.3.4",
            &[set, say(b"alias/two", 2, SET), say(b"", 3, SET)],
            taken(&[1, 2, 3]),
        ),
        row(
            "never_set",
            "3.3.2.3.4",
            &[say(b"", 1, SET)],
            ends(&[0x82, 0x94]),
        ),
        row(
            "above_the_maximum",
            "MQTT-3.3.2-9",
            &[say(b"a", 1, &[0x23, 0xFF, 0xFF])],
            ends(&[0x94]),
        ),
    ]
}
