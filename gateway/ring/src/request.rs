//! The requests a ring makes, each with its tag; the only place that fills submission entries.
//!
//! A `Request` is safe to submit by construction: it points to nothing, to memory that lives as
//! long as the ring, or its constructor is `unsafe` and says what has to outlive it.

use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::ptr::NonNull;

use io_uring::squeue::{Entry, Flags};
use io_uring::{opcode, types};
use socket2::SockAddr;

use crate::slab::Key;
use crate::slots::Conn;
use crate::tag::{Op, Tag};

/// The one buffer group of a ring.
pub(crate) const BUFFER_GROUP: u16 = 0;

/// From linux/io_uring.h; the crate keeps them to itself.
const RECVSEND_POLL_FIRST: u16 = 1;
const RECV_MULTISHOT: u16 = 2;
const GETSOCKOPT: u32 = 2;

const _: () = assert!(size_of::<Entry>() == 64);

/// Closing a socket that lingers for no time at all sends RST.
static LINGER_NOT: libc::linger = libc::linger {
    l_onoff: 1,
    l_linger: 0,
};

pub(crate) struct Request(pub(crate) Entry);

/// How a receive behaves on a socket with nothing to read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ReceiveMode {
    /// Ends with `WouldBlock`.
    Now,
    /// Waits for the first bytes.
    Armed,
    /// Waits again and again.
    Multishot,
}

impl Request {
    /// Multishot accept into a slot that the kernel picks. The listener must stay open until the
    /// completion without `more`.
    pub(crate) fn accept(listener: BorrowedFd<'_>, index: u32) -> Request {
        let accept = opcode::AcceptMulti::new(types::Fd(listener.as_raw_fd()))
            .allocate_file_index(true)
            .build();
        Request(accept).tagged(Tag::new(Op::Accept, 0, index))
    }

    /// Completes each time the bell rings. The descriptor must stay open while it does.
    pub(crate) fn bell(bell: BorrowedFd<'_>) -> Request {
        let rung = opcode::PollAdd::new(types::Fd(bell.as_raw_fd()), libc::POLLIN as u32);
        Request(rung.multi(true).build()).tagged(Tag::new(Op::Bell, 0, 0))
    }

    pub(crate) fn poll(conn: Conn) -> Request {
        let readable = (libc::POLLIN | libc::POLLRDHUP) as u32;
        let poll = opcode::PollAdd::new(types::Fixed(conn.slot), readable).build();
        Request(poll).tagged(Tag::of(Op::Poll, conn))
    }

    /// Receives into a buffer of the ring's group, memory that outlives every request.
    pub(crate) fn receive(conn: Conn, mode: ReceiveMode, buffer_bytes: u32) -> Request {
        // POLL_FIRST picks a buffer only when there is something to put in it: arming while all
        // buffers are lent out would otherwise fail at once, even on an idle socket.
        let (len, ioprio, flags) = match mode {
            ReceiveMode::Now => (buffer_bytes, 0, libc::MSG_DONTWAIT),
            ReceiveMode::Armed => (buffer_bytes, RECVSEND_POLL_FIRST, 0),
            ReceiveMode::Multishot => (0, RECVSEND_POLL_FIRST | RECV_MULTISHOT, 0),
        };
        let receive = opcode::Recv::new(types::Fixed(conn.slot), std::ptr::null_mut(), len)
            .ioprio(ioprio)
            .flags(flags)
            .buf_group(BUFFER_GROUP)
            .build()
            .flags(Flags::BUFFER_SELECT);
        Request(receive).tagged(Tag::of(Op::Receive, conn))
    }

    /// Sends all of `bytes`.
    ///
    /// # Safety
    /// `bytes` must stay where they are, unchanged, until the completion has been seen.
    pub(crate) unsafe fn send(conn: Conn, bytes: &[u8], key: Key) -> Request {
        let len = bytes.len().min(i32::MAX as usize) as u32;
        let send = opcode::Send::new(types::Fixed(conn.slot), bytes.as_ptr(), len)
            .flags(libc::MSG_NOSIGNAL | libc::MSG_WAITALL)
            .build();
        Request(send).tagged(Tag::new(Op::Send, key.generation, key.index))
    }

    /// Connects to `address`.
    ///
    /// # Safety
    /// `address` must stay where it is until the completion has been seen.
    pub(crate) unsafe fn connect(conn: Conn, address: &SockAddr, key: Key) -> Request {
        let connect = opcode::Connect::new(
            types::Fixed(conn.slot),
            address.as_ptr().cast(),
            address.len(),
        )
        .build();
        Request(connect).tagged(Tag::new(Op::Connect, key.generation, key.index))
    }

