//! SUBSCRIBE and UNSUBSCRIBE: the index of this shard, what other shards must know, the answer.

use tributary_proto::encode;
use tributary_proto::packet::{RetainHandling, Subscribe, SubscribeOptions, Unsubscribe};
use tributary_proto::reason::Reason;
use tributary_proto::subscriptions::{Added, Grant};
use tributary_proto::topic;
use tributary_proto::version::Qos;

use super::clients::ClientRef;
use super::world::World;
use crate::store::{Op, StoredGrant};

impl World {
    /// Does what a SUBSCRIBE asks for, and writes its SUBACK to `scratch`.
    pub(super) fn subscribe(&mut self, index: u32, ask: &Subscribe<'_>) {
        let mut reasons = Vec::with_capacity(ask.count());
        let generation = self.clients.generation(index);
        let at = ClientRef { index, generation };
        for (filter, options) in ask.filters {
            let identifier = ask.subscription_identifier.unwrap_or(0);
            reasons.push(self.subscribe_to(at, filter, options, identifier));
        }
        self.tell_interest();
        self.await_hand_off(index);
        let Some(client) = self.clients.at(index) else {
            return;
        };
        // Whatever was written before the answer stands before it, and its retained messages
        // behind it: a search begins at the end of the turn [MQTT-3.8.4-1].
        encode::suback(
            &mut self.scratch,
            client.session.version(),
            ask.packet_id,
            reasons.into_iter(),
            None,
        );
    }

    fn subscribe_to(
        &mut self,
        at: ClientRef,
        filter: &str,
        options: SubscribeOptions,
        identifier: u32,
    ) -> Reason {
        let asked = options.qos.min(self.terms.maximum_qos);
        let Some(qos) = self.may_subscribe(at.index, filter, asked) else {
            return Reason::NotAuthorized;
        };
        let Some(client) = self.clients.at(at.index) else {
            return Reason::UnspecifiedError;
        };
        let grant = Grant {
            qos,
            no_local: options.no_local,
            retain_as_published: options.retain_as_published,
            identifier,
        };
        let added = self.subscriptions.subscribe(
            at.index,
            &client.id,
            &mut client.held,
            filter,
            grant,
            &mut self.changes,
        );
        if added == Added::Full {
            self.book().bounds_hit.add(crate::bound::SUBSCRIPTIONS, 1);
            return Reason::QuotaExceeded;
        }
        if let Some(session) = client.number() {
            self.keeper.write(Op::SubscriptionPut {
                session,
                filter: filter.into(),
                grant: stored(grant, options.retain_handling),
            });
            // What a SUBACK has granted survives: it goes out after the disk.
            self.keeper.touch(at.index);
        }
        let wants_retained = match options.retain_handling {
            RetainHandling::Send => true,
            RetainHandling::SendIfNew => added == Added::New,
            RetainHandling::Never => false,
        };
        // A shared subscription gets no retained messages (4.8.2).
        if wants_retained && topic::shared(filter).is_none() {
            self.begin_search(at, filter, grant);
        }
        granted(grant.qos)
    }

    /// Does what an UNSUBSCRIBE asks for, and writes its UNSUBACK to `scratch`.
    pub(super) fn unsubscribe(&mut self, index: u32, ask: &Unsubscribe<'_>) {
        let Some(client) = self.clients.at(index) else {
            return;
        };
        let mut reasons = Vec::with_capacity(ask.filters.len());
        for filter in ask.filters {
            let existed = self.subscriptions.unsubscribe(
                index,
                &client.id,
                &mut client.held,
                filter,
                &mut self.changes,
            );
            reasons.push(match existed {
                true => Reason::Success,
                false => Reason::NoSubscriptionExisted,
            });
            if let (true, Some(session)) = (existed, client.number()) {
                let filter = filter.into();
                self.keeper
                    .write(Op::SubscriptionDelete { session, filter });
                self.keeper.touch(index);
            }
        }
        let version = client.session.version();
        self.tell_interest();
        encode::unsuback(
            &mut self.scratch,
            version,
            ask.packet_id,
            reasons.into_iter(),
            None,
        );
    }

    /// Tells the other shards what this one wants, before anyone is answered.
    pub(super) fn tell_interest(&mut self) {
        for change in self.changes.drain(..) {
            self.interest.tell(self.index, change);
        }
        let count = self.subscriptions.count() as u64;
        let shared_count = self.subscriptions.shared_count() as u64;
        self.book().subscriptions.set(count);
        self.book().shared_subscriptions.set(shared_count);
    }
}

/// How the store has a grant.
pub(super) fn stored(grant: Grant, retain_handling: RetainHandling) -> StoredGrant {
    StoredGrant {
        qos: grant.qos,
        no_local: grant.no_local,
        retain_as_published: grant.retain_as_published,
        retain_handling: retain_handling as u8,
        identifier: grant.identifier,
    }
}

fn granted(qos: Qos) -> Reason {
    match qos {
        Qos::AtMostOnce => Reason::Success,
        Qos::AtLeastOnce => Reason::GrantedQos1,
        Qos::ExactlyOnce => Reason::GrantedQos2,
    }
}
