//! What a run found, as one table for people and one JSON for programs.

pub mod host;
pub mod process;
pub mod table;

use crate::books::Second;
use crate::failure::Failure;
use hdrhistogram::{Counter, Histogram};
use host::Host;
use process::ServerUse;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use table::Table;

const NANOS_PER_MILLI: f64 = 1e6;

/// The JSON of every command. Fields that a command has nothing to say about are absent.
#[derive(Serialize)]
pub struct Report {
    pub command: &'static str,
    pub command_line: Vec<String>,
    pub commit: Option<String>,
    pub host: Host,
    pub started_unix_ms: u64,
    pub run: String,
    pub elapsed_secs: f64,
    pub counts: serde_json::Value,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub per_sec: BTreeMap<&'static str, f64>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub ends: BTreeMap<String, u64>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub latency_ms: BTreeMap<&'static str, Percentiles>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub seconds: Vec<SecondLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<ServerUse>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientUse>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<serde_json::Value>,
    /// Sentences that a reader of the figures has to know.
    pub remarks: Vec<String>,
    /// Objectives that were missed; not empty is exit code 3.
    pub missed: Vec<String>,
}

/// Whether the load generator itself was the bottleneck.
#[derive(Clone, Debug, Serialize)]
pub struct ClientUse {
    pub cpu_secs: f64,
    pub cpu_us_per_message: Option<f64>,
    pub busiest_thread: f64,
    pub is_bottleneck: bool,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub struct Percentiles {
    pub count: u64,
    pub mean: f64,
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub p99_9: f64,
    pub max: f64,
}

impl Percentiles {
    /// In milliseconds, of a histogram in units of `unit_ms`. `None` where nothing was recorded.
    pub fn of<C: Counter>(histogram: &Histogram<C>, unit_ms: f64) -> Option<Self> {
        let at = |quantile| histogram.value_at_quantile(quantile) as f64 * unit_ms;
        (!histogram.is_empty()).then(|| Self {
            count: histogram.len(),
            mean: histogram.mean() * unit_ms,
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p99_9: at(0.999),
            max: histogram.max() as f64 * unit_ms,
        })
    }

    pub fn of_ns(histogram: &Histogram<u64>) -> Option<Self> {
        Self::of(histogram, 1.0 / NANOS_PER_MILLI)
    }
}

#[derive(Clone, Debug, Serialize)]
pub struct SecondLine {
    pub second: usize,
    pub connected: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub refused: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub ended: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub pings: u64,
    pub sent: u64,
    pub acknowledged: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<Percentiles>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands out a reference"
)]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl SecondLine {
    pub fn series(seconds: &[Second]) -> Vec<Self> {
        let line = |(second, of): (usize, &Second)| Self {
            second,
            connected: of.connected,
            refused: of.refused,
            ended: of.ended,
            pings: of.pings,
            sent: of.sent,
            acknowledged: of.acknowledged,
            latency_ms: Percentiles::of(&of.latency_us, 1e-3),
        };
        seconds.iter().enumerate().map(line).collect()
    }
}

impl Report {
    pub fn new(command: &'static str, run: &str, counts: impl Serialize) -> Self {
        Self {
            command,
            command_line: std::env::args().collect(),
            commit: host::commit(),
            host: Host::look(),
            started_unix_ms: crate::clock::unix_ms(),
            run: run.to_owned(),
            elapsed_secs: 0.0,
            counts: serde_json::to_value(counts).unwrap_or_default(),
            per_sec: BTreeMap::new(),
            ends: BTreeMap::new(),
            latency_ms: BTreeMap::new(),
            seconds: Vec::new(),
            server: None,
            client: None,
            verdict: None,
            remarks: Vec::new(),
            missed: Vec::new(),
        }
    }

    /// Prints the table, writes the JSON, and says whether the objectives were met.
    pub fn deliver(self, mut table: Table, json: Option<&Path>) -> Result<(), Failure> {
        table.use_of_processes(self.server.as_ref(), self.client.as_ref());
        table.sentences("note", &self.remarks);
        table.sentences("MISSED", &self.missed);
        print!("{table}");
        if let Some(path) = json {
            let refuse = |error: &dyn std::fmt::Display| {
                let what = format!("cannot write the JSON to {}", path.display());
                Failure::start(what, error, "give --json a writable file")
            };
            let mut text = serde_json::to_vec_pretty(&self).map_err(|error| refuse(&error))?;
            text.push(b'\n');
            fs::write(path, text).map_err(|error| refuse(&error))?;
        }
        if self.missed.is_empty() {
            Ok(())
        } else {
            Err(Failure::Objective(self.missed))
        }
    }
}
