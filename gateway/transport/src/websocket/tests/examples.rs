//! The examples of RFC 6455 5.7, and every cut of a conversation.

use super::*;

/// "Hello", masked: the example's bytes, as a binary frame.
const HELLO: [u8; 11] = [
    0x82, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58,
];

#[test]
fn a_masked_message_is_unmasked_where_it_lies() {
    assert_eq!(
        frame(BINARY, b"Hello"),
        HELLO,
        "the tests' client agrees with the RFC"
    );
    let mut bytes = HELLO;
    let place = bytes[6..].as_ptr();
    let mut decoder = Decoder::default();
    let found = decoder.on_read(&mut bytes, 0, FRAME_BYTES_MAX);
    assert_eq!(found.data, b"Hello");
    assert_eq!(found.data.as_ptr(), place, "no byte is moved");
    assert_eq!((found.ping, found.end), (None, None));
    assert_eq!(decoder.idle(), Some(Idle::default()));
}

#[test]
fn a_masked_ping_and_its_masked_pong_are_understood() {
    let ping = [
        0x89, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58,
    ];
    let pong = [
        0x8A, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58,
    ];
    assert_eq!(read(&ping).pings, [b"Hello"]);
    assert_eq!(
        read(&pong),
        Found::default(),
        "a pong that nobody asked for says nothing"
    );
}

#[test]
fn fragments_are_one_run_of_bytes() {
    let bytes = [frame(0x02, b"Hel"), frame(0x80, b"lo")].concat();
    let found = read(&bytes);
    assert_eq!((found.data, found.end), (b"Hello".to_vec(), None));
}

#[test]
fn lengths_of_16_and_64_bits_are_read() {
    for length in [125, 126, 127, 256, 65_535, 65_536, 70_001] {
        let payload: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
        let found = read(&frame(BINARY, &payload));
        assert!(
            found.data == payload && found.end.is_none(),
            "{length} bytes"
        );
    }
    assert_eq!(&frame(BINARY, &[0; 256])[1..4], [0xFE, 0x01, 0x00]);
    assert_eq!(
        &frame(BINARY, &[0; 65_536])[1..10],
        [0xFF, 0, 0, 0, 0, 0, 1, 0, 0]
    );
}

/// All that may come in a conversation, with payloads of every length modulo 4 and 8.
fn conversation() -> (Vec<u8>, Vec<u8>) {
    let run: Vec<u8> = (0..=255).collect();
    let frames = [
        frame(BINARY, &run[..1]),
        frame(0x02, &run[1..8]),
        frame(PING, b"between fragments"),
        frame(0x00, &run[8..8]),
        frame(0x00, &run[8..23]),
        frame(PONG, b""),
        frame(0x80, &run[23..25]),
        frame(BINARY, &run[25..25]),
        frame_by([0; 4], BINARY, &run[25..28]),
        frame(PING, b""),
        frame(BINARY, &run[28..]),
        frame(CLOSE, b"\x03\xE8bye"),
        frame(BINARY, b"behind the close frame"),
    ];
    (frames.concat(), run)
}

#[test]
fn every_cut_gives_the_same_bytes() {
    let (bytes, run) = conversation();
    let code = Some(CloseCode::NORMAL);
    for cut in 0..=bytes.len() {
        let mut decoder = Decoder::default();
        let mut found = Found::default();
        found.read(&mut decoder, &bytes[..cut]);
        found.read(&mut decoder, &bytes[cut..]);
        assert_eq!(found.data, run, "cut at {cut}");
        assert_eq!(found.end, Some(End::Closed { code }), "cut at {cut}");
        let last = found.pings.last().map(Vec::as_slice);
        assert_eq!(last, Some(&b""[..]), "cut at {cut}");
    }
}

#[test]
fn a_byte_at_a_time_gives_the_same_bytes_and_every_ping() {
    let (bytes, run) = conversation();
    let mut decoder = Decoder::default();
    let mut found = Found::default();
    for byte in &bytes {
        found.read(&mut decoder, &[*byte]);
    }
    assert_eq!(found.data, run);
    assert_eq!(found.pings, [&b"between fragments"[..], b""]);
}

#[test]
fn between_frames_two_bytes_are_enough_to_go_on() {
    let (bytes, run) = conversation();
    for cut in 0..=bytes.len() {
        let mut decoder = Decoder::default();
        let mut found = Found::default();
        found.read(&mut decoder, &bytes[..cut]);
        if let Some(idle) = decoder.idle() {
            decoder = Decoder::from(idle);
        }
        found.read(&mut decoder, &bytes[cut..]);
        assert_eq!(found.data, run, "cut at {cut}");
    }
}

#[test]
fn there_is_nothing_to_keep_only_between_frames() {
    let bytes = frame(BINARY, b"Hello");
    let mut decoder = Decoder::default();
    let mut found = Found::default();
    for byte in &bytes[..bytes.len() - 1] {
        found.read(&mut decoder, &[*byte]);
        assert_eq!(decoder.idle(), None);
    }
    found.read(&mut decoder, &bytes[bytes.len() - 1..]);
    assert!(decoder.idle().is_some());
    found.read(&mut decoder, &frame(CLOSE, b""));
    assert_eq!(decoder.idle(), None, "what has ended is not idle");
}

#[test]
fn the_last_of_several_pings_in_a_read_is_answered() {
    let pings = [
        frame(PING, b"one"),
        frame(BINARY, b"x"),
        frame(PING, b"two"),
    ]
    .concat();
    let found = read(&pings);
    assert_eq!(found.pings, [b"two"]);
    assert_eq!(found.data, b"x");
}

#[test]
fn a_close_frame_is_answered_with_its_own_code() {
    for (payload, code) in [
        (&b""[..], None),
        (b"\x03\xE8", Some(1000)),
        (b"\x03\xE9gone", Some(1001)),
        (b"\x0B\xB8", Some(3000)),
        (b"\x13\x87\xC3\xA4", Some(4999)),
    ] {
        let found = read(&frame(CLOSE, payload));
        let Some(end @ End::Closed { .. }) = found.end else {
            panic!("not closed: {found:?}");
        };
        assert_eq!(end.answer().map(CloseCode::value), code);
    }
}
