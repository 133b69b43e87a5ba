//! The typed values behind the addresses of a version 2 header.

use super::{Header, Malformed, Tls};
use crate::limits::PROXY_UNIQUE_ID_BYTES_MAX;

const AUTHORITY: u8 = 0x02;
const CRC32C: u8 = 0x03;
const UNIQUE_ID: u8 = 0x05;
const SSL: u8 = 0x20;
const SSL_VERSION: u8 = 0x21;
const SSL_COMMON_NAME: u8 = 0x22;

/// PP2_CLIENT_SSL: the client speaks TLS to the balancer.
const CLIENT_SSL: u8 = 1 << 0;
/// PP2_CLIENT_CERT_CONN and PP2_CLIENT_CERT_SESS: a certificate was shown, here or at the full
/// handshake of the session that this connection resumes.
const CLIENT_CERTIFICATE: u8 = 1 << 1 | 1 << 2;

/// Fills `header` from the values, which are the last bytes of the `whole` header.
///
/// A value that could be read in two ways, by coming twice, is refused: what the balancer meant and
/// what a client smuggled in cannot be told apart.
pub(super) fn read<'a>(
    whole: &[u8],
    values: &'a [u8],
    mut header: Header<'a>,
) -> Result<Header<'a>, Malformed> {
    let mut has_checksum = false;
    for value in Values(values) {
        let Value { kind, bytes, after } = value?;
        match kind {
            AUTHORITY => set_once(&mut header.authority, kind, text(kind, bytes)?)?,
            UNIQUE_ID if bytes.len() > PROXY_UNIQUE_ID_BYTES_MAX => {
                let bytes = bytes.len() as u16;
                return Err(Malformed::UniqueIdTooLong { bytes });
            }
            UNIQUE_ID => set_once(&mut header.unique_id, kind, bytes)?,
            SSL => set_once(&mut header.tls, kind, tls(bytes)?)?,
            CRC32C if has_checksum => return Err(Malformed::ValueTwice { kind }),
            CRC32C => {
                check(whole, whole.len() - after, bytes)?;
                has_checksum = true;
            }
            // "A receiver may choose to skip over and ignore the TLVs it is not interested in."
            _ => {}
        }
    }
    Ok(header)
}

/// The SSL value: a byte of flags, four of a verdict, and values of its own.
fn tls(bytes: &[u8]) -> Result<Tls<'_>, Malformed> {
    let Some((&[client, ref verify @ ..], values)) = bytes.split_first_chunk::<5>() else {
        return Err(Malformed::ValueCut { kind: SSL });
    };
    let (mut version, mut common_name) = (None, None);
    for value in Values(values) {
        let Value { kind, bytes, .. } = value?;
        match kind {
            SSL_VERSION => set_once(&mut version, kind, text(kind, bytes)?)?,
            SSL_COMMON_NAME => set_once(&mut common_name, kind, text(kind, bytes)?)?,
            _ => {}
        }
    }
    Ok(Tls {
        version,
        has_certificate: client & CLIENT_CERTIFICATE != 0 && client & CLIENT_SSL != 0,
        verify_result: u32::from_be_bytes(*verify),
        common_name,
    })
}

/// Compares the checksum that ends at `end` with that of the header, taken with zeros in its place.
fn check(whole: &[u8], end: usize, value: &[u8]) -> Result<(), Malformed> {
    let Ok(told) = <[u8; 4]>::try_from(value) else {
        let bytes = value.len() as u16;
        return Err(Malformed::ChecksumLength { bytes });
    };
    let before = crc32c::crc32c(&whole[..end - 4]);
    let blanked = crc32c::crc32c_append(before, &[0; 4]);
    let found = crc32c::crc32c_append(blanked, &whole[end..]);
    if found == u32::from_be_bytes(told) {
        Ok(())
    } else {
        Err(Malformed::ChecksumWrong)
    }
}

fn set_once<T>(place: &mut Option<T>, kind: u8, value: T) -> Result<(), Malformed> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(Malformed::ValueTwice { kind }),
    }
}

/// Text that may go into a log as it is.
fn text(kind: u8, bytes: &[u8]) -> Result<&str, Malformed> {
    let text = std::str::from_utf8(bytes).ok();
    let text = text.filter(|text| !text.contains(char::is_control));
    text.ok_or(Malformed::TextInvalid { kind })
}

/// One typed value; `after` bytes of the header come behind it.
struct Value<'a> {
    kind: u8,
    bytes: &'a [u8],
    after: usize,
}

/// Walks values by their lengths, which must come out even.
struct Values<'a>(&'a [u8]);

impl<'a> Iterator for Values<'a> {
    type Item = Result<Value<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let cut = std::mem::take(&mut self.0);
        let Some((&[kind, high, low], rest)) = cut.split_first_chunk::<3>() else {
            return Some(Err(Malformed::TypeCut));
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        let Some((bytes, rest)) = rest.split_at_checked(length) else {
            return Some(Err(Malformed::ValueCut { kind }));
        };
        self.0 = rest;
        let after = rest.len();
        Some(Ok(Value { kind, bytes, after }))
    }
}
