//! Builds a shard's sessions and retained messages up again from what the store has.

use tributary_proto::message::Message;
use tributary_proto::session::{Change, Identifiers, Profile, Session, Will};
use tributary_proto::subscriptions::{Grant, Held};
use tributary_ring::Conn;

use super::client::{Client, Extra, Listed, Paused, Reading, after};
use super::clients::ClientRef;
use super::wheel::Wheel;
use super::world::{World, context};
use crate::store::{
    EntryState, Recovered, RecoveredEntry, RecoveredSession, SessionRecord, StoredWill, Whose,
};

impl World {
    /// Takes over what the store has; before any client is let in.
    pub(super) fn restore(&mut self, recovered: Recovered) {
        for session in recovered.sessions {
            self.restore_session(session);
        }
        for message in recovered.retained {
            self.retained.set(message);
        }
        for will in recovered.wills {
            self.owe_recovered_will(will.message);
        }
        self.count_retained();
        self.count_all();
        self.tell_interest();
    }

    fn restore_session(&mut self, session: RecoveredSession) {
        let profile = Profile {
            session_expiry_secs: session.record.expiry_secs,
            ..Profile::PLAIN
        };
        let version = session.record.version;
        let Ok(rules) = Session::stored(version, &profile, &mut self.commons.profiles) else {
            return;
        };
        let record = &session.record;
        let left_sec = record.disconnected_at_sec.unwrap_or(self.wall_sec());
        let heard_tick = match record.expiry_secs {
            SessionRecord::NEVER => u32::MAX,
            secs => self.tick_of(left_sec.saturating_add(secs)),
        };
        let will = session.will.map(|will| self.restore_will(*will, left_sec));
        let (will, will_tick) = will.unzip();
        let (user, is_unclaimed) = owner(session.record.whose);
        let at = self.clients.insert(Client {
            session: rules,
            id: session.client_id,
            io: None,
            extra: Some(Box::new(Extra {
                user,
                expires_sec: 0,
                is_unclaimed,
                will,
                will_tick: will_tick.unwrap_or(0),
                number: Some(session.number),
                method: None,
                origin: None,
            })),
            conn: Conn::NOWHERE,
            heard_tick,
            wheel_next: Wheel::OFF,
            wheel_previous: Wheel::OFF,
            ring: 0,
            reading: Reading::Nothing,
            paused: Paused::default(),
            heat: 0,
            heat_sec: 0,
            listed: Listed::default(),
            generation: 0,
            held: Held::default(),
        });
        let Ok(ClientRef { index, .. }) = at else {
            return;
        };
        let Some(client) = self.clients.at(index) else {
            return;
        };
        for (filter, stored) in &session.subscriptions {
            let grant = Grant {
                qos: stored.qos,
                no_local: stored.no_local,
                retain_as_published: stored.retain_as_published,
                identifier: stored.identifier,
            };
            let (id, held, changes) = (&client.id, &mut client.held, &mut self.changes);
            self.subscriptions
                .subscribe(index, id, held, filter, grant, changes);
        }
        let changes = unfinished(session.queue, session.taken);
        client.session.restore(changes, &mut context!(self, client));
        self.journal.drain().for_each(drop);
        let due_tick = client.due_tick();
        if let Some(tick) = due_tick {
            self.wheel.put(&mut self.clients, index, tick);
        }
    }

    /// A will as it was, and when it is due: its client's connection ended with the process if not
    /// before.
    fn restore_will(&self, stored: StoredWill, left_sec: u32) -> (Box<Will>, u32) {
        let due_sec = stored
            .due_sec
            .unwrap_or_else(|| left_sec.saturating_add(stored.delay_secs));
        let expires_at_sec = stored.message.expires_at_sec;
        let will = Will {
            expiry_secs: (expires_at_sec != Message::NEVER)
                .then(|| self.dawn.secs_until(expires_at_sec)),
            message: stored.message,
            delay_secs: stored.delay_secs,
        };
        (Box::new(will), self.tick_of(due_sec))
    }

    /// The tick of a second since 1970; the first one for what is past.
    fn tick_of(&self, sec: u32) -> u32 {
        after(0, self.dawn.secs_until(sec))
    }
}

/// A session's user, and whether it is not known whose it is.
fn owner(whose: Whose) -> (Option<Box<str>>, bool) {
    match whose {
        Whose::User(user) => (Some(user), false),
        Whose::Anonymous => (None, false),
        Whose::Unknown => (None, true),
    }
}

/// What a session had not finished, as the changes that lead there.
fn unfinished(queue: Box<[RecoveredEntry]>, taken: Box<[u16]>) -> impl Iterator<Item = Change> {
    let queued = queue.into_iter().flat_map(|one| {
        let (seq, qos) = (one.seq, one.entry.qos);
        let sent = |packet_id| Change::Sent {
            seq,
            packet_id,
            qos,
        };
        let queued = Change::Queued {
            seq,
            message: one.entry.message,
            qos,
            retain: one.entry.retain,
            identifiers: Identifiers::from(&*one.entry.identifiers),
        };
        let (sent, received) = match one.state {
            EntryState::Waiting => (None, None),
            EntryState::Sent { packet_id } => (Some(sent(packet_id)), None),
            EntryState::Received { packet_id } => {
                (Some(sent(packet_id)), Some(Change::Received { seq }))
            }
        };
        [Some(queued), sent, received].into_iter().flatten()
    });
    let taken = taken.into_iter();
    let taken = taken.map(|packet_id| Change::Taken { packet_id });
    queued.chain(taken)
}
