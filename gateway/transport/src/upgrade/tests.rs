//! Requests as browsers and devices send them, and as they must not be.

mod attacks;
mod refusals;

use super::*;
use crate::limits::{HEAD_BYTES_MAX, HEAD_FIELDS_MAX};

const RULES: Rules<'_> = Rules {
    path: Some("/mqtt"),
    head_bytes_max: HEAD_BYTES_MAX,
};

/// The fields of RFC 6455 1.3, for MQTT.
const FIELDS: [&str; 6] = [
    "Host: server.example.com",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Protocol: mqtt",
    "Sec-WebSocket-Version: 13",
];

fn request(line: &str, fields: &[&str]) -> Vec<u8> {
    let lines = [&[line], fields, &["", ""]].concat();
    lines.join("\r\n").into_bytes()
}

/// A good request with one field in place of the one with the same name, or behind all others.
fn with(field: &str) -> Vec<u8> {
    let name = |field: &str| field.split(':').next().map(str::to_ascii_lowercase);
    let mut fields = FIELDS.to_vec();
    match fields.iter_mut().find(|other| name(other) == name(field)) {
        Some(place) => *place = field,
        None => fields.push(field),
    }
    request("GET /mqtt HTTP/1.1", &fields)
}

fn without(name: &str) -> Vec<u8> {
    let mut fields = FIELDS.to_vec();
    fields.retain(|field| !field.starts_with(name));
    assert_eq!(fields.len(), FIELDS.len() - 1, "there is no {name}");
    request("GET /mqtt HTTP/1.1", &fields)
}

/// A good request with one field more.
fn and(field: &str) -> Vec<u8> {
    request("GET /mqtt HTTP/1.1", &[&FIELDS[..], &[field]].concat())
}

/// Reads what must be whole and right.
#[track_caller]
fn upgrade(bytes: &[u8]) -> Upgrade<'_> {
    match AwaitRequest::default().on_bytes(bytes, &RULES) {
        Ok(Front::Request {
            upgrade,
            head_bytes,
        }) if head_bytes == bytes.len() => upgrade,
        other => panic!("not granted: {other:?}"),
    }
}

fn refusal(bytes: &[u8]) -> Option<Refusal> {
    AwaitRequest::default().on_bytes(bytes, &RULES).err()
}

fn answer(upgrade: &Upgrade<'_>) -> String {
    let mut out = Vec::new();
    upgrade.answer(&mut out);
    String::from_utf8(out).expect("the answer is ASCII")
}

#[test]
fn the_key_of_the_specification_gets_its_proof() {
    let bytes = request("GET /mqtt HTTP/1.1", &FIELDS);
    assert_eq!(
        answer(&upgrade(&bytes)),
        "HTTP/1.1 101 Switching Protocols\r\n\
         Upgrade: websocket\r\n\
         Connection: Upgrade\r\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
         Sec-WebSocket-Protocol: mqtt\r\n\r\n"
    );
}

#[test]
fn a_request_is_short_until_its_last_byte_however_it_is_cut() {
    let bytes = request("GET /mqtt?token=1 HTTP/1.1", &FIELDS);
    let mut byte_by_byte = AwaitRequest::default();
    for cut in 0..bytes.len() {
        let mut at_once = AwaitRequest::default();
        for state in [&mut byte_by_byte, &mut at_once] {
            let front = state.on_bytes(&bytes[..cut], &RULES);
            assert!(matches!(front, Ok(Front::Short)), "cut at {cut}: {front:?}");
        }
        let front = at_once.on_bytes(&bytes, &RULES);
        assert!(
            matches!(front, Ok(Front::Request { .. })),
            "cut at {cut}: {front:?}"
        );
    }
    let followed = [&bytes[..], b"\x82\x80\0\0\0\0"].concat();
    let front = byte_by_byte.on_bytes(&followed, &RULES);
    let Ok(Front::Request {
        upgrade,
        head_bytes,
    }) = front
    else {
        panic!("not granted: {front:?}");
    };
    assert_eq!(head_bytes, bytes.len());
    assert_eq!((upgrade.path, upgrade.query), ("/mqtt", Some("token=1")));
    assert_eq!(upgrade.host, "server.example.com");
}

