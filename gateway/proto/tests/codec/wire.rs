//! Bytes as a client writes them, right or wrong: nothing here refuses anything.

/// Bytes being put together.
#[derive(Clone, Default, Debug)]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl Bytes {
    pub(crate) fn new() -> Bytes {
        Bytes::default()
    }

    pub(crate) fn raw(mut self, bytes: &[u8]) -> Bytes {
        self.0.extend(bytes);
        self
    }

    pub(crate) fn u8(self, value: u8) -> Bytes {
        self.raw(&[value])
    }

    pub(crate) fn u16(self, value: u16) -> Bytes {
        self.u8((value / 256) as u8).u8((value % 256) as u8)
    }

    pub(crate) fn u32(self, value: u32) -> Bytes {
        self.u16((value >> 16) as u16).u16(value as u16)
    }

    /// As the algorithm of section 1.5.5 has it.
    pub(crate) fn varint(mut self, mut value: u32) -> Bytes {
        loop {
            let digit = (value % 128) as u8;
            value /= 128;
            if value == 0 {
                return self.u8(digit);
            }
            self = self.u8(digit + 128);
        }
    }

    pub(crate) fn binary(self, bytes: &[u8]) -> Bytes {
        self.u16(bytes.len() as u16).raw(bytes)
    }

    pub(crate) fn text(self, text: &str) -> Bytes {
        self.binary(text.as_bytes())
    }

    /// Another piece with its length before it, as property sections have it.
    pub(crate) fn section(self, section: &[u8]) -> Bytes {
        self.varint(section.len() as u32).raw(section)
    }

    pub(crate) fn framed(&self, first_byte: u8) -> Vec<u8> {
        Bytes::new().u8(first_byte).section(&self.0).0
    }
}

/// The first byte and the body of one packet.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) first_byte: u8,
    pub(crate) body: Vec<u8>,
}

impl Frame {
    pub(crate) fn new(first_byte: u8, body: Bytes) -> Frame {
        Frame {
            first_byte,
            body: body.0,
        }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        Bytes(self.body.clone()).framed(self.first_byte)
    }
}
