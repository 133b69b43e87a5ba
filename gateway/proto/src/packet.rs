//! The packets as the server meets them: borrowed from the bytes they were read from.

use std::num::NonZeroU16;

use crate::property::UserProperties;
use crate::reason::Reason;
use crate::version::{Qos, Version};

mod subscribe;

pub use subscribe::{
    RetainHandling, Subscribe, SubscribeFilters, SubscribeOptions, Unsubscribe, UnsubscribeFilters,
};

/// The type in the upper four bits of the first byte [MQTT section 2.1.2].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum PacketType {
    Connect = 1,
    ConnAck = 2,
    Publish = 3,
    PubAck = 4,
    PubRec = 5,
    PubRel = 6,
    PubComp = 7,
    Subscribe = 8,
    SubAck = 9,
    Unsubscribe = 10,
    UnsubAck = 11,
    PingReq = 12,
    PingResp = 13,
    Disconnect = 14,
    Auth = 15,
}

impl PacketType {
    /// The type that a first byte names; `None` for the reserved 0.
    #[inline]
    pub const fn of(first_byte: u8) -> Option<PacketType> {
        use PacketType as T;
        Some(match first_byte >> 4 {
            1 => T::Connect,
            2 => T::ConnAck,
            3 => T::Publish,
            4 => T::PubAck,
            5 => T::PubRec,
            6 => T::PubRel,
            7 => T::PubComp,
            8 => T::Subscribe,
            9 => T::SubAck,
            10 => T::Unsubscribe,
            11 => T::UnsubAck,
            12 => T::PingReq,
            13 => T::PingResp,
            14 => T::Disconnect,
            15 => T::Auth,
            _ => return None,
        })
    }
}

/// Any packet that a client may send after its CONNECT.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Packet<'a> {
    Publish(Publish<'a>),
    PubAck(Ack<'a>),
    PubRec(Ack<'a>),
    PubRel(Ack<'a>),
    PubComp(Ack<'a>),
    Subscribe(Subscribe<'a>),
    Unsubscribe(Unsubscribe<'a>),
    PingReq,
    Disconnect(Disconnect<'a>),
    Auth(Auth<'a>),
}

/// CONNECT [section 3.1], the same shape for all versions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Connect<'a> {
    pub version: Version,
    /// "Clean session" before MQTT 5.
    pub clean_start: bool,
    /// 0 turns keep-alive off.
    pub keep_alive_secs: u16,
    /// Empty when the server is to choose one [MQTT-3.1.3-6].
    pub client_id: &'a str,
    pub will: Option<Will<'a>>,
    pub user_name: Option<&'a str>,
    pub password: Option<&'a [u8]>,
    pub properties: ConnectProperties<'a>,
}

/// What CONNECT asks for in MQTT 5; the defaults are what absence means, in 3.x too.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConnectProperties<'a> {
    /// `u32::MAX`: the session never expires.
    pub session_expiry_secs: u32,
    /// QoS 1 and 2 messages the client takes unacknowledged; never 0.
    pub receive_max: u16,
    /// Largest packet the client takes, first byte to last; never 0.
    pub packet_bytes_max: Option<u32>,
    pub topic_alias_max: u16,
    pub request_response_information: bool,
    pub request_problem_information: bool,
    pub authentication_method: Option<&'a str>,
    pub authentication_data: Option<&'a [u8]>,
    pub user_properties: UserProperties<'a>,
}

impl Default for ConnectProperties<'_> {
    fn default() -> Self {
        ConnectProperties {
            session_expiry_secs: 0,
            receive_max: u16::MAX,
            packet_bytes_max: None,
            topic_alias_max: 0,
            request_response_information: false,
            request_problem_information: true,
            authentication_method: None,
            authentication_data: None,
            user_properties: UserProperties::default(),
        }
    }
}

/// The message to publish when the client is gone without a word [section 3.1.2.5].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Will<'a> {
    pub topic: &'a str,
    pub payload: &'a [u8],
    pub qos: Qos,
    pub retain: bool,
    pub properties: WillProperties<'a>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct WillProperties<'a> {
    pub delay_secs: u32,
    pub payload_is_utf8: bool,
    pub message_expiry_secs: Option<u32>,
    pub content_type: Option<&'a str>,
    pub response_topic: Option<&'a str>,
    pub correlation_data: Option<&'a [u8]>,
    pub user_properties: UserProperties<'a>,
}

/// PUBLISH [section 3.3], either way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Publish<'a> {
    pub dup: bool,
    pub qos: Qos,
    pub retain: bool,
    /// Empty when the topic alias stands for it.
    pub topic: &'a str,
    /// 0 at QoS 0, never otherwise.
    pub packet_id: u16,
    pub properties: PublishProperties<'a>,
    pub payload: &'a [u8],
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PublishProperties<'a> {
    pub topic_alias: Option<NonZeroU16>,
    pub payload_is_utf8: bool,
    pub message_expiry_secs: Option<u32>,
    pub content_type: Option<&'a str>,
    pub response_topic: Option<&'a str>,
    pub correlation_data: Option<&'a [u8]>,
    /// Which subscriptions matched. Only a server says so: always empty in what was decoded.
    pub subscription_identifiers: &'a [u32],
    pub user_properties: UserProperties<'a>,
}

/// PUBACK, PUBREC, PUBREL and PUBCOMP, which are alike [sections 3.4 to 3.7].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ack<'a> {
    pub packet_id: u16,
    pub reason: Reason,
    pub reason_string: Option<&'a str>,
    pub user_properties: UserProperties<'a>,
}

/// DISCONNECT [section 3.14]; before MQTT 5 always with reason `Success`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Disconnect<'a> {
    pub reason: Reason,
    pub session_expiry_secs: Option<u32>,
    pub server_reference: Option<&'a str>,
    pub reason_string: Option<&'a str>,
    pub user_properties: UserProperties<'a>,
}

/// AUTH [section 3.15], a step of an exchange that CONNECT began.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Auth<'a> {
    pub reason: Reason,
    pub authentication_method: &'a str,
    pub authentication_data: Option<&'a [u8]>,
    pub reason_string: Option<&'a str>,
    pub user_properties: UserProperties<'a>,
}

/// What CONNACK says [section 3.2].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConnAck<'a> {
    pub session_present: bool,
    pub reason: Reason,
    pub properties: ConnAckProperties<'a>,
}

/// What the server limits or grants; `None` leaves the property out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ConnAckProperties<'a> {
    pub session_expiry_secs: Option<u32>,
    pub receive_max: Option<u16>,
    /// `ExactlyOnce` is what absence means, and is left out [section 3.2.2.3.4].
    pub maximum_qos: Option<Qos>,
    pub retain_available: Option<bool>,
    pub packet_bytes_max: Option<u32>,
    pub assigned_client_id: Option<&'a str>,
    pub topic_alias_max: Option<u16>,
    pub reason_string: Option<&'a str>,
    pub wildcard_available: Option<bool>,
    pub subscription_ids_available: Option<bool>,
    pub shared_available: Option<bool>,
    pub server_keep_alive_secs: Option<u16>,
    pub response_information: Option<&'a str>,
    pub server_reference: Option<&'a str>,
    pub authentication_method: Option<&'a str>,
    pub authentication_data: Option<&'a [u8]>,
}
