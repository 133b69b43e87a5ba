//! The codec against bytes from the specifications.

use super::decode::{Answer, Connack, answer};
use super::encode::{self, PublishHead};
use super::*;

#[test]
fn a_connect_has_the_bytes_of_the_specification() {
    let mut bytes = Vec::new();
    encode::connect(&mut bytes, Version::V311, b"ab", 60);
    assert_eq!(bytes, b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x3c\x00\x02ab");
    bytes.clear();
    encode::connect(&mut bytes, Version::V5, b"ab", 60);
    assert_eq!(bytes, b"\x10\x0f\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x02ab");
}

#[test]
fn a_publish_head_carries_id_and_dup_where_the_specification_puts_them() {
    let mut bytes = Vec::new();
    PublishHead::new(Version::V311, 1, b"a/b", 3).write(&mut bytes, Some(0x1234), true);
    assert_eq!(bytes, b"\x3a\x0a\x00\x03a/b\x12\x34");
    bytes.clear();
    PublishHead::new(Version::V5, 0, b"a/b", 3).write(&mut bytes, None, false);
    assert_eq!(bytes, b"\x30\x09\x00\x03a/b\x00");
}

#[test]
fn a_long_payload_gets_a_length_of_several_bytes() {
    let mut bytes = Vec::new();
    PublishHead::new(Version::V311, 0, b"t", 20_000).write(&mut bytes, None, false);
    bytes.resize(bytes.len() + 20_000, 7);
    match front(&bytes) {
        Ok(Front::Frame {
            body, frame_bytes, ..
        }) => {
            assert_eq!(body.len(), 20_003);
            assert_eq!(frame_bytes, bytes.len());
        }
        other => panic!("expected a frame, got {other:?}"),
    }
}

#[test]
fn frames_are_the_same_wherever_the_stream_is_split() {
    let mut stream = Vec::new();
    encode::acknowledge(&mut stream, packet::PUBACK, 1);
    stream.extend_from_slice(&[packet::PINGRESP << 4, 0]);
    encode::acknowledge(&mut stream, packet::PUBREC, 0xfffe);
    stream.extend_from_slice(b"\x20\x03\x00\x00\x00");
    let mut seen = Vec::new();
    for split in 0..=stream.len() {
        let mut partial = Vec::new();
        let mut frames = Vec::new();
        for part in [&stream[..split], &stream[split..]] {
            each_frame::<Malformed>(&mut partial, part, |first_byte, body| {
                frames.push((first_byte, body.to_vec()));
                Ok(())
            })
            .expect("every frame is well formed");
        }
        assert!(partial.is_empty() && partial.capacity() == 0);
        assert_eq!(frames.len(), 4, "split at {split}");
        seen.push(frames);
    }
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn a_connack_of_version_5_tells_the_limits() {
    let body = b"\x01\x00\x0f\x21\x00\x10\x24\x01\x27\x00\x01\x00\x00\x13\x00\x1e\x29\x00";
    let expected = Connack {
        reason: 0,
        session_present: true,
        receive_maximum: 16,
        maximum_qos: 1,
        maximum_packet_bytes: 65_536,
        server_keepalive_secs: Some(30),
    };
    assert_eq!(
        answer(Version::V5, 0x20, body),
        Ok(Answer::Connack(expected))
    );
}

#[test]
fn an_acknowledgement_may_leave_out_its_reason() {
    let short = answer(Version::V5, 0x40, b"\x00\x07");
    let long = answer(Version::V5, 0x40, b"\x00\x07\x97\x00");
    let ack = |reason| {
        Ok(Answer::Ack {
            packet_type: packet::PUBACK,
            packet_id: 7,
            reason,
        })
    };
    assert_eq!(short, ack(0));
    assert_eq!(long, ack(0x97));
}

#[test]
fn every_prefix_of_an_answer_is_short_or_named_and_never_a_panic() {
    let whole: &[&[u8]] = &[
        b"\x20\x12\x01\x00\x0f\x21\x00\x10\x24\x01\x27\x00\x01\x00\x00\x13\x00\x1e\x29\x00",
        b"\x40\x04\x00\x07\x97\x00",
        b"\x32\x07\x00\x01t\x00\x07\x00x",
    ];
    for frame in whole {
        assert!(matches!(front(frame), Ok(Front::Frame { .. })));
        for cut in 0..frame.len() {
            assert_eq!(front(&frame[..cut]), Ok(Front::Short));
        }
        for cut in 2..frame.len() {
            let _ = answer(Version::V5, frame[0], &frame[2..cut]);
        }
    }
}

#[test]
fn a_length_of_five_bytes_is_malformed() {
    assert_eq!(
        front(b"\x30\xff\xff\xff\xff\x01"),
        Err(Malformed::LengthTooLong)
    );
    assert_eq!(
        front(b"\x30\xff\xff\xff\x7f"),
        Err(Malformed::PacketTooLong)
    );
}
