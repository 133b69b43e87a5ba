//! The reason codes of MQTT 5 [section 2.4], the one vocabulary in which peers are told why.

/// Writes the enum, its codes and its names from one table, so that they cannot drift apart.
macro_rules! reasons {
    ($($variant:ident = $code:literal $name:literal,)*) => {
        /// One variant per distinct code; `Success` is also "normal disconnection" and "granted
        /// QoS 0".
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[repr(u8)]
        pub enum Reason {
            $($variant = $code,)*
        }

        impl Reason {
            /// Every reason, in the order of the codes.
            pub const ALL: &'static [Reason] = &[$(Reason::$variant,)*];

            /// The reason with this code on the wire.
            #[inline]
            pub const fn from_code(code: u8) -> Option<Reason> {
                match code {
                    $($code => Some(Reason::$variant),)*
                    _ => None,
                }
            }

            /// The snake_case name that counters and logs use.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Reason::$variant => $name,)*
                }
            }
        }
    };
}

reasons! {
    Success = 0x00 "success",
    GrantedQos1 = 0x01 "granted_qos_1",
    GrantedQos2 = 0x02 "granted_qos_2",
    DisconnectWithWill = 0x04 "disconnect_with_will",
    NoMatchingSubscribers = 0x10 "no_matching_subscribers",
    NoSubscriptionExisted = 0x11 "no_subscription_existed",
    ContinueAuthentication = 0x18 "continue_authentication",
    Reauthenticate = 0x19 "reauthenticate",
    UnspecifiedError = 0x80 "unspecified_error",
    MalformedPacket = 0x81 "malformed_packet",
    ProtocolError = 0x82 "protocol_error",
    ImplementationSpecificError = 0x83 "implementation_specific_error",
    UnsupportedProtocolVersion = 0x84 "unsupported_protocol_version",
    ClientIdentifierNotValid = 0x85 "client_identifier_not_valid",
    BadUserNameOrPassword = 0x86 "bad_user_name_or_password",
    NotAuthorized = 0x87 "not_authorized",
    ServerUnavailable = 0x88 "server_unavailable",
    ServerBusy = 0x89 "server_busy",
    Banned = 0x8A "banned",
    ServerShuttingDown = 0x8B "server_shutting_down",
    BadAuthenticationMethod = 0x8C "bad_authentication_method",
    KeepAliveTimeout = 0x8D "keep_alive_timeout",
    SessionTakenOver = 0x8E "session_taken_over",
    TopicFilterInvalid = 0x8F "topic_filter_invalid",
    TopicNameInvalid = 0x90 "topic_name_invalid",
    PacketIdentifierInUse = 0x91 "packet_identifier_in_use",
    PacketIdentifierNotFound = 0x92 "packet_identifier_not_found",
    ReceiveMaximumExceeded = 0x93 "receive_maximum_exceeded",
    TopicAliasInvalid = 0x94 "topic_alias_invalid",
    PacketTooLarge = 0x95 "packet_too_large",
    MessageRateTooHigh = 0x96 "message_rate_too_high",
    QuotaExceeded = 0x97 "quota_exceeded",
    AdministrativeAction = 0x98 "administrative_action",
    PayloadFormatInvalid = 0x99 "payload_format_invalid",
    RetainNotSupported = 0x9A "retain_not_supported",
    QosNotSupported = 0x9B "qos_not_supported",
    UseAnotherServer = 0x9C "use_another_server",
    ServerMoved = 0x9D "server_moved",
    SharedSubscriptionsNotSupported = 0x9E "shared_subscriptions_not_supported",
    ConnectionRateExceeded = 0x9F "connection_rate_exceeded",
    MaximumConnectTime = 0xA0 "maximum_connect_time",
    SubscriptionIdentifiersNotSupported = 0xA1 "subscription_identifiers_not_supported",
    WildcardSubscriptionsNotSupported = 0xA2 "wildcard_subscriptions_not_supported",
}

impl Reason {
    /// The byte on the wire of MQTT 5.
    #[inline]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// Whether this says that something failed: 0x80 and above.
    #[inline]
    pub const fn is_failure(self) -> bool {
        self.code() >= 0x80
    }

    /// The CONNACK return code that tells a 3.1 or 3.1.1 client nearest to the same [MQTT-3.2.2.3].
    pub const fn connack_return_code(self) -> u8 {
        match self {
            Reason::Success => 0,
            Reason::UnsupportedProtocolVersion => 1,
            Reason::ClientIdentifierNotValid => 2,
            Reason::BadUserNameOrPassword | Reason::BadAuthenticationMethod => 4,
            Reason::NotAuthorized | Reason::Banned => 5,
            _ => 3,
        }
    }
}
