//! One rule as the configuration has it, and what can be wrong with it.

use std::fmt;

use super::group::GroupRule;

/// When a device is told that its publish is safe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AckPolicy {
    /// When Kafka has it on all in-sync replicas.
    #[default]
    Kafka,
    /// When it is on this machine's disk, from where Kafka gets it.
    Spool,
    /// At once. What Kafka does not take later is dropped and counted.
    Accept,
}

/// What happens to a publish that Kafka does not take now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnOutage {
    /// It waits, and so does its device.
    #[default]
    Withhold,
    /// It waits on disk, and its device is told that it is safe.
    Spool,
    /// It is refused.
    Reject,
}

/// Whether, and when, subscribers of the gateway get what a rule takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Local {
    /// Kafka alone reads it: no subscriber is looked for.
    No,
    /// At once, whatever Kafka says later.
    #[default]
    Yes,
    /// Once Kafka has it, or the spool: what a subscriber has seen is not lost.
    AfterKafka,
}

/// One rule of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteRule {
    /// MQTT topic filter [MQTT-4.7].
    pub filter: String,
    /// Name of the cluster; empty beside a group, and the null route needs none.
    pub cluster: String,
    /// The clusters to choose from, when it is not one.
    pub group: Option<GroupRule>,
    /// Template of the Kafka topic; empty: the null route, acknowledged at once and kept nowhere.
    pub topic: String,
    /// Template of the record's key.
    pub key: String,
    /// Name and template of each header.
    pub headers: Vec<(String, String)>,
    pub ack: AckPolicy,
    /// With `ack = "spool"` it has no meaning: everything goes to disk.
    pub on_outage: OnOutage,
    /// Whether it goes to Kafka. If not, topic, key, headers, cluster and `ack` have no meaning: it
    /// is acknowledged when it was handed to the subscribers.
    pub kafka: bool,
    /// Whether subscribers of the gateway get it as well; the null route's do by default.
    pub local: Local,
}

impl RouteRule {
    /// A rule with everything else at its default: key by client, the MQTT topic as a header.
    pub fn new(filter: &str, cluster: &str, topic: &str) -> RouteRule {
        RouteRule {
            filter: filter.to_owned(),
            cluster: cluster.to_owned(),
            group: None,
            topic: topic.to_owned(),
            key: "{client_id}".to_owned(),
            headers: vec![("mqtt.topic".to_owned(), "{topic}".to_owned())],
            ack: AckPolicy::default(),
            on_outage: OnOutage::default(),
            kafka: true,
            local: Local::default(),
        }
    }

    /// A rule for subscribers alone.
    pub fn local_only(filter: &str) -> RouteRule {
        RouteRule {
            kafka: false,
            headers: Vec::new(),
            key: String::new(),
            ..RouteRule::new(filter, "", "")
        }
    }

    /// Whether its cluster must have a spool.
    pub fn needs_spool(&self) -> bool {
        let spools = self.ack == AckPolicy::Spool || self.on_outage == OnOutage::Spool;
        self.needs_kafka() && spools
    }

    /// A null route acknowledges at once, keeps nothing and needs no cluster.
    pub fn is_null(&self) -> bool {
        self.kafka && self.topic.is_empty()
    }

    /// Whether it needs a cluster or a group.
    pub fn needs_kafka(&self) -> bool {
        self.kafka && !self.topic.is_empty()
    }
}

#[cfg(test)]
impl RouteRule {
    /// A rule by which a group has the records.
    pub(crate) fn grouped_for_test(filter: &str, topic: &str, group: GroupRule) -> RouteRule {
        RouteRule {
            group: Some(group),
            ..RouteRule::new(filter, "", topic)
        }
    }
}

/// What is wrong with a rule, for a human.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteError {
    /// Index of the rule.
    pub rule: usize,
    /// The key of the rule that is wrong.
    pub key: &'static str,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl fmt::Display for RouteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "[[route]] {}: {}: {}",
            self.rule + 1,
            self.key,
            self.message
        )
    }
}

impl std::error::Error for RouteError {}
