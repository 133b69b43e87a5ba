//! Dialling: the client side, for the load generator.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::event::Event;
use crate::queue::Completion;
use crate::request::Request;
use crate::ring::Ring;
use crate::slots::Conn;

/// From linux/io_uring.h; the crate has no call for it.
const IORING_REGISTER_FILE_ALLOC_RANGE: libc::c_uint = 25;

/// A connection attempt under way; the kernel reads the address.
pub(crate) struct Dial {
    pub(crate) conn: Conn,
    address: Box<SockAddr>,
}

/// The slots of a ring that dials. Here they are given out by us, not by the kernel.
pub(crate) struct Dialling {
    returned: Vec<u32>,
    fresh: u32,
    count: u32,
}

impl Dialling {
    fn take(&mut self) -> Option<u32> {
        if let Some(slot) = self.returned.pop() {
            return Some(slot);
        }
        if self.fresh == self.count {
            return None;
        }
        self.fresh += 1;
        Some(self.fresh - 1)
    }

    pub(crate) fn free(&mut self, slot: u32) {
        self.returned.push(slot);
    }
}

impl<H: Send + 'static> Ring<H> {
    /// Dials `target` from `source`; `Connected` follows, and then the connection is the caller's
    /// to close, even when it failed. With port 0 in `source` the kernel picks the port when it
    /// knows the target (IP_BIND_ADDRESS_NO_PORT), so that one source address is good for far more
    /// than 64 Ki connections to several targets.
    ///
    /// The first call makes this a ring that dials: it can no longer listen or take hand-overs.
    ///
    /// # Errors
    /// `ENFILE` when the table is full, `InvalidInput` on a ring that listens or has connections
    /// of another kind, and what `socket` and `bind` say.
    pub fn connect(&mut self, source: Option<SocketAddr>, target: SocketAddr) -> io::Result<Conn> {
        self.become_dialler()?;
        let socket = outgoing_socket(source, target)?;
        let slot = self.dialling.as_mut().and_then(Dialling::take);
        let slot = slot.ok_or_else(|| io::Error::from_raw_os_error(libc::ENFILE))?;
        let installed = self
            .queue
            .submitter()
            .register_files_update(slot, &[socket.as_raw_fd()]);
        if let Err(error) = installed {
            self.dialling
                .iter_mut()
                .for_each(|dialling| dialling.free(slot));
            return Err(error);
        }
        let (conn, _) = self.begin_life(slot);
        self.slots.set_connecting(conn, true);
        let address = Box::new(SockAddr::from(target));
        let key = self.dials.insert(Dial { conn, address });
        let Some(dial) = self.dials.value_mut(key) else {
            unreachable!("inserted above")
        };
        // SAFETY: the address is boxed, and the slab keeps the box until the completion.
        let request = unsafe { Request::connect(conn, &dial.address, key) };
        self.push(request);
        Ok(conn)
    }

    pub(crate) fn on_connect(&mut self, completion: Completion) -> Option<Event<H>> {
        let Some(Dial { conn, .. }) = self.dials.remove(completion.tag.key()) else {
            return self.stale();
        };
        if self.slots.live(conn).is_none() {
            return self.stale();
        }
        self.slots.set_connecting(conn, false);
        let result = if completion.result < 0 {
            Err(-completion.result)
        } else {
            Ok(())
        };
        Some(Event::Connected { conn, result })
    }

    /// Takes the slots away from the kernel, which would otherwise give out ones that we have
    /// filled, or lose to us ones that it has.
    fn become_dialler(&mut self) -> io::Result<()> {
        if self.dialling.is_some() {
            return Ok(());
        }
        if !self.listeners.is_empty() || self.slots.used() > 0 {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "a ring either dials or takes connections",
            ));
        }
        // An empty range, so that the kernel finds no slot to give out: struct
        // io_uring_file_index_range { u32 off, len; u64 resv }.
        let range = [0u64; 2];
        // SAFETY: the kernel reads 16 bytes, and the array has them.
        let done = unsafe {
            libc::syscall(
                libc::SYS_io_uring_register,
                self.address.ring_fd(),
                IORING_REGISTER_FILE_ALLOC_RANGE,
                range.as_ptr(),
                0,
            )
        };
        if done < 0 {
            return Err(io::Error::last_os_error());
        }
        let count = self.slots.count();
        self.dialling = Some(Dialling {
            returned: Vec::new(),
            fresh: 0,
            count,
        });
        Ok(())
    }
}

fn outgoing_socket(source: Option<SocketAddr>, target: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(target),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_tcp_nodelay(true)?;
    if let Some(source) = source {
        if source.port() == 0 {
            bind_without_port(&socket)?;
        } else {
            // An explicit port may still be in TIME_WAIT from the run before.
            socket.set_reuse_address(true)?;
        }
        socket.bind(&source.into())?;
    }
    Ok(socket)
}

fn bind_without_port(socket: &Socket) -> io::Result<()> {
    let on: libc::c_int = 1;
    // SAFETY: the kernel reads an int from a valid address of that size.
    let done = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_IP,
            libc::IP_BIND_ADDRESS_NO_PORT,
            (&raw const on).cast(),
            size_of_val(&on) as libc::socklen_t,
        )
    };
    if done < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}
