//! The sections of plain numbers and words: their keys, bounds and defaults.

use tracing::level_filters::LevelFilter;

use crate::cli::{Descriptors, RunArgs};
use crate::log::Format;

use super::faults::Place;
use super::section::Section;
use super::settings::{Drain, Log, Process, Shards};

/// A ticket has 8 bits for the shard and 24 for the slot.
const SHARDS_MAX: u64 = 1 << 8;
pub(super) const CONNECTIONS_MAX: u64 = SHARDS_MAX << 24;

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
    let words = [("refuse", Descriptors::Refuse), ("fit", Descriptors::Fit)];
    let descriptors = section.choice("descriptors", &words, &[]);
    section.close();
    Shards {
        count: count.map(|count| count as u16),
        max_connections: connections.map(|connections| connections as u32),
        descriptors: args.descriptors.or(descriptors).unwrap_or_default(),
    }
}

pub(super) fn drain(top: &mut Section<'_>) -> Drain {
    let mut section = top.section("drain");
    let timeout_secs = section.number("timeout_secs", 0..=3_600).unwrap_or(30);
    let server_reference = section.told_to_clients(
        "server_reference",
        |text| {
            // Several are set apart by spaces [section 4.11], and controls help nobody.
            !text.chars().any(char::is_control) && text.split(' ').all(|part| !part.is_empty())
        },
        "write a host, HOST:PORT, or several with one space between",
    );
    section.close();
    Drain {
        timeout_secs,
        server_reference,
    }
}

pub(super) fn process(top: &mut Section<'_>) -> Process {
    let mut section = top.section("process");
    let mut name = |key| {
        let (text, place) = section.text(key)?;
        if text.is_empty() || text.contains(['\0', ':', '\n']) {
            let wrong = format!("{text:?} is no name");
            section.fault(
                place,
                key,
                wrong,
                "write a name as in /etc/passwd or /etc/group",
            );
            return None;
        }
        Some((text, place))
    };
    let (user, group) = (name("user"), name("group"));
    if let (None, Some((_, place))) = (&user, &group) {
        let right = "name a user too";
        section.fault(
            place.clone(),
            "group",
            "means nothing without a user",
            right,
        );
    }
    let core_dumps = section.boolean("core_dumps").unwrap_or(false);
    section.close();
    Process {
        user: user.map(|(text, _)| text),
        group: group.map(|(text, _)| text),
        core_dumps,
    }
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
