//! How a session begins, outlives its connections, and ends.

use std::sync::Arc;

use super::busy::Backlog;
use super::flight::{Released, Sent};
use super::queue::Waiting;
use super::room::{hold, release};
use super::{
    Admission, CONNECTED, Change, Context, HAS_METHOD, Loss, Profile, Profiles, RESUMED, Session,
};
use crate::encode;
use crate::message::Message;
use crate::reason::Reason;
use crate::version::{Qos, Version};

/// A message of a shared subscription that this client will not get: another one of the group may
/// \[MQTT-4.8.2-4\].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Orphan {
    /// As in the delivery.
    pub group: u32,
    pub message: Arc<Message>,
}

impl Session {
    /// A session for a client that was just let in.
    ///
    /// # Errors
    /// The reason for a refusing CONNACK when the shard has no place for one more profile.
    pub fn new(admission: &Admission, profiles: &mut Profiles) -> Result<Self, Reason> {
        let mut session = Self::stored(admission.version, &admission.profile, profiles)?;
        session.connect(admission);
        Ok(session)
    }

    /// A session without a connection, as its store has it.
    ///
    /// # Errors
    /// As in [`Session::new`].
    pub fn stored(
        version: Version,
        profile: &Profile,
        profiles: &mut Profiles,
    ) -> Result<Self, Reason> {
        Ok(Self {
            busy: None,
            profile: profiles.intern(profile).ok_or(Reason::QuotaExceeded)?,
            keep_alive_secs: 0,
            last_id: 0,
            version,
            flags: 0,
        })
    }

    /// The client of a kept session is back: writes what must be sent again (PUBREL, then PUBLISH
    /// with DUP, each in their order \[MQTT-4.4.0-1\]) and then what waits, within its new Receive
    /// Maximum and the room. CONNACK has been written before.
    ///
    /// # Errors
    /// As in [`Session::new`]; nothing has changed then.
    pub fn resume(&mut self, admission: &Admission, ctx: &mut Context<'_>) -> Result<(), Reason> {
        let profiles = &mut ctx.commons.profiles;
        let profile = profiles.intern(&admission.profile);
        let profile = profile.ok_or(Reason::QuotaExceeded)?;
        profiles.release(self.profile);
        self.profile = profile;
        self.connect(admission);
        self.flags |= RESUMED;
        if let Some(busy) = &mut self.busy {
            busy.backlog = Backlog {
                messages: busy.queue.len(),
                bytes: busy.held_bytes,
            };
            for released in &busy.flight.released {
                let (id, reason) = (released.packet_id, Reason::Success);
                encode::pubrel(ctx.out, self.version, id, reason, None);
            }
        }
        self.pump(ctx);
        Ok(())
    }

    fn connect(&mut self, admission: &Admission) {
        self.version = admission.version;
        self.keep_alive_secs = admission.keep_alive_secs;
        self.flags = match admission.has_method {
            true => CONNECTED | HAS_METHOD,
            false => CONNECTED,
        };
    }

    /// The connection is gone. The session is kept for the next one, or ends; it ends also when a
    /// kept one's time is over. What comes back is for other clients.
    pub fn on_gone(&mut self, keep: bool, ctx: &mut Context<'_>) -> Vec<Orphan> {
        self.flags = 0;
        let orphans = match keep {
            true => self.keep(ctx),
            false => self.end(ctx),
        };
        self.rest(&mut ctx.commons.pool);
        orphans
    }

    /// Aliases and QoS 0 end with the connection; messages of shared subscriptions that the client
    /// has not seen do not wait for it.
    fn keep(&mut self, ctx: &mut Context<'_>) -> Vec<Orphan> {
        let Some(busy) = self.busy.as_deref_mut() else {
            return Vec::new();
        };
        busy.backlog = Backlog::default();
        busy.window.on_gone();
        busy.unreleased.on_gone();
        busy.flight.on_gone();
        busy.aliases.clear(0);
        busy.spoken.clear();
        let unsent = std::mem::take(&mut busy.queue.loose);
        for waiting in &unsent {
            ctx.give_back(waiting, Loss::Slow);
        }
        let (shared, kept) = std::mem::take(&mut busy.queue.kept)
            .into_iter()
            .partition::<Vec<_>, _>(|waiting| waiting.group != 0);
        busy.queue.kept = kept.into();
        for waiting in unsent.iter().chain(&shared) {
            release(busy, waiting.bytes(), ctx);
        }
        for waiting in &shared {
            ctx.journal.note(|| Change::Done { seq: waiting.seq });
        }
        shared.into_iter().map(Orphan::from).collect()
    }

