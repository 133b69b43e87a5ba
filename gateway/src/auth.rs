//! Enhanced authentication by SCRAM-SHA-256 (RFC 5802, RFC 7677): what a client must say to be let
//! in, as a pure exchange that knows no sockets.
//!
//! ```text
//! client                                      shard                          here
//! CONNECT method, data = client-first   -->   Exchange::begin(users, data)   Continue | Refused
//!            AUTH 0x18, server-first    <--
//! AUTH 0x18, data = client-final        -->   exchange.finish(data)          Finished | Refusal
//!         CONNACK 0x00, server-final    <--
//! ```
//!
//! What a shard does around it:
//!
//! * A CONNECT that names another method than [`METHOD`] gets CONNACK 0x8C and the connection ends
//!   \[MQTT-4.12.0-1\]. One that names it without data gets 0x87: SCRAM begins with the client.
//! * Every AUTH, and the CONNACK of success, repeats the method \[MQTT-4.12.0-5\]; an AUTH of the
//!   client with another method, or before CONNACK with another reason than 0x18, is a protocol
//!   error \[MQTT-4.12.0-3\].
//! * Between CONNECT and CONNACK only AUTH and DISCONNECT may come \[MQTT-3.1.2-30\]. The exchange
//!   lives as long as the deadline for CONNECT.
//! * A refusal is CONNACK with [`Refusal::reason`] and the end of the connection \[MQTT-4.12.0-4\].
//! * Takeover, the session and the will wait until the exchange is finished: who has not shown who
//!   it is must not end another's connection.
//! * Later, AUTH 0x19 with client-first begins the same exchange again \[MQTT-4.12.1-1\]: AUTH 0x18
//!   with server-first, AUTH 0x18 from the client with client-final, AUTH 0x00 with server-final.
//!   Other packets go on meanwhile. [`Finished::user`] must be who it was. A refusal is
//!   DISCONNECT with [`Refusal::reason`] \[MQTT-4.12.1-2\].

mod exchange;
mod keys;
mod message;
mod refusal;
#[cfg(test)]
mod tests;
mod users;

pub use exchange::{Exchange, Finished, Step, fresh_nonce};
pub use refusal::Refusal;
pub use users::{Credential, ScramUser, UserFault, Users};

/// The Authentication Method of CONNECT, AUTH and CONNACK.
pub const METHOD: &str = "SCRAM-SHA-256";

/// Iterations for passwords given as they are, and the fewest that stored keys may have (RFC 7677,
/// section 4).
pub const ITERATIONS_MIN: u32 = 4096;

/// Longest name of a user. Each byte may become three (`=2C`) on its way.
pub const NAME_BYTES_MAX: usize = 255;

/// Longest client-first message: the name, a name to act as, and a nonce.
pub const CLIENT_FIRST_BYTES_MAX: usize = 2048;

/// Longest nonce that a client may bring; it stays in the exchange and comes back in client-final.
pub const CLIENT_NONCE_BYTES_MAX: usize = 256;

/// Longest client-final message: the header of client-first in base64, both nonces, the proof.
pub const CLIENT_FINAL_BYTES_MAX: usize = 2048;

/// Longest salt of stored keys.
pub const SALT_BYTES_MAX: usize = 64;

const _: () = assert!(2 * 3 * NAME_BYTES_MAX + CLIENT_NONCE_BYTES_MAX < CLIENT_FIRST_BYTES_MAX);
// `c=`, `,r=` and `,p=` with 44 characters of proof, and a server's nonce.
const _: () = assert!(
    (3 * NAME_BYTES_MAX + 8) * 4 / 3 + 2 * CLIENT_NONCE_BYTES_MAX + 64 < CLIENT_FINAL_BYTES_MAX
);
