//! The `connect` command: many clients that are simply there, and what that costs the server.

use crate::cli::ConnectArgs;
use crate::clock::secs_to_ns;
use crate::drive::{Drive, Look, Ran};
use crate::failure::Failure;
use crate::plan::Plan;
use crate::report::table::{Table, grouped};
use crate::report::{Percentiles, Report, SecondLine};

pub fn run(args: &ConnectArgs) -> Result<(), Failure> {
    let plan = Plan {
        connect_rate: args.rate,
        opening_max: args.at_once,
        subscribe_own: args.subscribe_own,
        churn_per_sec: args.churn / 100.0,
        ..args.clients.plan(args.connections)?
    };
    let clients = u64::from(plan.clients);
    let mut drive = Drive::launch(plan, None)?;
    let before = drive.look(args.clients.server_pid)?;
    let all_settled = drive.watch(|now, _| now.settled == clients);
    let connected = drive.look(args.clients.server_pid)?;
    let made = drive.stage.now().connected;
    if all_settled {
        let until_ns = drive.clock.now_ns() + secs_to_ns(args.hold);
        drive.watch(|_, now_ns| now_ns >= until_ns);
    }
    let held = drive.stage.now().connected;
    let after = drive.look(args.clients.server_pid)?;
    let ran = drive.finish(None)?;
    report(args, &ran, [made, held], [&before, &connected, &after])
}

fn report(
    args: &ConnectArgs,
    ran: &Ran,
    [made, held]: [u64; 2],
    looks: [&Look; 3],
) -> Result<(), Failure> {
    let [before, connected, after] = looks;
    let (books, counts) = (&ran.books, &ran.books.counts);
    let mut report = Report::new("connect", &args.clients.run, counts);
    report.elapsed_secs = before.secs_until(after);
    let connect_secs = before.secs_until(connected);
    report.counts["held"] = held.into();
    report.counts["connect_secs"] = connect_secs.into();
    report
        .per_sec
        .insert("connected", made as f64 / connect_secs);
    if let Some(percentiles) = Percentiles::of_ns(&books.connect_ns) {
        report.latency_ms.insert("connect", percentiles);
    }
    report.ends = books
        .closes
        .iter()
        .map(|(close, n)| (close.to_string(), *n))
        .collect();
    report.seconds = SecondLine::series(&books.seconds);
    report.server = before
        .server_until(connected)
        .map(|used| used.per_connection(made, made));
    ran.judge_client(before, after, 0, &mut report);
    let held_use = connected.server_until(after);
    if let Some(used) = held_use.as_ref().filter(|used| used.secs > 0.0 && held > 0) {
        let us_per_minute = used.cpu_secs * 1e6 / held as f64 / used.secs * 60.0;
        report.counts["server_cpu_us_per_held_minute"] = us_per_minute.into();
    }
    if let Some(max) = args
        .max_refused
        .filter(|max| counts.connects_refused > *max)
    {
        let refused = counts.connects_refused;
        report.missed.push(format!(
            "{refused} connects refused, over --max-refused {max}"
        ));
    }
    if let Some(max) = args.max_ended.filter(|max| unasked(ran) > *max) {
        let ended = unasked(ran);
        report
            .missed
            .push(format!("{ended} connections ended, over --max-ended {max}"));
    }
    let table = table(args, ran, &report, [made, held], connect_secs);
    report.deliver(table, args.clients.json.as_deref())
}

fn table(
    args: &ConnectArgs,
    ran: &Ran,
    report: &Report,
    [made, held]: [u64; 2],
    connect_secs: f64,
) -> Table {
    let counts = &ran.books.counts;
    let title = format!(
        "connect to {}: {} clients",
        args.clients.target, args.connections
    );
    let mut table = Table::new(title);
    let rate = grouped((made as f64 / connect_secs) as u64);
    table.row(
        "connected",
        format!("{} in {connect_secs:.2} s ({rate}/s)", grouped(made)),
    );
    table.row(
        "held to the end",
        format!("{} for {:.1} s", grouped(held), args.hold),
    );
    table.row("refused", grouped(counts.connects_refused));
    table.row("ended", grouped(counts.connections_ended));
    table.ends(&report.ends);
    table.count_if_any("subscriptions", counts.subscriptions_granted);
    table.count_if_any("subscriptions refused", counts.subscriptions_refused);
    if counts.pings_sent > 0 {
        let (asked, answered) = (grouped(counts.pings_sent), grouped(counts.pings_answered));
        table.row("pings", format!("{asked} sent, {answered} answered"));
    }
    table.latency("connect latency", report.latency_ms.get("connect"));
    if let Some(us) = report.counts["server_cpu_us_per_held_minute"].as_f64() {
        table.row(
            "held",
            format!("{us:.1} us of server CPU per client and minute"),
        );
    }
    table
}

/// Connections that ended although nobody here asked for it.
fn unasked(ran: &Ran) -> u64 {
    let churned = ran.books.closes.get(&crate::close::Close::Churned);
    ran.books.counts.connections_ended - churned.copied().unwrap_or(0)
}
