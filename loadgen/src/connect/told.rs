//! What `connect` found, as table and JSON.

use super::phase::{Done, Phase};
use crate::cli::ConnectArgs;
use crate::failure::Failure;
use crate::report::table::{Table, grouped};
use crate::report::{Percentiles, Report, SecondLine};

pub(super) fn report(args: &ConnectArgs, mut done: Done, held: u64) -> Result<(), Failure> {
    let (books, counts) = (&done.ran.books, &done.ran.books.counts);
    let mut report = Report::new("connect", &args.clients.run, counts);
    report.elapsed_secs = done.first.secs_until(&done.last);
    let latencies = [
        ("connect", &books.connect_ns),
        ("ping", &books.ping_ns),
        ("publish", &books.publish_ns),
        ("late", &books.late_ns),
    ];
    for (name, histogram) in latencies {
        if let Some(percentiles) = Percentiles::of_ns(histogram) {
            report.latency_ms.insert(name, percentiles);
        }
    }
    let returns = books.returns_ns.iter().map(Percentiles::of_ns);
    let returning = done.phases.iter_mut().filter(|p| p.name == "return");
    for (phase, connect_ms) in returning.zip(returns) {
        phase.connect_ms = connect_ms;
    }
    report.ends = books
        .closes
        .iter()
        .map(|(close, n)| (close.to_string(), *n))
        .collect();
    report.seconds = SecondLine::series(&books.seconds);
    count(&done, held, &mut report);
    done.ran
        .judge_client(&done.first, &done.last, 0, &mut report);
    judge(args, &done, held, &mut report);
    let table = table(args, &done, &report, held);
    report.deliver(table, args.clients.json.as_deref())
}

fn count(done: &Done, held: u64, report: &mut Report) {
    report.counts["held"] = held.into();
    if let Some(connect) = done.phases.first() {
        let made = connect.connected_after;
        report.counts["connect_secs"] = connect.secs.into();
        report
            .per_sec
            .insert("connected", made as f64 / connect.secs);
        report.server = connect
            .server
            .clone()
            .map(|used| used.per_connection(made, made));
    }
    let hold = done.phases.iter().find(|phase| phase.name == "hold");
    if let Some(us) = hold.and_then(us_per_held_minute) {
        report.counts["server_cpu_us_per_held_minute"] = us.into();
    }
    // Plain records of numbers and names.
    report.counts["phases"] = serde_json::to_value(&done.phases).unwrap_or_default();
    report.counts["curve"] = serde_json::to_value(&done.ran.curve).unwrap_or_default();
}

fn us_per_held_minute(hold: &Phase) -> Option<f64> {
    let used = hold.server.as_ref().filter(|used| used.secs > 0.0)?;
    let held = Some(hold.connected_after).filter(|held| *held > 0)?;
    Some(used.cpu_secs * 1e6 / held as f64 / used.secs * 60.0)
}

fn judge(args: &ConnectArgs, done: &Done, held: u64, report: &mut Report) {
    let refused = done.ran.books.counts.connects_refused;
    if let Some(max) = args.max_refused.filter(|max| refused > *max) {
        let sentence = format!("{refused} connects refused, over --max-refused {max}");
        report.missed.push(sentence);
    }
    let books = &done.ran.books;
    let ended = books.counts.connections_ended - books.ended_by_us();
    if let Some(max) = args.max_ended.filter(|max| ended > *max) {
        let sentence = format!("{ended} connections ended, over --max-ended {max}");
        report.missed.push(sentence);
    }
    let missing = u64::from(args.connections).saturating_sub(held);
    if let Some(max) = args.max_missing.filter(|max| missing > *max) {
        let sentence = format!("{missing} clients missing at the end, over --max-missing {max}");
        report.missed.push(sentence);
    }
    let wrong = done.ran.books.counts.wrong_takeovers;
    if wrong > 0 {
        let sentence = format!("{wrong} clients were taken over although nobody else has their id");
        report.missed.push(sentence);
    }
}

fn table(args: &ConnectArgs, done: &Done, report: &Report, held: u64) -> Table {
    let counts = &done.ran.books.counts;
    let title = format!(
        "connect to {}: {} clients",
        args.clients.target, args.connections
    );
    let mut table = Table::new(title);
    for phase in &done.phases {
        phase_rows(phase, &mut table);
    }
    table.row("held to the end", grouped(held));
    table.row("refused", grouped(counts.connects_refused));
    table.row("ended", grouped(counts.connections_ended));
    table.ends(&report.ends);
    table.count_if_any("TLS handshakes, full", counts.handshakes_full);
    table.count_if_any("TLS handshakes, resumed", counts.handshakes_resumed);
    table.count_if_any("subscriptions", counts.subscriptions_granted);
    table.count_if_any("subscriptions refused", counts.subscriptions_refused);
    if counts.pings_sent > 0 {
        let (asked, answered) = (grouped(counts.pings_sent), grouped(counts.pings_answered));
        table.row("pings", format!("{asked} sent, {answered} answered"));
    }
    if counts.sent > 0 {
        let (sent, acknowledged) = (grouped(counts.sent), grouped(counts.acknowledged));
        table.row(
            "published",
            format!("{sent} sent, {acknowledged} acknowledged"),
        );
    }
    table.latency("connect latency", report.latency_ms.get("connect"));
    table.latency("ping latency", report.latency_ms.get("ping"));
    table.latency("publish latency", report.latency_ms.get("publish"));
    if let Some(us) = report.counts["server_cpu_us_per_held_minute"].as_f64() {
        table.row(
            "held",
            format!("{us:.1} us of server CPU per client and minute"),
        );
    }
    table
}

fn phase_rows(phase: &Phase, table: &mut Table) {
    let name = match phase.storm {
        0 => phase.name.to_owned(),
        storm => format!("{} {storm}", phase.name),
    };
    let (before, after) = (phase.connected_before, phase.connected_after);
    let mut value = format!(
        "{} to {} connected in {:.2} s",
        grouped(before),
        grouped(after),
        phase.secs
    );
    let moved = before.abs_diff(after);
    if moved > 0 && phase.secs > 0.0 {
        value += &format!(" ({}/s)", grouped((moved as f64 / phase.secs) as u64));
    }
    if let Some(server) = &phase.server {
        let percent = server.cpu_secs / server.secs.max(1e-9) * 100.0;
        value += &format!(", server {percent:.1} % of a core");
        if moved > 0 {
            value += &format!(", {:.1} us each", server.cpu_secs * 1e6 / moved as f64);
        }
    }
    table.row(name, value);
    table.latency("  connect latency", phase.connect_ms.as_ref());
}
