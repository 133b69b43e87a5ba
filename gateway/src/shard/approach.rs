//! Approach: a stranger's first bytes, from its socket to its MQTT: PROXY header, TLS, request for
//! a WebSocket, frames.

use std::net::{IpAddr, SocketAddr};

use tributary_proto::close::Close;
use tributary_tls::PeerName;
use tributary_transport::proxy::{self, Header, Verdict};
use tributary_transport::upgrade::Front;
use tributary_transport::websocket::{Decoder, Idle, encode};

use super::admit::Entrance;
use super::link::{Link, Stage};
use super::seals::Sealed;
use super::world::{Socket, World};

/// Where a client comes from that its socket does not say.
#[derive(Debug, Default)]
pub(super) struct Origin {
    /// The device's own address, as a balancer told it.
    pub address: Option<SocketAddr>,
    /// The name in its certificate, which that balancer or this gateway has verified.
    pub tls_client_name: Option<Box<str>>,
}

/// A newcomer that leaves for its home once what it was told has been sent: a ring hands no
/// socket over that it is sending on.
pub(super) struct Departure {
    /// The home.
    pub shard: usize,
    /// All its MQTT that was read.
    pub bytes: Vec<u8>,
    /// What it is told before any MQTT.
    pub foreword: Vec<u8>,
}

/// What travels with a socket to its home shard beside its MQTT.
pub(super) struct Passage {
    link: Link,
    decoder: Option<Decoder>,
    origin: Option<Box<Origin>>,
    certificate: Option<Box<PeerName>>,
    foreword: Vec<u8>,
    sealed: Option<Sealed>,
}

impl World {
    /// Whether the listener of a socket has all the clients that it may have. Whoever takes its own
    /// place over needs no new one.
    pub(super) fn is_door_full(&self, socket: Socket, earlier: Option<u32>) -> bool {
        let door = self.links.door(socket);
        let earlier = earlier.and_then(|index| self.clients.look(index));
        let earlier = earlier.filter(|client| client.session.is_connected());
        let has_place =
            earlier.is_some_and(|client| std::ptr::eq(self.links.door(client.socket()), door));
        door.is_full() && !has_place
    }

    /// What goes along with a socket that leaves; nothing where it came by a plain door.
    pub(super) fn pack(&mut self, socket: Socket, foreword: Vec<u8>) -> Option<Box<Passage>> {
        let (link, decoder) = self.links.take(socket)?;
        let sealed = self.seals.take(socket);
        self.reassembly_bytes -= sealed.as_ref().map_or(0, Sealed::cut_bytes);
        Some(Box::new(Passage {
            link,
            decoder,
            origin: self.links.origins.remove(&socket),
            certificate: self.links.certificates.remove(&socket),
            foreword,
            sealed,
        }))
    }

    /// What came along with a socket.
    pub(super) fn unpack(&mut self, socket: Socket, passage: Option<Box<Passage>>) {
        let Some(passage) = passage else {
            return;
        };
        self.links.put(socket, passage.link, passage.decoder);
        self.links
            .origins
            .extend(passage.origin.map(|origin| (socket, origin)));
        self.links
            .certificates
            .extend(passage.certificate.map(|names| (socket, names)));
        self.links.foreword = passage.foreword;
        if let Some(sealed) = passage.sealed {
            self.reassembly_bytes += self.seals.put_sealed(socket, sealed);
        }
    }

    /// What is kept of where a client comes from once it is let in; of its certificate only a name.
    pub(super) fn take_origin(&mut self, socket: Socket) -> Option<Box<Origin>> {
        let origin = self.links.origins.remove(&socket);
        let names = self.links.certificates.remove(&socket);
        self.links.addresses.forget(socket);
        let Some(name) = names.and_then(|names| names.common_name) else {
            return origin;
        };
        let mut origin = origin.unwrap_or_default();
        // What was verified here counts for more than what a balancer says.
        origin.tls_client_name = Some(name.into());
        Some(origin)
    }

    /// It is known from where a connection comes; says whether it may go on. No address means a
    /// Unix socket.
    pub(super) fn on_peer(&mut self, socket: Socket, peer: Option<IpAddr>) -> bool {
        let door = self.links.door(socket);
        match door.expect(peer) {
            Ok(expect) => {
                self.links.advance(socket, Stage::Proxy(expect));
                true
            }
            Err(refusal) => {
                self.refuse_header(socket, refusal);
                false
            }
        }
    }

    /// Looks at what a stranger has sent, behind what it sent before. What it is to be told before
    /// any MQTT is in `foreword`.
    pub(super) fn on_approach(&mut self, socket: Socket, bytes: &mut [u8]) -> Entrance {
        // A PROXY header stands before TLS.
        let is_sealed = self.seals.is_sealed(socket);
        match self.links.stage(socket) {
            Stage::Proxy(_) => self.on_clear(socket, bytes),
            _ if is_sealed => self.on_sealed(socket, bytes),
            _ => self.on_clear(socket, bytes),
        }
    }

    /// Looks at what a stranger has sent when no TLS is around it, or none any more.
    pub(super) fn on_clear(&mut self, socket: Socket, bytes: &mut [u8]) -> Entrance {
        if !self.links.stage(socket).is_before_mqtt() {
            return self.on_arrival(socket, bytes);
        }
        match self.take_half_connect(socket) {
            None => self.pass(socket, bytes),
            Some(mut earlier) => {
                earlier.extend_from_slice(bytes);
                self.pass(socket, &mut earlier)
            }
        }
    }

