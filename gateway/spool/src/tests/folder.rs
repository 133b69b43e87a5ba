//! The same on a real folder: locks, permissions, files copied at any moment.

use std::fs;
use std::path::Path;

use super::ground::*;
use crate::segment;
use crate::{OpenError, Options, Recovered, Spool};

fn open(path: &Path) -> (Spool, Recovered) {
    Spool::open(path, OPTIONS).unwrap_or_else(|error| panic!("{error}"))
}

fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("it is there") {
        let entry = entry.expect("it is there");
        fs::copy(entry.path(), to.join(entry.file_name())).expect("a copy");
    }
}

#[test]
fn records_come_back_in_order_after_the_spool_was_closed_and_opened() {
    let ground = Ground::new();
    let path = ground.path().join("deep/er");
    let (mut spool, recovered) = open(&path);
    assert_eq!(recovered, Recovered::default());
    fill(&mut spool, 1_000, 100);
    spool.settle(400).expect("the disk works");
    drop(spool);
    let (mut spool, recovered) = open(&path);
    assert_eq!(recovered.records, 600);
    assert_eq!((recovered.torn_bytes, recovered.corrupt_records), (0, 0));
    fill(&mut spool, 100, 100);
    assert_eq!(numbers(&mut spool, 100), (401..=1_100).collect::<Vec<_>>());
    assert_eq!(spool.counters().records, 700);
    spool.settle(1_100).expect("the disk works");
    assert!(spool.is_empty());
    drop(spool);
    let (spool, recovered) = open(&path);
    assert_eq!((recovered.records, spool.last()), (0, 1_100));
}

#[test]
fn a_second_opener_is_told_who_is_in_its_way() {
    let ground = Ground::new();
    let (spool, _) = open(ground.path());
    let Err(error) = Spool::open(ground.path(), OPTIONS) else {
        panic!("it opened twice");
    };
    assert!(matches!(error, OpenError::Locked { .. }));
    let path = ground.path().display().to_string();
    assert_eq!(
        error.to_string(),
        format!(
            "the spool {path} is in use by another process: stop that one, or give this gateway a \
             folder of its own"
        )
    );
    drop(spool);
    open(ground.path());
}

#[test]
fn a_folder_that_cannot_be_written_is_refused_with_its_name() {
    let ground = Ground::new();
    let file = ground.path().join("file");
    fs::write(&file, "no folder").expect("a file");
    // Under a file nobody can make a folder, in /proc not even root a file.
    for path in [file.join("spool"), Path::new("/proc/self").to_owned()] {
        let Err(error) = Spool::open(&path, OPTIONS) else {
            panic!("it opened");
        };
        assert!(matches!(error, OpenError::Io { .. }));
        let said = error.to_string();
        assert!(said.contains(&path.display().to_string()), "{said}");
    }
}

#[test]
fn strangers_in_the_folder_are_left_alone() {
    let ground = Ground::new();
    for name in [
        "notes.log",
        "1.log",
        "00000000000000000000.log",
        "18446744073709551615.log",
    ] {
        fs::write(ground.path().join(name), "not ours").expect("a file");
    }
    let (mut spool, recovered) = open(ground.path());
    assert_eq!(recovered, Recovered::default());
    fill(&mut spool, 10, 100);
    assert_eq!(numbers(&mut spool, 100).len(), 10);
    assert_eq!(
        fs::read(ground.path().join("notes.log")).expect("it is there"),
        b"not ours"
    );
}

#[test]
fn a_segment_takes_its_room_when_it_is_made() {
    let ground = Ground::new();
    let options = Options {
        segment_bytes: 1 << 20,
        bytes_max: 8 << 20,
    };
    let (mut spool, _) = Spool::open(ground.path(), options).expect("it opens");
    fill(&mut spool, 1, 100);
    let file = fs::metadata(ground.path().join(segment::name(1))).expect("it is there");
    assert_eq!(file.len(), 1 << 20);
}

/// What a backup taken at any moment holds, or the disk after kill -9: all that was called safe.
#[test]
fn a_copy_taken_at_any_moment_and_cut_behind_the_last_sync_holds_all_that_is_safe() {
    let seed = seed();
    println!("TRIBUTARY_SPOOL_SEED={seed}");
    let mut chance = Chance::new(seed);
    let ground = Ground::new();
    let (path, copied) = (ground.path().join("spool"), ground.path().join("copy"));
    let (mut spool, _) = open(&path);
    for _ in 0..120 {
        fill(&mut spool, chance.below(60), 100);
        let safe = spool.durable();
        for _ in 0..chance.below(20) {
            let number = spool.last() + 1;
            spool.append(&record(number, 100)).expect("there is room");
        }
        let settled = spool.settled() + chance.below(safe - spool.settled() + 1);
        spool.settle(settled).expect("the disk works");
        copy(&path, &copied);
        if let Some(newest) = spool.last_file() {
            let newest_path = copied.join(segment::name(newest.base));
            let file = fs::OpenOptions::new().write(true).open(newest_path);
            let file = file.expect("it was copied");
            file.set_len(newest.end + chance.below(300))
                .expect("it can be cut");
        }
        let (mut copy, recovered) = open(&copied);
        let found = numbers(&mut copy, 100);
        assert_eq!(recovered.corrupt_records, 0);
        assert!(copy.settled() <= settled);
        let expected: Vec<_> = (copy.settled() + 1..=copy.last()).collect();
        assert_eq!(found, expected);
        assert!(copy.last() >= safe, "{} of {safe} are left", copy.last());
    }
    assert!(spool.counters().segments < 120, "settled ones went");
}
