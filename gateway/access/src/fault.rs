//! Why a list of rules cannot be used, said to the one who wrote it.

use std::fmt::{self, Display, Formatter};

use crate::limits::{
    CLAIM_NAMES_MAX, GLOB_BYTES_MAX, NETWORKS_PER_RULE_MAX, RULES_MAX, TOPICS_PER_RULE_MAX,
};

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
    /// So many networks are more than the bound.
    NetworkCount(usize),
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
        write!(f, "rule {}: {what}", index + 1)
    }
}

impl Display for RuleFault {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            RuleFault::NoAction => {
                f.write_str("it names no action: name publish, subscribe, receive or retain")
            }
            RuleFault::GlobTooLong => {
                write!(
                    f,
                    "a pattern for user or client is over {GLOB_BYTES_MAX} bytes"
                )
            }
            RuleFault::NetworkCount(count) => {
                write!(
                    f,
                    "{count} networks are too many: {NETWORKS_PER_RULE_MAX} is the bound"
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::{Action, Actions, Effect, Rule};
    use crate::rulebook::Rulebook;

    /// What is said of a list whose second rule is this one.
    fn said(rule: Rule) -> String {
        let fine = Rule::new(Effect::Allow, Actions::ALL, &["#"]);
        let error = Rulebook::new(vec![fine, rule], Effect::Deny).expect_err("it is wrong");
        error.to_string()
    }

    #[test]
    fn a_wrong_rule_is_named_with_what_would_be_right() {
        let topic = |topic: &str| Rule::new(Effect::Allow, Actions::ALL, &[topic]);
        for (rule, sentence) in [
            (
                Rule::new(Effect::Deny, Actions::default(), &["#"]),
                "rule 2: it names no action: name publish, subscribe, receive or retain",
            ),
            (
                Rule::new(Effect::Deny, Actions::ALL, &[]),
                "rule 2: it names no topic: write \"#\" for all",
            ),
            (
                Rule::new(Effect::Deny, Actions::ALL, &["a"; TOPICS_PER_RULE_MAX + 1]),
                "rule 2: 257 topics are too many: 256 is the bound",
            ),
            (
                topic("a/%d"),
                "rule 2: topic \"a/%d\": %d is no placeholder: write %c, %u, %{claim:NAME}, or %% \
                 for a percent sign",
            ),
            (
                topic("a#"),
                "rule 2: topic \"a#\": + and # stand alone in their level, and # in the last one",
            ),
        ] {
            assert_eq!(said(rule), sentence);
        }
        let long = Rule {
            user: Some("u".repeat(GLOB_BYTES_MAX + 1)),
            ..topic("#")
        };
        let far = Rule {
            networks: vec!["10.0.0.0/8".parse().unwrap(); NETWORKS_PER_RULE_MAX + 1],
            ..topic("#")
        };
        assert_eq!(
            said(far),
            "rule 2: 257 networks are too many: 256 is the bound"
        );
        assert_eq!(
            said(long),
            "rule 2: a pattern for user or client is over 256 bytes"
        );
    }

    #[test]
    fn lists_and_claims_over_their_bounds_are_refused() {
        let publish: Actions = [Action::Publish].into_iter().collect();
        let rule = Rule::new(Effect::Allow, publish, &["a"]);
        let most = Rulebook::new(vec![rule.clone(); RULES_MAX], Effect::Deny);
        assert_eq!(most.expect("it is in bounds").rules().len(), RULES_MAX);
        let error = Rulebook::new(vec![rule; RULES_MAX + 1], Effect::Deny).expect_err("too many");
        assert_eq!(
            error.to_string(),
            "4097 rules are too many: 4096 is the bound"
        );
        let names: Vec<String> = (0..=CLAIM_NAMES_MAX)
            .map(|n| format!("%{{claim:c{n}}}"))
            .collect();
        let names: Vec<&str> = names.iter().map(|name| &**name).collect();
        let within = Rule::new(Effect::Allow, publish, &names[1..]);
        assert!(Rulebook::new(vec![within], Effect::Deny).is_ok());
        let over = said(Rule::new(Effect::Allow, publish, &names));
        assert!(
            over.ends_with("the rules' placeholders name more than 64 claims"),
            "{over}"
        );
    }
}
