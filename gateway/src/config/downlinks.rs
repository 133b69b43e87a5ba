//! The `[downlink.NAME]` tables: which Kafka topics go to devices, and how.

use tributary_proto::version::Qos;

use super::faults::{Place, suggest};
use super::section::Section;
use super::settings::{Cluster, Downlink, EMBEDDED_CLUSTER, Kafka};
use crate::kafka::downlink::{From, Rule, Template, TrayTerms};

const TOPIC_RIGHT: &str = "name the Kafka topic that is read";
const TO_RIGHT: &str = "write a template, as in \"dev/{key}/cmd\", or leave it out for the header \
                        mqtt.topic of each record";
const DEVICE_DEFAULT: &str = "{key}";
const DEVICE_RIGHT: &str = "write a template, as in \"{key}\", or \"\" for everyone who subscribes";
const GROUP_DEFAULT: &str = "tributary";
const GROUP_RIGHT: &str = "write a name of 1 to 100 letters, digits, dots, dashes or underscores";
/// Kafka's own bound on a group id is far above; a metric and a log line show it.
const NAME_BYTES_MAX: usize = 100;

const WAITING_MAX_DEFAULT: u64 = 100;
const UNCOMMITTED_MAX_DEFAULT: u64 = 100_000;

/// What is checked when all downlinks and clusters are known.
pub(super) struct DownlinkPlaces {
    cluster: Place,
    topic: Place,
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
        },
    };
    Downlink {
        name,
        cluster: cluster.unwrap_or_default(),
        group: group.map_or_else(|| GROUP_DEFAULT.to_owned(), |(group, _)| group),
        rule,
    }
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
    match (downlinks, clusters) {
        ([], _) => kafka,
        (_, []) => Kafka::Embedded,
        _ => Kafka::Named,
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
