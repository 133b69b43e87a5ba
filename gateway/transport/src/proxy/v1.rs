//! Version 1 of a header, the line that humans can read.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{Endpoints, Front, Header, Malformed};
use crate::limits::PROXY_V1_BYTES_MAX;

pub(super) const SIGNATURE: &[u8] = b"PROXY ";

const SHORTEST: &str = "PROXY UNKNOWN\r\n";

/// Reads the line at the front of `bytes`, which begin with the signature.
pub(super) fn front(bytes: &[u8]) -> Result<Front<'_>, Malformed> {
    let Some(line_bytes) = line(bytes)? else {
        let missing = SHORTEST.len().saturating_sub(bytes.len()).max(1);
        return Ok(Front::Short { missing });
    };
    let text = std::str::from_utf8(&bytes[SIGNATURE.len()..line_bytes]);
    let text = text.map_err(|_| Malformed::LineNotPrintable)?;
    let header = Header::of(endpoints(text)?);
    let header_bytes = line_bytes + "\r\n".len();
    Ok(Front::Header {
        header,
        header_bytes,
    })
}

/// The length of the first line without its CRLF, once that is there.
///
/// "The receiver must not tolerate a single CR or LF character to end the line".
fn line(bytes: &[u8]) -> Result<Option<usize>, Malformed> {
    let window = &bytes[..bytes.len().min(PROXY_V1_BYTES_MAX)];
    let Some(end) = window.iter().position(|byte| !matches!(byte, b' '..=b'~')) else {
        return match window.len() {
            PROXY_V1_BYTES_MAX => Err(Malformed::LineTooLong),
            _ => Ok(None),
        };
    };
    match window[end..] {
        [b'\r', b'\n', ..] => Ok(Some(end)),
        [b'\r'] if window.len() == PROXY_V1_BYTES_MAX => Err(Malformed::LineTooLong),
        [b'\r'] => Ok(None),
        [b'\r' | b'\n', ..] => Err(Malformed::LineEndBroken),
        _ => Err(Malformed::LineNotPrintable),
    }
}

/// What the line says behind `PROXY `.
fn endpoints(text: &str) -> Result<Endpoints<'static>, Malformed> {
    let mut words = text.split(' ');
    let address: fn(&str) -> Option<IpAddr> = match words.next() {
        Some("TCP4") => |word| word.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
        Some("TCP6") => |word| word.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        // Whatever follows must be ignored.
        Some("UNKNOWN") => return Ok(Endpoints::Unknown),
        _ => return Err(Malformed::ProtocolUnknown),
    };
    let words = [
        words.next(),
        words.next(),
        words.next(),
        words.next(),
        words.next(),
    ];
    let [
        Some(source),
        Some(destination),
        Some(source_port),
        Some(destination_port),
        None,
    ] = words
    else {
        return Err(Malformed::FieldsMiscounted);
    };
    let endpoint = |word, port_word| {
        let address = address(word).ok_or(Malformed::AddressInvalid)?;
        Ok(SocketAddr::new(address.to_canonical(), port(port_word)?))
    };
    Ok(Endpoints::Inet {
        source: endpoint(source, source_port)?,
        destination: endpoint(destination, destination_port)?,
    })
}

/// A decimal port; the format allows no leading zeros, and `parse` alone would take a plus sign.
fn port(word: &str) -> Result<u16, Malformed> {
    let is_plain = word == "0" || word.starts_with(|first| matches!(first, '1'..='9'));
    let port = word.parse().ok().filter(|_| is_plain);
    port.ok_or(Malformed::PortInvalid)
}
