//! What a downlink makes of a record: the device, the topic, and the message it gets.

use std::sync::Arc;

use tributary_proto::encode;
use tributary_proto::message::Message;
use tributary_proto::packet::{Publish, PublishProperties};
use tributary_proto::property::UserProperties;
use tributary_proto::topic;
use tributary_proto::version::Qos;

use super::command::{Dropped, TrayTerms};
use super::template::Template;
use crate::kafka::limits::DOWNLINK_RECORD_BYTES_MAX;

/// One `[downlink.NAME]`, compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The Kafka topic.
    pub topic: String,
    /// The MQTT topic; `None`: the header `mqtt.topic`.
    pub to: Option<Template>,
    /// The client id; `None`: for everyone who subscribes.
    pub device: Option<Template>,
    pub qos: Qos,
    /// How long a record lives from its timestamp on; 0: for ever.
    pub expiry_secs: u32,
    /// Whether headers that are not ours become user properties.
    pub user_properties: bool,
    /// Records of one partition from the first that is open on.
    pub uncommitted_max: usize,
    /// Where a partition begins for which nothing was committed.
    pub from: From,
    pub terms: TrayTerms,
}

/// Where a partition begins for which nothing was committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    Begin,
    End,
}

/// A record as it was read.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    pub key: Option<&'a [u8]>,
    /// `None` is a tombstone.
    pub value: Option<&'a [u8]>,
    pub headers: &'a [(&'a str, Option<&'a [u8]>)],
    pub timestamp_millis: Option<i64>,
}

/// A record for a device.
#[derive(Debug)]
pub(super) struct Addressed {
    pub(super) device: Option<Arc<str>>,
    pub(super) message: Message,
    pub(super) is_tombstone: bool,
}

const TOPIC_HEADER: &str = "mqtt.topic";
const RESPONSE_TOPIC_HEADER: &str = "mqtt.response_topic";
const CORRELATION_DATA_HEADER: &str = "mqtt.correlation_data";
const CONTENT_TYPE_HEADER: &str = "mqtt.content_type";
/// Headers that begin so are ours, and no user properties.
const OWN_PREFIX: &str = "mqtt.";

/// The longest string or binary that MQTT can say [section 1.5.4].
const TEXT_BYTES_MAX: usize = u16::MAX as usize;

impl<'a> Record<'a> {
    fn header(&self, name: &str) -> Option<&'a [u8]> {
        let mut headers = self.headers.iter();
        headers.find(|(found, _)| *found == name)?.1
    }

    /// What a header says, when that is text.
    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        std::str::from_utf8(self.header(name)?).ok()
    }
}

impl Rule {
    /// Finds out whom a record is for and what it says; `now_sec` is seconds since 1970.
    pub(super) fn address(&self, record: &Record<'_>, now_sec: u32) -> Result<Addressed, Dropped> {
        let value = record.value.unwrap_or_default();
        if value.len() > DOWNLINK_RECORD_BYTES_MAX {
            return Err(Dropped::TooLarge);
        }
        let device = match &self.device {
            None => None,
            Some(template) => {
                let id = template.render(record).filter(|id| is_client_id(id));
                Some(id.ok_or(Dropped::Unaddressable)?)
            }
        };
        let topic = match &self.to {
            Some(template) => template.render(record),
            None => record.text(TOPIC_HEADER).map(str::to_owned),
        };
        let topic = topic.filter(|name| topic::is_name(name) && name.len() <= TEXT_BYTES_MAX);
        let topic = topic.ok_or(Dropped::Unaddressable)?;
        let is_tombstone = self.terms.latest && record.value.is_none();
        let expires_at_sec = self.expires_at_sec(record, now_sec);
        let mut message = self.message(record, &topic, value);
        message.expires_at_sec = expires_at_sec;
        if !is_tombstone && message.is_expired(now_sec) {
            return Err(Dropped::Expired);
        }
        Ok(Addressed {
            device: device.map(Arc::from),
            message,
            is_tombstone,
        })
    }

    fn expires_at_sec(&self, record: &Record<'_>, now_sec: u32) -> u32 {
        if self.expiry_secs == 0 {
            return Message::NEVER;
        }
        let written_sec = record
            .timestamp_millis
            .and_then(|millis| u32::try_from(millis / 1_000).ok())
            // A producer whose clock is ahead does not make its commands live longer.
            .map_or(now_sec, |written_sec| written_sec.min(now_sec));
        encode::expires_at(written_sec, self.expiry_secs)
    }

    fn message(&self, record: &Record<'_>, topic: &str, payload: &[u8]) -> Message {
        let pairs: Vec<(&str, &str)> = match self.user_properties {
            true => record.headers.iter().filter_map(user_property).collect(),
            false => Vec::new(),
        };
        let short = |text: &&str| text.len() <= TEXT_BYTES_MAX;
        let properties = PublishProperties {
            content_type: record.text(CONTENT_TYPE_HEADER).filter(short),
            // A response topic has no wildcards [MQTT-3.3.2-14].
            response_topic: record
                .text(RESPONSE_TOPIC_HEADER)
                .filter(short)
                .filter(|name| topic::is_name(name)),
            correlation_data: record
                .header(CORRELATION_DATA_HEADER)
                .filter(|data| data.len() <= TEXT_BYTES_MAX),
            user_properties: UserProperties::from_pairs(&pairs),
            ..PublishProperties::default()
        };
        let publish = Publish {
            dup: false,
            qos: self.qos,
            retain: false,
            topic,
            packet_id: 0,
            properties,
            payload,
        };
        encode::message_of_publish(&publish, topic, Message::NOBODY, 0)
    }
}

fn is_client_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= TEXT_BYTES_MAX && !id.contains('\0')
}

/// A header that MQTT can say, unless it is ours.
fn user_property<'a>(header: &(&'a str, Option<&'a [u8]>)) -> Option<(&'a str, &'a str)> {
    let (name, value) = *header;
    let value = std::str::from_utf8(value?).ok()?;
    let is_sayable = |text: &str| text.len() <= TEXT_BYTES_MAX && !text.contains('\0');
    (!name.starts_with(OWN_PREFIX) && is_sayable(name) && is_sayable(value))
        .then_some((name, value))
}

#[cfg(test)]
mod tests;
