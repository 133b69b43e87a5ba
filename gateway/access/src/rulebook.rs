//! A list of rules, compiled once and shared by all shards until the next reload.
//!
//! # What a list means
//!
//! A rule *concerns* a request when the client fits its matchers, its actions hold the action, and
//! its `qos_max` is not below the request's QoS. The first rule that concerns a request and
//! *decides* it is the answer; when none does, the default is.
//!
//! * About a **topic** (publish, receive, retain) a rule decides when one of its filters matches.
//! * About a **subscription** an allowing rule decides when one of its filters alone takes in every
//!   topic of the filter asked for. A denying rule decides when one of its filters has any topic in
//!   common with it. So nobody can reach by a wider filter what a rule above denies; in return a
//!   subscription can be refused though several rules together would allow all of it.
//! * After `eq ` a filter decides when the subscription is written exactly so, whatever its topics.
//!   `deny eq #` bars `#` and nothing else, not even `+/#`, which is just as wide.
//!
//! A client may bring rules of its own; see [`crate::own`]. They are asked first, in their order,
//! then this list, then its default is said. They can allow what this list denies: whoever signs a
//! token says what its client may do.
//!
//! A publish that is to be kept must be allowed twice: for `publish`, then for `retain`. Messages
//! on their way to a subscriber are judged, for `receive`, only if a rule of either list speaks of
//! it.
//!
//! Wildcards at the front do not match topics that begin with `$` [MQTT-4.7.2-1]. Of a shared
//! subscription the filter behind `$share/NAME/` is judged.
//!
//! A placeholder stands for text inside one level. Where a client has no usable text (see
//! [`crate::subject`]), an allowing rule takes in nothing, and a denying rule takes in everything
//! from that level on: the choice of a client id must never gain anything.

use std::net::IpAddr;

use crate::fault::{RuleError, RuleFault};
use crate::glob;
use crate::limits::{GLOB_BYTES_MAX, NETWORKS_PER_RULE_MAX, RULES_MAX, TOPICS_PER_RULE_MAX};
use crate::pattern::{Fit, Pattern};
use crate::request::Request;
use crate::rule::{Action, Actions, Effect, Rule};
use crate::subject::{Identity, Values};

/// A list of rules that has been checked.
#[derive(Debug)]
pub struct Rulebook {
    rules: Box<[Compiled]>,
    /// As they were written.
    sources: Box<[Rule]>,
    /// The claims that placeholders name.
    claim_names: Box<[Box<str>]>,
    default: Effect,
    /// The actions that some rule speaks of.
    spoken: Actions,
}

/// The part of a rule that is looked at for each decision.
#[derive(Debug)]
struct Compiled {
    effect: Effect,
    actions: Actions,
    qos_max: u8,
    topics: Box<[Pattern]>,
}

/// What one rule makes of one request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    Decides,
    /// It denies since a placeholder of it has no usable value.
    DecidesBlindly,
    /// It denies since it is not known where the client comes from.
    DecidesUnseen,
    OtherUser,
    OtherClient,
    NotInGroup,
    /// By its place among the rule's claims.
    OtherClaim(usize),
    OtherAddress,
    /// It would allow, if it were known where the client comes from.
    UnknownAddress,
    OtherAction,
    QosAbove,
    OtherTopic,
    /// It allows a part of the filter asked for.
    OnlyPart,
    /// It would allow, if a placeholder of it had a usable value.
    Unusable,
}

impl Outcome {
    /// Whether no rule below is asked.
    #[inline]
    pub(crate) fn is_final(self) -> bool {
        matches!(
            self,
            Outcome::Decides | Outcome::DecidesBlindly | Outcome::DecidesUnseen
        )
    }
}

impl Rulebook {
    /// Checks and compiles a list; `default` is said where no rule decides.
    pub fn new(rules: Vec<Rule>, default: Effect) -> Result<Rulebook, RuleError> {
        if rules.len() > RULES_MAX {
            return Err(RuleError::TooMany(rules.len()));
        }
        let mut claim_names = Vec::new();
        let compile = |(index, rule)| Compiled::new(index, rule, &mut claim_names);
        let compiled: Result<Box<[_]>, _> = rules.iter().enumerate().map(compile).collect();
        Ok(Rulebook {
            rules: compiled?,
            claim_names: claim_names.into_boxed_slice(),
            default,
            spoken: rules
                .iter()
                .fold(Actions::default(), |all, rule| all.and(rule.actions)),
            sources: rules.into_boxed_slice(),
        })
    }

    /// The rules as they were written.
    pub fn rules(&self) -> &[Rule] {
        &self.sources
    }

    /// Whether a rule asks where clients come from.
    pub fn judges_addresses(&self) -> bool {
        (0..self.sources.len()).any(|index| self.asks_address(index))
    }

    /// Whether a rule speaks of messages on their way to a client.
    pub fn judges_receiving(&self) -> bool {
        self.spoken.holds(Action::Receive)
    }

    /// Puts the rules that concern a client of this identity into `concerns`, in their order.
    pub(crate) fn concerning(&self, identity: &Identity<'_>, concerns: &mut Vec<u16>) {
        concerns.clear();
        let fits = |rule: &Rule| mismatch(rule, identity).is_none();
        let rules = (0..).zip(&self.sources);
        concerns.extend(rules.filter(|(_, rule)| fits(rule)).map(|(index, _)| index));
    }

    /// What the placeholders for claims stand for.
    pub(crate) fn claim_values(&self, identity: &Identity<'_>) -> Box<[Option<Box<str>>]> {
        let names = self.claim_names.iter().map(|name| &**name);
        let claim = |name| identity.claims.iter().find(|(known, _)| *known == name);
        let values = names.map(|name| claim(name).map(|(_, value)| Box::from(*value)));
        values.collect()
    }

