//! Every way in which a request is not granted, and the status that says so.

use crate::ways::ways;

ways! {
    /// Why a request is refused. The peer learns the status alone.
    pub enum Refusal {
        // Bytes that are no request.
        NotHttp "upgrade_not_http" "first byte does not begin a method",
        ControlByte "upgrade_control_byte" "control byte in the head",
        LineFeedBare "upgrade_line_feed_bare" "LF without CR",
        CarriageReturnBare "upgrade_carriage_return_bare" "CR without LF",
        HeadTooLong "upgrade_head_too_long" "head over the maximum",
        FieldsTooMany "upgrade_fields_too_many" "more fields than the maximum",
        // A request that is read in more than one way, or in none.
        RequestLineMalformed "upgrade_request_line_malformed" "not METHOD TARGET VERSION",
        VersionUnknown "upgrade_version_unknown" "not HTTP/1.1",
        TargetMalformed "upgrade_target_malformed" "target is not a path",
        FieldFolded "upgrade_field_folded" "field continued on a second line",
        FieldMalformed "upgrade_field_malformed" "field without a name and a colon",
        FieldTwice "upgrade_field_twice" "field that must come once comes twice",
        HasBody "upgrade_has_body" "a GET with a body",
        HostMalformed "upgrade_host_malformed" "no Host, or not a host",
        // A request for something else.
        MethodUnknown "upgrade_method_unknown" "method is not GET",
        PathUnknown "upgrade_path_unknown" "no such path",
        UpgradeMissing "upgrade_missing" "does not ask for a WebSocket",
        ConnectionMissing "upgrade_connection_missing" "Connection does not name Upgrade",
        WebSocketVersionUnknown "upgrade_websocket_version_unknown" "not WebSocket version 13",
        KeyMalformed "upgrade_key_malformed" "no key, or not 16 bytes in base64",
        ProtocolMissing "upgrade_protocol_missing" "does not offer the sub-protocol mqtt",
    }
}

impl Refusal {
    /// The status that the peer is told, with its phrase.
    pub const fn status(self) -> (u16, &'static str) {
        match self {
            Refusal::PathUnknown => (404, "Not Found"),
            Refusal::MethodUnknown => (405, "Method Not Allowed"),
            Refusal::UpgradeMissing | Refusal::WebSocketVersionUnknown => (426, "Upgrade Required"),
            Refusal::HeadTooLong | Refusal::FieldsTooMany => {
                (431, "Request Header Fields Too Large")
            }
            _ => (400, "Bad Request"),
        }
    }
}
