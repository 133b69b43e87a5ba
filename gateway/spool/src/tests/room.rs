//! Bounds: how much fits, what makes room again, and how long the tail is that comes twice.

use super::ground::*;
use super::platter::Platter;
use crate::limits::{MARKER_RECORDS_MAX, RECORD_BYTES_MAX, REFUSALS};
use crate::{AppendError, Options, Spool};

fn open(platter: &Platter, options: Options) -> Spool {
    let opened = Spool::on(Box::new(platter.clone()), options);
    opened.unwrap_or_else(|error| panic!("{error}")).0
}

#[test]
fn a_full_spool_says_so_and_takes_records_again_once_a_segment_is_settled() {
    let platter = Platter::new(1);
    let options = Options {
        bytes_max: 40_000,
        ..OPTIONS
    };
    let mut spool = open(&platter, options);
    let mut taken = 0;
    while spool.append(&record(taken + 1, 100)).is_ok() {
        taken += 1;
    }
    assert_eq!(taken, 40_000 / 116);
    assert!(is_full(spool.append(&[0; 100])));
    assert_eq!(spool.sync().expect("the disk works"), taken);
    assert_eq!(spool.counters().bytes, taken * 116);
    // One record less to keep is no room yet: it comes back a segment at a time.
    spool.settle(1).expect("the disk works");
    assert!(is_full(spool.append(&[0; 100])));
    let per_segment = (8_192 - 4_096) / 116;
    spool.settle(per_segment).expect("the disk works");
    fill(&mut spool, per_segment, 100);
    assert!(is_full(spool.append(&[0; 100])));
    let expected: Vec<_> = (per_segment + 1..=taken + per_segment).collect();
    assert_eq!(numbers(&mut spool, 100), expected);
}

#[test]
fn what_is_settled_as_a_whole_makes_room_even_in_the_newest_segment() {
    let platter = Platter::new(1);
    let options = Options {
        bytes_max: 1_000,
        ..OPTIONS
    };
    let mut spool = open(&platter, options);
    for round in 0..100 {
        fill(&mut spool, 8, 100);
        assert!(is_full(spool.append(&[0; 100])), "round {round}");
        spool.settle(u64::MAX).expect("the disk works");
        assert!(spool.is_empty());
    }
    assert_eq!(spool.last(), 800);
    assert_eq!(spool.counters().segments, 1);
    assert!(is_full(spool.append(&[0; 1_000])), "longer than the spool");
}

#[test]
fn the_folder_never_takes_more_than_the_bound_and_two_segments() {
    let platter = Platter::new(1);
    let options = Options {
        bytes_max: 64 << 10,
        ..OPTIONS
    };
    let mut spool = open(&platter, options);
    let mut full = 0;
    for round in 0..5_000 {
        match spool.append(&record(spool.last() + 1, 60)) {
            Ok(_) => {}
            Err(AppendError::Full) => full += 1,
            Err(error) => panic!("{error}"),
        }
        if round % 64 == 0 {
            spool.sync().expect("the disk works");
            let settled = spool.settled() + 48;
            spool.settle(settled).expect("the disk works");
        }
        let labels = 4_096 * (platter.names().len() as u64);
        let files: usize = platter
            .names()
            .iter()
            .map(|name| platter.read(name).len())
            .sum();
        assert!(files as u64 <= options.bytes_max + 2 * options.segment_bytes + labels);
    }
    assert!(full > 0, "the bound was reached");
}

#[test]
fn a_record_longer_than_a_segment_gets_one_of_its_own() {
    let platter = Platter::new(1);
    let options = Options {
        bytes_max: 16 << 20,
        ..OPTIONS
    };
    let mut spool = open(&platter, options);
    let lengths = [0, 1, RECORD_BYTES_MAX, 10, 10_000, RECORD_BYTES_MAX, 0];
    for length in lengths {
        spool.append(&vec![7; length]).expect("there is room");
    }
    let too_long = vec![7; RECORD_BYTES_MAX + 1];
    assert!(matches!(spool.append(&too_long), Err(AppendError::TooLong)));
    spool.sync().expect("the disk works");
    let of = |spool: &mut Spool| -> Vec<_> {
        all(spool).iter().map(|(_, record)| record.len()).collect()
    };
    assert_eq!(of(&mut spool), lengths);
    let mut spool = open(&platter.kill(), options);
    assert_eq!(of(&mut spool), lengths);
    spool.settle(6).expect("the disk works");
    assert_eq!(of(&mut spool), [0]);
}