    /// The first of the rules `concerns` that decides a request, and what it says.
    pub(crate) fn decider(
        &self,
        concerns: &[u16],
        values: &Values<'_>,
        ask: &Request<'_>,
    ) -> Option<(u16, Effect)> {
        concerns.iter().find_map(|index| {
            let rule = &self.rules[usize::from(*index)];
            let is_final = rule.judge(ask, values).is_final();
            is_final.then_some((*index, rule.effect))
        })
    }

    /// What is said where no rule decides.
    pub(crate) fn default_effect(&self) -> Effect {
        self.default
    }

    /// What one rule makes of a request, in all detail.
    pub(crate) fn outcome(
        &self,
        index: usize,
        identity: &Identity<'_>,
        values: &Values<'_>,
        ask: &Request<'_>,
    ) -> Outcome {
        if let Some(outcome) = mismatch(&self.sources[index], identity) {
            return outcome;
        }
        let rule = &self.rules[index];
        match rule.judge(ask, values) {
            Outcome::OtherTopic if ask.has_wildcard && rule.effect == Effect::Allow => {
                let meets = |topic: &Pattern| topic.meets(ask.topic, values) == Fit::Yes;
                if rule.topics.iter().any(meets) {
                    Outcome::OnlyPart
                } else {
                    Outcome::OtherTopic
                }
            }
            Outcome::Decides if identity.address.is_none() && self.asks_address(index) => {
                Outcome::DecidesUnseen
            }
            outcome => outcome,
        }
    }

    fn asks_address(&self, index: usize) -> bool {
        !self.sources[index].networks.is_empty()
    }
}

impl Compiled {
    fn new(
        index: usize,
        rule: &Rule,
        claim_names: &mut Vec<Box<str>>,
    ) -> Result<Compiled, RuleError> {
        let wrong = |what| RuleError::Rule { index, what };
        for glob in [&rule.user, &rule.client].into_iter().flatten() {
            if glob.len() > GLOB_BYTES_MAX {
                return Err(wrong(RuleFault::GlobTooLong));
            }
        }
        if rule.networks.len() > NETWORKS_PER_RULE_MAX {
            return Err(wrong(RuleFault::NetworkCount(rule.networks.len())));
        }
        if rule.actions.is_empty() {
            return Err(wrong(RuleFault::NoAction));
        }
        if rule.topics.is_empty() || rule.topics.len() > TOPICS_PER_RULE_MAX {
            return Err(wrong(RuleFault::TopicCount(rule.topics.len())));
        }
        let mut topics = Vec::with_capacity(rule.topics.len());
        for topic in &rule.topics {
            let fault = |fault| wrong(RuleFault::Topic(topic.clone(), fault));
            topics.push(Pattern::parse(topic, claim_names).map_err(fault)?);
        }
        Ok(Compiled {
            effect: rule.effect,
            actions: rule.actions,
            qos_max: rule.qos_max as u8,
            topics: topics.into_boxed_slice(),
        })
    }

    /// What the rule makes of a request of a client that it concerns.
    #[inline]
    fn judge(&self, ask: &Request<'_>, values: &Values<'_>) -> Outcome {
        if !self.actions.holds(ask.action) {
            return Outcome::OtherAction;
        }
        if ask.qos > self.qos_max {
            return Outcome::QosAbove;
        }
        let mut outcome = Outcome::OtherTopic;
        for topic in &self.topics {
            let fit = match self.effect {
                Effect::Deny if ask.has_wildcard => topic.meets(ask.topic, values),
                _ => topic.takes_in(ask.topic, values),
            };
            match (fit, self.effect) {
                (Fit::Yes, _) => return Outcome::Decides,
                (Fit::Unusable, Effect::Deny) => return Outcome::DecidesBlindly,
                (Fit::Unusable, Effect::Allow) => outcome = Outcome::Unusable,
                (Fit::No, _) => {}
            }
        }
        outcome
    }
}

/// The first matcher of a rule that the client does not fit.
fn mismatch(rule: &Rule, identity: &Identity<'_>) -> Option<Outcome> {
    let subject = &identity.subject;
    if let Some(glob) = &rule.user
        && !subject.user.is_some_and(|user| glob::takes_in(glob, user))
    {
        return Some(Outcome::OtherUser);
    }
    if let Some(glob) = &rule.client
        && !glob::takes_in(glob, subject.client)
    {
        return Some(Outcome::OtherClient);
    }
    if let Some(group) = &rule.group
        && !identity.groups.contains(&&**group)
    {
        return Some(Outcome::NotInGroup);
    }
    let has = |(name, value): &(String, String)| {
        let claim = identity.claims.iter().find(|(known, _)| known == name);
        claim.is_some_and(|(_, known)| known == value)
    };
    let other = rule.claims.iter().position(|claim| !has(claim));
    other
        .map(Outcome::OtherClaim)
        .or_else(|| other_address(rule, identity.address))
}

/// Why a client from there does not fit, if it does not. What denies fits whoever may be meant.
fn other_address(rule: &Rule, address: Option<IpAddr>) -> Option<Outcome> {
    if rule.networks.is_empty() {
        return None;
    }
    match address {
        Some(address) => {
            let mut networks = rule.networks.iter();
            let is_in_one = networks.any(|network| network.contains(address));
            (!is_in_one).then_some(Outcome::OtherAddress)
        }
        None => (rule.effect == Effect::Allow).then_some(Outcome::UnknownAddress),
    }
}
