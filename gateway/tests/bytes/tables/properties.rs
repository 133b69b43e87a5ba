//! Each property in each place: once, twice, misplaced, cut, and with each value it may not have.

use super::{ERROR, MALFORMED, accepted, ends, ignored, puback, refused};
use crate::answer::{Answer, Wanted};
use crate::case::Case;
use crate::connect::{Connect, Will};
use crate::property::{Place, Property, Shape, TABLE, UNKNOWN};
use crate::wire::*;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for place in Place::ALL {
        cases.push(case(place, "none", "MQTT-2.2.2-1", &[], right(place, None)));
        for property in &TABLE {
            match property.places.contains(&place) {
                true => allowed(place, property, &mut cases),
                false => cases.push(misplaced(place, property)),
            }
        }
        cases.extend(strange(place));
    }
    cases
}

/// A property where it may stand: right, repeated, cut short, with wrong values.
fn allowed(place: Place, property: &Property, cases: &mut Vec<Case>) {
    let (name, once) = (property.name, property.bytes());
    let right = right(place, Some(property));
    cases.push(case(
        place,
        &format!("{name}::once"),
        "2.2.2.2",
        &once,
        right.clone(),
    ));
    let twice = [&once[..], &once].concat();
    let answer = match property.shape {
        // Any number of them is allowed, in every packet.
        Shape::Pair => right,
        _ => wrong(place, &[0x82]),
    };
    cases.push(case(
        place,
        &format!("{name}::twice"),
        "2.2.2.2",
        &twice,
        answer,
    ));
    for cut in 1..once.len() {
        let what = format!("{name}::cut_after_{cut}");
        cases.push(case(
            place,
            &what,
            "2.2.2.1",
            &once[..cut],
            wrong(place, ERROR),
        ));
    }
    for (what, value, codes, spec) in property.wrong {
        let what = format!("{name}::{what}");
        cases.push(case(
            place,
            &what,
            spec,
            &property.with(value),
            wrong(place, codes),
        ));
    }
    for (what, value) in texts(property.shape) {
        let what = format!("{name}::{what}");
        let answer = wrong(place, MALFORMED);
        cases.push(case(
            place,
            &what,
            spec_of_texts(property.shape),
            &property.with(value),
            answer,
        ));
    }
}

fn spec_of_texts(shape: Shape) -> &'static str {
    match shape {
        Shape::Pair => "MQTT-1.5.7-1",
        _ => "MQTT-1.5.4-1, MQTT-1.5.4-2",
    }
}

/// Values of a string or a pair of them that no string may have.
fn texts(shape: Shape) -> &'static [(&'static str, &'static [u8])] {
    match shape {
        Shape::Text => &[
            ("not_utf8", b"\0\x01\x80"),
            ("surrogate", b"\0\x03\xED\xA0\x80"),
            ("nul", b"\0\x01\0"),
        ],
        Shape::Pair => &[
            ("name_not_utf8", b"\0\x01\x80\0\x01v"),
            ("name_with_nul", b"\0\x01\0\0\x01v"),
            ("value_not_utf8", b"\0\x01k\0\x01\x80"),
            ("value_with_nul", b"\0\x01k\0\x01\0"),
        ],
        _ => &[],
    }
}

/// A property that this packet must not have is malformed [section 2.2.2.2]; some have a rule of
/// their own that calls it a protocol error.
fn misplaced(place: Place, property: &Property) -> Case {
    let (codes, spec): (&[u8], _) = match (place, property.id) {
        (Place::Publish, 0x0B) => (ERROR, "MQTT-3.3.4-6"),
        // Only a server sends it, says 3.14.2.3.5, and the table has it at DISCONNECT.
        (Place::Disconnect, 0x1C) => (&[0x81, 0x82], "3.14.2.3.5"),
        _ => (MALFORMED, "2.2.2.2"),
    };
    let answer = match (place, property.id) {
        (Place::Disconnect, 0x1C) => Answer::AnyOf(vec![Answer::Closes, ends(codes)]),
        _ => wrong(place, codes),
    };
    case(
        place,
        &format!("{}::misplaced", property.name),
        spec,
        &property.bytes(),
        answer,
    )
}