#[test]
fn what_a_browser_sends_is_granted() {
    let bytes = request(
        "GET /mqtt HTTP/1.1",
        &[
            "host: [2001:db8::1]:8083",
            "Connection: keep-alive, Upgrade",
            "Pragma: no-cache",
            "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0)",
            "UPGRADE:  WebSocket\t",
            "Origin: https://app.example",
            "X-Forwarded-For: 198.51.100.1, 10.0.0.9",
            "Sec-WebSocket-Version: 13",
            "Cookie: a=\u{E4}",
            "Sec-WebSocket-Key:dGhlIHNhbXBsZSBub25jZR==",
            "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
            "x-forwarded-for: 10.0.0.10",
            "Sec-WebSocket-Protocol: chat, mqtt",
            "Empty:",
        ],
    );
    let upgrade = upgrade(&bytes);
    assert_eq!(upgrade.host, "[2001:db8::1]:8083");
    let forwarded: Vec<_> = upgrade.values("X-Forwarded-For").collect();
    assert_eq!(forwarded, [&b"198.51.100.1, 10.0.0.9"[..], b"10.0.0.10"]);
    assert_eq!(
        upgrade.values("origin").next(),
        Some(&b"https://app.example"[..])
    );
    assert_eq!(upgrade.values("empty").next(), Some(&b""[..]));
    assert_eq!(upgrade.values("authorization").count(), 0);
    assert!(
        !answer(&upgrade).contains("Extensions"),
        "no extension is agreed on"
    );
}

#[test]
fn the_sub_protocol_is_mqtt_wherever_it_is_offered() {
    let agreed = |fields: &[&str]| {
        let mut all = FIELDS.to_vec();
        all.retain(|field| !field.starts_with("Sec-WebSocket-Protocol"));
        all.extend(fields);
        let bytes = request("GET /mqtt HTTP/1.1", &all);
        let upgrade = upgrade(&bytes);
        let named = format!("Sec-WebSocket-Protocol: {}\r\n", upgrade.protocol.name());
        assert!(answer(&upgrade).contains(&named));
        upgrade.protocol
    };
    assert_eq!(agreed(&["Sec-WebSocket-Protocol: mqtt"]), Protocol::Mqtt);
    assert_eq!(
        agreed(&["Sec-WebSocket-Protocol: mqttv3.1,mqtt"]),
        Protocol::Mqtt
    );
    assert_eq!(
        agreed(&["Sec-WebSocket-Protocol: mqtt , mqttv3.1"]),
        Protocol::Mqtt
    );
    assert_eq!(
        agreed(&["Sec-WebSocket-Protocol: mqttv3.1"]),
        Protocol::MqttV31
    );
    let twice = [
        "Sec-WebSocket-Protocol: mqttv3.1",
        "Sec-WebSocket-Protocol: mqtt",
    ];
    assert_eq!(agreed(&twice), Protocol::Mqtt);
}

#[test]
fn a_listener_without_a_path_serves_every_path() {
    let rules = Rules {
        path: None,
        ..RULES
    };
    for line in [
        "GET / HTTP/1.1",
        "GET /mqtt HTTP/1.1",
        "GET /a/b?c HTTP/1.1",
    ] {
        let bytes = request(line, &FIELDS);
        let front = AwaitRequest::default().on_bytes(&bytes, &rules);
        assert!(
            matches!(front, Ok(Front::Request { .. })),
            "{line}: {front:?}"
        );
    }
}

#[test]
fn a_waiting_client_is_two_bytes_of_state() {
    assert_eq!(size_of::<AwaitRequest>(), 2);
    assert_eq!(size_of::<Refusal>(), 1);
}
