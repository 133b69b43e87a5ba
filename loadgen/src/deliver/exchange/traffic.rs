//! What happens on one socket: open, read, write, close.

use super::Exchange;
use crate::close::Close;
use crate::codec::{each_frame, encode};
use crate::deliver::peer::State;
use crate::sources::not_reached;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send, sockopt};

impl Exchange {
    /// Starts a connection; its CONNECT leaves at once where the handshake is that quick.
    pub(super) fn open(&mut self, slot: u32, intended_ns: u64) {
        self.books.counts.connects_tried += 1;
        let peer = &mut self.peers[slot as usize];
        peer.intended_ns = intended_ns;
        peer.state = State::AwaitSocket;
        self.opener.on_open(slot, peer.generation, self.now_ns);
        let opened = self.sources.open().and_then(|socket| {
            let data = event_data(slot, peer.generation);
            let flags = EventFlags::IN | EventFlags::OUT;
            epoll::add(&self.epoll, &socket, data, flags).map_err(not_reached)?;
            peer.socket = Some(socket);
            Ok(())
        });
        if let Err(close) = opened.and_then(|()| self.greet(slot)) {
            self.close(slot, close);
        }
    }

    /// Sends the CONNECT as soon as the socket takes it.
    fn greet(&mut self, slot: u32) -> Result<(), Close> {
        let peer = &mut self.peers[slot as usize];
        let Some(socket) = &peer.socket else {
            return Ok(());
        };
        self.out.clear();
        peer.hello(&self.plan, &mut self.out);
        match send(socket, &self.out, SendFlags::NOSIGNAL) {
            // A new socket's buffer takes a CONNECT whole.
            Ok(_) => {
                peer.state = State::AwaitConnack;
                peer.has_spoken = true;
                self.arm(slot, EventFlags::IN)
            }
            Err(Errno::AGAIN | Errno::INTR) => Ok(()),
            Err(errno) => Err(not_reached(errno)),
        }
    }

    pub(super) fn on_event(&mut self, data: u64, flags: EventFlags) {
        let slot = data as u32;
        let peer = &self.peers[slot as usize];
        // An event of a connection that was closed earlier in this batch.
        if peer.generation != (data >> 32) as u32 {
            return;
        }
        let outcome = match peer.state {
            State::Away => return,
            State::AwaitSocket => self.on_socket_ready(slot),
            State::AwaitConnack | State::AwaitSuback | State::Connected => {
                let written = if flags.contains(EventFlags::OUT) {
                    self.on_writable(slot)
                } else {
                    Ok(())
                };
                written.and_then(|()| match flags.difference(EventFlags::OUT).is_empty() {
                    true => Ok(()),
                    false => self.on_readable(slot),
                })
            }
        };
        if let Err(close) = outcome {
            self.close(slot, close);
        }
    }

    fn on_socket_ready(&mut self, slot: u32) -> Result<(), Close> {
        if let Some(socket) = &self.peers[slot as usize].socket {
            match sockopt::socket_error(socket) {
                Ok(Ok(())) => {}
                Ok(Err(errno)) | Err(errno) => return Err(not_reached(errno)),
            }
        }
        self.greet(slot)
    }

    /// One read; what it asks for goes out in one write.
    fn on_readable(&mut self, slot: u32) -> Result<(), Close> {
        let peer = &mut self.peers[slot as usize];
        let Some(socket) = &peer.socket else {
            return Ok(());
        };
        let bytes = match recv(socket, &mut *self.read, RecvFlags::empty()) {
            Ok((0, _)) => return Err(Close::Ended),
            Ok((bytes, _)) => bytes,
            Err(Errno::AGAIN | Errno::INTR) => return Ok(()),
            Err(errno) => return Err(Close::Broken(errno.raw_os_error())),
        };
        self.now_ns = self.clock.now_ns();
        self.heard_ns = self.now_ns;
        self.books.counts.reads += 1;
        self.books.counts.bytes_received += bytes as u64;
        self.out.clear();
        let mut partial = std::mem::take(&mut peer.partial);
        let read = std::mem::take(&mut self.read);
        let outcome = each_frame(&mut partial, &read[..bytes], |first_byte, body| {
            self.on_frame(slot, first_byte, body)
        });
        self.read = read;
        self.peers[slot as usize].partial = partial;
        outcome?;
        self.pump_into_out(slot);
        self.send_out(slot)
    }

