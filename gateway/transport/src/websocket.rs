//! WebSocket's frames as MQTT uses them: binary, masked by the client, cut wherever it likes
//! [RFC 6455 5, MQTT 5 section 6].
//!
//! ```text
//!    [ FIN RSV RSV RSV | opcode ][ MASK | length ][ length 0, 2 or 8 ][ key 4 ][ payload ]
//!
//!   AwaitHeader ──> InPayload ──────> AwaitHeader      opcodes 2 and 0: bytes of MQTT
//!             └───> InControl ──────> AwaitHeader      ping, pong
//!                             └─────> Ended            close, or a frame that is wrong
//! ```
//!
//! MQTT cuts its own packets and takes no notice of frames [MQTT-6.0.0-2]. So no message is ever
//! assembled: [`Decoder::on_read`] takes the headers and masks off where the bytes lie, and what is
//! left is one run of MQTT, however many frames it came in. Between frames all that is kept of a
//! client is an [`Idle`].
//!
//! A client that comes to an [`End`] is sent a close frame ([`encode::close`]), the sending side is
//! shut, and what the client still sends is read away for a while before the socket is closed: a
//! socket that is closed with bytes unread is reset, and the reset takes the close frame with it.

mod close;
mod control;
mod decoder;
pub mod encode;
mod header;
mod idle;
mod malformed;
mod mask;

pub use close::CloseCode;
pub use control::ControlPayload;
pub use decoder::{Decoder, End, Read};
pub use idle::Idle;
pub use malformed::Malformed;

#[cfg(test)]
mod tests;
