//! Permission: asks the rules what a client may, where there are rules.
//!
//! ```text
//!  CONNECT --judge_entry--> hold --settle_entry--> client    its will, its session's subscriptions
//!  PUBLISH --may_publish    SUBSCRIBE --grant    a message on its way --may_receive
//!  Note::Rules --set_rules--> renew_some, so many clients per turn: profile, will, subscriptions
//! ```
//!
//! A session keeps its client's profile while nobody is connected, since messages go on coming in.
//! One that the store has brought back has none until its client is here again: till then it takes
//! in what it is subscribed to. What of that its client may not have is dropped when it comes
//! (`revocation.rs`).

use std::net::IpAddr;
use std::sync::Arc;

use tributary_access::decision::Ask;
use tributary_access::own::OwnRules;
use tributary_access::profiles::{NoProfile, ProfileIndex, Profiles};
use tributary_access::rule::Action;
use tributary_access::subject::{Identity, Subject};
use tributary_proto::close::Close;
use tributary_proto::message::Message;
use tributary_proto::packet::Connect;
use tributary_proto::reason::Reason;
use tributary_proto::version::Qos;

use super::admit::Entrance;
use super::client::Client;
use super::sparse::Sparse;
use super::spread::SYS_PREFIX;
use super::world::World;
use crate::config::OnDenied;
use crate::limits::{PROFILES_PER_SHARD_MAX, RENEWALS_PER_TURN};
use crate::mailbox::Rules;

const _: () = assert!(size_of::<Option<IpAddr>>() == crate::limits::CLIENT_ADDRESS_BYTES);

/// What a shard knows of who may do what.
pub(super) struct Permission {
    profiles: Profiles,
    holds: Sparse<ProfileIndex>,
    /// Where clients come from whose sockets were asked for rules with networks.
    addresses: Sparse<IpAddr>,
    on_denied: OnDenied,
    judges_addresses: bool,
    /// Where clients are that may still have profiles of earlier rules.
    renew_from: Option<u32>,
}

/// What a client is let in with: its hold on a profile, where there are rules.
pub(super) type Pass = Option<ProfileIndex>;

impl Permission {
    /// By these rules; nobody outside should know `key`.
    pub(super) fn new(rules: Rules, key: u64) -> Self {
        Self {
            judges_addresses: rules.book.judges_addresses(),
            profiles: Profiles::new(rules.book, PROFILES_PER_SHARD_MAX, key),
            holds: Sparse::default(),
            addresses: Sparse::default(),
            on_denied: rules.on_denied,
            renew_from: None,
        }
    }

    /// What becomes of a publish whose publisher cannot be told.
    pub(super) fn on_denied(&self) -> OnDenied {
        self.on_denied
    }

    /// Whether rules ask where clients come from.
    pub(super) fn judges_addresses(&self) -> bool {
        self.judges_addresses
    }

    /// Where a client comes from whose socket was asked.
    pub(super) fn address(&self, client: u32) -> Option<IpAddr> {
        self.addresses.of(client).copied()
    }

    /// A client comes from there, as its socket has said.
    fn note_address(&mut self, client: u32, address: Option<IpAddr>) {
        match address {
            Some(address) => self.addresses.put(client, address),
            None => self.addresses.take(client),
        };
    }

    /// Whether this client may be handed a message.
    pub(super) fn may_receive(&self, index: u32, client: &Client, topic: &str, qos: Qos) -> bool {
        let is_here = client.session.is_connected();
        self.receives(index, subject_of(client), is_here, topic, qos)
    }

    /// The same, told who it is and whether it is connected.
    pub(super) fn receives(
        &self,
        index: u32,
        subject: Subject<'_>,
        is_here: bool,
        topic: &str,
        qos: Qos,
    ) -> bool {
        match self.holds.of(index) {
            None => !is_here,
            Some(hold) if !self.profiles.judges_receiving(hold) => true,
            Some(hold) => {
                let ask = ask(Action::Receive, topic, qos);
                self.profiles.decide(hold, subject, &ask).allowed
            }
        }
    }

    /// Whether what is on its way to this client has to be judged.
    pub(super) fn judges_receiving(&self, index: u32) -> bool {
        let hold = self.holds.of(index);
        hold.is_none_or(|hold| self.profiles.judges_receiving(hold))
    }

    /// The highest QoS up to `qos` at which a client may subscribe.
    fn grant(&self, index: u32, client: &Client, filter: &str, qos: Qos) -> Option<Qos> {
        let hold = self.holds.of(index)?;
        let granted = self.profiles.grant(hold, subject_of(client), filter, qos);
        granted.ok()
    }

    fn is_stale(&self, client: u32) -> bool {
        let hold = self.holds.of(client);
        self.renew_from.is_some() && hold.is_some_and(|hold| !self.profiles.is_current(hold))
    }

