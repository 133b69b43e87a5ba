//! The rules of one client's session: packets and messages in, reactions out, no I/O, no clock.
//!
//! ```text
//! up:    PUBLISH qos 0 -------------> offered ---------------------------> settled
//!        PUBLISH qos 1 -> in window -> offered -> all answers in, at front -> PUBACK
//!        PUBLISH qos 2 -> in window -> offered -> all answers in, at front -> PUBREC
//!                                                 PUBREL -----------------> PUBCOMP
//! down:  message -> queue, while there is no room or no place in flight
//!                -> PUBLISH qos 0
//!                -> PUBLISH qos 1 -> PUBACK -> done
//!                -> PUBLISH qos 2 -> PUBREC -> PUBREL -> PUBCOMP -> done
//! ```
//!
//! What a shard calls, in the order of a client's life:
//!
//! ```text
//! admit(&connect, &terms) -> Result<Admission, Reason>            before anything is known
//! Will::of(&connect, publisher) -> Option<Will>
//! welcome(&admission, &terms, &Welcome, out) -> Result<(), Reason>   CONNACK, also session present
//! Session::new(&admission, &mut profiles) -> Result<Session, Reason>     a new session, or
//! session.resume(&admission, ctx) -> Result<(), Reason>    a kept one: PUBREL, DUP, then the queue
//! session.on_packet(&packet, ctx) -> Reaction     Done | Offer | Wait | Subscribe | Unsubscribe |
//!                                                 Authenticate | Close
//! session.on_taken(packet_id, qos, parties, ctx)     offered and taken; as many answers will come
//! session.on_answered(packet_id, qos, reason, ctx) -> Settled           offered and answered
//! session.on_settled(packet_id, reason, ctx) -> Settled                 one of those answers
//! session.deliver(&message, Delivery, ctx) -> Delivered       Sent | Queued | Dropped | Full
//! session.pump(ctx)                               there is room again: writes what waits
//! session.revoke(is_revoked, ctx) -> Vec<Orphan>  what waits, and its client may have no more
//! session.on_gone(keep, ctx) -> Vec<Orphan>       the connection is gone, or a kept session's time
//! Session::stored(version, &profile, &mut profiles) -> Result<Session, Reason>
//! session.restore(changes, ctx)                   offline, as the store has it
//! ```
//!
//! `ctx` is a [`Context`]: the terms, the shard's [`Commons`] (profiles, pool, queued bytes,
//! losses), the session's [`Journal`], the time, the room left for this client, and where to write.
//! A session ends by `on_gone(false, ..)`, which gives back what it has of the commons, and goes
//! from one connection to the next by `on_gone(true, ..)` and `resume`. Bytes of the old connection
//! that were held back for a store are to be dropped between the two.

mod admission;
mod alias;
mod busy;
mod context;
mod downward;
mod flight;
mod handed;
mod journal;
mod life;
mod losses;
mod profile;
mod pump;
mod queue;
mod receipts;
mod revocation;
mod room;
mod terms;
#[cfg(test)]
mod tests;
mod upward;
mod will;
mod window;

pub use admission::{Admission, Welcome, admit, turn_away, welcome};
pub use busy::BusyPool;
pub use context::{Commons, Context, Counts, Sent};
pub use downward::{Delivered, Delivery};
pub use handed::{Handed, Receipt};
pub use journal::{Change, Journal};
pub use life::Orphan;
pub use losses::{Loss, Losses};
pub use profile::{Profile, Profiles};
pub use queue::Identifiers;
pub use terms::{DropRule, Terms};
pub use upward::Settled;
pub use will::Will;

use busy::Busy;
use profile::ProfileId;

use crate::close::Close;
use crate::encode;
use crate::packet::{Auth, Disconnect, Packet};
use crate::reason::Reason;
use crate::version::Version;

/// The state of one client, connected or not. An idle client owns 16 bytes here and nothing behind
/// them.
#[derive(Debug)]
pub struct Session {
    /// Only while something is unfinished.
    busy: Option<Box<Busy>>,
    profile: ProfileId,
    keep_alive_secs: u16,
    /// The packet id that the last PUBLISH downwards had.
    last_id: u16,
    version: Version,
    flags: u8,
}

const _: () = assert!(size_of::<Session>() == 16);

/// In `flags`: there is a connection.
const CONNECTED: u8 = 1;
/// In `flags`: its CONNECT named a method of authentication.
const HAS_METHOD: u8 = 2;
/// In `flags`: the connection goes on with an earlier session.
const RESUMED: u8 = 4;

