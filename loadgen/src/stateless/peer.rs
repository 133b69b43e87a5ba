//! What is remembered of one client without a socket, and where it comes from.

use std::net::{Ipv4Addr, SocketAddrV4};

/// First address of the clients, and how many ports of each are theirs.
const ADDRESS_FIRST: u32 = 10 << 24 | 1;
const PORT_FIRST: u32 = 2_000;
const PORTS: u32 = 50_000;
/// Addresses end before the one that the host has on the device.
pub(super) const CLIENTS_MAX: u32 = 1 << 30;
/// Where every client's sequence numbers begin: nobody here forges, so nothing need be guessed.
pub(super) const SEQUENCE_FIRST: u32 = 1_000;

/// ```text
/// Away --SYN--> AwaitSynAck --CONNECT--> AwaitConnack --CONNACK 0--> Connected --> Gone
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Away,
    AwaitSynAck,
    AwaitConnack,
    Connected,
    /// Reset or closed by the server, or refused.
    Gone,
}

/// Sixteen bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer {
    /// The next byte of ours, and the next one expected of the server.
    pub(super) sequence: u32,
    pub(super) expected: u32,
    /// Microseconds that wrap: when its connect began, later when its ping left.
    pub(super) began_us: u32,
    pub(super) state: State,
    pub(super) awaits_pingresp: bool,
}

impl Peer {
    pub(super) const AWAY: Peer = Peer {
        sequence: SEQUENCE_FIRST,
        expected: 0,
        began_us: 0,
        state: State::Away,
        awaits_pingresp: false,
    };

    pub(super) fn since_ns(&self, now_ns: u64) -> u64 {
        u64::from(((now_ns / 1_000) as u32).wrapping_sub(self.began_us)) * 1_000
    }
}

pub(super) fn address(place: u32) -> SocketAddrV4 {
    let ip = Ipv4Addr::from_bits(ADDRESS_FIRST + place / PORTS);
    SocketAddrV4::new(ip, (PORT_FIRST + place % PORTS) as u16)
}

/// Whose address it is; `None` for one that no client has.
pub(super) fn place(address: SocketAddrV4) -> Option<u32> {
    let ip = address.ip().to_bits().checked_sub(ADDRESS_FIRST)?;
    let port = u32::from(address.port())
        .checked_sub(PORT_FIRST)
        .filter(|port| *port < PORTS)?;
    ip.checked_mul(PORTS)?.checked_add(port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_costs_sixteen_bytes() {
        assert_eq!(size_of::<Peer>(), 16);
    }

    #[test]
    fn every_client_has_an_address_that_leads_back_to_it() {
        for number in [0, 1, 49_999, 50_000, 3_000_000, CLIENTS_MAX] {
            assert_eq!(place(address(number)), Some(number));
        }
        assert_eq!(
            place("9.255.255.255:2000".parse().expect("an address")),
            None
        );
        assert_eq!(place("10.0.0.1:1999".parse().expect("an address")), None);
        assert_eq!(place("10.0.0.1:52000".parse().expect("an address")), None);
    }
}
