//! CONNACK: whether the client is in, and under which limits.

use super::field;
use crate::packet::{ConnAck, ConnAckProperties};
use crate::property::Property;
use crate::version::{Qos, Version};

/// Appends a CONNACK; before MQTT 5 the reason becomes a return code and no limit is said.
pub fn connack(out: &mut Vec<u8>, version: Version, connack: &ConnAck<'_>) {
    // A refusal never speaks of a session [MQTT-3.2.2-6], and MQTT 3.1 has no such flag.
    let session_present =
        connack.session_present && !connack.reason.is_failure() && version != Version::V31;
    let code = match version {
        Version::V5 => connack.reason.code(),
        Version::V31 | Version::V311 => connack.reason.connack_return_code(),
    };
    field::packet(out, 0x20, 0, |out| {
        out.extend_from_slice(&[u8::from(session_present), code]);
        if version.has_properties() {
            field::section(out, |out| properties(out, &connack.properties));
        }
    });
}

fn properties(out: &mut Vec<u8>, from: &ConnAckProperties<'_>) {
    use Property as P;
    field::property_u32(out, P::SessionExpiry, from.session_expiry_secs);
    field::property_u16(out, P::ReceiveMax, from.receive_max);
    let maximum_qos = from.maximum_qos.filter(|&qos| qos != Qos::ExactlyOnce);
    field::property_u8(out, P::MaximumQos, maximum_qos.map(|qos| qos as u8));
    field::property_flag(out, P::RetainAvailable, from.retain_available);
    field::property_u32(out, P::PacketBytesMax, from.packet_bytes_max);
    field::property_text(out, P::AssignedClientId, from.assigned_client_id);
    field::property_u16(out, P::TopicAliasMax, from.topic_alias_max);
    field::property_text(out, P::ReasonString, from.reason_string);
    field::property_flag(out, P::WildcardAvailable, from.wildcard_available);
    field::property_flag(
        out,
        P::SubscriptionIdsAvailable,
        from.subscription_ids_available,
    );
    field::property_flag(out, P::SharedAvailable, from.shared_available);
    field::property_u16(out, P::ServerKeepAlive, from.server_keep_alive_secs);
    field::property_text(out, P::ResponseInformation, from.response_information);
    field::property_text(out, P::ServerReference, from.server_reference);
    field::property_text(out, P::AuthenticationMethod, from.authentication_method);
    field::property_binary(out, P::AuthenticationData, from.authentication_data);
}
