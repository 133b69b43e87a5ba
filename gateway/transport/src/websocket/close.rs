//! The code in a close frame [RFC 6455 7.4].

use super::Malformed;

/// Why an end closes; only such as may go over the wire.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct CloseCode(u16);

impl CloseCode {
    /// The purpose is fulfilled: the answer to a DISCONNECT.
    pub const NORMAL: Self = CloseCode(1000);
    /// The server shuts down.
    pub const GOING_AWAY: Self = CloseCode(1001);
    pub const PROTOCOL_ERROR: Self = CloseCode(1002);
    /// Text, where only binary frames are understood.
    pub const UNSUPPORTED_DATA: Self = CloseCode(1003);
    /// Bytes that are not what they should be, as text that is not UTF-8.
    pub const INVALID_PAYLOAD: Self = CloseCode(1007);
    pub const POLICY_VIOLATION: Self = CloseCode(1008);
    pub const TOO_BIG: Self = CloseCode(1009);

    pub const fn value(self) -> u16 {
        self.0
    }

    /// Reads what a close frame holds: nothing, or a code and a reason in UTF-8, which is dropped.
    pub(super) fn read(payload: &[u8]) -> Result<Option<Self>, Malformed> {
        let Some((code, reason)) = payload.split_first_chunk() else {
            return match payload {
                [] => Ok(None),
                _ => Err(Malformed::CloseCut),
            };
        };
        let code = u16::from_be_bytes(*code);
        // 1004 to 1006 and 1015 say what happened and are never sent; below 1000 and from 1016 to
        // 2999 is nobody's yet; 3000 and 4000 belong to libraries and applications.
        if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
            return Err(Malformed::CloseCodeReserved { code });
        }
        match std::str::from_utf8(reason) {
            Ok(_) => Ok(Some(CloseCode(code))),
            Err(_) => Err(Malformed::CloseReasonNotUtf8),
        }
    }
}
