//! Where a client's socket comes from: many addresses of 127.0.0.0/8 with the ports spread by
//! hand, so that neither ephemeral ports nor TIME_WAIT bound the number of clients.

use crate::close::Close;
use rustix::io::Errno;
use rustix::net::sockopt::set_tcp_nodelay;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, ipproto, socket_with};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::OwnedFd;

const PORT_FIRST: u32 = 1_024;
const PORTS: u32 = 65_536 - PORT_FIRST;
/// Clients per address when nobody says otherwise: an eighth of the ports, since those of the run
/// before may still stand in TIME_WAIT.
const CLIENTS_PER_ADDRESS: u32 = PORTS / 8;
/// Taken ports that one connect may step over before it gives up.
const STEPS_MAX: u32 = 4_096;

pub struct Sources {
    target: SocketAddr,
    /// Empty where the target is not on this machine: then the kernel chooses.
    addresses: Vec<Ipv4Addr>,
    next: u32,
}

impl Sources {
    /// Sources for one of several threads; each gets addresses of its own.
    pub fn new(target: SocketAddr, clients: u32, addresses: Option<u32>, thread: u32) -> Self {
        let count = addresses
            .unwrap_or(clients.div_ceil(CLIENTS_PER_ADDRESS))
            .clamp(1, 250);
        let loopback = match target.ip() {
            IpAddr::V4(address) => address.is_loopback(),
            IpAddr::V6(_) => false,
        };
        // Runs beside and after each other begin at different places.
        let chance =
            std::process::id().wrapping_mul(0x9e37_79b1) ^ thread.wrapping_mul(0x85eb_ca6b);
        let (second, third) = (64 + (chance >> 8) % 128, (chance >> 16) % 256);
        let base = 127 << 24 | second << 16 | (third ^ thread & 0xff) << 8;
        let addresses = match loopback {
            true => (1..=count).map(|n| Ipv4Addr::from_bits(base + n)).collect(),
            false => Vec::new(),
        };
        Self {
            target,
            addresses,
            next: (chance >> 4) % PORTS,
        }
    }

    /// The next address and port to come from; `None` where the kernel is to choose.
    pub fn next_pair(&mut self) -> Option<SocketAddr> {
        (!self.addresses.is_empty()).then(|| self.step().into())
    }

    /// A socket that is connected or on its way to be.
    pub fn open(&mut self) -> Result<OwnedFd, Close> {
        for _ in 0..STEPS_MAX {
            let socket = self.socket().map_err(not_reached)?;
            if !self.addresses.is_empty() {
                let source = self.step();
                match bind(&socket, &source) {
                    Ok(()) => {}
                    Err(Errno::ADDRINUSE | Errno::ACCESS) => continue,
                    Err(errno) => return Err(not_reached(errno)),
                }
            }
            match connect(&socket, &self.target) {
                Ok(()) | Err(Errno::INPROGRESS) => return Ok(socket),
                // The pair of this source and the target is still in TIME_WAIT.
                Err(Errno::ADDRNOTAVAIL) if !self.addresses.is_empty() => {}
                Err(Errno::ADDRNOTAVAIL) => return Err(Close::NoPort),
                Err(errno) => return Err(not_reached(errno)),
            }
        }
        Err(Close::NoPort)
    }

    fn socket(&self) -> Result<OwnedFd, Errno> {
        let family = match self.target {
            SocketAddr::V4(_) => AddressFamily::INET,
            SocketAddr::V6(_) => AddressFamily::INET6,
        };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = socket_with(family, SocketType::STREAM, flags, Some(ipproto::TCP))?;
        set_tcp_nodelay(&socket, true)?;
        Ok(socket)
    }

    /// The next pair: first all addresses of a port, then the next port.
    fn step(&mut self) -> SocketAddrV4 {
        let count = self.addresses.len() as u32;
        let address = self.addresses[(self.next % count) as usize];
        let port = PORT_FIRST + self.next / count % PORTS;
        self.next = self.next.wrapping_add(1);
        SocketAddrV4::new(address, port as u16)
    }
}

pub fn not_reached(errno: Errno) -> Close {
    Close::NotReached(errno.raw_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_pair_of_address_and_port_comes_twice_before_all_were_used() {
        let target = "127.0.0.1:1883".parse().expect("an address");
        let mut sources = Sources::new(target, 100, Some(3), 1);
        let all: BTreeSet<SocketAddrV4> = (0..3 * PORTS).map(|_| sources.step()).collect();
        assert_eq!(all.len() as u32, 3 * PORTS);
        assert!(
            all.iter()
                .all(|source| source.ip().is_loopback() && source.port() >= 1_024)
        );
    }

    #[test]
    fn targets_elsewhere_get_the_sources_that_the_kernel_chooses() {
        let target = "192.0.2.1:1883".parse().expect("an address");
        assert!(Sources::new(target, 100, Some(3), 0).addresses.is_empty());
    }
}
