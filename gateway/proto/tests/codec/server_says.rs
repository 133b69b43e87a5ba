//! What the server says, against bytes put together by hand and read back property by property.

use crate::chance::for_seeds;
use crate::client::write_publish;
use crate::made_up::{VERSIONS, any_publish};
use crate::table::{Kind, ROWS};
use crate::wire::Bytes;
use tributary_proto::decode;
use tributary_proto::encode;
use tributary_proto::frame::{Front, front};
use tributary_proto::packet::{ConnAck, ConnAckProperties, Packet, Publish, PublishProperties};
use tributary_proto::property::UserProperties;
use tributary_proto::reason::Reason;
use tributary_proto::version::{Qos, Version};

const V3: [Version; 2] = [Version::V31, Version::V311];

fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    // What is there already must stay as it is.
    let mut out = b"before".to_vec();
    write(&mut out);
    out.drain(..6).for_each(drop);
    out
}

/// Cuts a section into its properties, in the order of their identifiers.
fn properties(mut section: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut found = Vec::new();
    while let [id, value @ ..] = section {
        let row = ROWS
            .iter()
            .find(|row| row.id == *id)
            .expect("a property of the table");
        let text_bytes = |at: usize| 2 + usize::from(value[at]) * 256 + usize::from(value[at + 1]);
        let count = match row.kind {
            Kind::Bool | Kind::Number => row.value.len(),
            Kind::Varint => 1 + value.iter().position(|byte| *byte < 128).expect("an end"),
            Kind::Text | Kind::Binary => text_bytes(0),
            Kind::Pair => text_bytes(0) + text_bytes(text_bytes(0)),
        };
        found.push((*id, value[..count].to_vec()));
        section = &value[count..];
    }
    found.sort();
    found
}

#[test]
fn a_connack_of_3_1_1_is_a_flag_and_a_return_code() {
    for (reason, code) in [
        (Reason::Success, 0),
        (Reason::UnsupportedProtocolVersion, 1),
        (Reason::ClientIdentifierNotValid, 2),
        (Reason::ServerUnavailable, 3),
        (Reason::ServerBusy, 3),
        (Reason::QuotaExceeded, 3),
        (Reason::BadUserNameOrPassword, 4),
        (Reason::NotAuthorized, 5),
        (Reason::Banned, 5),
    ] {
        for session_present in [false, true] {
            let properties = ConnAckProperties {
                receive_max: Some(9),
                ..Default::default()
            };
            let connack = ConnAck {
                session_present,
                reason,
                properties,
            };
            let is_present = u8::from(session_present && code == 0);
            let bytes = written(|out| encode::connack(out, Version::V311, &connack));
            assert_eq!(bytes, [0x20, 2, is_present, code], "{reason:?}");
            let bytes = written(|out| encode::connack(out, Version::V31, &connack));
            assert_eq!(bytes, [0x20, 2, 0, code], "{reason:?}");
        }
    }
}

