//! Keyed buckets decide as one bucket per key would, and forget who is within limits.

use std::collections::HashMap;
use std::time::Duration;

use super::*;
use crate::address::AddressGroup;
use crate::draw::Draw;

const SEED: u64 = 0x5EED_0004;

#[test]
fn forgetting_full_buckets_changes_no_answer() {
    let rate = Rate::per(7, Duration::from_secs(3), 5).expect("in bounds");
    let mut buckets = Buckets::new(rate, 1_000, 7);
    let mut never_forgotten: HashMap<u64, Bucket> = HashMap::new();
    let mut draw = Draw::new(SEED);
    let (mut now, mut forgotten_count, mut waits) = (0, 0, 0);
    for step in 0..200_000 {
        now += draw.below(60);
        let (key, count) = (draw.below(200), draw.below(8) as u32);
        let own = never_forgotten.entry(key).or_default();
        let (taken, expected) = match draw.once_in(2) {
            true => (buckets.take(now, key, count), own.take(now, count, &rate)),
            false => (
                buckets.take_or_owe(now, key, count),
                own.take_or_owe(now, count, &rate),
            ),
        };
        assert_eq!(taken, Ok(expected), "seed {SEED:#x}, step {step}");
        waits += u64::from(matches!(expected, Take::Wait(_)));
        if draw.once_in(10) {
            forgotten_count += buckets.sweep(now, 5);
        }
        if draw.once_in(10) && expected == Take::Taken {
            buckets.give_back(&key, count);
            own.give_back(count, &rate);
        }
    }
    assert!(
        forgotten_count > 1_000 && waits > 1_000,
        "{forgotten_count} {waits}"
    );
}

#[test]
fn who_is_within_limits_and_idle_costs_nothing() {
    let rate = Rate::per_sec(1, 2).expect("in bounds");
    let mut buckets = Buckets::new(rate, 10, 7);
    for key in 0..10 {
        assert_eq!(buckets.take(0, key, 1), Ok(Take::Taken));
    }
    // Each has a second to go until its bucket is full.
    assert_eq!((buckets.sweep(999, 100), buckets.len()), (0, 10));
    assert_eq!((buckets.sweep(1_000, 100), buckets.len()), (10, 0));
    // Whoever asks for nothing, or for more than there ever is, leaves no trace.
    assert_eq!(buckets.take(1_000, 1, 0), Ok(Take::Taken));
    assert_eq!(buckets.take(1_000, 1, 3), Ok(Take::Never));
    assert!(buckets.is_empty());
}

#[test]
fn a_full_table_turns_newcomers_away_and_keeps_those_it_has() {
    let rate = Rate::per_sec(1, 2).expect("in bounds");
    let mut buckets = Buckets::new(rate, 3, 7);
    for key in 0..3 {
        assert_eq!(buckets.take(0, key, 2), Ok(Take::Taken));
    }
    assert_eq!(buckets.take(0, 3, 1), Err(Full));
    assert_eq!(
        buckets.take(0, 0, 1),
        Ok(Take::Wait(Duration::from_secs(1)))
    );
    assert_eq!((buckets.len(), buckets.turned_away_count()), (3, 1));
    assert_eq!(buckets.take(2_000, 3, 1), Ok(Take::Taken));
}

#[test]
fn another_rate_begins_with_full_buckets() {
    let mut buckets = Buckets::new(Rate::per_sec(1, 2).expect("in bounds"), 3, 7);
    assert_eq!(buckets.take(0, 1, 2), Ok(Take::Taken));
    buckets.set_rate(Rate::per_sec(1, 1).expect("in bounds"));
    assert_eq!(buckets.take(0, 1, 1), Ok(Take::Taken));
    assert!(matches!(buckets.take(0, 1, 1), Ok(Take::Wait(_))));
}

#[test]
fn an_entry_is_as_large_as_its_key_and_one_word() {
    assert_eq!(size_of::<(u64, Bucket)>(), 16);
    assert_eq!(size_of::<(AddressGroup, Bucket)>(), 24);
}
