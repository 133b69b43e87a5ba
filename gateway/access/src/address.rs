//! What counts as one address: providers give a household a whole IPv6 network.

use std::net::{IpAddr, Ipv6Addr};

/// How many leading bits of an address say whose it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Grouping {
    ipv4_bits: u8,
    ipv6_bits: u8,
}

/// All addresses that count as one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AddressGroup([u8; 16]);

impl Default for Grouping {
    /// IPv4 addresses one by one, IPv6 by /64, which is the smallest network a household gets
    /// [RFC 6177].
    fn default() -> Grouping {
        Grouping {
            ipv4_bits: 32,
            ipv6_bits: 64,
        }
    }
}

impl Grouping {
    /// `None` when an address has fewer bits than that.
    pub fn new(ipv4_bits: u8, ipv6_bits: u8) -> Option<Grouping> {
        let grouping = Grouping {
            ipv4_bits,
            ipv6_bits,
        };
        (ipv4_bits <= 32 && ipv6_bits <= 128).then_some(grouping)
    }

    /// The group of an address. An IPv4 address is the same in IPv6's clothes, `::ffff:a.b.c.d`,
    /// as a socket for both sees it [RFC 4291, 2.5.5.2].
    pub fn of(&self, address: IpAddr) -> AddressGroup {
        let (bits, kept) = match address.to_canonical() {
            IpAddr::V4(v4) => (v4.to_ipv6_mapped().to_bits(), 96 + self.ipv4_bits),
            IpAddr::V6(v6) => (v6.to_bits(), self.ipv6_bits),
        };
        let cut = u32::from(128 - kept);
        let bits = bits.checked_shr(cut).unwrap_or(0);
        AddressGroup(bits.checked_shl(cut).unwrap_or(0).to_be_bytes())
    }
}

impl AddressGroup {
    /// The first address of the group, for a log.
    pub fn first(&self) -> IpAddr {
        Ipv6Addr::from(self.0).to_canonical()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(grouping: Grouping, address: &str) -> AddressGroup {
        grouping.of(address.parse().expect("an address"))
    }

    #[test]
    fn ipv6_counts_by_network_and_ipv4_by_address() {
        let by = Grouping::default();
        let home = group(by, "2001:db8:1:2::1");
        assert_eq!(home, group(by, "2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert_ne!(home, group(by, "2001:db8:1:3::1"));
        assert_eq!(home.first().to_string(), "2001:db8:1:2::");
        assert_ne!(group(by, "192.0.2.1"), group(by, "192.0.2.2"));
        assert_eq!(group(by, "192.0.2.1").first().to_string(), "192.0.2.1");
    }

    #[test]
    fn an_ipv4_address_in_ipv6_form_is_the_same_address() {
        let by = Grouping::default();
        assert_eq!(group(by, "192.0.2.1"), group(by, "::ffff:192.0.2.1"));
        assert_ne!(group(by, "192.0.2.1"), group(by, "::ffff:192.0.2.2"));
        assert_ne!(group(by, "0.0.0.0"), group(by, "::"));
    }

    #[test]
    fn the_widths_can_be_chosen_down_to_one_group_for_all() {
        let wide = Grouping::new(24, 48).expect("in bounds");
        assert_eq!(group(wide, "192.0.2.1"), group(wide, "192.0.2.255"));
        assert_ne!(group(wide, "192.0.2.1"), group(wide, "192.0.3.1"));
        assert_eq!(group(wide, "2001:db8:1:2::"), group(wide, "2001:db8:1:3::"));
        assert_ne!(group(wide, "2001:db8:1::"), group(wide, "2001:db8:2::"));
        let all = Grouping::new(0, 0).expect("in bounds");
        assert_eq!(group(all, "192.0.2.1"), group(all, "198.51.100.7"));
        assert_eq!(group(all, "2001:db8::1"), group(all, "fe80::1"));
        assert_ne!(group(all, "192.0.2.1"), group(all, "2001:db8::1"));
        let each = Grouping::new(32, 128).expect("in bounds");
        assert_ne!(group(each, "2001:db8::1"), group(each, "2001:db8::2"));
        assert_eq!(Grouping::new(33, 64), None);
        assert_eq!(Grouping::new(32, 129), None);
    }
}
