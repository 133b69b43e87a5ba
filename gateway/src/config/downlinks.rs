//! The `[downlink.NAME]` tables: which Kafka topics go to devices, and how.

use std::ops::RangeInclusive;

use tributary_proto::version::Qos;

use super::faults::{Place, suggest};
use super::section::Section;
use super::settings::{Cluster, Downlink, EMBEDDED_CLUSTER, Kafka, Sharing};
use crate::kafka::downlink::{From, Rule, Template, TrayTerms};
use crate::kafka::topic_name;

const TOPIC_RIGHT: &str = "name the Kafka topic that is read";
const TO_RIGHT: &str = "write a template, as in \"dev/{key}/cmd\", or leave it out for the header \
                        mqtt.topic of each record";
const DEVICE_DEFAULT: &str = "{key}";
const DEVICE_RIGHT: &str = "write a template, as in \"{key}\", or \"\" for everyone who subscribes";
const GROUP_DEFAULT: &str = "tributary";
const GROUP_RIGHT: &str = "write a name of 1 to 100 letters, digits, dots, dashes or underscores";
/// Kafka's own bound on a group id is far above; a metric and a log line show it.
const NAME_BYTES_MAX: usize = 100;

const HANDOFFS_RIGHT: &str = "name a Kafka topic of 1 to 249 letters, digits, dots, dashes or \
                              underscores, which nothing else uses";
const SESSION_TIMEOUT_SECS_DEFAULT: u64 = 30;
/// Kafka's own bounds unless its brokers are told otherwise (`group.min.session.timeout.ms`,
/// `group.max.session.timeout.ms`).
const SESSION_TIMEOUT_SECS: RangeInclusive<u64> = 6..=1_800;

const WAITING_MAX_DEFAULT: u64 = 100;
const UNCOMMITTED_MAX_DEFAULT: u64 = 100_000;

/// What is checked when all downlinks and clusters are known.
pub(super) struct DownlinkPlaces {
    cluster: Place,
    topic: Place,
    gateways: Place,
}

/// The downlinks as written, in the order of their names.
pub(super) fn read(top: &mut Section<'_>) -> (Vec<Downlink>, Vec<DownlinkPlaces>) {
    let mut downlinks = Vec::new();
    let mut places = Vec::new();
    for (index, (name, entry)) in top.named("downlink").into_iter().enumerate() {
        let title = format!("[downlink.{name}]");
        if let Some(mut section) = top.child_of(title, entry) {
            places.push(DownlinkPlaces {
                cluster: section.place_of("cluster"),
                topic: section.place_of("topic"),
                gateways: section.place_of("gateways"),
            });
            downlinks.push(downlink(&mut section, name, index as u16));
            section.close();
        }
    }
    (downlinks, places)
}

fn downlink(section: &mut Section<'_>, name: String, index: u16) -> Downlink {
    section.require("topic", TOPIC_RIGHT);
    let topic = section.text("topic");
    if let Some((_, place)) = topic.as_ref().filter(|(topic, _)| topic.is_empty()) {
        section.fault(place.clone(), "topic", "is empty", TOPIC_RIGHT);
    }
    let cluster = section.text("cluster").map(|(cluster, _)| cluster);
    let group = section.text("group");
    if let Some((group, place)) = group.as_ref().filter(|(group, _)| !is_group_name(group)) {
        let wrong = format!("is \"{group}\"");
        section.fault(place.clone(), "group", wrong, GROUP_RIGHT);
    }
    let group = group.map_or_else(|| GROUP_DEFAULT.to_owned(), |(group, _)| group);
    let sharing = sharing(section, &group);
    let device_place = section.place_of("device");
    let latest = section.boolean("latest").unwrap_or(false);
    let drops = [("oldest", false), ("newest", true)];
    let rule = Rule {
        topic: topic.map_or_else(String::new, |(topic, _)| topic),
        to: template(section, "to", None, TO_RIGHT),
        device: template(section, "device", Some(DEVICE_DEFAULT), DEVICE_RIGHT),
        qos: section
            .number("qos", 0..=2)
            .and_then(|qos| Qos::from_bits(qos as u8))
            .unwrap_or(Qos::AtLeastOnce),
        expiry_secs: section
            .number("expiry_secs", 0..=u64::from(u32::MAX - 1))
            .unwrap_or(0) as u32,
        user_properties: section.boolean("user_properties").unwrap_or(false),
        uncommitted_max: section
            .number("uncommitted_max", 1..=10_000_000)
            .unwrap_or(UNCOMMITTED_MAX_DEFAULT) as usize,
        from: section
            .choice("from", &[("begin", From::Begin), ("end", From::End)], &[])
            // What a compacted topic says is how things are, whenever that was written.
            .unwrap_or(if latest { From::Begin } else { From::End }),
        terms: TrayTerms {
            rule: index,
            waiting_max: section
                .number("queue_max", 1..=10_000)
                .unwrap_or(WAITING_MAX_DEFAULT) as usize,
            drops_newest: section.choice("drop", &drops, &[]).unwrap_or(false),
            latest,
            several: sharing.is_some(),
        },
    };
    if sharing.is_some() && rule.device.is_none() {
        let wrong = "is \"\", and gateways is \"several\"";
        let right = "name a device, or leave gateways out: what is for everyone each gateway hands \
                     off to its own, and commits for itself";
        section.fault(device_place, "device", wrong, right);
    }
    Downlink {
        name,
        cluster: cluster.unwrap_or_default(),
        group,
        sharing,
        rule,
    }
}

