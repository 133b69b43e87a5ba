//! The rules that a client brings itself, in its token or in what a web service says of it.
//!
//! ```text
//! [{"allow": ["publish"], "topics": ["dev/%c/#"], "qos_max": 1},
//!  {"deny": ["subscribe"], "topics": ["#"], "client": "gw-*", "claims": {"site": "north"}}]
//! ```
//!
//! They are read where the token is checked, once, and mean what they mean in the operator's list.
//! They are asked before it: what one of them decides, that list is not asked about. A list that
//! cannot be read whole is not read at all, since what is left out may have forbidden something.

mod read;

use std::fmt;

use serde_json::Value;

use crate::fault::RuleError;
use crate::limits::{OWN_RULES_BYTES_MAX, OWN_RULES_MAX};
use crate::rule::Effect;
use crate::rulebook::Rulebook;

pub use read::RuleWrong;

/// A client's own rules. Two are equal when they say the same in the same words.
pub struct OwnRules {
    /// As JSON, without spaces and with keys in their order: the same for whoever writes the same.
    text: Box<str>,
    book: Rulebook,
}

/// Why rules that came along cannot be used. It quotes what they say of topics, and no more than
/// its beginning.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum OwnFault {
    /// Not JSON at all.
    NoJson,
    NoList,
    /// So many bytes.
    TooLong(usize),
    /// So many rules.
    TooMany(usize),
    /// One rule, counted from 0, is wrong.
    Rule(usize, RuleWrong),
}

impl OwnRules {
    /// Reads and compiles a list.
    pub fn read(json: &Value) -> Result<OwnRules, OwnFault> {
        let Value::Array(list) = json else {
            return Err(OwnFault::NoList);
        };
        if list.len() > OWN_RULES_MAX {
            return Err(OwnFault::TooMany(list.len()));
        }
        let text = json.to_string();
        if text.len() > OWN_RULES_BYTES_MAX {
            return Err(OwnFault::TooLong(text.len()));
        }
        let numbered = list.iter().enumerate();
        let rules = numbered.map(|(index, one)| {
            let rule = read::rule(one);
            rule.map_err(|wrong| OwnFault::Rule(index, wrong))
        });
        // Where none of them decides the common list is asked, so this default is never said.
        let book = Rulebook::new(rules.collect::<Result<_, _>>()?, Effect::Deny);
        Ok(OwnRules {
            text: text.into(),
            book: book.map_err(|error| match error {
                RuleError::TooMany(count) => OwnFault::TooMany(count),
                RuleError::Rule { index, what } => OwnFault::Rule(index, RuleWrong::Fault(what)),
            })?,
        })
    }

    /// The same from text.
    pub fn parse(text: &str) -> Result<OwnRules, OwnFault> {
        let json = serde_json::from_str(text).map_err(|_| OwnFault::NoJson)?;
        OwnRules::read(&json)
    }

    /// As JSON, always written alike.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether one of them asks where the client comes from.
    pub fn judge_addresses(&self) -> bool {
        self.book.judges_addresses()
    }

    pub(crate) fn book(&self) -> &Rulebook {
        &self.book
    }
}

impl PartialEq for OwnRules {
    fn eq(&self, other: &OwnRules) -> bool {
        self.text == other.text
    }
}

impl Eq for OwnRules {}

impl fmt::Debug for OwnRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OwnRules({})", self.book.rules().len())
    }
}

impl std::error::Error for OwnFault {}

impl fmt::Display for OwnFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OwnFault::NoJson => f.write_str("they are not JSON"),
            OwnFault::NoList => f.write_str("they are not a list: write [{...}, ...]"),
            OwnFault::TooLong(bytes) => {
                write!(
                    f,
                    "{bytes} bytes are too many: {OWN_RULES_BYTES_MAX} is the bound"
                )
            }
            OwnFault::TooMany(count) => {
                write!(
                    f,
                    "{count} rules are too many: {OWN_RULES_MAX} is the bound"
                )
            }
            OwnFault::Rule(index, wrong) => write!(f, "rule {}: {wrong}", index + 1),
        }
    }
}

#[cfg(test)]
mod tests;
