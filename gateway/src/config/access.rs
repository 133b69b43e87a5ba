//! `[access]`: who may publish, subscribe, receive and have kept what; in the file, or beside it.
//!
//! ```text
//! rules = [{ allow = ["publish"], topics = ["dev/%c/#"] }, ...]     rules_file: the same key alone
//! ```

use tributary_access::fault::{RuleError, RuleFault};
use tributary_access::rule::{Action, Actions, Effect, Rule};
use tributary_access::rulebook::Rulebook;
use tributary_identity::Template;
use tributary_proto::version::Qos;
use tributary_transport::proxy::Network;

use super::document;
use super::faults::{Faults, Place, suggest};
use super::section::Section;

/// The key that both files have.
const RULES: &str = "rules";
const TOPICS_RIGHT: &str =
    "write MQTT filters, with %c for the client id, %u for the user, %{claim:NAME} for a claim";

/// What clients may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// In order, first match wins.
    pub rules: Vec<Rule>,
    /// What is said where no rule decides.
    pub default: Effect,
    pub on_denied: OnDenied,
    /// Which client ids a user may have; `None`: any.
    pub client_id: Option<Template>,
    pub takeover: Takeover,
}

/// Who may take a client id over that another connection, or a session, has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Takeover {
    /// Its user, where listeners ask who a client is.
    #[default]
    SameUser,
    Anyone,
}

/// What becomes of a publish that is denied and whose publisher cannot be told: MQTT 3 has no
/// word for it, and QoS 0 no answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDenied {
    /// Its connection ends.
    #[default]
    Close,
    /// It is dropped; at QoS 1 and 2 it is acknowledged as if it were not [MQTT-3.1.1: 3.3.5-2].
    Drop,
}

/// The section, or `None` when there is none: everything is allowed then.
pub(super) fn access(top: &mut Section<'_>) -> Option<Access> {
    if !top.has("access") {
        return None;
    }
    let mut section = top.section("access");
    let effects = [Effect::Allow, Effect::Deny].map(|effect| (effect.word(), effect));
    let default = section.choice("default", &effects, &[]);
    let denials = [("close", OnDenied::Close), ("drop", OnDenied::Drop)];
    let on_denied = section.choice("on_denied", &denials, &[]);
    let takeovers = [
        ("same-user", Takeover::SameUser),
        ("anyone", Takeover::Anyone),
    ];
    let takeover = section.choice("takeover", &takeovers, &[]);
    let client_id = client_id(&mut section);
    let place = section.place_of(RULES);
    let mut rules = read(&mut section, "[[access.rules]]");
    if let Some((path, place)) = section.text("rules_file") {
        rules.extend(read_file(&path, place, &mut section));
    }
    // One by one they have been found good; together they may be too many.
    if let Err(error) = Rulebook::new(rules.clone(), Effect::Deny) {
        section.fault(place, RULES, error.to_string(), "keep fewer");
        rules.clear();
    }
    section.close();
    Some(Access {
        rules,
        default: default.unwrap_or(Effect::Deny),
        on_denied: on_denied.unwrap_or_default(),
        client_id,
        takeover: takeover.unwrap_or_default(),
    })
}

/// The template that binds client ids to users.
fn client_id(section: &mut Section<'_>) -> Option<Template> {
    let (text, place) = section.text("client_id")?;
    match Template::new(&text) {
        Ok(template) => Some(template),
        Err(fault) => {
            section.fault(place, "client_id", fault.wrong, fault.right);
            None
        }
    }
}

/// The rules of a file of their own; what is wrong with it is said with its lines.
fn read_file(path: &str, place: Place, section: &mut Section<'_>) -> Vec<Rule> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            let wrong = format!("{path} cannot be read: {error}");
            section.fault(place, "rules_file", wrong, "name a TOML file with rules");
            return Vec::new();
        }
    };
    let mut faults = Faults::default();
    let tree = document::parse(&text, &mut faults);
    let mut rules = Vec::new();
    if faults.is_empty() {
        let mut top = Section::top(tree, &mut faults);
        rules = read(&mut top, "[[rules]]");
        top.close();
    }
    for fault in faults.sorted().iter() {
        let line = match fault.place {
            Place::Line(line) => format!(":{line}"),
            _ => String::new(),
        };
        let key = match fault.key.as_str() {
            "" => String::new(),
            key => format!("{key}: "),
        };
        let wrong = format!("{path}{line}: {key}{}", fault.wrong);
        section.fault(place.clone(), "rules_file", wrong, fault.right.as_str());
    }
    rules
}

