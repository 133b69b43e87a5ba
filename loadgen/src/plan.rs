//! What the clients of a run do, the same for all of them.

use crate::codec::Version;
use crate::stamp::RunId;
use crate::way::Way;
use clap::ValueEnum;
use std::net::SocketAddr;

#[derive(Clone, Debug)]
pub struct Plan {
    pub target: SocketAddr,
    /// What is between MQTT and TCP; `None` is nothing.
    pub way: Option<Way>,
    pub version: Version,
    pub run: RunId,
    pub clients: u32,
    pub threads: u32,
    pub keepalive_secs: u16,
    /// Connects per second over all clients; 0 is as fast as they are answered.
    pub connect_rate: f64,
    /// Connects on their way at a time in one thread.
    pub opening_max: u32,
    pub connack_wait_ns: u64,
    pub source_addresses: Option<u32>,
    /// Whether a client that lost its connection, or was refused, tries again.
    pub reconnect: bool,
    /// What only clients do that are simply there.
    pub fleet: FleetPlan,
    /// What each of them subscribes to beside its own topic: templates.
    pub filters: Vec<String>,
    pub publish: Option<PublishPlan>,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct FleetPlan {
    /// Each client subscribes to `dev/{client id}/cmd`.
    pub subscribe_own: bool,
    /// Share of the clients that leave and come back each second.
    pub churn_per_sec: f64,
    pub farewell: Farewell,
    /// Clients that publish, as [`Plan::publish`] says.
    pub publishers: u32,
}

/// How a client ends a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Farewell {
    /// DISCONNECT, then FIN.
    #[default]
    Fin,
    /// RST and not a word, as a host that lost its power or its address.
    Reset,
}

#[derive(Clone, Debug)]
pub struct PublishPlan {
    /// Messages per second over all clients; 0 is a closed loop.
    pub rate: f64,
    pub qos: u8,
    pub payload_bytes: usize,
    pub topic: String,
    /// Unacknowledged messages per client.
    pub in_flight_max: u16,
    /// Messages in one write.
    pub coalesce: u32,
    pub secs: f64,
    /// How long to wait for acknowledgements after the last message was due.
    pub drain_secs: f64,
}

impl Plan {
    /// The publishing clients of one thread: its first ones.
    pub fn publishers_of(&self, thread: u32) -> u32 {
        let (each, over) = (
            self.fleet.publishers / self.threads,
            self.fleet.publishers % self.threads,
        );
        each + u32::from(thread < over)
    }

    /// The devices of one thread: first number and how many.
    pub fn share(&self, thread: u32) -> (u32, u32) {
        let (each, over) = (self.clients / self.threads, self.clients % self.threads);
        (
            thread * each + thread.min(over),
            each + u32::from(thread < over),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_of_the_threads_cover_every_device_once() {
        let mut plan = Plan {
            target: "127.0.0.1:1".parse().expect("an address"),
            way: None,
            version: Version::V5,
            run: RunId(0),
            clients: 11,
            threads: 4,
            keepalive_secs: 0,
            connect_rate: 0.0,
            opening_max: 1,
            connack_wait_ns: 0,
            source_addresses: None,
            fleet: FleetPlan::default(),
            filters: Vec::new(),
            reconnect: false,
            publish: None,
        };
        for clients in [0, 1, 3, 4, 11, 1000] {
            plan.clients = clients;
            let mut next = 0;
            for thread in 0..plan.threads {
                let (first, count) = plan.share(thread);
                assert_eq!(first, next);
                next += count;
            }
            assert_eq!(next, clients);
        }
    }
}
