//! A bare epoll server that answers what publishers send and does nothing with it: what it costs
//! is what any server on this kernel has to pay.

use crate::cli::FloorArgs;
use crate::codec::decode::{u16_at, variable_length};
use crate::codec::{Malformed, each_frame, encode, packet};
use crate::failure::Failure;
use crate::sockets;
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, SocketFlags};
use std::os::fd::OwnedFd;
use std::{io, thread};

const READ_BYTES: usize = 64 << 10;
const EVENTS_PER_WAIT: usize = 1024;
const LISTENER: u64 = u64::MAX;

/// Serves until the process is ended.
pub fn run(args: &FloorArgs) -> Result<(), Failure> {
    sockets::connections_allowed();
    let refuse = |error: io::Error| {
        Failure::start(
            format!("cannot listen on {}", args.listen),
            error,
            "choose another address or end who has it (`ss -ltnp`)",
        )
    };
    let (first, address) = sockets::listen(args.listen).map_err(refuse)?;
    let mut floors = vec![Floor::new(first).map_err(refuse)?];
    for _ in 1..args.threads {
        let (listener, _) = sockets::listen(address).map_err(refuse)?;
        floors.push(Floor::new(listener).map_err(refuse)?);
    }
    println!("listening floor {address}");
    println!("ready");
    let threads: Vec<_> = floors
        .into_iter()
        .map(|mut floor| thread::spawn(move || floor.serve()))
        .collect();
    for thread in threads {
        let ended = thread.join().unwrap_or(Err(Errno::CANCELED));
        ended.map_err(|errno| Failure::start("the floor ended", errno, "start it again"))?;
    }
    Ok(())
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

/// Appends what a server has to answer to one frame.
fn reply(version: &mut u8, first_byte: u8, body: &[u8], out: &mut Vec<u8>) -> Result<(), Gone> {
    match first_byte >> 4 {
        packet::PUBLISH => {
            let topic_bytes = usize::from(u16_at(body, 0).ok_or(Gone)?);
            let answer = match (first_byte >> 1) & 3 {
                0 => return Ok(()),
                1 => packet::PUBACK,
                _ => packet::PUBREC,
            };
            encode::acknowledge(out, answer, u16_at(body, 2 + topic_bytes).ok_or(Gone)?);
        }
        packet::PUBREL => {
            encode::acknowledge(out, packet::PUBCOMP, u16_at(body, 0).ok_or(Gone)?);
        }
        packet::PINGREQ => out.extend_from_slice(&[packet::PINGRESP << 4, 0]),
        packet::CONNECT => {
            let name_bytes = usize::from(u16_at(body, 0).ok_or(Gone)?);
            *version = *body.get(2 + name_bytes).ok_or(Gone)?;
            let connack: &[u8] = if *version == 5 {
                &[0x20, 3, 0, 0, 0]
            } else {
                &[0x20, 2, 0, 0]
            };
            out.extend_from_slice(connack);
        }
        packet::SUBSCRIBE => subscribed(*version, body, out).ok_or(Gone)?,
        _ => return Err(Gone),
    }
    Ok(())
}

/// Grants QoS 1 to the one filter that the load generator's clients ask for.
fn subscribed(version: u8, body: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let [high, low] = u16_at(body, 0)?.to_be_bytes();
    if version == 5 {
        variable_length(body.get(2..)?)?;
        out.extend_from_slice(&[packet::SUBACK << 4, 4, high, low, 0, 1]);
    } else {
        out.extend_from_slice(&[packet::SUBACK << 4, 3, high, low, 1]);
    }
    Some(())
}
