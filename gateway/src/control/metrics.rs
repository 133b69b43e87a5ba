//! `/metrics`: the books in OpenMetrics text, read at the moment of the scrape.

use std::fmt;
use std::sync::Arc;

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};

use super::api::problem;
use super::{ControlState, LaneState, LaneStats, process};
use crate::books::{self, Kind};

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The registry with one collector in it: nothing is counted twice, nothing kept beside the books.
pub(super) struct Exporter(Registry);

impl Exporter {
    pub(super) fn new(state: Arc<ControlState>) -> Self {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Books(state)));
        Exporter(registry)
    }

    pub(super) fn expose(&self) -> Response {
        let mut body = String::new();
        match text::encode(&mut body, &self.0) {
            Ok(()) => ([(CONTENT_TYPE, OPENMETRICS)], body).into_response(),
            Err(_) => problem(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the metrics cannot be written",
            ),
        }
    }
}

struct Books(Arc<ControlState>);

impl fmt::Debug for Books {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Books")
    }
}

impl Collector for Books {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.encode_books(&mut encoder)?;
        self.encode_loops(&mut encoder)?;
        self.encode_lanes(&mut encoder)?;
        encode_process(&mut encoder)
    }
}

impl Books {
    /// Summed over the shards: who watches one shard looks at its loop and its connections.
    fn encode_books(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let shards: Vec<_> = self.0.books.iter().map(|books| books.read()).collect();
        for entry in books::sum(&shards) {
            let mut metric =
                encoder.encode_descriptor(entry.metric, entry.help, None, kind(entry.kind))?;
            for (label, value) in entry.labels.iter().zip(&entry.values) {
                let pair = [(entry.label, *label)];
                let labels: &[_] = if entry.label.is_empty() { &[] } else { &pair };
                one(&mut metric, entry.kind, labels, *value)?;
            }
        }
        let help = "Clients connected now, by shard";
        let name = "tributary_shard_connections";
        let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (shard, books) in self.0.books.iter().enumerate() {
            let shard = shard.to_string();
            one(
                &mut metric,
                Kind::Gauge,
                &[("shard", &shard)],
                books.connections.read(),
            )?;
        }
        Ok(())
    }

    fn encode_loops(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let mut metric = encoder.encode_descriptor(
            "tributary_shard_loop",
            "How long one turn of a shard's loop took",
            Some(&Unit::Seconds),
            MetricType::Histogram,
        )?;
        for (shard, books) in self.0.books.iter().enumerate() {
            let reading = books.loop_time.read();
            let labels = [("shard", shard.to_string())];
            metric
                .encode_family(&labels)?
                .encode_histogram::<NoLabelSet>(
                    reading.sum_secs,
                    reading.count,
                    &reading.buckets,
                    None,
                )?;
        }
        Ok(())
    }

    fn encode_lanes(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        type Reading = fn(&dyn LaneStats) -> u64;
        let metrics: [(&str, &str, Kind, Reading); 5] = [
            (
                "tributary_kafka_delivered",
                "Records that Kafka has acknowledged",
                Kind::Counter,
                |lane| lane.delivered(),
            ),
            (
                "tributary_kafka_pending",
                "Records neither delivered nor failed yet",
                Kind::Gauge,
                |lane| lane.pending(),
            ),
            (
                "tributary_kafka_requests",
                "ProduceRequests sent",
                Kind::Counter,
                |lane| lane.requests(),
            ),
            (
                "tributary_kafka_rebuilds",
                "Producers replaced after a fatal error",
                Kind::Counter,
                |lane| lane.rebuilds(),
            ),
            (
                "tributary_kafka_up",
                "Whether a broker is reached",
                Kind::Gauge,
                |lane| u64::from(lane.state() == LaneState::Up),
            ),
        ];
        for (name, help, of_kind, reading) in metrics {
            let mut metric = encoder.encode_descriptor(name, help, None, kind(of_kind))?;
            for lane in &self.0.lanes {
                one(
                    &mut metric,
                    of_kind,
                    &[("cluster", lane.cluster())],
                    reading(&**lane),
                )?;
            }
        }
        let help = "Records that Kafka will not have, by reason";
        let counter = MetricType::Counter;
        let mut metric =
            encoder.encode_descriptor("tributary_kafka_failed", help, None, counter)?;
        for lane in &self.0.lanes {
            for (reason, failed) in lane.failed() {
                let labels = [("cluster", lane.cluster()), ("reason", reason)];
                one(&mut metric, Kind::Counter, &labels, failed)?;
            }
        }
        // Nothing spools yet; dashboards and alerts may name it all the same.
        let help = "Messages in the spool";
        let name = "tributary_spool_messages";
        let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        one(&mut metric, Kind::Gauge, &[], 0)
    }
}

fn encode_process(encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let bytes = Some(&Unit::Bytes);
    if let Some(live) = books::user_bytes() {
        let help = "Live bytes in the allocator";
        let name = "tributary_user";
        let mut metric = encoder.encode_descriptor(name, help, bytes, MetricType::Gauge)?;
        one(&mut metric, Kind::Gauge, &[], live)?;
    }
    if let Some(resident) = process::resident_bytes() {
        let help = "Resident memory";
        let name = "process_resident_memory";
        let mut metric = encoder.encode_descriptor(name, help, bytes, MetricType::Gauge)?;
        one(&mut metric, Kind::Gauge, &[], resident)?;
    }
    if let Some(cpu_secs) = process::cpu_secs() {
        let help = "User and system time of all threads";
        let unit = Some(&Unit::Seconds);
        encoder
            .encode_descriptor("process_cpu", help, unit, MetricType::Counter)?
            .encode_counter::<NoLabelSet, _, u64>(&cpu_secs, None)?;
    }
    Ok(())
}

fn kind(kind: Kind) -> MetricType {
    match kind {
        Kind::Counter => MetricType::Counter,
        Kind::Gauge => MetricType::Gauge,
    }
}

/// One sample. A label set that is empty must not be encoded at all: it would leave `{}` behind.
fn one(
    metric: &mut MetricEncoder<'_>,
    kind: Kind,
    labels: &[(&str, &str)],
    value: u64,
) -> fmt::Result {
    let encode = |metric: &mut MetricEncoder<'_>| match kind {
        Kind::Counter => metric.encode_counter::<NoLabelSet, _, u64>(&value, None),
        Kind::Gauge => metric.encode_gauge(&value),
    };
    if labels.is_empty() {
        encode(metric)
    } else {
        encode(&mut metric.encode_family(&labels)?)
    }
}