fn read(section: &mut Section<'_>, title: &str) -> Vec<Rule> {
    let mut rules = Vec::new();
    for entry in section.listed(RULES) {
        if let Some(inner) = section.child_of(title.to_string(), entry) {
            rules.extend(rule(inner));
        }
    }
    rules
}

fn rule(mut section: Section<'_>) -> Option<Rule> {
    let place = section.place.clone();
    let (effect, actions) = effect(&mut section, &place)?;
    section.require("topics", TOPICS_RIGHT);
    let (topics, topics_place) = section.texts("topics").unzip();
    let mut text = |key| section.text(key).map(|(text, _)| text);
    let (user, client, group) = (text("user"), text("client"), text("group"));
    let claims = section.map("claims").into_iter();
    let claims = claims.map(|(name, value, _)| (name, value)).collect();
    let networks = networks(&mut section);
    let qos_max = section.number("qos_max", 0..=2).unwrap_or(2);
    let rule = Rule {
        effect,
        user,
        client,
        group,
        claims,
        networks,
        actions,
        qos_max: Qos::from_bits(qos_max as u8).unwrap_or(Qos::ExactlyOnce),
        topics: topics.unwrap_or_default(),
    };
    // That they are missing, or no list, was said.
    let is_right = topics_place.is_some_and(|place| is_right(&rule, place, &mut section));
    section.close();
    is_right.then_some(rule)
}

/// Where those come from whom the rule concerns; everywhere where it does not say.
fn networks(section: &mut Section<'_>) -> Vec<Network> {
    let right = "write networks as in \"10.0.0.0/8\" or \"2001:db8::/32\", or single addresses";
    let Some((words, place)) = section.texts("address") else {
        return Vec::new();
    };
    if words.is_empty() {
        let wrong = "is empty: the rule would be about nobody";
        section.fault(place.clone(), "address", wrong, right);
    }
    let mut networks = Vec::new();
    for word in &words {
        match word.parse::<Network>() {
            Ok(network) => networks.push(network),
            Err(fault) => {
                let wrong = format!("\"{}\": {fault}", word.escape_debug());
                section.fault(place.clone(), "address", wrong, right);
            }
        }
    }
    networks
}

/// What the rule says, and of which actions.
fn effect(section: &mut Section<'_>, place: &Place) -> Option<(Effect, Actions)> {
    let right = "write allow = [...] or deny = [...], of publish, subscribe, receive, retain";
    let has = |effect: &Effect| section.has(effect.word());
    let said: Vec<Effect> = [Effect::Allow, Effect::Deny]
        .into_iter()
        .filter(has)
        .collect();
    let [effect] = said[..] else {
        let wrong = match said.len() {
            0 => "neither allows nor denies",
            _ => "both allows and denies",
        };
        section.fault(place.clone(), "", wrong, right);
        return None;
    };
    let (words, place) = section.texts(effect.word())?;
    let known: Vec<&str> = Action::ALL.iter().map(|action| action.word()).collect();
    let mut actions = Vec::new();
    for word in &words {
        match Action::from_word(word) {
            Some(action) => actions.push(action),
            None => {
                let wrong = format!("\"{word}\" is unknown");
                section.fault(place.clone(), effect.word(), wrong, suggest(word, &known));
            }
        }
    }
    if words.is_empty() {
        section.fault(place, effect.word(), "names no action", right);
    }
    (!actions.is_empty()).then(|| (effect, actions.into_iter().collect()))
}

/// Whether a rule can be compiled; says why when it cannot.
fn is_right(rule: &Rule, topics_place: Place, section: &mut Section<'_>) -> bool {
    let what = match Rulebook::new(vec![rule.clone()], Effect::Deny) {
        Ok(_) => return true,
        Err(RuleError::Rule { what, .. }) => what,
        Err(RuleError::TooMany(_)) => return true,
    };
    let place = section.place.clone();
    match what {
        RuleFault::Topic(topic, fault) => {
            let wrong = format!("\"{}\" cannot be used: {fault}", topic.escape_debug());
            section.fault(topics_place, "topics", wrong, TOPICS_RIGHT);
        }
        RuleFault::TopicCount(count) => {
            let wrong = format!("has {count} topics");
            section.fault(topics_place, "topics", wrong, TOPICS_RIGHT);
        }
        other => section.fault(place, "", other.to_string(), "write a shorter one"),
    }
    false
}
