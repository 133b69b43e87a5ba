//! The routes of a gateway, compiled: first match wins.

use super::filter::Filter;
use super::group::{Group, LaneIndex};
use super::rule::{AckPolicy, Local, OnOutage, RouteError, RouteRule};
use super::template::{Context, Template};
use crate::kafka::{Batch, Policy, limits, topic_name};

/// Clusters that routes can name, in groups or alone.
const LANES_MAX: usize = 1 << 8;

/// All routes in their order.
#[derive(Clone, Debug, Default)]
pub struct RouteTable {
    routes: Vec<Route>,
    clusters: Vec<String>,
}

/// Where publishes of one rule go.
#[derive(Clone, Debug)]
pub struct Route {
    filter: Filter,
    destination: Destination,
    topic: Template,
    key: Template,
    headers: Vec<(Box<str>, Template)>,
    policy: Policy,
    is_accepting: bool,
    local: Local,
    is_null: bool,
}

/// Where the records of a rule go.
#[derive(Clone, Debug)]
enum Destination {
    /// Kafka does not get them.
    Nowhere,
    Lane(LaneIndex),
    /// To a lane that is chosen for each.
    Group(Group),
}

impl RouteTable {
    /// Compiles the rules, or says all that is wrong with them.
    pub fn compile(rules: &[RouteRule]) -> Result<RouteTable, Vec<RouteError>> {
        let (mut table, mut errors) = (RouteTable::default(), Vec::new());
        let mut filters: Vec<(usize, Filter)> = Vec::new();
        for (index, rule) in rules.iter().enumerate() {
            let mut fail = |key, message| {
                errors.push(RouteError {
                    rule: index,
                    key,
                    message,
                })
            };
            let filter = match Filter::parse(&rule.filter) {
                Ok(filter) => filter,
                Err(message) => {
                    fail("filter", message);
                    continue;
                }
            };
            if let Some((earlier, _)) = filters.iter().find(|(_, wide)| wide.covers(&filter)) {
                let (wide, number) = (&rules[*earlier].filter, earlier + 1);
                let right = "put the narrower rule first, or remove it";
                fail(
                    "filter",
                    format!(
                        "{:?} can never match: rule {number} ({wide:?}) takes all of it; {right}",
                        rule.filter
                    ),
                );
            }
            filters.push((index, filter.clone()));
            if let Some(route) = Route::compile(rule, filter, &mut table.clusters, &mut fail) {
                table.routes.push(route);
            }
        }
        if errors.is_empty() {
            Ok(table)
        } else {
            Err(errors)
        }
    }

    /// The route of a topic: the first that matches.
    pub fn find(&self, mqtt_topic: &str) -> Option<&Route> {
        self.routes
            .iter()
            .find(|route| route.filter.matches(mqtt_topic))
    }

    /// The place among the rules of the one that a topic goes by.
    pub fn position(&self, mqtt_topic: &str) -> Option<usize> {
        let matches = |route: &Route| route.filter.matches(mqtt_topic);
        self.routes.iter().position(matches)
    }

    /// Names of the clusters that routes go to, alone or in groups; a [`LaneIndex`] counts in this
    /// order.
    pub fn clusters(&self) -> &[String] {
        &self.clusters
    }

    /// The Kafka topics of one lane that are known before any publish.
    pub fn topics(&self, lane: LaneIndex) -> impl Iterator<Item = &str> {
        let routes = self
            .routes
            .iter()
            .filter(move |route| route.destination.has(lane));
        routes.filter_map(|route| route.topic.literal())
    }

    /// All routes, in order.
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }
}

