//! The command line: every flag, its default and its examples.

mod deliver;
mod way;

pub use deliver::DeliverArgs;
pub use way::WayArgs;

use crate::clock::secs_to_ns;
use crate::codec::Version;
use crate::failure::Failure;
use crate::plan::{Farewell, FleetPlan, Plan};
use crate::rule::KeyRule;
use crate::stamp::{RunId, STAMP_BYTES};
use clap::{Args, Parser, Subcommand};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

const EXAMPLES: &str = "\
A first look, with nothing installed but this program:
  tributary-loadgen floor --listen 127.0.0.1:18830 &
  tributary-loadgen publish --target 127.0.0.1:18830 --clients 200 --rate 10000 --duration 5
Then the same against a gateway, and what it put into Kafka:
  tributary-loadgen publish --target 127.0.0.1:1883 --run demo --ledger demo.ledger
  tributary-loadgen verify --kafka 127.0.0.1:9092 --topic mqtt --run demo --ledger demo.ledger

Exit codes: 0 fine, 1 could not start, 2 wrong usage, 3 an objective was missed.";

const CONNECT_EXAMPLES: &str = "\
  # 5,000 clients at once, held for 30 s, with what each costs the server:
  tributary-loadgen connect --target 127.0.0.1:1883 --connections 5000 --hold 30 \\
      --server-pid $(pidof tributary)
  # 15,000 with a subscription each, 1,000 connects per second, 2 % of them coming and going:
  tributary-loadgen connect --target 127.0.0.1:1883 --connections 15000 --rate 1000 \\
      --subscribe-own --churn 2 --hold 60
  # A million in one process, with two storms: the curve of who is back stands in the JSON:
  tributary-loadgen connect --target 127.0.0.1:1883 --connections 1000000 --version 5 \\
      --drop reset --storms 2 --json c1m.json
  # 50,000 over TLS, who come back by the tickets that they were given:
  tributary-loadgen connect --target 127.0.0.1:8883 --tls ca.pem --tls-name localhost \\
      --tls-resume --connections 50000 --storms 1
  # 100 over a WebSocket in TLS:
  tributary-loadgen connect --target 127.0.0.1:8084 --tls ca.pem --tls-name localhost \\
      --ws /mqtt --connections 100";

const PUBLISH_EXAMPLES: &str = "\
  # 1,000 devices, 10,000 messages per second in all, PUBACK latency from the intended time:
  tributary-loadgen publish --target 127.0.0.1:1883 --clients 1000 --rate 10000 --duration 15
  # CPU of the server per message: as fast as 10 in flight from each of 200 devices allow:
  tributary-loadgen publish --target 127.0.0.1:1883 --clients 200 --rate 0 --in-flight 10 \\
      --server-pid $(pidof tributary)
  # QoS 0, 32 messages in a write:
  tributary-loadgen publish --target 127.0.0.1:1883 --clients 200 --rate 0 --qos 0 --coalesce 32";

const VERIFY_EXAMPLES: &str = "\
  # After a run, on a Kafka that keeps everything:
  tributary-loadgen verify --kafka 127.0.0.1:9092 --topic mqtt --ledger demo.ledger
  # Beside the run, on the embedded Kafka, which keeps about 5 MiB per partition; start it first:
  tributary-loadgen verify --kafka 127.0.0.1:9092 --topic mqtt --run demo \\
      --ledger demo.ledger --follow &
  tributary-loadgen publish --target 127.0.0.1:1883 --run demo --ledger demo.ledger

Messages are named device/sequence. A second copy of a message that `publish` had to send again
after a lost connection is no fault, and neither is a missing one of QoS 0; both are counted.";

