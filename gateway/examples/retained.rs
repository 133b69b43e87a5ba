//! What does a retained message cost, in bytes and in time, among a million of them?
//!
//! `cargo run --release -p tributary --example retained [COUNT]` keeps COUNT messages (1,000,000)
//! on topics as fleets have them, in an order of no meaning, and prints a table and a line of JSON.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use serde_json::json;
use tikv_jemallocator::Jemalloc;
use tributary_proto::message::Message;
use tributary_proto::retained::{Bounds, Cursor, Retained};
use tributary_proto::version::Qos;

#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

const PAYLOAD: &[u8] = b"{\"temperature\":21.50}";
/// What one call of a search may do.
const BUDGET_STEPS: usize = 1_000;
const FILTERS: [&str; 6] = [
    "dw/+/status",
    "+/+/status",
    "dw/device-0100000/#",
    "dw/+/nothing",
    "+/device-0100000/status",
    "#",
];

fn main() {
    let count = std::env::args().nth(1);
    let count: usize = count.map_or(1_000_000, |text| text.parse().expect("COUNT is a number"));
    let topics: Vec<String> = (0..count).map(|n| topic(scattered(n, count))).collect();
    let text_bytes: usize = topics.iter().map(|topic| topic.len() + PAYLOAD.len()).sum();
    let unbounded = Bounds {
        count_max: usize::MAX,
        bytes_max: usize::MAX,
    };
    let mut retained = Retained::new(unbounded);
    let before = live_bytes();
    let set_nanos = nanos_each(&topics, |topic| retained.set(message(topic)));
    let overhead = (live_bytes() - before).saturating_sub(text_bytes);
    let counted = retained.bytes() - text_bytes;
    let replace_nanos = nanos_each(&topics, |topic| retained.set(message(topic)));
    let exact_nanos = nanos_each(&topics, |topic| {
        retained.find_exact(topic).map(|message| message.qos)
    });
    println!(
        "{count} messages of {} bytes in topic and payload",
        text_bytes / count
    );
    println!(
        "overhead       {:>8} B each, counted as {} B",
        overhead / count,
        counted / count
    );
    println!("set            {set_nanos:>8} ns\nreplace        {replace_nanos:>8} ns");
    println!("find exactly   {exact_nanos:>8} ns");
    let searches: Vec<_> = FILTERS
        .iter()
        .map(|filter| search(&retained, filter))
        .collect();
    let clear_nanos = nanos_each(&topics, |topic| retained.clear(topic));
    println!("clear          {clear_nanos:>8} ns");
    let report = json!({
        "messages": count,
        "topic_and_payload_bytes": text_bytes / count,
        "overhead_bytes": overhead / count,
        "overhead_bytes_counted": counted / count,
        "set_nanos": set_nanos,
        "replace_nanos": replace_nanos,
        "find_exact_nanos": exact_nanos,
        "clear_nanos": clear_nanos,
        "searches": searches,
    });
    println!("{report}");
}

/// Five topics per device; every tenth name is too long for a short size class.
fn topic(n: usize) -> String {
    let word = ["status", "config", "firmware/version", "location", "will"][n % 5];
    format!("dw/device-{:07}/{word}", n / 5)
}

/// Each number below `count` once, in an order that no index can profit from.
fn scattered(n: usize, count: usize) -> usize {
    // A prime above any count here, so that no two numbers fall together.
    const STRIDE: usize = 2_147_483_647;
    (n * STRIDE) % count
}

fn message(topic: &str) -> Arc<Message> {
    Arc::new(Message {
        topic: topic.into(),
        payload: PAYLOAD.into(),
        properties: Box::default(),
        publisher: Message::NOBODY,
        expires_at_sec: Message::NEVER,
        qos: Qos::AtLeastOnce,
        retain: true,
    })
}

fn nanos_each<T>(topics: &[String], mut act: impl FnMut(&str) -> T) -> u64 {
    let begin = Instant::now();
    for topic in topics {
        black_box(act(topic));
    }
    begin.elapsed().as_nanos() as u64 / topics.len() as u64
}

/// Searches in steps, as a shard does between other work.
fn search(retained: &Retained, filter: &str) -> serde_json::Value {
    let (mut cursor, mut out) = (Cursor::default(), Vec::with_capacity(BUDGET_STEPS));
    let (mut found, mut calls, mut longest) = (0, 0, 0);
    let begin = Instant::now();
    loop {
        let step = Instant::now();
        let next = retained.find(filter, &cursor, BUDGET_STEPS, 0, &mut out);
        longest = longest.max(step.elapsed().as_micros());
        found += out.len();
        calls += 1;
        out.clear();
        match next {
            Some(next) => cursor = next,
            None => break,
        }
    }
    let micros = begin.elapsed().as_micros();
    println!(
        "{filter:<26} {found:>8} found, {micros:>8} us in {calls} calls, longest {longest} us"
    );
    json!({
        "filter": filter,
        "found": found,
        "calls": calls,
        "micros": micros as u64,
        "longest_call_micros": longest as u64,
    })
}

fn live_bytes() -> usize {
    tikv_jemalloc_ctl::epoch::advance().expect("jemalloc keeps an epoch");
    tikv_jemalloc_ctl::stats::allocated::read().expect("jemalloc keeps statistics")
}
