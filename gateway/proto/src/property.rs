//! The properties of MQTT 5 [section 2.2.2]: their identifiers and the shapes of their values.

mod user;

mod section;

pub(crate) use section::Section;
pub use user::{UserProperties, UserPropertiesIter};

/// A property, numbered as its identifier.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Property {
    PayloadFormat = 0x01,
    MessageExpiry = 0x02,
    ContentType = 0x03,
    ResponseTopic = 0x08,
    CorrelationData = 0x09,
    SubscriptionIdentifier = 0x0B,
    SessionExpiry = 0x11,
    AssignedClientId = 0x12,
    ServerKeepAlive = 0x13,
    AuthenticationMethod = 0x15,
    AuthenticationData = 0x16,
    RequestProblemInformation = 0x17,
    WillDelay = 0x18,
    RequestResponseInformation = 0x19,
    ResponseInformation = 0x1A,
    ServerReference = 0x1C,
    ReasonString = 0x1F,
    ReceiveMax = 0x21,
    TopicAliasMax = 0x22,
    TopicAlias = 0x23,
    MaximumQos = 0x24,
    RetainAvailable = 0x25,
    UserProperty = 0x26,
    PacketBytesMax = 0x27,
    WildcardAvailable = 0x28,
    SubscriptionIdsAvailable = 0x29,
    SharedAvailable = 0x2A,
}

/// How a property's value is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shape {
    Byte,
    TwoBytes,
    FourBytes,
    Varint,
    Text,
    Binary,
    TextPair,
}

impl Property {
    /// The property with this identifier.
    pub const fn from_id(id: u32) -> Option<Property> {
        use Property as P;
        Some(match id {
            0x01 => P::PayloadFormat,
            0x02 => P::MessageExpiry,
            0x03 => P::ContentType,
            0x08 => P::ResponseTopic,
            0x09 => P::CorrelationData,
            0x0B => P::SubscriptionIdentifier,
            0x11 => P::SessionExpiry,
            0x12 => P::AssignedClientId,
            0x13 => P::ServerKeepAlive,
            0x15 => P::AuthenticationMethod,
            0x16 => P::AuthenticationData,
            0x17 => P::RequestProblemInformation,
            0x18 => P::WillDelay,
            0x19 => P::RequestResponseInformation,
            0x1A => P::ResponseInformation,
            0x1C => P::ServerReference,
            0x1F => P::ReasonString,
            0x21 => P::ReceiveMax,
            0x22 => P::TopicAliasMax,
            0x23 => P::TopicAlias,
            0x24 => P::MaximumQos,
            0x25 => P::RetainAvailable,
            0x26 => P::UserProperty,
            0x27 => P::PacketBytesMax,
            0x28 => P::WildcardAvailable,
            0x29 => P::SubscriptionIdsAvailable,
            0x2A => P::SharedAvailable,
            _ => return None,
        })
    }

    /// The identifier on the wire; all are below 128 and so one byte long.
    pub const fn id(self) -> u8 {
        self as u8
    }

    const fn shape(self) -> Shape {
        use Property as P;
        match self {
            P::PayloadFormat
            | P::RequestProblemInformation
            | P::RequestResponseInformation
            | P::MaximumQos
            | P::RetainAvailable
            | P::WildcardAvailable
            | P::SubscriptionIdsAvailable
            | P::SharedAvailable => Shape::Byte,
            P::ServerKeepAlive | P::ReceiveMax | P::TopicAliasMax | P::TopicAlias => {
                Shape::TwoBytes
            }
            P::MessageExpiry | P::SessionExpiry | P::WillDelay | P::PacketBytesMax => {
                Shape::FourBytes
            }
            P::SubscriptionIdentifier => Shape::Varint,
            P::ContentType
            | P::ResponseTopic
            | P::AssignedClientId
            | P::AuthenticationMethod
            | P::ResponseInformation
            | P::ServerReference
            | P::ReasonString => Shape::Text,
            P::CorrelationData | P::AuthenticationData => Shape::Binary,
            P::UserProperty => Shape::TextPair,
        }
    }
}
