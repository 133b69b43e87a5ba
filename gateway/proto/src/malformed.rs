//! Every way in which a peer's bytes can be wrong: one variant, one name, one MQTT 5 reason each.

use std::error::Error;
use std::fmt;

use crate::reason::Reason;

/// Where in a packet the fault is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Field {
    RemainingLength,
    ProtocolName,
    ProtocolLevel,
    ConnectFlags,
    KeepAlive,
    ClientId,
    WillTopic,
    WillPayload,
    UserName,
    Password,
    Topic,
    PacketId,
    Filter,
    SubscriptionOptions,
    ReasonCode,
    PropertyLength,
    PropertyId,
    /// The value of the property with this identifier.
    Property(u8),
}

/// Writes the enum, its reasons, names and sentences from one table: a row per way to be wrong.
macro_rules! ways {
    ($($variant:ident $({ $field:ident: $type:ty $(, $more:ident: $other:ty)? })?
        $reason:ident $name:literal $sentence:literal,)*) => {
        /// One way in which a peer can be wrong. Names field and number, never payload bytes.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum Malformed {
            $($variant $({ $field: $type $(, $more: $other)? })?,)*
        }

        impl Malformed {
            /// The names of all ways, in the order of the table.
            pub const NAMES: &'static [&'static str] = &[$($name,)*];

            /// What an MQTT 5 peer is told; [section 4.13] and the field's own section say which.
            pub const fn reason(self) -> Reason {
                match self {
                    $(Malformed::$variant { .. } => Reason::$reason,)*
                }
            }

            /// The snake_case name that counters and logs use.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Malformed::$variant { .. } => $name,)*
                }
            }

            const fn sentence(self) -> &'static str {
                match self {
                    $(Malformed::$variant { .. } => $sentence,)*
                }
            }
        }
    };
}

ways! {
    // Any packet.
    TypeReserved MalformedPacket "type_reserved" "packet type 0 is reserved",
    FlagsReserved { first_byte: u8 } MalformedPacket
        "flags_reserved" "reserved flags in the first byte",
    FromServerOnly { packet_type: u8 } ProtocolError
        "from_server_only" "only a server may send this",
    FirstNotConnect { packet_type: u8 } ProtocolError
        "first_not_connect" "first packet is not CONNECT",
    SecondConnect ProtocolError "second_connect" "CONNECT for the second time",
    AuthBeforeV5 MalformedPacket "auth_before_v5" "AUTH exists only in MQTT 5",
    PacketTooLarge { bytes: u32 } PacketTooLarge "packet_too_large" "packet over the maximum size",
    VarintTooLong { field: Field } MalformedPacket
        "varint_too_long" "integer of more than four bytes",
    VarintNotMinimal { field: Field } MalformedPacket
        "varint_not_minimal" "integer padded with zeros",
    Truncated { field: Field } MalformedPacket "truncated" "packet ends inside a field",
    TrailingBytes { bytes: u32 } MalformedPacket "trailing_bytes" "bytes after the last field",
    NotUtf8 { field: Field } MalformedPacket "not_utf8" "string is not well-formed UTF-8",
    HasNul { field: Field } MalformedPacket "has_nul" "string holds U+0000",
    PacketIdZero ProtocolError "packet_id_zero" "packet identifier is zero",
    ReasonNotAllowed { code: u8 } ProtocolError "reason_not_allowed" "reason code not allowed here",
    // Properties: misplaced or unknown is malformed, twice is a protocol error [section 2.2.2.2].
    PropertyUnknown { id: u32 } MalformedPacket "property_unknown" "no such property",
    PropertyMisplaced { id: u8 } MalformedPacket "property_misplaced" "property not allowed here",
    PropertyTwice { id: u8 } ProtocolError "property_twice" "property given twice",
    PropertyNotBool { id: u8, value: u8 } ProtocolError
        "property_not_bool" "property is neither 0 nor 1",
    ReceiveMaxZero ProtocolError "receive_max_zero" "receive maximum is zero",
    PacketBytesMaxZero ProtocolError "packet_bytes_max_zero" "maximum packet size is zero",
    TopicAliasZero TopicAliasInvalid "topic_alias_zero" "topic alias is zero",
    SubscriptionIdentifierZero ProtocolError
        "subscription_identifier_zero" "subscription identifier is zero",
    SubscriptionIdentifierFromClient ProtocolError
        "subscription_identifier_from_client" "only a server may say which subscription matched",
    ResponseTopicEmpty ProtocolError "response_topic_empty" "response topic is empty",
    ResponseTopicHasWildcard ProtocolError
        "response_topic_has_wildcard" "wildcard in the response topic",
    AuthDataWithoutMethod ProtocolError
        "auth_data_without_method" "authentication data without a method",
    AuthMethodMissing ProtocolError "auth_method_missing" "AUTH names no method",
    // CONNECT.
    ProtocolNameUnknown UnsupportedProtocolVersion "protocol_name_unknown" "protocol is not MQTT",
    ProtocolUnsupported { level: u8 } UnsupportedProtocolVersion
        "protocol_unsupported" "no such version of MQTT",
    ConnectFlagReserved MalformedPacket "connect_flag_reserved" "reserved connect flag is set",
    WillQosReserved MalformedPacket "will_qos_reserved" "will QoS is 3",
    WillFlagsWithoutWill MalformedPacket
        "will_flags_without_will" "will QoS or retain without a will",
    PasswordWithoutUserName MalformedPacket
        "password_without_user_name" "password without a user name",
    ClientIdEmpty ClientIdentifierNotValid "client_id_empty" "lasting session without a client id",
    WillTopicEmpty TopicNameInvalid "will_topic_empty" "will topic is empty",
    WillTopicHasWildcard TopicNameInvalid "will_topic_has_wildcard" "wildcard in the will topic",
    WillPayloadNotUtf8 PayloadFormatInvalid
        "will_payload_not_utf8" "will payload is not the UTF-8 it says",
    // PUBLISH.
    QosReserved MalformedPacket "qos_reserved" "QoS is 3",
    DupAtQos0 MalformedPacket "dup_at_qos_0" "DUP is set at QoS 0",
    TopicMissing ProtocolError "topic_missing" "neither topic nor alias",
    TopicHasWildcard TopicNameInvalid "topic_has_wildcard" "wildcard in the topic",
    PayloadNotUtf8 PayloadFormatInvalid "payload_not_utf8" "payload is not the UTF-8 it says",
    // SUBSCRIBE and UNSUBSCRIBE.
    FiltersMissing ProtocolError "filters_missing" "no topic filter",
    FilterEmpty TopicFilterInvalid "filter_empty" "topic filter is empty",
    FilterWildcardMisplaced TopicFilterInvalid
        "filter_wildcard_misplaced" "wildcard is not a whole level, or # is not the last",
    ShareInvalid TopicFilterInvalid "share_invalid" "not of the form $share/NAME/FILTER",
    ShareNoLocal ProtocolError "share_no_local" "No Local on a shared subscription",
    SubscriptionOptionsReserved { options: u8 } MalformedPacket
        "subscription_options_reserved" "reserved subscription option is set",
    SubscriptionQosReserved ProtocolError "subscription_qos_reserved" "maximum QoS is 3",
    RetainHandlingReserved ProtocolError "retain_handling_reserved" "retain handling is 3",
}