/// Puts load on an MQTT gateway, checks what reached Kafka, and says how far from the floor it is.
#[derive(Debug, Parser)]
#[command(name = "tributary-loadgen", version, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Connects many clients, holds them, and says what each costs the server.
    #[command(after_help = CONNECT_EXAMPLES)]
    Connect(ConnectArgs),
    /// Publishes in an open loop: latencies count from when a message ought to have left.
    #[command(after_help = PUBLISH_EXAMPLES)]
    Publish(PublishArgs),
    /// From device to device: publishes, subscribes, and checks every message that arrives.
    #[command(after_help = deliver::EXAMPLES)]
    Deliver(DeliverArgs),
    /// Reads Kafka back and compares it with what was acknowledged; exit 3 at any fault.
    #[command(after_help = VERIFY_EXAMPLES)]
    Verify(VerifyArgs),
    /// A bare epoll server that answers PUBLISH with PUBACK: the floor to compare with.
    Floor(FloorArgs),
}

/// What `connect` and `publish` have in common.
#[derive(Debug, Args)]
pub struct ClientArgs {
    /// The server to talk to.
    #[arg(long, value_name = "HOST:PORT", value_parser = resolve)]
    pub target: SocketAddr,
    /// MQTT version: 4 is 3.1.1, 5 is 5.0.
    #[arg(long, value_enum, value_name = "4|5", default_value = "4")]
    pub version: Version,
    /// Threads; clients are shared out among them.
    #[arg(
        long, value_name = "N", default_value_t = 1, value_parser = clap::
        value_parser!(u32).range(1..=64)
    )]
    pub threads: u32,
    /// Keep-alive that the clients ask for and keep to by PINGREQ; 0 is none.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub keepalive: u16,
    /// How long a client waits for its CONNACK.
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0, value_parser = amount)]
    pub connack_wait: f64,
    /// Addresses of 127.0.0.0/8 that a thread's clients come from; enough for them by default.
    #[arg(long, value_name = "K")]
    pub source_addresses: Option<u32>,
    /// Name of the run: client ids and payloads carry it, and `verify` asks for it.
    #[arg(long, value_name = "ID", default_value_t = run_name())]
    pub run: String,
    /// Process of the server, to report its CPU and memory.
    #[arg(long, value_name = "PID")]
    pub server_pid: Option<u32>,
    /// Writes everything that was measured to this file.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

impl ClientArgs {
    /// The plan of clients that only connect; the command fills in the rest.
    pub fn plan(&self, clients: u32) -> Result<Plan, Failure> {
        Ok(Plan {
            target: self.target,
            way: None,
            version: self.version,
            run: RunId::from_name(&self.run),
            clients,
            threads: self.threads.min(clients),
            keepalive_secs: self.keepalive,
            connect_rate: 0.0,
            opening_max: OPENING_MAX,
            connack_wait_ns: secs_to_ns(self.connack_wait),
            source_addresses: self.source_addresses,
            fleet: FleetPlan::default(),
            filters: Vec::new(),
            reconnect: false,
            publish: None,
        })
    }
}

