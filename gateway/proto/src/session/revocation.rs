//! Takes out of a session what its client may have no more.

use super::life::Orphan;
use super::losses::Loss;
use super::queue::Waiting;
use super::room::release;
use super::{Context, Session};
use crate::message::Message;
use crate::version::Qos;

impl Session {
    /// Drops the messages that wait and `is_revoked` speaks of; those of shared subscriptions come
    /// back for other clients, as in [`Session::on_gone`]. What is in flight stays: the client may
    /// have it, and its packet id is in use until it is acknowledged \[MQTT-4.4.0-1\].
    pub fn revoke(
        &mut self,
        mut is_revoked: impl FnMut(&Message, Qos) -> bool,
        ctx: &mut Context<'_>,
    ) -> Vec<Orphan> {
        let Some(busy) = self.busy.as_deref_mut() else {
            return Vec::new();
        };
        let mut revoked: Vec<Waiting> = Vec::new();
        for queue in [&mut busy.queue.kept, &mut busy.queue.loose] {
            // Almost always there is none, and nothing moves.
            let mut is_out = |one: &Waiting| is_revoked(&one.message, one.qos);
            let Some(first) = queue.iter().position(&mut is_out) else {
                continue;
            };
            let mut rest = queue.split_off(first);
            revoked.extend(rest.pop_front());
            for waiting in rest {
                match is_out(&waiting) {
                    true => revoked.push(waiting),
                    false => queue.push_back(waiting),
                }
            }
        }
        let mut orphans = Vec::new();
        for waiting in revoked {
            release(busy, waiting.bytes(), ctx);
            if waiting.qos != Qos::AtMostOnce {
                ctx.note_done(&waiting);
            }
            match waiting.group {
                0 => ctx.lose_one(&waiting, Loss::Refused),
                _ => orphans.push(Orphan::from(waiting)),
            }
        }
        self.rest(&mut ctx.commons.pool);
        orphans
    }
}
