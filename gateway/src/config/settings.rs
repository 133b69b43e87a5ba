//! The settings as the program uses them: plain, complete and already proven valid.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use tracing::level_filters::LevelFilter;
use tributary_tls::settings::ALPN_MQTT;
use tributary_transport::limits::PROXY_V2_BYTES_MAX;
use tributary_transport::proxy::{Mode, Networks, Policy};

use super::access::Access;
use super::identity::{Identity, Method};
use crate::auth::ScramUser;
use crate::cli::Descriptors;
use crate::control_tls::ControlTlsFiles;
use crate::kafka::{Properties, downlink};
use crate::log::Format;
use crate::quota;
use crate::route::{GroupRule, RouteRule};
use crate::tls::Tls;

/// Everything one run is told, after command line, environment, file and defaults were merged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// At least one.
    pub listeners: Vec<Listener>,
    /// The clusters that were named; they are not to be started when `kafka` says `Unneeded`.
    pub clusters: Vec<Cluster>,
    pub kafka: Kafka,
    /// Those that were named; each route that goes to one has it with it.
    pub groups: Vec<GroupRule>,
    /// In order, first match wins; at least one.
    pub routes: Vec<RouteRule>,
    /// The Kafka topics that go to devices.
    pub downlinks: Vec<Downlink>,
    /// What this gateway is called where there are several; `None`: as its host is.
    pub node: Option<String>,
    pub mqtt: Mqtt,
    pub store: Store,
    /// Who may come in by SCRAM-SHA-256; empty: enhanced authentication is not offered.
    pub auth: Vec<ScramUser>,
    /// By which methods clients prove who they are besides.
    pub identity: Identity,
    /// `None`: everybody may do everything.
    pub access: Option<Access>,
    pub shards: Shards,
    pub control: Control,
    pub overload: Overload,
    /// What one client, user or address may take, and all of them.
    pub quota: quota::Terms,
    pub handshakes: Handshakes,
    pub tickets: TicketKeys,
    pub drain: Drain,
    pub process: Process,
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
    pub address: Address,
    pub protocol: Protocol,
    /// The one path that a WebSocket is served at; none where there is no WebSocket.
    pub path: Option<String>,
    /// From whom a PROXY header is required.
    pub proxy: Policy,
    /// What is asked of TLS; none where bytes come as they are.
    pub tls: Option<Box<Tls>>,
    /// Clients that came by it. `None`: as many as the gateway takes.
    pub connections_max: Option<u32>,
    /// `None`: as `[mqtt]` says.
    pub packet_bytes_max: Option<u32>,
    /// By which methods clients prove who they are. `None`: nobody asks.
    pub auth: Option<Vec<Method>>,
}

impl Listener {
    /// MQTT as it is, from everybody.
    pub fn plain(name: String, address: SocketAddr) -> Self {
        Listener {
            name,
            address: Address::Tcp(address),
            protocol: Protocol::Mqtt,
            path: None,
            proxy: Policy {
                mode: Mode::Refused,
                trusted: Networks::default(),
                v2_bytes_max: PROXY_V2_BYTES_MAX,
            },
            tls: None,
            connections_max: None,
            packet_bytes_max: None,
            auth: None,
        }
    }
}

/// Where a listener is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// Port 0 lets the kernel choose.
    Tcp(SocketAddr),
    /// A socket at this path, with these permission bits.
    Unix { path: PathBuf, mode: u32 },
}

impl Address {
    /// Whether two listeners cannot both have it.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Address::Tcp(one), Address::Tcp(other)) => one == other && one.port() != 0,
            (Address::Unix { path: one, .. }, Address::Unix { path: other, .. }) => one == other,
            _ => false,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(address) => write!(f, "{address}"),
            Address::Unix { path, .. } => write!(f, "unix:{}", path.display()),
        }
    }
}

/// How clients speak at a listener, under TLS or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Mqtt,
    WebSocket,
}

impl Protocol {
    /// Its name in a TLS handshake; a WebSocket begins with HTTP/1.1 \[RFC 7301 6\].
    pub fn alpn(self) -> &'static str {
        match self {
            Self::Mqtt => ALPN_MQTT,
            Self::WebSocket => "http/1.1",
        }
    }
}

/// What TLS handshakes may take of the time of the shards, per second and shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handshakes {
    pub full_per_sec: u32,
    /// By a ticket.
    pub resumed_per_sec: u32,
}

/// What session tickets are sealed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TicketKeys {
    /// Shared by gateways that take each other's tickets; `None`: one of the process's own.
    pub secret: Option<Token>,
    /// How long a key is used; its tickets are good for at most twice as long.
    pub rotation_secs: u64,
}

