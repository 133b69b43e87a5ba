//! The bell of a shard: an eventfd that its rings ring when something completes, and that other
//! threads ring when they have left a note.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};

/// One per shard, shared by its rings and by every thread that leaves it notes.
pub struct Wake(File);

impl Wake {
    /// The eventfd is a blocking one: a runtime that reads it through its own ring needs the read
    /// to wait, not to fail.
    pub fn new() -> io::Result<Wake> {
        // SAFETY: a plain system call without pointers.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just given us this descriptor, and nobody else knows it.
        Ok(Wake(unsafe { File::from_raw_fd(fd) }))
    }

    /// Wakes the shard. Signals that come before it looks melt into one.
    pub fn signal(&self) {
        // It can fail only when 2^64 signals are waiting, and then the shard is awake anyway.
        let _ = (&self.0).write(&1u64.to_ne_bytes());
    }

    /// A descriptor of the same eventfd, for whoever waits on it.
    pub fn try_clone_fd(&self) -> io::Result<OwnedFd> {
        Ok(self.0.try_clone()?.into())
    }

    pub(crate) fn fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// Gives a descriptor to a type that only has the `unsafe` constructor, such as a runtime's file.
pub fn adopt<T: FromRawFd>(fd: OwnedFd) -> T {
    // SAFETY: `FromRawFd` asks for an open descriptor that is owned, and `into_raw_fd` gives it up.
    unsafe { T::from_raw_fd(fd.into_raw_fd()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn signals_melt_into_one() {
        let wake = Wake::new().unwrap();
        wake.signal();
        wake.signal();
        let mut ear: File = adopt(wake.try_clone_fd().unwrap());
        let mut count = [0; 8];
        ear.read_exact(&mut count).unwrap();
        assert_eq!(u64::from_ne_bytes(count), 2);
    }
}