#[derive(Debug, Args)]
pub struct ConnectArgs {
    #[command(flatten)]
    pub clients: ClientArgs,
    #[command(flatten)]
    pub way: WayArgs,
    /// Clients to connect.
    #[arg(
        long, value_name = "N", default_value_t = 1_000, value_parser = clap::
        value_parser!(u32).range(1..)
    )]
    pub connections: u32,
    /// Connects per second; 0 is as fast as they are answered.
    #[arg(long, value_name = "R", default_value_t = 0.0, value_parser = amount)]
    pub rate: f64,
    /// Connects on their way at a time, per thread.
    #[arg(
        long, value_name = "N", default_value_t = OPENING_MAX, value_parser = clap::
        value_parser!(u32).range(1..)
    )]
    pub at_once: u32,
    /// Clients without sockets behind a TUN device, for millions; as root, in a network namespace
    /// with a gateway on 0.0.0.0, --anonymous, and --target 10.255.255.254:PORT. They drop by
    /// reset.
    #[arg(long, conflicts_with_all = [
        "threads", "rate", "subscribe_own", "churn", "publishers", "reconnect", "farewell",
        "tls", "ws"
    ])]
    pub stateless: bool,
    /// A client that is refused or loses its connection comes back.
    #[arg(long)]
    pub reconnect: bool,
    /// How long to stay once all are connected or refused.
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0, value_parser = amount)]
    pub hold: f64,
    /// Each client subscribes to `dev/{client}/cmd`.
    #[arg(long)]
    pub subscribe_own: bool,
    /// Each client subscribes to this, too; may be given again. Its id replaces `{client}`, its
    /// number a braced `n`.
    #[arg(long = "subscribe", value_name = "TEMPLATE")]
    pub filters: Vec<String>,
    /// Percentage of the clients that disconnect and come back each second.
    #[arg(long, value_name = "PCT", default_value_t = 0.0, value_parser = amount)]
    pub churn: f64,
    /// How clients end their connections: DISCONNECT and FIN, or RST alone.
    #[arg(
        long = "drop",
        value_enum,
        value_name = "fin|reset",
        default_value = "fin"
    )]
    pub farewell: Farewell,
    /// After the hold, so many times: all clients drop at once and come back at once.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub storms: u32,
    /// How long to rest after each drop and after each return.
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0, value_parser = amount)]
    pub rest: f64,
    /// How long a return may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 300.0, value_parser = amount)]
    pub storm_wait: f64,
    /// The first so many clients publish during the hold, QoS 1 to `dev/{client}/telemetry`.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub publishers: u32,
    /// Messages per second over all publishers.
    #[arg(long, value_name = "R", default_value_t = 100.0, value_parser = amount)]
    pub publish_rate: f64,
    /// Objective: at most this many connects refused.
    #[arg(long, value_name = "N")]
    pub max_refused: Option<u64>,
    /// Objective: at most this many connections ended by the server.
    #[arg(long, value_name = "N")]
    pub max_ended: Option<u64>,
    /// Objective: at most this many clients not connected when the last storm is over.
    #[arg(long, value_name = "N")]
    pub max_missing: Option<u64>,
}

#[derive(Debug, Args)]
pub struct PublishArgs {
    #[command(flatten)]
    pub clients: ClientArgs,
    #[command(flatten)]
    pub way: WayArgs,
    /// Devices that publish.
    #[arg(
        long = "clients", value_name = "N", default_value_t = 100, value_parser = clap::
        value_parser!(u32).range(1..)
    )]
    pub count: u32,
    /// Messages per second over all devices; 0 is a closed loop, as fast as answers come.
    #[arg(long, value_name = "R", default_value_t = 1_000.0, value_parser = amount)]
    pub rate: f64,
    /// How long to publish; SIGINT or SIGTERM ends it early, a second one at once.
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0, value_parser = amount)]
    pub duration: f64,
    /// Quality of service.
    #[arg(
        long, value_name = "0|1|2", default_value_t = 1, value_parser = clap::
        value_parser!(u8).range(0..=2)
    )]
    pub qos: u8,
    /// Size of a payload; its first 16 bytes say which message it is.
    #[arg(long, value_name = "BYTES", default_value_t = 64, value_parser = payload_bytes)]
    pub payload: usize,
    /// Topic of a device; a client id replaces `{client}`, and the device's number a braced `n`.
    #[arg(
        long,
        value_name = "TEMPLATE",
        default_value = "dev/{client}/telemetry"
    )]
    pub topic: String,
    /// Unacknowledged messages per device [default: 1 in a closed loop, else the server's limit].
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u16).range(1..))]
    pub in_flight: Option<u16>,
    /// Messages that a device sends in one write.
    #[arg(
        long, value_name = "C", default_value_t = 1, value_parser = clap::
        value_parser!(u32).range(1..=1024)
    )]
    pub coalesce: u32,
    /// Connects per second before the publishing; 0 is as fast as they are answered.
    #[arg(long, value_name = "R", default_value_t = 0.0, value_parser = amount)]
    pub connect_rate: f64,
    /// How long to wait for the last acknowledgements.
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0, value_parser = amount)]
    pub drain: f64,
    /// Writes what was acknowledged to this file, for `verify`.
    #[arg(long, value_name = "FILE")]
    pub ledger: Option<PathBuf>,
    /// Objective: p99 of the latency.
    #[arg(long, value_name = "MS", value_parser = amount)]
    pub max_p99_ms: Option<f64>,
    /// Objective: messages refused, never sent or not acknowledged.
    #[arg(long, value_name = "N")]
    pub max_unacknowledged: Option<u64>,
}

