//! Whatever body comes under whatever first byte, it is a packet that can be read to its end, or is
//! refused with a word.
#![no_main]
use tributary_proto::{decode, version::Version};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((&first_byte, body)) = bytes.split_first() else {
        return;
    };
    let _ = decode::connect(body).map(|connect| format!("{connect:?}"));
    for version in [Version::V31, Version::V311, Version::V5] {
        let _ = decode::packet(version, first_byte, body).map(|packet| format!("{packet:?}"));
    }
});
