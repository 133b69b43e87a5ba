//! Every way in which a frame can be wrong, and the close code that says so.

use super::CloseCode;
use crate::ways::ways;

ways! {
    /// Why a frame ends the connection.
    pub enum Malformed {
        ReservedBitSet "websocket_reserved_bit_set" "reserved bit without an extension",
        OpcodeUnknown { opcode: u8 } "websocket_opcode_unknown" "no such opcode",
        TextFrame "websocket_text_frame" "MQTT comes in binary frames alone",
        NotMasked "websocket_not_masked" "frame of a client is not masked",
        LengthNotMinimal "websocket_length_not_minimal" "length takes more bytes than it needs",
        LengthTooLarge "websocket_length_too_large" "length of 64 bits",
        FrameTooLarge { bytes: u64 } "websocket_frame_too_large" "frame over the maximum",
        ControlTooLong "websocket_control_too_long" "control frame over 125 bytes",
        ControlFragmented "websocket_control_fragmented" "control frame in fragments",
        ContinuationUnbegun "websocket_continuation_unbegun" "nothing to continue",
        MessageUnfinished "websocket_message_unfinished" "message begins inside another one",
        Flood "websocket_flood" "too many frames without a byte of MQTT",
        CloseCut "websocket_close_cut" "close code of one byte",
        CloseCodeReserved { code: u16 } "websocket_close_code_reserved" "not a code for the wire",
        CloseReasonNotUtf8 "websocket_close_reason_not_utf8" "reason is not UTF-8",
    }
}

impl Malformed {
    /// What the client is told [RFC 6455 7.4.1].
    pub const fn close_code(self) -> CloseCode {
        match self {
            // [MQTT-6.0.0-1]
            Malformed::TextFrame => CloseCode::UNSUPPORTED_DATA,
            Malformed::FrameTooLarge { .. } => CloseCode::TOO_BIG,
            Malformed::Flood => CloseCode::POLICY_VIOLATION,
            Malformed::CloseReasonNotUtf8 => CloseCode::INVALID_PAYLOAD,
            _ => CloseCode::PROTOCOL_ERROR,
        }
    }
}
