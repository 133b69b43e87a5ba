//! Gives every client the rules that concern it, one copy for all clients of one kind.
//!
//! Two clients are of one kind when they have the same groups and claims, brought the same rules of
//! their own, and the same rules of both lists concern them. A client carries the profile's index;
//! its id and user come in with each question. What is left for a decision are placeholders and
//! topics: users, ids, groups, claims and addresses were looked at when the client came.
//!
//! ```text
//!   CONNECT --admit--> index --decide--> Decision      set_rules: profiles of the old list go on
//!                        |  ^                          deciding by it until `renew` replaces them
//!                        +--+ renew      --release-->
//! ```

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use hashbrown::HashTable;
use tributary_proto::version::Qos;

use crate::decision::{Ask, Decision};
use crate::keyhash::KeyHash;
use crate::limits::{KIND_BYTES_MAX, PROFILES_MAX};
use crate::lists::{List, Lists};
use crate::own::OwnRules;
use crate::rule::Action;
use crate::rulebook::Rulebook;
use crate::subject::{Identity, Subject};

/// One client's hold on a profile of the table that gave it. 4 bytes.
///
/// It cannot be copied: a hold given back twice would leave somebody with the rules of others.
#[derive(PartialEq, Eq, Debug)]
#[must_use = "a client that goes gives it back to `Profiles::release`"]
pub struct ProfileIndex(NonZeroU32);

// A table of holds, some of them none, costs no more than the holds.
const _: () = assert!(size_of::<Option<ProfileIndex>>() == 4);

/// The profiles of one shard's clients.
#[derive(Debug)]
pub struct Profiles {
    rules: Arc<Rulebook>,
    /// How often the rules were replaced.
    edition: u32,
    slots: Vec<Option<Box<Profile>>>,
    free: Vec<u32>,
    /// The profiles of the present edition, by kind.
    by_kind: HashTable<u32>,
    hash: KeyHash,
    profiles_max: usize,
    /// The rules that concern the client just looked at; kept to spare the allocation.
    concerns: Vec<u16>,
    /// The same for the rules that the client brought.
    own_concerns: Vec<u16>,
}

/// What all clients of one kind share.
#[derive(Debug)]
struct Profile {
    rules: Arc<Rulebook>,
    edition: u32,
    clients_count: u32,
    hash: u64,
    concerns: Box<[u16]>,
    /// What the placeholders for claims stand for.
    claim_values: Box<[Option<Box<str>>]>,
    groups: Box<[Box<str>]>,
    claims: Box<[(Box<str>, Box<str>)]>,
    /// Boxed, since most bring none.
    own: Option<Box<Own>>,
}

/// What the rules that a client brought are for all who brought the same.
#[derive(Debug)]
struct Own {
    rules: Arc<OwnRules>,
    concerns: Box<[u16]>,
    claim_values: Box<[Option<Box<str>>]>,
}

/// Why a client gets no profile. It must be turned away: without one it has no rules.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoProfile {
    /// Too many different kinds are connected.
    Full,
    /// Its groups, claims and own rules are longer than [`KIND_BYTES_MAX`].
    TooLarge,
}

impl Profiles {
    /// An empty table for at most `profiles_max` kinds. Nobody outside should know `key`: clients
    /// choose a part of what is hashed under it.
    pub fn new(rules: Arc<Rulebook>, profiles_max: usize, key: u64) -> Profiles {
        Profiles {
            rules,
            edition: 0,
            slots: Vec::new(),
            free: Vec::new(),
            by_kind: HashTable::new(),
            hash: KeyHash::new(key),
            profiles_max: profiles_max.min(PROFILES_MAX),
            concerns: Vec::new(),
            own_concerns: Vec::new(),
        }
    }

