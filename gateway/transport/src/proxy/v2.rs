//! Version 2 of a header: 16 fixed bytes, addresses by family, and typed values.

use std::net::{IpAddr, SocketAddr};

use super::{Endpoints, Front, Header, Malformed, tlv};

pub(super) const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

const FIXED_BYTES: usize = 16;

const INET: u8 = 1;
const INET6: u8 = 2;
const UNIX: u8 = 3;
const STREAM: u8 = 1;
const DATAGRAM: u8 = 2;

const UNIX_PATH_BYTES: usize = 108;

/// Reads the header at the front of `bytes`, which begin with the signature.
///
/// A length over the maximum is refused as soon as it is there: nobody gets a buffer for it.
pub(super) fn front(bytes: &[u8], header_bytes_max: usize) -> Result<Front<'_>, Malformed> {
    let Some(fixed) = bytes.first_chunk::<FIXED_BYTES>() else {
        let missing = FIXED_BYTES - bytes.len();
        return Ok(Front::Short { missing });
    };
    let [.., version_and_command, family_and_transport, high, low] = *fixed;
    if version_and_command >> 4 != 2 {
        let version = version_and_command >> 4;
        return Err(Malformed::VersionUnknown { version });
    }
    let header_bytes = FIXED_BYTES + usize::from(u16::from_be_bytes([high, low]));
    if header_bytes > header_bytes_max {
        let bytes = header_bytes as u32;
        return Err(Malformed::HeaderTooLong { bytes });
    }
    let Some(whole) = bytes.get(..header_bytes) else {
        let missing = header_bytes - bytes.len();
        return Ok(Front::Short { missing });
    };
    let header = match version_and_command & 0x0F {
        // "The receiver must [...] discard the protocol block including the family."
        0 => Header::of(Endpoints::Local),
        1 => relayed(
            whole,
            family_and_transport >> 4,
            family_and_transport & 0x0F,
        )?,
        command => return Err(Malformed::CommandUnknown { command }),
    };
    Ok(Front::Header {
        header,
        header_bytes,
    })
}

/// What a whole header with the command PROXY says.
fn relayed(whole: &[u8], family: u8, transport: u8) -> Result<Header<'_>, Malformed> {
    if transport > DATAGRAM {
        return Err(Malformed::TransportUnknown { transport });
    }
    let block = &whole[FIXED_BYTES..];
    let addresses = match family {
        // Nothing says how long the addresses of no family are, hence nor where values begin.
        0 => return Ok(Header::of(Endpoints::Unknown)),
        INET => inet::<4>(block),
        INET6 => inet::<16>(block),
        UNIX => unix(block),
        _ => return Err(Malformed::FamilyUnknown { family }),
    };
    let bytes = block.len() as u16;
    let (endpoints, values) = addresses.ok_or(Malformed::AddressesCut { bytes })?;
    let endpoints = match transport {
        STREAM => endpoints,
        // No datagram arrives by TCP: what is valid and not supported counts as unspecified.
        _ => Endpoints::Unknown,
    };
    tlv::read(whole, values, Header::of(endpoints))
}

/// Two addresses of N bytes, two ports, and what follows them.
fn inet<const N: usize>(block: &[u8]) -> Option<(Endpoints<'_>, &[u8])>
where
    IpAddr: From<[u8; N]>,
{
    let (source, rest) = block.split_first_chunk::<N>()?;
    let (destination, rest) = rest.split_first_chunk::<N>()?;
    let (source_port, rest) = rest.split_first_chunk()?;
    let (destination_port, rest) = rest.split_first_chunk()?;
    let endpoint = |address: [u8; N], port: [u8; 2]| {
        SocketAddr::new(
            IpAddr::from(address).to_canonical(),
            u16::from_be_bytes(port),
        )
    };
    let endpoints = Endpoints::Inet {
        source: endpoint(*source, *source_port),
        destination: endpoint(*destination, *destination_port),
    };
    Some((endpoints, rest))
}

/// Two paths padded with zeros, and what follows them.
fn unix(block: &[u8]) -> Option<(Endpoints<'_>, &[u8])> {
    let (source, rest) = block.split_at_checked(UNIX_PATH_BYTES)?;
    let (destination, rest) = rest.split_at_checked(UNIX_PATH_BYTES)?;
    let endpoints = Endpoints::Unix {
        source: path(source),
        destination: path(destination),
    };
    Some((endpoints, rest))
}

/// A path as it stands in `sun_path`. An abstract name begins with a zero and its end is not told:
/// it counts as none.
fn path(field: &[u8]) -> &[u8] {
    let end = field.iter().position(|byte| *byte == 0);
    &field[..end.unwrap_or(field.len())]
}
