//! What happens on one socket: open, read, write, close.

use super::Engine;
use crate::close::Close;
use crate::codec::{each_frame, encode};
use crate::device::State;
use crate::publisher::Pumped;
use crate::sources::not_reached;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send, sockopt};

impl Engine {
    /// Starts a connection; its CONNECT leaves at once where the handshake is that quick.
    pub(super) fn open(&mut self, slot: u32, intended_ns: u64) {
        self.books.counts.connects_tried += 1;
        let device = &mut self.devices[slot as usize];
        self.books.counts.reconnects += u64::from(device.generation > 0);
        device.intended_ns = intended_ns;
        device.state = State::AwaitSocket;
        self.opener.on_open(slot, device.generation, self.now_ns);
        let opened = self.sources.open().and_then(|socket| {
            let data = event_data(slot, device.generation);
            let flags = EventFlags::IN | EventFlags::OUT;
            epoll::add(&self.epoll, &socket, data, flags).map_err(not_reached)?;
            device.socket = Some(socket);
            Ok(())
        });
        if let Err(close) = opened.and_then(|()| self.greet(slot)) {
            self.close(slot, close);
        }
    }

    /// Sends the CONNECT as soon as the socket takes it.
    fn greet(&mut self, slot: u32) -> Result<(), Close> {
        let device = &mut self.devices[slot as usize];
        let Some(socket) = &device.socket else {
            return Ok(());
        };
        self.out.clear();
        match &mut self.tunnels {
            // The first flight has met a socket that was not ready for it.
            Some(_) if !device.unsent.is_empty() => self.out.append(&mut device.unsent),
            Some(tunnels) => tunnels.dial(slot, &mut self.out)?,
            None => device.hello(self.plan.version, &self.plan, &mut self.out),
        }
        match send(socket, &self.out, SendFlags::NOSIGNAL) {
            // A new socket's buffer takes a CONNECT whole.
            Ok(_) => {
                device.state = State::AwaitConnack;
                device.has_spoken = true;
                self.arm(slot, EventFlags::IN)
            }
            Err(Errno::AGAIN | Errno::INTR) => {
                if self.tunnels.is_some() {
                    device.unsent.append(&mut self.out);
                }
                Ok(())
            }
            Err(errno) => Err(not_reached(errno)),
        }
    }

