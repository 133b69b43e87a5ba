//! A bare epoll server that answers what publishers send and does nothing with it: what it costs
//! is what any server on this kernel has to pay. For more connections than a process may have
//! descriptors there is the same over rings.

mod reply;
mod ringed;

use crate::cli::FloorArgs;
use crate::codec::{Malformed, each_frame};
use crate::failure::Failure;
use crate::sockets;
use reply::reply;
use ringed::Ringed;
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, SocketFlags};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::mpsc;
use std::{io, thread};

const READ_BYTES: usize = 64 << 10;
const EVENTS_PER_WAIT: usize = 1024;
const LISTENER: u64 = u64::MAX;

/// Serves until the process is ended.
pub fn run(args: &FloorArgs) -> Result<(), Failure> {
    let allowed = sockets::connections_allowed();
    let with_rings = args.rings || args.connections > allowed;
    let threads = match with_rings {
        true => start_ringed(args)?,
        false => start_epolls(args)?,
    };
    for thread in threads {
        let ended = thread
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("it panicked")));
        ended.map_err(|error| Failure::start("the floor ended", error, "start it again"))?;
    }
    Ok(())
}

type Threads = Vec<thread::JoinHandle<io::Result<()>>>;

fn start_epolls(args: &FloorArgs) -> Result<Threads, Failure> {
    let refuse = |error: io::Error| cannot_listen(args, &error);
    let (first, address) = sockets::listen(args.listen).map_err(refuse)?;
    let mut floors = vec![Floor::new(first).map_err(refuse)?];
    for _ in 1..args.threads {
        let (listener, _) = sockets::listen(address).map_err(refuse)?;
        floors.push(Floor::new(listener).map_err(refuse)?);
    }
    announce(&address);
    let start = |mut floor: Floor| thread::spawn(move || floor.serve().map_err(io::Error::from));
    Ok(floors.into_iter().map(start).collect())
}

fn start_ringed(args: &FloorArgs) -> Result<Threads, Failure> {
    let each = args.connections.div_ceil(u64::from(args.threads));
    let (tell, told) = mpsc::channel();
    let (mut address, mut threads) = (args.listen, Vec::new());
    for _ in 0..args.threads {
        let (tell, multishot) = (tell.clone(), args.multishot);
        // A ring belongs to the thread that opened it.
        threads.push(thread::spawn(move || {
            let opened = Ringed::open(address, each, multishot);
            let (floor, said) = match opened {
                Ok((floor, bound)) => (Some(floor), Ok(bound)),
                Err(error) => (None, Err(error)),
            };
            // The one who started us listens until all have told.
            let _ = tell.send(said);
            floor.map_or(Ok(()), |mut floor| floor.serve())
        }));
        // With port 0 the first one picks it and the others follow.
        address = told
            .recv()
            .unwrap_or_else(|_| Err(io::Error::other("a thread ended")))
            .map_err(|error| cannot_listen(args, &error))?;
    }
    announce(&address);
    Ok(threads)
}

fn announce(address: &SocketAddr) {
    println!("listening floor {address}");
    println!("ready");
}

fn cannot_listen(args: &FloorArgs, error: &io::Error) -> Failure {
    Failure::start(
        format!("cannot listen on {}", args.listen),
        error,
        "choose another address or end who has it (`ss -ltnp`)",
    )
}

/// One thread's epoll, listener and peers.
struct Floor {
    epoll: OwnedFd,
    listener: OwnedFd,
    peers: Vec<Option<Peer>>,
    free: Vec<usize>,
    read: Box<[u8]>,
    replies: Vec<u8>,
}

struct Peer {
    socket: OwnedFd,
    version: u8,
    partial: Vec<u8>,
    unsent: Vec<u8>,
}

/// Why a peer goes; the floor tells nobody.
struct Gone;

impl From<Malformed> for Gone {
    fn from(_: Malformed) -> Self {
        Self
    }
}

impl Floor {
    fn new(listener: OwnedFd) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(
            &epoll,
            &listener,
            EventData::new_u64(LISTENER),
            EventFlags::IN,
        )?;
        Ok(Self {
            epoll,
            listener,
            peers: Vec::new(),
            free: Vec::new(),
            read: vec![0; READ_BYTES].into(),
            replies: Vec::new(),
        })
    }

    fn serve(&mut self) -> Result<(), Errno> {
        let mut events = Vec::with_capacity(EVENTS_PER_WAIT);
        loop {
            match epoll::wait(&self.epoll, spare_capacity(&mut events), None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(errno) => return Err(errno),
            }
            for event in events.drain(..) {
                let (data, flags) = (event.data.u64(), event.flags);
                if data == LISTENER {
                    self.accept();
                } else if self.turn(data as usize, flags).is_err() {
                    // Dropping the socket takes it out of the epoll.
                    self.peers[data as usize] = None;
                    self.free.push(data as usize);
                }
            }
        }
    }

    fn accept(&mut self) {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        while let Ok(socket) = rustix::net::accept_with(&self.listener, flags) {
            let slot = self.free.pop().unwrap_or_else(|| {
                self.peers.push(None);
                self.peers.len() - 1
            });
            let data = EventData::new_u64(slot as u64);
            if epoll::add(&self.epoll, &socket, data, EventFlags::IN).is_ok() {
                let peer = Peer {
                    socket,
                    version: 4,
                    partial: Vec::new(),
                    unsent: Vec::new(),
                };
                self.peers[slot] = Some(peer);
            } else {
                self.free.push(slot);
            }
        }
    }

    /// One read, its answers, one write.
    fn turn(&mut self, slot: usize, flags: EventFlags) -> Result<(), Gone> {
        // A peer that went earlier in this batch of events.
        let Some(peer) = self.peers[slot].as_mut() else {
            return Ok(());
        };
        self.replies.clear();
        if flags.contains(EventFlags::OUT) {
            self.replies.append(&mut peer.unsent);
            let data = EventData::new_u64(slot as u64);
            epoll::modify(&self.epoll, &peer.socket, data, EventFlags::IN).map_err(|_| Gone)?;
        } else {
            let (bytes, _) =
                match rustix::net::recv(&peer.socket, &mut *self.read, RecvFlags::empty()) {
                    Ok((0, _)) => return Err(Gone),
                    Ok(read) => read,
                    Err(Errno::AGAIN | Errno::INTR) => return Ok(()),
                    Err(_) => return Err(Gone),
                };
            let (version, replies) = (&mut peer.version, &mut self.replies);
            each_frame(
                &mut peer.partial,
                &self.read[..bytes],
                |first_byte, body| reply(version, first_byte, body, replies),
            )?;
        }
        send(&self.epoll, slot, peer, &self.replies)
    }
}

/// Sends what goes into the socket now; the rest waits until the peer reads, and so does the floor.
fn send(epoll: &OwnedFd, slot: usize, peer: &mut Peer, bytes: &[u8]) -> Result<(), Gone> {
    if bytes.is_empty() {
        return Ok(());
    }
    let sent = match rustix::net::send(&peer.socket, bytes, SendFlags::NOSIGNAL) {
        Ok(sent) => sent,
        Err(Errno::AGAIN | Errno::INTR) => 0,
        Err(_) => return Err(Gone),
    };
    if sent < bytes.len() {
        peer.unsent.extend_from_slice(&bytes[sent..]);
        let data = EventData::new_u64(slot as u64);
        epoll::modify(epoll, &peer.socket, data, EventFlags::OUT).map_err(|_| Gone)?;
    }
    Ok(())
}
