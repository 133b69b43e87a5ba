//! Why a list of rules cannot be used, said to the one who wrote it.

use std::fmt::{self, Display, Formatter};

use crate::limits::{CLAIM_NAMES_MAX, GLOB_BYTES_MAX, RULES_MAX, TOPICS_PER_RULE_MAX};

/// What is wrong with a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RuleError {
    /// It has so many rules.
    TooMany(usize),
    /// One rule, counted from 0, is wrong.
    Rule { index: usize, what: RuleFault },
}

/// What is wrong with a rule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RuleFault {
    NoAction,
    GlobTooLong,
    /// So many topics: none, or more than the bound.
    TopicCount(usize),
    /// A topic as written, and what is wrong with it.
    Topic(String, TopicFault),
}

/// What is wrong with a rule's topic.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TopicFault {
    Empty,
    TooLong,
    Nul,
    WildcardMisplaced,
    Share,
    /// What follows the `%`.
    Placeholder(String),
    TooManyClaims,
}

impl std::error::Error for RuleError {}

impl Display for RuleError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (index, what) = match self {
            RuleError::TooMany(count) => {
                return write!(f, "{count} rules are too many: {RULES_MAX} is the bound");
            }
            RuleError::Rule { index, what } => (index, what),
        };
        write!(f, "rule {}: ", index + 1)?;
        match what {
            RuleFault::NoAction => {
                f.write_str("it names no action: name publish, subscribe, receive or retain")
            }
            RuleFault::GlobTooLong => {
                write!(
                    f,
                    "a pattern for user or client is over {GLOB_BYTES_MAX} bytes"
                )
            }
            RuleFault::TopicCount(0) => f.write_str("it names no topic: write \"#\" for all"),
            RuleFault::TopicCount(count) => {
                write!(
                    f,
                    "{count} topics are too many: {TOPICS_PER_RULE_MAX} is the bound"
                )
            }
            RuleFault::Topic(topic, fault) => write!(f, "topic {topic:?}: {fault}"),
        }
    }
}

impl Display for TopicFault {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            TopicFault::Empty => f.write_str("it is empty: write \"#\" for all topics"),
            TopicFault::TooLong => f.write_str("it is longer than MQTT allows"),
            TopicFault::Nul => f.write_str("no topic holds the character NUL"),
            TopicFault::WildcardMisplaced => {
                f.write_str("+ and # stand alone in their level, and # in the last one")
            }
            TopicFault::Share => {
                f.write_str("rules judge what follows $share/NAME/: leave that part out")
            }
            TopicFault::Placeholder(rest) => write!(
                f,
                "%{rest} is no placeholder: write %c, %u, %{{claim:NAME}}, or %% for a percent sign"
            ),
            TopicFault::TooManyClaims => {
                write!(
                    f,
                    "the rules' placeholders name more than {CLAIM_NAMES_MAX} claims"
                )
            }
        }
    }
}
