//! Accept: reads the CONNECT of a stranger, finds its home, lets it in or turns it away.

use std::mem;
use std::sync::atomic::Ordering;

use tributary_access::subject::{Identity, Subject};
use tributary_proto::close::Close;
use tributary_proto::decode;
use tributary_proto::frame::{self, Front};
use tributary_proto::malformed::Malformed;
use tributary_proto::packet::Connect;
use tributary_proto::reason::Reason;
use tributary_proto::session::{self, Admission, Session, Terms, Welcome, Will};
use tributary_proto::subscriptions::Held;
use tributary_transport::proxy::Expect;

use super::client::{Client, Extra, Listed, Paused, Reading};
use super::clients::ClientRef;
use super::permission::Pass;
use super::prove::{Proof, Shown};
use super::wheel::Wheel;
use super::world::{Socket, World, context};
use crate::limits::CONNECT_BYTES_MAX;
use crate::overload::Overload;
use crate::store::SessionNumber;

/// First byte of every CONNECT: packet type 1, flags 0.
const CONNECT_FIRST_BYTE: u8 = 0x10;

/// What is to be done with a connection whose first bytes were looked at.
pub(super) enum Entrance {
    /// The CONNECT is not whole yet; what came of it was put away.
    Wait,
    /// Its predecessor is heard out first; what came of it was put away, nothing is to be armed.
    Behind,
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

/// The place that a client comes to, as its CONNACK tells it.
struct Place<'a> {
    client_id: &'a str,
    /// The server has made the client id up.
    is_assigned: bool,
    /// The session was there before.
    is_kept: bool,
}

