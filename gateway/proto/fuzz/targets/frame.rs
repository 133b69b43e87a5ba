//! Whatever bytes come, frames cut from them are within them and in their order.
#![no_main]
use tributary_proto::frame::{Front, front};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut left = bytes;
    while let Ok(Front::Frame {
        first_byte,
        body,
        rest,
    }) = front(left, 4096)
    {
        assert!(left[0] == first_byte && left[..left.len() - rest.len()].ends_with(body));
        left = rest;
    }
});
