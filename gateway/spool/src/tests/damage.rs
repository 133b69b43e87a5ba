//! Bytes that are not what was written: each costs the record it belongs to and no other.

use super::ground::*;
use super::platter::Platter;
use crate::limits::VERSION;
use crate::record::HEAD_BYTES;
use crate::segment::{self, RECORDS_AT};
use crate::{OpenError, Recovered, Spool};

const FIRST: &str = "00000000000000000001.log";
const RECORD_BYTES: usize = 116;

fn open(platter: &Platter) -> (Spool, Recovered) {
    let opened = Spool::on(Box::new(platter.clone()), OPTIONS);
    opened.unwrap_or_else(|error| panic!("{error}"))
}

/// A disk with `count` durable records of 100 bytes.
fn filled(count: u64) -> Platter {
    let platter = Platter::new(count);
    fill(&mut open(&platter).0, count, 100);
    platter.kill()
}

fn all_but(count: u64, lost: &[u64]) -> Vec<u64> {
    (1..=count)
        .filter(|number| !lost.contains(number))
        .collect()
}

#[test]
fn one_flipped_byte_costs_the_record_it_is_in() {
    for at in 0..RECORDS_AT as usize + 6 * RECORD_BYTES {
        let platter = filled(5);
        platter.change(FIRST, |file| file[at] ^= 0x55);
        let (mut spool, recovered) = open(&platter);
        let record = at
            .checked_sub(RECORDS_AT as usize)
            .map(|at| 1 + (at / RECORD_BYTES) as u64);
        let lost: Vec<_> = record.filter(|number| *number <= 5).into_iter().collect();
        assert_eq!(numbers(&mut spool, 100), all_but(5, &lost), "byte {at}");
        assert_eq!(recovered.records, 5 - lost.len() as u64, "byte {at}");
        // Of the last one nobody can tell whether it was ever finished.
        assert_eq!(
            recovered.corrupt_records,
            u64::from(matches!(lost[..], [1..=4])),
            "byte {at}"
        );
        let end = RECORDS_AT as usize + 5 * RECORD_BYTES;
        let is_end_touched = lost == [5] || (end..end + HEAD_BYTES).contains(&at);
        assert_eq!(recovered.torn_bytes > 0, is_end_touched, "byte {at}");
    }
}

#[test]
fn a_run_of_damage_costs_the_records_it_touches_and_no_other() {
    for bytes in [1, 15, 16, 17, 200, 1_000] {
        let platter = filled(200);
        let start = RECORDS_AT as usize + 10 * RECORD_BYTES + 50;
        platter.change(FIRST, |file| file[start..start + bytes].fill(0xff));
        let (mut spool, recovered) = open(&platter);
        let last = 11 + (50 + bytes as u64 - 1) / RECORD_BYTES as u64;
        let lost: Vec<_> = (11..=last).collect();
        assert_eq!(numbers(&mut spool, 100), all_but(200, &lost));
        assert_eq!(recovered.corrupt_records, lost.len() as u64);
        assert_eq!(recovered.torn_bytes, 0);
        assert_eq!(spool.counters().records, 200 - lost.len() as u64);
    }
}

#[test]
fn a_length_that_cannot_be_is_passed_over() {
    for length in [u32::MAX, 1 << 21, 3 << 20, 0, 99, 101, 8_000] {
        let platter = filled(10);
        let at = RECORDS_AT as usize + 3 * RECORD_BYTES + 8;
        platter.change(FIRST, |file| {
            file[at..at + 4].copy_from_slice(&length.to_le_bytes())
        });
        let (mut spool, recovered) = open(&platter);
        assert_eq!(
            numbers(&mut spool, 100),
            all_but(10, &[4]),
            "length {length}"
        );
        assert_eq!(recovered.corrupt_records, 1);
    }
}

#[test]
fn a_record_that_carries_the_image_of_another_is_no_way_in() {
    let platter = filled(3);
    let image = platter.read(FIRST)[RECORDS_AT as usize..][..3 * RECORD_BYTES].to_vec();
    let mut spool = open(&platter).0;
    // A new process has a segment with another salt.
    spool.append(&image).expect("there is room");
    fill(&mut spool, 1, 100);
    drop(spool);
    let name = segment::name(4);
    let platter = platter.kill();
    platter.change(&name, |file| file[RECORDS_AT as usize] ^= 1);
    let (mut spool, recovered) = open(&platter);
    assert_eq!(numbers(&mut spool, 100), [1, 2, 3, 5]);
    assert_eq!(recovered.corrupt_records, 1);
}

#[test]
fn a_torn_tail_is_cut_and_counted_and_never_comes_back() {
    for cut in 0..=RECORD_BYTES {
        let platter = filled(5);
        let end = RECORDS_AT as usize + 5 * RECORD_BYTES - cut;
        platter.change(FIRST, |file| file.truncate(end));
        let (mut spool, recovered) = open(&platter);
        let whole = if cut == 0 { 5 } else { 4 };
        let torn = (RECORD_BYTES - cut) % RECORD_BYTES;
        assert_eq!(recovered.torn_bytes, torn as u64, "{cut} bytes less");
        assert_eq!(recovered.corrupt_records, 0);
        fill(&mut spool, 3, 100);
        drop(spool);
        let (mut spool, recovered) = open(&platter.kill());
        assert_eq!(numbers(&mut spool, 100), all_but(whole + 3, &[]));
        assert_eq!(recovered.torn_bytes, 0);
    }
}