/// One Kafka, with one lane to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    pub name: String,
    /// Each HOST:PORT.
    pub brokers: Vec<String>,
    /// For librdkafka, as they are.
    pub properties: Properties,
    /// Records the lane holds un-acked before it answers `Full`.
    pub pending_records_max: u64,
    /// Bytes the lane holds un-acked before it answers `Full`.
    pub pending_bytes_max: u64,
    /// The lane's budget of ProduceRequests.
    pub requests_per_sec: u64,
    /// How long the oldest request may be un-acked before the lane is down.
    pub down_after_secs: u64,
    /// The folder that keeps what Kafka does not have yet; none: it waits with the devices.
    pub spool: Option<PathBuf>,
    pub spool_bytes_max: u64,
}

/// A Kafka topic that goes to devices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Downlink {
    pub name: String,
    /// The name of its cluster.
    pub cluster: String,
    /// Offsets are committed under this, and the name of the node unless others share it.
    pub group: String,
    /// How it is shared with other gateways; none: this one has its devices for itself.
    pub sharing: Option<Sharing>,
    pub rule: downlink::Rule,
}

/// How a downlink is shared by several gateways.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sharing {
    /// The Kafka topic in which they announce what was handed off.
    pub handoffs: String,
    /// How long one that is gone keeps the partitions for which it commits.
    pub session_timeout_secs: u64,
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
    /// Highest QoS taken, and the Maximum QoS told in CONNACK \[MQTT-3.2.2-9\]: 0, 1 or 2.
    pub maximum_qos: u8,
    /// What the Response Information of a client begins with, its client id following
    /// \[section 3.2.2.3.15\]; none: it gets no such property.
    pub response_information: Option<String>,
    /// How long a session may outlive its connection [MQTT-3.1.3-7]; 4,294,967,295 is for ever.
    pub session_expiry_secs_max: u32,
    /// How long a will may be held back; it goes out with the end of its session at the latest.
    pub will_delay_secs_max: u32,
    pub subscriptions_per_client_max: u32,
    /// Messages that wait for one client, and their bytes; beyond it `queue_drop` decides.
    pub queue_messages_max: u32,
    pub queue_bytes_max: u64,
    pub queue_drop: QueueDrop,
    /// Bytes that wait for all clients of the node together.
    pub queued_bytes_max: u64,
    /// Retained messages of the node, and their bytes.
    pub retained_count_max: u32,
    pub retained_bytes_max: u64,
    /// How often the `$SYS` topics are brought up to date; 0 leaves them out.
    pub sys_interval_secs: u16,
}

/// Which message gives way when the queue of an absent client is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QueueDrop {
    /// The one that waits longest: the client gets the latest news.
    #[default]
    Oldest,
    /// The one that comes: what the client gets has no hole until the queue was full.
    Newest,
}

/// Where sessions and retained messages are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Store {
    /// They end with the process.
    #[default]
    Memory,
    /// In a directory of this machine: they survive even a kill -9.
    Local { path: PathBuf },
}

/// How the work is cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shards {
    /// `None`: one per core.
    pub count: Option<u16>,
    /// `None`: what the descriptor limit allows.
    pub max_connections: Option<u32>,
    pub descriptors: Descriptors,
}

/// From when on newcomers are turned away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overload {
    /// CONNECTs let in per second by all shards together. `None`: by the number of shards.
    pub connects_per_sec: Option<u32>,
    /// How long an event may wait, smoothed over about half a second.
    pub event_delay_millis_max: u32,
    /// Resident memory and the kernel's share of the sockets. `None`: most of what there is.
    pub memory_bytes_max: Option<u64>,
    /// How long all lanes may be full; 0 does not mind.
    pub lane_full_secs_max: u32,
}

/// Where metrics, health and dashboard are served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control {
    pub address: SocketAddr,
    /// Set whenever `address` is not loopback.
    pub token: Option<Token>,
    /// Set whenever `address` is not loopback.
    pub tls: Option<ControlTlsFiles>,
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
    /// Where clients are sent instead, told with reason 0x9C \[section 4.13\].
    pub server_reference: Option<String>,
}

/// Whom the process becomes, and what a crash may leave behind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Process {
    /// Who it is once its sockets are open. `None`: whoever has started it.
    pub user: Option<String>,
    /// `None`: the group of that user.
    pub group: Option<String>,
    /// Whether a crash may write the memory to disk, with every secret in it.
    pub core_dumps: bool,
}

/// What is logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    pub format: Format,
    pub level: LevelFilter,
}