    /// Gives back all that the session had of the commons.
    fn end(&mut self, ctx: &mut Context<'_>) -> Vec<Orphan> {
        ctx.commons.profiles.release(self.profile);
        let Some(busy) = self.busy.as_deref_mut() else {
            return Vec::new();
        };
        ctx.commons.queued_bytes -= busy.held_bytes;
        let counts = &mut ctx.commons.counts;
        counts.held -= busy.queue.len() + busy.flight.sent.len();
        counts.sent -= busy.flight.sent.len();
        counts.released -= busy.flight.released.len();
        // QoS 2 that was sent must not go to another one [MQTT-4.8.2-5].
        let sent = busy.flight.sent.drain(..).map(|sent| sent.waiting);
        let is_open =
            |waiting: &Waiting| waiting.qos == Qos::AtLeastOnce || waiting.receipt.is_some();
        let unacknowledged = sent.filter(is_open);
        let unsent = busy.queue.kept.drain(..);
        let (shared, lost): (Vec<_>, Vec<_>) = unacknowledged
            .chain(unsent)
            .partition(|waiting| waiting.group != 0);
        for waiting in lost.iter().chain(&busy.queue.loose) {
            ctx.give_back(waiting, Loss::Ended);
        }
        ctx.commons.pool.give_back(self.busy.take());
        shared.into_iter().map(Orphan::from).collect()
    }

    /// Takes in what the store has of an offline session, in the order in which it came about.
    pub fn restore(&mut self, changes: impl Iterator<Item = Change>, ctx: &mut Context<'_>) {
        for change in changes {
            self.apply(change, ctx);
        }
        self.rest(&mut ctx.commons.pool);
    }

    fn apply(&mut self, change: Change, ctx: &mut Context<'_>) {
        let busy = self.busy.get_or_insert_with(|| ctx.commons.pool.lend());
        match change {
            Change::Queued {
                seq,
                message,
                qos,
                retain,
                identifiers,
            } => {
                let waiting = Waiting {
                    message,
                    identifiers,
                    seq,
                    group: 0,
                    receipt: None,
                    qos,
                    retain,
                };
                hold(busy, waiting.bytes(), ctx);
                busy.queue.kept.push_back(waiting);
                busy.next_seq = busy.next_seq.max(seq + 1);
            }
            Change::Sent { seq, packet_id, .. } => {
                let place = busy.queue.kept.iter().position(|one| one.seq == seq);
                if let Some(waiting) = place.and_then(|place| busy.queue.kept.remove(place)) {
                    busy.flight.sent.push_back(Sent { waiting, packet_id });
                    ctx.commons.counts.sent += 1;
                    self.last_id = packet_id;
                }
            }
            Change::Received { seq } => {
                let mut sent = busy.flight.sent.iter();
                let place = sent.position(|one| one.waiting.seq == seq);
                if let Some(Sent { waiting, packet_id }) =
                    place.and_then(|place| busy.flight.take(place))
                {
                    release(busy, waiting.bytes(), ctx);
                    busy.flight.released.push_back(Released { seq, packet_id });
                    ctx.commons.counts.sent -= 1;
                    ctx.commons.counts.released += 1;
                }
            }
            Change::Done { seq } => {
                let (sent, kept) = (&mut busy.flight.sent, &mut busy.queue.kept);
                let in_flight = sent.iter().position(|one| one.waiting.seq == seq);
                let queued = kept.iter().position(|one| one.seq == seq);
                let gone = match (in_flight, queued) {
                    (Some(place), _) => sent.remove(place).map(|sent| sent.waiting),
                    (_, Some(place)) => kept.remove(place),
                    _ => None,
                };
                if let Some(waiting) = gone {
                    release(busy, waiting.bytes(), ctx);
                }
                ctx.commons.counts.sent -= usize::from(in_flight.is_some());
                let before = busy.flight.released.len();
                busy.flight.released.retain(|one| one.seq != seq);
                ctx.commons.counts.released -= before - busy.flight.released.len();
            }
            Change::Taken { packet_id } if !busy.unreleased.holds(packet_id) => {
                busy.unreleased.add(packet_id);
            }
            Change::Taken { .. } => {}
            Change::Released { packet_id } => {
                busy.unreleased.remove(packet_id);
            }
        }
        busy.unreleased.on_gone();
    }
}

impl From<Waiting> for Orphan {
    fn from(waiting: Waiting) -> Self {
        Self {
            group: waiting.group,
            message: waiting.message,
        }
    }
}
