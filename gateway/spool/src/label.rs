//! The front of every file: its kind, the version of its format and two numbers, twice, so that
//! damage to one copy costs nothing.
//!
//! ```text
//!  0       8         12    16       24       32      2048            4096
//!  [ kind ][ version ][ crc ][ number ][ number ][ 0 .. ][ the same again ]   all little-endian
//! ```
//!
//! Every version to come keeps these places, so that each knows the files of the others.

use std::io;

use crate::disk::{DiskFile, read_full};
use crate::limits::VERSION;
use crate::record::{long, word};

/// Where a file goes on behind its label.
pub(crate) const LABEL_BYTES: usize = 4096;

const COPIES_AT: [usize; 2] = [0, LABEL_BYTES / 2];
const COPY_BYTES: usize = 32;

/// What a kind of file is known by.
pub(crate) type Kind = [u8; 8];

/// One copy as it was read.
pub(crate) enum Copy {
    Whole([u64; 2]),
    /// Of another version, so that the numbers mean nothing.
    Other {
        version: u32,
    },
    Damaged,
}

/// A whole label, to be written at the front of a file.
pub(crate) fn encode(kind: Kind, version: u32, numbers: [u64; 2]) -> [u8; LABEL_BYTES] {
    let mut label = [0; LABEL_BYTES];
    for at in COPIES_AT {
        let copy = &mut label[at..at + COPY_BYTES];
        copy[..8].copy_from_slice(&kind);
        copy[8..12].copy_from_slice(&version.to_le_bytes());
        copy[16..24].copy_from_slice(&numbers[0].to_le_bytes());
        copy[24..].copy_from_slice(&numbers[1].to_le_bytes());
        let crc = checksum(copy);
        copy[12..16].copy_from_slice(&crc.to_le_bytes());
    }
    label
}

pub(crate) fn read(file: &dyn DiskFile, kind: Kind) -> io::Result<[Copy; 2]> {
    let mut label = [0; LABEL_BYTES];
    // What is missing stays zero, and zeros are no label.
    read_full(file, &mut label, 0)?;
    Ok(COPIES_AT.map(|at| decode(&label[at..at + COPY_BYTES], kind)))
}

fn decode(copy: &[u8], kind: Kind) -> Copy {
    if copy[..8] != kind || word(copy, 12) != checksum(copy) {
        return Copy::Damaged;
    }
    match word(copy, 8) {
        VERSION => Copy::Whole([long(copy, 16), long(copy, 24)]),
        version => Copy::Other { version },
    }
}

/// Over all of a copy but the checksum's own place.
fn checksum(copy: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&copy[..12]), &copy[16..])
}