#[test]
fn a_connack_of_5_says_every_limit_that_it_was_given() {
    let properties_said = ConnAckProperties {
        session_expiry_secs: Some(1),
        receive_max: Some(2),
        maximum_qos: Some(Qos::AtLeastOnce),
        retain_available: Some(false),
        packet_bytes_max: Some(3),
        assigned_client_id: Some("id"),
        topic_alias_max: Some(4),
        reason_string: Some("why"),
        wildcard_available: Some(false),
        subscription_ids_available: Some(true),
        shared_available: Some(false),
        server_keep_alive_secs: Some(5),
        response_information: Some("r"),
        server_reference: Some("s"),
        authentication_method: Some("m"),
        authentication_data: Some(b"\xFF"),
    };
    let connack = ConnAck {
        session_present: true,
        reason: Reason::Success,
        properties: properties_said,
    };
    let bytes = written(|out| encode::connack(out, Version::V5, &connack));
    assert_eq!(&bytes[..1], [0x20]);
    assert_eq!(usize::from(bytes[1]), bytes.len() - 2);
    assert_eq!(&bytes[2..4], [1, 0]);
    assert_eq!(usize::from(bytes[4]), bytes.len() - 5);
    let expected: [(u8, &[u8]); 16] = [
        (0x11, &[0, 0, 0, 1]),
        (0x12, b"\0\x02id"),
        (0x13, &[0, 5]),
        (0x15, b"\0\x01m"),
        (0x16, b"\0\x01\xFF"),
        (0x1A, b"\0\x01r"),
        (0x1C, b"\0\x01s"),
        (0x1F, b"\0\x03why"),
        (0x21, &[0, 2]),
        (0x22, &[0, 4]),
        (0x24, &[1]),
        (0x25, &[0]),
        (0x27, &[0, 0, 0, 3]),
        (0x28, &[0]),
        (0x29, &[1]),
        (0x2A, &[0]),
    ];
    let expected: Vec<_> = expected
        .iter()
        .map(|(id, value)| (*id, value.to_vec()))
        .collect();
    assert_eq!(properties(&bytes[5..]), expected);
}

#[test]
fn a_connack_of_5_leaves_out_what_it_was_not_given() {
    let refusal = ConnAck {
        session_present: true,
        reason: Reason::ServerBusy,
        properties: ConnAckProperties {
            maximum_qos: Some(Qos::ExactlyOnce), // absence says it [section 3.2.2.3.4]
            ..Default::default()
        },
    };
    let bytes = written(|out| encode::connack(out, Version::V5, &refusal));
    assert_eq!(bytes, [0x20, 3, 0, 0x89, 0]);
}

#[test]
fn a_length_over_127_takes_its_second_byte_without_harm() {
    for reason_bytes in [
        120, 121, 122, 123, 124, 125, 126, 127, 128, 200, 16_380, 16_384, 65_535,
    ] {
        let reason_string = "x".repeat(reason_bytes);
        let bytes = written(|out| {
            encode::puback(
                out,
                Version::V5,
                7,
                Reason::QuotaExceeded,
                Some(&reason_string),
            );
        });
        let section = Bytes::new().u8(0x1F).text(&reason_string).0;
        let expected = Bytes::new().u16(7).u8(0x97).section(&section).framed(0x40);
        assert!(bytes == expected, "{reason_bytes} bytes of reason");
    }
}

#[test]
fn text_longer_than_its_length_can_say_is_cut_between_characters() {
    let reason_string = "€".repeat(30_000);
    let bytes = written(|out| {
        encode::disconnect(out, Reason::ServerShuttingDown, Some(&reason_string), None);
    });
    let section = Bytes::new().u8(0x1F).text(&"€".repeat(21_845)).0;
    assert!(bytes == Bytes::new().u8(0x8B).section(&section).framed(0xE0));
}

#[test]
fn acknowledgements_are_four_bytes_unless_there_is_more_to_say() {
    type Write = fn(&mut Vec<u8>, Version, u16, Reason, Option<&str>);
    let acks: [(u8, Write); 4] = [
        (0x40, encode::puback),
        (0x50, encode::pubrec),
        (0x62, encode::pubrel),
        (0x70, encode::pubcomp),
    ];
    for (first, write) in acks {
        for version in V3 {
            let bytes =
                written(|out| write(out, version, 0x1234, Reason::QuotaExceeded, Some("why")));
            assert_eq!(bytes, [first, 2, 0x12, 0x34]);
        }
        let v5 = |reason, string| written(|out| write(out, Version::V5, 0x1234, reason, string));
        assert_eq!(v5(Reason::Success, None), [first, 2, 0x12, 0x34]);
        let not_found = v5(Reason::PacketIdentifierNotFound, None);
        assert_eq!(not_found, [first, 3, 0x12, 0x34, 0x92]);
        let section = [0x1F, 0, 1, b'x'];
        let expected = Bytes::new()
            .u16(0x1234)
            .u8(0)
            .section(&section)
            .framed(first);
        assert_eq!(v5(Reason::Success, Some("x")), expected);
    }
}

