//! What is to be answered to a CONNECT that cannot be accepted.

use std::error::Error;
use std::fmt;

use crate::malformed::Malformed;
use crate::reason::Reason;
use crate::version::Version;

/// Why a CONNECT is none, sorted by what the client is told before the connection is closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ConnectRefusal {
    /// The protocol is MQTT in a version that is not spoken here.
    Unsupported { level: u8 },
    /// The client is told nothing: before MQTT 5 there is no word for what it did.
    Malformed(Malformed),
    /// The client is told in a CONNACK of its version.
    Answered {
        version: Version,
        malformed: Malformed,
    },
}

impl ConnectRefusal {
    /// The CONNACK to write before closing: in which version, for which reason.
    pub fn answer(self) -> Option<(Version, Reason)> {
        match self {
            // A bridge marks its level with the upper bit. What comes after MQTT 5 can read
            // MQTT 5, what came before reads a return code [MQTT-3.1.2-2].
            ConnectRefusal::Unsupported { level } if level & 0x7F >= Version::V5 as u8 => {
                Some((Version::V5, Reason::UnsupportedProtocolVersion))
            }
            ConnectRefusal::Unsupported { .. } => {
                Some((Version::V311, Reason::UnsupportedProtocolVersion))
            }
            ConnectRefusal::Malformed(_) => None,
            ConnectRefusal::Answered { version, malformed } => Some((version, malformed.reason())),
        }
    }

    /// The fault itself, for counters and logs.
    pub fn malformed(self) -> Malformed {
        match self {
            ConnectRefusal::Unsupported { level } => Malformed::ProtocolUnsupported { level },
            ConnectRefusal::Malformed(malformed) | ConnectRefusal::Answered { malformed, .. } => {
                malformed
            }
        }
    }
}

impl fmt::Display for ConnectRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.malformed().fmt(f)
    }
}

impl Error for ConnectRefusal {}

impl From<Malformed> for ConnectRefusal {
    fn from(malformed: Malformed) -> ConnectRefusal {
        ConnectRefusal::Malformed(malformed)
    }
}
