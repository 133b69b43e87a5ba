//! The first byte of every packet with all its flags, and packets out of their turn.

use super::{ERROR, MALFORMED, OASIS, VERSIONS, ends};
use crate::answer::Answer;
use crate::case::Case;
use crate::connect::Connect;
use crate::wire::*;

/// Name, first byte and body of each packet whose flags are fixed.
fn fixed(version: u8) -> Vec<(&'static str, u8, Vec<u8>)> {
    let body = |packet: Vec<u8>| packet[2..].to_vec();
    let mut packets = vec![
        ("puback", 0x40, vec![0, 9]),
        ("pubrec", 0x50, vec![0, 9]),
        ("pubrel", 0x62, vec![0, 9]),
        ("pubcomp", 0x70, vec![0, 9]),
        (
            "subscribe",
            0x82,
            body(subscribe(version, 9, &[], &[("flags", 0)])),
        ),
        (
            "unsubscribe",
            0xA2,
            body(unsubscribe(version, 9, &[], &["flags"])),
        ),
        ("pingreq", 0xC0, Vec::new()),
        ("disconnect", 0xE0, Vec::new()),
    ];
    if version == V5 {
        packets.push(("auth", 0xF0, b"\x18\x07\x15\0\x04none".to_vec()));
    }
    packets
}

/// The statement about the flags of one packet; the general one says the same of the others.
fn statement(version: u8, packet: &str) -> &'static str {
    match (version, packet) {
        (_, "pubrel") => "MQTT-3.6.1-1",
        (_, "subscribe") => "MQTT-3.8.1-1",
        (_, "unsubscribe") => "MQTT-3.10.1-1",
        (_, "disconnect") => "MQTT-3.14.1-1",
        (_, "auth") => "MQTT-3.15.1-1",
        (V5, _) => "MQTT-2.1.3-1",
        _ => "MQTT-2.2.2-1, MQTT-2.2.2-2",
    }
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for version in OASIS {
        for (name, first_byte, body) in fixed(version) {
            for flags in (0..16).filter(|flags| *flags != first_byte & 0x0F) {
                let bytes = frame(first_byte & 0xF0 | flags, &body);
                let what = format!("{name}::flags::{flags:04b}");
                let spec = statement(version, name);
                cases.push(Case::said(version, &what, spec, bytes, ends(MALFORMED)));
            }
        }
        for flags in 1..16 {
            let mut bytes = Connect::new(version, "flags").encode();
            bytes[0] |= flags;
            let what = format!("connect::flags::{flags:04b}");
            let spec = statement(version, "connect");
            cases.push(Case::first(version, &what, spec, bytes, Answer::Closes));
        }
    }
    cases.extend(VERSIONS.into_iter().flat_map(out_of_turn));
    cases.extend(VERSIONS.into_iter().flat_map(not_first));
    cases
}

/// Packets that no client sends, or not twice, and frames that are none.
fn out_of_turn(version: u8) -> Vec<Case> {
    let connack = if version == V5 {
        &[0, 0, 0][..]
    } else {
        &[0, 0]
    };
    let suback = if version == V5 {
        &[0, 1, 0, 0][..]
    } else {
        &[0, 1, 0]
    };
    let unsuback = if version == V5 {
        &[0, 1, 0, 0][..]
    } else {
        &[0, 1]
    };
    let connect = Connect::new(version, "again").encode();
    let rows: [(&str, &'static str, Vec<u8>, &[u8]); 11] = [
        ("type_0", "2.1.2", frame(0x00, &[]), ERROR),
        ("connect::again", "MQTT-3.1.0-2", connect, &[0x82]),
        ("connack", "2.1.2", frame(0x20, connack), ERROR),
        ("suback", "2.1.2", frame(0x90, suback), ERROR),
        ("unsuback", "2.1.2", frame(0xB0, unsuback), ERROR),
        ("pingresp", "2.1.2", frame(0xD0, &[]), ERROR),
        (
            "auth::unasked",
            "MQTT-4.12.0-7",
            frame(0xF0, b"\x18\x07\x15\0\x04none"),
            ERROR,
        ),
        ("auth::empty", "3.15.2.1", frame(0xF0, &[]), ERROR),
        ("pingreq::with_a_body", "3.12", frame(0xC0, &[0]), MALFORMED),
        (
            "length::five_bytes",
            "1.5.5",
            vec![0xC0, 0x80, 0x80, 0x80, 0x80, 0x01],
            MALFORMED,
        ),
        (
            "length::not_minimal",
            "MQTT-1.5.5-1",
            vec![0xC0, 0x80, 0x00],
            MALFORMED,
        ),
    ];
    let rows = rows.into_iter();
    let spoken = rows.filter(|(what, ..)| version == V5 || *what != "length::not_minimal");
    spoken
        .map(|(what, spec, bytes, reasons)| Case::said(version, what, spec, bytes, ends(reasons)))
        .collect()
}

/// Every other packet where the CONNECT should be.
fn not_first(version: u8) -> Vec<Case> {
    let mut packets = fixed(version);
    packets.push((
        "publish",
        0x30,
        publish(version, 0, b"a", 0, &[], b"x")[2..].to_vec(),
    ));
    packets.push(("connack", 0x20, vec![0, 0]));
    packets.push(("pingresp", 0xD0, Vec::new()));
    let spec = "MQTT-3.1.0-1";
    let spoken = packets.into_iter();
    spoken
        .map(|(name, first_byte, body)| {
            let what = format!("connect::missing::{name}_first");
            Case::first(
                version,
                &what,
                spec,
                frame(first_byte, &body),
                Answer::Closes,
            )
        })
        .collect()
}
