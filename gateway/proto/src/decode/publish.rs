//! PUBLISH from a client, the packet that all the others are there for.

use std::num::NonZeroU16;

use crate::cursor::Cursor;
use crate::malformed::{Field, Malformed};
use crate::packet::{Publish, PublishProperties};
use crate::property::{Property, Section};
use crate::topic;
use crate::version::{Qos, Version};

#[inline]
pub(super) fn publish(
    version: Version,
    first_byte: u8,
    body: &[u8],
) -> Result<Publish<'_>, Malformed> {
    let dup = first_byte & 0b1000 != 0;
    let qos = Qos::from_bits(first_byte >> 1 & 0b11).ok_or(Malformed::QosReserved)?;
    if dup && qos == Qos::AtMostOnce {
        return Err(Malformed::DupAtQos0);
    }
    let mut rest = Cursor::new(body);
    let topic = topic::read_name(&mut rest, Field::Topic, Malformed::TopicHasWildcard)?;
    let packet_id = if qos == Qos::AtMostOnce {
        0
    } else {
        rest.packet_id()?
    };
    let mut properties = PublishProperties::default();
    if version.has_properties() {
        // A section of length zero is one zero byte: the usual case costs one comparison.
        match rest.rest() {
            [0, payload @ ..] => rest = Cursor::new(payload),
            _ => properties = read_properties(&mut rest)?,
        }
    }
    // [MQTT-4.7.3-1]; the alias stands for a topic only in MQTT 5 [section 3.3.2.3.4].
    if topic.is_empty() && properties.topic_alias.is_none() {
        return Err(Malformed::TopicMissing);
    }
    let payload = rest.rest();
    if properties.payload_is_utf8 && str::from_utf8(payload).is_err() {
        return Err(Malformed::PayloadNotUtf8);
    }
    Ok(Publish {
        dup,
        qos,
        retain: first_byte & 1 != 0,
        topic,
        packet_id,
        properties,
        payload,
    })
}

fn read_properties<'a>(rest: &mut Cursor<'a>) -> Result<PublishProperties<'a>, Malformed> {
    let mut section = Section::open(rest)?;
    let mut to = PublishProperties::default();
    while let Some(property) = section.next()? {
        match property {
            Property::PayloadFormat => to.payload_is_utf8 = section.flag()?,
            Property::MessageExpiry => to.message_expiry_secs = Some(section.u32()?),
            Property::TopicAlias => {
                // [MQTT-3.3.2-8]
                let alias = NonZeroU16::new(section.u16()?).ok_or(Malformed::TopicAliasZero)?;
                to.topic_alias = Some(alias);
            }
            Property::ContentType => to.content_type = Some(section.text()?),
            Property::ResponseTopic => to.response_topic = Some(response_topic(&mut section)?),
            Property::CorrelationData => to.correlation_data = Some(section.binary()?),
            // [MQTT-3.3.4-6]
            Property::SubscriptionIdentifier => {
                return Err(Malformed::SubscriptionIdentifierFromClient);
            }
            _ => return Err(section.misplaced()),
        }
    }
    to.user_properties = section.user_properties();
    Ok(to)
}

/// A response topic is a topic name, whatever the receiver makes of it [MQTT-3.3.2-14].
pub(super) fn response_topic<'a>(section: &mut Section<'a>) -> Result<&'a str, Malformed> {
    match section.topic_name(Malformed::ResponseTopicHasWildcard)? {
        "" => Err(Malformed::ResponseTopicEmpty),
        name => Ok(name),
    }
}