/// What is wrong with the section itself.
fn strange(place: Place) -> Vec<Case> {
    let mut cases: Vec<Case> = UNKNOWN
        .iter()
        .map(|id| {
            let what = format!("unknown_{id:02x}");
            case(
                place,
                &what,
                "2.2.2.2",
                &[*id, 0, 0],
                wrong(place, MALFORMED),
            )
        })
        .collect();
    let sections: [(&str, &[u8], &'static str); 4] = [
        ("length_beyond_the_packet", &[0x7F], "2.2.2.1"),
        (
            "length_of_five_bytes",
            &[0x80, 0x80, 0x80, 0x80, 0x01],
            "1.5.5",
        ),
        ("length_not_minimal", &[0x80, 0x00], "MQTT-1.5.5-1"),
        (
            "identifier_not_minimal",
            &[0x07, 0xA6, 0x00, 0, 1, b'k', 0, 0],
            "MQTT-1.5.5-1",
        ),
    ];
    for (what, section, spec) in sections {
        let bytes = packet(place, section);
        let name = format!("{}::property::{what}", place.name());
        cases.push(carry(place, &name, spec, bytes, wrong(place, ERROR)));
    }
    cases
}

fn case(place: Place, what: &str, spec: &'static str, list: &[u8], answer: Answer) -> Case {
    let name = format!("{}::property::{what}", place.name());
    carry(
        place,
        &name,
        spec,
        packet(place, &section(V5, list)),
        answer,
    )
}

fn carry(place: Place, name: &str, spec: &'static str, bytes: Vec<u8>, answer: Answer) -> Case {
    match place {
        Place::Connect | Place::Will => Case::first(V5, name, spec, bytes, answer),
        _ => Case::said(V5, name, spec, bytes, answer),
    }
}

/// What a packet with a mistake in its properties leads to.
fn wrong(place: Place, codes: &[u8]) -> Answer {
    match place {
        Place::Connect | Place::Will => refused(V5, codes),
        // No AUTH is right from a client that named no method [MQTT-4.12.0-7].
        Place::Auth => ends(&[codes, &[0x82]].concat()),
        _ => ends(codes),
    }
}

/// What the packet leads to when its properties are right.
fn right(place: Place, property: Option<&Property>) -> Answer {
    let id = property.map_or(0, |property| property.id);
    match place {
        // No such method [MQTT-4.12.0-1]; data without a method [section 3.1.2.11.10].
        Place::Connect if id == 0x15 => Answer::Refused(vec![0x8C, 0x87]),
        Place::Connect if id == 0x16 => Answer::Refused(vec![0x82]),
        Place::Connect | Place::Will => accepted(),
        Place::Publish => puback(9),
        Place::PubAck | Place::PubComp => ignored(),
        Place::PubRec => Answer::Goes(vec![Wanted::new(PUBREL, 9, &[0x92])]),
        Place::PubRel => Answer::Goes(vec![Wanted::new(PUBCOMP, 9, &[0x92])]),
        Place::Subscribe => Answer::Goes(vec![Wanted::suback(9, &[1])]),
        Place::Unsubscribe => Answer::Goes(vec![Wanted::unsuback(V5, 9, &[0x11])]),
        Place::Disconnect => Answer::Closes,
        Place::Auth => ends(ERROR),
    }
}

/// The packet around a section that has its length in front.
fn packet(place: Place, section: &[u8]) -> Vec<u8> {
    let acknowledge = |first| frame(first, &[&[0, 9, 0][..], section].concat());
    match place {
        Place::Connect => {
            let connect = Connect::new(V5, &unique());
            let head = [Connect::protocol(V5), vec![connect.flags(), 0, 0]].concat();
            frame(0x10, &[&head[..], section, &connect.payload()].concat())
        }
        Place::Will => {
            let will = Will::new("property/will", "x");
            let head = [Connect::protocol(V5), vec![0x06, 0, 0, 0]].concat();
            let id = text(unique().as_bytes());
            let tail = [text(&will.topic), text(&will.payload)].concat();
            frame(0x10, &[&head[..], &id, section, &tail].concat())
        }
        Place::Publish => {
            let head = [text(b"property/publish"), vec![0, 9]].concat();
            frame(0x32, &[&head[..], section, b"x"].concat())
        }
        Place::PubAck => acknowledge(0x40),
        Place::PubRec => acknowledge(0x50),
        Place::PubRel => acknowledge(0x62),
        Place::PubComp => acknowledge(0x70),
        Place::Subscribe => {
            let tail = [text(b"property/subscribe"), vec![1]].concat();
            frame(0x82, &[&[0, 9][..], section, &tail].concat())
        }
        Place::Unsubscribe => frame(
            0xA2,
            &[&[0, 9][..], section, &text(b"property/none")].concat(),
        ),
        Place::Disconnect => frame(0xE0, &[&[0][..], section].concat()),
        Place::Auth => frame(0xF0, &[&[0x18][..], section].concat()),
    }
}

/// A client id of its own, so that cases side by side do not take each other over.
fn unique() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NAMES: AtomicU32 = AtomicU32::new(0);
    format!(
        "property{}x{}",
        std::process::id(),
        NAMES.fetch_add(1, Ordering::Relaxed)
    )
}
