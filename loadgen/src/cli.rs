//! The command line: every flag, its default and its examples.

use clap::{Args, Parser, Subcommand};
use std::net::{SocketAddr, ToSocketAddrs};

const EXAMPLES: &str = "\
A first look, with nothing installed but this program:
  tributary-loadgen floor --listen 127.0.0.1:18830 &
  tributary-loadgen publish --target 127.0.0.1:18830 --clients 200 --rate 10000 --duration 5
Then the same against a gateway, and what it put into Kafka:
  tributary-loadgen publish --target 127.0.0.1:1883 --run demo --ledger demo.ledger
  tributary-loadgen verify --kafka 127.0.0.1:9092 --topic mqtt --run demo --ledger demo.ledger

Exit codes: 0 fine, 1 could not start, 2 wrong usage, 3 an objective was missed.";

/// Puts load on an MQTT gateway, checks what reached Kafka, and says how far from the floor it is.
#[derive(Debug, Parser)]
#[command(name = "tributary-loadgen", version, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// A bare epoll server that answers PUBLISH with PUBACK: the floor to compare with.
    Floor(FloorArgs),
}

#[derive(Debug, Args)]
pub struct FloorArgs {
    /// Where to listen; port 0 takes a free one, which is printed.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:0", value_parser = resolve)]
    pub listen: SocketAddr,
    /// Threads, each with an epoll and a listener of its own.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub threads: u32,
}

fn resolve(text: &str) -> Result<SocketAddr, String> {
    text.to_socket_addrs()
        .map_err(|error| format!("{error}; write it as HOST:PORT"))?
        .next()
        .ok_or_else(|| "the name has no address".to_owned())
}
