//! TCP over IPv4 as bytes: just enough of it for a client without sockets. Pure.

use std::net::{Ipv4Addr, SocketAddrV4};

pub(super) const FIN: u8 = 1;
pub(super) const SYN: u8 = 2;
pub(super) const RST: u8 = 4;
pub(super) const PSH: u8 = 8;
pub(super) const ACK: u8 = 16;

const IP_BYTES: usize = 20;
const TCP_BYTES: usize = 20;
const TCP: u8 = 6;
const HOPS: u8 = 64;
const DO_NOT_FRAGMENT: u16 = 0x4000;
const WINDOW: u16 = 64_240;

/// One segment on its way in either direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment<'a> {
    pub(super) from: SocketAddrV4,
    pub(super) to: SocketAddrV4,
    pub(super) sequence: u32,
    pub(super) acknowledges: u32,
    pub(super) flags: u8,
    pub(super) data: &'a [u8],
}

impl<'a> Segment<'a> {
    /// Writes the packet, checksums and all, in place of what is in `out`.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.clear();
        let all_bytes = (IP_BYTES + TCP_BYTES + self.data.len()) as u16;
        out.extend_from_slice(&[0x45, 0]);
        out.extend_from_slice(&all_bytes.to_be_bytes());
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(&DO_NOT_FRAGMENT.to_be_bytes());
        out.extend_from_slice(&[HOPS, TCP, 0, 0]);
        out.extend_from_slice(&self.from.ip().octets());
        out.extend_from_slice(&self.to.ip().octets());
        let ip = fold(sum(&out[..IP_BYTES]));
        out[10..12].copy_from_slice(&ip.to_be_bytes());
        out.extend_from_slice(&self.from.port().to_be_bytes());
        out.extend_from_slice(&self.to.port().to_be_bytes());
        out.extend_from_slice(&self.sequence.to_be_bytes());
        out.extend_from_slice(&self.acknowledges.to_be_bytes());
        out.extend_from_slice(&[(TCP_BYTES as u8 / 4) << 4, self.flags]);
        out.extend_from_slice(&WINDOW.to_be_bytes());
        out.extend_from_slice(&[0, 0, 0, 0]);
        out.extend_from_slice(self.data);
        // The pseudo header (RFC 9293, 3.1): both addresses, the protocol, the length.
        let length = (TCP_BYTES + self.data.len()) as u32;
        let pseudo = sum(&out[12..IP_BYTES]) + u32::from(TCP) + length;
        let tcp = fold(pseudo + sum(&out[IP_BYTES..]));
        out[IP_BYTES + 16..IP_BYTES + 18].copy_from_slice(&tcp.to_be_bytes());
    }

    /// Reads a packet; `None` for whatever is not TCP over IPv4, whole. The checksum is not looked
    /// at: what comes out of a TUN device has crossed no wire.
    pub(super) fn read(packet: &'a [u8]) -> Option<Self> {
        let head = packet.get(..IP_BYTES)?;
        let ip_bytes = usize::from(head[0] & 15) * 4;
        let all_bytes = usize::from(u16::from_be_bytes([head[2], head[3]]));
        if head[0] >> 4 != 4 || head[9] != TCP {
            return None;
        }
        let tcp = packet.get(ip_bytes..all_bytes)?;
        let word = |at: usize| -> Option<u32> {
            Some(u32::from_be_bytes(tcp.get(at..at + 4)?.try_into().ok()?))
        };
        let address = |at: usize, port: u32| {
            let octets: [u8; 4] = packet.get(at..at + 4)?.try_into().ok()?;
            Some(SocketAddrV4::new(Ipv4Addr::from(octets), port as u16))
        };
        let ports = word(0)?;
        let data_at = usize::from(*tcp.get(12)? >> 4) * 4;
        Some(Self {
            from: address(12, ports >> 16)?,
            to: address(16, ports & 0xffff)?,
            sequence: word(4)?,
            acknowledges: word(8)?,
            flags: *tcp.get(13)?,
            data: tcp.get(data_at..)?,
        })
    }

    pub(super) fn has(&self, flags: u8) -> bool {
        self.flags & flags == flags
    }
}

fn sum(bytes: &[u8]) -> u32 {
    let words = bytes.chunks(2).map(|pair| {
        let low = pair.get(1).copied().unwrap_or(0);
        u32::from(u16::from_be_bytes([pair[0], low]))
    });
    words.sum()
}

fn fold(mut sum: u32) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(data: &[u8]) -> Segment<'_> {
        Segment {
            from: "10.0.0.1:2000".parse().expect("an address"),
            to: "10.255.255.254:1883".parse().expect("an address"),
            sequence: 0xdead_beef,
            acknowledges: 7,
            flags: PSH | ACK,
            data,
        }
    }

    #[test]
    fn a_segment_reads_as_it_was_written() {
        for data in [&b""[..], b"x", b"odd", b"even"] {
            let mut bytes = Vec::new();
            segment(data).write(&mut bytes);
            assert_eq!(Segment::read(&bytes), Some(segment(data)));
            for cut in 0..bytes.len() {
                assert_eq!(Segment::read(&bytes[..cut]), None, "{cut} bytes");
            }
        }
    }

    #[test]
    fn both_checksums_come_out_even() {
        let mut bytes = Vec::new();
        segment(b"payload").write(&mut bytes);
        assert_eq!(fold(sum(&bytes[..IP_BYTES])), 0);
        let length = (bytes.len() - IP_BYTES) as u32;
        let pseudo = sum(&bytes[12..IP_BYTES]) + u32::from(TCP) + length;
        assert_eq!(fold(pseudo + sum(&bytes[IP_BYTES..])), 0);
    }

    #[test]
    fn what_is_not_tcp_over_ipv4_is_nothing() {
        let mut bytes = Vec::new();
        segment(b"").write(&mut bytes);
        bytes[9] = 17;
        assert_eq!(Segment::read(&bytes), None);
        bytes[9] = TCP;
        bytes[0] = 0x65;
        assert_eq!(Segment::read(&bytes), None);
    }
}