/// What is to be done about a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reaction {
    /// Nothing further; any answer was written.
    Done,
    /// Offer this PUBLISH to its route and its subscribers, then say [`Session::on_taken`] or
    /// [`Session::on_answered`]. Nothing but its alias was remembered: when there is no room, the
    /// same bytes may be looked at again.
    Offer {
        /// The alias that stands for the topic, see [`Session::topic`]; 0 when the packet has it.
        alias: u16,
    },
    /// Too much is unacknowledged: look at the same bytes again once less is owed.
    Wait,
    /// Do what the SUBSCRIBE says, then write its SUBACK.
    Subscribe,
    /// Do what the UNSUBSCRIBE says, then write its UNSUBACK.
    Unsubscribe,
    /// Go on with the exchange of the AUTH, or begin one anew (0x19).
    Authenticate,
    /// The connection ends.
    Close(Close),
}

impl Session {
    /// Which MQTT the client speaks.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The keep-alive in force, in seconds; 0 is none.
    pub fn keep_alive_secs(&self) -> u16 {
        self.keep_alive_secs
    }

    /// Whether there is a connection.
    pub fn is_connected(&self) -> bool {
        self.flags & CONNECTED != 0
    }

    /// What the client's CONNECT said.
    pub fn profile<'a>(&self, profiles: &'a Profiles) -> &'a Profile {
        profiles.at(self.profile)
    }

    /// How long the session outlives its connection; `u32::MAX` is for ever.
    pub fn session_expiry_secs(&self, profiles: &Profiles) -> u32 {
        self.profile(profiles).session_expiry_secs
    }

    /// Whether packets besides CONNACK and DISCONNECT may carry a reason string \[MQTT-3.1.2-29\].
    pub fn may_explain(&self, profiles: &Profiles) -> bool {
        self.version == Version::V5 && self.profile(profiles).problem_information
    }

    /// Takes in a packet; answers are appended to `ctx.out`.
    pub fn on_packet(&mut self, packet: &Packet<'_>, ctx: &mut Context<'_>) -> Reaction {
        match packet {
            Packet::Publish(publish) => return self.on_publish(publish, ctx),
            Packet::PingReq => encode::pingresp(ctx.out),
            Packet::PubAck(ack) => return self.on_puback(ack, ctx),
            Packet::PubRec(receipt) => return self.on_pubrec(receipt, ctx),
            Packet::PubComp(completion) => self.on_pubcomp(completion, ctx),
            Packet::PubRel(release) => self.on_release(release, ctx),
            Packet::Subscribe(_) => return Reaction::Subscribe,
            Packet::Unsubscribe(_) => return Reaction::Unsubscribe,
            Packet::Auth(auth) => return self.on_auth(auth),
            Packet::Disconnect(farewell) => {
                return Reaction::Close(self.on_farewell(farewell, ctx));
            }
        }
        Reaction::Done
    }

    /// Gives the box of unfinished things back when there are none.
    pub fn rest(&mut self, pool: &mut BusyPool) {
        if self.busy.as_ref().is_some_and(|busy| busy.is_idle()) {
            pool.give_back(self.busy.take());
        }
    }

    /// An AUTH without a method in CONNECT is out of turn \[MQTT-4.12.0-6\].
    fn on_auth(&self, auth: &Auth<'_>) -> Reaction {
        let may = matches!(
            auth.reason,
            Reason::ContinueAuthentication | Reason::Reauthenticate
        );
        match may && self.flags & HAS_METHOD != 0 {
            true => Reaction::Authenticate,
            false => Reaction::Close(Close::Violation(Reason::ProtocolError)),
        }
    }

    fn on_farewell(&mut self, farewell: &Disconnect<'_>, ctx: &mut Context<'_>) -> Close {
        if let Some(secs) = farewell.session_expiry_secs {
            // A session that began with expiry 0 cannot ask for more at the end (3.14.2.2.2); where
            // 0 is our own doing, the client is not to blame.
            let longest = ctx.terms.session_expiry_secs_max;
            let began_with = self.session_expiry_secs(&ctx.commons.profiles);
            if secs > 0 && began_with == 0 && longest > 0 {
                return Close::Violation(Reason::ProtocolError);
            }
            self.set_session_expiry(secs.min(longest), ctx);
        }
        // Nothing but a normal disconnection takes the will back [MQTT-3.14.4-3].
        match farewell.reason {
            Reason::Success => Close::ClientDisconnect,
            _ => Close::ClientDisconnectWithWill,
        }
    }

    /// When there are too many different profiles, what was agreed before stays.
    fn set_session_expiry(&mut self, session_expiry_secs: u32, ctx: &mut Context<'_>) {
        let profiles = &mut ctx.commons.profiles;
        let changed = Profile {
            session_expiry_secs,
            ..*profiles.at(self.profile)
        };
        if let Some(id) = profiles.intern(&changed) {
            profiles.release(self.profile);
            self.profile = id;
        }
    }
}
