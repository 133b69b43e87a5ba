//! Gives every rule the cluster or the group that it names, and says where the records go at all.

use super::faults::suggest;
use super::routes::RulePlaces;
use super::section::Section;
use super::settings::{Cluster, EMBEDDED_CLUSTER, Kafka};
use crate::route::{AckPolicy, GroupRule, RouteRule};

/// The names that routes and groups may use.
pub(super) fn cluster_names(clusters: &[Cluster]) -> Vec<&str> {
    match clusters {
        [] => vec![EMBEDDED_CLUSTER],
        some => some.iter().map(|cluster| cluster.name.as_str()).collect(),
    }
}

/// Gives every rule its cluster or its group.
pub(super) fn settle(
    rules: &mut [RouteRule],
    places: &[RulePlaces],
    clusters: &[Cluster],
    groups: &[GroupRule],
    top: &mut Section<'_>,
) -> Kafka {
    let names = cluster_names(clusters);
    for (rule, places) in rules.iter_mut().zip(places) {
        match &places.group {
            Some(_) if !rule.cluster.is_empty() => {
                let wrong = "stands beside cluster";
                let right = "leave one of them out";
                top.fault(places.of("group"), "[[route]].group", wrong, right);
            }
            Some(group) => settle_group(rule, places, group, (&names, groups), top),
            None => settle_cluster(rule, places, (&names, groups), top),
        }
        if rule.needs_spool() {
            check_spools(rule, places, clusters, top);
        }
    }
    match clusters {
        _ if !rules.iter().any(RouteRule::needs_kafka) => Kafka::Unneeded,
        [] => Kafka::Embedded,
        _ => Kafka::Named,
    }
}

fn settle_cluster(
    rule: &mut RouteRule,
    places: &RulePlaces,
    (names, groups): (&[&str], &[GroupRule]),
    top: &mut Section<'_>,
) {
    let is_missing = rule.cluster.is_empty();
    let (wrong, right) = match names {
        _ if is_missing && !rule.needs_kafka() => return,
        [only] if is_missing => {
            rule.cluster = (*only).to_owned();
            return;
        }
        _ if is_missing => {
            let wrong = "is missing, and there are several clusters".to_owned();
            (wrong, format!("name one of: {}", names.join(", ")))
        }
        _ if names.contains(&rule.cluster.as_str()) => return,
        _ => {
            let is_group = groups.iter().any(|group| group.name == rule.cluster);
            let right = match is_group {
                true => format!("write group = \"{}\"", rule.cluster),
                false => suggest(&rule.cluster, names),
            };
            (format!("there is no [kafka.{}]", rule.cluster), right)
        }
    };
    top.fault(places.of("cluster"), "[[route]].cluster", wrong, right);
}

fn settle_group(
    rule: &mut RouteRule,
    places: &RulePlaces,
    name: &str,
    (names, groups): (&[&str], &[GroupRule]),
    top: &mut Section<'_>,
) {
    rule.group = groups.iter().find(|group| group.name == name).cloned();
    if rule.group.is_some() {
        return;
    }
    let known: Vec<&str> = groups.iter().map(|group| &*group.name).collect();
    let right = match known[..] {
        _ if names.contains(&name) => format!("write cluster = \"{name}\""),
        [] => format!("add a table [group.{name}]"),
        _ => suggest(name, &known),
    };
    let wrong = format!("there is no [group.{name}]");
    top.fault(places.of("group"), "[[route]].group", wrong, right);
    // So that it is not said to name no cluster either.
    rule.cluster = names[0].to_owned();
}

/// Every cluster that may get records of a rule that wants the spool has one.
fn check_spools(
    rule: &RouteRule,
    places: &RulePlaces,
    clusters: &[Cluster],
    top: &mut Section<'_>,
) {
    let names: Vec<&str> = match &rule.group {
        Some(group) => group.clusters.iter().map(|(name, _)| &**name).collect(),
        None => vec![&rule.cluster],
    };
    let key = match rule.ack {
        AckPolicy::Spool => "ack",
        AckPolicy::Kafka | AckPolicy::Accept => "on_outage",
    };
    for name in names {
        let cluster = clusters.iter().find(|cluster| cluster.name == name);
        // Without its cluster the rule is wrong already, unless the embedded one would be meant.
        let is_embedded = clusters.is_empty() && name == EMBEDDED_CLUSTER;
        if is_embedded || cluster.is_some_and(|cluster| cluster.spool.is_none()) {
            let wrong = format!("is \"spool\", and [kafka.{name}] has none");
            let right = format!(
                "add spool = \"/var/lib/tributary/spool-{name}\" to [kafka.{name}]: a folder of \
                 its own"
            );
            top.fault(places.of(key), &format!("[[route]].{key}"), wrong, right);
        }
    }
}
