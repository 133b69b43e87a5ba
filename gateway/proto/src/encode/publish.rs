//! PUBLISH to a client: what comes down the river.

use std::num::NonZeroU16;

use super::field;
use crate::packet::{Publish, PublishProperties};
use crate::property::Property;
use crate::version::{Qos, Version};

/// Appends a PUBLISH; before MQTT 5 its properties are left out.
///
/// Topic and payload together stay below the 268,435,455 bytes that a packet can have, and a
/// topic below 65,536: whoever hands over a message from elsewhere checks that first.
pub fn publish(out: &mut Vec<u8>, version: Version, publish: &Publish<'_>) {
    let dup = publish.dup && publish.qos != Qos::AtMostOnce;
    let first_byte =
        0x30 | u8::from(dup) << 3 | (publish.qos as u8) << 1 | u8::from(publish.retain);
    field::packet(out, first_byte, publish.payload.len(), |out| {
        field::text(out, publish.topic);
        if publish.qos != Qos::AtMostOnce {
            field::u16(out, publish.packet_id);
        }
        if version.has_properties() {
            field::section(out, |out| properties(out, &publish.properties));
        }
    });
    out.extend_from_slice(publish.payload);
}

fn properties(out: &mut Vec<u8>, from: &PublishProperties<'_>) {
    use Property as P;
    field::property_flag(out, P::PayloadFormat, from.payload_is_utf8.then_some(true));
    field::property_u32(out, P::MessageExpiry, from.message_expiry_secs);
    field::property_u16(out, P::TopicAlias, from.topic_alias.map(NonZeroU16::get));
    field::property_text(out, P::ContentType, from.content_type);
    field::property_text(out, P::ResponseTopic, from.response_topic);
    field::property_binary(out, P::CorrelationData, from.correlation_data);
    for &identifier in from.subscription_identifiers {
        field::property_varint(out, P::SubscriptionIdentifier, identifier);
    }
    field::user_properties(out, from.user_properties);
}
