//! Cuts the bytes of a connection into records, wherever reads have cut them.
//!
//! ```text
//!  0      1         3          5
//! [ type ][ version ][ length ][ body, 2^14 + 256 at most ]
//! ```

use crate::fault::Fault;
use crate::limits::{BODY_BYTES_MAX, HEADER_BYTES};

/// What stands at the front of the bytes read so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Front {
    /// A whole record of so many bytes, its header included.
    Record { bytes: usize },
    /// Not a record yet: looking again is pointless until this many bytes have arrived.
    Short { missing: usize },
    /// Not a record that TLS could hold: see [`crate::Burst::refuse`].
    Refused(Fault),
}

/// Looks at the front of `bytes` [RFC 8446 5.1].
pub fn front(bytes: &[u8]) -> Front {
    // Whoever does not speak TLS is told so by the first byte, not after a length of chance.
    if bytes.first().is_some_and(|kind| !matches!(kind, 20..=23)) {
        return Front::Refused(Fault::NotTls);
    }
    let [_, _, _, high, low, body @ ..] = bytes else {
        return Front::Short {
            missing: HEADER_BYTES - bytes.len(),
        };
    };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    if length > BODY_BYTES_MAX {
        return Front::Refused(Fault::RecordOverflow);
    }
    match length.checked_sub(body.len()) {
        None | Some(0) => Front::Record {
            bytes: HEADER_BYTES + length,
        },
        Some(missing) => Front::Short { missing },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_seen_when_its_last_byte_is_there_and_not_before() {
        let record = [23, 3, 3, 0, 2, 7, 8];
        for cut in 0..record.len() {
            let missing = if cut < 5 { 5 - cut } else { record.len() - cut };
            assert_eq!(front(&record[..cut]), Front::Short { missing });
        }
        assert_eq!(front(&record), Front::Record { bytes: 7 });
        assert_eq!(
            front(&[&record[..], &[23]].concat()),
            Front::Record { bytes: 7 }
        );
    }

    #[test]
    fn a_length_over_the_limit_is_refused_by_the_header_alone() {
        let length = (BODY_BYTES_MAX as u16).to_be_bytes();
        let fits = [23, 3, 3, length[0], length[1]];
        assert_eq!(
            front(&fits),
            Front::Short {
                missing: BODY_BYTES_MAX
            }
        );
        let over = [23, 3, 3, length[0], length[1] + 1];
        assert_eq!(front(&over), Front::Refused(Fault::RecordOverflow));
    }

    #[test]
    fn whoever_does_not_speak_tls_is_known_by_the_first_byte() {
        for first in (0..=u8::MAX).filter(|kind| !(20..=23).contains(kind)) {
            assert_eq!(front(&[first]), Front::Refused(Fault::NotTls));
        }
    }
}
