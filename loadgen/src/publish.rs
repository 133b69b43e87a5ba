//! The `publish` command: devices that publish at the times they ought to, and what came back.

use crate::cli::PublishArgs;
use crate::clock::NANOS_PER_SEC;
use crate::drive::{Drive, Look, Ran, unwritten};
use crate::failure::Failure;
use crate::ledger::{Header, Ledger};
use crate::plan::{Plan, PublishPlan};
use crate::report::table::{Table, grouped};
use crate::report::{Percentiles, Report, SecondLine};

/// From "all connected" to the first message: enough for every thread to hear of it.
const START_DELAY_NS: u64 = NANOS_PER_SEC / 20;

pub fn run(args: &PublishArgs) -> Result<(), Failure> {
    let plan = plan(args)?;
    let ledger = match &args.ledger {
        Some(path) => {
            let (qos, run) = (args.qos, args.clients.run.as_str());
            let header = Header::new(run, plan.clients, qos, args.payload, &args.topic);
            Some(Ledger::create(path, &header).map_err(|error| unwritten(&error))?)
        }
        None => None,
    };
    let clients = u64::from(plan.clients);
    let mut drive = Drive::launch(plan, ledger.as_ref())?;
    drive.watch(|now, _| now.settled == clients);
    if drive.stage.now().connected == 0 {
        let ran = drive.finish(ledger.as_ref())?;
        return Err(nobody_connected(args, &ran));
    }
    let before = drive.look(args.clients.server_pid)?;
    drive.stage.start(drive.clock.now_ns() + START_DELAY_NS);
    let stage = std::sync::Arc::clone(&drive.stage);
    let mut is_whole = drive.watch(|_, _| stage.all_finished());
    if !is_whole && drive.take_interrupt() {
        // Whoever ends a run early wants to know what became of what was sent; a second interrupt
        // does not wait for that.
        stage.call_last();
        is_whole = drive.watch(|_, _| stage.all_finished());
    }
    let after = drive.look(args.clients.server_pid)?;
    let ran = drive.finish(ledger.as_ref())?;
    report(args, &ran, is_whole, [&before, &after])
}

fn plan(args: &PublishArgs) -> Result<Plan, Failure> {
    let closed_loop = args.rate == 0.0;
    // An open loop never waits for answers; only packet ids and the server's limit bound it.
    let in_flight_max = args
        .in_flight
        .unwrap_or(if closed_loop { 1 } else { u16::MAX });
    if args.qos > 0 && u32::from(in_flight_max) < args.coalesce {
        let (in_flight, coalesce) = (in_flight_max, args.coalesce);
        let sentence =
            format!("--in-flight {in_flight} does not let {coalesce} leave in one write");
        return Err(Failure::Usage(format!(
            "{sentence}; give --in-flight {coalesce} or more"
        )));
    }
    let publish = PublishPlan {
        rate: args.rate,
        qos: args.qos,
        payload_bytes: args.payload,
        topic: args.topic.clone(),
        in_flight_max,
        coalesce: args.coalesce,
        secs: args.duration,
        drain_secs: args.drain,
    };
    Ok(Plan {
        connect_rate: args.connect_rate,
        reconnect: true,
        way: args.way.read(args.clients.target)?,
        publish: Some(publish),
        ..args.clients.plan(args.count)?
    })
}

fn nobody_connected(args: &PublishArgs, ran: &Ran) -> Failure {
    let reasons: Vec<String> = ran
        .books
        .closes
        .iter()
        .map(|(close, count)| format!("{close} ({count})"))
        .collect();
    Failure::start(
        format!("no client could connect to {}", args.clients.target),
        reasons.join(", "),
        "start the server, or give --target its address",
    )
}

