//! Frames that are wrong, too large, or too many.

use super::*;
use crate::limits::{HOLLOW_FRAMES_MAX, HOLLOW_WINDOW_SECS};

const FLOOD: usize = HOLLOW_FRAMES_MAX as usize;

#[test]
fn every_wrong_frame_has_its_fault_and_its_code() {
    let close = |payload: &[u8]| frame(CLOSE, payload);
    for (bytes, why, code) in [
        (frame(0x81, b"text"), Malformed::TextFrame, 1003),
        (frame(0x01, b"text"), Malformed::TextFrame, 1003),
        (vec![0x82, 5, 1, 2, 3, 4, 5], Malformed::NotMasked, 1002),
        (vec![0x89, 0], Malformed::NotMasked, 1002),
        (frame(0xC2, b"x"), Malformed::ReservedBitSet, 1002),
        (frame(0xA2, b"x"), Malformed::ReservedBitSet, 1002),
        (frame(0x92, b"x"), Malformed::ReservedBitSet, 1002),
        (
            frame(0x83, b"x"),
            Malformed::OpcodeUnknown { opcode: 3 },
            1002,
        ),
        (
            frame(0x87, b"x"),
            Malformed::OpcodeUnknown { opcode: 7 },
            1002,
        ),
        (
            frame(0x8B, b"x"),
            Malformed::OpcodeUnknown { opcode: 11 },
            1002,
        ),
        (
            frame(0x8F, b"x"),
            Malformed::OpcodeUnknown { opcode: 15 },
            1002,
        ),
        (frame(0x09, b"x"), Malformed::ControlFragmented, 1002),
        (frame(0x08, b""), Malformed::ControlFragmented, 1002),
        (frame(PING, &[0; 126]), Malformed::ControlTooLong, 1002),
        (frame(PONG, &[0; 70_000]), Malformed::ControlTooLong, 1002),
        (frame(0x80, b"x"), Malformed::ContinuationUnbegun, 1002),
        (frame(0x00, b""), Malformed::ContinuationUnbegun, 1002),
        (close(b"\x03"), Malformed::CloseCut, 1002),
        (close(b"\x03\xE8\xFF"), Malformed::CloseReasonNotUtf8, 1007),
    ] {
        assert_eq!(fault(&bytes), Some(why), "{bytes:?}");
        assert_eq!(why.close_code().value(), code, "{why}");
        assert_eq!(read(&bytes).data, b"", "nothing of a wrong frame is MQTT");
    }
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535] {
        let found = fault(&close(&u16::to_be_bytes(code)));
        assert_eq!(found, Some(Malformed::CloseCodeReserved { code }));
    }
}

#[test]
fn a_message_does_not_begin_inside_another_one() {
    let begun = frame(0x02, b"first");
    for next in [frame(BINARY, b"second"), frame(0x02, b"")] {
        let found = read(&[&begun[..], &next].concat());
        assert_eq!(
            found.end,
            Some(End::Malformed(Malformed::MessageUnfinished))
        );
        assert_eq!(found.data, b"first", "what came before still counts");
    }
    let ended = [begun, frame(0x80, b""), frame(BINARY, b"second")].concat();
    assert_eq!(fault(&ended), None);
    let twice = [frame(BINARY, b"x"), frame(0x80, b"y")].concat();
    assert_eq!(fault(&twice), Some(Malformed::ContinuationUnbegun));
}

#[test]
fn a_length_takes_no_more_bytes_than_it_needs() {
    for (length, why) in [
        (&[0xFE, 0, 125][..], Malformed::LengthNotMinimal),
        (&[0xFE, 0, 0], Malformed::LengthNotMinimal),
        (&[0xFF, 0, 0, 0, 0, 0, 0, 0, 5], Malformed::LengthNotMinimal),
        (
            &[0xFF, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF],
            Malformed::LengthNotMinimal,
        ),
        (
            &[0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0],
            Malformed::LengthTooLarge,
        ),
        (&[0xFF; 9], Malformed::LengthTooLarge),
    ] {
        let bytes = [&[BINARY], length].concat();
        assert_eq!(fault(&bytes), Some(why), "{length:?}");
        assert_eq!(why.close_code(), CloseCode::PROTOCOL_ERROR);
    }
}

