//! What a CONNECT asks for, what it gets, and what CONNACK says of it.

use super::bench::*;
use crate::close::Close;
use crate::packet::{Auth, Connect, ConnectProperties, Packet, Will as WillField};
use crate::packet::{Publish, PublishProperties, WillProperties};
use crate::property::UserProperties;
use crate::reason::Reason;
use crate::session::{Admission, Profile, Session, Terms, Welcome, Will, admit, welcome};
use crate::version::{Qos, Version};

fn connect(version: Version) -> Connect<'static> {
    Connect {
        version,
        clean_start: false,
        keep_alive_secs: 60,
        client_id: "c",
        will: None,
        user_name: None,
        password: None,
        properties: ConnectProperties::default(),
    }
}

fn will(qos: Qos, delay_secs: u32, message_expiry_secs: Option<u32>) -> WillField<'static> {
    WillField {
        topic: "w",
        payload: b"gone",
        qos,
        retain: true,
        properties: WillProperties {
            delay_secs,
            message_expiry_secs,
            content_type: Some("text"),
            ..WillProperties::default()
        },
    }
}

/// The CONNACK's bytes behind its fixed header.
fn said(admission: &Admission, terms: &Terms, words: Welcome<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    welcome(admission, terms, &words, &mut out).unwrap();
    assert_eq!(usize::from(out[1]), out.len() - 2);
    out.split_off(2)
}

/// Whether these bytes stand in there.
fn holds(said: &[u8], bytes: &[u8]) -> bool {
    said.windows(bytes.len()).any(|window| window == bytes)
}

#[test]
fn an_mqtt_3_session_lives_as_long_as_the_server_keeps_any() {
    let terms = Terms {
        session_expiry_secs_max: 500,
        ..Terms::default()
    };
    for version in [Version::V31, Version::V311] {
        for (clean_start, secs) in [(true, 0), (false, 500)] {
            let asked = Connect {
                clean_start,
                ..connect(version)
            };
            let admission = admit(&asked, &terms).unwrap();
            assert_eq!(admission.profile.session_expiry_secs, secs);
            assert_eq!(admission.clean_start, clean_start);
        }
    }
}

#[test]
fn an_mqtt_5_session_lives_as_long_as_asked_up_to_the_servers_longest() {
    let terms = Terms {
        session_expiry_secs_max: 500,
        ..Terms::default()
    };
    for (asked, agreed, told) in [
        (0, 0, false),
        (500, 500, false),
        (501, 500, true),
        (u32::MAX, 500, true),
    ] {
        let mut asks = connect(Version::V5);
        asks.properties.session_expiry_secs = asked;
        let admission = admit(&asks, &terms).unwrap();
        assert_eq!(admission.profile.session_expiry_secs, agreed);
        let said = said(&admission, &terms, Welcome::default());
        assert_eq!(holds(&said, &[0x11, 0, 0, 1, 0xF4]), told);
    }
}

#[test]
fn session_present_is_told_but_to_mqtt_3_1() {
    for (version, byte) in [(Version::V31, 0), (Version::V311, 1), (Version::V5, 1)] {
        let admission = admit(&connect(version), &Terms::default()).unwrap();
        let words = Welcome {
            session_present: true,
            ..Welcome::default()
        };
        assert_eq!(said(&admission, &Terms::default(), words)[0], byte);
    }
}

#[test]
fn everything_is_available_and_said_to_be() {
    let admission = admit(&connect(Version::V5), &Terms::default()).unwrap();
    let said = said(&admission, &Terms::default(), Welcome::default());
    assert!(holds(&said, &[0x25, 1]));
    assert!(holds(&said, &[0x28, 1, 0x29, 1, 0x2A, 1]));
    assert!(!holds(&said, &[0x24]), "QoS 2 is what absence means");
}

#[test]
fn a_connack_too_long_for_the_client_says_less_or_nothing() {
    let terms = Terms::default();
    let longest = said(
        &admit(&connect(Version::V5), &terms).unwrap(),
        &terms,
        Welcome::default(),
    )
    .len() as u32
        + 2;
    for (packet_bytes_max, flags, refused) in [
        (longest, true, false),
        (longest - 1, false, false),
        (longest - 8, false, false),
        (longest - 9, false, true),
    ] {
        let mut asks = connect(Version::V5);
        asks.properties.packet_bytes_max = Some(packet_bytes_max);
        let admission = admit(&asks, &terms).unwrap();
        let mut out = Vec::new();
        let written = welcome(&admission, &terms, &Welcome::default(), &mut out);
        assert_eq!(written.is_err(), refused);
        assert_eq!(out.is_empty(), refused);
        assert_eq!(holds(&out, &[0x28, 1]), flags);
    }
}

#[test]
fn response_information_is_given_to_those_who_ask() {
    let offering = Terms {
        response_information: Some("replies/".into()),
        ..Terms::default()
    };
    let words = Welcome {
        client_id: "c",
        ..Welcome::default()
    };
    for (terms, asked) in [
        (&offering, true),
        (&offering, false),
        (&Terms::default(), true),
    ] {
        let mut asks = connect(Version::V5);
        asks.properties.request_response_information = asked;
        let said = said(&admit(&asks, terms).unwrap(), terms, words);
        let given = asked && terms.response_information.is_some();
        assert_eq!(holds(&said, b"\x1A\0\x09replies/c"), given);
    }
}

