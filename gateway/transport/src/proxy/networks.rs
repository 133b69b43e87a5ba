//! Networks that a setting names, and whether an address is in one of them.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::ways::ways;

ways! {
    /// Why text is no network.
    pub enum NetworkFault {
        NotAnAddress "not_an_address" "neither an address nor ADDRESS/BITS, as in 10.0.0.0/8",
        PrefixNotANumber "prefix_not_a_number" "what follows the slash is not a number of bits",
        PrefixTooLong { bits: u32 } "prefix_too_long" "more bits than the address has",
        HostBitsSet { bits: u32 } "host_bits_set" "address has bits set behind its prefix",
        MappedIpv4 "mapped_ipv4" "an IPv4 network is written as one: 10.0.0.0/8, not ::ffff:...",
    }
}

/// All addresses that share their first bits with one; a single address shares all of them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Network {
    address: IpAddr,
    prefix_bits: u8,
}

impl Network {
    /// Whether the address is in it; a mapped IPv4 address counts as the IPv4 address that it is.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let differing = own.to_bits() ^ other.to_bits();
                differing.leading_zeros() >= u32::from(self.prefix_bits)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let differing = own.to_bits() ^ other.to_bits();
                differing.leading_zeros() >= u32::from(self.prefix_bits)
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = NetworkFault;

    /// Reads `192.0.2.1`, `10.0.0.0/8`, `2001:db8::/32`.
    ///
    /// `10.1.2.3/8` is refused: whether the address or the length is the slip is not ours to guess.
    fn from_str(text: &str) -> Result<Self, NetworkFault> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address = IpAddr::from_str(address).map_err(|_| NetworkFault::NotAnAddress)?;
        let (address_bits, host_zeros) = match address {
            IpAddr::V4(address) => (32, address.to_bits().trailing_zeros()),
            IpAddr::V6(address) => (128, address.to_bits().trailing_zeros()),
        };
        if address.to_canonical() != address {
            return Err(NetworkFault::MappedIpv4);
        }
        let bits = match prefix {
            None => address_bits,
            Some(digits) if digits.starts_with('+') => return Err(NetworkFault::PrefixNotANumber),
            Some(digits) => digits.parse().map_err(|_| NetworkFault::PrefixNotANumber)?,
        };
        if bits > address_bits {
            return Err(NetworkFault::PrefixTooLong { bits });
        }
        if host_zeros < address_bits - bits {
            return Err(NetworkFault::HostBitsSet { bits });
        }
        Ok(Network {
            address,
            prefix_bits: bits as u8,
        })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix_bits)
    }
}

/// Networks, and perhaps the peers of a Unix socket, who have no address.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Networks {
    networks: Vec<Network>,
    has_unix: bool,
}

impl Networks {
    /// Reads each word as a network; `unix` stands for all peers of Unix sockets. An error comes
    /// with the index of its word.
    pub fn parse<'a>(
        words: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, (usize, NetworkFault)> {
        let mut networks = Networks::default();
        for (index, word) in words.into_iter().enumerate() {
            match word {
                "unix" => networks.has_unix = true,
                _ => networks
                    .networks
                    .push(word.parse().map_err(|fault| (index, fault))?),
            }
        }
        Ok(networks)
    }

    /// Whether a peer is in one of them; a peer without an address is one of a Unix socket.
    pub fn contains(&self, peer: Option<IpAddr>) -> bool {
        match peer {
            Some(address) => self
                .networks
                .iter()
                .any(|network| network.contains(address)),
            None => self.has_unix,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.networks.is_empty() && !self.has_unix
    }
}
