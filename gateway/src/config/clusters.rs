//! `[kafka.NAME]` and `--kafka`: the clusters that records go to.

use std::collections::BTreeMap;

use super::faults::Place;
use super::section::Section;
use super::settings::{Cluster, EMBEDDED_CLUSTER};
use crate::kafka::limits;

/// What librdkafka must not be told from outside, since the promise to the devices hangs on it,
/// and the words that tell the same as the gateway does.
const PROPERTIES_FIXED: &[(&str, &[&str], &str)] = &[
    ("bootstrap.servers", &[], "use brokers"),
    ("metadata.broker.list", &[], "use brokers"),
    (
        "acks",
        &["all", "-1"],
        "leave it out: a PUBACK means that all in-sync replicas have it",
    ),
    (
        "request.required.acks",
        &["all", "-1"],
        "leave it out: it is always all",
    ),
    (
        "enable.idempotence",
        &["true"],
        "leave it out: without it retries reorder and duplicate",
    ),
];

/// The named clusters; `--kafka` gives the brokers of `main`, whatever else is said about it.
pub(super) fn clusters(top: &mut Section<'_>, flags: &[String]) -> Vec<Cluster> {
    let mut clusters: Vec<Cluster> = Vec::new();
    for (name, entry) in top.named("kafka") {
        let overridden = name == EMBEDDED_CLUSTER && !flags.is_empty();
        match top.child_of(format!("[kafka.{name}]"), entry) {
            Some(section) => clusters.push(cluster(section, name, overridden)),
            // Kept by name, so that the routes that name it are not said to be wrong.
            None => clusters.push(Cluster::with_defaults(&name, &[])),
        }
    }
    if flags.is_empty() {
        return clusters;
    }
    for broker in flags.iter().filter(|broker| !is_broker(broker)) {
        let wrong = format!("\"{broker}\" is not HOST:PORT");
        top.fault(
            Place::Flag("--kafka"),
            "",
            wrong,
            "as in --kafka 10.0.0.5:9092,10.0.0.6:9092",
        );
    }
    match clusters
        .iter_mut()
        .find(|cluster| cluster.name == EMBEDDED_CLUSTER)
    {
        Some(main) => main.brokers = flags.to_vec(),
        None => clusters.insert(0, Cluster::with_defaults(EMBEDDED_CLUSTER, flags)),
    }
    clusters
}

fn cluster(mut section: Section<'_>, name: String, overridden: bool) -> Cluster {
    let right = "write a list of HOST:PORT, as in [\"127.0.0.1:9092\"]";
    if !overridden {
        section.require("brokers", right);
    }
    let (brokers, place) = section
        .texts("brokers")
        .unwrap_or((Vec::new(), Place::File));
    if brokers.is_empty() && place != Place::File && !overridden {
        section.fault(place.clone(), "brokers", "is empty", right);
    }
    for broker in brokers.iter().filter(|broker| !is_broker(broker)) {
        section.fault(
            place.clone(),
            "brokers",
            format!("\"{broker}\" is not HOST:PORT"),
            right,
        );
    }
    let mut cluster = Cluster::with_defaults(&name, &brokers);
    properties(&mut section, &mut cluster);
    if let Some(records) =
        section.number("pending_records_max", 1..=limits::PENDING_RECORDS_CEILING)
    {
        cluster.pending_records_max = records;
    }
    if let Some(bytes) =
        section.number("pending_bytes_max", 1 << 20..=limits::PENDING_BYTES_CEILING)
    {
        cluster.pending_bytes_max = bytes;
    }
    if let Some(requests) = section.number("requests_per_sec", 0..=1_000_000) {
        cluster.requests_per_sec = requests;
    }
    if let Some(secs) = section.number("down_after_secs", 2..=3_600) {
        cluster.down_after_secs = secs;
    }
    spool(&mut section, &mut cluster);
    section.close();
    cluster
}

/// What goes to librdkafka; a value may stand in a file of its own.
fn properties(section: &mut Section<'_>, cluster: &mut Cluster) {
    let mut places = BTreeMap::new();
    let is_whole = section.fetch_files("properties");
    for (property, value, place) in section.map("properties") {
        let fixed = PROPERTIES_FIXED.iter().find(|(name, ..)| *name == property);
        if let Some((_, same, right)) = fixed
            && !same.contains(&value.as_str())
        {
            let wrong = format!("\"{property}\" cannot be set to \"{value}\"");
            section.fault(place, "properties", wrong, *right);
            continue;
        }
        places.insert(property.clone(), place);
        cluster.properties.insert(property, value);
    }
    if !is_whole {
        return;
    }
    for fault in cluster.properties.faults() {
        let place = places.get(&fault.name).cloned().unwrap_or(Place::File);
        let wrong = format!("\"{}\": {}", fault.name, fault.wrong);
        section.fault(place, "properties", wrong, fault.right);
    }
}

fn spool(section: &mut Section<'_>, cluster: &mut Cluster) {
    if !section.has("spool") {
        let right = "leave it out, or name the folder by spool = \"/PATH\"";
        section.forbid("spool_bytes_max", "has no meaning without spool", right);
    }
    if let Some((path, place)) = section.text("spool") {
        if path.is_empty() {
            section.fault(place, "spool", "is empty", "name a folder of its own");
        } else {
            cluster.spool = Some(path.into());
        }
    }
    if let Some(bytes) = section.number("spool_bytes_max", 1 << 20..=1 << 50) {
        cluster.spool_bytes_max = bytes;
    }
}

impl Cluster {
    fn with_defaults(name: &str, brokers: &[String]) -> Self {
        Cluster {
            name: name.to_string(),
            brokers: brokers.to_vec(),
            properties: Default::default(),
            pending_records_max: limits::PENDING_RECORDS_MAX_DEFAULT,
            pending_bytes_max: limits::PENDING_BYTES_MAX_DEFAULT,
            requests_per_sec: u64::from(limits::REQUESTS_PER_SEC_DEFAULT),
            down_after_secs: limits::DOWN_AFTER_SECS_DEFAULT,
            spool: None,
            spool_bytes_max: limits::SPOOL_BYTES_MAX_DEFAULT,
        }
    }
}

/// HOST:PORT, where a host with colons of its own stands in brackets.
fn is_broker(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else {
        return false;
    };
    let bracketed = host.starts_with('[') && host.ends_with(']');
    let plain = |c: char| !c.is_whitespace() && c != '/' && (bracketed || c != ':');
    !host.is_empty() && host.chars().all(plain) && port.parse::<u16>().is_ok_and(|port| port > 0)
}
