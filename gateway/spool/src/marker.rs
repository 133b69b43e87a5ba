//! The replay marker: up to where all is in Kafka, so that a restart does not begin at the front.

use std::io;

use crate::disk::{Disk, DiskFile};
use crate::error::OpenError;
use crate::label::{self, Copy};
use crate::limits::{NUMBER_MAX, VERSION};

const NAME: &str = "settled";
const KIND: label::Kind = *b"trib-set";

pub(crate) struct Marker {
    file: Box<dyn DiskFile>,
    /// What the file says.
    written: u64,
}

impl Marker {
    /// Opens the marker, or makes one that says nothing. Without a readable one, the answer is
    /// `None`: then what is in the log comes again, and nothing is lost.
    pub(crate) fn open(disk: &dyn Disk) -> Result<(Marker, Option<u64>), OpenError> {
        let failed = |error| OpenError::io(disk.path().join(NAME), error);
        let file = match disk.open(NAME) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                disk.create(NAME).map_err(failed)?
            }
            Err(error) => return Err(failed(error)),
        };
        let mut found = None;
        for copy in label::read(&*file, KIND).map_err(failed)? {
            match copy {
                // A write that was cut off leaves an older number in one of them.
                Copy::Whole([settled, _]) if settled < NUMBER_MAX => {
                    found = found.max(Some(settled));
                }
                Copy::Other { version } => {
                    let file = disk.path().join(NAME);
                    return Err(OpenError::Version {
                        file,
                        found: version,
                    });
                }
                Copy::Whole(_) | Copy::Damaged => {}
            }
        }
        let written = found.unwrap_or(0);
        Ok((Marker { file, written }, found))
    }

    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// Survives kill -9 from here on.
    pub(crate) fn write(&mut self, settled: u64) -> io::Result<()> {
        let label = label::encode(KIND, VERSION, [settled, 0]);
        self.file.write_at(&label, 0)?;
        self.written = settled;
        Ok(())
    }

    /// Survives a power loss from here on.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }
}
