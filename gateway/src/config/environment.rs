//! Lays `TRIBUTARY_SECTION__KEY` over the file: two underscores nest, the rest is the key.

use std::collections::BTreeMap;

use super::document::{Entry, Table, Value};
use super::faults::{Faults, Place};

const PREFIX: &str = "TRIBUTARY_";

/// Names without two underscores are not ours: `TRIBUTARY_LOG` is the log's, and Kubernetes makes
/// `TRIBUTARY_PORT` and its kin for every service of that name.
pub(super) fn overlay(
    tree: &mut Table,
    environment: impl IntoIterator<Item = (String, String)>,
    faults: &mut Faults,
) {
    let ours = |(name, value): (String, String)| {
        let path: Vec<String> = name
            .strip_prefix(PREFIX)?
            .split("__")
            .map(str::to_lowercase)
            .collect();
        Some((name, (path, value)))
    };
    // Sorted, so that of two names that mean one key always the same one wins.
    let variables: BTreeMap<String, (Vec<String>, String)> = environment
        .into_iter()
        .filter_map(ours)
        .filter(|(_, (path, _))| path.len() > 1)
        .collect();
    for (name, (path, value)) in variables {
        let place = Place::Variable(name);
        match path.as_slice() {
            [first, ..] if first == "route" => {
                let wrong = "routes cannot be set here, since their order decides";
                faults.add(place, "[[route]]".into(), wrong, "write them in the file");
            }
            // librdkafka's names have dots, which no shell lets a variable have.
            [first, cluster, key, property @ ..]
                if first == "kafka" && key == "properties" && !property.is_empty() =>
            {
                let property = property.join("_").replace('_', ".");
                let path = [first.clone(), cluster.clone(), key.clone(), property];
                insert(tree, &path, &place, value);
            }
            path => insert(tree, path, &place, value),
        }
    }
}

fn insert(table: &mut Table, path: &[String], place: &Place, text: String) {
    let [first, rest @ ..] = path else { return };
    let key = spelled_as_in(table, first);
    if rest.is_empty() {
        table.insert(
            key,
            Entry {
                place: place.clone(),
                value: Value::Text(text),
            },
        );
        return;
    }
    let empty = || Entry {
        place: place.clone(),
        value: Value::Table(Table::new()),
    };
    // When the file has no table there, that is said where the key is read.
    if let Value::Table(inner) = &mut table.entry(key).or_insert_with(empty).value {
        insert(inner, rest, place, text);
    }
}

/// The table's own key when it differs in case or has dashes: no variable can be spelled so.
fn spelled_as_in(table: &Table, name: &str) -> String {
    let same = |key: &&String| key.to_lowercase().replace('-', "_") == name;
    table
        .keys()
        .find(same)
        .cloned()
        .unwrap_or_else(|| name.to_string())
}
