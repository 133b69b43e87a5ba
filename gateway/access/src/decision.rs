//! What is asked of a list of rules, and what it says.

use std::fmt::{self, Display, Formatter};

use tributary_proto::version::Qos;

use crate::rule::{Action, Effect};

/// One request of a client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ask<'a> {
    pub action: Action,
    /// A filter, shared or not, to subscribe; else a topic, whose alias the caller has resolved.
    pub topic: &'a str,
    pub qos: Qos,
    /// Of a publish: whether it is to be kept. Then [`Action::Retain`] must be allowed too.
    pub retain: bool,
}

/// The answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Decision {
    pub allowed: bool,
    /// What the answer is about: [`Action::Retain`] when a publish may be sent but not kept.
    pub action: Action,
    pub why: Why,
}

/// What the answer rests on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// The first rule of the client's own that decides, counted from 0.
    OwnRule(u16),
    /// The first rule of the common list that decides, counted from 0.
    Rule(u16),
    /// No rule decides.
    Default,
    /// No rule speaks of receiving: then whoever may subscribe receives.
    ReceiveUnspoken,
    /// Not a valid topic name. Never allowed.
    NotATopic,
    /// Not a valid filter. Never allowed.
    NotAFilter,
}

impl Decision {
    /// The rule of the common list that decided, counted from 0.
    pub fn rule(&self) -> Option<u16> {
        match self.why {
            Why::Rule(rule) => Some(rule),
            _ => None,
        }
    }

    pub(crate) fn by(effect: Effect, action: Action, why: Why) -> Decision {
        Decision {
            allowed: effect == Effect::Allow,
            action,
            why,
        }
    }
}

impl Display for Decision {
    /// A sentence without its full stop; it counts rules from 1, as people do.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let verb = if self.allowed { "allowed" } else { "denied" };
        write!(f, "{} is {verb}: ", self.action.word())?;
        match self.why {
            Why::OwnRule(rule) => write!(f, "own rule {} says so", rule + 1),
            Why::Rule(rule) => write!(f, "rule {} says so", rule + 1),
            Why::Default => f.write_str("no rule decides, and that is the default"),
            Why::ReceiveUnspoken => {
                f.write_str("no rule speaks of it, and the subscription stands")
            }
            Why::NotATopic => f.write_str("this is not a valid topic name"),
            Why::NotAFilter => f.write_str("this is not a valid topic filter"),
        }
    }
}