#[test]
fn numbers_go_on_after_everything_was_settled_and_after_a_restart() {
    let mut platter = Platter::new(1);
    let mut expected = 0;
    for round in 0..30 {
        let mut spool = open(&platter, OPTIONS);
        assert_eq!(spool.last(), expected, "round {round}");
        fill(&mut spool, 40, 100);
        expected += 40;
        spool.settle(u64::MAX).expect("the disk works");
        assert!(spool.is_empty());
        platter = if round % 2 == 0 {
            platter.kill()
        } else {
            platter.lose_power()
        };
    }
}

#[test]
fn kill_9_repeats_at_most_the_markers_lag() {
    let mut worst = 0;
    let options = Options {
        segment_bytes: 1 << 20,
        bytes_max: 4 << 20,
    };
    for settled in (1..2_000).step_by(37) {
        let platter = Platter::new(settled);
        let mut spool = open(&platter, options);
        fill(&mut spool, 2_000, 20);
        for number in 1..=settled {
            spool.settle(number).expect("the disk works");
        }
        let mut spool = open(&platter.kill(), options);
        let first = numbers(&mut spool, 20)[0];
        assert!(first <= settled + 1, "lost: {first} after {settled}");
        worst = worst.max(settled + 1 - first);
    }
    assert!(worst < MARKER_RECORDS_MAX, "{worst} records came twice");
    assert!(worst > 100, "the marker is not written every time");
}

#[test]
fn nothing_is_repeated_after_a_sync_or_an_orderly_end() {
    let platter = Platter::new(1);
    let mut spool = open(&platter, OPTIONS);
    fill(&mut spool, 20, 20);
    spool.settle(7).expect("the disk works");
    spool.sync().expect("the disk works");
    let platter = platter.kill();
    let mut spool = open(&platter, OPTIONS);
    assert_eq!(numbers(&mut spool, 20)[0], 8);
    spool.settle(9).expect("the disk works");
    drop(spool);
    let mut spool = open(&platter.kill(), OPTIONS);
    assert_eq!(numbers(&mut spool, 20)[0], 10);
}

#[test]
fn many_appends_share_one_fsync() {
    let platter = Platter::new(1);
    let options = Options {
        segment_bytes: 1 << 20,
        bytes_max: 4 << 20,
    };
    let mut spool = open(&platter, options);
    fill(&mut spool, 1, 100);
    let (before, counted) = (platter.state().syncs, spool.counters().fsyncs);
    fill(&mut spool, 5_000, 100);
    assert_eq!(platter.state().syncs, before + 1);
    assert_eq!(spool.counters().fsyncs, counted + 1);
    spool.sync().expect("the disk works");
    assert_eq!(
        platter.state().syncs,
        before + 1,
        "nothing was there to sync"
    );
}

#[test]
fn a_settled_segment_is_used_again() {
    let platter = Platter::new(1);
    let mut spool = open(&platter, OPTIONS);
    let per_segment = (8_192 - 4_096) / 116;
    fill(&mut spool, per_segment + 1, 100);
    spool.settle(per_segment).expect("the disk works");
    assert!(platter.names().contains(&"spare".to_owned()));
    let old = platter.read("spare");
    fill(&mut spool, per_segment, 100);
    assert!(!platter.names().contains(&"spare".to_owned()));
    let newest = platter
        .names()
        .into_iter()
        .rfind(|name| name.ends_with(".log"));
    let new = platter.read(&newest.expect("there is one"));
    assert_eq!(new.len(), old.len());
    assert_eq!(
        new[6_000..],
        old[6_000..],
        "its former life is still behind its end"
    );
    let mut spool = open(&platter.kill(), OPTIONS);
    let expected: Vec<_> = (per_segment + 1..=2 * per_segment + 1).collect();
    assert_eq!(numbers(&mut spool, 100), expected);
    assert_eq!(spool.counters().torn_bytes, 0);
    assert_eq!(spool.counters().corrupt_records, 0);
}

