//! PUBACK, PUBREC, PUBREL and PUBCOMP: four bytes, and more only where there is more to say.

use super::field;
use crate::property::Property;
use crate::reason::Reason;
use crate::version::Version;

/// Appends a PUBACK; before MQTT 5 it can only say that the message is taken.
pub fn puback(
    out: &mut Vec<u8>,
    version: Version,
    packet_id: u16,
    reason: Reason,
    reason_string: Option<&str>,
) {
    ack(out, 0x40, version, packet_id, reason, reason_string);
}

/// Appends a PUBREC; before MQTT 5 it can only say that the message is taken.
pub fn pubrec(
    out: &mut Vec<u8>,
    version: Version,
    packet_id: u16,
    reason: Reason,
    reason_string: Option<&str>,
) {
    ack(out, 0x50, version, packet_id, reason, reason_string);
}

/// Appends a PUBREL, whose flags are 0010 [MQTT-3.6.1-1].
pub fn pubrel(
    out: &mut Vec<u8>,
    version: Version,
    packet_id: u16,
    reason: Reason,
    reason_string: Option<&str>,
) {
    ack(out, 0x62, version, packet_id, reason, reason_string);
}

/// Appends a PUBCOMP.
pub fn pubcomp(
    out: &mut Vec<u8>,
    version: Version,
    packet_id: u16,
    reason: Reason,
    reason_string: Option<&str>,
) {
    ack(out, 0x70, version, packet_id, reason, reason_string);
}

#[inline]
fn ack(
    out: &mut Vec<u8>,
    first_byte: u8,
    version: Version,
    packet_id: u16,
    reason: Reason,
    reason_string: Option<&str>,
) {
    let [high, low] = packet_id.to_be_bytes();
    if !version.has_properties() || (reason == Reason::Success && reason_string.is_none()) {
        out.extend_from_slice(&[first_byte, 2, high, low]);
    } else if reason_string.is_none() {
        out.extend_from_slice(&[first_byte, 3, high, low, reason.code()]);
    } else {
        field::packet(out, first_byte, 0, |out| {
            out.extend_from_slice(&[high, low, reason.code()]);
            field::section(out, |out| {
                field::property_text(out, Property::ReasonString, reason_string);
            });
        });
    }
}
