//! What one client owns on its shard, connected or not.

use std::net::SocketAddr;

use tributary_proto::session::{Profiles, Session, Will};
use tributary_proto::subscriptions::Held;
use tributary_ring::Conn;

use super::approach::Origin;
use super::world::Socket;
use crate::limits::TICKS_PER_SEC;
use crate::store::SessionNumber;

/// A client. Its size is the larger part of the budget in `limits::idle_client`.
///
/// A session that outlives its connection keeps its record and its place: answers that are still on
/// their way find it there.
pub(super) struct Client {
    /// The rules of its connection.
    pub session: Session,
    /// The client id.
    pub id: Box<str>,
    /// Only while bytes are on their way in or out.
    pub io: Option<Box<Io>>,
    /// What few clients have.
    pub extra: Option<Box<Extra>>,
    /// Its socket on `ring`; means nothing while it is not connected.
    pub conn: Conn,
    /// When it was last heard of; when its session ends while it is not connected.
    pub heard_tick: u32,
    /// Neighbours on the wheel of time.
    pub wheel_next: u32,
    /// See `wheel_next`.
    pub wheel_previous: u32,
    /// Which ring of the shard holds the socket.
    pub ring: u8,
    /// What is armed for reading.
    pub reading: Reading,
    /// Why its socket is not read now; nothing when it is.
    pub paused: Paused,
    /// Reads within `heat_sec`.
    pub heat: u8,
    /// The second (its low bits) in which `heat` was counted.
    pub heat_sec: u8,
    /// In which lists of the shard it stands.
    pub listed: Listed,
    /// Which life of its place in the slab this is; `Clients::insert` says.
    pub generation: u16,
    /// What it is subscribed to.
    pub held: Held,
}

const _: () = assert!(size_of::<Client>() <= crate::limits::idle_client::RECORD_BYTES);

/// Bytes on their way in or out; taken from a pool while needed.
#[derive(Default)]
pub(super) struct Io {
    /// A packet cut by the end of a read, or what came while the socket was paused.
    pub partial: Vec<u8>,
    /// Answers that were not handed to the ring yet.
    pub out: Vec<u8>,
    /// Answers that waited for the store and no longer do; they stand before `out`.
    pub ready: Vec<u8>,
    /// What goes before them and stands in no frame: the grant of a WebSocket, a pong.
    pub foreword: Vec<u8>,
    /// When `out` grew over its bound; 0 while it has not.
    pub stalled_tick: u32,
}

impl Io {
    /// Answers that were not handed to the ring yet, in bytes.
    pub(super) fn unsent_bytes(&self) -> usize {
        self.foreword.len() + self.ready.len() + self.out.len()
    }
}

/// What few clients have.
#[derive(Default)]
pub(super) struct Extra {
    /// Who it has proven to be; where nobody asks, the user name of its CONNECT.
    pub user: Option<Box<str>>,
    /// When that proof ends, in seconds since 1970; 0 for never.
    pub expires_sec: u32,
    /// Its session is from before a restart, and the store does not say whose it was.
    pub is_unclaimed: bool,
    /// What is published when it goes without a word.
    pub will: Option<Box<Will>>,
    /// When the will is due; while not connected.
    pub will_tick: u32,
    /// The name of its session in the store; only of a session that outlives its connection, and
    /// only with a store on disk.
    pub number: Option<SessionNumber>,
    /// The method of authentication that its CONNECT named \[MQTT-4.12.0-5\].
    pub method: Option<Box<str>>,
    /// Where it comes from, if that is more than its socket says.
    pub origin: Option<Box<Origin>>,
}

/// Lists of the shard that a client stands in, each at most once.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Listed(u8);

impl Listed {
    /// `World::dirty`: it has answers to be sent at the end of the turn.
    pub(super) const DIRTY: Self = Self(1);
    /// `World::hot`.
    pub(super) const HOT: Self = Self(2);
    /// `World::stalled`.
    pub(super) const STALLED: Self = Self(4);
    /// No list: it has sent something since a newcomer with its id was looked at.
    pub(super) const SPOKEN: Self = Self(8);

    /// It stands in this list from now on; says whether it did not.
    pub(super) fn enter(&mut self, list: Self) -> bool {
        let new = self.0 & list.0 == 0;
        self.0 |= list.0;
        new
    }

    /// Whether it stands there.
    pub(super) fn has(self, list: Self) -> bool {
        self.0 & list.0 != 0
    }

    /// It stands there no longer.
    pub(super) fn leave(&mut self, list: Self) {
        self.0 &= !list.0;
    }
}

/// What is armed on a socket for reading.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reading {
    /// Nothing.
    Nothing,
    /// A one-shot poll: the idle state.
    Poll,
    /// One receive, after the poll fired.
    Once,
    /// A multishot receive: the client talks often.
    Multishot,
}

/// Why a socket is not read; several reasons may hold at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Paused(u8);

