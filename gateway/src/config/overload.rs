//! `[overload]`: from when on newcomers are turned away, so that those inside keep their service.

use super::section::Section;
use super::settings::Overload;

/// What an event may wait by default: a client that asks for a keep-alive of a few seconds does not
/// notice yet.
const EVENT_DELAY_MILLIS_DEFAULT: u64 = 1_000;
/// An outage of Kafka shorter than this is nobody's business but the publishers'.
const LANE_FULL_SECS_DEFAULT: u64 = 60;
/// Below it not even the buffers of the rings fit.
const MEMORY_BYTES_LEAST: u64 = 64 << 20;
const MEMORY_BYTES_CEILING: u64 = 1 << 44;

pub(super) fn overload(top: &mut Section<'_>) -> Overload {
    let mut section = top.section("overload");
    // Each range ends where the type does, so no cast cuts anything off.
    let settings = Overload {
        connects_per_sec: section
            .number("connects_per_sec", 1..=10_000_000)
            .map(|rate| rate as u32),
        event_delay_millis_max: section
            .number("event_delay_millis_max", 10..=60_000)
            .unwrap_or(EVENT_DELAY_MILLIS_DEFAULT) as u32,
        memory_bytes_max: section.number(
            "memory_bytes_max",
            MEMORY_BYTES_LEAST..=MEMORY_BYTES_CEILING,
        ),
        lane_full_secs_max: section
            .number("lane_full_secs_max", 0..=86_400)
            .unwrap_or(LANE_FULL_SECS_DEFAULT) as u32,
    };
    section.close();
    settings
}
