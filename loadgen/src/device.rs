//! One client: its socket, the state of its connection, and what it does with each answer.

use crate::books::Books;
use crate::close::Close;
use crate::codec::decode::{Answer, answer};
use crate::codec::{Version, encode, packet};
use crate::plan::Plan;
use crate::publisher::Publisher;
use std::os::fd::OwnedFd;

/// ```text
/// Away --open--> AwaitSocket --writable--> AwaitConnack --CONNACK 0--> Connected
///   ^                 |                         |                         |
///   +-----------------+------ any Close --------+-------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Away,
    AwaitSocket,
    AwaitConnack,
    Connected,
}

pub struct Device {
    pub number: u32,
    pub state: State,
    /// Tells events and deadlines of an earlier connection from those of this one.
    pub generation: u32,
    pub socket: Option<OwnedFd>,
    /// The front of a frame whose end has not come yet.
    pub partial: Vec<u8>,
    /// What did not fit into the socket.
    pub unsent: Vec<u8>,
    /// When this connection ought to have begun.
    pub intended_ns: u64,
    pub attempts: u16,
    pub is_settled: bool,
    pub is_eager: bool,
    /// Sent something since the last round of pings.
    pub has_spoken: bool,
    pub awaits_pingresp: bool,
    pub publisher: Option<Box<Publisher>>,
}

impl Device {
    pub fn new(number: u32, publisher: Option<Publisher>) -> Self {
        Self {
            number,
            state: State::Away,
            generation: 0,
            socket: None,
            partial: Vec::new(),
            unsent: Vec::new(),
            intended_ns: 0,
            attempts: 0,
            is_settled: false,
            is_eager: false,
            has_spoken: false,
            awaits_pingresp: false,
            publisher: publisher.map(Box::new),
        }
    }

    /// Takes one frame; what has to be answered goes to `out`.
    pub fn on_frame(
        &mut self,
        (first_byte, body): (u8, &[u8]),
        now_ns: u64,
        plan: &Plan,
        books: &mut Books,
        out: &mut Vec<u8>,
    ) -> Result<(), Close> {
        match (answer(plan.version, first_byte, body)?, self.state) {
            (Answer::Connack(connack), State::AwaitConnack) => {
                if connack.reason != 0 {
                    return Err(Close::Refused(connack.reason));
                }
                self.state = State::Connected;
                books.connected(now_ns, self.intended_ns);
                if let Some(publisher) = &mut self.publisher {
                    publisher.on_connack(connack.receive_maximum);
                }
            }
            (Answer::Disconnect { reason }, _) => return Err(Close::Disconnect(reason)),
            (
                Answer::Ack {
                    packet_type: packet::PUBREL,
                    packet_id,
                    ..
                },
                State::Connected,
            ) => {
                encode::acknowledge(out, packet::PUBCOMP, packet_id);
            }
            (
                Answer::Ack {
                    packet_type,
                    packet_id,
                    reason,
                },
                State::Connected,
            ) => {
                let publisher = self.publisher.as_mut().ok_or(Close::UnknownPacketId)?;
                publisher.on_ack((packet_type, packet_id, reason), now_ns, books, out)?;
            }
            (Answer::Publish { qos, packet_id }, State::Connected) => {
                books.counts.received += 1;
                match qos {
                    0 => {}
                    1 => encode::acknowledge(out, packet::PUBACK, packet_id),
                    _ => encode::acknowledge(out, packet::PUBREC, packet_id),
                }
            }
            (Answer::Pingresp, State::Connected) => {
                books.counts.pings_answered += 1;
                self.awaits_pingresp = false;
                if let Some(publisher) = &mut self.publisher {
                    publisher.on_pingresp();
                }
            }
            (_, _) => return Err(Close::OutOfTurn),
        }
        Ok(())
    }

    /// Forgets the connection; the publisher keeps what it owes.
    pub fn on_close(&mut self, books: &mut Books) {
        self.state = State::Away;
        self.generation = self.generation.wrapping_add(1);
        self.socket = None;
        self.partial = Vec::new();
        self.unsent = Vec::new();
        self.has_spoken = false;
        self.awaits_pingresp = false;
        if let Some(publisher) = &mut self.publisher {
            publisher.on_close(books);
        }
    }

    /// The CONNECT of this device.
    pub fn hello(&self, version: Version, plan: &Plan, out: &mut Vec<u8>) {
        let client_id = plan.run.client_id(self.number);
        encode::connect(out, version, client_id.as_bytes(), plan.keepalive_secs);
    }
}
