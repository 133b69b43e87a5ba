//! Frames around the MQTT of WebSocket clients, taken off what they send and put around what they
//! are sent.

use std::mem;

use tributary_proto::close::Close;
use tributary_transport::websocket::{CloseCode, ControlPayload, encode};

use super::buffers::Spares;
use super::client::Listed;
use super::link::{Stage, Unframed};
use super::world::{Order, Socket, World};
use crate::transport_fault;

impl World {
    /// Handles what a client has sent; says how much of it was MQTT.
    pub(super) fn on_read(&mut self, socket: Socket, index: u32, bytes: &mut [u8]) -> usize {
        match self.seals.is_sealed(socket) {
            true => self.on_sealed_read(socket, index, bytes),
            false => self.on_clear_read(socket, index, bytes),
        }
    }

    /// The same when no TLS is around it, or none any more.
    pub(super) fn on_clear_read(&mut self, socket: Socket, index: u32, bytes: &mut [u8]) -> usize {
        if let Stage::Mqtt = self.links.stage(socket) {
            self.on_bytes(index, bytes);
            return bytes.len();
        }
        let Unframed { data, ping, .. } = self.unframe(socket, bytes);
        if let Some(ping) = ping {
            self.owe_pong(index, &ping);
        }
        if !data.is_empty() {
            self.on_bytes(index, data);
        }
        if let Some(close) = self.links.stage(socket).end() {
            self.end_at(index, socket, close);
        }
        data.len()
    }

    /// Takes the frames off what came, and counts what was wrong with them.
    pub(super) fn unframe<'a>(&mut self, socket: Socket, bytes: &'a mut [u8]) -> Unframed<'a> {
        let now_sec = self.now_sec();
        let read = self.links.read(socket, bytes, now_sec);
        if let Some(why) = read.fault {
            self.note_fault(why.name());
        }
        read
    }

    /// Counts a fault in what stands before or around MQTT.
    pub(super) fn note_fault(&mut self, kind: &'static str) {
        let index = transport_fault::index(kind);
        self.book().transport_faults.add(index, 1);
        tracing::debug!(kind, shard = self.index, "wrong before its MQTT");
    }

    /// Ends a client's connection if this socket is still its own.
    pub(super) fn end_at(&mut self, index: u32, socket: Socket, close: Close) {
        if self.is_at(index, socket) {
            self.end(index, close);
        }
    }

    /// Whether a client is connected by this socket.
    pub(super) fn is_at(&self, index: u32, socket: Socket) -> bool {
        self.clients
            .look(index)
            .is_some_and(|client| client.session.is_connected() && client.socket() == socket)
    }

    /// Says what comes before any MQTT to whoever has just been looked at.
    pub(super) fn say_foreword(&mut self, socket: Socket, client: Option<u32>, words: Vec<u8>) {
        if words.is_empty() {
            return;
        }
        if let Some(index) = client.filter(|index| self.is_at(*index, socket)) {
            return self.owe_foreword(index, &words);
        }
        // Orders are obeyed from the last to the first, so this goes before any last words.
        let said = self.orders.iter_mut().rev().find_map(|order| match order {
            Order::Say {
                socket: other,
                foreword,
                ..
            } if *other == socket => Some(foreword),
            _ => None,
        });
        match said {
            Some(foreword) => *foreword = words,
            None => self.orders.push(Order::Say {
                socket,
                foreword: words,
                words: Vec::new(),
            }),
        }
    }

    /// Only the last ping of a read is answered, and none while an earlier answer waits in a full
    /// out-queue [RFC 6455 5.5.3].
    fn owe_pong(&mut self, index: u32, ping: &ControlPayload) {
        let owed = self.clients.look(index).and_then(|one| one.io.as_ref());
        if owed.is_none_or(|io| io.foreword.is_empty()) {
            let mut words = self.spares.lend();
            encode::pong(ping, &mut words);
            self.owe_foreword(index, &words);
            self.spares.give_back(words);
        }
    }

    fn owe_foreword(&mut self, index: u32, words: &[u8]) {
        let Some(client) = self.clients.at(index) else {
            return;
        };
        let io = client.io.get_or_insert_with(|| self.spares.lend_io());
        io.foreword.extend_from_slice(words);
        self.mark_dirty(index);
    }

    /// Something is to be sent to a client at the end of the turn.
    pub(super) fn mark_dirty(&mut self, index: u32) {
        let client = self.clients.at(index);
        if client.is_some_and(|client| client.listed.enter(Listed::DIRTY)) {
            self.dirty.push(index);
        }
    }

    /// Puts the last words of a connection into the frames that it has, with a close frame behind
    /// them unless the peer is gone; says whether there is one.
    pub(super) fn frame_last_words(
        &mut self,
        socket: Socket,
        words: &mut Vec<u8>,
        farewell: Option<CloseCode>,
    ) -> bool {
        let stage = self.links.stage(socket);
        if !stage.is_framed() {
            return false;
        }
        if !words.is_empty() {
            *words = frame(&mut Vec::new(), mem::take(words), &mut self.spares);
        }
        match (stage, farewell) {
            (Stage::Closed(code) | Stage::Violated(code), _) | (_, Some(code)) => {
                encode::close(Some(code), words);
            }
            (Stage::ClosedSilently, None) => encode::close(None, words),
            (_, None) => return false,
        }
        true
    }
}

/// One binary frame around a batch of packets, behind what goes before them. None around nothing.
pub(super) fn frame(foreword: &mut Vec<u8>, words: Vec<u8>, spares: &mut Spares) -> Vec<u8> {
    let mut framed = spares.lend();
    framed.append(foreword);
    if !words.is_empty() {
        framed.extend_from_slice(encode::binary(words.len()).as_slice());
        framed.extend_from_slice(&words);
    }
    spares.give_back(words);
    framed
}

/// What a close frame says of the end of a connection; none when nobody is there to read it.
pub(super) fn farewell(close: Close) -> Option<CloseCode> {
    match close {
        Close::PeerClosed | Close::PeerReset | Close::OutQueueFull => None,
        Close::ClientDisconnect | Close::ClientDisconnectWithWill => Some(CloseCode::NORMAL),
        Close::ServerDrain | Close::Shed | Close::TableFull | Close::Internal => {
            Some(CloseCode::GOING_AWAY)
        }
        _ => Some(CloseCode::POLICY_VIOLATION),
    }
}
