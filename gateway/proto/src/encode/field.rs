//! Writes lengths, strings and properties: what all packets are made of.

use crate::property::{Property, UserProperties};
use crate::varint;

/// Appends a packet: its first byte, its length, then what `body` appends. `tail_bytes` more are
/// counted in the length and left to the caller, so that a payload is never moved.
pub(super) fn packet(
    out: &mut Vec<u8>,
    first_byte: u8,
    tail_bytes: usize,
    body: impl FnOnce(&mut Vec<u8>),
) {
    out.push(first_byte);
    counted(out, tail_bytes, body);
}

/// Appends a property section: its length, then the properties that `body` appends.
pub(super) fn section(out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    counted(out, 0, body);
}

/// The length goes in front of what it counts and is one byte nearly always: one byte is left for
/// it, and only what turns out longer is moved.
fn counted(out: &mut Vec<u8>, tail_bytes: usize, body: impl FnOnce(&mut Vec<u8>)) {
    let length_at = out.len();
    out.push(0);
    body(out);
    let length = (out.len() - length_at - 1 + tail_bytes) as u32;
    let bytes = varint::bytes_of(length);
    out[length_at] = bytes[0];
    let count = varint::length_bytes(length);
    if count > 1 {
        out.splice(
            length_at + 1..length_at + 1,
            bytes[1..count].iter().copied(),
        );
    }
}

/// A variable byte integer.
pub(super) fn varint(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&varint::bytes_of(value)[..varint::length_bytes(value)]);
}

pub(super) fn u16(out: &mut Vec<u8>, value: u16) {
    out.extend_from_slice(&value.to_be_bytes());
}

/// A string with its length; what does not fit is cut at the end of a character.
pub(super) fn text(out: &mut Vec<u8>, text: &str) {
    let mut fits = text.len().min(usize::from(u16::MAX));
    while !text.is_char_boundary(fits) {
        fits -= 1;
    }
    binary(out, &text.as_bytes()[..fits]);
}

/// Binary data with its length; what does not fit is cut.
pub(super) fn binary(out: &mut Vec<u8>, bytes: &[u8]) {
    let fits = bytes.len().min(usize::from(u16::MAX));
    u16(out, fits as u16);
    out.extend_from_slice(&bytes[..fits]);
}

pub(super) fn property_flag(out: &mut Vec<u8>, property: Property, value: Option<bool>) {
    property_u8(out, property, value.map(u8::from));
}

pub(super) fn property_u8(out: &mut Vec<u8>, property: Property, value: Option<u8>) {
    if let Some(value) = value {
        out.extend_from_slice(&[property.id(), value]);
    }
}

pub(super) fn property_u16(out: &mut Vec<u8>, property: Property, value: Option<u16>) {
    if let Some(value) = value {
        out.push(property.id());
        u16(out, value);
    }
}

pub(super) fn property_u32(out: &mut Vec<u8>, property: Property, value: Option<u32>) {
    if let Some(value) = value {
        out.push(property.id());
        out.extend_from_slice(&value.to_be_bytes());
    }
}

pub(super) fn property_varint(out: &mut Vec<u8>, property: Property, value: u32) {
    out.push(property.id());
    varint(out, value);
}

pub(super) fn property_text(out: &mut Vec<u8>, property: Property, value: Option<&str>) {
    if let Some(value) = value {
        out.push(property.id());
        text(out, value);
    }
}

pub(super) fn property_binary(out: &mut Vec<u8>, property: Property, value: Option<&[u8]>) {
    if let Some(value) = value {
        out.push(property.id());
        binary(out, value);
    }
}

pub(super) fn user_properties(out: &mut Vec<u8>, properties: UserProperties<'_>) {
    for (name, value) in properties {
        out.push(Property::UserProperty.id());
        text(out, name);
        text(out, value);
    }
}
