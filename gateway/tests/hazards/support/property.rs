//! The MQTT 5 properties that a test sets or looks for, in their bytes.

pub(crate) const MESSAGE_EXPIRY: u8 = 0x02;
pub(crate) const CONTENT_TYPE: u8 = 0x03;
pub(crate) const RESPONSE_TOPIC: u8 = 0x08;
pub(crate) const CORRELATION_DATA: u8 = 0x09;
pub(crate) const SUBSCRIPTION_IDENTIFIER: u8 = 0x0B;
pub(crate) const SESSION_EXPIRY: u8 = 0x11;
pub(crate) const WILL_DELAY: u8 = 0x18;
pub(crate) const RECEIVE_MAXIMUM: u8 = 0x21;
pub(crate) const USER_PROPERTY: u8 = 0x26;

/// A property of four bytes: an expiry or a delay in seconds.
pub(crate) fn four(identifier: u8, value: u32) -> Vec<u8> {
    [&[identifier][..], &value.to_be_bytes()].concat()
}

/// A property of two bytes.
pub(crate) fn two(identifier: u8, value: u16) -> Vec<u8> {
    [&[identifier][..], &value.to_be_bytes()].concat()
}

/// A property of a text or of any bytes, behind their length.
pub(crate) fn long(identifier: u8, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).expect("two bytes of length");
    [&[identifier][..], &length.to_be_bytes(), value].concat()
}
