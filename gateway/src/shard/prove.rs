//! Enhanced authentication: a client proves who it is before it is let in, or again while it is in.
//!
//! ```text
//!  stranger  CONNECT(method, client-first)  -> exchange begins  -> AUTH 0x18 (server-first)
//!            AUTH 0x18 (client-final)       -> proven: enter    -> CONNACK (server-final)
//!  client    AUTH 0x19 (client-first)       -> exchange begins  -> AUTH 0x18 (server-first)
//!            AUTH 0x18 (client-final)       -> proven           -> AUTH 0x00 (server-final)
//! ```

use std::sync::Arc;

use tributary_access::own::OwnRules;
use tributary_identity::{Proven, Refusal as Unknown};
use tributary_proto::close::Close;
use tributary_proto::decode;
use tributary_proto::encode;
use tributary_proto::frame::{self, Front};
use tributary_proto::packet::{Auth, Connect, Packet};
use tributary_proto::reason::Reason;
use tributary_proto::session;
use tributary_proto::version::Version;

use super::admit::Entrance;
use super::world::{Order, Socket, World};
use crate::auth::{Exchange, METHOD, Refusal, Step, fresh_nonce};
use crate::limits::{CONNECT_BYTES_MAX, EXCHANGES_PER_SHARD_MAX};

/// A stranger whose CONNECT was good and who has yet to prove who it is.
pub(super) struct Pending {
    exchange: Box<Exchange>,
    /// Its CONNECT, whole.
    connect: Box<[u8]>,
}

/// What a client has shown of itself.
#[derive(Clone, Default)]
pub(super) struct Proof {
    /// Who the client is; `None` for an anonymous one.
    pub user: Option<Arc<str>>,
    pub groups: Vec<Box<str>>,
    /// By name.
    pub claims: Vec<(Box<str>, Box<str>)>,
    /// Rules that it brought.
    pub rules: Option<Arc<OwnRules>>,
    /// When it ends, in seconds since 1970.
    pub expires_unix_sec: Option<u64>,
    /// Shows the client who we are, where it asked for that by AUTH.
    pub server_final: Option<Vec<u8>>,
}

impl From<Proven> for Proof {
    fn from(proven: Proven) -> Self {
        Self {
            user: proven.user,
            groups: proven.groups,
            claims: proven.claims,
            rules: proven.rules,
            expires_unix_sec: proven.expires_unix_sec,
            server_final: None,
        }
    }
}

/// The same as rules want to see it.
pub(super) struct Shown<'a> {
    pub user: Option<&'a str>,
    pub groups: Vec<&'a str>,
    pub claims: Vec<(&'a str, &'a str)>,
}

impl<'a> Shown<'a> {
    /// What came with a CONNECT: where nobody asks, its user name as it is.
    pub(super) fn of(connect: &Connect<'a>, proof: Option<&'a Proof>) -> Self {
        let Some(proof) = proof else {
            return Self {
                user: connect.user_name,
                groups: Vec::new(),
                claims: Vec::new(),
            };
        };
        let claims = proof.claims.iter();
        Self {
            user: proof.user.as_deref(),
            groups: proof.groups.iter().map(|group| &**group).collect(),
            claims: claims.map(|(name, value)| (&**name, &**value)).collect(),
        }
    }
}

impl World {
    /// Begins the exchange that a CONNECT asks for; `rest` came behind it.
    pub(super) fn begin_proof(
        &mut self,
        socket: Socket,
        connect: &Connect<'_>,
        bytes: &[u8],
        rest: &[u8],
    ) -> Entrance {
        let first = connect.properties.authentication_data.unwrap_or_default();
        if self.exchanges.len() >= EXCHANGES_PER_SHARD_MAX {
            self.book().bounds_hit.add(crate::bound::EXCHANGES, 1);
            return self.refuse(socket, connect.version, Reason::ServerBusy);
        }
        match Exchange::begin(&self.users, first, &fresh_nonce()) {
            Step::Refused(refusal) => self.refuse_proof(socket, refusal),
            Step::Continue {
                server_first,
                exchange,
            } => {
                let mut words = Vec::new();
                let more = Reason::ContinueAuthentication;
                encode::auth(&mut words, more, METHOD, Some(&server_first), None);
                self.orders.push(Order::Say {
                    socket,
                    foreword: Vec::new(),
                    words,
                });
                let connect = bytes.into();
                let pending = Box::new(Pending { exchange, connect });
                self.exchanges.insert(socket, pending);
                // Whoever was handed over has left its deadline on the shard it came from.
                self.expect_connect(socket);
                match rest {
                    [] => Entrance::Wait,
                    rest => self.on_proof(socket, rest),
                }
            }
        }
    }

