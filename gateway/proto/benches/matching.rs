//! What does it take to find a topic's subscribers among 1,000,000 exact filters and 10,000 others?
//!
//! `cargo bench -p tributary-proto --bench matching [-- --json FILE]` answers in instructions,
//! counted by callgrind in one function per case, and in nanoseconds of this machine, the mean over
//! a million topics. Without valgrind it says the latter alone.

use std::hint::black_box;
use std::process::Command;
use std::time::Instant;

use tributary_proto::subscriptions::{
    Bounds, Found, Grant, Held, InterestChange, Subscriptions, TopicHasher,
};

const EXACT: u32 = 1_000_000;
const PATTERNS: u32 = 10_000;
/// Clients of one filter, and devices with a topic of their own.
const FAN_OUT: u32 = 10_000;
/// What one match of the fan-out's case finds.
const FAN_OUT_PER: u32 = FAN_OUT;
/// Matches per case for callgrind, and for the clock: so many that the caches do not hold them.
const COUNTED: u32 = 10_000;
/// See above.
const TIMED: u32 = 1_000_000;
/// How often the clock sees the one topic of the fan-out.
const FAN_OUT_ROUNDS: u32 = 1_000;
/// Each function that callgrind looks for has this in its name.
const MEASURED: &str = "measured_";

/// One shard that a whole fleet and many services are subscribed on.
struct Shard {
    index: Subscriptions,
    /// What the devices hold that have a topic of their own.
    fleet: Vec<Held>,
    found: Found,
}

/// A case: its loop, under the name that callgrind finds it by, and what one match finds.
struct Case {
    name: &'static str,
    function: &'static str,
    run: fn(&mut Shard, &[String]) -> usize,
    topics: fn(u32) -> String,
    /// Figures are per so many results of one match.
    per: u32,
    /// Whether there are results.
    finds: bool,
}

/// Each loop is a function of its own, so that callgrind tells them apart.
macro_rules! measured {
    ($function:ident) => {
        #[inline(never)]
        fn $function(shard: &mut Shard, topics: &[String]) -> usize {
            // A use of its name keeps the linker from folding it with its likes.
            black_box(stringify!($function));
            find_all(shard, topics)
        }
    };
}

measured!(measured_exact);
measured!(measured_pattern);
measured!(measured_own);
measured!(measured_miss);
measured!(measured_fan_out);
measured!(measured_overlap);

fn cases() -> [Case; 6] {
    let one = Case {
        name: "exact filter",
        function: "measured_exact",
        run: measured_exact,
        topics: exact,
        per: 1,
        finds: true,
    };
    [
        Case {
            name: "filter with wildcards",
            function: "measured_pattern",
            run: measured_pattern,
            topics: pattern_topic,
            ..one
        },
        Case {
            name: "own topic of a device",
            function: "measured_own",
            run: measured_own,
            topics: own,
            ..one
        },
        Case {
            name: "no subscriber",
            function: "measured_miss",
            run: measured_miss,
            topics: miss,
            finds: false,
            ..one
        },
        Case {
            name: "each of 10,000, 3 see all",
            function: "measured_overlap",
            run: measured_overlap,
            topics: |_| "log".to_owned(),
            per: FAN_OUT_PER,
            ..one
        },
        Case {
            name: "each of 10,000 subscribers",
            function: "measured_fan_out",
            run: measured_fan_out,
            topics: |_| "news".to_owned(),
            per: FAN_OUT_PER,
            ..one
        },
        one,
    ]
}

#[inline(always)]
fn find_all(shard: &mut Shard, topics: &[String]) -> usize {
    let Shard {
        index,
        fleet,
        found,
    } = shard;
    let mut owner = |id: &str| {
        let place: u32 = id.strip_prefix("device-")?.parse().ok()?;
        Some((place, fleet.get(place as usize)?))
    };
    let mut count = 0;
    for topic in topics {
        index.find(black_box(topic), &mut owner, found);
        count += found.receivers().len();
    }
    count
}

/// Spreads the numbers, so that neighbours in time are none in memory.
fn any(number: u32, of: u32) -> u32 {
    (u64::from(number) * 7_368_787 % u64::from(of)) as u32
}

fn exact(number: u32) -> String {
    let number = any(number, EXACT);
    format!("site/{:03}/sensor/{number:07}/state", number % 1_000)
}

fn pattern_topic(number: u32) -> String {
    let number = any(number, PATTERNS);
    match number % 5 {
        0 | 1 => format!("plant/{number}/press/temperature"),
        2 | 3 => format!("area/{number}/hall/4/door"),
        _ => format!("line/{number}/alarm/high"),
    }
}

fn pattern(number: u32) -> String {
    match number % 5 {
        0 | 1 => format!("plant/{number}/+/temperature"),
        2 | 3 => format!("area/{number}/#"),
        _ => format!("+/{number}/alarm/+"),
    }
}

fn own(number: u32) -> String {
    format!("dev/device-{}/cmd", any(number, FAN_OUT))
}

fn miss(number: u32) -> String {
    format!("site/{:03}/sensor/{number:07}/telemetry", number % 1_000)
}