#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Kafka's bootstrap servers.
    #[arg(long, value_name = "HOST:PORT[,..]")]
    pub kafka: String,
    /// The Kafka topic.
    #[arg(long, value_name = "NAME")]
    pub topic: String,
    /// The run that `publish` was given; the ledger's by default.
    #[arg(long, value_name = "ID")]
    pub run: Option<String>,
    /// The ledger that `publish` wrote; without it nothing can be said about losses.
    #[arg(long, value_name = "FILE")]
    pub ledger: Option<PathBuf>,
    /// Reads along while the devices publish, until the ledger is closed and all is found.
    #[arg(long)]
    pub follow: bool,
    /// Gives up when nothing new was seen for this long.
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0, value_parser = amount)]
    pub idle: f64,
    /// What the key of a record has to be.
    #[arg(long, value_enum, value_name = "RULE", default_value = "client")]
    pub key: KeyRule,
    /// A property for the Kafka client, as librdkafka names it.
    #[arg(long = "property", value_name = "KEY=VALUE", value_parser = property)]
    pub properties: Vec<(String, String)>,
    /// Objective: acknowledged messages that Kafka may lack.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub max_lost: u64,
    /// Writes the whole verdict to this file.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct FloorArgs {
    /// Where to listen; port 0 takes a free one, which is printed.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:0", value_parser = resolve)]
    pub listen: SocketAddr,
    /// Connections to be ready for; more than the descriptor limit allows are held over rings.
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    pub connections: u64,
    /// Serves over io_uring in any case.
    #[arg(long)]
    pub rings: bool,
    /// Over rings: idle peers are armed with a multishot receive instead of a one-shot poll.
    #[arg(long, requires = "rings")]
    pub multishot: bool,
    /// Threads, each with an epoll or rings and a listener of its own.
    #[arg(
        long, value_name = "N", default_value_t = 1, value_parser = clap::
        value_parser!(u32).range(1..=64)
    )]
    pub threads: u32,
}

/// Connects on their way at a time when nobody says otherwise.
const OPENING_MAX: u32 = 512;
/// The longest payload that fits beside a long topic into what a frame may hold here.
const PAYLOAD_BYTES_MAX: usize = 900_000;

/// A name that no other run has: when it began, and by whom.
fn run_name() -> String {
    format!("run-{:x}-{:x}", crate::clock::unix_ms(), std::process::id())
}

fn amount(text: &str) -> Result<f64, String> {
    let value: f64 = text
        .parse()
        .map_err(|_| "it has to be a number".to_owned())?;
    let sane = value.is_finite() && value >= 0.0;
    if sane {
        Ok(value)
    } else {
        Err("it has to be 0 or more".to_owned())
    }
}

fn property(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write it as KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

fn payload_bytes(text: &str) -> Result<usize, String> {
    let bytes: usize = text
        .parse()
        .map_err(|_| "it has to be a number of bytes".to_owned())?;
    if (STAMP_BYTES..=PAYLOAD_BYTES_MAX).contains(&bytes) {
        return Ok(bytes);
    }
    Err(format!(
        "it has to be from {STAMP_BYTES} (the stamp) to {PAYLOAD_BYTES_MAX}"
    ))
}

fn resolve(text: &str) -> Result<SocketAddr, String> {
    text.to_socket_addrs()
        .map_err(|error| format!("{error}; write it as HOST:PORT"))?
        .next()
        .ok_or_else(|| "the name has no address".to_owned())
}
