//! Tells rule by rule how a decision came about, for the operator who does not believe it.

use std::fmt::{self, Display, Formatter};

use crate::decision::{Ask, Decision, Why};
use crate::request::Request;
use crate::rule::{Action, Effect, Networks, Rule};
use crate::rulebook::{Outcome, Rulebook};
use crate::subject::{Identity, Values};

/// A decision with everything that led to it.
#[derive(Debug)]
pub struct Explanation<'a> {
    rules: &'a [Rule],
    /// What each rule made of it up to the one that decided, once per action asked for.
    passes: Vec<(Action, Vec<Outcome>)>,
    pub decision: Decision,
}

/// Decides as [`crate::profiles::Profiles::decide`] does for a client of this identity, and tells
/// how.
pub fn explain<'a>(
    rulebook: &'a Rulebook,
    identity: &Identity<'_>,
    ask: &Ask<'_>,
) -> Explanation<'a> {
    let claims = rulebook.claim_values(identity);
    let values = Values {
        subject: identity.subject,
        claims: &claims,
    };
    let mut explanation = Explanation {
        rules: rulebook.rules(),
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
    explanation.decision = explanation.pass(rulebook, identity, &values, &request);
    if explanation.decision.allowed && ask.retain && ask.action == Action::Publish {
        request.action = Action::Retain;
        let kept = explanation.pass(rulebook, identity, &values, &request);
        if !kept.allowed {
            explanation.decision = kept;
        }
    }
    explanation
}

impl Explanation<'_> {
    /// Goes through the rules for one action, and notes what each made of it.
    fn pass(
        &mut self,
        rulebook: &Rulebook,
        identity: &Identity<'_>,
        values: &Values<'_>,
        request: &Request<'_>,
    ) -> Decision {
        if let Some(why) = rulebook.unasked(request.action) {
            return Decision::by(Effect::Allow, request.action, why);
        }
        let mut outcomes = Vec::new();
        let mut decision = Decision::by(rulebook.default_effect(), request.action, Why::Default);
        for (index, rule) in self.rules.iter().enumerate() {
            let outcome = rulebook.outcome(index, identity, values, request);
            outcomes.push(outcome);
            if outcome.is_final() {
                decision = Decision::by(rule.effect, request.action, Why::Rule(index as u16));
                break;
            }
        }
        self.passes.push((request.action, outcomes));
        decision
    }
}

impl Display for Explanation<'_> {
    /// The decision, then a line per rule up to the one that decided.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.decision)?;
        for (action, outcomes) in &self.passes {
            for ((number, rule), outcome) in (1..).zip(self.rules).zip(outcomes) {
                writeln!(
                    f,
                    "  {}, rule {number}: {}",
                    action.word(),
                    Line(rule, *outcome)
                )?;
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
