//! PINGRESP, DISCONNECT and AUTH: the server's words about the connection itself.

use super::field;
use crate::property::Property;
use crate::reason::Reason;

/// Appends a PINGRESP.
pub fn pingresp(out: &mut Vec<u8>) {
    out.extend_from_slice(&[0xD0, 0]);
}

/// Appends a DISCONNECT, which a server may send only to a client of MQTT 5.
pub fn disconnect(
    out: &mut Vec<u8>,
    reason: Reason,
    reason_string: Option<&str>,
    server_reference: Option<&str>,
) {
    field::packet(out, 0xE0, 0, |out| {
        let is_bare = reason_string.is_none() && server_reference.is_none();
        if is_bare && reason == Reason::Success {
            return;
        }
        out.push(reason.code());
        if !is_bare {
            field::section(out, |out| {
                field::property_text(out, Property::ReasonString, reason_string);
                field::property_text(out, Property::ServerReference, server_reference);
            });
        }
    });
}

/// Appends an AUTH, which always names its method [section 3.15.2.2.2].
pub fn auth(
    out: &mut Vec<u8>,
    reason: Reason,
    authentication_method: &str,
    authentication_data: Option<&[u8]>,
    reason_string: Option<&str>,
) {
    field::packet(out, 0xF0, 0, |out| {
        out.push(reason.code());
        field::section(out, |out| {
            let method = Some(authentication_method);
            field::property_text(out, Property::AuthenticationMethod, method);
            field::property_binary(out, Property::AuthenticationData, authentication_data);
            field::property_text(out, Property::ReasonString, reason_string);
        });
    });
}
