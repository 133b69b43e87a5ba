//! A message on its way to subscribers: all copies share one, whatever session they wait in.

use crate::version::Qos;

/// What was published, in a form that any subscriber's PUBLISH can be written from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// A topic name, never empty: an alias was resolved before.
    pub topic: Box<str>,
    pub payload: Box<[u8]>,
    /// The properties that are passed on unaltered (payload format, content type, response topic,
    /// correlation data, user properties) as they stand on MQTT 5's wire, without the length.
    pub properties: Box<[u8]>,
    /// [`Message::NOBODY`] or a hash of the publisher's client id, for No Local \[MQTT-3.8.3-3\].
    pub publisher: u64,
    /// Seconds since 1970 at which it expires \[MQTT-3.3.2-5\]; [`Message::NEVER`] for none.
    pub expires_at_sec: u32,
    /// As published; a subscription may lower it for its copy.
    pub qos: Qos,
    /// The RETAIN flag as published.
    pub retain: bool,
}

impl Message {
    /// The publisher of what the server itself says.
    pub const NOBODY: u64 = 0;
    /// The expiry of a message that does not expire.
    pub const NEVER: u32 = u32::MAX;

    /// Whether its time is over \[MQTT-3.3.2-5\].
    pub fn is_expired(&self, now_sec: u32) -> bool {
        self.expires_at_sec != Self::NEVER && self.expires_at_sec <= now_sec
    }

    /// What it counts against a bound on bytes.
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.topic.len() + self.payload.len() + self.properties.len()
    }
}
