//! Names every way a connection can end: one variant, one counter, one reason code, one log level.

use crate::malformed::Malformed;
use crate::reason::Reason;

/// Why a connection ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Close {
    /// The client said DISCONNECT with Normal disconnection.
    ClientDisconnect,
    /// The client said DISCONNECT and wants its will published (0x04).
    ClientDisconnectWithWill,
    /// The peer closed its side without a DISCONNECT.
    PeerClosed,
    /// The socket failed: reset, timed out in the kernel, broken pipe.
    PeerReset,
    /// No CONNECT within the time allowed.
    ConnectDeadline,
    /// The CONNECT was answered with a refusing CONNACK.
    ConnectRefused,
    /// What came was not MQTT, or not allowed here.
    Malformed(Malformed),
    /// Nothing was heard for one and a half keep-alives \[MQTT-3.1.2-22\].
    KeepAlive,
    /// Another connection presented the same client id \[MQTT-3.1.4-3\].
    TakenOver,
    /// More unacknowledged PUBLISHes than the Receive Maximum allows \[MQTT-3.3.4-7\].
    ReceiveMaximum,
    /// The client does not read what it is owed.
    OutQueueFull,
    /// A PUBLISH was refused and MQTT 3 has no word for that but the end of the connection.
    PublishRefused,
    /// The shard's bound on half-received packets was reached.
    ReassemblyFull,
    /// Well-formed, but against what CONNACK said or out of turn.
    Violation(Reason),
    /// The shard has no place for one more connection.
    TableFull,
    /// The gateway has more to do than it can: a newcomer was turned away.
    Shed,
    /// The gateway is shutting down.
    ServerDrain,
    /// A PROXY header that is malformed, comes twice, or comes where none is taken.
    ProxyBad,
    /// A peer that may not speak for others, on a listener where all do.
    ProxyUntrusted,
    /// A connection without the PROXY header that it must begin with.
    ProxyMissing,
    /// The request for a WebSocket was not granted.
    UpgradeRefused,
    /// A frame of a WebSocket client was wrong, or too many were empty.
    WebSocketViolation,
    /// More messages in a time than a quota allows.
    MessageRate,
    /// More bytes in a time than a quota allows.
    QuotaExceeded,
    /// A TLS handshake went wrong.
    TlsFailed,
    /// A TLS handshake took too long, or so many others had begun that its place was needed.
    TlsUnfinished,
    /// What came after a TLS handshake was no record of its connection.
    TlsViolation,
    /// What the client has proven itself by has ended.
    ProofExpired,
    /// A fault of ours in handling this client; the others go on.
    Internal,
    /// An operator has ended it.
    Kicked,
}

/// How loud the line in the log is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Loudness {
    /// What happens all day.
    Quiet,
    /// What someone will look for when a device misbehaves.
    Notice,
    /// A fault of this process.
    Fault,
}

impl Close {
    /// One name per kind, in the order of [`Close::index`]: metric labels and log fields.
    pub const NAMES: [&'static str; 30] = [
        "client_disconnect",
        "client_disconnect_with_will",
        "peer_closed",
        "peer_reset",
        "connect_deadline",
        "connect_refused",
        "malformed",
        "keep_alive",
        "taken_over",
        "receive_maximum",
        "out_queue_full",
        "publish_refused",
        "reassembly_full",
        "violation",
        "table_full",
        "shed",
        "server_drain",
        "proxy_bad",
        "proxy_untrusted",
        "proxy_missing",
        "upgrade_refused",
        "websocket_violation",
        "message_rate",
        "quota_exceeded",
        "tls_failed",
        "tls_unfinished",
        "tls_violation",
        "proof_expired",
        "internal",
        "kicked",
    ];

    /// Place of this kind in [`Close::NAMES`].
    pub fn index(self) -> usize {
        match self {
            Self::ClientDisconnect => 0,
            Self::ClientDisconnectWithWill => 1,
            Self::PeerClosed => 2,
            Self::PeerReset => 3,
            Self::ConnectDeadline => 4,
            Self::ConnectRefused => 5,
            Self::Malformed(_) => 6,
            Self::KeepAlive => 7,
            Self::TakenOver => 8,
            Self::ReceiveMaximum => 9,
            Self::OutQueueFull => 10,
            Self::PublishRefused => 11,
            Self::ReassemblyFull => 12,
            Self::Violation(_) => 13,
            Self::TableFull => 14,
            Self::Shed => 15,
            Self::ServerDrain => 16,
            Self::ProxyBad => 17,
            Self::ProxyUntrusted => 18,
            Self::ProxyMissing => 19,
            Self::UpgradeRefused => 20,
            Self::WebSocketViolation => 21,
            Self::MessageRate => 22,
            Self::QuotaExceeded => 23,
            Self::TlsFailed => 24,
            Self::TlsUnfinished => 25,
            Self::TlsViolation => 26,
            Self::ProofExpired => 27,
            Self::Internal => 28,
            Self::Kicked => 29,
        }
    }

    /// The name of this kind.
    pub fn name(self) -> &'static str {
        Self::NAMES[self.index()]
    }

    /// What a DISCONNECT to an MQTT 5 client says; `None` when there is no one left to tell, or
    /// when the last word was another packet.
    pub fn reason(self) -> Option<Reason> {
        match self {
            Self::ClientDisconnect
            | Self::ClientDisconnectWithWill
            | Self::PeerClosed
            | Self::PeerReset
            | Self::ConnectDeadline
            | Self::ConnectRefused
            | Self::TableFull
            | Self::Shed
            | Self::ProxyBad
            | Self::ProxyUntrusted
            | Self::ProxyMissing
            | Self::UpgradeRefused
            | Self::WebSocketViolation
            | Self::TlsFailed
            | Self::TlsUnfinished
            | Self::TlsViolation => None,
            Self::Malformed(how) => Some(how.reason()),
            Self::KeepAlive => Some(Reason::KeepAliveTimeout),
            Self::TakenOver => Some(Reason::SessionTakenOver),
            Self::ReceiveMaximum => Some(Reason::ReceiveMaximumExceeded),
            Self::MessageRate => Some(Reason::MessageRateTooHigh),
            Self::OutQueueFull | Self::ReassemblyFull | Self::QuotaExceeded => {
                Some(Reason::QuotaExceeded)
            }
            Self::PublishRefused => Some(Reason::ImplementationSpecificError),
            Self::Violation(reason) => Some(reason),
            Self::ServerDrain => Some(Reason::ServerShuttingDown),
            Self::ProofExpired => Some(Reason::MaximumConnectTime),
            Self::Internal => Some(Reason::UnspecifiedError),
            Self::Kicked => Some(Reason::AdministrativeAction),
        }
    }

    /// How loud the line in the log is.
    pub fn loudness(self) -> Loudness {
        match self {
            Self::ClientDisconnect
            | Self::ClientDisconnectWithWill
            | Self::PeerClosed
            | Self::PeerReset
            | Self::Shed
            | Self::ServerDrain => Loudness::Quiet,
            Self::Internal => Loudness::Fault,
            _ => Loudness::Notice,
        }
    }
}
