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
use crate::kafka::SpoolReading;

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
        // What was promised is read before what keeps it, and each place before the one that
        // records go to from there: so no scrape shows more acknowledged than Kafka and the spool
        // have.
        self.encode_books(&mut encoder)?;
        self.encode_spools(&mut encoder)?;
        self.encode_lanes(&mut encoder)?;
        self.encode_loops(&mut encoder)?;
        let downlinks = self.0.downlinks.iter();
        let readings: Vec<_> = downlinks.map(|tally| tally.reading()).collect();
        super::downlinks::encode(&readings, &mut encoder)?;
        let help = "Questions about clients that were turned away: too many were open";
        let (name, counter) = ("tributary_inquiries_refused", MetricType::Counter);
        let mut metric = encoder.encode_descriptor(name, help, None, counter)?;
        one(&mut metric, Kind::Counter, &[], self.0.clients.refused())?;
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
                "Producers given up for new ones",
                Kind::Counter,
                |lane| lane.rebuilds(),
            ),
            (
                "tributary_kafka_up",
                "Whether a broker is reached",
                Kind::Gauge,
                |lane| u64::from(matches!(lane.state(), LaneState::Up | LaneState::Slow)),
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
        self.encode_fates(encoder)
    }

    /// What a lane has one value for each of.
    fn encode_fates(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
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
        let help = "The state that a lane is in: 1 for that one";
        let gauge = MetricType::Gauge;
        let mut metric = encoder.encode_descriptor("tributary_kafka_state", help, None, gauge)?;
        for lane in &self.0.lanes {
            for state in LaneState::ALL {
                let labels = [("cluster", lane.cluster()), ("state", state.name())];
                let is_in = u64::from(lane.state() == state);
                one(&mut metric, Kind::Gauge, &labels, is_in)?;
            }
        }
        Ok(())
    }

    /// Lanes without a spool have an empty one, so that alerts need not know who has one.
    fn encode_spools(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let spools: Vec<_> = (self.0.lanes.iter())
            .map(|lane| {
                (
                    lane.cluster(),
                    lane.spooled(),
                    lane.spool().unwrap_or_default(),
                )
            })
            .collect();
        for (name, help, of_kind, reading) in SPOOL_METRICS {
            let mut metric = encoder.encode_descriptor(name, help, None, kind(of_kind))?;
            for (cluster, spooled, spool) in &spools {
                let value = reading(*spooled, spool);
                one(&mut metric, of_kind, &[("cluster", cluster)], value)?;
            }
        }
        Ok(())
    }
}

type SpoolMetric = (
    &'static str,
    &'static str,
    Kind,
    fn(u64, &SpoolReading) -> u64,
);

const SPOOL_METRICS: [SpoolMetric; 9] = [
    (
        "tributary_spool_messages",
        "Records on disk that Kafka does not have yet",
        Kind::Gauge,
        |_, spool| spool.messages,
    ),
    (
        "tributary_spool_bytes",
        "What the spool takes of its bound",
        Kind::Gauge,
        |_, spool| spool.bytes,
    ),
    (
        "tributary_spool_fsyncs",
        "Times the spool was synced to disk",
        Kind::Counter,
        |_, spool| spool.fsyncs,
    ),
    (
        "tributary_spool_spooled",
        "Records acknowledged when the spool had them on disk",
        Kind::Counter,
        |spooled, _| spooled,
    ),
    (
        "tributary_spool_recovered",
        "Records that were in the spool at the start",
        Kind::Counter,
        |_, spool| spool.recovered,
    ),
    (
        "tributary_spool_replayed",
        "Records that came out of the spool and are in Kafka",
        Kind::Counter,
        |_, spool| spool.replayed,
    ),
    (
        "tributary_spool_dropped",
        "Records that came out of the spool and that Kafka will not have",
        Kind::Counter,
        |_, spool| spool.dropped,
    ),
    (
        "tributary_spool_corrupt",
        "Records of the spool that are not there any more or not what was spooled",
        Kind::Counter,
        |_, spool| spool.corrupt,
    ),
    (
        "tributary_spool_torn_bytes",
        "Cut off the end of the spool at the start",
        Kind::Counter,
        |_, spool| spool.torn_bytes,
    ),
];

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

pub(super) fn kind(kind: Kind) -> MetricType {
    match kind {
        Kind::Counter => MetricType::Counter,
        Kind::Gauge => MetricType::Gauge,
    }
}

/// One sample. A label set that is empty must not be encoded at all: it would leave `{}` behind.
pub(super) fn one(
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
