//! Why a spool cannot be opened, for the human who has to do something about it, and why a record
//! was not taken, for the lane.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::limits::VERSION;

/// Why the gateway refuses to start on this spool.
#[derive(Debug)]
pub enum OpenError {
    /// Another process, or another spool of this one, has it.
    Locked { folder: PathBuf },
    /// A file was written by another version of the format.
    Version { file: PathBuf, found: u32 },
    /// A file or folder cannot be made, read or written.
    Io { path: PathBuf, error: io::Error },
}

impl OpenError {
    pub(crate) fn io(path: impl AsRef<Path>, error: io::Error) -> OpenError {
        let path = path.as_ref().to_owned();
        OpenError::Io { path, error }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::Locked { folder } => write!(
                f,
                "the spool {} is in use by another process: stop that one, or give this gateway a \
                 folder of its own",
                folder.display()
            ),
            OpenError::Version { file, found } => write!(
                f,
                "the spool's file {} has format {found}, this version knows {VERSION}: let the \
                 version that wrote it empty the spool into Kafka, or move the folder away",
                file.display()
            ),
            OpenError::Io { path, error } => write!(
                f,
                "the spool cannot use {} ({error}): see that its folder exists, is writable for \
                 this user and has room; a file that cannot be read may be moved away, its records \
                 are then counted as corrupt",
                path.display()
            ),
        }
    }
}

impl std::error::Error for OpenError {}

/// Why a record was not appended. Nothing has changed.
#[derive(Debug)]
pub enum AppendError {
    /// `bytes_max` would be passed, or the disk has no room. Settled records make room.
    Full,
    /// The record is longer than [`crate::limits::RECORD_BYTES_MAX`].
    TooLong,
    /// The disk failed; see [`crate::Spool::failure`] whether for good.
    Io(io::Error),
}

impl fmt::Display for AppendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AppendError::Full => write!(f, "the spool is full"),
            AppendError::TooLong => write!(f, "the record is too long for the spool"),
            AppendError::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for AppendError {}

/// Whether a write failed only because there is no room, which can change, and without anything
/// being unknown about what is on disk.
pub(crate) fn is_no_room(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}
