//! Every bound of what a peer may send before and around MQTT.

/// Longest line of PROXY version 1, its CRLF included [proxy-protocol 2.1].
pub const PROXY_V1_BYTES_MAX: usize = 107;

/// Longest header of PROXY version 2 unless configured. The largest addresses take 16 + 216 bytes;
/// 536 fits the smallest segment that every path carries, so an honest header comes in one piece.
pub const PROXY_V2_BYTES_MAX: u16 = 536;

/// A unique id is opaque and "up to 128 bytes" long [proxy-protocol 2.2.5].
pub const PROXY_UNIQUE_ID_BYTES_MAX: usize = 128;

/// Longest head of an upgrade request unless configured: request line, fields, empty line. A
/// browser's cookies are most of it.
pub const HEAD_BYTES_MAX: u16 = 8 << 10;

/// Most fields in the head of a request.
pub const HEAD_FIELDS_MAX: usize = 64;

/// Largest WebSocket frame unless configured: MQTT's largest packet, so that no packet is refused
/// for the frame it came in. No memory is bound to it, frames are never assembled.
pub const FRAME_BYTES_MAX: u32 = 1 + 4 + 268_435_455;

/// Payload of a control frame [RFC 6455 5.5].
pub const CONTROL_BYTES_MAX: usize = 125;

/// Frames without a byte of MQTT (pings, pongs, empty data) that one client may send in a window.
/// Stock libraries ping every 20 to 30 s; a flood is thousands in one read.
pub const HOLLOW_FRAMES_MAX: u16 = 100;

/// Length of that window.
pub const HOLLOW_WINDOW_SECS: u32 = 8;

const _: () = assert!(PROXY_V2_BYTES_MAX as usize >= 16 + 216 + 3 + PROXY_UNIQUE_ID_BYTES_MAX);
// The count has seven bits in `websocket::Idle`.
const _: () = assert!(HOLLOW_FRAMES_MAX < 1 << 7);
// A control frame's length is one byte, and so is the count of what is missing of it.
const _: () = assert!(CONTROL_BYTES_MAX < 126);
