//! Accept: reads the CONNECT of a stranger, finds its home, lets it in or turns it away.

use std::sync::atomic::Ordering;

use tributary_proto::close::Close;
use tributary_proto::decode;
use tributary_proto::frame::{self, Front};
use tributary_proto::malformed::Malformed;
use tributary_proto::packet::Connect;
use tributary_proto::reason::Reason;
use tributary_proto::session::{self, Admission, Session, Welcome};
use tributary_proto::version::Version;

use super::client::{Client, Extra, Paused, Reading};
use super::clients::ClientRef;
use super::wheel::Wheel;
use super::world::{Order, Socket, World};
use crate::limits::CONNECT_BYTES_MAX;

/// First byte of every CONNECT: packet type 1, flags 0.
const CONNECT_FIRST_BYTE: u8 = 0x10;

/// What is to be done with a connection whose first bytes were looked at.
pub(super) enum Entrance {
    /// The CONNECT is not whole yet; what came of it was put away.
    Wait,
    /// Its home is another shard: take the socket and these bytes there.
    Elsewhere {
        /// The home.
        shard: usize,
        /// All that was read.
        bytes: Vec<u8>,
    },
    /// It is a client now; look at these bytes behind its CONNECT.
    In {
        /// Who it is.
        index: u32,
        /// How much of what was read is its CONNECT.
        connect_bytes: usize,
    },
    /// It was turned away; an order to close was left.
    Out,
}

impl World {
    /// Looks at what a stranger has sent so far. `settled` when this shard is its home for sure.
    pub(super) fn on_stranger(&mut self, socket: Socket, bytes: &[u8], settled: bool) -> Entrance {
        let body = match frame::front(bytes, CONNECT_BYTES_MAX) {
            Ok(_)
                if bytes
                    .first()
                    .is_some_and(|first| *first != CONNECT_FIRST_BYTE) =>
            {
                let packet_type = bytes[0] >> 4;
                return self.reject(
                    socket,
                    Close::Malformed(Malformed::FirstNotConnect { packet_type }),
                );
            }
            Ok(Front::Short { .. }) => return self.await_connect(socket, bytes),
            Ok(Front::Frame { body, .. }) => body,
            Err(how) => return self.reject(socket, Close::Malformed(how)),
        };
        let connect_bytes = body.as_ptr() as usize - bytes.as_ptr() as usize + body.len();
        match decode::connect(body) {
            Ok(connect) => self.on_connect(socket, &connect, bytes, connect_bytes, settled),
            Err(refusal) => {
                let mut last_words = Vec::new();
                if let Some((version, reason)) = refusal.answer() {
                    session::turn_away(version, reason, None, &mut last_words);
                }
                self.turn_away(socket, Close::Malformed(refusal.malformed()), last_words)
            }
        }
    }

    /// Keeps the first part of a CONNECT until the rest comes.
    fn await_connect(&mut self, socket: Socket, bytes: &[u8]) -> Entrance {
        self.reassembly_bytes += bytes.len();
        self.half_connects.insert(socket, bytes.to_vec());
        if self.is_reassembly_full() {
            self.take_half_connect(socket);
            return self.reject(socket, Close::ReassemblyFull);
        }
        Entrance::Wait
    }

    /// The first part of a CONNECT, if one was kept.
    pub(super) fn take_half_connect(&mut self, socket: Socket) -> Option<Vec<u8>> {
        let bytes = self.half_connects.remove(&socket)?;
        self.reassembly_bytes -= bytes.len();
        Some(bytes)
    }

    fn on_connect(
        &mut self,
        socket: Socket,
        connect: &Connect<'_>,
        bytes: &[u8],
        connect_bytes: usize,
        settled: bool,
    ) -> Entrance {
        let admission = match session::admit(connect, &self.terms) {
            Ok(admission) => admission,
            Err(reason) => return self.refuse(socket, connect.version, reason),
        };
        let home = self.home(connect.client_id);
        if !settled && !connect.client_id.is_empty() && home != self.index {
            return Entrance::Elsewhere {
                shard: home,
                bytes: bytes.to_vec(),
            };
        }
        if self.draining {
            return self.refuse(socket, connect.version, Reason::ServerUnavailable);
        }
        if let Some(index) = self.clients.by_id(connect.client_id) {
            self.end(index, Close::TakenOver);
        }
        if self.connected.load(Ordering::Relaxed) >= self.connections_max {
            self.book().bounds_hit.add(crate::bound::CLIENTS, 1);
            return self.refuse(socket, connect.version, Reason::ServerBusy);
        }
        match self.let_in(socket, connect, &admission) {
            Ok(at) => Entrance::In {
                index: at.index,
                connect_bytes,
            },
            Err(reason) => self.refuse(socket, connect.version, reason),
        }
    }