/// How a downlink is shared with other gateways, if it is.
fn sharing(section: &mut Section<'_>, group: &str) -> Option<Sharing> {
    let gateways = [("one", false), ("several", true)];
    if !section.choice("gateways", &gateways, &[]).unwrap_or(false) {
        for key in ["handoffs", "session_timeout_secs"] {
            let wrong = "means something only where gateways is \"several\"";
            section.forbid(key, wrong, "leave it out, or write gateways = \"several\"");
        }
        return None;
    }
    let handoffs = section.text("handoffs");
    let is_wrong = |name: &str| !topic_name::is_legal(name);
    if let Some((name, place)) = handoffs.as_ref().filter(|(name, _)| is_wrong(name)) {
        let wrong = format!("is \"{name}\"");
        section.fault(place.clone(), "handoffs", wrong, HANDOFFS_RIGHT);
    }
    Some(Sharing {
        handoffs: handoffs.map_or_else(|| format!("{group}.handoffs"), |(name, _)| name),
        session_timeout_secs: section
            .number("session_timeout_secs", SESSION_TIMEOUT_SECS)
            .unwrap_or(SESSION_TIMEOUT_SECS_DEFAULT),
    })
}

/// A template; none when it is empty, or not written and has no default.
fn template(
    section: &mut Section<'_>,
    key: &'static str,
    default: Option<&str>,
    right: &str,
) -> Option<Template> {
    let place = section.place_of(key);
    let text = section.text(key).map(|(text, _)| text);
    let text = text.or(default.map(str::to_owned))?;
    if text.is_empty() {
        if default.is_none() {
            section.fault(place, key, "is empty", right);
        }
        return None;
    }
    match Template::parse(&text) {
        Ok(template) => Some(template),
        Err(message) => {
            let (wrong, right) = message.split_once("; ").unwrap_or((&message, right));
            section.fault(place, key, wrong, right);
            None
        }
    }
}

fn is_group_name(name: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    !name.is_empty() && name.len() <= NAME_BYTES_MAX && name.chars().all(is_letter)
}

/// Gives every downlink its cluster, and says whether Kafka is needed by now.
pub(super) fn settle_clusters(
    downlinks: &mut [Downlink],
    places: &[DownlinkPlaces],
    clusters: &[Cluster],
    kafka: Kafka,
    top: &mut Section<'_>,
) -> Kafka {
    let mut names: Vec<&str> = clusters.iter().map(|one| &*one.name).collect();
    if names.is_empty() {
        names.push(EMBEDDED_CLUSTER);
    }
    for (downlink, places) in downlinks.iter_mut().zip(places) {
        let key = format!("[downlink.{}].cluster", downlink.name);
        if !downlink.cluster.is_empty() {
            if !names.contains(&&*downlink.cluster) {
                let wrong = format!("there is no [kafka.{}]", downlink.cluster);
                let right = suggest(&downlink.cluster, &names);
                top.fault(places.cluster.clone(), &key, wrong, right);
            }
        } else if let [only] = names[..] {
            downlink.cluster = only.to_owned();
        } else {
            let wrong = "is missing, and there are several clusters";
            let right = format!("name one of: {}", names.join(", "));
            top.fault(places.cluster.clone(), &key, wrong, right);
        }
    }
    for (index, downlink) in downlinks.iter().enumerate() {
        let same = |other: &&Downlink| {
            other.cluster == downlink.cluster && other.rule.topic == downlink.rule.topic
        };
        if let Some(earlier) = downlinks[..index].iter().find(same) {
            let key = format!("[downlink.{}].topic", downlink.name);
            let wrong = format!("[downlink.{}] reads this topic already", earlier.name);
            let right = "keep one of the two, or use a topic for each";
            top.fault(places[index].topic.clone(), &key, wrong, right);
        }
    }
    for (index, downlink) in downlinks.iter().enumerate() {
        check_sharing(downlink, &downlinks[..index], &places[index], clusters, top);
    }
    match (downlinks, clusters) {
        ([], _) => kafka,
        (_, []) => Kafka::Embedded,
        _ => Kafka::Named,
    }
}

/// What is shared must be there for others, and the same for all that commit under one group.
fn check_sharing(
    downlink: &Downlink,
    earlier: &[Downlink],
    places: &DownlinkPlaces,
    clusters: &[Cluster],
    top: &mut Section<'_>,
) {
    let Some(sharing) = &downlink.sharing else {
        return;
    };
    let key = format!("[downlink.{}].gateways", downlink.name);
    let mut fault = |wrong: String, right| top.fault(places.gateways.clone(), &key, wrong, right);
    if clusters.is_empty() {
        let wrong = "is \"several\", and the embedded Kafka is of one gateway alone".to_owned();
        fault(wrong, "add a table [kafka.NAME], or leave gateways out");
    }
    let is_of_group = |other: &&Downlink| {
        (&other.cluster, &other.group) == (&downlink.cluster, &downlink.group)
            && other.sharing.as_ref().is_some_and(|other| other != sharing)
    };
    if let Some(other) = earlier.iter().find(is_of_group) {
        let wrong = format!(
            "[downlink.{}] has the same group and another handoffs or session_timeout_secs",
            other.name
        );
        fault(wrong, "write the same in both, or another group");
    }
}

/// `[node]`: what this gateway is called where there are several.
pub(super) fn node(top: &mut Section<'_>) -> Option<String> {
    let mut section = top.section("node");
    let name = section.text("name");
    if let Some((name, place)) = name.as_ref().filter(|(name, _)| !is_group_name(name)) {
        let wrong = format!("is \"{name}\"");
        section.fault(place.clone(), "name", wrong, GROUP_RIGHT);
    }
    section.close();
    name.map(|(name, _)| name)
}