const _: () = assert!(size_of::<Malformed>() <= 8);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sentence())?;
        match *self {
            Malformed::FlagsReserved { first_byte } => write!(f, " ({first_byte:#04x})"),
            Malformed::FromServerOnly { packet_type }
            | Malformed::FirstNotConnect { packet_type } => {
                write!(f, " (packet type {packet_type})")
            }
            Malformed::PacketTooLarge { bytes } => write!(f, " ({bytes} bytes)"),
            Malformed::TrailingBytes { bytes } => write!(f, " ({bytes} of them)"),
            Malformed::VarintTooLong { field }
            | Malformed::VarintNotMinimal { field }
            | Malformed::Truncated { field }
            | Malformed::NotUtf8 { field }
            | Malformed::HasNul { field } => write!(f, " ({field})"),
            Malformed::ReasonNotAllowed { code } => write!(f, " ({code:#04x})"),
            Malformed::PropertyUnknown { id } => write!(f, " ({id:#04x})"),
            Malformed::PropertyMisplaced { id } | Malformed::PropertyTwice { id } => {
                write!(f, " ({id:#04x})")
            }
            Malformed::PropertyNotBool { id, value } => write!(f, " ({id:#04x} is {value})"),
            Malformed::ProtocolUnsupported { level } => write!(f, " (level {level})"),
            Malformed::SubscriptionOptionsReserved { options } => write!(f, " ({options:#04x})"),
            _ => Ok(()),
        }
    }
}

impl Error for Malformed {}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Field::RemainingLength => "remaining length",
            Field::ProtocolName => "protocol name",
            Field::ProtocolLevel => "protocol level",
            Field::ConnectFlags => "connect flags",
            Field::KeepAlive => "keep alive",
            Field::ClientId => "client id",
            Field::WillTopic => "will topic",
            Field::WillPayload => "will payload",
            Field::UserName => "user name",
            Field::Password => "password",
            Field::Topic => "topic",
            Field::PacketId => "packet identifier",
            Field::Filter => "topic filter",
            Field::SubscriptionOptions => "subscription options",
            Field::ReasonCode => "reason code",
            Field::PropertyLength => "property length",
            Field::PropertyId => "property identifier",
            Field::Property(id) => return write!(f, "property {id:#04x}"),
        })
    }
}
