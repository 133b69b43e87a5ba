//! One rule out of JSON: the very keys that it has in the configuration, and no others.

use std::fmt;

use serde_json::{Map, Value};
use tributary_proto::version::Qos;
use tributary_transport::proxy::Network;

use crate::fault::RuleFault;
use crate::rule::{Action, Actions, Effect, Rule};

/// Characters of somebody else's text that a fault quotes.
const QUOTED_CHARS_MAX: usize = 64;

/// What is wrong with one rule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RuleWrong {
    NoObject,
    UnknownKey(Box<str>),
    /// Neither `allow` nor `deny`.
    NoEffect,
    /// Both.
    TwoEffects,
    UnknownAction(Box<str>),
    /// A key, and what its value must be.
    Kind(&'static str, &'static str),
    /// It is well formed and cannot be compiled.
    Fault(RuleFault),
}

/// Reads a rule.
pub(super) fn rule(json: &Value) -> Result<Rule, RuleWrong> {
    let Value::Object(object) = json else {
        return Err(RuleWrong::NoObject);
    };
    let (effect, actions) = effect(object)?;
    let mut rule = Rule::new(effect, actions, &[]);
    for (key, value) in object {
        match key.as_str() {
            "allow" | "deny" => {}
            "topics" => rule.topics = texts("topics", value)?,
            "qos_max" => rule.qos_max = qos(value)?,
            "user" => rule.user = Some(text("user", value)?),
            "client" => rule.client = Some(text("client", value)?),
            "group" => rule.group = Some(text("group", value)?),
            "claims" => rule.claims = claims(value)?,
            "address" => rule.networks = networks(value)?,
            other => return Err(RuleWrong::UnknownKey(quotable(other))),
        }
    }
    Ok(rule)
}

fn effect(object: &Map<String, Value>) -> Result<(Effect, Actions), RuleWrong> {
    let of = |effect: Effect| object.get(effect.word()).map(|words| (effect, words));
    let (effect, words) = match (of(Effect::Allow), of(Effect::Deny)) {
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => return Err(RuleWrong::NoEffect),
        (Some(_), Some(_)) => return Err(RuleWrong::TwoEffects),
    };
    let actions = texts(effect.word(), words)?.into_iter().map(|word| {
        let action = Action::from_word(&word);
        action.ok_or_else(|| RuleWrong::UnknownAction(quotable(&word)))
    });
    Ok((effect, actions.collect::<Result<_, _>>()?))
}

fn text(key: &'static str, value: &Value) -> Result<String, RuleWrong> {
    let text = value.as_str().map(str::to_owned);
    text.ok_or(RuleWrong::Kind(key, "a text"))
}

fn texts(key: &'static str, value: &Value) -> Result<Vec<String>, RuleWrong> {
    let wrong = RuleWrong::Kind(key, "a list of texts");
    let list = value.as_array().map(|list| list.iter());
    let texts = list.map(|list| list.map(|one| one.as_str().map(str::to_owned)).collect());
    texts.flatten().ok_or(wrong)
}

fn qos(value: &Value) -> Result<Qos, RuleWrong> {
    let number = value.as_u64().and_then(|number| u8::try_from(number).ok());
    let qos = number.and_then(Qos::from_bits);
    qos.ok_or(RuleWrong::Kind("qos_max", "0, 1 or 2"))
}

fn claims(value: &Value) -> Result<Vec<(String, String)>, RuleWrong> {
    let wrong = RuleWrong::Kind("claims", "an object of texts");
    let pairs = value.as_object().map(|object| object.iter());
    let pair = |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
    pairs
        .and_then(|pairs| pairs.map(pair).collect())
        .ok_or(wrong)
}

fn networks(value: &Value) -> Result<Vec<Network>, RuleWrong> {
    let wrong = RuleWrong::Kind("address", "a list of networks, as in \"10.0.0.0/8\"");
    let texts = texts("address", value)?;
    // An empty list is none, and a rule that is about nobody would be about everybody.
    let networks: Option<Vec<Network>> = texts.iter().map(|text| text.parse().ok()).collect();
    networks
        .filter(|networks| !networks.is_empty())
        .ok_or(wrong)
}

/// The beginning of a text, safe for a line of a log.
fn quotable(text: &str) -> Box<str> {
    let beginning: String = text.chars().take(QUOTED_CHARS_MAX).collect();
    beginning.escape_debug().collect::<String>().into()
}

impl fmt::Display for RuleWrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RuleWrong::NoObject => f.write_str("it is not an object"),
            RuleWrong::UnknownKey(key) => write!(
                f,
                "its key \"{key}\" is unknown: write allow or deny, topics, qos_max, user, client, \
                 group, claims, address"
            ),
            RuleWrong::NoEffect => f.write_str("it neither allows nor denies"),
            RuleWrong::TwoEffects => f.write_str("it both allows and denies"),
            RuleWrong::UnknownAction(word) => write!(
                f,
                "\"{word}\" is no action: write publish, subscribe, receive, retain"
            ),
            RuleWrong::Kind(key, right) => write!(f, "its {key} is not {right}"),
            RuleWrong::Fault(RuleFault::Topic(topic, fault)) => {
                write!(
                    f,
                    "topic \"{}\": {}",
                    quotable(topic),
                    quotable(&fault.to_string())
                )
            }
            RuleWrong::Fault(fault) => fault.fmt(f),
        }
    }
}
