//! Brings up the lanes that the routes need, the embedded Kafka first when no cluster is named.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Refusal;
use crate::config::{Cluster, EMBEDDED_CLUSTER, Kafka, RouteFault, Settings};
use crate::control;
use crate::kafka::{self, Embedded, Lane, LaneBounds, LaneConfig, SpoolConfig};
use crate::mailbox::Mailboxes;
use crate::route::{LaneIndex, RouteRule, RouteTable};

/// Partitions of a topic on the embedded Kafka: enough to see records of many devices spread.
const EMBEDDED_PARTITIONS: i32 = 12;

/// The compiled routes with the lanes they go to.
pub(super) struct Lanes {
    routes: Arc<RouteTable>,
    lanes: Vec<Lane>,
    /// Ends with the process.
    embedded: Option<Embedded>,
}

/// Says what is wrong with the rules, for the configuration to say where.
pub(super) fn check_routes(rules: &[RouteRule]) -> Vec<RouteFault> {
    let errors = RouteTable::compile(rules).err().unwrap_or_default();
    errors
        .into_iter()
        .map(|error| RouteFault {
            rule: error.rule,
            key: error.key,
            message: error.message,
        })
        .collect()
}

impl Lanes {
    /// Compiles the routes and starts a lane for every cluster that they, or their groups, name.
    pub(super) fn start(
        settings: &Settings,
        shards: usize,
        mailboxes: &Mailboxes,
    ) -> Result<Self, Refusal> {
        let routes = RouteTable::compile(&settings.routes).map_err(|errors| {
            errors
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("\n")
        })?;
        let embedded = match settings.kafka {
            Kafka::Embedded => Some(start_embedded(&routes, settings)?),
            Kafka::Named | Kafka::Unneeded => None,
        };
        let mut lanes = Vec::new();
        for (index, name) in (0..).zip(routes.clusters()) {
            let mut config = match &embedded {
                Some(embedded) => LaneConfig::new(name, vec![embedded.brokers().to_owned()]),
                None => lane_config(settings.clusters.iter().find(|c| c.name == *name), name)?,
            };
            config.topics = routes.topics(LaneIndex(index)).map(str::to_owned).collect();
            let lane = Lane::start(config, shards, Arc::new(mailboxes.clone()))
                .map_err(|error| error.to_string())?;
            lanes.push(lane);
        }
        Ok(Self {
            routes: Arc::new(routes),
            lanes,
            embedded,
        })
    }

    pub(super) fn routes(&self) -> Arc<RouteTable> {
        Arc::clone(&self.routes)
    }

    pub(super) fn handles(&self) -> Vec<Lane> {
        self.lanes.clone()
    }

    /// What the control plane reads.
    pub(super) fn stats(&self) -> Vec<Arc<dyn control::LaneStats>> {
        let window = |lane: &Lane| Arc::new(Window(lane.clone())) as Arc<dyn control::LaneStats>;
        self.lanes.iter().map(window).collect()
    }

    /// Where the embedded Kafka can be read, if there is one.
    pub(super) fn embedded_brokers(&self) -> Option<&str> {
        self.embedded.as_ref().map(Embedded::brokers)
    }

    /// Waits for Kafka to answer what is pending, all lanes together until `deadline`; says how
    /// many records are still unacknowledged.
    pub(super) fn drain(&self, deadline: Instant) -> u64 {
        let left = |lane: &Lane| lane.drain(deadline.saturating_duration_since(Instant::now()));
        self.lanes.iter().map(left).sum()
    }
}

fn start_embedded(routes: &RouteTable, settings: &Settings) -> Result<Embedded, Refusal> {
    let downlinks = settings.downlinks.iter();
    let mut topics: Vec<&str> = routes
        .topics(LaneIndex(0))
        .chain(downlinks.map(|downlink| &*downlink.rule.topic))
        .collect();
    topics.sort_unstable();
    topics.dedup();
    let topics: Vec<_> = topics
        .into_iter()
        .map(|topic| (topic, EMBEDDED_PARTITIONS))
        .collect();
    let embedded = Embedded::start(&topics).map_err(|error| error.to_string())?;
    tracing::warn!(
        cluster = EMBEDDED_CLUSTER,
        brokers = embedded.brokers(),
        "no Kafka was named: records go to an EMBEDDED Kafka that keeps about 5 MiB per partition \
         in memory and is gone when this process ends; name a real one by --kafka HOST:PORT"
    );
    Ok(embedded)
}

fn lane_config(cluster: Option<&Cluster>, name: &str) -> Result<LaneConfig, Refusal> {
    let Some(cluster) = cluster else {
        return Err(format!(
            "[[route]] or [group] names the cluster {name:?}; add a table [kafka.{name}]"
        ));
    };
    Ok(LaneConfig {
        properties: cluster.properties.clone(),
        bounds: LaneBounds {
            pending_records_max: cluster.pending_records_max,
            pending_bytes_max: cluster.pending_bytes_max,
        },
        requests_per_sec: u32::try_from(cluster.requests_per_sec).unwrap_or(u32::MAX),
        down_after: Duration::from_secs(cluster.down_after_secs),
        spool: cluster.spool.as_ref().map(|path| SpoolConfig {
            path: path.clone(),
            bytes_max: cluster.spool_bytes_max,
        }),
        ..LaneConfig::new(name, cluster.brokers.clone())
    })
}

/// A lane as the control plane sees it.
struct Window(Lane);

impl control::LaneStats for Window {
    fn cluster(&self) -> &str {
        self.0.name()
    }

    fn delivered(&self) -> u64 {
        self.0.stats().delivered()
    }

    fn failed(&self) -> Vec<(&'static str, u64)> {
        let stats = self.0.stats();
        kafka::Refusal::ALL
            .iter()
            .map(|why| (why.name(), stats.failed(*why)))
            .collect()
    }

    fn pending(&self) -> u64 {
        self.0.pending()
    }

    fn requests(&self) -> u64 {
        self.0.stats().requests()
    }

    fn rebuilds(&self) -> u64 {
        self.0.stats().rebuilds()
    }

    fn state(&self) -> control::LaneState {
        match self.0.stats().state() {
            kafka::LaneState::Starting => control::LaneState::Connecting,
            kafka::LaneState::Up => control::LaneState::Up,
            kafka::LaneState::Slow => control::LaneState::Slow,
            kafka::LaneState::Down => control::LaneState::Down,
            kafka::LaneState::Rebuilding => control::LaneState::Rebuilding,
        }
    }

    fn trouble(&self) -> Option<kafka::Trouble> {
        self.0.trouble()
    }

    fn spooled(&self) -> u64 {
        self.0.stats().spooled()
    }

    fn spool(&self) -> Option<kafka::SpoolReading> {
        self.0.spool()
    }
}