impl Route {
    fn compile(
        rule: &RouteRule,
        filter: Filter,
        clusters: &mut Vec<String>,
        fail: &mut impl FnMut(&'static str, String),
    ) -> Option<Route> {
        let captures = filter.captures();
        let mut parse = |key, text: &str| match Template::parse(text, &captures) {
            Ok(template) => Some(template),
            Err(message) => {
                fail(key, message);
                None
            }
        };
        let (topic, key) = (parse("topic", &rule.topic), parse("key", &rule.key));
        let headers = rule.headers.iter().map(|(name, template)| {
            parse("headers", template).map(|template| (name.as_str().into(), template))
        });
        // Not lazily: each wrong header is to be told.
        let headers: Vec<Option<(Box<str>, Template)>> = headers.collect();
        let headers: Option<Vec<_>> = headers.into_iter().collect();
        check_headers(rule, fail);
        check_local(rule, fail);
        let (topic, key, headers) = (topic?, key?, headers?);
        check_topic(&topic, fail);
        let destination = Destination::compile(rule, &topic, clusters, fail);
        Some(Route {
            filter,
            destination,
            topic,
            key,
            headers,
            policy: policy(rule),
            is_accepting: rule.ack == AckPolicy::Accept,
            local: rule.local,
            is_null: rule.is_null(),
        })
    }

    /// Whether it is the null route: acknowledged at once, kept by nobody.
    pub fn is_null(&self) -> bool {
        self.is_null
    }

    /// Whether it has a lane; the null route and one that is for subscribers alone have none.
    pub fn has_lane(&self) -> bool {
        !matches!(self.destination, Destination::Nowhere)
    }

    /// The lane of one publish, the same in every gateway and whatever is up or down.
    pub fn lane(&self, context: &Context<'_>) -> Option<LaneIndex> {
        match &self.destination {
            Destination::Nowhere => None,
            Destination::Lane(lane) => Some(*lane),
            Destination::Group(group) => Some(group.lane(&self.topic, context)),
        }
    }

    /// Whether a device is told at once that its publish is safe.
    pub fn is_accepting(&self) -> bool {
        self.is_accepting
    }

    /// What its records want when Kafka is away.
    pub fn policy(&self) -> Policy {
        self.policy
    }

    /// Whether, and when, subscribers of the gateway get it as well. `AfterKafka` has a lane.
    pub fn local(&self) -> Local {
        self.local
    }

    /// The bytes of key, headers and payload that [`Route::render`] writes: what
    /// [`crate::kafka::Lane::admit`] is asked for.
    pub fn weigh(&self, context: &Context<'_>, payload_bytes: usize) -> usize {
        let header = |(name, value): &(Box<str>, Template)| {
            Batch::header_bytes(name.len(), value.weigh(context))
        };
        self.key.weigh(context) + self.headers.iter().map(header).sum::<usize>() + payload_bytes
    }

    /// Writes the record of one publish into the batch for its lane.
    pub fn render(&self, context: &Context<'_>, into: &mut Batch, payload: &[u8], ticket: u64) {
        let mut record = into
            .open()
            .topic(|bytes| self.topic.render(context, bytes))
            .key(|bytes| self.key.render(context, bytes));
        for (name, value) in &self.headers {
            record = record.header(name, |bytes| value.render(context, bytes));
        }
        record.policy(self.policy).finish(payload, ticket);
    }
}

fn policy(rule: &RouteRule) -> Policy {
    match (rule.ack, rule.on_outage) {
        (AckPolicy::Spool, _) => Policy::SpoolFirst,
        (_, OnOutage::Withhold) => Policy::Withhold,
        (_, OnOutage::Spool) => Policy::SpoolInOutage,
        (_, OnOutage::Reject) => Policy::Reject,
    }
}

impl Destination {
    /// Nowhere also when something is wrong with it, which is said.
    fn compile(
        rule: &RouteRule,
        topic: &Template,
        clusters: &mut Vec<String>,
        fail: &mut impl FnMut(&'static str, String),
    ) -> Destination {
        if !rule.needs_kafka() {
            return Destination::Nowhere;
        }
        let Some(group) = &rule.group else {
            let lane = lane("cluster", &rule.cluster, clusters, fail);
            return lane.map_or(Destination::Nowhere, Destination::Lane);
        };
        if group.clusters.is_empty() {
            let right = "name its clusters, as in clusters = { east = 1, west = 2 }";
            fail("group", format!("{:?} has no cluster; {right}", group.name));
        }
        let lane_of = |name: &str| lane("group", name, clusters, fail);
        let Some(group) = Group::compile(group, topic, lane_of) else {
            return Destination::Nowhere;
        };
        let only = group.only_lane();
        only.map_or(Destination::Group(group), Destination::Lane)
    }

    /// Whether some record may take this lane.
    fn has(&self, lane: LaneIndex) -> bool {
        match self {
            Destination::Nowhere => false,
            Destination::Lane(only) => *only == lane,
            Destination::Group(group) => group.has(lane),
        }
    }
}

/// The lane of a cluster; `key` is that of the rule which names it.
fn lane(
    key: &'static str,
    cluster: &str,
    clusters: &mut Vec<String>,
    fail: &mut impl FnMut(&'static str, String),
) -> Option<LaneIndex> {
    if cluster.is_empty() {
        fail(
            key,
            "names no cluster; name one of the [kafka.NAME] tables".into(),
        );
        return None;
    }
    let known = clusters.iter().position(|other| other == cluster);
    let index = known.unwrap_or_else(|| {
        clusters.push(cluster.to_owned());
        clusters.len() - 1
    });
    match u8::try_from(index) {
        Ok(index) => Some(LaneIndex(index)),
        Err(_) => {
            let wrong = format!("names one cluster too many, {cluster:?}");
            fail(key, format!("{wrong}; routes can name {LANES_MAX} of them"));
            None
        }
    }
}

fn check_topic(topic: &Template, fail: &mut impl FnMut(&'static str, String)) {
    if topic.is_empty() {
        return;
    }
    let right = "Kafka allows letters, digits, \".\", \"_\" and \"-\", at most 249 of them";
    if let Some(name) = topic.literal().filter(|name| !topic_name::is_legal(name)) {
        fail("topic", format!("{name:?} is no Kafka topic; {right}"));
    } else if let Some(text) = topic
        .literals()
        .find(|text| !text.bytes().all(topic_name::is_legal_byte))
    {
        fail(
            "topic",
            format!("{text:?} cannot stand in a Kafka topic; {right}"),
        );
    }
}

fn check_local(rule: &RouteRule, fail: &mut impl FnMut(&'static str, String)) {
    match rule.local {
        Local::No if !rule.kafka => {
            let wrong = "is false beside kafka = false, so that nobody would get it";
            fail(
                "local",
                format!("{wrong}; leave one out, or write topic = \"\""),
            );
        }
        Local::AfterKafka if !rule.needs_kafka() => {
            let wrong = "waits for Kafka, which this rule does not go to";
            fail("local", format!("{wrong}; write true, or a topic"));
        }
        _ => {}
    }
}

fn check_headers(rule: &RouteRule, fail: &mut impl FnMut(&'static str, String)) {
    if rule.headers.len() > limits::HEADERS_MAX {
        let (count, max) = (rule.headers.len(), limits::HEADERS_MAX);
        fail(
            "headers",
            format!("has {count} entries; a record carries at most {max}"),
        );
    }
    if rule
        .headers
        .iter()
        .any(|(name, _)| name.is_empty() || name.len() > 249)
    {
        fail(
            "headers",
            "has a name that is empty or longer than 249 bytes".into(),
        );
    }
}

#[cfg(test)]
mod tests;
