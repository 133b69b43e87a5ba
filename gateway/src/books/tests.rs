//! What the books promise: a place per label, sums that balance at every reading, no shared lines.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::*;

const NAMES: Names = Names {
    close: &["bye", "reset"],
    refusal: &["no_route", "topic_missing"],
    malformed: &["length"],
    transport: &["proxy_bad_thing"],
    tls: &["not_tls"],
    bound: &["reassembly"],
    loss: &["expired"],
};

fn value(entries: &[Entry], metric: &str) -> u64 {
    entries
        .iter()
        .find(|entry| entry.metric == metric)
        .expect(metric)
        .sum()
}

#[test]
fn a_shard_shares_no_cache_line_with_its_neighbour() {
    assert_eq!(align_of::<ShardBooks>(), 128);
    assert_eq!(size_of::<ShardBooks>() % 128, 0);
}

#[test]
fn counts_come_back_under_their_own_label() {
    let books = ShardBooks::new(&NAMES);
    books.disconnects.add(1, 3);
    books.connections.add(5);
    books.connections.sub(2);
    let entries = books.read();
    let disconnects = entries
        .iter()
        .find(|e| e.metric == "tributary_disconnects")
        .unwrap();
    assert_eq!(disconnects.labels, ["bye", "reset"]);
    assert_eq!(disconnects.values, [0, 3]);
    assert_eq!(value(&entries, "tributary_connections"), 3);
}

#[test]
fn several_shards_add_up_label_by_label() {
    let (one, two) = (ShardBooks::new(&NAMES), ShardBooks::new(&NAMES));
    one.disconnects.add(0, 1);
    two.disconnects.add(0, 10);
    two.disconnects.add(1, 100);
    let total = sum(&[one.read(), two.read()]);
    let disconnects = total
        .iter()
        .find(|e| e.metric == "tributary_disconnects")
        .unwrap();
    assert_eq!(disconnects.values, [11, 100]);
    assert!(sum(&[]).is_empty());
}

#[test]
fn no_two_metrics_have_one_name() {
    let mut metrics: Vec<_> = ShardBooks::new(&NAMES)
        .read()
        .iter()
        .map(|e| e.metric)
        .collect();
    let all = metrics.len();
    metrics.sort_unstable();
    metrics.dedup();
    assert_eq!(metrics.len(), all);
}

#[test]
fn publishes_show_only_at_the_end_of_a_turn() {
    let books = ShardBooks::new(&NAMES);
    books.publishes.on_received(1);
    assert_eq!(books.publishes.pending(), 1);
    assert_eq!(value(&books.read(), "tributary_publishes_pending"), 0);
    books.publishes.settle();
    assert_eq!(value(&books.read(), "tributary_publishes_pending"), 1);
}

#[test]
fn received_equals_what_became_of_it_at_every_reading() {
    let books = Arc::new(ShardBooks::new(&NAMES));
    let stop = Arc::new(AtomicBool::new(false));
    let writer = std::thread::spawn({
        let (books, stop) = (books.clone(), stop.clone());
        move || {
            let publishes = &books.publishes;
            while !stop.load(Ordering::Relaxed) {
                for qos in [0, 1, 2, 1, 1] {
                    publishes.on_received(qos);
                }
                publishes.on_acknowledged(0);
                publishes.on_acknowledged(1);
                publishes.on_refused(1);
                publishes.on_settled_after_gone(1);
                publishes.settle();
            }
        }
    });
    // The readings must not be of empty books: wait for the writer's first turn.
    while value(&books.publishes.read(), "tributary_publishes_received") == 0 {
        std::thread::yield_now();
    }
    let mut last_received = 0;
    for _ in 0..20_000 {
        let entries = books.publishes.read();
        let received = value(&entries, "tributary_publishes_received");
        let settled = value(&entries, "tributary_publishes_acknowledged")
            + value(&entries, "tributary_publishes_refused")
            + value(&entries, "tributary_publishes_settled_after_gone");
        assert_eq!(
            received,
            settled + value(&entries, "tributary_publishes_pending")
        );
        assert!(received >= last_received);
        last_received = received;
    }
    stop.store(true, Ordering::Relaxed);
    assert!(last_received > 5, "the writer stood still");
    writer.join().unwrap();
}

#[test]
fn a_turn_is_counted_in_the_first_bucket_that_is_not_too_small() {
    let histogram = Histogram::new();
    for micros in [0, 4, 5, 8, 9, 4 << 20, (4 << 20) + 1, u64::MAX / 8] {
        histogram.observe(micros);
    }
    let reading = histogram.read();
    assert_eq!(reading.count, 8);
    let (bounds, counts): (Vec<f64>, Vec<u64>) = reading.buckets.into_iter().unzip();
    assert_eq!(bounds[..3], [4e-6, 8e-6, 16e-6]);
    assert_eq!(counts[..3], [2, 2, 1]);
    assert_eq!(bounds[20], 4.194304);
    assert_eq!(counts[20..], [1, 2]);
    assert_eq!(bounds[21], f64::INFINITY);
}

#[test]
fn silence_is_measured_from_the_last_beat() {
    let books = ShardBooks::new(&NAMES);
    let now = Instant::now();
    books.beat(now + Duration::from_secs(10));
    assert_eq!(books.silent_millis(now + Duration::from_secs(10)), 0);
    assert_eq!(books.silent_millis(now + Duration::from_secs(16)), 6_000);
}
