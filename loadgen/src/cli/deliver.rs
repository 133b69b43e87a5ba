//! The flags of `deliver`.

use super::{ClientArgs, amount, payload_bytes};
use clap::Args;

pub(super) const EXAMPLES: &str = "\
  # From each of 100 devices to one other, QoS 1, latency from the intended time to the arrival:
  tributary-loadgen deliver --target 127.0.0.1:1883 --topics 100 --rate 10000 --duration 10
  # One publisher and 1,000 subscribers, as fast as they all get it; CPU of the server for each:
  tributary-loadgen deliver --target 127.0.0.1:1883 --topics 1 --subscribers 1000 --qos 0 \\
      --rate 0 --in-flight 4 --server-pid $(pidof tributary)
  # Subscribers leave, 500 messages are kept for each, they come back and must get them all:
  tributary-loadgen deliver --target 127.0.0.1:1883 --topics 200 --rate 0 --in-flight 10 \\
      --away 500 --version 5

Every message is checked at every subscriber: lost, duplicated, out of order, changed in any byte.
A closed loop sends the next message of a topic when all its subscribers have an earlier one.
Exit code 3 at any fault; at QoS 0 what is missing is counted and is no fault.";

#[derive(Debug, Args)]
pub struct DeliverArgs {
    #[command(flatten)]
    pub clients: ClientArgs,
    /// Topics, each with one publisher of its own.
    #[arg(
        long, value_name = "N", default_value_t = 100, value_parser = clap::
        value_parser!(u32).range(1..)
    )]
    pub topics: u32,
    /// Subscribers of each topic.
    #[arg(
        long, value_name = "S", default_value_t = 1, value_parser = clap::
        value_parser!(u32).range(1..)
    )]
    pub subscribers: u32,
    /// Messages published per second over all topics; 0 is a closed loop.
    #[arg(long, value_name = "R", default_value_t = 1_000.0, value_parser = amount)]
    pub rate: f64,
    /// How long to publish; with --away the number of messages says when it is over.
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0, value_parser = amount)]
    pub duration: f64,
    /// Quality of service, up and down.
    #[arg(
        long, value_name = "0|1|2", default_value_t = 1, value_parser = clap::
        value_parser!(u8).range(0..=2)
    )]
    pub qos: u8,
    /// Size of a payload; its first 16 bytes say which message it is.
    #[arg(long, value_name = "BYTES", default_value_t = 64, value_parser = payload_bytes)]
    pub payload: usize,
    /// Name of a topic: its first subscriber's id replaces `{client}`, its number a braced `n`
    /// [default: dev/{client}/cmd for one subscriber, else news/{n}].
    #[arg(long, value_name = "TEMPLATE")]
    pub topic: Option<String>,
    /// Messages of a topic on their way at a time [default: 1 in a closed loop, else no bound but
    /// the packet ids].
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u16).range(1..=60_000))]
    pub in_flight: Option<u16>,
    /// Connects per second before the publishing; 0 is as fast as they are answered.
    #[arg(long, value_name = "R", default_value_t = 0.0, value_parser = amount)]
    pub connect_rate: f64,
    /// Sessions of subscribers outlive their connections.
    #[arg(long)]
    pub persistent: bool,
    /// Subscribers are away while so many messages per topic are published, then come back.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub away: u32,
    /// How long nothing may arrive before what is missing counts as lost.
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0, value_parser = amount)]
    pub drain: f64,
    /// Objective: p99 of the latency from the intended time to the arrival.
    #[arg(long, value_name = "MS", value_parser = amount)]
    pub max_p99_ms: Option<f64>,
    /// Objective: messages lost; 0 at QoS 1 and 2, and no bound at QoS 0, where nothing is said.
    #[arg(long, value_name = "N")]
    pub max_lost: Option<u64>,
}
