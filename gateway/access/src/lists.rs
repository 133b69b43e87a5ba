//! The lists that one client is judged by: the rules it brought itself, then those of the operator.

use crate::decision::{Ask, Decision, Why};
use crate::request::Request;
use crate::rule::{Action, Effect};
use crate::rulebook::Rulebook;
use crate::subject::{Subject, Values};

/// One list, as it is for one client.
#[derive(Clone, Copy)]
pub(crate) struct List<'a> {
    pub(crate) book: &'a Rulebook,
    /// The rules that concern the client, in their order.
    pub(crate) concerns: &'a [u16],
    /// What the list's placeholders for claims stand for.
    pub(crate) claims: &'a [Option<Box<str>>],
}

/// All of them, in the order in which they are asked.
#[derive(Clone, Copy)]
pub(crate) struct Lists<'a> {
    /// See [`crate::own`].
    pub(crate) own: Option<List<'a>>,
    /// Its default is said where no rule of either decides.
    pub(crate) common: List<'a>,
}

impl Lists<'_> {
    /// Says what they make of a request.
    pub(crate) fn decide(&self, subject: Subject<'_>, ask: &Ask<'_>) -> Decision {
        let mut request = match Request::new(ask) {
            Ok(request) => request,
            Err(why) => return Decision::by(Effect::Deny, ask.action, why),
        };
        let decision = self.decide_one(subject, &request);
        if !(ask.retain && ask.action == Action::Publish && decision.allowed) {
            return decision;
        }
        request.action = Action::Retain;
        let kept = self.decide_one(subject, &request);
        if kept.allowed { decision } else { kept }
    }

    fn decide_one(&self, subject: Subject<'_>, ask: &Request<'_>) -> Decision {
        if ask.action == Action::Receive && !self.judge_receiving() {
            return Decision::by(Effect::Allow, ask.action, Why::ReceiveUnspoken);
        }
        if let Some(own) = &self.own
            && let Some((index, effect)) = own.decider(subject, ask)
        {
            return Decision::by(effect, ask.action, Why::OwnRule(index));
        }
        match self.common.decider(subject, ask) {
            Some((index, effect)) => Decision::by(effect, ask.action, Why::Rule(index)),
            None => Decision::by(self.common.book.default_effect(), ask.action, Why::Default),
        }
    }

    /// Whether a rule of either speaks of receiving.
    pub(crate) fn judge_receiving(&self) -> bool {
        let own = self.own.map(|own| own.book);
        self.common.book.judges_receiving() || own.is_some_and(Rulebook::judges_receiving)
    }
}

impl List<'_> {
    fn decider(&self, subject: Subject<'_>, ask: &Request<'_>) -> Option<(u16, Effect)> {
        let values = Values {
            subject,
            claims: self.claims,
        };
        self.book.decider(self.concerns, &values, ask)
    }
}
