//! The `verify` command: holds Kafka to what was acknowledged and names what is lost, duplicated,
//! out of order or changed.

pub mod judge;
pub mod kafka;
pub mod murmur;
pub mod track;

use crate::cli::VerifyArgs;
use crate::failure::Failure;
use crate::ledger::Reader;
use crate::progress::Progress;
use crate::report::Report;
use crate::report::table::{Table, grouped};
use crate::stamp::RunId;
use judge::{Fault, Found, Judge, Verdict};
use kafka::Topic;
use rdkafka::message::{Headers, Message};
use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

const LOOK: Duration = Duration::from_millis(20);
/// Records between two looks at the ledger and the clock.
const RECORDS_PER_LOOK: u32 = 10_000;
const EARLY_PATIENCE: f64 = 6.0;
const TOPIC_HEADER: &str = "mqtt.topic";

pub fn run(args: &VerifyArgs) -> Result<(), Failure> {
    let idle = Duration::from_secs_f64(args.idle);
    let mut ledger = match &args.ledger {
        Some(path) => Some(open_ledger(path, args.follow.then_some(idle))?),
        None => None,
    };
    let header = ledger.as_ref().map(|reader| reader.header.clone());
    let run = run_name(args, header.as_ref().map(|header| header.run.as_str()))?;
    let mut judge = Judge::new(RunId::from_name(&run), header, args.key);
    let began = Instant::now();
    let mut topic = Topic::open(&args.kafka, &args.topic, &args.properties, idle)?;
    let is_complete = read(args, &mut judge, &mut topic, ledger.as_mut())?;
    let verdict = judge.verdict();
    let mut report = Report::new("verify", &run, &verdict);
    report.elapsed_secs = began.elapsed().as_secs_f64();
    remark(args, &judge, &topic, is_complete, &mut report);
    judge_objectives(args, &verdict, &mut report);
    let title = format!("verify run {run} in topic {} of {}", args.topic, args.kafka);
    report.deliver(table(title, &verdict), args.json.as_deref())
}

fn run_name(args: &VerifyArgs, of_ledger: Option<&str>) -> Result<String, Failure> {
    match (args.run.as_deref(), of_ledger) {
        (Some(asked), Some(written)) if asked != written => Err(Failure::Usage(format!(
            "the ledger is of run {written}, not of {asked}; leave --run out or name the right file"
        ))),
        (Some(run), _) | (None, Some(run)) => Ok(run.to_owned()),
        (None, None) => Err(Failure::Usage(
            "which run? give --run ID or --ledger FILE".to_owned(),
        )),
    }
}

