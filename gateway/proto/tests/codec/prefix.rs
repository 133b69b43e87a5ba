//! A packet that stops anywhere is short or wrong, and never a panic.

use crate::chance::for_seeds;
use crate::client::{any_packet, write_connect};
use crate::made_up::{VERSIONS, any_connect};
use crate::table::fault;
use crate::wire::{Bytes, Frame};
use tributary_proto::frame::{Front, front};
use tributary_proto::malformed::Malformed;
use tributary_proto::version::Version;

/// One packet of each type, and the lengths at which its body may rightly end earlier.
fn samples(version: Version) -> Vec<(Frame, Vec<usize>)> {
    let is_v5 = version == Version::V5;
    let section = |body: Bytes, section: &[u8]| if is_v5 { body.section(section) } else { body };
    let name = if version == Version::V31 {
        "MQIsdp"
    } else {
        "MQTT"
    };
    let connect = Bytes::new().text(name).u8(version as u8).u8(0xF6).u16(60);
    let connect = section(connect, b"\x11\0\0\0\x09\x26\0\x01k\0\x01v").text("client");
    let connect = section(connect, b"\x18\0\0\0\x05")
        .text("will")
        .binary(b"gone");
    // MQTT 3.1 lets user name and password be missing behind the flags that promise them.
    let (user_at, password_at) = (connect.0.len(), connect.0.len() + 2 + "user".len());
    let connect = connect.text("user").binary(b"password");
    let connect_cuts = match version {
        Version::V31 => vec![user_at, password_at],
        _ => vec![],
    };

    let publish = section(
        Bytes::new().text("a/b").u16(7),
        b"\x02\0\0\x01\0\x03\0\x04json",
    );
    let payload_at = publish.0.len();
    let publish = publish.raw(b"payload");
    let ack = || match is_v5 {
        true => Bytes::new().u16(7).u8(0).section(b"\x1F\0\x03why"),
        false => Bytes::new().u16(7),
    };
    let ack_cuts = if is_v5 { vec![2, 3] } else { vec![] };
    let subscribe = section(Bytes::new().u16(7), b"\x0B\x01").text("a/+").u8(1);
    let second_at = subscribe.0.len();
    let subscribe = subscribe.text("b").u8(0);
    let unsubscribe = section(Bytes::new().u16(7), b"").text("a/+");
    let third_at = unsubscribe.0.len();
    let unsubscribe = unsubscribe.text("b");

    let mut samples = vec![
        (Frame::new(0x10, connect), connect_cuts),
        (
            Frame::new(0x32, publish.clone()),
            (payload_at..payload_at + 7).collect(),
        ),
        (Frame::new(0x40, ack()), ack_cuts.clone()),
        (Frame::new(0x50, ack()), ack_cuts.clone()),
        (Frame::new(0x62, ack()), ack_cuts.clone()),
        (Frame::new(0x70, ack()), ack_cuts),
        (Frame::new(0x82, subscribe), vec![second_at]),
        (Frame::new(0xA2, unsubscribe), vec![third_at]),
        (Frame::new(0xC0, Bytes::new()), vec![]),
        (Frame::new(0xE0, Bytes::new()), vec![]),
    ];
    if is_v5 {
        let disconnect = Bytes::new().u8(4).section(b"\x11\0\0\0\x09\x1F\0\x03why");
        samples.push((Frame::new(0xE0, disconnect), vec![0, 1]));
        let auth = Bytes::new().u8(0x18).section(b"\x15\0\x01m\x16\0\x01x");
        samples.push((Frame::new(0xF0, auth), vec![]));
    }
    samples
}

#[test]
fn every_prefix_of_every_packet_is_short() {
    for version in VERSIONS {
        for (frame, _) in samples(version) {
            assert_eq!(fault(version, &frame), None, "{version:?} {frame:x?}");
            let bytes = frame.bytes();
            for cut in 0..bytes.len() {
                let found = front(&bytes[..cut], u32::MAX);
                assert!(
                    matches!(found, Ok(Front::Short { .. })),
                    "{cut} of {bytes:x?}"
                );
            }
        }
    }
}

#[test]
fn every_prefix_of_a_body_that_calls_itself_whole_is_refused_where_it_is_not() {
    let mut refused = 0;
    for version in VERSIONS {
        for (frame, legal_cuts) in samples(version) {
            for cut in 0..frame.body.len() {
                let body = frame.body[..cut].to_vec();
                let found = fault(
                    version,
                    &Frame {
                        first_byte: frame.first_byte,
                        body,
                    },
                );
                let at = format!("{version:?} {:#04x} cut at {cut}", frame.first_byte);
                match found {
                    None => assert!(legal_cuts.contains(&cut), "{at} was taken"),
                    Some(found) => {
                        assert!(!legal_cuts.contains(&cut), "{at}: {found}");
                        let is_cut = matches!(
                            found,
                            Malformed::Truncated { .. }
                                | Malformed::FiltersMissing
                                | Malformed::ReasonNotAllowed { code: 0 }
                        );
                        assert!(is_cut, "{at}: {found}");
                        refused += 1;
                    }
                }
            }
        }
    }
    assert!(refused > 300, "only {refused} prefixes were refused");
}

#[test]
fn packets_with_bytes_changed_by_chance_never_panic() {
    let faults = std::sync::atomic::AtomicUsize::new(0);
    for_seeds(4000, |chance| {
        let version = chance.pick(&VERSIONS);
        let mut bytes = match chance.below(4) {
            0 => write_connect(&any_connect(chance)),
            _ => any_packet(chance, version),
        };
        for _ in 0..1 + chance.below(3) {
            let at = chance.below(bytes.len());
            bytes[at] = chance.u32() as u8;
        }
        let Ok(Front::Frame {
            first_byte, body, ..
        }) = front(&bytes, u32::MAX)
        else {
            return;
        };
        if fault(
            version,
            &Frame {
                first_byte,
                body: body.to_vec(),
            },
        )
        .is_some()
        {
            faults.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    });
    if std::env::var_os("TRIBUTARY_SEED").is_none() {
        let faults = faults.into_inner();
        assert!(
            faults > 100,
            "only {faults} of the changed packets were found wrong"
        );
    }
}
