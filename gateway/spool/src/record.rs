//! How a record lies in a segment.
//!
//! ```text
//!  0        4       8        12      16
//!  [ mark  ][ crc  ][ length ][ index ][ the record's bytes ... ]     all little-endian
//! ```
//!
//! `mark` and the seed of `crc` are drawn by chance for each life of a segment. So neither a record
//! of the file's former life nor bytes that a device has chosen can pass for a record, and a search
//! for the mark finds the next one behind damage. `index` counts from the segment's first record:
//! what damage has swallowed can be told from it. `crc` is over all that follows it.

use crate::limits::RECORD_BYTES_MAX;

/// What stands in front of a record's bytes.
pub(crate) const HEAD_BYTES: usize = 16;

/// What tells the records of one life of a segment from everything else.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Salt(pub(crate) u64);

impl Salt {
    /// Never all zeros: that is how an empty place looks.
    pub(crate) fn mark(self) -> [u8; 4] {
        (self.0 as u32 | 1).to_le_bytes()
    }

    fn seed(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

/// The front of a record that may be one: only [`is_whole`] says.
pub(crate) struct Head {
    pub(crate) index: u32,
    /// Of the record and its head.
    pub(crate) bytes: usize,
}

impl Head {
    /// `None` when no record of this salt begins here.
    pub(crate) fn parse(bytes: &[u8], salt: Salt) -> Option<Head> {
        let head = bytes.first_chunk::<HEAD_BYTES>()?;
        let length = word(head, 8) as usize;
        (head[..4] == salt.mark() && length <= RECORD_BYTES_MAX).then(|| Head {
            index: word(head, 12),
            bytes: HEAD_BYTES + length,
        })
    }
}

/// Appends a record, head and all.
pub(crate) fn push(buffer: &mut Vec<u8>, salt: Salt, index: u32, record: &[u8]) {
    let start = buffer.len();
    buffer.extend_from_slice(&salt.mark());
    buffer.extend_from_slice(&[0; 4]);
    buffer.extend_from_slice(&(record.len() as u32).to_le_bytes());
    buffer.extend_from_slice(&index.to_le_bytes());
    buffer.extend_from_slice(record);
    let crc = crc32c::crc32c_append(salt.seed(), &buffer[start + 8..]);
    buffer[start + 4..start + 8].copy_from_slice(&crc.to_le_bytes());
}

/// Whether a head and the bytes behind it are what was appended.
pub(crate) fn is_whole(bytes: &[u8], salt: Salt) -> bool {
    bytes.len() >= HEAD_BYTES && word(bytes, 4) == crc32c::crc32c_append(salt.seed(), &bytes[8..])
}

pub(crate) fn word(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}

pub(crate) fn long(bytes: &[u8], at: usize) -> u64 {
    u64::from(word(bytes, at)) | u64::from(word(bytes, at + 4)) << 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_with_any_one_bit_wrong_is_none() {
        let salt = Salt(0x1234_5678_9abc_def0);
        let mut bytes = Vec::new();
        push(&mut bytes, salt, 7, b"what was promised");
        let head = Head::parse(&bytes, salt).expect("it is one");
        assert_eq!((head.index, head.bytes), (7, bytes.len()));
        assert!(is_whole(&bytes, salt));
        for bit in 0..bytes.len() * 8 {
            let mut wrong = bytes.clone();
            wrong[bit / 8] ^= 1 << (bit % 8);
            let whole = Head::parse(&wrong, salt)
                .is_some_and(|head| head.bytes == wrong.len() && is_whole(&wrong, salt));
            assert!(!whole, "bit {bit}");
        }
    }

    #[test]
    fn a_record_of_another_life_is_none() {
        let mut bytes = Vec::new();
        push(&mut bytes, Salt(0x5_0000_0003), 0, b"old");
        assert!(Head::parse(&bytes, Salt(0x5_0000_0005)).is_none());
        assert!(!is_whole(&bytes, Salt(0x6_0000_0003)));
    }
}