    /// Looks at what came behind header and request.
    fn on_arrival(&mut self, socket: Socket, bytes: &mut [u8]) -> Entrance {
        let data = match self.links.stage(socket) {
            Stage::Mqtt => &mut *bytes,
            _ => {
                let read = self.unframe(socket, bytes);
                if let Some(ping) = &read.ping {
                    encode::pong(ping, &mut self.links.foreword);
                }
                read.data
            }
        };
        let entrance = match (data.is_empty(), self.take_half_connect(socket)) {
            (true, None) => Entrance::Wait,
            // Nearly always the CONNECT comes whole and is read where it lies.
            (false, None) => self.on_mqtt(socket, data, false),
            (_, Some(mut earlier)) => {
                earlier.extend_from_slice(data);
                self.on_mqtt(socket, &earlier, false)
            }
        };
        self.after_frames(socket, entrance)
    }

    /// Looks at a stranger's MQTT, and at what came behind its CONNECT; `settled` when this shard
    /// is its home for sure.
    pub(super) fn on_mqtt(&mut self, socket: Socket, bytes: &[u8], settled: bool) -> Entrance {
        let entrance = self.on_stranger(socket, bytes, settled);
        if let Entrance::In {
            index,
            connect_bytes,
        } = entrance
            && connect_bytes < bytes.len()
        {
            self.on_bytes(index, &bytes[connect_bytes..]);
        }
        entrance
    }

    /// A stranger's frames may have come to their end behind its MQTT.
    pub(super) fn after_frames(&mut self, socket: Socket, entrance: Entrance) -> Entrance {
        let Some(close) = self.links.stage(socket).end() else {
            return entrance;
        };
        match entrance {
            Entrance::Wait => self.reject(socket, close),
            Entrance::In { index, .. } => {
                self.end_at(index, socket, close);
                entrance
            }
            // The home will find it ended too.
            Entrance::Elsewhere { .. } | Entrance::Behind | Entrance::Out => entrance,
        }
    }

    /// Reads what stands in front of MQTT, as far as it has come.
    fn pass(&mut self, socket: Socket, bytes: &mut [u8]) -> Entrance {
        let is_header = matches!(self.links.stage(socket), Stage::Proxy(_));
        let header_bytes = match self.pass_header(socket, bytes) {
            Ok(header_bytes) => header_bytes,
            Err(entrance) => return entrance,
        };
        let bytes = &mut bytes[header_bytes..];
        if bytes.is_empty() {
            return Entrance::Wait;
        }
        if is_header && self.seals.is_sealed(socket) {
            return self.on_sealed(socket, bytes);
        }
        let head_bytes = match self.pass_request(socket, bytes) {
            Ok(head_bytes) => head_bytes,
            Err(entrance) => return entrance,
        };
        match &mut bytes[head_bytes..] {
            [] => Entrance::Wait,
            rest => self.on_arrival(socket, rest),
        }
    }

    /// Reads a PROXY header if one is awaited; its length when it was right.
    fn pass_header(&mut self, socket: Socket, bytes: &[u8]) -> Result<usize, Entrance> {
        let Stage::Proxy(expect) = self.links.stage(socket) else {
            return Ok(0);
        };
        let door = self.links.door(socket);
        let header_bytes = match expect.on_bytes(bytes, door.header_bytes_max()) {
            Ok(Verdict::Wait { .. }) => return Err(self.await_connect(socket, bytes)),
            Ok(Verdict::Direct) => 0,
            Ok(Verdict::Header {
                header,
                header_bytes,
            }) => {
                self.note_origin(socket, &header);
                header_bytes
            }
            Err(refusal) => return Err(self.refuse_header(socket, refusal)),
        };
        let stage = self.links.door(socket).stage();
        self.links.advance(socket, stage);
        Ok(header_bytes)
    }

    /// Reads a request for a WebSocket if one is awaited; its length when it is granted.
    fn pass_request(&mut self, socket: Socket, bytes: &[u8]) -> Result<usize, Entrance> {
        let Stage::Upgrade(mut request) = self.links.stage(socket) else {
            return Ok(0);
        };
        let door = self.links.door(socket);
        match request.on_bytes(bytes, &door.rules()) {
            Ok(Front::Short) => {
                self.links.advance(socket, Stage::Upgrade(request));
                Err(self.await_connect(socket, bytes))
            }
            Ok(Front::Request {
                upgrade,
                head_bytes,
            }) => {
                upgrade.answer(&mut self.links.foreword);
                let stage = Stage::WebSocket(Idle::default());
                self.links.advance(socket, stage);
                Ok(head_bytes)
            }
            Err(refusal) => {
                self.note_fault(refusal.name());
                let mut answer = Vec::new();
                refusal.answer(&mut answer);
                Err(self.turn_away(socket, Close::UpgradeRefused, answer))
            }
        }
    }

    /// A header, or the want of one, ends the connection without an answer [proxy-protocol 2].
    pub(super) fn refuse_header(&mut self, socket: Socket, refusal: proxy::Refusal) -> Entrance {
        let (close, name) = match refusal {
            proxy::Refusal::SourceUntrusted => (Close::ProxyUntrusted, refusal.name()),
            proxy::Refusal::HeaderMissing => (Close::ProxyMissing, refusal.name()),
            proxy::Refusal::HeaderMalformed { why } => (Close::ProxyBad, why.name()),
            proxy::Refusal::HeaderUnexpected | proxy::Refusal::HeaderTwice => {
                (Close::ProxyBad, refusal.name())
            }
        };
        self.note_fault(name);
        self.reject(socket, close)
    }

    fn note_origin(&mut self, socket: Socket, header: &Header<'_>) {
        let origin = Origin {
            address: header.source(),
            tls_client_name: header.tls_client_name().map(Box::from),
        };
        if origin.address.is_some() || origin.tls_client_name.is_some() {
            self.links.origins.insert(socket, Box::new(origin));
        }
    }
}
