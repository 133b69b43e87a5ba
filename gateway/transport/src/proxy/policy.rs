//! From whom a header is awaited, taken or refused.
//!
//! ```text
//!             | a trusted peer          | any other peer
//!   ----------+-------------------------+---------------------------------
//!   required  | must begin with one     | refused before its first byte
//!   optional  | may begin with one      | refused if it begins with one
//!   refused   | refused if it begins with one
//! ```

use std::net::IpAddr;

use super::{Front, Header, Malformed, Networks, Signature, front, signature};
use crate::ways::ways;

/// What a listener wants of headers.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Mode {
    Required,
    /// Only trusted peers have the choice: a client that may send a header when it likes can be
    /// anybody [proxy-protocol 5].
    Optional,
    #[default]
    Refused,
}

/// A listener's setting. `Required` with nobody trusted lets nobody in; the configuration says so.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Policy {
    pub mode: Mode,
    pub trusted: Networks,
    /// Longest header of version 2, the first 16 bytes included.
    pub v2_bytes_max: u16,
}

/// What the first bytes of one connection must be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Expect {
    Header,
    HeaderOrNot,
    /// The listener takes none.
    NoHeader,
    /// The listener takes some, and not from here.
    NoHeaderFromHere,
}

/// What the first bytes turned out to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict<'a> {
    /// Behind `header_bytes` the client's own bytes begin.
    Header {
        header: Header<'a>,
        header_bytes: usize,
    },
    /// No header: all bytes are the client's own.
    Direct,
    /// Not to be told before this many more bytes have arrived, at the least.
    Wait { missing: usize },
}

ways! {
    /// Why a header, or its absence, ends the connection.
    pub enum Refusal {
        SourceUntrusted "proxy_source_untrusted" "peer is not among the trusted networks",
        HeaderUnexpected "proxy_header_unexpected" "header on a listener that takes none",
        HeaderMissing "proxy_header_missing" "connection does not begin with a header",
        HeaderTwice "proxy_header_twice" "a second header behind the first",
        HeaderMalformed { why: Malformed } "proxy_header_malformed" "header is malformed",
    }
}

impl Policy {
    /// Judges a connection by its peer alone, before any byte; no address means a Unix socket.
    pub fn on_accept(&self, peer: Option<IpAddr>) -> Result<Expect, Refusal> {
        let is_trusted = self.trusted.contains(peer);
        match self.mode {
            Mode::Required if is_trusted => Ok(Expect::Header),
            Mode::Required => Err(Refusal::SourceUntrusted),
            Mode::Optional if is_trusted => Ok(Expect::HeaderOrNot),
            Mode::Optional => Ok(Expect::NoHeaderFromHere),
            Mode::Refused => Ok(Expect::NoHeader),
        }
    }
}

impl Expect {
    /// Judges all bytes that have arrived so far.
    ///
    /// No packet of MQTT, record of TLS or GET of HTTP begins as a header does, so that a client
    /// without one never waits here for more than its own first byte.
    pub fn on_bytes(self, bytes: &[u8], v2_bytes_max: u16) -> Result<Verdict<'_>, Refusal> {
        let wants_none = matches!(self, Expect::NoHeader | Expect::NoHeaderFromHere);
        match (signature(bytes), self) {
            (Signature::Absent, Expect::Header) => Err(Refusal::HeaderMissing),
            (Signature::Absent, _) => Ok(Verdict::Direct),
            (Signature::Begun, _) if wants_none && !bytes.is_empty() => Ok(Verdict::Direct),
            (Signature::Begun, _) => Ok(Verdict::Wait { missing: 1 }),
            (_, Expect::NoHeader) => Err(Refusal::HeaderUnexpected),
            (_, Expect::NoHeaderFromHere) => Err(Refusal::SourceUntrusted),
            (_, Expect::Header | Expect::HeaderOrNot) => take(bytes, v2_bytes_max),
        }
    }
}

/// Reads the header, and looks whether another one follows in what has arrived. One that comes
/// later is refused by what it stands in front of: MQTT, TLS or HTTP.
fn take(bytes: &[u8], v2_bytes_max: u16) -> Result<Verdict<'_>, Refusal> {
    match front(bytes, v2_bytes_max) {
        Err(why) => Err(Refusal::HeaderMalformed { why }),
        Ok(Front::Short { missing }) => Ok(Verdict::Wait { missing }),
        Ok(Front::Header {
            header,
            header_bytes,
        }) => match signature(&bytes[header_bytes..]) {
            // Two balancers in a row, one of them not told to expect the other's, or a client that
            // wants to be another one.
            Signature::V1 | Signature::V2 => Err(Refusal::HeaderTwice),
            Signature::Begun | Signature::Absent => Ok(Verdict::Header {
                header,
                header_bytes,
            }),
        },
    }
}
