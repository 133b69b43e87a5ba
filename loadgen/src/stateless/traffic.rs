//! What passes between one client without a socket and the server.

use super::Stateless;
use super::peer::{self, Peer, SEQUENCE_FIRST, State};
use super::segment::{ACK, FIN, PSH, RST, SYN, Segment};
use crate::close::Close;
use crate::codec::decode::{Answer, answer};
use crate::codec::{Front, encode, front};

impl Stateless {
    pub(super) fn knock(&mut self, place: u32) {
        self.books.counts.connects_tried += 1;
        self.books.counts.reconnects += u64::from(self.returned > 0);
        self.peers[place as usize] = Peer {
            began_us: (self.now_ns / 1_000) as u32,
            state: State::AwaitSynAck,
            ..Peer::AWAY
        };
        self.on_the_way += 1;
        self.opening.push_back((self.now_ns, place));
        self.send(place, SYN, SEQUENCE_FIRST, &[]);
    }

    pub(super) fn send_again(&mut self, place: u32) {
        let peer = &self.peers[place as usize];
        if peer.since_ns(self.now_ns) >= self.plan.connack_wait_ns {
            self.send(place, RST | ACK, self.peers[place as usize].sequence, &[]);
            return self.close(place, Close::NoConnack);
        }
        self.opening.push_back((self.now_ns, place));
        match peer.state {
            State::AwaitSynAck => self.send(place, SYN, SEQUENCE_FIRST, &[]),
            _ => self.greet(place),
        }
    }

    /// The CONNECT acknowledges the SYN of the server as well.
    fn greet(&mut self, place: u32) {
        let id = self.plan.run.client_id(place);
        let mut hello = std::mem::take(&mut self.hello);
        hello.clear();
        let keepalive = self.plan.keepalive_secs;
        encode::connect(&mut hello, self.plan.version, id.as_bytes(), keepalive);
        self.peers[place as usize].sequence = SEQUENCE_FIRST + 1 + hello.len() as u32;
        self.send(place, PSH | ACK, SEQUENCE_FIRST + 1, &hello);
        self.hello = hello;
    }

    pub(super) fn send(&mut self, place: u32, flags: u8, sequence: u32, data: &[u8]) {
        let segment = Segment {
            from: peer::address(place),
            to: self.target,
            sequence,
            acknowledges: self.peers[place as usize].expected,
            flags,
            data,
        };
        segment.write(&mut self.packet);
        self.books.counts.writes += 1;
        self.books.counts.bytes_sent += data.len() as u64;
        // A full queue loses a packet, as a network may: it goes again.
        let _ = self.tun.send(&self.packet);
    }

    pub(super) fn on_packet(&mut self, bytes: &[u8]) {
        let Some(segment) = Segment::read(bytes).filter(|segment| segment.from == self.target)
        else {
            return;
        };
        let known = peer::place(segment.to).filter(|place| (*place as usize) < self.peers.len());
        let Some(place) = known else { return };
        self.books.counts.reads += 1;
        let peer = &mut self.peers[place as usize];
        if peer.state == State::Away || peer.state == State::Gone {
            return;
        }
        if segment.has(RST) {
            return self.close(
                place,
                Close::Broken(rustix::io::Errno::CONNRESET.raw_os_error()),
            );
        }
        if segment.has(SYN | ACK) {
            if peer.state == State::AwaitSynAck {
                peer.expected = segment.sequence.wrapping_add(1);
                peer.state = State::AwaitConnack;
            }
            // Again when it comes again: our answer was lost.
            return self.greet(place);
        }
        if segment.sequence != peer.expected {
            // An old one that comes again wants its acknowledgement again.
            let sequence = peer.sequence;
            if !segment.data.is_empty() {
                self.send(place, ACK, sequence, &[]);
            }
            return;
        }
        self.on_data(place, &segment);
    }

    fn on_data(&mut self, place: u32, segment: &Segment<'_>) {
        let length = segment.data.len() as u32 + u32::from(segment.has(FIN));
        if length == 0 {
            return;
        }
        self.books.counts.bytes_received += segment.data.len() as u64;
        let peer = &mut self.peers[place as usize];
        peer.expected = peer.expected.wrapping_add(length);
        let sequence = peer.sequence;
        let mut rest = segment.data;
        let mut end = None;
        // The server's answers are short and come whole.
        while let (
            None,
            Ok(Front::Frame {
                first_byte,
                body,
                frame_bytes,
            }),
        ) = (end, front(rest))
        {
            end = self.on_frame(place, first_byte, body).err();
            rest = &rest[frame_bytes..];
        }
        if segment.has(FIN) {
            end = end.or(Some(Close::Ended));
        }
        match end {
            None => self.send(place, ACK, sequence, &[]),
            Some(close) => {
                self.send(place, RST | ACK, sequence, &[]);
                self.close(place, close);
            }
        }
    }

    fn on_frame(&mut self, place: u32, first_byte: u8, body: &[u8]) -> Result<(), Close> {
        let peer = &mut self.peers[place as usize];
        match (answer(self.plan.version, first_byte, body)?, peer.state) {
            (Answer::Connack(connack), State::AwaitConnack) => {
                if connack.reason != 0 {
                    return Err(Close::Refused(connack.reason));
                }
                peer.state = State::Connected;
                let began_ns = self.now_ns - peer.since_ns(self.now_ns).min(self.now_ns);
                self.books.connected(self.now_ns, began_ns);
                self.connected += 1;
                self.settled += 1;
                self.on_the_way -= 1;
            }
            (Answer::Pingresp, State::Connected) => {
                peer.awaits_pingresp = false;
                self.books.pinged(self.now_ns, peer.since_ns(self.now_ns));
            }
            (Answer::Disconnect { reason }, _) => return Err(Close::Disconnect(reason)),
            (_, _) => return Err(Close::OutOfTurn),
        }
        Ok(())
    }

    pub(super) fn close(&mut self, place: u32, close: Close) {
        let peer = &mut self.peers[place as usize];
        let close = if peer.state == State::Connected {
            self.connected -= 1;
            close
        } else {
            self.on_the_way -= 1;
            self.settled += 1;
            close.before_connack()
        };
        peer.state = State::Gone;
        self.books.closed(close, self.now_ns);
    }
}
