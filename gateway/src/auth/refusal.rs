//! Names every way an exchange can be refused: for the log, never for the peer.

use std::fmt;

use tributary_proto::reason::Reason;

/// Why a client was not let in. The peer learns [`Self::reason`] alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// A message is longer than any honest one.
    TooLong,
    /// A message is not what RFC 5802, section 7 says; the field where that showed.
    Garbled { field: &'static str },
    /// The client insists on binding the exchange to a TLS channel (`p=`).
    ChannelBinding,
    /// An extension that must be understood and is not (`m=`).
    Extension,
    /// The client wants to act as somebody else than it proves to be.
    Authzid,
    /// The name cannot be prepared by SASLprep (RFC 4013), or nothing is left of it.
    Name,
    /// The channel binding of client-final is not the header of client-first.
    Header,
    /// The nonce of client-final is not the one of this exchange.
    Nonce,
    /// Unknown user or wrong password: deliberately one.
    Proof,
}

impl Refusal {
    /// What CONNACK or DISCONNECT says: the same for all, so that nothing can be probed.
    pub fn reason(self) -> Reason {
        Reason::NotAuthorized
    }

    /// The snake_case name for log fields and metric labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::Garbled { .. } => "garbled",
            Self::ChannelBinding => "channel_binding",
            Self::Extension => "extension",
            Self::Authzid => "authzid",
            Self::Name => "name",
            Self::Header => "header",
            Self::Nonce => "nonce",
            Self::Proof => "proof",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Garbled { field } => write!(f, "garbled: {field}"),
            other => f.write_str(other.name()),
        }
    }
}