#[test]
fn a_segment_that_is_used_again_and_still_empty_has_no_torn_end() {
    let platter = Platter::new(1);
    let mut spool = open(&platter, OPTIONS);
    fill(&mut spool, 36, 100);
    spool.settle(35).expect("the disk works");
    fill(&mut spool, 34, 100);
    spool.append(&record(71, 100)).expect("there is room");
    let base = spool.last_file().expect("there is one").base;
    assert_eq!(base, 71, "a new segment");
    assert_eq!(spool.counters().segments, 2);
    let (mut spool, recovered) = Spool::on(Box::new(platter.kill()), OPTIONS).expect("it opens");
    assert_eq!((recovered.torn_bytes, recovered.corrupt_records), (0, 0));
    assert_eq!(numbers(&mut spool, 100), (36..=70).collect::<Vec<_>>());
}

#[test]
fn a_disk_with_room_for_one_segment_takes_records_again_whenever_all_is_settled() {
    let mut platter = Platter::new(1);
    platter.state().room_bytes = 13_000;
    let per_segment = (8_192 - 4_096) / 116;
    let mut expected = 0;
    for round in 0..10 {
        let mut spool = open(&platter, OPTIONS);
        assert_eq!(spool.last(), expected, "round {round}");
        for _ in 0..3 {
            // Also what comes again since the marker was not on disk when the power went.
            spool.settle(u64::MAX).expect("the disk works");
            let before = spool.last();
            // Many times, since a disk that was full is not asked at once.
            for _ in 0..REFUSALS + 200 {
                let _ = spool.append(&record(spool.last() + 1, 100));
            }
            assert_eq!(spool.last(), before + per_segment, "round {round}");
            spool.sync().expect("what was taken has its room");
            let kept: Vec<_> = (before + 1..=spool.last()).collect();
            assert_eq!(numbers(&mut spool, 100), kept);
        }
        expected = spool.last();
        drop(spool);
        platter = platter.lose_power();
    }
}

#[test]
fn a_restart_gives_back_the_room_that_was_not_used() {
    let mut platter = Platter::new(1);
    for _ in 0..50 {
        fill(&mut open(&platter, OPTIONS), 1, 100);
        platter = platter.kill();
    }
    let mut spool = open(&platter, OPTIONS);
    assert_eq!(numbers(&mut spool, 100).len(), 50);
    let segments = platter
        .names()
        .into_iter()
        .filter(|name| name.ends_with(".log"));
    for name in segments {
        assert_eq!(platter.read(&name).len(), 4_096 + 116, "{name}");
    }
}

#[test]
fn reading_respects_what_the_caller_will_take() {
    let mut spool = open(&Platter::new(1), OPTIONS);
    fill(&mut spool, 100, 100);
    spool.append(&record(101, 100)).expect("there is room");
    let mut read = |from, records, bytes| {
        let read = spool
            .read(from, records, bytes)
            .expect("the disk can be read");
        read.into_iter()
            .map(|(number, _)| number)
            .collect::<Vec<_>>()
    };
    assert_eq!(read(0, 3, 1 << 20), [1, 2, 3]);
    assert_eq!(read(4, 1_000, 250), [4, 5], "a third would be too much");
    assert_eq!(read(4, 1_000, 0), [4], "one at least");
    assert_eq!(
        read(99, 1_000, 1 << 20),
        [99, 100],
        "the last one is not durable"
    );
    assert_eq!(read(2, 2, 1 << 20), [2, 3], "back again");
    assert_eq!(read(101, 10, 1 << 20), []);
    assert_eq!(read(5, 0, 1 << 20), []);
    assert_eq!(read(u64::MAX, 10, 1 << 20), []);
    spool.settle(50).expect("the disk works");
    assert_eq!(spool.read(0, 1, 0).expect("the disk can be read")[0].0, 51);
}
