//! Listening sockets: one per ring on the same port, shared out by the kernel.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

/// A listener that shares its port with others of the same user (SO_REUSEPORT); the kernel spreads
/// connections over them. Accepted sockets inherit TCP_NODELAY.
///
/// `backlog` is cut to net.core.somaxconn. A large one costs nothing until it is used, and a storm
/// on a short one makes clients wait whole seconds for their SYN to be sent again.
pub fn listener(addr: SocketAddr, backlog: i32) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_tcp_nodelay(true)?;
    socket.bind(&addr.into())?;
    socket.listen(backlog)?;
    Ok(socket.into())
}

/// `count` listeners on the same port. With port 0 the first one picks it and the others follow:
/// ask the first for its address.
///
/// # Errors
/// `AddrInUse` when somebody listens there already, be it with SO_REUSEPORT: a second gateway on
/// the same port would silently share the connections of the first. The check and the bind are two
/// steps, so of two gateways that start in the same instant both may pass.
pub fn listeners(addr: SocketAddr, count: usize, backlog: i32) -> io::Result<Vec<TcpListener>> {
    if addr.port() != 0 && port_is_taken(addr)? {
        return Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            "another process listens there",
        ));
    }
    let first = listener(addr, backlog)?;
    let chosen = first.local_addr()?;
    let mut all = vec![first];
    for _ in 1..count {
        all.push(listener(chosen, backlog)?);
    }
    Ok(all)
}

/// True when somebody listens on `addr`.
///
/// It binds without SO_REUSEPORT, which no listener shares with, and with SO_REUSEADDR, so that
/// connections of an earlier run in TIME_WAIT do not count.
pub fn port_is_taken(addr: SocketAddr) -> io::Result<bool> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    match socket.bind(&addr.into()) {
        Ok(()) => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Ok(true),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY_PORT: &str = "127.0.0.1:0";

    #[test]
    fn listeners_of_one_gateway_share_the_port_that_the_first_one_picked() {
        let all = listeners(ANY_PORT.parse().unwrap(), 3, 16).unwrap();
        let ports: Vec<u16> = all.iter().map(|l| l.local_addr().unwrap().port()).collect();
        assert_eq!(ports, [ports[0]; 3]);
        assert_ne!(ports[0], 0);
    }

    #[test]
    fn a_second_gateway_on_the_same_port_is_refused() {
        let first = listeners(ANY_PORT.parse().unwrap(), 2, 16).unwrap();
        let addr = first[0].local_addr().unwrap();
        let error = listeners(addr, 2, 16).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        drop(first);
        assert!(!port_is_taken(addr).unwrap());
    }
}
