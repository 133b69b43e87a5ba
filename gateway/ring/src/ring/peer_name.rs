//! Asking who is at the other end of a connection: a direct descriptor has no number for
//! `getpeername`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ptr::NonNull;

use crate::event::Event;
use crate::queue::Completion;
use crate::request::Request;
use crate::ring::Ring;
use crate::slots::Conn;

/// Size of `sockaddr_in`.
const IPV4_NAME_BYTES: usize = 16;
/// Size of `sockaddr_in6`.
const IPV6_NAME_BYTES: usize = 28;

type Name = [u8; IPV6_NAME_BYTES];

/// A place that the kernel writes a name to. The pointer came from `Box::into_raw`.
pub(crate) struct Asked {
    conn: Conn,
    name: NonNull<Name>,
}

impl<H: Send + 'static> Ring<H> {
    /// Asks for the address of a TCP peer: `PeerName` follows, also if it is closed meanwhile, as
    /// long as there was no `Closed`. `is_ipv6` is the family of the listener that it came by.
    ///
    /// Kernels before 6.7 answer `EOPNOTSUPP`.
    pub fn ask_peer_name(&mut self, conn: Conn, is_ipv6: bool) {
        self.with_live(conn, |ring| {
            let name = NonNull::from(Box::leak(Box::new(Name::default())));
            let key = ring.asked.insert(Asked { conn, name });
            // The kernel refuses to write more bytes than the address has.
            let name_bytes = match is_ipv6 {
                true => IPV6_NAME_BYTES,
                false => IPV4_NAME_BYTES,
            };
            // SAFETY: the memory is no one else's until the completion gives it back, and leaks
            // with the ring if that never comes.
            let request = unsafe { Request::peer_name(conn, name.cast(), name_bytes, key) };
            ring.push(request);
        });
    }

    pub(crate) fn on_peer_name(&mut self, completion: Completion) -> Option<Event<H>> {
        let Some(Asked { conn, name }) = self.asked.remove(completion.tag.key()) else {
            return self.stale();
        };
        // SAFETY: the pointer came from a box, the kernel is done with it, and removing the entry
        // made us the only ones who know it.
        let name = unsafe { Box::from_raw(name.as_ptr()) };
        // It may be on its way out, and whoever asks wants to say who it was.
        if self.slots.word(conn).is_none() {
            return self.stale();
        }
        let result = match completion.result {
            error if error < 0 => Err(-error),
            _ => address(&name).ok_or(libc::EAFNOSUPPORT),
        };
        Some(Event::PeerName { conn, result })
    }
}

/// Reads `sockaddr_in` or `sockaddr_in6`: family, port, for IPv6 a flow, then the address.
fn address(name: &Name) -> Option<SocketAddr> {
    let [family_low, family_high, port_high, port_low, rest @ ..] = name;
    let port = u16::from_be_bytes([*port_high, *port_low]);
    let ip = match i32::from(u16::from_ne_bytes([*family_low, *family_high])) {
        libc::AF_INET => IpAddr::V4(Ipv4Addr::from(*rest.first_chunk::<4>()?)),
        libc::AF_INET6 => IpAddr::V6(Ipv6Addr::from(*rest[4..].first_chunk::<16>()?)),
        _ => return None,
    };
    Some(SocketAddr::new(ip.to_canonical(), port))
}
