//! The settings as the program uses them: plain, complete and already proven valid.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;

use tracing::level_filters::LevelFilter;

use crate::log::Format;
use crate::route::RouteRule;

/// Everything one run is told, after command line, environment, file and defaults were merged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// At least one.
    pub listeners: Vec<Listener>,
    /// The clusters that were named; they are not to be started when `kafka` says `Unneeded`.
    pub clusters: Vec<Cluster>,
    pub kafka: Kafka,
    /// In order, first match wins; at least one.
    pub routes: Vec<RouteRule>,
    pub mqtt: Mqtt,
    pub shards: Shards,
    pub control: Control,
    pub drain: Drain,
    pub log: Log,
}

/// Where the records go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kafka {
    /// To `clusters`.
    Named,
    /// No cluster was named: to one in this process, called [`EMBEDDED_CLUSTER`] in the routes.
    Embedded,
    /// There are null routes only: nowhere.
    Unneeded,
}

/// The name by which routes and metrics call the embedded Kafka, and which `--kafka` defines.
pub const EMBEDDED_CLUSTER: &str = "main";

/// One address that takes clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    pub name: String,
    /// Port 0 lets the kernel choose.
    pub address: SocketAddr,
    pub protocol: Protocol,
}

/// How clients speak at a listener. The place of mqtts, ws and wss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Mqtt,
}

/// One Kafka, with one lane to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    pub name: String,
    /// Each HOST:PORT.
    pub brokers: Vec<String>,
    /// For librdkafka, as they are.
    pub properties: BTreeMap<String, String>,
    /// Records the lane holds un-acked before it answers `Full`.
    pub pending_records_max: u64,
    /// Bytes the lane holds un-acked before it answers `Full`.
    pub pending_bytes_max: u64,
    /// The lane's budget of ProduceRequests.
    pub requests_per_sec: u64,
}

/// What a client may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mqtt {
    /// Largest packet taken, and the Maximum Packet Size told in CONNACK [MQTT-3.2.2-15].
    pub packet_bytes_max: u32,
    /// QoS 1 and 2 publishes a client may have un-acked [MQTT-3.3.4-7].
    pub receive_max: u16,
    /// Highest topic alias a client may use [MQTT-3.3.2-9]; 0 forbids aliases.
    pub topic_alias_max: u16,
    /// Longer (or no) keep-alive is cut to this for v5 clients [MQTT-3.1.2-21]; 65,535 cuts none.
    pub keep_alive_secs_max: u16,
    /// How long a connection may take to send its CONNECT.
    pub connect_timeout_secs: u16,
    pub client_id_bytes_max: u16,
}

/// How the work is cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shards {
    /// `None`: one per core.
    pub count: Option<u16>,
    /// `None`: what the descriptor limit allows.
    pub max_connections: Option<u32>,
}

/// Where metrics, health and dashboard are served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control {
    pub address: SocketAddr,
    /// Set whenever `address` is not loopback.
    pub token: Option<Token>,
}

/// A secret that does not appear in logs.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(pub String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// How the program ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drain {
    /// How long to wait for pending acknowledgements.
    pub timeout_secs: u64,
}

/// What is logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    pub format: Format,
    pub level: LevelFilter,
}
