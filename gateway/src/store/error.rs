//! Why a store cannot be opened, for the human who has to do something about it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use redb::{DatabaseError, StorageError};

use super::tables::FORMAT;

/// Why the gateway refuses to start on this store.
#[derive(Debug)]
pub struct StoreError {
    path: PathBuf,
    cause: Cause,
}

#[derive(Debug)]
pub(super) enum Cause {
    Locked,
    Newer { found: u32 },
    Corrupt { what: String },
    Io(io::Error),
}

impl StoreError {
    pub(super) fn new(path: &Path, cause: Cause) -> StoreError {
        StoreError {
            path: path.to_owned(),
            cause,
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.cause {
            Cause::Locked => write!(
                f,
                "the store {path} is in use by another process: stop that one, or give this \
                 gateway a path of its own in [store]"
            ),
            Cause::Newer { found } => write!(
                f,
                "the store {path} has format {found}, this version knows up to {FORMAT}: start the \
                 version that wrote it, or move the file away to begin with an empty store"
            ),
            Cause::Corrupt { what } => write!(
                f,
                "the store {path} is damaged ({what}): put a backup in its place, or move the file \
                 away to begin with an empty store"
            ),
            Cause::Io(error) => write!(
                f,
                "the store {path} cannot be used ({error}): see that the folder of [store] path \
                 exists, is writable for this user and has room"
            ),
        }
    }
}

impl std::error::Error for StoreError {}

impl From<redb::Error> for Cause {
    fn from(error: redb::Error) -> Cause {
        match error {
            redb::Error::DatabaseAlreadyOpen => Cause::Locked,
            redb::Error::Io(error) => match error.kind() {
                // What the file calls its length and what it holds differ.
                io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => Cause::Corrupt {
                    what: error.to_string(),
                },
                _ => Cause::Io(error),
            },
            other => Cause::Corrupt {
                what: other.to_string(),
            },
        }
    }
}

impl From<DatabaseError> for Cause {
    fn from(error: DatabaseError) -> Cause {
        redb::Error::from(error).into()
    }
}

impl From<StorageError> for Cause {
    fn from(error: StorageError) -> Cause {
        redb::Error::from(error).into()
    }
}

impl From<io::Error> for Cause {
    fn from(error: io::Error) -> Cause {
        Cause::Io(error)
    }
}
