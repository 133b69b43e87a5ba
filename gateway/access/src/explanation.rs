//! Tells rule by rule how a decision came about, for the operator who does not believe it.

use std::fmt::{self, Display, Formatter};

use crate::decision::{Ask, Decision, Why};
use crate::own::OwnRules;
use crate::request::Request;
use crate::rule::{Action, Effect, Networks, Rule};
use crate::rulebook::{Outcome, Rulebook};
use crate::subject::{Identity, Values};

/// A decision with everything that led to it.
#[derive(Debug)]
pub struct Explanation<'a> {
    own: &'a [Rule],
    common: &'a [Rule],
    passes: Vec<Pass>,
    pub decision: Decision,
}

/// What each rule made of one action, up to the one that decided.
#[derive(Debug)]
struct Pass {
    action: Action,
    own: Vec<Outcome>,
    common: Vec<Outcome>,
}

/// A list and what its placeholders for claims stand for.
struct List<'a> {
    book: &'a Rulebook,
    claims: Box<[Option<Box<str>>]>,
}

/// Who asks whom.
struct Inquiry<'a> {
    own: Option<List<'a>>,
    common: List<'a>,
    identity: &'a Identity<'a>,
}

/// Decides as [`crate::profiles::Profiles::decide`] does for a client of this identity that brought
/// these rules, and tells how.
pub fn explain<'a>(
    rulebook: &'a Rulebook,
    own: Option<&'a OwnRules>,
    identity: &Identity<'_>,
    ask: &Ask<'_>,
) -> Explanation<'a> {
    let own = own.map(OwnRules::book);
    let mut explanation = Explanation {
        own: own.map_or(&[], Rulebook::rules),
        common: rulebook.rules(),
        passes: Vec::new(),
        decision: Decision::by(Effect::Deny, ask.action, Why::Default),
    };
    let mut request = match Request::new(ask) {
        Ok(request) => request,
        Err(why) => {
            explanation.decision.why = why;
            return explanation;
        }
    };
    let list = |book| List {
        book,
        claims: Rulebook::claim_values(book, identity),
    };
    let inquiry = Inquiry {
        own: own.map(list),
        common: list(rulebook),
        identity,
    };
    explanation.decision = explanation.pass(&inquiry, &request);
    if explanation.decision.allowed && ask.retain && ask.action == Action::Publish {
        request.action = Action::Retain;
        let kept = explanation.pass(&inquiry, &request);
        if !kept.allowed {
            explanation.decision = kept;
        }
    }
    explanation
}

impl Explanation<'_> {
    /// Goes through the rules for one action, and notes what each made of it.
    fn pass(&mut self, inquiry: &Inquiry<'_>, request: &Request<'_>) -> Decision {
        let action = request.action;
        let lists = [inquiry.own.as_ref(), Some(&inquiry.common)];
        let mut books = lists.into_iter().flatten().map(|list| list.book);
        if action == Action::Receive && !books.any(Rulebook::judges_receiving) {
            return Decision::by(Effect::Allow, action, Why::ReceiveUnspoken);
        }
        let (own, by_own) = inquiry.own.as_ref().map_or((Vec::new(), None), |list| {
            list.outcomes(inquiry.identity, request)
        });
        let (common, by_common) = match by_own {
            Some(_) => (Vec::new(), None),
            None => inquiry.common.outcomes(inquiry.identity, request),
        };
        self.passes.push(Pass {
            action,
            own,
            common,
        });
        match (by_own, by_common) {
            (Some(index), _) => {
                let effect = self.own[usize::from(index)].effect;
                Decision::by(effect, action, Why::OwnRule(index))
            }
            (None, Some(index)) => {
                let effect = self.common[usize::from(index)].effect;
                Decision::by(effect, action, Why::Rule(index))
            }
            (None, None) => {
                Decision::by(inquiry.common.book.default_effect(), action, Why::Default)
            }
        }
    }
}

impl List<'_> {
    /// What each rule makes of a request up to the one that decides, and which that is.
    fn outcomes(
        &self,
        identity: &Identity<'_>,
        request: &Request<'_>,
    ) -> (Vec<Outcome>, Option<u16>) {
        let values = Values {
            subject: identity.subject,
            claims: &self.claims,
        };
        let mut outcomes = Vec::new();
        for index in 0..self.book.rules().len() {
            let outcome = self.book.outcome(index, identity, &values, request);
            outcomes.push(outcome);
            if outcome.is_final() {
                return (outcomes, Some(index as u16));
            }
        }
        (outcomes, None)
    }
}

impl Display for Explanation<'_> {
    /// The decision, then a line per rule up to the one that decided.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.decision)?;
        for pass in &self.passes {
            let action = pass.action.word();
            for (list, rules, outcomes) in [
                ("own rule", self.own, &pass.own),
                ("rule", self.common, &pass.common),
            ] {
                for ((number, rule), outcome) in (1..).zip(rules).zip(outcomes) {
                    let line = Line(rule, *outcome);
                    writeln!(f, "  {action}, {list} {number}: {line}")?;
                }
            }
        }
        Ok(())
    }
}

/// What one rule made of a request.
struct Line<'a>(&'a Rule, Outcome);

impl Display for Line<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Line(rule, outcome) = self;
        let glob = |glob: &Option<String>| glob.clone().unwrap_or_default();
        match outcome {
            Outcome::Decides => write!(f, "decides: {rule}"),
            Outcome::DecidesBlindly => write!(
                f,
                "decides, since a placeholder in it has no value that can stand in a level of a \
                 topic: {rule}"
            ),
            Outcome::DecidesUnseen => write!(
                f,
                "decides, since it is not known where the client comes from: {rule}"
            ),
            Outcome::OtherUser => write!(f, "the user does not fit {:?}", glob(&rule.user)),
            Outcome::OtherClient => {
                write!(f, "the client id does not fit {:?}", glob(&rule.client))
            }
            Outcome::NotInGroup => write!(f, "not in group {:?}", glob(&rule.group)),
            Outcome::OtherClaim(place) => {
                let (name, value) = &rule.claims[*place];
                write!(f, "claim {name} is not {value:?}")
            }
            Outcome::OtherAddress => {
                write!(f, "the address is in none of {}", Networks(&rule.networks))
            }
            Outcome::UnknownAddress => write!(
                f,
                "it is not known where the client comes from, and this is for {} alone",
                Networks(&rule.networks)
            ),
            Outcome::OtherAction => write!(f, "it speaks of {} alone", rule.actions),
            Outcome::QosAbove => {
                write!(f, "it speaks of nothing above QoS {}", rule.qos_max as u8)
            }
            Outcome::OtherTopic => write!(f, "none of {:?} matches", rule.topics),
            Outcome::OnlyPart => write!(
                f,
                "none of {:?} takes in all that the filter asks for",
                rule.topics
            ),
            Outcome::Unusable => write!(
                f,
                "a placeholder in {:?} has no value that can stand in a level of a topic",
                rule.topics
            ),
        }
    }
}

#[cfg(test)]
mod tests;