    /// A stranger in an exchange has sent something.
    pub(super) fn on_proof(&mut self, socket: Socket, bytes: &[u8]) -> Entrance {
        let (first_byte, body) = match frame::front(bytes, CONNECT_BYTES_MAX) {
            Ok(Front::Short { .. }) => return self.await_connect(socket, bytes),
            Ok(Front::Frame {
                first_byte, body, ..
            }) => (first_byte, body),
            Err(how) => return self.reject(socket, Close::Malformed(how)),
        };
        let packet_bytes = body.as_ptr() as usize - bytes.as_ptr() as usize + body.len();
        let Some(pending) = self.exchanges.remove(&socket) else {
            return Entrance::Out;
        };
        let auth = match decode::packet(Version::V5, first_byte, body) {
            Ok(Packet::Auth(auth)) => auth,
            Ok(Packet::Disconnect(_)) => return self.reject(socket, Close::ClientDisconnect),
            // Nothing else may come before CONNACK [MQTT-3.1.2-30].
            Ok(_) => return self.reject_proof(socket),
            Err(how) => return self.reject(socket, Close::Malformed(how)),
        };
        let goes_on = auth.reason == Reason::ContinueAuthentication;
        if !goes_on || auth.authentication_method != METHOD {
            return self.reject_proof(socket); // [MQTT-4.12.0-3], [MQTT-4.12.0-5]
        }
        let last = auth.authentication_data.unwrap_or_default();
        let proof = match pending.exchange.finish(last) {
            Ok(finished) => Proof {
                user: Some(finished.user),
                server_final: Some(finished.server_final),
                ..Proof::default()
            },
            Err(refusal) => return self.refuse_proof(socket, refusal),
        };
        let Ok(Front::Frame { body, .. }) = frame::front(&pending.connect, CONNECT_BYTES_MAX)
        else {
            return self.reject(socket, Close::Internal);
        };
        let Ok(connect) = decode::connect(body) else {
            return self.reject(socket, Close::Internal);
        };
        if !self.is_bound(connect.client_id, &proof) {
            return self.refuse_stranger(socket, &connect, Unknown::ClientId);
        }
        match session::admit(&connect, &self.terms) {
            Ok(admission) => self.enter(socket, &connect, &admission, Some(proof), packet_bytes),
            Err(reason) => self.refuse(socket, connect.version, reason),
        }
    }

    /// A client's AUTH: proves anew who it is; what is to be done about its connection.
    pub(super) fn on_auth(&mut self, index: u32, auth: &Auth<'_>) -> Option<Close> {
        let out_of_turn = Some(Close::Violation(Reason::ProtocolError));
        let client = self.clients.look(index)?;
        let extra = client.extra.as_ref();
        if extra.and_then(|extra| extra.method.as_deref()) != Some(auth.authentication_method) {
            return out_of_turn; // [MQTT-4.12.0-5]
        }
        let data = auth.authentication_data.unwrap_or_default();
        match (auth.reason, self.reproofs.remove(&index)) {
            (Reason::Reauthenticate, None) => {
                match Exchange::begin(&self.users, data, &fresh_nonce()) {
                    Step::Refused(_) => self.fail_reproof(),
                    Step::Continue {
                        server_first,
                        exchange,
                    } => {
                        let more = Reason::ContinueAuthentication;
                        encode::auth(&mut self.scratch, more, METHOD, Some(&server_first), None);
                        self.reproofs.insert(index, exchange);
                        None
                    }
                }
            }
            (_, None) | (Reason::Reauthenticate, Some(_)) => out_of_turn,
            (_, Some(exchange)) => match exchange.finish(data) {
                // Who it was when it came in it must still be.
                Ok(finished) if client.user() == &*finished.user => {
                    let said = Some(&finished.server_final[..]);
                    encode::auth(&mut self.scratch, Reason::Success, METHOD, said, None);
                    None
                }
                _ => self.fail_reproof(),
            },
        }
    }

    fn fail_reproof(&mut self) -> Option<Close> {
        self.book().auth_failures.add(1);
        Some(Close::Violation(Reason::NotAuthorized)) // [MQTT-4.12.1-2]
    }

    fn refuse_proof(&mut self, socket: Socket, refusal: Refusal) -> Entrance {
        self.book().auth_failures.add(1);
        tracing::debug!(reason = refusal.name(), "authentication failed");
        self.refuse(socket, Version::V5, refusal.reason())
    }

    /// A stranger broke the exchange: it is told why, since it spoke MQTT 5 well enough to begin.
    fn reject_proof(&mut self, socket: Socket) -> Entrance {
        let mut words = Vec::new();
        session::turn_away(Version::V5, Reason::ProtocolError, None, &mut words);
        self.turn_away(socket, Close::Violation(Reason::ProtocolError), words)
    }
}