/// Opens the ledger, waiting for `publish` to create it where we follow.
fn open_ledger(path: &Path, patience: Option<Duration>) -> Result<Reader, Failure> {
    let until = Instant::now() + patience.unwrap_or_default();
    loop {
        match Reader::open(path) {
            Ok(reader) => return Ok(reader),
            Err(error) if Instant::now() >= until => return Err(unreadable(path, &error)),
            Err(_) => thread::sleep(LOOK),
        }
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    let what = format!("cannot read the ledger {}", path.display());
    Failure::start(what, error, "name the file that `publish --ledger` wrote")
}

/// Reads ledger and topic to their end. Says whether that end was reached, or only silence.
fn read(
    args: &VerifyArgs,
    judge: &mut Judge,
    topic: &mut Topic,
    mut ledger: Option<&mut Reader>,
) -> Result<bool, Failure> {
    let mut progress = Progress::start();
    let mut news = (0, 0, 0);
    let mut news_at = Instant::now();
    loop {
        if let (Some(reader), Some(path)) = (&mut ledger, &args.ledger) {
            let taken = reader.read_new(|record| judge.on_ledger(record));
            taken.map_err(|error| unreadable(path, &error))?;
        }
        let quiet = poll_some(judge, topic);
        let is_waiting = args.follow && ledger.is_some() && !judge.is_satisfied();
        if quiet && !is_waiting && topic.is_read() {
            progress.clear();
            return Ok(true);
        }
        // Others may write for ever; their old records are only on the way to ours.
        let others = if args.follow {
            0
        } else {
            judge.records_of_others()
        };
        let now = (judge.records(), judge.outstanding(), others);
        if now != news {
            (news, news_at) = (now, Instant::now());
        } else if news_at.elapsed().as_secs_f64() >= patience_secs(args, judge) {
            progress.clear();
            return Ok(false);
        }
        progress.tell_text(|| {
            let (records, outstanding) = (grouped(now.0), grouped(now.1));
            format!("read {records}  acknowledged and not yet found {outstanding}")
        });
    }
}

/// How long silence is borne: longer before the first record, while the devices still connect.
fn patience_secs(args: &VerifyArgs, judge: &Judge) -> f64 {
    let is_early = args.follow && judge.records() == 0 && !judge.ledger_is_closed();
    if is_early {
        args.idle * EARLY_PATIENCE
    } else {
        args.idle
    }
}

/// Takes what Kafka has; says whether it had nothing more.
fn poll_some(judge: &mut Judge, topic: &mut Topic) -> bool {
    let partitions = topic.partitions();
    for _ in 0..RECORDS_PER_LOOK {
        let came = topic.poll(|message| {
            let headers = message
                .headers()
                .into_iter()
                .flat_map(|headers| headers.iter());
            judge.on_found(&Found {
                partition: message.partition(),
                partitions,
                key: message.key(),
                payload: message.payload().unwrap_or_default(),
                topic: headers
                    .filter(|header| header.key == TOPIC_HEADER)
                    .find_map(|h| h.value),
            });
        });
        if !came {
            return true;
        }
    }
    false
}

/// Says what limits the verdict.
fn remark(args: &VerifyArgs, judge: &Judge, topic: &Topic, complete: bool, report: &mut Report) {
    let remarks = &mut report.remarks;
    if args.ledger.is_none() {
        remarks.push("without --ledger nothing can be said about lost messages".to_owned());
    } else if !judge.ledger_is_closed() {
        remarks.push("the ledger was not closed: `publish` ended early or still runs".to_owned());
    }
    if !complete {
        let error = topic.last_error.as_ref();
        let error = error.map_or_else(String::new, |error| format!("; last error: {error}"));
        remarks.push(format!("gave up after {} s without news{error}", args.idle));
    }
    if topic.skipped > 0 {
        remarks.push(format!(
            "Kafka had dropped {} records before they were read; what seems lost may be among \
             them. Run verify with --follow beside `publish`.",
            grouped(topic.skipped)
        ));
    }
}

fn judge_objectives(args: &VerifyArgs, verdict: &Verdict, report: &mut Report) {
    for (name, fault) in verdict.faults() {
        let allowed = if name == "lost" { args.max_lost } else { 0 };
        if fault.count > allowed {
            report
                .missed
                .push(format!("{name} {}: {}", grouped(fault.count), names(fault)));
        }
    }
    if args.ledger.is_some() && verdict.acknowledged == 0 && verdict.sent == 0 {
        report
            .missed
            .push("the ledger holds no message: nothing was verified".to_owned());
    } else if args.ledger.is_none() && verdict.records == 0 {
        report
            .missed
            .push("Kafka holds no record of this run: nothing was verified".to_owned());
    }
}

/// The first faults by device and sequence.
fn names(fault: &Fault) -> String {
    let named: Vec<String> = fault
        .first
        .iter()
        .map(|(d, s)| format!("{d}/{s}"))
        .collect();
    let more = if fault.count as usize > named.len() {
        " ..."
    } else {
        ""
    };
    format!("device/sequence {}{more}", named.join(" "))
}

fn table(title: String, verdict: &Verdict) -> Table {
    let mut table = Table::new(title);
    table.row("records of this run", grouped(verdict.records));
    table.count_if_any("records of others", verdict.records_of_others);
    table.row("sent", grouped(verdict.sent));
    table.row("acknowledged", grouped(verdict.acknowledged));
    table.row("found", grouped(verdict.found));
    for (name, fault) in verdict.faults() {
        table.row(name, grouped(fault.count));
    }
    table.count_if_any("QoS 0, not found", verdict.missing_qos0);
    table.count_if_any("twice, sent again", verdict.duplicates_excused);
    table.count_if_any("late, sent again", verdict.reorders_excused);
    table.count_if_any("found, yet refused", verdict.found_refused);
    table.count_if_any("found, unanswered", verdict.found_unanswered);
    table
}
