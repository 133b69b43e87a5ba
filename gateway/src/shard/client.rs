//! What one connected client owns on its shard.

use tributary_proto::session::Session;
use tributary_ring::Conn;

/// A connected client. Its size is the larger part of the budget in `limits::idle_client`.
pub(super) struct Client {
    /// The rules of its connection.
    pub session: Session,
    /// The client id.
    pub id: Box<str>,
    /// Only while bytes are on their way in or out.
    pub io: Option<Box<Io>>,
    /// What few clients have.
    pub extra: Option<Box<Extra>>,
    /// Its socket on `ring`.
    pub conn: Conn,
    /// When it was last heard of.
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
    pub heat_sec: u16,
    /// Which life of its place in the slab this is; `Clients::insert` says.
    pub generation: u16,
    /// Waits for the end of the turn to have its answers sent.
    pub dirty: bool,
    /// Stands in `World::hot`, once.
    pub listed_hot: bool,
    /// Stands in `World::stalled`, once.
    pub listed_stalled: bool,
}

const _: () = assert!(size_of::<Client>() <= crate::limits::idle_client::RECORD_BYTES);

/// Bytes on their way in or out; taken from a pool while needed.
#[derive(Default)]
pub(super) struct Io {
    /// A packet cut by the end of a read, or what came while the socket was paused.
    pub partial: Vec<u8>,
    /// Answers that were not handed to the ring yet.
    pub out: Vec<u8>,
    /// When `out` grew over its bound; 0 while it has not.
    pub stalled_tick: u32,
}

/// What few clients have.
#[derive(Default)]
pub(super) struct Extra {
    /// The user name of its CONNECT.
    pub user: Option<Box<str>>,
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
        self.extra
            .as_ref()
            .and_then(|extra| extra.user.as_deref())
            .unwrap_or("")
    }

    /// Counts a read; says whether the client talks so often that a multishot receive pays.
    pub(super) fn warm(&mut self, now_sec: u32) -> bool {
        let sec = now_sec as u16;
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

    /// The tick at which its silence has lasted too long; `None` without keep-alive. Whether it was
    /// this gateway that did not listen is for the caller to ask.
    pub(super) fn silence_ends(&self) -> Option<u32> {
        let secs = u32::from(self.session.keep_alive_secs());
        let allowed = secs * crate::limits::TICKS_PER_SEC * 3 / 2;
        (secs > 0).then(|| self.heard_tick.saturating_add(allowed))
    }
}

#[cfg(test)]
mod tests;
