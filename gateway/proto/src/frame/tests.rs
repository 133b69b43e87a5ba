//! Frames whole, short, too large and impossible.

use super::*;

const ANY_SIZE: u32 = u32::MAX;

#[test]
fn a_frame_is_cut_from_what_follows_it() {
    let bytes = [0x30, 3, 0, 1, b'a', 0xC0, 0];
    let front = front(&bytes, ANY_SIZE);
    assert_eq!(
        front,
        Ok(Front::Frame {
            first_byte: 0x30,
            body: &[0, 1, b'a'],
            rest: &[0xC0, 0]
        })
    );
}

#[test]
fn a_short_frame_says_how_many_bytes_are_missing() {
    assert_eq!(front(&[], ANY_SIZE), Ok(Front::Short { missing: 2 }));
    assert_eq!(front(&[0x30], ANY_SIZE), Ok(Front::Short { missing: 1 }));
    assert_eq!(
        front(&[0x30, 0x80], ANY_SIZE),
        Ok(Front::Short { missing: 1 })
    );
    assert_eq!(
        front(&[0x30, 0x80, 0x01], ANY_SIZE),
        Ok(Front::Short { missing: 128 })
    );
    assert_eq!(
        front(&[0x30, 5, 0, 1], ANY_SIZE),
        Ok(Front::Short { missing: 3 })
    );
}

#[test]
fn a_packet_over_the_maximum_is_refused_before_its_body_arrives() {
    assert_eq!(front(&[0x30, 98], 100), Ok(Front::Short { missing: 98 }));
    assert_eq!(
        front(&[0x30, 99], 100),
        Err(Malformed::PacketTooLarge { bytes: 101 })
    );
    let largest = [0x30, 0xFF, 0xFF, 0xFF, 0x7F];
    assert_eq!(
        front(&largest, 1000),
        Err(Malformed::PacketTooLarge { bytes: 268_435_460 })
    );
    assert_eq!(
        front(&largest, ANY_SIZE),
        Ok(Front::Short {
            missing: 268_435_455
        })
    );
}

#[test]
fn an_impossible_length_is_refused() {
    let field = Field::RemainingLength;
    let endless = [0x30, 0xFF, 0xFF, 0xFF, 0xFF];
    assert_eq!(
        front(&endless, ANY_SIZE),
        Err(Malformed::VarintTooLong { field })
    );
    assert_eq!(
        front(&[0xC0, 0x80, 0], ANY_SIZE),
        Err(Malformed::VarintNotMinimal { field })
    );
}

#[test]
fn every_first_byte_is_judged_before_anything_else_arrives() {
    let legal: Vec<u8> = (0..=255)
        .filter(|&byte| front(&[byte], ANY_SIZE).is_ok())
        .collect();
    let expected = [
        0x10, // CONNECT
        0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x3A, 0x3B, 0x3C, 0x3D, // PUBLISH
        0x40, 0x50, 0x62, 0x6A, 0x70, // the four acknowledgements, PUBREL once more for 3.1
        0x82, 0x8A, 0xA2, 0xAA, // SUBSCRIBE and UNSUBSCRIBE, again for 3.1
        0xC0, 0xE0, 0xF0, // PINGREQ, DISCONNECT, AUTH
    ];
    assert_eq!(legal, expected);
    assert_eq!(front(&[0x00], ANY_SIZE), Err(Malformed::TypeReserved));
    assert_eq!(front(&[0x36], ANY_SIZE), Err(Malformed::QosReserved));
    assert_eq!(front(&[0x38], ANY_SIZE), Err(Malformed::DupAtQos0));
    assert_eq!(
        front(&[0x11], ANY_SIZE),
        Err(Malformed::FlagsReserved { first_byte: 0x11 })
    );
    assert_eq!(
        front(&[0x20], ANY_SIZE),
        Err(Malformed::FromServerOnly { packet_type: 2 })
    );
}
