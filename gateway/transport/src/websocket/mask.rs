//! Takes the mask off a client's payload, in place [RFC 6455 5.3].

/// The four bytes of a key, turned to where the payload stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Mask(pub(super) [u8; 4]);

impl Mask {
    /// Takes it off `bytes` and turns to where they end, so that the next piece goes on there.
    ///
    /// Eight bytes at a time, which the compiler makes whole vector registers of.
    pub(super) fn take_off(&mut self, bytes: &mut [u8]) {
        let Mask(key) = *self;
        let [a, b, c, d] = key;
        let twice = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
        let (eights, tail) = bytes.as_chunks_mut::<8>();
        for eight in eights {
            *eight = (u64::from_ne_bytes(*eight) ^ twice).to_ne_bytes();
        }
        for (byte, key) in tail.iter_mut().zip(key.iter().cycle()) {
            *byte ^= key;
        }
        self.0.rotate_left(bytes.len() % 4);
    }
}
