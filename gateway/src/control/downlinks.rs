//! What the downlinks export: their books, one line for each topic.

use std::fmt;

use prometheus_client::encoding::DescriptorEncoder;

use super::metrics::{kind, one};
use crate::books::Kind;
use crate::kafka::downlink::{Dropped, Reading};

type Metric = (&'static str, &'static str, Kind, fn(&Reading) -> u64);

const METRICS: [Metric; 10] = [
    (
        "tributary_downlink_records",
        "Records read from the Kafka topics that go to devices",
        Kind::Counter,
        |reading| reading.read,
    ),
    (
        "tributary_downlink_delivered",
        "Those of them that their device has",
        Kind::Counter,
        |reading| reading.handed_off,
    ),
    (
        "tributary_downlink_handed_off_elsewhere",
        "Those of them that another gateway has announced to be done with",
        Kind::Counter,
        |reading| reading.elsewhere,
    ),
    (
        "tributary_downlink_pending",
        "Those of them that wait for their device or are on their way to it",
        Kind::Gauge,
        Reading::pending,
    ),
    (
        "tributary_downlink_commits",
        "Commits of offsets that Kafka has confirmed",
        Kind::Counter,
        |reading| reading.commits,
    ),
    (
        "tributary_downlink_partitions",
        "Partitions that are read",
        Kind::Gauge,
        |reading| reading.partitions,
    ),
    (
        "tributary_downlink_partitions_owned",
        "Partitions whose offsets this gateway commits",
        Kind::Gauge,
        |reading| reading.owned,
    ),
    (
        "tributary_downlink_announced",
        "Records that other gateways were told to be done with",
        Kind::Counter,
        |reading| reading.announced,
    ),
    (
        "tributary_downlink_announcements_heard",
        "Records of which any gateway has told so, this one among them",
        Kind::Counter,
        |reading| reading.heard,
    ),
    (
        "tributary_downlink_lag",
        "Records that are in Kafka and were not read yet, as of some seconds ago",
        Kind::Gauge,
        |reading| reading.lag,
    ),
];

/// Every value of one downlink is of one moment, so that its books balance.
pub(super) fn encode(
    readings: &[Reading],
    encoder: &mut DescriptorEncoder<'_>,
) -> Result<(), fmt::Error> {
    for (name, help, of_kind, value) in METRICS {
        let mut metric = encoder.encode_descriptor(name, help, None, kind(of_kind))?;
        for reading in readings {
            let labels = [("cluster", &*reading.cluster), ("topic", &*reading.topic)];
            one(&mut metric, of_kind, &labels, value(reading))?;
        }
    }
    let help = "Records that their device will not have from here, by reason";
    let counter = kind(Kind::Counter);
    let mut metric =
        encoder.encode_descriptor("tributary_downlink_dropped", help, None, counter)?;
    for reading in readings {
        for (reason, count) in Dropped::NAMES.into_iter().zip(reading.dropped) {
            let labels = [
                ("cluster", &*reading.cluster),
                ("topic", &*reading.topic),
                ("reason", reason),
            ];
            one(&mut metric, Kind::Counter, &labels, count)?;
        }
    }
    Ok(())
}