#[test]
fn a_method_must_be_on_offer_and_is_named_again() {
    let mut asks = connect(Version::V5);
    asks.properties.authentication_method = Some("SCRAM");
    let refused = admit(&asks, &Terms::default());
    assert_eq!(refused, Err(Reason::BadAuthenticationMethod));
    let terms = Terms {
        authentication_methods: ["SCRAM".into()].into(),
        ..Terms::default()
    };
    let admission = admit(&asks, &terms).unwrap();
    let words = Welcome {
        authentication: Some(("SCRAM", Some(b"v="))),
        ..Welcome::default()
    };
    let said = said(&admission, &terms, words);
    assert!(holds(&said, b"\x15\0\x05SCRAM\x16\0\x02v="));
}

#[test]
fn auth_is_for_those_who_named_a_method() {
    let auth = |reason| {
        Packet::Auth(Auth {
            reason,
            authentication_method: "SCRAM",
            authentication_data: None,
            reason_string: None,
            user_properties: UserProperties::default(),
        })
    };
    let mut bench = Bench::new(Version::V5);
    let error = Did::Close(Close::Violation(Reason::ProtocolError));
    assert_eq!(bench.give(auth(Reason::Reauthenticate)), error);
    let admission = Admission {
        has_method: true,
        ..admission(Version::V5, Profile::PLAIN)
    };
    bench.session = Session::new(&admission, &mut bench.commons.profiles).unwrap();
    for reason in [Reason::Reauthenticate, Reason::ContinueAuthentication] {
        assert_eq!(bench.give(auth(reason)), Did::Authenticate);
    }
}

#[test]
fn a_lower_maximum_qos_is_said_and_held() {
    let terms = Terms {
        maximum_qos: Qos::AtLeastOnce,
        ..Terms::default()
    };
    let mut asks = connect(Version::V5);
    let admission = admit(&asks, &terms).unwrap();
    assert!(holds(
        &said(&admission, &terms, Welcome::default()),
        &[0x24, 1]
    ));
    asks.will = Some(will(Qos::ExactlyOnce, 0, None));
    assert_eq!(admit(&asks, &terms), Err(Reason::QosNotSupported));
    let mut bench = Bench::new(Version::V5);
    bench.terms = terms;
    let violation = Did::Close(Close::Violation(Reason::QosNotSupported));
    assert_eq!(bench.give(publish(1, Qos::ExactlyOnce)), violation);
    assert_eq!(
        bench.give(publish(1, Qos::AtLeastOnce)),
        Did::Offered("t".into())
    );
}

#[test]
fn bounds_of_the_client_beyond_our_own_make_no_new_profile() {
    let terms = Terms::default();
    let mut asks = connect(Version::V5);
    let plain = admit(&asks, &terms).unwrap().profile;
    asks.properties.receive_max = 60_000;
    assert_eq!(admit(&asks, &terms).unwrap().profile, plain);
    asks.properties.topic_alias_max = 17;
    let seventeen = admit(&asks, &terms).unwrap().profile;
    asks.properties.topic_alias_max = 60_000;
    assert_eq!(admit(&asks, &terms).unwrap().profile, seventeen);
}

#[test]
fn reason_strings_are_for_those_who_want_them() {
    for (version, wanted, may) in [
        (Version::V5, true, true),
        (Version::V5, false, false),
        (Version::V311, true, false),
    ] {
        let profile = Profile {
            problem_information: wanted,
            ..Profile::PLAIN
        };
        let bench = Bench::with(version, profile);
        assert_eq!(bench.session.may_explain(&bench.commons.profiles), may);
    }
}

#[test]
fn a_will_lives_from_the_moment_it_is_published() {
    let asks = Connect {
        will: Some(will(Qos::AtLeastOnce, 30, Some(60))),
        ..connect(Version::V5)
    };
    assert_eq!(Will::of(&connect(Version::V5), 7), None);
    let will = Will::of(&asks, 7).unwrap();
    assert_eq!(will.due_after_secs(100), 30);
    assert_eq!(will.due_after_secs(10), 10, "the session ends first");
    let message = will.publish(1_000);
    assert_eq!(message.expires_at_sec, 1_060);
    assert_eq!((&*message.topic, &*message.payload), ("w", &b"gone"[..]));
    assert!(message.retain && message.publisher == 7);
    assert_eq!(*message.properties, *b"\x03\0\x04text");
}

#[test]
fn a_retained_publish_and_a_subscribe_are_for_the_shard_to_do() {
    let mut bench = Bench::new(Version::V5);
    let retained = Packet::Publish(Publish {
        dup: false,
        qos: Qos::AtMostOnce,
        retain: true,
        topic: "t",
        packet_id: 0,
        properties: PublishProperties::default(),
        payload: b"",
    });
    assert_eq!(bench.give(retained), Did::Offered("t".into()));
    let body = [0, 5, 0, 0, 1, b'a', 1];
    let subscribe = crate::decode::packet(Version::V5, 0x82, &body).unwrap();
    assert_eq!(bench.give(subscribe), Did::Subscribe);
    assert_eq!(bench.written(), []);
}