    /// How many kinds are connected.
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Whether nobody is connected.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The profile for a client that has proven who it is, and the rules that it brought.
    ///
    /// Claims that differ from client to client make a profile each: give those only that rules
    /// read or may read after a reload.
    pub fn admit(
        &mut self,
        identity: &Identity<'_>,
        own: Option<&Arc<OwnRules>>,
    ) -> Result<ProfileIndex, NoProfile> {
        let groups = identity.groups.iter().map(|group| group.len());
        let claims = identity
            .claims
            .iter()
            .map(|(name, value)| name.len() + value.len());
        let own_bytes = own.map_or(0, |own| own.text().len());
        if groups.chain(claims).sum::<usize>() + own_bytes > KIND_BYTES_MAX {
            return Err(NoProfile::TooLarge);
        }
        let mut concerns = std::mem::take(&mut self.concerns);
        let mut own_concerns = std::mem::take(&mut self.own_concerns);
        self.rules.concerning(identity, &mut concerns);
        match own {
            Some(own) => own.book().concerning(identity, &mut own_concerns),
            None => own_concerns.clear(),
        }
        let own = own.map(|own| (own, &own_concerns[..]));
        let found = self.share(identity, &concerns, own);
        (self.concerns, self.own_concerns) = (concerns, own_concerns);
        found
    }

    fn share(
        &mut self,
        identity: &Identity<'_>,
        concerns: &[u16],
        own: Option<(&Arc<OwnRules>, &[u16])>,
    ) -> Result<ProfileIndex, NoProfile> {
        let own_kind = own.map(|(rules, concerns)| (rules.text(), concerns));
        let kind = (concerns, identity.groups, identity.claims, own_kind);
        let hash = self.hash.of(&kind);
        let is_it = |index: &u32| {
            let profile = self.slots[*index as usize].as_ref();
            profile.is_some_and(|profile| profile.is_of(identity, concerns, own))
        };
        if let Some(index) = self.by_kind.find(hash, is_it).copied() {
            self.profile_mut(index).clients_count += 1;
            return Ok(ProfileIndex::at(index));
        }
        if self.len() >= self.profiles_max {
            return Err(NoProfile::Full);
        }
        let owned = |text: &&str| Box::from(*text);
        let profile = Box::new(Profile {
            rules: Arc::clone(&self.rules),
            edition: self.edition,
            clients_count: 1,
            hash,
            concerns: concerns.into(),
            claim_values: self.rules.claim_values(identity),
            groups: identity.groups.iter().map(owned).collect(),
            claims: identity
                .claims
                .iter()
                .map(|(n, v)| (owned(n), owned(v)))
                .collect(),
            own: own.map(|(rules, concerns)| {
                Box::new(Own {
                    rules: Arc::clone(rules),
                    concerns: concerns.into(),
                    claim_values: rules.book().claim_values(identity),
                })
            }),
        });
        let index = self.free.pop().unwrap_or(self.slots.len() as u32);
        match self.slots.get_mut(index as usize) {
            Some(slot) => *slot = Some(profile),
            None => self.slots.push(Some(profile)),
        }
        let hash_of = |index: &u32| {
            let profile = self.slots[*index as usize].as_ref();
            profile
                .expect("what stands in `by_kind` is in its slot")
                .hash
        };
        self.by_kind.insert_unique(hash, index, hash_of);
        Ok(ProfileIndex::at(index))
    }

    /// Takes back the profile of a client that has gone.
    pub fn release(&mut self, index: ProfileIndex) {
        let (index, edition) = (index.slot(), self.edition);
        let profile = self.profile_mut(index);
        profile.clients_count -= 1;
        if profile.clients_count > 0 {
            return;
        }
        let (hash, is_current) = (profile.hash, profile.edition == edition);
        if is_current && let Ok(entry) = self.by_kind.find_entry(hash, |other| *other == index) {
            entry.remove();
        }
        self.slots[index as usize] = None;
        self.free.push(index);
    }

    /// Decides by other rules from now on. Clients that are here keep theirs until
    /// [`Profiles::renew`].
    pub fn set_rules(&mut self, rules: Arc<Rulebook>) {
        self.rules = rules;
        self.edition += 1;
        self.by_kind.clear();
    }

    /// Whether a profile is of the present rules.
    #[inline]
    pub fn is_current(&self, index: &ProfileIndex) -> bool {
        self.profile(index).edition == self.edition
    }

