//! The HTTP/1.1 request that turns a connection into a WebSocket, and its answer [RFC 6455 4.2].
//!
//! ```text
//!   GET /mqtt HTTP/1.1                        HTTP/1.1 101 Switching Protocols
//!   Host: broker.example                      Upgrade: websocket
//!   Upgrade: websocket                        Connection: Upgrade
//!   Connection: Upgrade                 ──>   Sec-WebSocket-Accept: (SHA-1 of key and a constant)
//!   Sec-WebSocket-Version: 13                 Sec-WebSocket-Protocol: mqtt
//!   Sec-WebSocket-Key: (16 bytes, base64)
//!   Sec-WebSocket-Protocol: mqtt              or 400, 404, 405, 426, 431 and the end
//! ```
//!
//! One request per connection, without a body, read strictly: what a proxy in front could read in
//! another way (folded lines, a bare line feed, a field twice) is refused. `X-Forwarded-For` and
//! its like are anybody's claim; they can be asked for ([`Upgrade::values`]) and mean nothing here.
//!
//! Behind a refusal the sending side is shut and what still comes is read away for a while, or the
//! reset of a socket with bytes unread takes the answer with it.

mod answer;
mod fields;
mod refusal;
mod request;
mod scan;

pub use refusal::Refusal;
pub use request::{Protocol, Upgrade};

use scan::Scan;

/// What a listener asks of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rules<'a> {
    /// The one path that is served, `/mqtt`, compared byte by byte; none serves every path.
    pub path: Option<&'a str>,
    /// Longest head: request line, fields and the empty line.
    pub head_bytes_max: u16,
}

/// What stands at the front of a connection.
#[derive(Clone, Copy, Debug)]
pub enum Front<'a> {
    /// A request that is granted by sending [`Upgrade::answer`]; frames begin behind its bytes.
    Request {
        upgrade: Upgrade<'a>,
        head_bytes: usize,
    },
    /// Not a whole request yet.
    Short,
}

/// A connection that waits for its request: two bytes of state.
///
/// It remembers how far it has looked, so that a client that sends a byte at a time costs no more
/// than one that sends all at once; and it says at the first wrong byte that this is no HTTP, since
/// whoever speaks MQTT or TLS to the wrong port will never send an empty line.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct AwaitRequest {
    scan: Scan,
}

impl AwaitRequest {
    /// Looks at all bytes that have arrived so far: those of the call before, and what came since.
    pub fn on_bytes<'a>(
        &mut self,
        bytes: &'a [u8],
        rules: &Rules<'_>,
    ) -> Result<Front<'a>, Refusal> {
        let Some(head_bytes) = self.scan.on_bytes(bytes, rules.head_bytes_max)? else {
            return Ok(Front::Short);
        };
        let upgrade = Upgrade::read(&bytes[..head_bytes], rules.path)?;
        Ok(Front::Request {
            upgrade,
            head_bytes,
        })
    }
}

#[cfg(test)]
mod tests;
