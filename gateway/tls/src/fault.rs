//! Every way in which a peer can be wrong: its name for logs and counters, and the alert it gets.

/// Writes the enum with a snake_case name, the alert (none: nothing is said) and a sentence each.
macro_rules! faults {
    ($($variant:ident $name:literal $alert:expr, $sentence:literal,)*) => {
        /// Why a handshake or a connection ended badly.
        ///
        /// The alert is the one that this crate sends; where rustls found the fault, rustls has
        /// sent the alert that it sees fit.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum Fault {
            $(#[doc = $sentence] $variant,)*
        }

        impl Fault {
            /// The names of all ways, in the order of the table.
            pub const NAMES: &'static [&'static str] = &[$($name,)*];

            /// The snake_case name that counters and logs use.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Fault::$variant => $name,)*
                }
            }

            /// The description of the alert that tells the peer [RFC 8446 6].
            pub const fn alert(self) -> Option<u8> {
                match self {
                    $(Fault::$variant => $alert,)*
                }
            }
        }

        impl std::fmt::Display for Fault {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(match self {
                    $(Fault::$variant => $sentence,)*
                })
            }
        }
    };
}

faults! {
    NotTls "not_tls" Some(10), "the first byte is not TLS's",
    RecordOverflow "record_overflow" Some(22), "a record is over its limit",
    HandshakeOverflow "handshake_overflow" Some(40), "a handshake is over its limit",
    BadRecordMac "bad_record_mac" Some(20), "a record does not decrypt",
    UnexpectedMessage "unexpected_message" Some(10), "a message comes where none of its kind may",
    Malformed "malformed" Some(50), "a message does not parse",
    IllegalParameter "illegal_parameter" Some(47), "a field holds what it must not",
    Flood "flood" Some(10), "too many records in a row carry no data",
    SequenceSpent "sequence_spent" Some(80), "a direction has sent all records it ever may",
    WrongVersion "wrong_version" Some(70), "no version of TLS in common",
    NothingInCommon "nothing_in_common" Some(40), "no cipher suite, group or signature in common",
    NoApplicationProtocol "no_application_protocol" Some(120), "no ALPN protocol in common",
    CertificateMissing "certificate_missing" Some(116), "the client has no certificate",
    CertificateExpired "certificate_expired" Some(45), "the client's certificate has expired",
    CertificateRevoked "certificate_revoked" Some(44), "the client's certificate is revoked",
    CertificateUntrusted "certificate_untrusted" Some(48),
        "the client's certificate comes from nobody that is trusted",
    CertificateStatusUnknown "certificate_status_unknown" Some(48),
        "no list in force says whether the client's certificate is revoked",
    CertificateMalformed "certificate_malformed" Some(42), "the client's certificate is garbled",
    CertificateUnfit "certificate_unfit" Some(43), "the client's certificate is not for this use",
    BadSignature "bad_signature" Some(51), "a signature of the client is wrong",
    PeerAlert "peer_alert" None, "the peer ended the connection with an alert",
    PeerClosed "peer_closed" None, "the peer left during the handshake",
    KeysDisagree "keys_disagree" None, "the keys derived at the take-over are not rustls's",
    Internal "internal" Some(80), "a step of our own failed",
    Over "over" None, "the connection was over already",
}

impl std::error::Error for Fault {}

impl Fault {
    /// Sorts rustls's complaints by what an operator would do about them.
    pub(crate) fn of(error: &rustls::Error) -> Self {
        use rustls::{Error, InvalidMessage, PeerMisbehaved};
        match error {
            Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. } => {
                Fault::UnexpectedMessage
            }
            Error::InvalidMessage(InvalidMessage::InvalidContentType) => Fault::UnexpectedMessage,
            Error::InvalidMessage(InvalidMessage::MessageTooLarge)
            | Error::PeerSentOversizedRecord => Fault::RecordOverflow,
            Error::InvalidMessage(InvalidMessage::HandshakePayloadTooLarge) => {
                Fault::HandshakeOverflow
            }
            Error::InvalidMessage(InvalidMessage::InvalidKeyUpdate) => Fault::IllegalParameter,
            Error::InvalidMessage(_) => Fault::Malformed,
            Error::NoCertificatesPresented => Fault::CertificateMissing,
            Error::DecryptError => Fault::BadRecordMac,
            Error::PeerIncompatible(why) => incompatible(why),
            Error::PeerMisbehaved(
                PeerMisbehaved::TooManyEmptyFragments
                | PeerMisbehaved::TooManyKeyUpdateRequests
                | PeerMisbehaved::TooManyRenegotiationRequests
                | PeerMisbehaved::TooManyWarningAlertsReceived,
            ) => Fault::Flood,
            Error::PeerMisbehaved(_) => Fault::UnexpectedMessage,
            Error::AlertReceived(_) => Fault::PeerAlert,
            Error::InvalidCertificate(why) => certificate(why),
            Error::NoApplicationProtocol => Fault::NoApplicationProtocol,
            _ => Fault::Internal,
        }
    }
}

fn incompatible(why: &rustls::PeerIncompatible) -> Fault {
    use rustls::PeerIncompatible as Why;
    match why {
        Why::Tls12NotOffered
        | Why::Tls12NotOfferedOrEnabled
        | Why::SupportedVersionsExtensionRequired
        | Why::ServerDoesNotSupportTls12Or13
        | Why::ServerTlsVersionIsDisabledByOurConfig => Fault::WrongVersion,
        _ => Fault::NothingInCommon,
    }
}

fn certificate(why: &rustls::CertificateError) -> Fault {
    use rustls::CertificateError as Why;
    match why {
        Why::Expired
        | Why::ExpiredContext { .. }
        | Why::NotValidYet
        | Why::NotValidYetContext { .. } => Fault::CertificateExpired,
        Why::Revoked => Fault::CertificateRevoked,
        Why::UnknownIssuer => Fault::CertificateUntrusted,
        Why::UnknownRevocationStatus
        | Why::ExpiredRevocationList
        | Why::ExpiredRevocationListContext { .. } => Fault::CertificateStatusUnknown,
        Why::BadEncoding | Why::UnhandledCriticalExtension => Fault::CertificateMalformed,
        Why::BadSignature => Fault::BadSignature,
        _ => Fault::CertificateUnfit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_a_name_of_its_own() {
        let names: std::collections::HashSet<_> = Fault::NAMES.iter().collect();
        assert_eq!(names.len(), Fault::NAMES.len());
        for name in names {
            assert!(
                name.bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte == b'_'),
                "{name}"
            );
        }
    }

    #[test]
    fn what_the_peer_did_and_what_we_failed_at_are_told_apart() {
        use rustls::Error;
        let own = [
            Error::FailedToGetRandomBytes,
            Error::General("x".to_owned()),
        ];
        assert!(own.iter().all(|error| Fault::of(error) == Fault::Internal));
        assert_eq!(Fault::of(&Error::DecryptError), Fault::BadRecordMac);
        assert_eq!(
            Fault::of(&Error::PeerSentOversizedRecord),
            Fault::RecordOverflow
        );
    }
}
