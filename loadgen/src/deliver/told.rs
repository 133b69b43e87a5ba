//! What `deliver` says at the end: counts, faults, latencies, and what the server spent per phase.

use super::tally::Tally;
use super::{Looks, START_DELAY_NS};
use crate::cli::DeliverArgs;
use crate::clock::ns_to_secs;
use crate::drive::{Look, Ran};
use crate::failure::Failure;
use crate::report::process::ServerUse;
use crate::report::table::{Table, grouped};
use crate::report::{Percentiles, Report, SecondLine};
use serde_json::{Value, json};

pub(super) fn report(
    args: &DeliverArgs,
    ran: &Ran,
    tally: &Tally,
    looks: &Looks,
    is_whole: bool,
) -> Result<(), Failure> {
    let counts = &ran.books.counts;
    let mut report = Report::new("deliver", &args.clients.run, counts);
    report.elapsed_secs = looks.before.secs_until(&looks.published) - ns_to_secs(START_DELAY_NS);
    let secs = report.elapsed_secs;
    // A return of those who were away has times of its own.
    let arrival_secs = if looks.back.is_some() {
        tally.secs()
    } else {
        secs
    };
    let delivered = tally.arrivals.delivered;
    report.per_sec.insert("sent", counts.sent as f64 / secs);
    report
        .per_sec
        .insert("acknowledged", counts.acknowledged as f64 / secs);
    if arrival_secs > 0.0 {
        let rate = delivered as f64 / arrival_secs;
        report.per_sec.insert("delivered", rate);
    }
    let latencies = [
        ("connect", &ran.books.connect_ns),
        ("publish", &ran.books.publish_ns),
        ("deliver", &tally.deliver_ns),
        ("late", &ran.books.late_ns),
    ];
    for (name, histogram) in latencies {
        if let Some(percentiles) = Percentiles::of_ns(histogram) {
            report.latency_ms.insert(name, percentiles);
        }
    }
    let closes = ran.books.closes.iter();
    report.ends = closes.map(|(close, n)| (close.to_string(), *n)).collect();
    report.seconds = SecondLine::series(&ran.books.seconds);
    let published = looks.before.server_until(&looks.published);
    report.server = published.map(|used| used.per_message(counts.sent));
    report.verdict = Some(verdict(tally, looks, arrival_secs));
    let last = looks.back.as_ref().unwrap_or(&looks.published);
    ran.judge_client(&looks.before, last, counts.sent, &mut report);
    if !is_whole {
        let sentence = "the run was interrupted: these are figures of its part";
        report.remarks.push(sentence.to_owned());
    }
    judge(args, &mut report, ran, tally);
    let table = table(args, ran, tally, &report, arrival_secs);
    report.deliver(table, args.clients.json.as_deref())
}

/// The arrivals, and what the server used for the whole of them.
fn verdict(tally: &Tally, looks: &Looks, arrival_secs: f64) -> Value {
    let used = |from: &Look, to: Option<&Look>| -> Option<ServerUse> {
        let per_delivery = |used: ServerUse| used.per_message(tally.arrivals.delivered);
        from.server_until(to?).map(per_delivery)
    };
    json!({
        "arrivals": tally.arrivals,
        "arrival_secs": arrival_secs,
        "server_while_published": used(&looks.before, Some(&looks.published)),
        "server_on_return": used(&looks.published, looks.back.as_ref()),
    })
}

fn table(
    args: &DeliverArgs,
    ran: &Ran,
    tally: &Tally,
    report: &Report,
    arrival_secs: f64,
) -> Table {
    let (counts, arrivals) = (&ran.books.counts, &tally.arrivals);
    let mut table = Table::new(format!(
        "deliver at {}: {} topics, {} subscribers each, QoS {}, {} B",
        args.clients.target, args.topics, args.subscribers, args.qos, args.payload
    ));
    let with_rate = |count: u64, secs: f64| {
        let rate = grouped((count as f64 / secs.max(1e-9)) as u64);
        format!("{} ({rate}/s)", grouped(count))
    };
    let secs = report.elapsed_secs;
    table.row("elapsed", format!("{secs:.2} s"));
    table.row("sent", with_rate(counts.sent, secs));
    if args.qos > 0 {
        table.row("acknowledged", with_rate(counts.acknowledged, secs));
    }
    table.row("delivered", with_rate(arrivals.delivered, arrival_secs));
    table.count_if_any("lost", arrivals.lost);
    table.count_if_any("duplicated", arrivals.duplicated);
    table.count_if_any("repeated with DUP", arrivals.repeated);
    table.count_if_any("out of order", arrivals.reordered);
    table.count_if_any("corrupted", arrivals.corrupted);
    table.count_if_any("foreign", arrivals.foreign);
    table.count_if_any("sessions missing", arrivals.sessions_missing);
    table.count_if_any("publishes refused", counts.refused);
    table.count_if_any("unacknowledged", counts.unacknowledged);
    table.count_if_any("due, never sent", counts.unsent);
    table.count_if_any("subscriptions refused", counts.subscriptions_refused);
    table.ends(&report.ends);
    table.latency("to the subscriber", report.latency_ms.get("deliver"));
    table.latency("to the PUBACK", report.latency_ms.get("publish"));
    table.latency("sent late by", report.latency_ms.get("late"));
    let verdict = report.verdict.as_ref();
    for name in ["server_while_published", "server_on_return"] {
        let us = verdict.and_then(|verdict| verdict[name]["cpu_us_per_message"].as_f64());
        if let Some(us) = us {
            let row = name.replace('_', " ");
            table.row(row, format!("{us:.3} us of CPU per delivery"));
        }
    }
    table
}

/// Faults of any kind miss the objective; at QoS 0 a loss is one only where a bound is given.
fn judge(args: &DeliverArgs, report: &mut Report, ran: &Ran, tally: &Tally) {
    let (counts, arrivals) = (&ran.books.counts, &tally.arrivals);
    let lost_max = args.max_lost.or((args.qos > 0).then_some(0));
    let ended = counts.connections_ended - ran.books.ended_by_us();
    let bounded = [
        ("lost", arrivals.lost, lost_max),
        ("duplicated", arrivals.duplicated, Some(0)),
        ("out of order", arrivals.reordered, Some(0)),
        ("corrupted", arrivals.corrupted, Some(0)),
        ("foreign", arrivals.foreign, Some(0)),
        ("refused", counts.refused, Some(0)),
        ("never acknowledged", counts.unacknowledged, Some(0)),
        ("never sent", counts.unsent, Some(0)),
    ];
    for (what, count, max) in bounded {
        if max.is_some_and(|max| count > max) {
            let sentence = format!("{} messages were {what}", grouped(count));
            report.missed.push(sentence);
        }
    }
    let clients = [
        ("subscriptions were refused", counts.subscriptions_refused),
        ("sessions were gone on return", arrivals.sessions_missing),
        ("connections were ended by the server", ended),
    ];
    for (what, count) in clients {
        if count > 0 {
            report.missed.push(format!("{} {what}", grouped(count)));
        }
    }
    let p99 = report.latency_ms.get("deliver").map(|ms| ms.p99);
    if let Some((max_ms, p99)) = args.max_p99_ms.zip(p99).filter(|(max, p99)| p99 > max) {
        let sentence = format!("p99 {p99:.3} ms is over --max-p99-ms {max_ms}");
        report.missed.push(sentence);
    }
}
