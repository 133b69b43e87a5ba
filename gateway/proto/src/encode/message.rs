//! One message, many copies: takes in a PUBLISH or a will once, and writes it to each subscriber.

use super::field;
use crate::message::Message;
use crate::packet::{Publish, PublishProperties, Will};
use crate::property::Property;
use crate::varint;
use crate::version::{Qos, Version};

/// What is a copy's own.
#[derive(Clone, Copy, Debug)]
pub struct Copy<'a> {
    pub qos: Qos,
    pub retain: bool,
    /// Sent before \[MQTT-3.3.1-1\].
    pub dup: bool,
    /// Not looked at for QoS 0 \[MQTT-2.2.1-2\].
    pub packet_id: u16,
    pub topic: Topic,
    /// Of the subscriptions that match \[MQTT-3.3.4-3\].
    pub identifiers: &'a [u32],
    /// For the rest of the message's life \[MQTT-3.3.2-6\].
    pub now_sec: u32,
    /// Longest packet that the client takes.
    pub packet_bytes_max: u32,
}

/// How a copy says its topic.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Topic {
    /// In full.
    Full,
    /// In full, and from now on by this alias.
    Introduced(u16),
    /// By its alias.
    Alias(u16),
}

/// The message in a PUBLISH whose topic is `topic`, an alias having been looked up; `publisher` and
/// the rest are as [`Message`] says.
pub fn message_of_publish(
    publish: &Publish<'_>,
    topic: &str,
    publisher: u64,
    now_sec: u32,
) -> Message {
    let expiry_secs = publish.properties.message_expiry_secs;
    Message {
        topic: topic.into(),
        payload: publish.payload.into(),
        properties: carried(&publish.properties),
        publisher,
        expires_at_sec: expiry_secs.map_or(Message::NEVER, |secs| expires_at(now_sec, secs)),
        qos: publish.qos,
        retain: publish.retain,
    }
}

/// The message in a will. Its life begins when it is published \[MQTT-3.1.3.2.4\]: until then it
/// has no end.
pub fn message_of_will(will: &Will<'_>, publisher: u64) -> Message {
    let from = &will.properties;
    let properties = PublishProperties {
        payload_is_utf8: from.payload_is_utf8,
        content_type: from.content_type,
        response_topic: from.response_topic,
        correlation_data: from.correlation_data,
        user_properties: from.user_properties,
        ..PublishProperties::default()
    };
    Message {
        topic: will.topic.into(),
        payload: will.payload.into(),
        properties: carried(&properties),
        publisher,
        expires_at_sec: Message::NEVER,
        qos: will.qos,
        retain: will.retain,
    }
}

/// When a message ends that lives so long from now.
pub fn expires_at(now_sec: u32, expiry_secs: u32) -> u32 {
    now_sec.saturating_add(expiry_secs).min(Message::NEVER - 1)
}

/// The properties that are passed on unaltered, user properties in their order \[MQTT-3.3.2-17\],
/// \[MQTT-3.3.2-18\].
fn carried(from: &PublishProperties<'_>) -> Box<[u8]> {
    use Property as P;
    let mut blob = Vec::new();
    field::property_flag(
        &mut blob,
        P::PayloadFormat,
        from.payload_is_utf8.then_some(true),
    );
    field::property_text(&mut blob, P::ContentType, from.content_type);
    field::property_text(&mut blob, P::ResponseTopic, from.response_topic);
    field::property_binary(&mut blob, P::CorrelationData, from.correlation_data);
    field::user_properties(&mut blob, from.user_properties);
    blob.into()
}

/// Appends a copy as a PUBLISH, or says `false` and appends nothing when the client would not take
/// so long a packet \[MQTT-3.1.2-24\].
pub fn message(out: &mut Vec<u8>, version: Version, message: &Message, copy: &Copy<'_>) -> bool {
    let topic: &str = match copy.topic {
        Topic::Alias(_) => "",
        _ => &message.topic,
    };
    let has_id = copy.qos != Qos::AtMostOnce;
    let properties_bytes = own_properties_bytes(message, copy) + message.properties.len();
    let mut body_bytes = 2 + topic.len() + usize::from(has_id) * 2 + message.payload.len();
    if version.has_properties() {
        body_bytes += varint::length_bytes(properties_bytes as u32) + properties_bytes;
    }
    if body_bytes > varint::VALUE_MAX as usize {
        return false;
    }
    let length_bytes = varint::length_bytes(body_bytes as u32);
    if 1 + length_bytes + body_bytes > copy.packet_bytes_max as usize {
        return false;
    }
    out.reserve(1 + length_bytes + body_bytes);
    let start = out.len();
    let flags = u8::from(copy.dup && has_id) << 3 | (copy.qos as u8) << 1 | u8::from(copy.retain);
    out.push(0x30 | flags);
    field::varint(out, body_bytes as u32);
    field::text(out, topic);
    if has_id {
        field::u16(out, copy.packet_id);
    }
    if version.has_properties() {
        field::varint(out, properties_bytes as u32);
        own_properties(out, message, copy);
        out.extend_from_slice(&message.properties);
    }
    out.extend_from_slice(&message.payload);
    debug_assert_eq!(out.len() - start, 1 + length_bytes + body_bytes);
    true
}

/// The properties that differ from copy to copy.
fn own_properties(out: &mut Vec<u8>, message: &Message, copy: &Copy<'_>) {
    let left_secs = expiry_left_secs(message, copy.now_sec);
    field::property_u32(out, Property::MessageExpiry, left_secs);
    field::property_u16(out, Property::TopicAlias, alias(copy.topic));
    for &identifier in copy.identifiers {
        field::property_varint(out, Property::SubscriptionIdentifier, identifier);
    }
}

fn own_properties_bytes(message: &Message, copy: &Copy<'_>) -> usize {
    let expiry = expiry_left_secs(message, copy.now_sec).map_or(0, |_| 5);
    let alias = alias(copy.topic).map_or(0, |_| 3);
    let identifiers = copy.identifiers.iter();
    expiry
        + alias
        + identifiers
            .map(|&id| 1 + varint::length_bytes(id))
            .sum::<usize>()
}

/// What is left of the message's life; a repetition may come when nothing is.
fn expiry_left_secs(message: &Message, now_sec: u32) -> Option<u32> {
    (message.expires_at_sec != Message::NEVER)
        .then(|| message.expires_at_sec.saturating_sub(now_sec))
}

fn alias(topic: Topic) -> Option<u16> {
    match topic {
        Topic::Full => None,
        Topic::Introduced(alias) | Topic::Alias(alias) => Some(alias),
    }
}
