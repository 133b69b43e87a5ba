//! Requests that two readers could read in two ways, and floods.

use super::*;
use crate::random::Random;

#[test]
fn a_field_that_must_come_once_does_not_come_twice() {
    for field in [
        "Host: server.example.com",
        "HOST: other.example",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
    ] {
        assert_eq!(refusal(&and(field)), Some(Refusal::FieldTwice), "{field}");
    }
}

#[test]
fn a_request_has_no_body() {
    for field in [
        "Content-Length: 5",
        "Content-Length: 00",
        "Content-Length: 0, 5",
        "Transfer-Encoding: chunked",
        "transfer-encoding: identity",
    ] {
        assert_eq!(refusal(&and(field)), Some(Refusal::HasBody), "{field}");
    }
    upgrade(&and("Content-Length: 0"));
}

#[test]
fn a_field_is_a_name_a_colon_and_a_value_on_one_line() {
    for (field, why) in [
        (" folded", Refusal::FieldFolded),
        ("\tfolded: x", Refusal::FieldFolded),
        ("X : y", Refusal::FieldMalformed),
        (": y", Refusal::FieldMalformed),
        ("no colon", Refusal::FieldMalformed),
        ("a b: y", Refusal::FieldMalformed),
        ("X\u{E4}: y", Refusal::FieldMalformed),
        ("Host\t: y", Refusal::FieldMalformed),
    ] {
        assert_eq!(refusal(&and(field)), Some(why), "{field:?}");
    }
    let mut fields = FIELDS.to_vec();
    fields.insert(0, " folded into the request line");
    let bytes = request("GET /mqtt HTTP/1.1", &fields);
    assert_eq!(refusal(&bytes), Some(Refusal::FieldFolded));
}

#[test]
fn a_line_ends_with_both_bytes_and_holds_no_controls() {
    for (field, why) in [
        ("X: y\nY: z", Refusal::LineFeedBare),
        ("X: y\n\r", Refusal::LineFeedBare),
        ("X: y\rY: z", Refusal::CarriageReturnBare),
        ("X: y\r\rz", Refusal::CarriageReturnBare),
        ("X: \0", Refusal::ControlByte),
        ("X: \x0B", Refusal::ControlByte),
        ("X: \x1B[2J", Refusal::ControlByte),
        ("X: \x7F", Refusal::ControlByte),
    ] {
        assert_eq!(refusal(&and(field)), Some(why), "{field:?}");
    }
    let bare = String::from_utf8(request("GET /mqtt HTTP/1.1", &FIELDS)).unwrap();
    let bare = bare.replace("\r\n", "\n");
    assert_eq!(refusal(bare.as_bytes()), Some(Refusal::LineFeedBare));
}

#[test]
fn whoever_speaks_something_else_is_known_by_the_first_bytes() {
    for (bytes, why) in [
        (&b"\x10"[..], Refusal::NotHttp),
        (b"\x16\x03\x01", Refusal::NotHttp),
        (b"\r\nGET / HTTP/1.1\r\n", Refusal::NotHttp),
        (b" GET", Refusal::NotHttp),
        (b"get", Refusal::NotHttp),
        (b"\n", Refusal::LineFeedBare),
        (b"GET /mqtt HTTP/1.1\0", Refusal::ControlByte),
    ] {
        assert_eq!(refusal(bytes), Some(why), "{bytes:?}");
    }
}

#[test]
fn a_head_ends_below_its_maximum_or_is_refused_with_431() {
    let bytes_with = |padding: usize| and(&format!("X: {}", "y".repeat(padding)));
    let room = usize::from(HEAD_BYTES_MAX) - bytes_with(0).len();
    upgrade(&bytes_with(room));
    let over = bytes_with(room + 1);
    assert_eq!(refusal(&over), Some(Refusal::HeadTooLong));
    let endless = b"GET ".iter().chain([b'/'; 70_000].iter());
    let endless: Vec<u8> = endless.copied().collect();
    assert_eq!(refusal(&endless), Some(Refusal::HeadTooLong));
    let mut state = AwaitRequest::default();
    let found = (1..=endless.len()).find_map(|cut| {
        let refusal = state.on_bytes(&endless[..cut], &RULES).err();
        refusal.map(|why| (cut, why))
    });
    assert_eq!(
        found,
        Some((usize::from(HEAD_BYTES_MAX), Refusal::HeadTooLong))
    );
}

#[test]
fn a_flood_of_fields_is_refused_with_431() {
    let flood = |count: usize| {
        let more = vec!["a:"; count];
        request("GET /mqtt HTTP/1.1", &[&FIELDS[..], &more].concat())
    };
    upgrade(&flood(HEAD_FIELDS_MAX - FIELDS.len()));
    let over = flood(HEAD_FIELDS_MAX - FIELDS.len() + 1);
    assert_eq!(refusal(&over), Some(Refusal::FieldsTooMany));
}

#[test]
fn a_byte_at_a_time_is_looked_at_once() {
    // What was scanned is not scanned again: a byte that goes bad behind the scan is not seen.
    let mut bytes = request("GET /mqtt HTTP/1.1", &FIELDS);
    let end = bytes.len();
    let mut state = AwaitRequest::default();
    assert!(matches!(
        state.on_bytes(&bytes[..end - 1], &RULES),
        Ok(Front::Short)
    ));
    bytes[..end - 4].fill(0);
    let found = state.on_bytes(&bytes, &RULES).err();
    assert_eq!(
        found,
        Some(Refusal::RequestLineMalformed),
        "not ControlByte"
    );
}

#[test]
fn random_damage_never_panics() {
    let mut random = Random::new(1);
    let original = request("GET /mqtt HTTP/1.1", &FIELDS);
    let (mut granted, mut refused) = (0, 0);
    for _ in 0..5_000 {
        let mut bytes = original.clone();
        for _ in 0..=random.below(2) {
            let at = random.below(bytes.len());
            bytes[at] = b"\r\n :,\0\tAa=/\x80"[random.below(12)];
        }
        let cut = random.below(bytes.len());
        let mut state = AwaitRequest::default();
        let first = state.on_bytes(&bytes[..cut], &RULES).map(drop);
        let pieces = first.and_then(|()| state.on_bytes(&bytes, &RULES).map(drop));
        let whole = AwaitRequest::default().on_bytes(&bytes, &RULES).map(drop);
        assert_eq!(pieces, whole, "cut at {cut}: {}", bytes.escape_ascii());
        match whole {
            Ok(()) => granted += 1,
            Err(_) => refused += 1,
        }
    }
    assert!(
        granted > 100 && refused > 100,
        "{granted} granted, {refused} refused"
    );
}