impl Paused {
    /// Its next PUBLISH goes to a lane that is full.
    pub(super) const LANE: Self = Self(1);
    /// It is owed too many acknowledgements.
    pub(super) const WINDOW: Self = Self(2);
    /// It does not read its answers.
    pub(super) const OUT: Self = Self(4);
    /// The gateway drains.
    pub(super) const DRAIN: Self = Self(8);

    /// The shard has delivered enough in this turn; others come first.
    pub(super) const TURN: Self = Self(16);
    /// It has sent more than a quota allows for now.
    pub(super) const QUOTA: Self = Self(32);

    /// Whether there is any reason.
    pub(super) fn any(self) -> bool {
        self.0 != 0
    }

    /// Whether this reason holds.
    pub(super) fn has(self, reason: Self) -> bool {
        self.0 & reason.0 != 0
    }

    /// Adds a reason; says whether it is new.
    pub(super) fn add(&mut self, reason: Self) -> bool {
        let new = !self.has(reason);
        self.0 |= reason.0;
        new
    }

    /// Takes a reason away; says whether it was the last one.
    pub(super) fn lift(&mut self, reason: Self) -> bool {
        let had = self.has(reason);
        self.0 &= !reason.0;
        had && !self.any()
    }
}

impl Client {
    /// The user name, or nothing.
    pub(super) fn user(&self) -> &str {
        self.user_name().unwrap_or("")
    }

    /// The user name, if it has one.
    pub(super) fn user_name(&self) -> Option<&str> {
        self.extra.as_ref()?.user.as_deref()
    }

    /// When its proof ends, in seconds since 1970.
    pub(super) fn expires_sec(&self) -> Option<u32> {
        let extra = self.extra.as_ref()?;
        (extra.expires_sec > 0).then_some(extra.expires_sec)
    }

    /// Whether it is not known whose its session is.
    pub(super) fn is_unclaimed(&self) -> bool {
        self.extra.as_ref().is_some_and(|extra| extra.is_unclaimed)
    }

    /// Counts a read; says whether the client talks so often that a multishot receive pays.
    pub(super) fn warm(&mut self, now_sec: u32) -> bool {
        let sec = now_sec as u8;
        match sec.wrapping_sub(self.heat_sec) {
            0 => self.heat = self.heat.saturating_add(1),
            1 => self.heat /= 2,
            _ => self.heat = 0,
        }
        self.heat_sec = sec;
        self.is_hot()
    }

    /// Whether the client talks often.
    pub(super) fn is_hot(&self) -> bool {
        self.heat >= crate::limits::HOT_READS
    }

    /// Its socket; means nothing while it is not connected.
    pub(super) fn socket(&self) -> Socket {
        Socket {
            ring: self.ring,
            conn: self.conn,
        }
    }

    /// The device's own address, if a balancer has told it.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.origin()?.address
    }

    /// The name in the device's certificate, if this gateway has verified it or a balancer has.
    pub(super) fn certified_name(&self) -> Option<&str> {
        self.origin()?.tls_client_name.as_deref()
    }

    fn origin(&self) -> Option<&Origin> {
        self.extra.as_ref()?.origin.as_deref()
    }

    /// When the wheel is to bring it up: at the end of its patience while it is connected, else at
    /// the end of its session or the delay of its will. `None` for never.
    ///
    /// Whether it was this gateway that did not listen is for the caller to ask.
    pub(super) fn due_tick(&self) -> Option<u32> {
        if !self.session.is_connected() {
            let will = self.extra.as_ref().filter(|extra| extra.will.is_some());
            let will_tick = will.map_or(u32::MAX, |extra| extra.will_tick);
            return Some(self.heard_tick.min(will_tick)).filter(|tick| *tick != u32::MAX);
        }
        let secs = u32::from(self.session.keep_alive_secs());
        let allowed = secs * TICKS_PER_SEC * 3 / 2;
        (secs > 0).then(|| self.heard_tick.saturating_add(allowed))
    }

    /// When its session ends if its connection ends now.
    pub(super) fn session_ends(&self, profiles: &Profiles, now_tick: u32) -> u32 {
        match self.session.session_expiry_secs(profiles) {
            u32::MAX => u32::MAX,
            secs => after(now_tick, secs),
        }
    }

    /// The name of its session in the store, if it is durable.
    pub(super) fn number(&self) -> Option<SessionNumber> {
        self.extra.as_ref().and_then(|extra| extra.number)
    }

    /// How much its connection may still take before it has to wait.
    pub(super) fn room_bytes(&self) -> usize {
        let unsent = self.io.as_ref().map_or(0, |io| io.unsent_bytes());
        crate::limits::OUT_QUEUE_BYTES_MAX.saturating_sub(unsent)
    }
}

/// So many seconds after a tick; never the tick that means never.
pub(super) fn after(tick: u32, secs: u32) -> u32 {
    let ticks = secs.saturating_mul(TICKS_PER_SEC);
    tick.saturating_add(ticks).min(u32::MAX - 1)
}

#[cfg(test)]
mod tests;
