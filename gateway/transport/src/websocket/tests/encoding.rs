//! What the server says, byte by byte.

use super::*;
use crate::limits::CONTROL_BYTES_MAX;

#[test]
fn a_header_takes_2_4_or_10_bytes() {
    assert_eq!(encode::binary(0).as_slice(), [0x82, 0]);
    assert_eq!(encode::binary(125).as_slice(), [0x82, 125]);
    assert_eq!(encode::binary(126).as_slice(), [0x82, 126, 0, 126]);
    assert_eq!(encode::binary(256).as_slice(), [0x82, 126, 1, 0]);
    assert_eq!(encode::binary(65_535).as_slice(), [0x82, 126, 0xFF, 0xFF]);
    assert_eq!(
        encode::binary(65_536).as_slice(),
        [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]
    );
    assert!(size_of::<encode::Header>() <= 11);
}

#[test]
fn a_pong_holds_what_its_ping_held() {
    for payload in [&b""[..], b"Hello", &[7; CONTROL_BYTES_MAX]] {
        let mut bytes = frame(PING, payload);
        let found = Decoder::default().on_read(&mut bytes, 0, FRAME_BYTES_MAX);
        let ping = found.ping.expect("a ping was sent");
        let mut out = b"in front".to_vec();
        encode::pong(&ping, &mut out);
        assert_eq!(
            out,
            [b"in front", &[0x8A, payload.len() as u8][..], payload].concat()
        );
    }
    let example = [0x8A, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F];
    let mut bytes = frame(PING, b"Hello");
    let found = Decoder::default().on_read(&mut bytes, 0, FRAME_BYTES_MAX);
    let mut out = Vec::new();
    encode::pong(&found.ping.expect("a ping was sent"), &mut out);
    assert_eq!(out, example, "the example of RFC 6455 5.7");
}

#[test]
fn a_close_frame_holds_its_code_or_nothing() {
    for (code, bytes) in [
        (None, &[0x88, 0][..]),
        (Some(CloseCode::NORMAL), &[0x88, 2, 0x03, 0xE8]),
        (Some(CloseCode::GOING_AWAY), &[0x88, 2, 0x03, 0xE9]),
        (Some(CloseCode::PROTOCOL_ERROR), &[0x88, 2, 0x03, 0xEA]),
        (Some(CloseCode::UNSUPPORTED_DATA), &[0x88, 2, 0x03, 0xEB]),
        (Some(CloseCode::POLICY_VIOLATION), &[0x88, 2, 0x03, 0xF0]),
        (Some(CloseCode::TOO_BIG), &[0x88, 2, 0x03, 0xF1]),
    ] {
        let mut out = Vec::new();
        encode::close(code, &mut out);
        assert_eq!(out, bytes);
    }
}