    fn let_in(
        &mut self,
        socket: Socket,
        connect: &Connect<'_>,
        admission: &Admission,
    ) -> Result<ClientRef, Reason> {
        let assigned = connect.client_id.is_empty().then(|| self.assign_id());
        let id = assigned.as_deref().unwrap_or(connect.client_id);
        let mut welcome = std::mem::take(&mut self.scratch);
        let said = Welcome {
            client_id: id,
            is_assigned: assigned.is_some(),
            ..Welcome::default()
        };
        let written = session::welcome(admission, &self.terms, &said, &mut welcome);
        self.scratch = welcome;
        written?;
        let session = Session::new(admission, &mut self.commons.profiles)
            .inspect_err(|_| self.scratch.clear())?;
        let user = connect.user_name.map(|user| {
            Box::new(Extra {
                user: Some(user.into()),
            })
        });
        let admitted = self.clients.insert(Client {
            session,
            id: id.into(),
            io: None,
            extra: user,
            conn: socket.conn,
            heard_tick: self.now_tick,
            wheel_next: Wheel::OFF,
            wheel_previous: Wheel::OFF,
            ring: socket.ring,
            reading: Reading::Nothing,
            paused: Paused::default(),
            heat: 0,
            heat_sec: 0,
            generation: 0,
            dirty: false,
            listed_hot: false,
            listed_stalled: false,
        });
        let Some(at) = admitted else {
            // No one is there to have the welcome.
            self.scratch.clear();
            return Err(Reason::ServerBusy);
        };
        if let Some(tick) = self
            .clients
            .find(at)
            .and_then(|client| client.silence_ends())
        {
            self.wheel.put(&mut self.clients, at.index, tick);
        }
        self.owe(at.index);
        self.connected.fetch_add(1, Ordering::Relaxed);
        let book = self.book();
        book.connects.add(version_index(admission.version), 1);
        book.connections.add(1);
        if connect.will.is_some() {
            book.wills_ignored.add(1);
        }
        tracing::debug!(client = id, shard = self.index, "connected");
        Ok(at)
    }

    /// A client id that no one else has and whose home is here \[MQTT-3.1.3-6\].
    fn assign_id(&mut self) -> String {
        loop {
            self.assigned_count += 1;
            // The process-wide hash is seeded at random, so ids do not repeat after a restart.
            let seed = format!("{}/{}", self.index, self.assigned_count);
            let id = format!("auto-{:016x}", self.clients.hash(&seed));
            if self.home(&id) == self.index && self.clients.by_id(&id).is_none() {
                return id;
            }
        }
    }

    /// Answers with a refusing CONNACK, then closes.
    pub(super) fn refuse(&mut self, socket: Socket, version: Version, reason: Reason) -> Entrance {
        let mut last_words = Vec::new();
        session::turn_away(version, reason, None, &mut last_words);
        let close = match reason {
            Reason::ServerBusy => Close::TableFull,
            _ => Close::ConnectRefused,
        };
        self.turn_away(socket, close, last_words)
    }

    /// Refuses a connection that its home had no room for; its CONNECT was found good before.
    pub(super) fn refuse_late(&mut self, socket: Socket, bytes: &[u8]) {
        let version = match frame::front(bytes, CONNECT_BYTES_MAX) {
            Ok(Front::Frame { body, .. }) => decode::connect(body).map(|connect| connect.version),
            _ => return,
        };
        if let Ok(version) = version {
            self.refuse(socket, version, Reason::ServerBusy);
        }
    }

    fn reject(&mut self, socket: Socket, close: Close) -> Entrance {
        self.turn_away(socket, close, Vec::new())
    }

    fn turn_away(&mut self, socket: Socket, close: Close, last_words: Vec<u8>) -> Entrance {
        super::close::record(self, close, None);
        self.orders.push(Order::Close {
            socket,
            last_words,
            linger: true,
        });
        Entrance::Out
    }
}

/// Place of a version in the counters.
fn version_index(version: Version) -> usize {
    match version {
        Version::V31 => 0,
        Version::V311 => 1,
        Version::V5 => 2,
    }
}