    /// Ends our side of the stream; its completion says that the slot may be given away.
    pub(crate) fn shutdown_write(conn: Conn) -> Request {
        let shutdown = opcode::Shutdown::new(types::Fixed(conn.slot), libc::SHUT_WR).build();
        Request(shutdown).tagged(Tag::of(Op::Shutdown, conn))
    }

    /// Asks for the peer's address.
    ///
    /// The crate has the request that sets an option and not the one that reads it. Both are laid
    /// out alike and differ in one word, which is changed here.
    ///
    /// # Safety
    /// `name` must be `name_bytes` bytes that may be written to until the completion has been seen.
    pub(crate) unsafe fn peer_name(
        conn: Conn,
        name: NonNull<u8>,
        name_bytes: usize,
        key: Key,
    ) -> Request {
        let mut entry = opcode::SetSockOpt::new(
            types::Fixed(conn.slot),
            libc::SOL_SOCKET as u32,
            libc::SO_PEERNAME as u32,
            name.as_ptr().cast(),
            name_bytes as u32,
        )
        .build();
        // SAFETY: an entry is the kernel's structure of 64 bytes (`repr(C)`, asserted below), and
        // `cmd_op` is the word at byte 8 of it, in whatever byte order this machine has.
        unsafe { (&raw mut entry).cast::<u32>().add(2).write(GETSOCKOPT) };
        Request(entry).tagged(Tag::new(Op::PeerName, key.generation, key.index))
    }

    /// The first link of a chain that closes.
    pub(crate) fn shutdown(conn: Conn) -> Request {
        let shutdown = opcode::Shutdown::new(types::Fixed(conn.slot), libc::SHUT_RDWR).build();
        Request(shutdown.flags(Flags::SKIP_SUCCESS))
            .tagged(Tag::of(Op::Shutdown, conn))
            .then_in_any_case()
    }

    /// Makes the close that follows an abortive one (RST instead of FIN).
    pub(crate) fn abort(conn: Conn) -> Request {
        let option = opcode::SetSockOpt::new(
            types::Fixed(conn.slot),
            libc::SOL_SOCKET as u32,
            libc::SO_LINGER as u32,
            (&raw const LINGER_NOT).cast(),
            size_of::<libc::linger>() as u32,
        )
        .build();
        Request(option.flags(Flags::SKIP_SUCCESS)).tagged(Tag::of(Op::Abort, conn))
    }

    pub(crate) fn close(conn: Conn) -> Request {
        let close = opcode::Close::new(types::Fixed(conn.slot)).build();
        Request(close).tagged(Tag::of(Op::Close, conn))
    }

    /// Calls back the request that carries `tag`; silent when it worked.
    pub(crate) fn cancel(tag: Tag) -> Request {
        let cancel = opcode::AsyncCancel::new(tag.0).build();
        Request(cancel.flags(Flags::SKIP_SUCCESS)).tagged(Tag::new(Op::Cancel, 0, 0))
    }

    /// Installs the descriptor of `conn` in a slot that the target picks, and posts the address of
    /// `parcel` there in the same completion. Silent here when it worked.
    ///
    /// # Safety
    /// `target` must be a ring of this crate whose parcels have the type that `parcel` points to,
    /// and `parcel` must come from `Box::into_raw`: a good completion makes it the target's.
    pub(crate) unsafe fn hand_over(
        conn: Conn,
        target: RawFd,
        parcel: *const (),
        key: Key,
    ) -> Request {
        let pass = opcode::MsgRingSendFd::new(
            types::Fd(target),
            types::Fixed(conn.slot),
            types::DestinationSlot::auto_target(),
            Tag::arrive(parcel as usize).0,
        )
        .build();
        Request(pass.flags(Flags::SKIP_SUCCESS)).tagged(Tag::new(
            Op::HandOver,
            key.generation,
            key.index,
        ))
    }

    /// Closes our end of a connection that was handed over.
    pub(crate) fn hand_over_close(conn: Conn, key: Key) -> Request {
        let close = opcode::Close::new(types::Fixed(conn.slot)).build();
        Request(close).tagged(Tag::new(Op::HandOverClose, key.generation, key.index))
    }

    /// The next request runs when this one has succeeded, and is called off when it failed.
    pub(crate) fn then(self) -> Request {
        Request(self.0.flags(Flags::IO_LINK))
    }

    /// The next request runs when this one is over, however it ended.
    pub(crate) fn then_in_any_case(self) -> Request {
        Request(self.0.flags(Flags::IO_HARDLINK))
    }

    fn tagged(self, tag: Tag) -> Request {
        Request(self.0.user_data(tag.0))
    }
}
