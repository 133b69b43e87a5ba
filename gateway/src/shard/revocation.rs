//! Revocation: takes from a session what the rules no longer allow its client.
//!
//! ```text
//!  its client came back, or other rules are in force
//!    --judge_session--> subscriptions: taken away, or a lower QoS
//!                       what waits:    dropped, unless it may be received and is subscribed to
//!                       in flight:     stays, since the client may have it already
//! ```

use tributary_access::rule::Action;
use tributary_access::subject::Subject;
use tributary_proto::message::Message;
use tributary_proto::packet::RetainHandling;
use tributary_proto::subscriptions::Grant;
use tributary_proto::topic;
use tributary_proto::version::Qos;

use super::subscribe::stored;
use super::world::{World, context};
use crate::store::Op;

impl World {
    /// Judges anew what a session has subscribed to, and what waits in it.
    pub(super) fn judge_session(&mut self, index: u32) {
        let revoked = self.judge_subscriptions(index);
        self.judge_queue(index, &revoked);
    }

    /// Takes away what a client is subscribed to and may no longer be, or lowers its QoS; says
    /// which filters are gone.
    fn judge_subscriptions(&mut self, index: u32) -> Vec<String> {
        let mut revoked = Vec::new();
        let list = self.filters_of(index);
        let Some(client) = self.clients.look(index).filter(|_| !list.is_empty()) else {
            return revoked;
        };
        let (id, number) = (client.id.clone(), client.number());
        for (filter, mut grant) in list {
            let granted = self.still_granted(index, &filter, grant.qos);
            let Some(client) = self.clients.at(index) else {
                break;
            };
            let (held, changes) = (&mut client.held, &mut self.changes);
            let op = match granted {
                Some(qos) if qos == grant.qos => continue,
                Some(qos) => {
                    grant.qos = qos;
                    self.subscriptions
                        .subscribe(index, &id, held, &filter, grant, changes);
                    let grant = stored(grant, RetainHandling::Send);
                    number.map(|session| Op::SubscriptionPut {
                        session,
                        filter: filter.as_str().into(),
                        grant,
                    })
                }
                None => {
                    self.subscriptions
                        .unsubscribe(index, &id, held, &filter, changes);
                    self.on_revoked(&id, &filter);
                    let op = number.map(|session| Op::SubscriptionDelete {
                        session,
                        filter: filter.as_str().into(),
                    });
                    revoked.push(filter);
                    op
                }
            };
            op.into_iter().for_each(|op| self.keeper.write(op));
        }
        self.tell_interest();
        revoked
    }

    /// Drops what waits for a client that may not receive it, or that no subscription of it asks
    /// for since these were revoked.
    fn judge_queue(&mut self, index: u32, revoked: &[String]) {
        let kept = match revoked {
            [] => Vec::new(),
            _ => self.filters_of(index),
        };
        let (Some(permission), Some(client)) = (self.permission.as_ref(), self.clients.at(index))
        else {
            return;
        };
        let judges = permission.judges_receiving(index);
        if client.session.undelivered_count() == 0 || (revoked.is_empty() && !judges) {
            return;
        }
        let (id, user) = (client.id.clone(), client.user_name().map(str::to_owned));
        let subject = Subject {
            client: &id,
            user: user.as_deref(),
        };
        let is_here = client.session.is_connected();
        let mut denied_count = 0;
        let is_revoked = |message: &Message, qos: Qos| {
            let may = permission.receives(index, subject, is_here, &message.topic, qos);
            denied_count += u64::from(!may);
            let was_asked_for = revoked.iter().any(|filter| asks_for(filter, message));
            let is_asked_for = || kept.iter().any(|(filter, _)| asks_for(filter, message));
            !may || (was_asked_for && !is_asked_for())
        };
        let orphans = client
            .session
            .revoke(is_revoked, &mut context!(self, client));
        let denied = &self.book().access_denied;
        denied.add(Action::Receive as usize, denied_count);
        self.account(index);
        self.pass_on(orphans);
    }

    fn filters_of(&self, index: u32) -> Vec<(String, Grant)> {
        let Some(client) = self.clients.look(index) else {
            return Vec::new();
        };
        let held = &client.held;
        match held.is_empty() {
            true => Vec::new(),
            false => self.subscriptions.list(index, &client.id, held).collect(),
        }
    }

    fn on_revoked(&mut self, client: &str, filter: &str) {
        self.book().access_revoked.add(1);
        if self.lines.budget.allows(self.now_sec()) {
            tracing::info!(
                client,
                filter,
                "a subscription is taken away: the rules no longer allow it"
            );
        }
    }
}

/// Whether a filter, shared or not, asks for a message.
fn asks_for(filter: &str, message: &Message) -> bool {
    let plain = topic::shared(filter).map_or(filter, |(_, plain)| plain);
    topic::matches(plain, &message.topic)
}
