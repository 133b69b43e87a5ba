//! What does one check of a token bucket cost, and one of a client's meter among a million?
//!
//! ```text
//! cargo run --release -p tributary-access --example take
//! ```
//!
//! A meter holds two buckets, of messages and of bytes. CPU time of this thread in nanoseconds per
//! check, the least of five runs, and the bytes per key that is not within its limits. A key that
//! is costs none.

use std::hint::black_box;

use rustix::time::{ClockId, clock_gettime};
use tributary_access::bucket::{Bucket, Take};
use tributary_access::meter::{Terms, Tokens};
use tributary_access::meters::Meters;
use tributary_access::rate::Rate;

const KEYS: u64 = 1_000_000;
const RUNS: u64 = 5;

fn thread_nanos() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// The least nanoseconds per call of `check`, which is told the number of the run and of the call.
fn measure(mut check: impl FnMut(u64, u64)) -> f64 {
    let mut run = |run| {
        let begin = thread_nanos();
        for call in 0..KEYS {
            check(run, call);
        }
        (thread_nanos() - begin) as f64 / KEYS as f64
    };
    (0..RUNS).map(&mut run).fold(f64::INFINITY, f64::min)
}

fn main() {
    let rate = Rate::per_sec(1_000, 50).expect("in bounds");
    let mut bucket = Bucket::new();
    let alone = measure(|run, call| {
        let now_millis = black_box(run * KEYS + call);
        assert_eq!(black_box(bucket.take(now_millis, 1, &rate)), Take::Taken);
    });
    println!("one bucket: {alone:.1} ns per check");

    // Slow enough that no bucket is full again while this runs.
    let slow = Rate::per_sec(1, 1_000).expect("in bounds");
    // Keys in an order that no cache likes.
    let key = |call: u64| call.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let terms = Terms {
        messages: Some(slow),
        bytes: Some(Rate::per_sec(100, 100_000).expect("in bounds")),
    };
    let packet = Tokens {
        messages: 1,
        bytes: 64,
    };
    let mut meters = Meters::new(terms, KEYS as usize, 7);
    let metered = measure(|_, call| {
        let granted = meters.grab(1, black_box(key(call)), packet, packet);
        assert_eq!(black_box(granted), Ok(packet));
    });
    println!("one of {KEYS} meters: {metered:.1} ns per read");
    let per_key = meters.bytes() as f64 / meters.len() as f64;
    println!("{per_key:.1} bytes per meter");
    let swept = measure(|_, _| {
        meters.sweep(black_box(1_000_000), 1);
    });
    println!(
        "housekeeping: {swept:.1} ns per key, {} keys left",
        meters.len()
    );
}
