//! Gateways whose rules say who may do what, and what a test asks of them again and again.

use super::client::Client;
use super::gateway::{Gateway, Launch, config_file};
use super::subscriber::LOCAL_ONLY;
use super::wire::*;
use std::path::PathBuf;

/// Not authorized, in every packet that has a place for it.
pub(crate) const DENIED: u8 = 0x87;
pub(crate) const NO_WILL: Will<'_> = Will {
    topic: "",
    payload: b"gone",
    qos: 1,
    retain: false,
    properties: &[],
};

/// A gateway of several shards with these rules, in a file of their own that can be rewritten.
pub(crate) fn start_with(rules: &str, keys: &str) -> (Gateway, PathBuf) {
    let file = config_file(rules);
    let path = file.display().to_string();
    let config = format!("{LOCAL_ONLY}[access]\nrules_file = {path:?}\n{keys}");
    (Launch::default().config(&config).start(), file)
}

pub(crate) fn start(rules: &str) -> Gateway {
    start_with(rules, "").0
}

/// One rule, in TOML.
pub(crate) fn rule(effect: &str, actions: &[&str], topics: &[&str]) -> String {
    format!("[[rules]]\n{effect} = {actions:?}\ntopics = {topics:?}\n")
}

/// What the rules have denied, by action.
pub(crate) fn denied(gateway: &Gateway, action: &str) -> f64 {
    let name = "tributary_access_denied_total";
    gateway.metrics().labelled(name, "action", action)
}

/// Publishes at QoS 1; the reason of the answer.
pub(crate) fn publish(client: &mut Client, topic: &str) -> u8 {
    client.announce(Publish::qos1(0, topic, b"x"))
}
