//! `[group.NAME]`: clusters that share the records of a route, each by its weight.

use super::destinations::cluster_names;
use super::document::{Entry, Value};
use super::faults::{Place, suggest};
use super::section::Section;
use super::settings::Cluster;
use crate::route::{GroupBy, GroupRule};

/// Weights are compared with each other; more than this tells no finer shares.
const WEIGHT_MAX: u32 = 1_000_000;
const CLUSTERS_RIGHT: &str =
    "name clusters by weight, as in { east = 1, west = 2 }, or in a list, [\"east\", \"west\"]";

/// The named groups, of clusters that there are.
pub(super) fn groups(top: &mut Section<'_>, clusters: &[Cluster]) -> Vec<GroupRule> {
    let known = cluster_names(clusters);
    let mut groups = Vec::new();
    for (name, entry) in top.named("group") {
        let title = format!("[group.{name}]");
        if known.contains(&name.as_str()) {
            let wrong = format!("there is a [kafka.{name}], too");
            let right = "give the group a name of its own";
            top.fault(entry.place.clone(), &title, wrong, right);
        }
        let read = top.child_of(title, entry);
        groups.push(match read {
            Some(section) => group(section, name, &known),
            // Kept by name, so that the routes that name it are not said to be wrong.
            None => stand_in(name, &known),
        });
    }
    groups
}

fn stand_in(name: String, known: &[&str]) -> GroupRule {
    GroupRule {
        name,
        clusters: known.iter().map(|name| ((*name).to_owned(), 1)).collect(),
        by: GroupBy::default(),
    }
}

fn group(mut section: Section<'_>, name: String, known: &[&str]) -> GroupRule {
    section.require("clusters", CLUSTERS_RIGHT);
    let mut clusters: Vec<(String, u32)> = Vec::new();
    for (cluster, weight, place) in members(&mut section) {
        if !known.contains(&cluster.as_str()) {
            let wrong = format!("there is no [kafka.{cluster}]");
            section.fault(place, "clusters", wrong, suggest(&cluster, known));
        } else if clusters.iter().any(|(other, _)| *other == cluster) {
            let wrong = format!("names \"{cluster}\" twice");
            section.fault(place, "clusters", wrong, "give it the sum as its weight");
        } else {
            clusters.push((cluster, weight));
        }
    }
    let words = [("client", GroupBy::Client), ("topic", GroupBy::Topic)];
    let by = section.choice("by", &words, &[]).unwrap_or_default();
    section.close();
    if clusters.is_empty() {
        // What is wrong has been said where it stands.
        return stand_in(name, known);
    }
    GroupRule { name, clusters, by }
}

/// The clusters of a group as written, each with its weight; without one they weigh 1 each.
fn members(section: &mut Section<'_>) -> Vec<(String, u32, Place)> {
    let Some(Entry { place, value }) = section.entry("clusters") else {
        return Vec::new();
    };
    let entries: Vec<(Option<String>, Entry)> = match value {
        Value::Table(table) => table
            .into_iter()
            .map(|(name, it)| (Some(name), it))
            .collect(),
        Value::List(items) => items.into_iter().map(|it| (None, it)).collect(),
        Value::Text(text) if matches!(place, Place::Variable(_)) => from_variable(&text, &place),
        value => {
            let wrong = format!("is {}", value.kind());
            section.fault(place, "clusters", wrong, CLUSTERS_RIGHT);
            return Vec::new();
        }
    };
    if entries.is_empty() {
        section.fault(place, "clusters", "is empty", CLUSTERS_RIGHT);
    }
    let mut members = Vec::new();
    for (name, Entry { place, value }) in entries {
        match (name, value) {
            (None, Value::Text(name)) => members.push((name, 1, place)),
            (None, value) => {
                let wrong = format!("has {} in its list", value.kind());
                section.fault(place, "clusters", wrong, CLUSTERS_RIGHT);
            }
            (Some(name), value) => {
                let weight = weight(section, &name, &value, &place);
                members.push((name, weight, place));
            }
        }
    }
    members
}

/// `east=1,west=2` or `east,west`.
fn from_variable(text: &str, place: &Place) -> Vec<(Option<String>, Entry)> {
    let items = text
        .split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty());
    let pair = |item: &str| {
        let (name, text) = match item.split_once('=') {
            Some((name, weight)) => (Some(name.trim().to_owned()), weight.trim()),
            None => (None, item),
        };
        let (place, value) = (place.clone(), Value::Text(text.to_owned()));
        (name, Entry { place, value })
    };
    items.map(pair).collect()
}

/// The weight, or 1 when it was wrong, which is said.
fn weight(section: &mut Section<'_>, cluster: &str, value: &Value, place: &Place) -> u32 {
    let number = match value {
        Value::Integer(number) => u32::try_from(*number).ok(),
        Value::Text(text) if matches!(place, Place::Variable(_)) => text.parse().ok(),
        _ => None,
    };
    if let Some(weight) = number.filter(|weight| (1..=WEIGHT_MAX).contains(weight)) {
        return weight;
    }
    let wrong = match value {
        Value::Integer(number) => format!("gives \"{cluster}\" the weight {number}"),
        Value::Text(text) => format!("gives \"{cluster}\" the weight \"{text}\""),
        other => format!("gives \"{cluster}\" {} for a weight", other.kind()),
    };
    let right = format!(
        "write a whole number from 1 to {WEIGHT_MAX}, or leave out a cluster that is to get nothing"
    );
    section.fault(place.clone(), "clusters", wrong, right);
    1
}
