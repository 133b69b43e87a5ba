//! `tributary doctor`: what this host's limits allow, knob by knob, and what to change.
//!
//! ```text
//!  /proc, /sys, a trial ring --> Host --> examine (pure) --> findings --> table or JSON, exit code
//! ```

mod files;
mod host;
mod kernel;
mod memory;
mod network;
mod told;

pub use host::{Host, memory_bytes};

use crate::limits::{RINGS_PER_SHARD_MAX, TABLE_SLOTS_MAX, usable_table_slots};

/// What one knob means for so many connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Nothing to do.
    Fits,
    /// Could not be read here; what would be right is said all the same.
    Unknown,
    /// They fit, and something is slower or dearer than it need be.
    Costs,
    /// They do not fit.
    Blocks,
}

/// One knob, examined.
#[derive(Clone, Debug)]
pub struct Finding {
    pub knob: &'static str,
    pub verdict: Verdict,
    pub found: String,
    pub needed: String,
    /// How to set it; empty where nothing is to be done.
    pub set: String,
    /// What happens otherwise.
    pub otherwise: &'static str,
    /// Connections that this knob allows, where it bounds them.
    pub allows: Option<u64>,
}

/// Examines this host and says what was found; `None` asks for what the gateway would hold here
/// when nobody says a number.
///
/// # Errors
/// The sentence that says how many knobs are in the way.
pub fn run(connections: Option<u64>, json: bool) -> Result<(), String> {
    let host = Host::look();
    let connections = connections.unwrap_or_else(|| default_connections(&host));
    let findings = examine(&host, connections);
    if json {
        println!("{}", told::json(connections, &findings));
    } else {
        print!("{}", told::table(connections, &findings));
    }
    let blocking = findings
        .iter()
        .filter(|finding| finding.verdict == Verdict::Blocks);
    let names: Vec<_> = blocking.map(|finding| finding.knob).collect();
    if names.is_empty() {
        return Ok(());
    }
    Err(format!(
        "{} connections do not fit on this host; in the way: {}",
        told::grouped(connections),
        names.join(", ")
    ))
}

/// Everything that matters for `connections`, in the order in which it stops a gateway.
pub fn examine(host: &Host, connections: u64) -> Vec<Finding> {
    let mut findings = kernel::examine(host);
    findings.extend(files::examine(host, connections));
    findings.extend(memory::examine(host, connections));
    findings.extend(network::examine(host, connections));
    findings
}

/// What the gateway holds with one ring per shard and the hard descriptor limit.
fn default_connections(host: &Host) -> u64 {
    let tables = host.nofile.map_or(0, |(_, hard)| usable_slots(hard));
    (tables * host.cpus.max(1) as u64).max(1)
}

/// Connections in one table under a descriptor limit.
fn usable_slots(nofile: u64) -> u64 {
    let table_slots = u32::try_from(nofile).unwrap_or(u32::MAX);
    usable_table_slots(table_slots.min(TABLE_SLOTS_MAX)) as u64
}

/// Connections in all tables that the shards may open.
fn tables_allow(nofile: u64, shards: usize) -> u64 {
    usable_slots(nofile).saturating_mul((shards * RINGS_PER_SHARD_MAX) as u64)
}

#[cfg(test)]
mod tests;