    /// The client's place may have a newcomer from now on.
    pub(super) fn forget(&mut self, client: u32) {
        self.addresses.take(client);
        if let Some(hold) = self.holds.take(client) {
            self.profiles.release(hold);
        }
    }

    fn admit(
        &mut self,
        identity: &Identity<'_>,
        own: Option<&Arc<OwnRules>>,
    ) -> Result<ProfileIndex, NoProfile> {
        self.profiles.admit(identity, own)
    }
}

impl World {
    /// Whether a client of this identity, with these rules of its own, may come in with its will;
    /// what it comes in with then.
    pub(super) fn judge_entry(
        &mut self,
        connect: &Connect<'_>,
        identity: &Identity<'_>,
        own: Option<&Arc<OwnRules>>,
    ) -> Result<Pass, Reason> {
        let will = connect.will.as_ref();
        // The server's own topics are nobody's, whatever rules there are.
        if will.is_some_and(|will| will.topic.starts_with(SYS_PREFIX)) {
            return Err(Reason::NotAuthorized);
        }
        let Some(permission) = self.permission.as_mut() else {
            return Ok(None);
        };
        let hold = match permission.admit(identity, own) {
            Ok(hold) => hold,
            Err(why) => return Err(self.no_profile(why)),
        };
        let decision = will.map(|will| {
            let ask = Ask {
                retain: will.retain,
                ..ask(Action::Publish, will.topic, will.qos)
            };
            permission.profiles.decide(&hold, identity.subject, &ask)
        });
        match decision.filter(|decision| !decision.allowed) {
            None => Ok(Some(hold)),
            Some(decision) => {
                permission.profiles.release(hold);
                self.count_denied(decision.action);
                Err(Reason::NotAuthorized) // [MQTT-3.1.4-2]
            }
        }
    }

    /// Gives a client that came in what it came in with, unless it came back and has it already;
    /// takes it back from one that did not come in.
    pub(super) fn settle_entry(
        &mut self,
        entrance: &Entrance,
        pass: Pass,
        identity: &Identity<'_>,
        own: Option<&Arc<OwnRules>>,
    ) {
        if let Entrance::In { index, .. } = entrance {
            self.keep_address(*index, identity.address, own);
        }
        let (Some(permission), Some(mut hold)) = (self.permission.as_mut(), pass) else {
            return;
        };
        let Entrance::In { index, .. } = entrance else {
            return permission.profiles.release(hold);
        };
        if identity.subject.client.is_empty()
            && let Some(client) = self.clients.look(*index)
        {
            // It was judged without the id that it has been given since.
            let subject = subject_of(client);
            let named = Identity {
                subject,
                ..*identity
            };
            permission.profiles.release(hold);
            hold = match permission.admit(&named, own) {
                Ok(hold) => hold,
                Err(why) => return self.disown(*index, why),
            };
        }
        self.seat(*index, Some(hold));
    }

    /// Where a client comes from is kept for other rules, unless none asks or it is known anyway.
    fn keep_address(&mut self, index: u32, from: Option<IpAddr>, own: Option<&Arc<OwnRules>>) {
        let told = self.clients.look(index).and_then(Client::address);
        if let Some(permission) = self.permission.as_mut() {
            let asked = permission.judges_addresses || own.is_some_and(|own| own.judge_addresses());
            permission.note_address(index, from.filter(|_| asked && told.is_none()));
        }
    }

    /// Gives a client what it came in with, and judges anew what its session has subscribed to and
    /// what waits in it.
    pub(super) fn seat(&mut self, index: u32, pass: Pass) {
        let (Some(permission), Some(hold)) = (self.permission.as_mut(), pass) else {
            return;
        };
        if let Some(earlier) = permission.holds.put(index, hold) {
            permission.profiles.release(earlier);
        }
        self.judge_session(index);
    }

    /// Whether a client may publish this; counts it when not.
    pub(super) fn may_publish(&mut self, index: u32, topic: &str, qos: Qos, retain: bool) -> bool {
        if self.permission.is_none() {
            return true;
        }
        self.renew_if_stale(index);
        let (Some(permission), Some(client)) = (self.permission.as_ref(), self.clients.look(index))
        else {
            return true;
        };
        let ask = Ask {
            retain,
            ..ask(Action::Publish, topic, qos)
        };
        let Some(hold) = permission.holds.of(index) else {
            self.count_denied(Action::Publish);
            return false;
        };
        let decision = permission.profiles.decide(hold, subject_of(client), &ask);
        if !decision.allowed {
            self.count_denied(decision.action);
            tracing::debug!(client = &*client.id, topic, why = %decision, "denied");
        }
        decision.allowed
    }