    /// Exchanges a client's profile for the one that its groups, its claims and its own rules give
    /// it under the present rules. On an error it keeps the old one.
    pub fn renew(
        &mut self,
        index: &mut ProfileIndex,
        subject: Subject<'_>,
        address: Option<IpAddr>,
    ) -> Result<(), NoProfile> {
        if self.is_current(index) {
            return Ok(());
        }
        let old = self.profile(index);
        let (groups, claims) = (old.groups.clone(), old.claims.clone());
        let own = old.own.as_ref().map(|own| Arc::clone(&own.rules));
        let groups: Vec<&str> = groups.iter().map(|group| &**group).collect();
        let claims: Vec<(&str, &str)> = claims.iter().map(|(n, v)| (&**n, &**v)).collect();
        let identity = Identity {
            subject,
            groups: &groups,
            claims: &claims,
            address,
        };
        let renewed = self.admit(&identity, own.as_ref())?;
        self.release(std::mem::replace(index, renewed));
        Ok(())
    }

    /// Says whether a client may. It allocates nothing.
    #[inline]
    pub fn decide(&self, index: &ProfileIndex, subject: Subject<'_>, ask: &Ask<'_>) -> Decision {
        self.profile(index).lists().decide(subject, ask)
    }

    /// The highest QoS up to `qos` at which a client may subscribe, for the SUBACK [section 3.8.4];
    /// else the decision against it.
    pub fn grant(
        &self,
        index: &ProfileIndex,
        subject: Subject<'_>,
        filter: &str,
        qos: Qos,
    ) -> Result<Qos, Decision> {
        let mut ask = Ask {
            action: Action::Subscribe,
            topic: filter,
            qos,
            retain: false,
        };
        let first = self.decide(index, subject, &ask);
        if first.allowed {
            return Ok(qos);
        }
        for lower in [Qos::AtLeastOnce, Qos::AtMostOnce] {
            ask.qos = lower;
            if lower < qos && self.decide(index, subject, &ask).allowed {
                return Ok(lower);
            }
        }
        Err(first)
    }

    /// Whether messages on their way to a client have to be judged: whether a rule of its own or of
    /// the common list speaks of it.
    #[inline]
    pub fn judges_receiving(&self, index: &ProfileIndex) -> bool {
        self.profile(index).lists().judge_receiving()
    }

    /// Whether the present rules ask where clients come from.
    pub fn judges_addresses(&self) -> bool {
        self.rules.judges_addresses()
    }

    fn profile(&self, index: &ProfileIndex) -> &Profile {
        let profile = self.slots[index.slot() as usize].as_deref();
        profile.expect("a profile lives as long as somebody has its index")
    }

    fn profile_mut(&mut self, index: u32) -> &mut Profile {
        let profile = self.slots[index as usize].as_deref_mut();
        profile.expect("a profile lives as long as somebody has its index")
    }
}

impl ProfileIndex {
    /// The hold on what is in a slot, counted from 0.
    fn at(slot: u32) -> ProfileIndex {
        ProfileIndex(NonZeroU32::MIN.saturating_add(slot))
    }

    fn slot(&self) -> u32 {
        self.0.get() - 1
    }
}

impl Profile {
    fn is_of(
        &self,
        identity: &Identity<'_>,
        concerns: &[u16],
        own: Option<(&Arc<OwnRules>, &[u16])>,
    ) -> bool {
        let groups = || self.groups.iter().map(|group| &**group);
        let claims = || self.claims.iter().map(|(name, value)| (&**name, &**value));
        let ours = self.own.as_deref().map(|own| (&own.rules, &*own.concerns));
        *self.concerns == *concerns
            && groups().eq(identity.groups.iter().copied())
            && claims().eq(identity.claims.iter().copied())
            && ours == own
    }

    #[inline]
    fn lists(&self) -> Lists<'_> {
        Lists {
            own: self.own.as_deref().map(|own| List {
                book: own.rules.book(),
                concerns: &own.concerns,
                claims: &own.claim_values,
            }),
            common: List {
                book: &self.rules,
                concerns: &self.concerns,
                claims: &self.claim_values,
            },
        }
    }
}

#[cfg(test)]
mod tests;
