//! Every way TLS or a WebSocket can fail, with one name each in table and JSON.

use rustls::{AlertDescription, CertificateError, Error};
use std::fmt;

/// Why TLS did not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsFault {
    /// The server sent this alert (RFC 8446, 6.2).
    Alert(u8),
    /// We do not accept the server's certificate.
    Certificate(&'static str),
    /// The server has no version, suite or group of ours.
    NothingInCommon,
    Misbehaved,
    NotTls,
    BadRecord,
    Other,
}

impl From<Error> for TlsFault {
    fn from(error: Error) -> Self {
        match error {
            Error::AlertReceived(alert) => Self::Alert(alert.into()),
            Error::InvalidCertificate(why) => Self::Certificate(certificate(&why)),
            Error::PeerIncompatible(_) => Self::NothingInCommon,
            Error::InvalidMessage(_) => Self::NotTls,
            Error::DecryptError | Error::PeerSentOversizedRecord => Self::BadRecord,
            Error::PeerMisbehaved(_)
            | Error::InappropriateMessage { .. }
            | Error::InappropriateHandshakeMessage { .. }
            | Error::NoCertificatesPresented => Self::Misbehaved,
            _ => Self::Other,
        }
    }
}

fn certificate(error: &CertificateError) -> &'static str {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet"
        }
        CertificateError::Revoked => "it is revoked",
        CertificateError::UnknownIssuer => "its issuer is unknown",
        CertificateError::BadSignature => "its signature is wrong",
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it is for another name"
        }
        CertificateError::BadEncoding => "it is malformed",
        _ => "it is not for this",
    }
}

impl fmt::Display for TlsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alert(alert) => write!(f, "alert {:?}", AlertDescription::from(*alert)),
            Self::Certificate(why) => write!(f, "the server's certificate: {why}"),
            Self::NothingInCommon => write!(f, "nothing in common"),
            Self::Misbehaved => write!(f, "the server broke a rule"),
            Self::NotTls => write!(f, "the answer is not TLS"),
            Self::BadRecord => write!(f, "a bad record"),
            Self::Other => write!(f, "failed on our side"),
        }
    }
}

/// Why there is no WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum UpgradeFault {
    /// The server answered with this status instead of 101.
    Status(u16),
    NotHttp,
    /// `Sec-WebSocket-Accept` does not follow from our key (RFC 6455, 4.1).
    WrongAccept,
    /// The server chose another sub-protocol than `mqtt`, or none [MQTT-6.0.0-4].
    WrongProtocol,
}

impl fmt::Display for UpgradeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "HTTP {status}"),
            Self::NotHttp => write!(f, "the answer is not HTTP"),
            Self::WrongAccept => write!(f, "the answer is to another key"),
            Self::WrongProtocol => write!(f, "the sub-protocol is not mqtt"),
        }
    }
}

/// What a server must not send in a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FrameFault {
    /// A server masks nothing (RFC 6455, 5.1).
    Masked,
    /// Extensions were not agreed on (RFC 6455, 5.2).
    Reserved,
    /// Neither binary [MQTT-6.0.0-1] nor a control frame.
    Opcode(u8),
    /// A control frame that is long or cut (RFC 6455, 5.5).
    Control,
}

impl fmt::Display for FrameFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Masked => write!(f, "a masked frame from the server"),
            Self::Reserved => write!(f, "reserved bits are set"),
            Self::Opcode(opcode) => write!(f, "a frame of kind {opcode}"),
            Self::Control => write!(f, "a control frame that is long or cut"),
        }
    }
}