    fn on_writable(&mut self, slot: u32) -> Result<(), Close> {
        self.out.clear();
        let unsent = std::mem::take(&mut self.peers[slot as usize].unsent);
        self.out.extend_from_slice(&unsent);
        self.arm(slot, EventFlags::IN)?;
        self.pump_into_out(slot);
        self.send_out(slot)
    }

    /// Sends what a topic's publisher may send now.
    pub(super) fn pump(&mut self, slot: u32) {
        self.out.clear();
        self.pump_into_out(slot);
        if let Err(close) = self.send_out(slot) {
            self.close(slot, close);
        }
    }

    fn pump_into_out(&mut self, slot: u32) {
        let peer = &self.peers[slot as usize];
        // A socket that took less than it was given gets nothing more until it is writable.
        let may_send = peer.state == State::Connected && peer.unsent.is_empty();
        if !may_send || peer.track.is_some() {
            return;
        }
        let table = self.pacer.as_ref().map(|pacer| &pacer.timetable);
        let topic = &mut self.topics[peer.topic as usize];
        if topic.pump(self.now_ns, table, &mut self.books, &mut self.out) {
            self.urge(slot);
        }
    }

    /// A publisher may have more to send when the sockets have been looked at.
    pub(super) fn urge(&mut self, slot: u32) {
        let peer = &mut self.peers[slot as usize];
        if !std::mem::replace(&mut peer.is_eager, true) {
            self.eager.push(slot);
        }
    }

    /// Writes `out`; what the socket does not take waits in the peer.
    fn send_out(&mut self, slot: u32) -> Result<(), Close> {
        let peer = &mut self.peers[slot as usize];
        let Some(socket) = peer.socket.as_ref().filter(|_| !self.out.is_empty()) else {
            return Ok(());
        };
        if !peer.unsent.is_empty() {
            peer.unsent.extend_from_slice(&self.out);
            return Ok(());
        }
        let sent = match send(socket, &self.out, SendFlags::NOSIGNAL) {
            Ok(sent) => sent,
            Err(Errno::AGAIN | Errno::INTR) => 0,
            Err(errno) => return Err(Close::Broken(errno.raw_os_error())),
        };
        peer.has_spoken = true;
        self.books.counts.writes += 1;
        self.books.counts.bytes_sent += sent as u64;
        if sent < self.out.len() {
            peer.unsent.extend_from_slice(&self.out[sent..]);
            self.arm(slot, EventFlags::IN | EventFlags::OUT)?;
        }
        Ok(())
    }

    fn arm(&self, slot: u32, flags: EventFlags) -> Result<(), Close> {
        let peer = &self.peers[slot as usize];
        let Some(socket) = &peer.socket else {
            return Ok(());
        };
        epoll::modify(
            &self.epoll,
            socket,
            event_data(slot, peer.generation),
            flags,
        )
        .map_err(|errno| Close::Broken(errno.raw_os_error()))
    }

    pub(super) fn ping(&mut self, slot: u32) {
        let peer = &mut self.peers[slot as usize];
        if peer.state != State::Connected || std::mem::take(&mut peer.has_spoken) {
            return;
        }
        self.books.counts.pings_sent += 1;
        self.out.clear();
        self.out.extend_from_slice(&encode::PINGREQ);
        if let Err(close) = self.send_out(slot) {
            self.close(slot, close);
        }
    }

    /// Ends a connection, for whatever reason.
    pub(super) fn close(&mut self, slot: u32, close: Close) {
        let peer = &mut self.peers[slot as usize];
        let close = match peer.state {
            State::Away => return,
            State::Connected => {
                self.connected -= 1;
                close
            }
            State::AwaitSuback => close,
            State::AwaitSocket | State::AwaitConnack => {
                self.opener.on_settled();
                close.before_connack()
            }
        };
        self.books.closed(close, self.now_ns);
        peer.on_close();
        self.settle(slot);
    }

    /// Counts a client that is ready, or will never be.
    pub(super) fn settle(&mut self, slot: u32) {
        let peer = &mut self.peers[slot as usize];
        self.settled += u64::from(!std::mem::replace(&mut peer.is_settled, true));
    }
}

/// Slot below, generation above.
fn event_data(slot: u32, generation: u32) -> EventData {
    EventData::new_u64(u64::from(generation) << 32 | u64::from(slot))
}