    pub(super) fn on_event(&mut self, data: u64, flags: EventFlags) {
        let slot = data as u32;
        let device = &self.devices[slot as usize];
        // An event of a connection that was closed earlier in this batch.
        if device.generation != (data >> 32) as u32 {
            return;
        }
        let outcome = match device.state {
            State::Away => return,
            State::AwaitSocket => self.on_socket_ready(slot),
            State::AwaitConnack | State::Connected => {
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
        if let Some(socket) = &self.devices[slot as usize].socket {
            match sockopt::socket_error(socket) {
                Ok(Ok(())) => {}
                Ok(Err(errno)) | Err(errno) => return Err(not_reached(errno)),
            }
        }
        self.greet(slot)
    }

    /// One read; what it acknowledges makes room, and what there is room for goes out with the
    /// answers in one write.
    fn on_readable(&mut self, slot: u32) -> Result<(), Close> {
        let device = &mut self.devices[slot as usize];
        let Some(socket) = &device.socket else {
            return Ok(());
        };
        let bytes = match recv(socket, &mut *self.read, RecvFlags::empty()) {
            Ok((0, _)) => return Err(Close::Ended),
            Ok((bytes, _)) => bytes,
            Err(Errno::AGAIN | Errno::INTR) => return Ok(()),
            Err(errno) => return Err(Close::Broken(errno.raw_os_error())),
        };
        self.now_ns = self.clock.now_ns();
        self.books.counts.reads += 1;
        self.books.counts.bytes_received += bytes as u64;
        self.out.clear();
        let mut arrived = &self.read[..bytes];
        if let Some(tunnels) = &mut self.tunnels {
            self.inner.clear();
            self.inner.extend_from_slice(arrived);
            if tunnels.open(slot, &mut self.inner, &mut self.books.counts)? {
                device.hello(self.plan.version, &self.plan, &mut self.out);
            }
            arrived = &self.inner;
        }
        let was = device.state;
        let mut partial = std::mem::take(&mut device.partial);
        let (now_ns, books, out) = (self.now_ns, &mut self.books, &mut self.out);
        let plan = &self.plan;
        let taken = each_frame(&mut partial, arrived, |first_byte, body| {
            device.on_frame((first_byte, body), now_ns, plan, books, out)
        });
        device.partial = partial;
        if was != State::Connected && device.state == State::Connected {
            device.attempts = 0;
            self.connected += 1;
            self.opener.on_settled();
            self.settle(slot);
        }
        taken?;
        self.pump_into_out(slot);
        self.send_out(slot)
    }

    fn on_writable(&mut self, slot: u32) -> Result<(), Close> {
        let device = &mut self.devices[slot as usize];
        let mut waiting = std::mem::take(&mut device.unsent);
        self.out.clear();
        self.arm(slot, EventFlags::IN)?;
        self.pump_into_out(slot);
        self.seal_out(slot);
        // What waited has been sealed already.
        waiting.append(&mut self.out);
        self.out = waiting;
        self.write_out(slot)
    }

    /// Sends what a device may send now.
    pub(super) fn pump(&mut self, slot: u32) {
        self.out.clear();
        self.pump_into_out(slot);
        if let Err(close) = self.send_out(slot) {
            self.close(slot, close);
        }
    }

    fn pump_into_out(&mut self, slot: u32) {
        let Some(pacer) = &self.pacer else { return };
        let device = &mut self.devices[slot as usize];
        // A socket that took less than it was given gets nothing more until it is writable.
        if device.state != State::Connected || !device.unsent.is_empty() {
            return;
        }
        let Some(publisher) = &mut device.publisher else {
            return;
        };
        let table = &pacer.timetable;
        let pumped = publisher.pump(self.now_ns, table, &mut self.books, &mut self.out);
        if pumped == Pumped::More && !device.is_eager {
            device.is_eager = true;
            self.eager.push(slot);
        }
    }

    pub(super) fn send_out(&mut self, slot: u32) -> Result<(), Close> {
        self.seal_out(slot);
        self.write_out(slot)
    }

    fn seal_out(&mut self, slot: u32) {
        if let Some(tunnels) = &mut self.tunnels {
            tunnels.seal(slot, &mut self.out);
        }
    }

    /// Writes `out`; what the socket does not take waits in the device.
    fn write_out(&mut self, slot: u32) -> Result<(), Close> {
        if self.out.is_empty() {
            return Ok(());
        }
        let device = &mut self.devices[slot as usize];
        let Some(socket) = &device.socket else {
            return Ok(());
        };
        if !device.unsent.is_empty() {
            device.unsent.extend_from_slice(&self.out);
            return Ok(());
        }
        let sent = match send(socket, &self.out, SendFlags::NOSIGNAL) {
            Ok(sent) => sent,
            Err(Errno::AGAIN | Errno::INTR) => 0,
            Err(errno) => return Err(Close::Broken(errno.raw_os_error())),
        };
        device.has_spoken = true;
        self.books.counts.writes += 1;
        self.books.counts.bytes_sent += sent as u64;
        if sent < self.out.len() {
            device.unsent.extend_from_slice(&self.out[sent..]);
            self.arm(slot, EventFlags::IN | EventFlags::OUT)?;
        }
        Ok(())
    }

    fn arm(&self, slot: u32, flags: EventFlags) -> Result<(), Close> {
        let device = &self.devices[slot as usize];
        let Some(socket) = &device.socket else {
            return Ok(());
        };
        let data = event_data(slot, device.generation);
        epoll::modify(&self.epoll, socket, data, flags)
            .map_err(|errno| Close::Broken(errno.raw_os_error()))
    }

    pub(super) fn ping(&mut self, slot: u32) {
        let device = &mut self.devices[slot as usize];
        if device.state != State::Connected || std::mem::take(&mut device.has_spoken) {
            return;
        }
        if std::mem::replace(&mut device.awaits_pingresp, true) {
            return self.close(slot, Close::NoPingresp);
        }
        self.books.counts.pings_sent += 1;
        self.out.clear();
        self.out.extend_from_slice(&encode::PINGREQ);
        if let Err(close) = self.send_out(slot) {
            self.close(slot, close);
        }
    }

    /// Ends a connection, for whatever reason, and plans the next where there is to be one.
    pub(super) fn close(&mut self, slot: u32, close: Close) {
        if close.has_alert() {
            // Whether it arrives makes no difference.
            self.out.clear();
            let _ = self.send_out(slot);
        }
        let in_handshake = self
            .tunnels
            .as_mut()
            .is_some_and(|tunnels| tunnels.end(slot));
        let close = if in_handshake {
            close.in_handshake()
        } else {
            close
        };
        let device = &mut self.devices[slot as usize];
        let close = match device.state {
            State::Away => return,
            State::Connected => {
                self.connected -= 1;
                close
            }
            State::AwaitSocket | State::AwaitConnack => {
                self.opener.on_settled();
                close.before_connack()
            }
        };
        self.books.closed(close, self.now_ns);
        device.on_close(&mut self.books);
        if self.plan.reconnect {
            self.opener.retry(slot, device.attempts, self.now_ns);
            device.attempts = device.attempts.saturating_add(1);
        }
        self.settle(slot);
    }

    /// Counts a client whose first connect has come to its end.
    fn settle(&mut self, slot: u32) {
        let device = &mut self.devices[slot as usize];
        self.settled += u64::from(!std::mem::replace(&mut device.is_settled, true));
    }
}

/// Slot below, generation above.
fn event_data(slot: u32, generation: u32) -> EventData {
    EventData::new_u64(u64::from(generation) << 32 | u64::from(slot))
}
