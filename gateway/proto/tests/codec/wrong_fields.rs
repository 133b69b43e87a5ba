//! Every field that is no property, wrong in turn, in all packets after CONNECT.

use crate::made_up::VERSIONS;
use crate::table::fault;
use crate::wire::{Bytes, Frame};
use tributary_proto::decode;
use tributary_proto::malformed::{Field, Malformed};
use tributary_proto::reason::Reason;
use tributary_proto::version::Version;

/// A section without a property where the version has sections, and nothing where it has none.
pub(crate) fn no_properties(version: Version, body: Bytes) -> Bytes {
    if version == Version::V5 {
        body.u8(0)
    } else {
        body
    }
}

pub(crate) fn expect(
    version: Version,
    first_byte: u8,
    body: Bytes,
    expected: impl Into<Option<Malformed>>,
) {
    let frame = Frame::new(first_byte, body);
    assert_eq!(
        fault(version, &frame),
        expected.into(),
        "{version:?} {frame:x?}"
    );
}

/// Strings that no field of text takes, with the fault that each has in `field`.
pub(crate) fn bad_texts(field: Field) -> [(&'static [u8], Malformed); 7] {
    [
        (b"\0\x01\xFF", Malformed::NotUtf8 { field }),
        (b"\0\x02\xC0\xAF", Malformed::NotUtf8 { field }), // overlong
        (b"\0\x03\xED\xA0\x80", Malformed::NotUtf8 { field }), // surrogate [MQTT-1.5.4-1]
        (b"\0\x04a\xE2\x82b", Malformed::NotUtf8 { field }), // cut inside a character
        (b"\0\x03a\0b", Malformed::HasNul { field }),
        (b"\0\x05abcd", Malformed::Truncated { field }),
        (b"\0", Malformed::Truncated { field }),
    ]
}

#[test]
fn the_first_byte_has_the_flags_of_its_type_in_its_version() {
    let mut legal = 0;
    for version in VERSIONS {
        for first_byte in 0x20..=255u8 {
            let packet_type = first_byte >> 4;
            let flags = first_byte & 0x0F;
            let body = match packet_type {
                3 if flags & 6 == 0 => no_properties(version, Bytes::new().text("a")),
                3 => no_properties(version, Bytes::new().text("a").u16(1)),
                8 => no_properties(version, Bytes::new().u16(1)).text("a").u8(0),
                10 => no_properties(version, Bytes::new().u16(1)).text("a"),
                4..=7 => Bytes::new().u16(1),
                15 => Bytes::new().u8(0x18).section(b"\x15\0\x01m"),
                _ => Bytes::new(),
            };
            let expected = match (packet_type, flags, version) {
                (3, f, _) if f & 6 == 6 => Some(Malformed::QosReserved),
                (3, f, _) if f & 0b1110 == 0b1000 => Some(Malformed::DupAtQos0),
                (3, _, _) | (6 | 8 | 10, 2, _) | (6 | 8 | 10, 10, Version::V31) => None,
                (2 | 9 | 11 | 13, 0, _) => Some(Malformed::FromServerOnly { packet_type }),
                (15, 0, Version::V31 | Version::V311) => Some(Malformed::AuthBeforeV5),
                (4 | 5 | 7 | 12 | 14 | 15, 0, _) => None,
                _ => Some(Malformed::FlagsReserved { first_byte }),
            };
            legal += usize::from(expected.is_none());
            expect(version, first_byte, body, expected);
        }
    }
    assert_eq!(
        legal,
        3 * (10 + 3 + 5) + 3 + 1,
        "ten PUBLISH, three with 0010, five with 0000"
    );
}

#[test]
fn a_type_that_no_client_sends_twice_or_at_all_is_a_protocol_error() {
    for version in VERSIONS {
        let found = decode::packet(version, 0x10, &[]);
        assert_eq!(found, Err(Malformed::SecondConnect));
        assert_eq!(
            decode::packet(version, 0x00, &[]),
            Err(Malformed::TypeReserved)
        );
    }
    assert_eq!(Malformed::SecondConnect.reason(), Reason::ProtocolError);
    assert_eq!(
        Malformed::FromServerOnly { packet_type: 2 }.reason(),
        Reason::ProtocolError
    );
    assert_eq!(Malformed::TypeReserved.reason(), Reason::MalformedPacket);
}

#[test]
fn a_publish_names_a_topic_without_wildcards() {
    for version in VERSIONS {
        let with_topic = |topic: &str| no_properties(version, Bytes::new().text(topic));
        for topic in [
            "+",
            "#",
            "a/+",
            "a/#",
            "a+b",
            "long/enough/to/leave/the/first/word/#",
        ] {
            expect(
                version,
                0x30,
                with_topic(topic),
                Malformed::TopicHasWildcard,
            );
        }
        expect(version, 0x30, with_topic(""), Malformed::TopicMissing);
        // Odd, and allowed.
        for topic in ["/", " ", "a//b", "$SYS", "\u{FEFF}a", "\u{1}", "\u{FFFF}"] {
            expect(version, 0x30, with_topic(topic), None);
        }
        for (text, expected) in bad_texts(Field::Topic) {
            expect(version, 0x30, Bytes::new().raw(text), expected);
        }
    }
    assert_eq!(
        Malformed::TopicHasWildcard.reason(),
        Reason::TopicNameInvalid
    );
    assert_eq!(Malformed::TopicMissing.reason(), Reason::ProtocolError);
}

#[test]
fn an_alias_stands_for_the_topic_and_a_response_topic_is_a_name() {
    let publish = |topic: &str, section: &[u8]| Bytes::new().text(topic).section(section);
    expect(Version::V5, 0x30, publish("", b"\x23\0\x01"), None);
    expect(
        Version::V5,
        0x30,
        publish("", b"\x01\x00"),
        Malformed::TopicMissing,
    );
    expect(
        Version::V5,
        0x30,
        publish("a", b"\x08\0\x01+"),
        Malformed::ResponseTopicHasWildcard,
    );
    expect(
        Version::V5,
        0x30,
        publish("a", b"\x08\0\x00"),
        Malformed::ResponseTopicEmpty,
    );
}

#[test]
fn a_payload_that_says_it_is_text_is_text() {
    let publish =
        |flag: u8, payload: &[u8]| Bytes::new().text("a").section(&[0x01, flag]).raw(payload);
    expect(
        Version::V5,
        0x30,
        publish(1, b"\xFF"),
        Malformed::PayloadNotUtf8,
    );
    expect(Version::V5, 0x30, publish(1, "grün\0".as_bytes()), None);
    expect(Version::V5, 0x30, publish(0, b"\xFF"), None);
    assert_eq!(
        Malformed::PayloadNotUtf8.reason(),
        Reason::PayloadFormatInvalid
    );
}

#[test]
fn a_packet_identifier_is_whole_and_not_zero() {
    for version in VERSIONS {
        for first_byte in [0x40, 0x50, 0x62, 0x70, 0x82, 0xA2] {
            expect(
                version,
                first_byte,
                Bytes::new().u16(0),
                Malformed::PacketIdZero,
            );
            let truncated = Malformed::Truncated {
                field: Field::PacketId,
            };
            expect(version, first_byte, Bytes::new(), truncated);
            expect(version, first_byte, Bytes::new().u8(1), truncated);
        }
        for first_byte in [0x32, 0x34] {
            let publish = Bytes::new().text("a");
            expect(
                version,
                first_byte,
                publish.clone().u16(0),
                Malformed::PacketIdZero,
            );
            expect(
                version,
                first_byte,
                publish.u8(0),
                Malformed::Truncated {
                    field: Field::PacketId,
                },
            );
        }
    }
}

#[test]
fn nothing_follows_the_last_field() {
    for version in [Version::V31, Version::V311] {
        for first_byte in [0x40, 0x50, 0x62, 0x70] {
            let body = Bytes::new().u16(1).u8(0);
            expect(
                version,
                first_byte,
                body,
                Malformed::TrailingBytes { bytes: 1 },
            );
        }
        expect(
            version,
            0xE0,
            Bytes::new().u8(0),
            Malformed::TrailingBytes { bytes: 1 },
        );
    }
    for version in VERSIONS {
        expect(
            version,
            0xC0,
            Bytes::new().u16(0),
            Malformed::TrailingBytes { bytes: 2 },
        );
    }
    for first_byte in [0x40, 0x50, 0x62, 0x70] {
        let body = Bytes::new().u16(1).u8(0).u8(0).u8(9);
        expect(
            Version::V5,
            first_byte,
            body,
            Malformed::TrailingBytes { bytes: 1 },
        );
    }
    let body = Bytes::new().u8(0).u8(0).u8(9);
    expect(
        Version::V5,
        0xE0,
        body,
        Malformed::TrailingBytes { bytes: 1 },
    );
    let body = Bytes::new().u8(0x18).section(b"\x15\0\x01m").u8(9);
    expect(
        Version::V5,
        0xF0,
        body,
        Malformed::TrailingBytes { bytes: 1 },
    );
}

#[test]
fn a_reason_is_one_of_those_that_the_packet_may_give() {
    const ACKS: &[u8] = &[0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99];
    const RELEASES: &[u8] = &[0x00, 0x92];
    const DISCONNECTS: &[u8] = &[
        0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99,
    ];
    let packets: [(u8, &[u8], Bytes, Bytes); 6] = [
        (0x40, ACKS, Bytes::new().u16(1), Bytes::new()),
        (0x50, ACKS, Bytes::new().u16(1), Bytes::new()),
        (0x62, RELEASES, Bytes::new().u16(1), Bytes::new()),
        (0x70, RELEASES, Bytes::new().u16(1), Bytes::new()),
        (0xE0, DISCONNECTS, Bytes::new(), Bytes::new()),
        (
            0xF0,
            &[0x18, 0x19],
            Bytes::new(),
            Bytes::new().section(b"\x15\0\x01m"),
        ),
    ];
    for (first_byte, allowed, before, after) in packets {
        for code in 0..=255 {
            let body = before.clone().u8(code).raw(&after.0);
            let expected =
                (!allowed.contains(&code)).then_some(Malformed::ReasonNotAllowed { code });
            expect(Version::V5, first_byte, body, expected);
        }
    }
}

#[test]
fn an_auth_names_its_method() {
    let auth = |section: &[u8]| Bytes::new().u8(0x18).section(section);
    expect(Version::V5, 0xF0, auth(b""), Malformed::AuthMethodMissing);
    expect(
        Version::V5,
        0xF0,
        auth(b"\x16\0\x01x"),
        Malformed::AuthMethodMissing,
    );
    expect(
        Version::V5,
        0xF0,
        Bytes::new(),
        Malformed::ReasonNotAllowed { code: 0 },
    );
    let truncated = Malformed::Truncated {
        field: Field::PropertyLength,
    };
    expect(Version::V5, 0xF0, Bytes::new().u8(0x18), truncated);
}

#[test]
fn a_subscription_has_a_valid_filter_and_no_reserved_option() {
    for version in VERSIONS {
        let head = || no_properties(version, Bytes::new().u16(1));
        expect(version, 0x82, head(), Malformed::FiltersMissing);
        expect(version, 0xA2, head(), Malformed::FiltersMissing);
        for (filter, expected) in [
            ("", Malformed::FilterEmpty),
            ("a#", Malformed::FilterWildcardMisplaced),
            ("#/a", Malformed::FilterWildcardMisplaced),
            ("a/b+", Malformed::FilterWildcardMisplaced),
            ("$share/a", Malformed::ShareInvalid),
            ("$share/+/a", Malformed::ShareInvalid),
            ("$share//a", Malformed::ShareInvalid),
            ("$share/a/#/b", Malformed::FilterWildcardMisplaced),
        ] {
            // As the second filter, so that it is seen that all are checked.
            let subscribe = head().text("fine").u8(0).text(filter).u8(0);
            expect(version, 0x82, subscribe, expected);
            expect(version, 0xA2, head().text("fine").text(filter), expected);
        }
        for (text, expected) in bad_texts(Field::Filter) {
            expect(version, 0x82, head().raw(text), expected);
            expect(version, 0xA2, head().raw(text), expected);
        }
        let truncated = Malformed::Truncated {
            field: Field::SubscriptionOptions,
        };
        expect(version, 0x82, head().text("a"), truncated);
        for options in 0..=255u8 {
            let reserved = if version == Version::V5 { 0xC0 } else { 0xFC };
            let expected = match options {
                _ if options & reserved != 0 => {
                    Some(Malformed::SubscriptionOptionsReserved { options })
                }
                _ if options & 3 == 3 => Some(Malformed::SubscriptionQosReserved),
                _ if options & 0x30 == 0x30 => Some(Malformed::RetainHandlingReserved),
                _ => None,
            };
            expect(version, 0x82, head().text("a/#").u8(options), expected);
        }
    }
    let shared = |options| Bytes::new().u16(1).u8(0).text("$share/a/b").u8(options);
    expect(Version::V5, 0x82, shared(0b100), Malformed::ShareNoLocal);
    expect(Version::V5, 0x82, shared(0b001), None);
}

#[test]
fn every_way_to_be_wrong_has_a_name_of_its_own() {
    let names: std::collections::BTreeSet<&str> = Malformed::NAMES.iter().copied().collect();
    assert_eq!(names.len(), Malformed::NAMES.len());
    let is_snake = |name: &str| {
        name.bytes()
            .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'))
    };
    assert!(names.iter().all(|name| is_snake(name)));
    let shown = Malformed::Truncated {
        field: Field::ClientId,
    }
    .to_string();
    assert_eq!(shown, "packet ends inside a field (client id)");
}
