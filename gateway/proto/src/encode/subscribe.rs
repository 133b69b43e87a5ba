//! SUBACK and UNSUBACK: one answer per filter, in the order of the filters [MQTT-3.9.3-1].

use super::field;
use crate::property::Property;
use crate::reason::Reason;
use crate::version::Version;

/// Appends a SUBACK; before MQTT 5 every failure is 0x80, and MQTT 3.1 clients have to live with
/// that code too, since theirs has none.
pub fn suback(
    out: &mut Vec<u8>,
    version: Version,
    packet_id: u16,
    reasons: impl Iterator<Item = Reason>,
    reason_string: Option<&str>,
) {
    field::packet(out, 0x90, 0, |out| {
        head(out, version, packet_id, reason_string);
        out.extend(reasons.map(|reason| match version {
            Version::V31 | Version::V311 if reason.is_failure() => 0x80,
            _ => reason.code(),
        }));
    });
}

/// Appends an UNSUBACK; before MQTT 5 it says nothing but whose it is.
pub fn unsuback(
    out: &mut Vec<u8>,
    version: Version,
    packet_id: u16,
    reasons: impl Iterator<Item = Reason>,
    reason_string: Option<&str>,
) {
    field::packet(out, 0xB0, 0, |out| {
        head(out, version, packet_id, reason_string);
        if version.has_properties() {
            out.extend(reasons.map(Reason::code));
        }
    });
}

fn head(out: &mut Vec<u8>, version: Version, packet_id: u16, reason_string: Option<&str>) {
    field::u16(out, packet_id);
    if version.has_properties() {
        field::section(out, |out| {
            field::property_text(out, Property::ReasonString, reason_string);
        });
    }
}
