//! Turns strangers away: the refusing CONNACK where there is one, then the end.

use tributary_proto::close::Close;
use tributary_proto::decode;
use tributary_proto::frame::{self, Front};
use tributary_proto::reason::Reason;
use tributary_proto::session;
use tributary_proto::version::Version;

use super::admit::Entrance;
use super::close::Whom;
use super::frames::farewell;
use super::world::{Order, Socket, World};
use crate::limits::CONNECT_BYTES_MAX;

impl World {
    /// Answers with a refusing CONNACK, then closes.
    pub(super) fn refuse(&mut self, socket: Socket, version: Version, reason: Reason) -> Entrance {
        let mut last_words = Vec::new();
        let elsewhere = self.server_reference.as_deref().filter(|_| self.draining);
        let reason = match (elsewhere, reason) {
            (Some(_), Reason::ServerUnavailable) => Reason::UseAnotherServer,
            _ => reason,
        };
        session::turn_away(version, reason, elsewhere, &mut last_words);
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

    pub(super) fn reject(&mut self, socket: Socket, close: Close) -> Entrance {
        self.turn_away(socket, close, Vec::new())
    }

    pub(super) fn turn_away(
        &mut self,
        socket: Socket,
        close: Close,
        last_words: Vec<u8>,
    ) -> Entrance {
        super::close::record(self, close, Whom::Stranger(socket));
        self.orders.push(Order::Close {
            socket,
            last_words,
            linger: true,
            farewell: farewell(close),
        });
        Entrance::Out
    }
}
