//! A TUN device: packets of a network interface as reads and writes of a file.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;

/// One end of an interface whose other end is this host's network stack. It is gone when dropped.
pub struct Tun(File);

impl Tun {
    /// Makes the interface `name`, which still needs an address and to be set up (`ip link`).
    /// Reads and writes are whole IP packets and do not block.
    ///
    /// # Errors
    /// `EPERM` without CAP_NET_ADMIN, `EBUSY` when the name is taken, `InvalidInput` when it is too
    /// long.
    pub fn open(name: &str) -> io::Result<Tun> {
        // SAFETY: the all-zero request is a valid one.
        let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
        // The last byte stays 0.
        if name.len() >= request.ifr_name.len() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
            *to = from as libc::c_char;
        }
        request.ifr_ifru.ifru_flags = (libc::IFF_TUN | libc::IFF_NO_PI) as libc::c_short;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC)
            .open("/dev/net/tun")?;
        // SAFETY: the kernel reads and writes a valid structure of the size that it expects.
        let done = unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETIFF, &raw mut request) };
        if done < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Tun(file))
    }

    /// The next packet that the host has sent; `WouldBlock` when there is none.
    pub fn receive(&self, packet: &mut [u8]) -> io::Result<usize> {
        (&self.0).read(packet)
    }

    /// Gives the host a packet.
    pub fn send(&self, packet: &[u8]) -> io::Result<()> {
        (&self.0).write(packet).map(drop)
    }
}

impl AsFd for Tun {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_too_long_is_refused() {
        let error = Tun::open("a-name-of-sixteen").err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
}
