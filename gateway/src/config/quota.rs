//! `[quota.NAME]`: how much one client, one user, one address and the whole node may take.

use tributary_access::accounts;
use tributary_access::address::Grouping;
use tributary_access::meter;
use tributary_access::rate::Rate;

use super::faults::suggest;
use super::hold_offs;
use super::mqtt::{PACKET_BYTES_LEAST, PACKET_BYTES_LIMIT};
use super::section::Section;
use super::sections::CONNECTIONS_MAX;
use super::settings::{Listener, Mqtt};
use crate::quota::{Flow, Over, Share, Terms};

const NAMES: [&str; 5] = ["client", "user", "address", "node", "flapping"];
/// Beyond it a rate bounds nothing, and up to here every rate can be kept exactly.
const RATE_MAX: u64 = 1 << 26;
const BURST_MAX: u64 = u32::MAX as u64;

/// The keys of a rate: what is allowed per second, and at once.
type RateKeys = (&'static str, &'static str);
const PUBLISHES: RateKeys = ("publishes_per_sec", "publishes_burst");
const BYTES: RateKeys = ("bytes_per_sec", "bytes_burst");
const CONNECTS: RateKeys = ("connects_per_sec", "connects_burst");

/// Reads the quotas. Where `[mqtt]` or a listener bounds the same thing for each client, the
/// smaller bound counts.
pub(super) fn quota(top: &mut Section<'_>, mqtt: &mut Mqtt, listeners: &mut [Listener]) -> Terms {
    let mut terms = Terms::default();
    for (name, entry) in top.named("quota") {
        let title = format!("[quota.{name}]");
        let Some(mut section) = top.child_of(title, entry) else {
            continue;
        };
        match name.as_str() {
            "client" => {
                narrow(&mut section, mqtt, listeners);
                let retained_max = section.number("retained_max", 1..=BURST_MAX);
                // The range ends where the type does.
                terms.retained_max = retained_max.map(|max| max as u32);
                terms.client = flow(&mut section);
            }
            "user" => terms.user = share(&mut section),
            "address" => {
                let grouping = grouping(&mut section);
                terms.address = share(&mut section).map(|share| (grouping, share));
            }
            "node" => {
                let right = "write max_connections under [shards]";
                section.forbid("connections_max", "stands elsewhere", right);
                let right = "write connects_per_sec under [overload]";
                section.forbid("connects_per_sec", "stands elsewhere", right);
                terms.node = flow(&mut section);
            }
            "flapping" => terms.flapping = hold_offs::flapping(&mut section),
            _ => {
                let place = section.place.clone();
                section.fault(place, "", "unknown section", suggest(&name, &NAMES));
                continue;
            }
        }
        section.close();
    }
    terms
}

/// Bounds that each client has under `[mqtt]` already.
fn narrow(section: &mut Section<'_>, mqtt: &mut Mqtt, listeners: &mut [Listener]) {
    // Each range ends where the type does, so no cast cuts anything off.
    if let Some(max) = section.number("subscriptions_max", 1..=100_000) {
        let bound = &mut mqtt.subscriptions_per_client_max;
        *bound = (*bound).min(max as u32);
    }
    if let Some(max) = section.number("queue_max", 0..=1_000_000) {
        let bound = &mut mqtt.queue_messages_max;
        *bound = (*bound).min(max as u32);
    }
    if let Some(max) = section.number("packet_bytes_max", PACKET_BYTES_LEAST..=PACKET_BYTES_LIMIT) {
        let own = listeners
            .iter_mut()
            .filter_map(|listener| listener.packet_bytes_max.as_mut());
        own.chain([&mut mqtt.packet_bytes_max])
            .for_each(|bound| *bound = (*bound).min(max as u32));
    }
}

fn flow(section: &mut Section<'_>) -> Option<Flow> {
    if !section.has(PUBLISHES.0) && !section.has(BYTES.0) {
        let right = "write publishes_per_sec or bytes_per_sec too, or leave it out";
        section.forbid("over", "has no rate beside it", right);
    }
    let meter = meter::Terms {
        messages: rate(section, PUBLISHES),
        bytes: rate(section, BYTES),
    };
    let over = over(section);
    (!meter.is_empty()).then_some(Flow { meter, over })
}

fn share(section: &mut Section<'_>) -> Option<Share> {
    let connections_max = section.number("connections_max", 1..=CONNECTIONS_MAX - 1);
    let connects = rate(section, CONNECTS);
    let flow = flow(section).unwrap_or_default();
    let accounts = accounts::Terms {
        // The range ends where the type does.
        connections_max: connections_max.map(|max| max as u32),
        connects,
        meter: flow.meter,
    };
    let share = Share {
        accounts,
        over: flow.over,
    };
    (accounts != accounts::Terms::default()).then_some(share)
}

/// So many a second; twice as many at once unless something else is said.
fn rate(section: &mut Section<'_>, (key, burst_key): RateKeys) -> Option<Rate> {
    if !section.has(key) {
        let right = format!("write {key} too, or leave it out");
        section.forbid(burst_key, "has no rate beside it", &right);
        return None;
    }
    let per_sec = section.number(key, 1..=RATE_MAX);
    let burst = section.number(burst_key, 1..=BURST_MAX);
    let burst = burst.unwrap_or(2 * per_sec?) as u32;
    // Within these ranges there is no rate that cannot be kept.
    Rate::per_sec(per_sec?, burst).ok()
}

fn over(section: &mut Section<'_>) -> Over {
    let words = [
        ("slow", Over::Slow),
        ("refuse", Over::Refuse),
        ("close", Over::Close),
    ];
    section.choice("over", &words, &[]).unwrap_or_default()
}

fn grouping(section: &mut Section<'_>) -> Grouping {
    // What one household has by default.
    let ipv4_bits = section.number("ipv4_bits", 0..=32).unwrap_or(32);
    let ipv6_bits = section.number("ipv6_bits", 0..=128).unwrap_or(64);
    Grouping::new(ipv4_bits as u8, ipv6_bits as u8).unwrap_or_default()
}
