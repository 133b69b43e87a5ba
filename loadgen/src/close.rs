//! Every way a client's connection can end: each has one name in table and JSON.

use crate::codec::Malformed;
use crate::fault::{FrameFault, TlsFault, UpgradeFault};
use rustix::io::Errno;
use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Close {
    /// connect(2) or bind(2) said no.
    NotReached(i32),
    /// No free port on any source address.
    NoPort,
    /// CONNACK with a reason other than 0.
    Refused(u8),
    /// No CONNACK within the time allowed.
    NoConnack,
    /// The TLS handshake failed.
    Handshake(TlsFault),
    /// It did not come to its end within the time allowed.
    NoHandshake,
    /// The server closed in the midst of it.
    EndedInHandshake,
    /// There is no WebSocket where it was asked for.
    NotUpgraded(UpgradeFault),
    /// The server closed before it sent a CONNACK.
    EndedBeforeConnack,
    /// The server closed without a word.
    Ended,
    /// The server closed with DISCONNECT.
    Disconnect(u8),
    /// recv(2) or send(2) failed: mostly a reset.
    Broken(i32),
    Malformed(Malformed),
    /// TLS failed after its handshake.
    Tls(TlsFault),
    /// The server broke the rules of WebSockets.
    WebSocket(FrameFault),
    /// A packet that has no place at this point of the conversation.
    OutOfTurn,
    /// An acknowledgement for a packet id that is not in flight.
    UnknownPacketId,
    /// PINGREQ was not answered within a keep-alive interval.
    NoPingresp,
    /// Closed by us, to come back: `--churn`.
    Churned,
    /// Closed by us together with all others: `--storms`.
    Dropped,
    /// Told that another connection took the session over, although there is none.
    WronglyTakenOver,
}

impl Close {
    /// The same end seen from where the connection stood: what breaks before CONNACK is a refusal.
    pub fn before_connack(self) -> Self {
        match self {
            Self::Broken(raw) if Errno::from_raw_os_error(raw) == Errno::CONNREFUSED => {
                Self::NotReached(raw)
            }
            Self::Broken(_) | Self::Ended | Self::Disconnect(_) => Self::EndedBeforeConnack,
            other => other,
        }
    }

    /// The same end seen from within a TLS handshake.
    pub fn in_handshake(self) -> Self {
        match self {
            Self::Tls(fault) => Self::Handshake(fault),
            Self::NoConnack => Self::NoHandshake,
            Self::Broken(_) | Self::Ended => Self::EndedInHandshake,
            other => other,
        }
    }

    /// Whether the server is to hear why, by an alert of TLS.
    pub fn has_alert(self) -> bool {
        matches!(self, Self::Tls(_) | Self::Handshake(_))
    }

    /// Whether it was our own doing.
    pub fn is_ours(self) -> bool {
        matches!(self, Self::Churned | Self::Dropped)
    }

    /// Whether the client was turned away before it was connected.
    pub fn is_refusal(self) -> bool {
        matches!(
            self,
            Self::NotReached(_)
                | Self::NoPort
                | Self::Refused(_)
                | Self::Handshake(_)
                | Self::NoHandshake
                | Self::EndedInHandshake
                | Self::NotUpgraded(_)
                | Self::NoConnack
                | Self::EndedBeforeConnack
        )
    }
}

impl From<Malformed> for Close {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

impl fmt::Display for Close {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotReached(raw) => write!(f, "not reached: {}", Errno::from_raw_os_error(*raw)),
            Self::NoPort => write!(f, "no free source port"),
            Self::Refused(code) => write!(f, "CONNACK 0x{code:02x}"),
            Self::NoConnack => write!(f, "no CONNACK in time"),
            Self::Handshake(fault) => write!(f, "TLS handshake: {fault}"),
            Self::NoHandshake => write!(f, "no TLS handshake in time"),
            Self::EndedInHandshake => write!(f, "closed during the TLS handshake"),
            Self::NotUpgraded(fault) => write!(f, "no WebSocket: {fault}"),
            Self::EndedBeforeConnack => write!(f, "closed before CONNACK"),
            Self::Ended => write!(f, "closed by the server"),
            Self::Disconnect(code) => write!(f, "DISCONNECT 0x{code:02x}"),
            Self::Broken(raw) => write!(f, "broken: {}", Errno::from_raw_os_error(*raw)),
            Self::Malformed(malformed) => write!(f, "malformed answer: {malformed}"),
            Self::Tls(fault) => write!(f, "TLS: {fault}"),
            Self::WebSocket(fault) => write!(f, "WebSocket: {fault}"),
            Self::OutOfTurn => write!(f, "answer out of turn"),
            Self::UnknownPacketId => write!(f, "answer for an unknown packet id"),
            Self::NoPingresp => write!(f, "no PINGRESP in time"),
            Self::Churned => write!(f, "churned"),
            Self::Dropped => write!(f, "dropped in a storm"),
            Self::WronglyTakenOver => write!(f, "taken over by nobody"),
        }
    }
}
