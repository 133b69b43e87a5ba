//! The PROXY protocol, versions 1 and 2: whom a load balancer speaks for, in front of all else.
//!
//! ```text
//!   v1   PROXY TCP4 192.0.2.7 10.0.0.1 40001 1883\r\n                    at most 107 bytes
//!   v2   [ signature 12 ][ 0x2 | command ][ family | transport ][ length 2 ]   16 bytes
//!        [ addresses 0, 12, 36 or 216 ][ type, length, value ]...              `length` bytes
//! ```
//!
//! [`Policy`] says from whom a header is awaited, taken or refused; [`front`] reads one. A header
//! is never looked for where it is not configured: whoever may send one may be anybody.

mod malformed;
mod networks;
mod policy;
mod tlv;
mod v1;
mod v2;

pub use malformed::Malformed;
pub use networks::{Network, NetworkFault, Networks};
pub use policy::{Expect, Mode, Policy, Refusal, Verdict};

use std::net::SocketAddr;

/// What stands at the front of a connection that must begin with a header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Front<'a> {
    /// A whole header; what the client sent begins behind its bytes.
    Header {
        header: Header<'a>,
        header_bytes: usize,
    },
    /// Not a header yet: it cannot be whole before this many more bytes have arrived.
    Short { missing: usize },
}

/// What a balancer says of the connection that it relays.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header<'a> {
    pub endpoints: Endpoints<'a>,
    /// What the client called the server, mostly in TLS's server name (PP2_TYPE_AUTHORITY).
    pub authority: Option<&'a str>,
    /// Opaque name of the connection, at most 128 bytes (PP2_TYPE_UNIQUE_ID).
    pub unique_id: Option<&'a [u8]>,
    /// The TLS that ends at the balancer (PP2_TYPE_SSL).
    pub tls: Option<Tls<'a>>,
}

/// Between whom the relayed connection is. Addresses are canonical: a mapped IPv4 is an IPv4.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Endpoints<'a> {
    /// The balancer's own connection, a health check: the socket's addresses hold.
    Local,
    /// Relayed from something without an address of ours: the socket's addresses hold.
    Unknown,
    Inet {
        source: SocketAddr,
        destination: SocketAddr,
    },
    /// Paths of Unix sockets, without the zeros behind them; empty where there is no name.
    Unix {
        source: &'a [u8],
        destination: &'a [u8],
    },
}

/// What the balancer says of the client's TLS.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tls<'a> {
    /// For example `TLSv1.3`.
    pub version: Option<&'a str>,
    /// Whether the client has shown a certificate in this connection or in the session it resumes.
    pub has_certificate: bool,
    /// OpenSSL's verdict on it, 0 for good. Also 0 when no certificate was shown.
    pub verify_result: u32,
    common_name: Option<&'a str>,
}

impl<'a> Tls<'a> {
    /// The common name of the client's certificate, only when there was one and it was found good:
    /// a name that nobody has verified is a claim.
    pub fn client_name(&self) -> Option<&'a str> {
        let is_verified = self.has_certificate && self.verify_result == 0;
        self.common_name.filter(|_| is_verified)
    }
}

impl<'a> Header<'a> {
    const fn of(endpoints: Endpoints<'a>) -> Self {
        Header {
            endpoints,
            authority: None,
            unique_id: None,
            tls: None,
        }
    }

    /// The address to log, limit and judge the client by; none means the socket's own.
    pub fn source(&self) -> Option<SocketAddr> {
        match self.endpoints {
            Endpoints::Inet { source, .. } => Some(source),
            Endpoints::Local | Endpoints::Unknown | Endpoints::Unix { .. } => None,
        }
    }

    /// The name in the client's certificate, if the balancer has verified it.
    pub fn tls_client_name(&self) -> Option<&'a str> {
        self.tls.as_ref().and_then(Tls::client_name)
    }
}

/// Reads the header at the front of `bytes`; `v2_bytes_max` counts all of it, its first 16 too.
///
/// Stateless, for a header is short: the caller keeps the bytes and asks again with more of them.
pub fn front(bytes: &[u8], v2_bytes_max: u16) -> Result<Front<'_>, Malformed> {
    match signature(bytes) {
        Signature::V1 => v1::front(bytes),
        Signature::V2 => v2::front(bytes, usize::from(v2_bytes_max)),
        Signature::Begun => Ok(Front::Short { missing: 1 }),
        Signature::Absent => Err(Malformed::SignatureAbsent),
    }
}

/// Whether bytes begin as a header does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Signature {
    V1,
    V2,
    /// All there is of them so far agrees with one.
    Begun,
    Absent,
}

fn signature(bytes: &[u8]) -> Signature {
    if bytes.starts_with(v1::SIGNATURE) {
        Signature::V1
    } else if bytes.starts_with(v2::SIGNATURE) {
        Signature::V2
    } else if v1::SIGNATURE.starts_with(bytes) || v2::SIGNATURE.starts_with(bytes) {
        Signature::Begun
    } else {
        Signature::Absent
    }
}

#[cfg(test)]
mod tests;