#[test]
fn a_missing_file_is_counted_wherever_it_was() {
    let per_segment = (8_192 - RECORDS_AT) / RECORD_BYTES as u64;
    for (segment, is_last) in [(0, false), (1, false), (2, false), (3, true)] {
        let platter = filled(4 * per_segment);
        let base = segment * per_segment + 1;
        crate::disk::Disk::remove(&platter, &segment::name(base)).expect("it was there");
        let (mut spool, recovered) = open(&platter);
        let lost: Vec<_> = (base..base + per_segment).collect();
        assert_eq!(numbers(&mut spool, 100), all_but(4 * per_segment, &lost));
        // What came last is not missed by anybody.
        let counted = if is_last { 0 } else { per_segment };
        assert_eq!(recovered.corrupt_records, counted);
        fill(&mut spool, 2 * per_segment, 100);
        let last = spool.last();
        spool.settle(last).expect("the disk works");
        assert!(spool.is_empty());
    }
}

#[test]
fn a_segment_whose_label_is_gone_is_put_aside() {
    let per_segment = (8_192 - RECORDS_AT) / RECORD_BYTES as u64;
    let platter = filled(3 * per_segment);
    let name = segment::name(per_segment + 1);
    platter.change(&name, |file| file[..RECORDS_AT as usize].fill(0xaa));
    let (mut spool, recovered) = open(&platter);
    assert_eq!(recovered.corrupt_records, per_segment);
    let lost: Vec<_> = (per_segment + 1..=2 * per_segment).collect();
    assert_eq!(numbers(&mut spool, 100), all_but(3 * per_segment, &lost));
    assert!(platter.names().contains(&format!("{name}.damaged")));
}

#[test]
fn damage_that_comes_while_the_spool_is_open_is_counted_once() {
    let platter = Platter::new(1);
    let mut spool = open(&platter).0;
    fill(&mut spool, 100, 100);
    platter.change(FIRST, |file| {
        file[RECORDS_AT as usize + 2 * RECORD_BYTES + 20] ^= 1
    });
    for _ in 0..3 {
        assert_eq!(numbers(&mut spool, 100), all_but(100, &[3]));
        assert_eq!(spool.counters().corrupt_records, 1);
        assert_eq!(spool.counters().records, 99);
    }
    // What is lost at the end of a segment, and then all that is left.
    platter.change(&segment::name(71), |file| {
        file[RECORDS_AT as usize + 29 * RECORD_BYTES + 20] ^= 1
    });
    spool.settle(99).expect("the disk works");
    assert!(!spool.is_empty());
    assert_eq!(numbers(&mut spool, 100), []);
    assert!(spool.is_empty(), "nobody can settle what nobody can read");
    assert_eq!(spool.counters().corrupt_records, 2);
}

#[test]
fn a_marker_that_cannot_be_read_makes_records_come_again() {
    let platter = filled(20);
    let mut spool = open(&platter).0;
    spool.settle(10).expect("the disk works");
    drop(spool);
    let platter = platter.kill();
    platter.change("settled", |file| file[20] ^= 1);
    assert_eq!(
        numbers(&mut open(&platter).0, 100)[0],
        11,
        "there are two copies"
    );
    let platter = platter.kill();
    platter.change("settled", |file| file.fill(0));
    let (mut spool, recovered) = open(&platter);
    assert_eq!(numbers(&mut spool, 100), all_but(20, &[]));
    assert_eq!(recovered.corrupt_records, 0);
}

#[test]
fn a_file_of_another_version_is_refused_with_a_sentence() {
    let platter = filled(3);
    platter.put(&segment::name(4), segment::of_version(VERSION + 1, 4));
    let Err(error) = Spool::on(Box::new(platter.clone()), OPTIONS) else {
        panic!("it opened");
    };
    assert!(matches!(error, OpenError::Version { found: 2, .. }));
    assert_eq!(
        error.to_string(),
        "the spool's file platter/00000000000000000004.log has format 2, this version knows 1: let \
         the version that wrote it empty the spool into Kafka, or move the folder away"
    );
}

#[test]
fn any_bytes_at_all_are_no_reason_to_panic() {
    let seed = seed();
    println!("TRIBUTARY_SPOOL_SEED={seed}");
    let mut chance = Chance::new(seed);
    for _ in 0..300 {
        let platter = filled(80);
        for name in platter.names() {
            match chance.below(4) {
                0 => platter.change(&name, |file| file.truncate(chance.below(9_000) as usize)),
                1 => platter.change(&name, |file| {
                    let start = chance.below(file.len() as u64) as usize;
                    let end = start + chance.below((file.len() - start) as u64 + 1) as usize;
                    let bytes = chance.bytes(end - start);
                    file[start..end].copy_from_slice(&bytes);
                }),
                2 => platter.change(&name, |file| {
                    let (from, to) = (
                        chance.below(file.len() as u64),
                        chance.below(file.len() as u64),
                    );
                    let bytes =
                        (file.len() as u64 - from.max(to)).min(chance.below(2_000)) as usize;
                    file.copy_within(from as usize..from as usize + bytes, to as usize);
                }),
                _ => {}
            }
        }
        let (mut spool, _) = open(&platter);
        numbers(&mut spool, 100);
        fill(&mut spool, 50, 100);
        let found = numbers(&mut spool, 100);
        let last = spool.last();
        assert_eq!(
            found[found.len() - 50..],
            (last - 49..=last).collect::<Vec<_>>()
        );
    }
}