#[test]
fn a_huge_frame_is_refused_by_its_header() {
    let begin = |length: u64| [&[BINARY, 0xFF][..], &length.to_be_bytes()].concat();
    for bytes in [u64::from(FRAME_BYTES_MAX) + 1, 1 << 32, u64::MAX >> 1] {
        let why = Malformed::FrameTooLarge { bytes };
        assert_eq!(fault(&begin(bytes)), Some(why));
        assert_eq!(why.close_code(), CloseCode::TOO_BIG);
    }
    assert_eq!(fault(&begin(u64::from(FRAME_BYTES_MAX))), None);

    let limited = |payload_bytes: usize| {
        let mut bytes = frame(BINARY, &vec![0; payload_bytes]);
        Decoder::default().on_read(&mut bytes, 0, 100).end
    };
    assert_eq!(limited(100), None);
    assert_eq!(
        limited(101),
        Some(End::Malformed(Malformed::FrameTooLarge { bytes: 101 }))
    );
}

#[test]
fn what_is_wrong_is_known_by_its_first_bytes() {
    for (bytes, why) in [
        (&[0x81][..], Malformed::TextFrame),
        (&[0x10], Malformed::ReservedBitSet),
        (&[0x16], Malformed::ReservedBitSet),
        (&[0x09], Malformed::ControlFragmented),
        (&[0x82, 0x05], Malformed::NotMasked),
        (&[0x89, 0xFE], Malformed::ControlTooLong),
        (&[0x82, 0xFE, 0, 1], Malformed::LengthNotMinimal),
    ] {
        assert_eq!(fault(bytes), Some(why), "{bytes:?}");
    }
}

#[test]
fn nothing_is_read_behind_the_end() {
    for last in [frame(CLOSE, b""), frame(0x81, b"text")] {
        let mut decoder = Decoder::default();
        let mut found = Found::default();
        let bytes = [
            &frame(BINARY, b"in front")[..],
            &last,
            &frame(BINARY, b"behind"),
        ]
        .concat();
        found.read(&mut decoder, &bytes);
        let end = found.end.take();
        assert!(end.is_some());
        found.read(
            &mut decoder,
            &[frame(BINARY, b"more"), frame(PING, b"")].concat(),
        );
        assert_eq!(found.data, b"in front");
        assert_eq!((found.pings.len(), found.end), (0, None));
    }
}

#[test]
fn a_flood_of_frames_without_mqtt_ends_the_connection() {
    for hollow in [
        frame(PING, b""),
        frame(PING, b"payload"),
        frame(PONG, b""),
        frame(BINARY, b""),
    ] {
        let at_most = read(&hollow.repeat(FLOOD));
        assert_eq!(at_most.end, None);
        assert!(at_most.pings.len() <= 1, "one read owes one pong");
        let flood = hollow.repeat(FLOOD + 1);
        assert_eq!(fault(&flood), Some(Malformed::Flood));
    }
    assert_eq!(Malformed::Flood.close_code(), CloseCode::POLICY_VIOLATION);
    let fragments = [frame(0x02, b""), frame(0x00, b"").repeat(FLOOD)].concat();
    assert_eq!(fault(&fragments), Some(Malformed::Flood));
}

#[test]
fn a_flood_is_counted_across_reads_and_idle_times_in_one_window() {
    let mut idle = Idle::default();
    let mut ping = |now_secs: u32| {
        let mut decoder = Decoder::from(idle);
        let end = decoder
            .on_read(&mut frame(PING, b"x"), now_secs, FRAME_BYTES_MAX)
            .end;
        idle = decoder.idle().unwrap_or(idle);
        end
    };
    let window_begins = 1_000 * HOLLOW_WINDOW_SECS;
    for _ in 0..FLOOD {
        assert_eq!(ping(window_begins), None);
    }
    let flood = Some(End::Malformed(Malformed::Flood));
    assert_eq!(ping(window_begins), flood);
    assert_eq!(ping(window_begins + HOLLOW_WINDOW_SECS - 1), flood);
    assert_eq!(
        ping(window_begins + HOLLOW_WINDOW_SECS),
        None,
        "another window"
    );
}

#[test]
fn a_client_may_ping_for_days_and_send_much_without_a_ping() {
    let mut idle = Idle::default();
    for round in 0..100_000_u32 {
        let mut decoder = Decoder::from(idle);
        let mut bytes = frame(PING, b"");
        let read = decoder.on_read(&mut bytes, round * 20, FRAME_BYTES_MAX);
        assert!(read.end.is_none() && read.ping.is_some(), "round {round}");
        idle = decoder.idle().expect("the frame is whole");
    }
    assert_eq!(fault(&frame(BINARY, b"x").repeat(10 * FLOOD)), None);
}

#[test]
fn a_count_does_not_disturb_a_message_in_fragments() {
    let pings = frame(PING, b"").repeat(FLOOD);
    let bytes = [frame(0x02, b"a"), pings, frame(0x80, b"b")].concat();
    let found = read(&bytes);
    assert_eq!((found.data, found.end), (b"ab".to_vec(), None));
}
