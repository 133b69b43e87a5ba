//! The `[[route]]` tables, what they default to, and the checks that look at all of them at once.

use std::collections::BTreeMap;

use super::faults::Place;
use super::section::Section;
use crate::route::{AckPolicy, Local, OnOutage, RouteRule};

const TOPIC_HEADER: (&str, &str) = ("mqtt.topic", "{topic}");
const KEY_DEFAULT: &str = "{client_id}";
const FILTER_RIGHT: &str = "write an MQTT topic filter, as in \"dw/+/telemetry\", or \"#\" for all";
/// What only Kafka needs.
const KAFKA_KEYS: [&str; 7] = [
    "topic",
    "cluster",
    "group",
    "key",
    "headers",
    "ack",
    "on_outage",
];
const TOPIC_RIGHT: &str = "write a Kafka topic, \"\" for the null route, or kafka = false";

/// Looks at all rules together: filters, templates, names, rules that can never match.
///
/// A parameter, since compiling routes is the work of the module that runs them.
pub type RouteCheck = fn(&[RouteRule]) -> Vec<RouteFault>;

/// What a [`RouteCheck`] has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteFault {
    /// Index of the rule.
    pub rule: usize,
    /// The key that is wrong, as in `filter`.
    pub key: &'static str,
    /// What is wrong; what would be right.
    pub message: String,
}

/// Where each rule and its keys were written, and the name of the group that it is to have.
pub(super) struct RulePlaces {
    rule: Place,
    keys: BTreeMap<&'static str, Place>,
    pub(super) group: Option<String>,
}

impl RulePlaces {
    /// Where the key is, or the rule when the key is not written.
    pub(super) fn of(&self, key: &str) -> Place {
        self.keys.get(key).unwrap_or(&self.rule).clone()
    }
}

/// The rules as written; with none, everything goes to the topic `mqtt`.
pub(super) fn read(top: &mut Section<'_>) -> (Vec<RouteRule>, Vec<RulePlaces>) {
    let mut rules = Vec::new();
    let mut places = Vec::new();
    for (index, entry) in top.listed("route").into_iter().enumerate() {
        let Some(mut section) = top.child_of("[[route]]".to_string(), entry) else {
            continue;
        };
        let (rule, rule_places) = rule(&mut section, index);
        section.close();
        rules.push(rule);
        places.push(rule_places);
    }
    if rules.is_empty() {
        rules.push(everything());
        places.push(RulePlaces {
            rule: Place::File,
            keys: BTreeMap::new(),
            group: None,
        });
    }
    (rules, places)
}

fn rule(section: &mut Section<'_>, index: usize) -> (RouteRule, RulePlaces) {
    let mut places = RulePlaces {
        rule: section.place.clone(),
        keys: BTreeMap::new(),
        group: None,
    };
    section.require("filter", FILTER_RIGHT);
    // What is missing is said here; what stands in for it must not make the later checks speak, and
    // a filter of its own shadows no other rule.
    let filter = text(section, "filter", &mut places);
    let filter = filter.unwrap_or_else(|| format!("missing/{index}"));
    let local = local(section, &mut places);
    if !section.boolean("kafka").unwrap_or(true) {
        for key in KAFKA_KEYS {
            section.forbid(key, "has no meaning beside kafka = false", "leave it out");
        }
        let rule = RouteRule::local_only(&filter);
        return (RouteRule { local, ..rule }, places);
    }
    section.require("topic", TOPIC_RIGHT);
    let topic = text(section, "topic", &mut places);
    let key = text(section, "key", &mut places);
    let cluster = text(section, "cluster", &mut places);
    places.group = text(section, "group", &mut places);
    let ack = ack(section, &mut places);
    let on_outage = on_outage(section, &mut places, ack);
    let headers = headers(section, &mut places);
    let rule = RouteRule {
        filter,
        cluster: cluster.unwrap_or_default(),
        group: None,
        topic: topic.unwrap_or_else(|| "mqtt".to_string()),
        key: key.unwrap_or_else(|| KEY_DEFAULT.to_string()),
        headers,
        ack,
        on_outage,
        kafka: true,
        local,
    };
    (rule, places)
}

fn text(section: &mut Section<'_>, key: &'static str, places: &mut RulePlaces) -> Option<String> {
    let (text, place) = section.text(key)?;
    places.keys.insert(key, place);
    Some(text)
}

fn ack(section: &mut Section<'_>, places: &mut RulePlaces) -> AckPolicy {
    if section.has("ack") {
        places.keys.insert("ack", section.place_of("ack"));
    }
    let words = [
        ("kafka", AckPolicy::Kafka),
        ("spool", AckPolicy::Spool),
        ("accept", AckPolicy::Accept),
    ];
    section.choice("ack", &words, &[]).unwrap_or_default()
}

/// Beside `ack = "spool"` everything goes to disk, so that other words would promise nothing.
fn on_outage(section: &mut Section<'_>, places: &mut RulePlaces, ack: AckPolicy) -> OnOutage {
    let place = section.place_of("on_outage");
    if section.has("on_outage") {
        places.keys.insert("on_outage", place.clone());
    }
    let words = [
        ("withhold", OnOutage::Withhold),
        ("spool", OnOutage::Spool),
        ("reject", OnOutage::Reject),
    ];
    let on_outage = section.choice("on_outage", &words, &[]);
    if ack == AckPolicy::Spool && on_outage.is_some_and(|one| one != OnOutage::Spool) {
        let wrong = "has no meaning beside ack = \"spool\", by which everything is on disk first";
        section.fault(place, "on_outage", wrong, "leave it out");
    }
    on_outage.unwrap_or_default()
}

/// `true`, `false`, or the one word that there is.
fn local(section: &mut Section<'_>, places: &mut RulePlaces) -> Local {
    let word = ("after-kafka", Local::AfterKafka);
    let Some((local, place)) = section.truth_or_word("local", [Local::No, Local::Yes], word) else {
        return Local::default();
    };
    places.keys.insert("local", place);
    local
}

/// `mqtt.topic` first unless it is given otherwise (`""` leaves it out), then what is written.
fn headers(section: &mut Section<'_>, places: &mut RulePlaces) -> Vec<(String, String)> {
    let mut headers = vec![(TOPIC_HEADER.0.to_string(), TOPIC_HEADER.1.to_string())];
    for (name, template, place) in section.map("headers") {
        places.keys.entry("headers").or_insert(place);
        headers.retain(|(present, _)| *present != name);
        if !(name == TOPIC_HEADER.0 && template.is_empty()) {
            headers.push((name, template));
        }
    }
    headers
}

fn everything() -> RouteRule {
    RouteRule {
        filter: "#".to_string(),
        cluster: String::new(),
        group: None,
        topic: "mqtt".to_string(),
        key: KEY_DEFAULT.to_string(),
        headers: vec![(TOPIC_HEADER.0.to_string(), TOPIC_HEADER.1.to_string())],
        ack: AckPolicy::Kafka,
        on_outage: OnOutage::Withhold,
        kafka: true,
        local: Local::Yes,
    }
}

pub(super) fn check(
    rules: &[RouteRule],
    places: &[RulePlaces],
    check_routes: RouteCheck,
    top: &mut Section<'_>,
) {
    for RouteFault { rule, key, message } in check_routes(rules) {
        let place = places
            .get(rule)
            .map_or(Place::File, |places| places.of(key));
        let (wrong, right) = message
            .split_once("; ")
            .unwrap_or((&message, "see the routes"));
        top.fault(place, &format!("[[route]].{key}"), wrong, right);
    }
}
