//! A PUBLISH that was taken says the same when it is passed on.
#![no_main]
use tributary_proto::{
    decode, encode, frame::Front, frame::front, packet::Packet, version::Version,
};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((&flags, body)) = bytes.split_first() else {
        return;
    };
    let heard = decode::packet(Version::V5, 0x30 | flags & 0x0F, body);
    let Ok(Packet::Publish(publish)) = heard else {
        return;
    };
    let mut out = Vec::new();
    encode::publish(&mut out, Version::V5, &publish);
    let again = match front(&out, u32::MAX) {
        Ok(Front::Frame {
            first_byte, body, ..
        }) => decode::packet(Version::V5, first_byte, body),
        short => panic!("{short:?}"),
    };
    assert_eq!(again, heard);
});
