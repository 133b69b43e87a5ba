//! The sections of plain numbers and words: their keys, bounds and defaults.

use tracing::level_filters::LevelFilter;

use crate::cli::RunArgs;
use crate::log::Format;

use super::faults::Place;
use super::section::Section;
use super::settings::{Drain, Log, Mqtt, Shards};

/// The most the remaining length can say, 268,435,455 [MQTT-2.1.4], and the five bytes before it.
const PACKET_BYTES_LIMIT: u64 = 268_435_455 + 5;
/// A CONNECT with a client id of 23 bytes, a will and a password must fit.
const PACKET_BYTES_LEAST: u64 = 512;
const PACKET_BYTES_DEFAULT: u64 = 1 << 20;

/// A ticket has 8 bits for the shard and 24 for the slot.
const SHARDS_MAX: u64 = 1 << 8;
const CONNECTIONS_MAX: u64 = SHARDS_MAX << 24;

pub(super) fn mqtt(top: &mut Section<'_>) -> Mqtt {
    let mut section = top.section("mqtt");
    // Each range below ends where the type does, so no cast cuts anything off.
    let mut small = |key, range, default: u16| {
        section
            .number(key, range)
            .map_or(default, |number| number as u16)
    };
    let receive_max = small("receive_max", 1..=65_535, 256);
    let topic_alias_max = small("topic_alias_max", 0..=65_535, 16);
    let keep_alive_secs_max = small("keep_alive_secs_max", 1..=65_535, u16::MAX);
    let connect_timeout_secs = small("connect_timeout_secs", 1..=3_600, 10);
    // 23 bytes is what every server must take [MQTT-3.1.3-5].
    let client_id_bytes_max = small("client_id_bytes_max", 23..=65_535, 1_024);
    let packet_bytes_max =
        section.number("packet_bytes_max", PACKET_BYTES_LEAST..=PACKET_BYTES_LIMIT);
    section.close();
    Mqtt {
        packet_bytes_max: packet_bytes_max.unwrap_or(PACKET_BYTES_DEFAULT) as u32,
        receive_max,
        topic_alias_max,
        keep_alive_secs_max,
        connect_timeout_secs,
        client_id_bytes_max,
    }
}

pub(super) fn shards(top: &mut Section<'_>, args: &RunArgs) -> Shards {
    let mut section = top.section("shards");
    let mut number = |key, flag, given: Option<u64>, max: u64| {
        let configured = section.number(key, 1..=max);
        if let Some(wrong) = given.filter(|number| !(1..=max).contains(number)) {
            let right = format!("a number from 1 to {max}");
            section.fault(Place::Flag(flag), "", format!("is {wrong}"), right);
        }
        given.or(configured)
    };
    let count = number("count", "--shards", args.shards, SHARDS_MAX);
    let connections = number(
        "max_connections",
        "--max-connections",
        args.max_connections,
        CONNECTIONS_MAX - 1,
    );
    section.close();
    Shards {
        count: count.map(|count| count as u16),
        max_connections: connections.map(|connections| connections as u32),
    }
}

pub(super) fn drain(top: &mut Section<'_>) -> Drain {
    let mut section = top.section("drain");
    let timeout_secs = section.number("timeout_secs", 0..=3_600).unwrap_or(30);
    section.close();
    Drain { timeout_secs }
}

pub(super) fn log(top: &mut Section<'_>) -> Log {
    let mut section = top.section("log");
    let formats = [
        ("auto", Format::Auto),
        ("human", Format::Human),
        ("json", Format::Json),
    ];
    let format = section.choice("format", &formats, &[]).unwrap_or_default();
    let levels = [
        ("error", LevelFilter::ERROR),
        ("warn", LevelFilter::WARN),
        ("info", LevelFilter::INFO),
        ("debug", LevelFilter::DEBUG),
        ("trace", LevelFilter::TRACE),
        ("off", LevelFilter::OFF),
    ];
    let level = section
        .choice("level", &levels, &[])
        .unwrap_or(LevelFilter::INFO);
    section.close();
    Log { format, level }
}
