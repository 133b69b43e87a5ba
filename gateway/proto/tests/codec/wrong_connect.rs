//! Every field of CONNECT wrong in turn, and what the client is told about it.

use crate::made_up::VERSIONS;
use crate::wire::Bytes;
use crate::wrong_fields::{bad_texts, expect, no_properties};
use tributary_proto::decode::{self, ConnectRefusal};
use tributary_proto::malformed::{Field, Malformed};
use tributary_proto::reason::Reason;
use tributary_proto::version::Version;

fn connect_head(version: Version, flags: u8) -> Bytes {
    let name = if version == Version::V31 {
        "MQIsdp"
    } else {
        "MQTT"
    };
    no_properties(
        version,
        Bytes::new().text(name).u8(version as u8).u8(flags).u16(60),
    )
}

#[test]
fn connect_flags_agree_with_each_other() {
    let mut refused = 0;
    for version in VERSIONS {
        for flags in 0..=255u8 {
            let (will, will_qos) = (flags & 4 != 0, flags >> 3 & 3);
            let (password, user_name) = (flags & 0x40 != 0, flags & 0x80 != 0);
            let expected = if flags & 1 != 0 {
                Some(Malformed::ConnectFlagReserved)
            } else if will_qos == 3 {
                Some(Malformed::WillQosReserved)
            } else if !will && flags & 0x38 != 0 {
                Some(Malformed::WillFlagsWithoutWill)
            } else if version != Version::V5 && password && !user_name {
                Some(Malformed::PasswordWithoutUserName)
            } else {
                None
            };
            let mut body = connect_head(version, flags).text("id");
            if will {
                body = no_properties(version, body).text("will").binary(b"gone");
            }
            if user_name {
                body = body.text("user");
            }
            if password {
                body = body.binary(b"\xFFsecret");
            }
            refused += usize::from(expected.is_some());
            expect(version, 0x10, body, expected);
        }
    }
    assert!((400..768).contains(&refused), "{refused} of 768 refused");
}

#[test]
fn nothing_follows_the_last_field_of_a_connect() {
    for version in VERSIONS {
        let body = connect_head(version, 2).text("id").raw(b"xyz");
        expect(version, 0x10, body, Malformed::TrailingBytes { bytes: 3 });
    }
}

#[test]
fn each_text_of_a_connect_is_checked() {
    for version in VERSIONS {
        for (text, expected) in bad_texts(Field::ClientId) {
            expect(version, 0x10, connect_head(version, 2).raw(text), expected);
        }
        let will = || no_properties(version, connect_head(version, 0x06).text("id"));
        for (text, expected) in bad_texts(Field::WillTopic) {
            expect(version, 0x10, will().raw(text), expected);
        }
        expect(
            version,
            0x10,
            will().text("").text("x"),
            Malformed::WillTopicEmpty,
        );
        expect(
            version,
            0x10,
            will().text("a/+").text("x"),
            Malformed::WillTopicHasWildcard,
        );
        let truncated = Malformed::Truncated {
            field: Field::WillPayload,
        };
        expect(version, 0x10, will().text("a").u16(9), truncated);
        let user = || connect_head(version, 0x82).text("id");
        for (text, expected) in bad_texts(Field::UserName) {
            expect(version, 0x10, user().raw(text), expected);
        }
        let password = connect_head(version, 0xC2).text("id").text("user");
        let truncated = Malformed::Truncated {
            field: Field::Password,
        };
        let may_be_missing = version == Version::V31;
        let missing = (!may_be_missing).then_some(truncated);
        expect(version, 0x10, password.clone(), missing);
        expect(version, 0x10, password.u16(2).u8(1), truncated);
    }
    let will = Bytes::new()
        .text("MQTT")
        .u8(5)
        .u8(6)
        .u16(0)
        .u8(0)
        .text("id");
    let will = will.section(b"\x01\x01").text("a").binary(b"\xFF");
    expect(Version::V5, 0x10, will, Malformed::WillPayloadNotUtf8);
    let auth = Bytes::new()
        .text("MQTT")
        .u8(5)
        .u8(2)
        .u16(0)
        .section(b"\x16\0\x01x")
        .text("id");
    expect(Version::V5, 0x10, auth, Malformed::AuthDataWithoutMethod);
}

#[test]
fn an_empty_client_id_needs_a_session_that_ends() {
    let connect = |version, flags| decode::connect(&connect_head(version, flags).text("").0).err();
    let refused = |version| {
        Some(ConnectRefusal::Answered {
            version,
            malformed: Malformed::ClientIdEmpty,
        })
    };
    assert_eq!(connect(Version::V5, 0), None);
    assert_eq!(connect(Version::V5, 2), None);
    assert_eq!(connect(Version::V311, 2), None);
    assert_eq!(connect(Version::V311, 0), refused(Version::V311));
    assert_eq!(connect(Version::V31, 2), refused(Version::V31));
    let answer = refused(Version::V311).and_then(ConnectRefusal::answer);
    assert_eq!(
        answer,
        Some((Version::V311, Reason::ClientIdentifierNotValid))
    );
}

#[test]
fn a_version_not_spoken_here_is_told_so_in_a_version_it_can_read() {
    let connect = |name: &str, level: u8| {
        decode::connect(&Bytes::new().text(name).u8(level).raw(b"anything").0).err()
    };
    let refused = Some(Reason::UnsupportedProtocolVersion);
    for (name, level, version) in [
        ("MQTT", 3, Version::V311),
        ("MQTT", 0, Version::V311),
        ("MQIsdp", 4, Version::V311),
        ("MQTT", 0x84, Version::V311),
        ("MQTT", 6, Version::V5),
        ("MQTT", 0x85, Version::V5),
        ("MQTT", 127, Version::V5),
    ] {
        let found = connect(name, level);
        assert_eq!(
            found,
            Some(ConnectRefusal::Unsupported { level }),
            "{name} {level}"
        );
        let answer = found.and_then(ConnectRefusal::answer);
        assert_eq!(answer.map(|(_, reason)| reason), refused);
        assert_eq!(
            answer.map(|(version, _)| version),
            Some(version),
            "{name} {level}"
        );
    }
    for name in ["", "MQT", "mqtt", "MQTTT", "HTTP"] {
        let found = connect(name, 4);
        assert_eq!(
            found,
            Some(ConnectRefusal::Malformed(Malformed::ProtocolNameUnknown))
        );
        assert_eq!(found.and_then(ConnectRefusal::answer), None);
    }
}

#[test]
fn only_a_client_of_mqtt_5_is_told_what_was_malformed() {
    let reserved = |version| decode::connect(&connect_head(version, 3).text("id").0).err();
    let malformed = Malformed::ConnectFlagReserved;
    for version in [Version::V31, Version::V311] {
        assert_eq!(
            reserved(version),
            Some(ConnectRefusal::Malformed(malformed))
        );
    }
    let refusal = reserved(Version::V5);
    assert_eq!(
        refusal,
        Some(ConnectRefusal::Answered {
            version: Version::V5,
            malformed
        })
    );
    let answer = refusal.and_then(ConnectRefusal::answer);
    assert_eq!(answer, Some((Version::V5, Reason::MalformedPacket)));
}