fn report(args: &PublishArgs, ran: &Ran, is_whole: bool, looks: [&Look; 2]) -> Result<(), Failure> {
    let [before, after] = looks;
    let (books, counts) = (&ran.books, &ran.books.counts);
    let mut report = Report::new("publish", &args.clients.run, counts);
    report.elapsed_secs = before.secs_until(after) - START_DELAY_NS as f64 / NANOS_PER_SEC as f64;
    let secs = report.elapsed_secs;
    report.per_sec.insert("sent", counts.sent as f64 / secs);
    report
        .per_sec
        .insert("acknowledged", counts.acknowledged as f64 / secs);
    let latencies = [
        ("connect", &books.connect_ns),
        ("publish", &books.publish_ns),
        ("late", &books.late_ns),
    ];
    for (name, histogram) in latencies {
        if let Some(percentiles) = Percentiles::of_ns(histogram) {
            report.latency_ms.insert(name, percentiles);
        }
    }
    report.ends = books
        .closes
        .iter()
        .map(|(close, n)| (close.to_string(), *n))
        .collect();
    report.seconds = SecondLine::series(&books.seconds);
    report.server = before
        .server_until(after)
        .map(|used| used.per_message(counts.sent));
    ran.judge_client(before, after, counts.sent, &mut report);
    if !is_whole {
        report
            .remarks
            .push("the run was interrupted: these are figures of its part".to_owned());
    }
    judge(args, &mut report, ran);
    let table = table(args, ran, &report);
    report.deliver(table, args.clients.json.as_deref())
}

fn table(args: &PublishArgs, ran: &Ran, report: &Report) -> Table {
    let (counts, secs) = (&ran.books.counts, report.elapsed_secs);
    let loop_name = if args.rate == 0.0 {
        "closed loop"
    } else {
        "open loop"
    };
    let mut table = Table::new(format!(
        "publish to {}: {} clients, QoS {}, {} B, {loop_name}",
        args.clients.target, args.count, args.qos, args.payload
    ));
    table.row("elapsed", format!("{secs:.2} s"));
    table.row("connected", grouped(counts.connects_made));
    table.count_if_any("TLS handshakes, full", counts.handshakes_full);
    table.count_if_any("TLS handshakes, resumed", counts.handshakes_resumed);
    table.row(
        "sent",
        format!(
            "{} ({}/s)",
            grouped(counts.sent),
            per_sec(counts.sent, secs)
        ),
    );
    if args.qos > 0 {
        let (count, rate) = (counts.acknowledged, per_sec(counts.acknowledged, secs));
        table.row("acknowledged", format!("{} ({rate}/s)", grouped(count)));
    }
    table.count_if_any("refused", counts.refused);
    table.count_if_any("unacknowledged", counts.unacknowledged);
    table.count_if_any("due, never sent", counts.unsent);
    table.count_if_any("sent again", counts.resent);
    table.count_if_any("connects refused", counts.connects_refused);
    table.count_if_any("connections ended", counts.connections_ended);
    table.ends(&report.ends);
    table.latency("latency", report.latency_ms.get("publish"));
    table.latency("sent late by", report.latency_ms.get("late"));
    table
}

fn judge(args: &PublishArgs, report: &mut Report, ran: &Ran) {
    let counts = &ran.books.counts;
    let p99 = report.latency_ms.get("publish").map(|ms| ms.p99);
    if let Some((max_ms, p99)) = args.max_p99_ms.zip(p99).filter(|(max, p99)| p99 > max) {
        report
            .missed
            .push(format!("p99 {p99:.3} ms is over --max-p99-ms {max_ms}"));
    }
    let unanswered = counts.unacknowledged + counts.refused + counts.unsent;
    if let Some(max) = args.max_unacknowledged.filter(|max| unanswered > *max) {
        let sentence =
            format!("{unanswered} messages were refused, never sent or not acknowledged");
        report
            .missed
            .push(format!("{sentence}, over --max-unacknowledged {max}"));
    }
    if counts.clients_unread > 0 {
        report.remarks.push(format!(
            "the server had not read all QoS 0 messages of {} clients when --drain was over",
            grouped(counts.clients_unread)
        ));
    }
    if counts.resent > 0 {
        report.remarks.push(format!(
            "{} messages were sent again after their connection had ended; the server may have \
             taken them twice (the ledger marks them)",
            grouped(counts.resent)
        ));
    }
}

fn per_sec(count: u64, secs: f64) -> String {
    grouped((count as f64 / secs) as u64)
}