    /// The highest QoS up to `qos` at which a client may subscribe to a filter; counts it when
    /// there is none.
    pub(super) fn may_subscribe(&mut self, index: u32, filter: &str, qos: Qos) -> Option<Qos> {
        if self.permission.is_none() {
            return Some(qos);
        }
        self.renew_if_stale(index);
        let granted = self.still_granted(index, filter, qos);
        if granted.is_none() {
            self.count_denied(Action::Subscribe);
            let client = self.clients.look(index).map_or("", |one| &*one.id);
            tracing::debug!(client, filter, "denied to subscribe");
        }
        granted
    }

    /// The same without a count, for what was granted before.
    pub(super) fn still_granted(&self, index: u32, filter: &str, qos: Qos) -> Option<Qos> {
        let Some(permission) = self.permission.as_ref() else {
            return Some(qos);
        };
        let client = self.clients.look(index)?;
        permission.grant(index, client, filter, qos)
    }

    /// Whether a client may be handed a message; counts it when not.
    pub(super) fn may_receive(&self, index: u32, message: &Message, qos: Qos) -> bool {
        let (Some(permission), Some(client)) = (self.permission.as_ref(), self.clients.look(index))
        else {
            return true;
        };
        let may = permission.may_receive(index, client, &message.topic, qos.min(message.qos));
        if !may {
            self.count_denied(Action::Receive);
        }
        may
    }

    /// Other rules are in force; profiles follow, so many clients per turn.
    pub(super) fn on_rules(&mut self, rules: Rules) {
        if let Some(permission) = self.permission.as_mut() {
            let begins = rules.book.judges_addresses() && !permission.judges_addresses;
            if begins && self.index == 0 {
                tracing::warn!(
                    "rules ask for addresses that none asked for before; a client that is here and \
                     whose balancer does not tell its address has none until it comes again: rules \
                     with an address that deny are about it, and those that allow are not"
                );
            }
            permission.judges_addresses = rules.book.judges_addresses();
            permission.profiles.set_rules(rules.book);
            permission.on_denied = rules.on_denied;
            permission.renew_from = Some(0);
            self.is_restless = true;
        }
    }

    /// Gives the next clients their profiles under the present rules.
    pub(super) fn renew_some(&mut self) {
        let Some(from) = self.permission.as_ref().and_then(|one| one.renew_from) else {
            return;
        };
        let (some, next) = self.clients.some_from(from, RENEWALS_PER_TURN);
        some.into_iter()
            .for_each(|index| self.renew_if_stale(index));
        if let Some(permission) = self.permission.as_mut() {
            permission.renew_from = next;
        }
        match next {
            Some(_) => self.is_restless = true,
            None => tracing::info!(shard = self.index, "the new rules apply to every client"),
        }
    }

    fn renew_if_stale(&mut self, index: u32) {
        let address = self.address_of_client(index);
        let Some(permission) = self.permission.as_mut() else {
            return;
        };
        if !permission.is_stale(index) {
            return;
        }
        let (Some(mut hold), Some(client)) =
            (permission.holds.take(index), self.clients.look(index))
        else {
            return;
        };
        if let Err(why) = permission
            .profiles
            .renew(&mut hold, subject_of(client), address)
        {
            permission.profiles.release(hold);
            return self.disown(index, why);
        }
        permission.holds.put(index, hold);
        self.judge_will(index);
        self.judge_session(index);
    }

    /// There is no room for the profile that a client would have now: it may do nothing more.
    fn disown(&mut self, index: u32, why: NoProfile) {
        let reason = self.no_profile(why);
        self.forget_will(index);
        self.judge_session(index);
        self.end(index, Close::Violation(reason));
    }

    fn judge_will(&mut self, index: u32) {
        let client = self.clients.look(index);
        let extra = client.and_then(|client| client.extra.as_ref());
        let Some(will) = extra.and_then(|extra| extra.will.as_ref()) else {
            return;
        };
        let message = Arc::clone(&will.message);
        if !self.may_publish(index, &message.topic, message.qos, message.retain) {
            self.forget_will(index);
        }
    }

    fn no_profile(&self, why: NoProfile) -> Reason {
        if why == NoProfile::Full {
            self.book().bounds_hit.add(crate::bound::PROFILES, 1);
        }
        Reason::QuotaExceeded
    }

    fn count_denied(&self, action: Action) {
        self.book().access_denied.add(action as usize, 1);
    }
}

fn ask(action: Action, topic: &str, qos: Qos) -> Ask<'_> {
    Ask {
        action,
        topic,
        qos,
        retain: false,
    }
}

/// Who a client is to the rules.
fn subject_of(client: &Client) -> Subject<'_> {
    Subject {
        client: &client.id,
        user: client.user_name(),
    }
}