#[test]
fn subscriptions_are_answered_one_by_one() {
    let reasons = [
        Reason::Success,
        Reason::GrantedQos2,
        Reason::TopicFilterInvalid,
    ];
    for version in V3 {
        let bytes =
            written(|out| encode::suback(out, version, 7, reasons.into_iter(), Some("why")));
        assert_eq!(bytes, [0x90, 5, 0, 7, 0, 2, 0x80]);
        let bytes = written(|out| encode::unsuback(out, version, 7, reasons.into_iter(), None));
        assert_eq!(bytes, [0xB0, 2, 0, 7]);
    }
    let v5 = Version::V5;
    let bytes = written(|out| encode::suback(out, v5, 7, reasons.into_iter(), None));
    assert_eq!(bytes, [0x90, 6, 0, 7, 0, 0, 2, 0x8F]);
    let bytes = written(|out| encode::unsuback(out, v5, 7, reasons.into_iter(), Some("x")));
    assert_eq!(bytes, [0xB0, 10, 0, 7, 4, 0x1F, 0, 1, b'x', 0, 2, 0x8F]);
}

#[test]
fn the_last_words_are_as_short_as_they_can_be() {
    assert_eq!(written(encode::pingresp), [0xD0, 0]);
    let disconnect = |reason, string, reference| {
        written(|out| encode::disconnect(out, reason, string, reference))
    };
    assert_eq!(disconnect(Reason::Success, None, None), [0xE0, 0]);
    assert_eq!(
        disconnect(Reason::SessionTakenOver, None, None),
        [0xE0, 1, 0x8E]
    );
    let moved = disconnect(Reason::UseAnotherServer, Some("x"), Some("b:1"));
    assert_eq!(moved, b"\xE0\x0C\x9C\x0A\x1F\0\x01x\x1C\0\x03b:1");
    let auth = written(|out| {
        encode::auth(out, Reason::ContinueAuthentication, "m", Some(b"\0"), None);
    });
    assert_eq!(auth, b"\xF0\x0A\x18\x08\x15\0\x01m\x16\0\x01\0");
}

#[test]
fn a_publish_goes_down_as_a_client_would_send_it_up() {
    for_seeds(2000, |chance| {
        let version = chance.pick(&VERSIONS);
        let publish = any_publish(chance, version);
        let bytes = written(|out| encode::publish(out, version, &publish));
        assert_eq!(bytes.len(), write_publish(version, &publish).len());
        let Ok(Front::Frame {
            first_byte,
            body,
            rest: [],
        }) = front(&bytes, u32::MAX)
        else {
            panic!("not one whole frame: {bytes:x?}");
        };
        let heard = decode::packet(version, first_byte, body);
        assert_eq!(heard, Ok(Packet::Publish(publish)));
    });
}

#[test]
fn a_publish_to_a_subscriber_says_which_subscriptions_matched() {
    let publish = Publish {
        dup: true, // which QoS 0 does not have [MQTT-3.3.1-2]
        qos: Qos::AtMostOnce,
        retain: true,
        topic: "a",
        packet_id: 9,
        properties: PublishProperties {
            subscription_identifiers: &[1, 128],
            user_properties: UserProperties::from_pairs(&[("k", "v")]),
            ..Default::default()
        },
        payload: b"x",
    };
    let bytes = written(|out| encode::publish(out, Version::V5, &publish));
    assert_eq!(&bytes[..6], [0x31, 17, 0, 1, b'a', 12]);
    let expected = [
        (0x0B, vec![1]),
        (0x0B, vec![0x80, 1]),
        (0x26, b"\0\x01k\0\x01v".to_vec()),
    ];
    assert_eq!(properties(&bytes[6..18]), expected);
    assert_eq!(&bytes[18..], b"x");
    let bytes = written(|out| encode::publish(out, Version::V311, &publish));
    assert_eq!(bytes, b"\x31\x04\0\x01ax");
}
