//! What floor and clients do with descriptors in the same way: limits and listeners.

use crate::failure::Failure;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

/// Descriptors that are not connections: standard streams, epoll, files, Kafka's own sockets.
const DESCRIPTORS_ASIDE: u64 = 64;
const BACKLOG: i32 = 65_535;

/// Raises the soft limit of open files to the hard one and returns how many connections fit.
pub fn connections_allowed() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let soft = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    soft.unwrap_or(u64::MAX).saturating_sub(DESCRIPTORS_ASIDE)
}

/// Refuses a number of clients that this process has no descriptors for.
pub fn admit_clients(clients: u32) -> Result<(), Failure> {
    let allowed = connections_allowed();
    if u64::from(clients) <= allowed {
        return Ok(());
    }
    Err(Failure::start(
        format!("{clients} clients do not fit into one process"),
        format!("the limit of open files leaves room for {allowed}"),
        "ask for fewer, run several processes, or raise `ulimit -Hn`",
    ))
}

/// Opens a non-blocking listener that several threads may share by SO_REUSEPORT.
pub fn listen(address: SocketAddr) -> io::Result<(OwnedFd, SocketAddr)> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    // Accepted sockets inherit it on Linux, which saves a call for each.
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    let bound = socket.local_addr()?.as_socket().unwrap_or(address);
    Ok((socket.into(), bound))
}