impl World {
    /// Looks at what a stranger has sent so far. `settled` when this shard is its home for sure.
    pub(super) fn on_stranger(&mut self, socket: Socket, bytes: &[u8], settled: bool) -> Entrance {
        if self.exchanges.contains_key(&socket) {
            return self.on_proof(socket, bytes);
        }
        // No CONNECT begins as a PROXY header does, which is worth a name of its own.
        if bytes.first() != Some(&CONNECT_FIRST_BYTE)
            && let Err(refusal) = Expect::NoHeader.on_bytes(bytes, 0)
        {
            return self.refuse_header(socket, refusal);
        }
        let connect_bytes_max = CONNECT_BYTES_MAX.min(self.packet_bytes_max(socket));
        let body = match frame::front(bytes, connect_bytes_max) {
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
    pub(super) fn await_connect(&mut self, socket: Socket, bytes: &[u8]) -> Entrance {
        self.reassembly_bytes += bytes.len();
        self.half_connects.insert(socket, bytes.to_vec());
        if self.is_reassembly_full() {
            self.take_half_connect(socket);
            return self.reject(socket, Close::ReassemblyFull);
        }
        Entrance::Wait
    }

    /// The connection is gone before it was a client's.
    pub(super) fn forget_stranger(&mut self, socket: Socket) {
        self.take_half_connect(socket);
        self.exchanges.remove(&socket);
        if let Some(gate) = self.gate.as_mut() {
            gate.forget(socket);
        }
        self.links.origins.remove(&socket);
        self.links.addresses.forget(socket);
        self.quota.drop_claim(self.now_tick);
        self.links.certificates.remove(&socket);
        self.departures.remove(&socket);
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
        let rest_bytes = bytes.len() - connect_bytes;
        if !self.draining
            && let Some(out) = self.shed(socket, connect.version, settled, rest_bytes)
        {
            return out;
        }
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
        if let Some(entrance) = self.await_needed_address(socket, bytes) {
            return entrance;
        }
        if admission.has_method {
            return self.begin_proof(
                socket,
                connect,
                &bytes[..connect_bytes],
                &bytes[connect_bytes..],
            );
        }
        let proof = match self.identify(socket, connect, bytes) {
            Ok(proof) => proof,
            Err(entrance) => return entrance,
        };
        if self.is_predecessor_talking(connect.client_id) {
            return self.wait_behind(socket, bytes);
        }
        self.enter(socket, connect, &admission, proof, connect_bytes)
    }

    /// A client has shown who it is: it comes in if the rules let it.
    pub(super) fn enter(
        &mut self,
        socket: Socket,
        connect: &Connect<'_>,
        admission: &Admission,
        proof: Option<Proof>,
        connect_bytes: usize,
    ) -> Entrance {
        if let Some(gate) = self.gate.as_mut() {
            gate.forget(socket);
        }
        let address = self.address_of(socket);
        let whole = proof.clone();
        let shown = Shown::of(connect, whole.as_ref());
        let own = whole.as_ref().and_then(|proof| proof.rules.as_ref());
        let identity = Identity {
            subject: Subject {
                client: connect.client_id,
                user: shown.user,
            },
            groups: &shown.groups,
            claims: &shown.claims,
            address,
        };
        let earlier = self.clients.by_id(connect.client_id);
        if self.is_another_users(earlier, identity.subject.user) {
            self.book().takeovers_refused.add(1);
            return self.refuse(socket, connect.version, Reason::NotAuthorized);
        }
        let mut pass = match self.judge_entry(connect, &identity, own) {
            Ok(pass) => pass,
            Err(reason) => return self.refuse(socket, connect.version, reason),
        };
        let entrance = self.take_in(socket, connect, admission, proof, &mut pass, connect_bytes);
        self.settle_entry(&entrance, pass, &identity, own);
        entrance
    }

    /// A client that may come in does so, in place of whoever has its id.
    fn take_in(
        &mut self,
        socket: Socket,
        connect: &Connect<'_>,
        admission: &Admission,
        proof: Option<Proof>,
        pass: &mut Pass,
        connect_bytes: usize,
    ) -> Entrance {
        let address = self.address_of(socket);
        let earlier = self.clients.by_id(connect.client_id);
        if self.is_door_full(socket, earlier) {
            self.book().bounds_hit.add(crate::bound::LISTENER, 1);
            return self.turn_away_for(Overload::Table, socket, connect.version, 0);
        }
        if let Some(out) = self.turn_away_over_quota(socket, connect, &proof, earlier, address) {
            return out;
        }
        if let Some(index) = earlier {
            self.end(index, Close::TakenOver);
        }
        // Whoever takes its own place over needs no new one.
        let is_crowded = self.shed.is_crowded && earlier.is_none();
        if is_crowded || self.connected.load(Ordering::Relaxed) >= self.connections_max {
            self.book().bounds_hit.add(crate::bound::CLIENTS, 1);
            return self.turn_away_for(Overload::Table, socket, connect.version, 0);
        }
        // The end of its connection may have been the end of its session.
        let kept = self.clients.by_id(connect.client_id);
        let entered = match kept {
            Some(index) if !admission.clean_start => {
                self.come_back(index, socket, connect, admission, proof, pass)
            }
            kept => {
                if let Some(index) = kept {
                    super::close::forget(self, index); // [MQTT-3.1.2-4]
                }
                self.let_in(socket, connect, admission, proof)
            }
        };
        match entered {
            Ok(at) => {
                if kept.is_some() && admission.clean_start && self.keeper.is_waiting() {
                    // It is told that there is no session once there is none on disk either.
                    self.keeper.touch(at.index);
                }
                self.after_entry(at, connect, address);
                Entrance::In {
                    index: at.index,
                    connect_bytes,
                }
            }
            Err(reason) => self.refuse(socket, connect.version, reason),
        }
    }

    fn let_in(
        &mut self,
        socket: Socket,
        connect: &Connect<'_>,
        admission: &Admission,
        proof: Option<Proof>,
    ) -> Result<ClientRef, Reason> {
        let assigned = connect.client_id.is_empty().then(|| self.assign_id());
        let id = assigned.as_deref().unwrap_or(connect.client_id);
        let place = Place {
            client_id: id,
            is_assigned: assigned.is_some(),
            is_kept: false,
        };
        self.welcome(socket, admission, connect, proof.as_ref(), place)?;
        let session = Session::new(admission, &mut self.commons.profiles)
            .inspect_err(|_| self.scratch.clear())?;
        let extra = self.extra_of(socket, connect, admission, proof, None, id);
        let admitted = self.clients.insert(Client {
            session,
            id: id.into(),
            io: None,
            extra,
            conn: socket.conn,
            heard_tick: self.now_tick,
            wheel_next: Wheel::OFF,
            wheel_previous: Wheel::OFF,
            ring: socket.ring,
            reading: Reading::Nothing,
            paused: Paused::default(),
            heat: 0,
            heat_sec: 0,
            listed: Listed::default(),
            generation: 0,
            held: Held::default(),
        });
        admitted.map_err(|mut client| {
            // What its session took of the commons goes back, and no one is there to be welcomed.
            client.session.on_gone(false, &mut context!(self, client));
            self.scratch.clear();
            self.book().bounds_hit.add(crate::bound::CLIENTS, 1);
            Reason::ServerBusy
        })
    }

    /// The client of a kept session is back.
    fn come_back(
        &mut self,
        index: u32,
        socket: Socket,
        connect: &Connect<'_>,
        admission: &Admission,
        proof: Option<Proof>,
        pass: &mut Pass,
    ) -> Result<ClientRef, Reason> {
        let id = connect.client_id;
        let place = Place {
            client_id: id,
            is_assigned: false,
            is_kept: true,
        };
        self.welcome(socket, admission, connect, proof.as_ref(), place)?;
        self.wheel.take(&mut self.clients, index);
        // Back before its delay was over: nobody hears of it [MQTT-3.1.2-8].
        self.forget_will(index);
        let number = self.clients.look(index).and_then(Client::number);
        let extra = self.extra_of(socket, connect, admission, proof, number, id);
        let now_tick = self.now_tick;
        if let Some(client) = self.clients.at(index) {
            client.extra = extra;
        }
        // Before what waits for it goes out, and apart from what is said to others meanwhile.
        let connack = mem::take(&mut self.scratch);
        self.seat(index, pass.take());
        self.scratch = connack;
        let Some(client) = self.clients.at(index) else {
            return Err(Reason::UnspecifiedError);
        };
        client.conn = socket.conn;
        client.ring = socket.ring;
        client.heard_tick = now_tick;
        client.reading = Reading::Nothing;
        client.paused = Paused::default();
        client.heat = 0;
        let resumed = client
            .session
            .resume(admission, &mut context!(self, client));
        let generation = client.generation;
        if let Err(reason) = resumed {
            self.scratch.clear();
            super::close::forget(self, index);
            return Err(reason);
        }
        self.note_changes(index);
        Ok(ClientRef { index, generation })
    }

    /// Writes the CONNACK of success to `scratch`.
    fn welcome(
        &mut self,
        socket: Socket,
        admission: &Admission,
        connect: &Connect<'_>,
        proof: Option<&Proof>,
        place: Place<'_>,
    ) -> Result<(), Reason> {
        let method = connect.properties.authentication_method;
        let authentication = proof
            .and_then(|proof| proof.server_final.as_deref())
            .zip(method)
            .map(|(said, method)| (method, Some(said)));
        let said = Welcome {
            session_present: place.is_kept,
            client_id: place.client_id,
            is_assigned: place.is_assigned,
            authentication,
        };
        let own_terms = |packet_bytes_max| Terms {
            packet_bytes_max,
            ..self.terms.clone()
        };
        let door = self.links.door(socket);
        match door.packet_bytes_max().map(own_terms) {
            None => session::welcome(admission, &self.terms, &said, &mut self.scratch),
            Some(terms) => session::welcome(admission, &terms, &said, &mut self.scratch),
        }
    }

    /// What few clients have; `number` is the name that the session has in the store already.
    fn extra_of(
        &mut self,
        socket: Socket,
        connect: &Connect<'_>,
        admission: &Admission,
        proof: Option<Proof>,
        number: Option<SessionNumber>,
        id: &str,
    ) -> Option<Box<Extra>> {
        let origin = self.take_origin(socket);
        let lasts = admission.profile.session_expiry_secs > 0;
        let number = match number {
            None if lasts => self.keeper.session_number(),
            number => number,
        };
        let will = Will::of(connect, self.publisher(id)).map(|mut will| {
            will.delay_secs = will.delay_secs.min(self.will_delay_secs_max);
            Box::new(will)
        });
        let method = connect.properties.authentication_method.map(Box::from);
        let user = match &proof {
            Some(proof) => proof.user.as_deref().map(Box::from),
            None => connect.user_name.map(Box::from),
        };
        let expires = proof.and_then(|proof| proof.expires_unix_sec);
        let expires_sec = expires.map_or(0, |sec| u32::try_from(sec).unwrap_or(u32::MAX));
        let is_plain = user.is_none() && will.is_none() && number.is_none() && method.is_none();
        let is_plain = is_plain && origin.is_none() && expires_sec == 0;
        (!is_plain).then(|| {
            Box::new(Extra {
                user,
                expires_sec,
                is_unclaimed: false,
                will,
                will_tick: 0,
                number,
                method,
                origin,
            })
        })
    }
}
