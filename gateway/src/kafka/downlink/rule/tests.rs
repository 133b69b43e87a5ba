//! Whom a record is for, what it says, and which records say nothing.

use super::*;

const NOW_SEC: u32 = 1_000_000;

fn rule() -> Rule {
    Rule {
        topic: "commands".to_owned(),
        to: Some(Template::parse("dev/{key}/cmd").expect("a template")),
        device: Some(Template::parse("{key}").expect("a template")),
        qos: Qos::AtLeastOnce,
        expiry_secs: 0,
        user_properties: false,
        uncommitted_max: 100,
        from: From::End,
        terms: TrayTerms {
            rule: 0,
            waiting_max: 10,
            drops_newest: false,
            latest: false,
            several: false,
        },
    }
}

fn record<'a>(headers: &'a [(&'a str, Option<&'a [u8]>)]) -> Record<'a> {
    Record {
        key: Some(b"d7"),
        value: Some(b"on"),
        headers,
        timestamp_millis: Some(i64::from(NOW_SEC) * 1_000),
    }
}

#[test]
fn a_record_names_its_device_and_topic_by_templates() {
    let addressed = rule().address(&record(&[]), NOW_SEC).expect("a command");
    assert_eq!(addressed.device.as_deref(), Some("d7"));
    assert_eq!(&*addressed.message.topic, "dev/d7/cmd");
    assert_eq!(&*addressed.message.payload, b"on");
    assert_eq!(addressed.message.expires_at_sec, Message::NEVER);
}

#[test]
fn without_a_template_the_header_names_the_topic_and_nobody_is_meant_alone() {
    let everyone = Rule {
        to: None,
        device: None,
        ..rule()
    };
    let headers = [("mqtt.topic", Some(&b"fleet/news"[..]))];
    let addressed = everyone.address(&record(&headers), NOW_SEC);
    let addressed = addressed.expect("a command");
    assert_eq!(addressed.device, None);
    assert_eq!(&*addressed.message.topic, "fleet/news");
    let nowhere = everyone.address(&record(&[]), NOW_SEC);
    assert_eq!(nowhere.err(), Some(Dropped::Unaddressable));
}

#[test]
fn a_record_that_names_no_device_or_topic_is_unaddressable() {
    for key in [
        None,
        Some(&b""[..]),
        Some(b"\xFF"),
        Some(b"a\0"),
        Some(b"a/#"),
    ] {
        let record = Record { key, ..record(&[]) };
        let addressed = rule().address(&record, NOW_SEC);
        assert_eq!(addressed.err(), Some(Dropped::Unaddressable), "{key:?}");
    }
}

#[test]
fn a_records_life_is_counted_from_its_timestamp() {
    let mortal = Rule {
        expiry_secs: 60,
        ..rule()
    };
    let aged = |secs: u32| Record {
        timestamp_millis: Some(i64::from(NOW_SEC - secs) * 1_000),
        ..record(&[])
    };
    let young = mortal.address(&aged(10), NOW_SEC).expect("a command");
    assert_eq!(young.message.expires_at_sec, NOW_SEC + 50);
    let old = mortal.address(&aged(60), NOW_SEC);
    assert_eq!(old.err(), Some(Dropped::Expired));
    let unknown = Record {
        timestamp_millis: None,
        ..record(&[])
    };
    let unknown = mortal.address(&unknown, NOW_SEC).expect("a command");
    assert_eq!(unknown.message.expires_at_sec, NOW_SEC + 60);
}

#[test]
fn headers_become_the_properties_of_a_request() {
    let headers = [
        ("mqtt.response_topic", Some(&b"dev/d7/answer"[..])),
        ("mqtt.correlation_data", Some(&[0, 0xFF][..])),
        ("mqtt.content_type", Some(&b"text/plain"[..])),
        ("trace", Some(&b"t1"[..])),
        ("raw", Some(&[0xFF][..])),
        ("none", None),
    ];
    let said = |user_properties| {
        let rule = Rule {
            user_properties,
            ..rule()
        };
        let addressed = rule.address(&record(&headers), NOW_SEC);
        addressed.expect("a command").message.properties
    };
    let own = [
        &[0x03, 0, 10][..],
        b"text/plain",
        &[0x08, 0, 13],
        b"dev/d7/answer",
        &[0x09, 0, 2, 0, 0xFF],
    ]
    .concat();
    assert_eq!(*said(false), *own);
    let user = [&[0x26, 0, 5][..], b"trace", &[0, 2], b"t1"].concat();
    assert_eq!(*said(true), *[own, user].concat());
}

#[test]
fn a_tombstone_is_one_only_where_the_newest_counts() {
    let empty = Record {
        value: None,
        ..record(&[])
    };
    let plain = rule().address(&empty, NOW_SEC).expect("a command");
    assert!(!plain.is_tombstone && plain.message.payload.is_empty());
    let mut compacted = rule();
    compacted.terms.latest = true;
    let tombstone = compacted.address(&empty, NOW_SEC).expect("a command");
    assert!(tombstone.is_tombstone);
}