fn shard() -> Shard {
    let mut index = Subscriptions::new(TopicHasher::new(11), Bounds::default());
    let mut changes: Vec<InterestChange> = Vec::new();
    let mut fleet = Vec::new();
    let grant = Grant::default();
    for client in 0..FAN_OUT {
        let (id, mut held) = (format!("device-{client}"), Held::default());
        let own = format!("dev/{id}/cmd");
        for filter in ["news", &own] {
            index.subscribe(client, &id, &mut held, filter, grant, &mut changes);
        }
        // Three of them want all that belongs to the log, too.
        for filter in ["log", "log/#"].iter().take(1 + usize::from(client < 3)) {
            index.subscribe(client, &id, &mut held, filter, grant, &mut changes);
        }
        fleet.push(held);
        changes.clear();
    }
    let filters = (0..EXACT).map(exact).chain((0..PATTERNS).map(pattern));
    for (client, filter) in (FAN_OUT..).zip(filters) {
        // What a service holds is not looked at again: the index has it as well.
        let mut held = Held::default();
        index.subscribe(client, "service", &mut held, &filter, grant, &mut changes);
        changes.clear();
    }
    Shard {
        index,
        fleet,
        found: Found::default(),
    }
}

/// What was measured of one case.
struct Figures {
    name: &'static str,
    instructions: Option<f64>,
    nanos: f64,
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.iter().any(|argument| argument == "--counted") {
        let mut shard = shard();
        for case in cases() {
            let topics = topics(&case, COUNTED);
            // Warm: what a publish finds in place after the first one.
            find_all(&mut shard, &topics[..1]);
            black_box((case.run)(&mut shard, &topics));
        }
        return;
    }
    let counted = counted();
    let mut shard = shard();
    let figures: Vec<Figures> = cases()
        .iter()
        .map(|case| Figures {
            name: case.name,
            instructions: instructions(case, &counted),
            nanos: nanos(case, &mut shard),
        })
        .collect();
    println!("{:<28} {:>12} {:>8}", "", "instructions", "ns");
    for figure in &figures {
        let instructions = figure.instructions.map(|count| format!("{count:.1}"));
        let instructions = instructions.unwrap_or_else(|| "not counted".to_owned());
        println!(
            "{:<28} {instructions:>12} {:>8.1}",
            figure.name, figure.nanos
        );
    }
    let json = arguments.iter().position(|argument| argument == "--json");
    if let Some(file) = json.and_then(|at| arguments.get(at + 1)) {
        std::fs::write(file, to_json(&figures)).expect("the file can be written");
    }
}

fn topics(case: &Case, count: u32) -> Vec<String> {
    let count = if case.per == FAN_OUT_PER { 1 } else { count };
    (0..count).map(case.topics).collect()
}

/// The mean over many topics, and over many rounds where there is only one.
fn nanos(case: &Case, shard: &mut Shard) -> f64 {
    let topics = topics(case, TIMED);
    let rounds = if topics.len() == 1 { FAN_OUT_ROUNDS } else { 1 };
    let found_per_topic = if case.finds { case.per as usize } else { 0 };
    let began = Instant::now();
    for _ in 0..rounds {
        let found = (case.run)(shard, &topics);
        assert_eq!(found, topics.len() * found_per_topic, "{}", case.name);
    }
    let results = rounds as f64 * topics.len() as f64 * f64::from(case.per);
    began.elapsed().as_nanos() as f64 / results
}

/// Runs this program again under callgrind; what `callgrind_annotate` says of each function.
fn counted() -> String {
    let file = std::env::temp_dir().join(format!("matching-{}.callgrind", std::process::id()));
    let run = || -> Option<String> {
        let program = std::env::current_exe().ok()?;
        Command::new("valgrind")
            .args([
                "--tool=callgrind",
                &format!("--toggle-collect=*{MEASURED}*"),
            ])
            .arg(format!("--callgrind-out-file={}", file.display()))
            .args([program.as_os_str(), "--counted".as_ref()])
            .output()
            .ok()?;
        let annotate = Command::new("callgrind_annotate")
            .args(["--inclusive=yes", "--threshold=100"])
            .arg(&file)
            .output();
        String::from_utf8(annotate.ok()?.stdout).ok()
    };
    let report = run().unwrap_or_default();
    let _ = std::fs::remove_file(file);
    report
}

fn instructions(case: &Case, report: &str) -> Option<f64> {
    let line = report.lines().find(|line| line.contains(case.function))?;
    let number = line.split_whitespace().next()?.replace(',', "");
    let matches = if case.per == FAN_OUT_PER { 1 } else { COUNTED };
    Some(number.parse::<f64>().ok()? / f64::from(matches * case.per))
}

fn to_json(figures: &[Figures]) -> String {
    let rows: Vec<String> = figures
        .iter()
        .map(|figure| {
            let instructions = figure.instructions.map(|count| format!("{count:.1}"));
            format!(
                "{{\"case\": \"{}\", \"instructions\": {}, \"nanoseconds\": {:.1}}}",
                figure.name,
                instructions.as_deref().unwrap_or("null"),
                figure.nanos
            )
        })
        .collect();
    format!(
        "{{\"exact_filters\": {EXACT}, \"patterns\": {PATTERNS}, \"cases\": [\n  {}\n]}}\n",
        rows.join(",\n  ")
    )
}
