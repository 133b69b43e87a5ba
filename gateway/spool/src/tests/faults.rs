//! Errors of the disk: no room, reads that fail, an fsync that fails, a file that cannot be made.

use std::io;

use super::ground::*;
use super::platter::Platter;
use crate::{AppendError, OpenError, Spool};

fn open(platter: &Platter) -> Spool {
    let opened = Spool::on(Box::new(platter.clone()), OPTIONS);
    opened.unwrap_or_else(|error| panic!("{error}")).0
}

#[test]
fn a_disk_without_room_for_another_segment_is_full_until_it_has() {
    let platter = Platter::new(1);
    let mut spool = open(&platter);
    fill(&mut spool, 10, 100);
    platter.state().room_bytes = 16 << 10;
    let mut taken = 10;
    while spool.append(&record(taken + 1, 100)).is_ok() {
        taken += 1;
    }
    assert_eq!(spool.sync().expect("what was taken has its place"), taken);
    assert!(spool.failure().is_none());
    assert_eq!(numbers(&mut spool, 100), (1..=taken).collect::<Vec<_>>());
    assert!(
        !platter.names().contains(&"spare".to_owned()),
        "it gave back its try"
    );
    platter.state().room_bytes = usize::MAX;
    let mut refused = 0;
    while is_full(spool.append(&record(taken + 1, 100))) {
        refused += 1;
    }
    assert!((1..=64).contains(&refused), "{refused}");
    assert_eq!(spool.sync().expect("the disk works"), taken + 1);
}

#[test]
fn without_fallocate_records_that_find_no_room_wait_and_are_not_called_safe() {
    let platter = Platter::new(1);
    platter.state().can_allocate = false;
    let mut spool = open(&platter);
    fill(&mut spool, 10, 100);
    let used: usize = platter
        .names()
        .iter()
        .map(|name| platter.read(name).len())
        .sum();
    platter.state().room_bytes = used + 150;
    for number in 11..=13 {
        spool.append(&record(number, 100)).expect("memory has room");
    }
    for _ in 0..3 {
        let error = spool.sync().expect_err("there is no room");
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
    assert_eq!(spool.durable(), 10);
    assert!(spool.failure().is_none());
    let mut killed = open(&platter.kill());
    assert_eq!(
        numbers(&mut killed, 100)[..10],
        (1..=10).collect::<Vec<_>>()
    );
    drop((spool, killed));

    let platter = Platter::new(1);
    platter.state().can_allocate = false;
    let mut spool = open(&platter);
    fill(&mut spool, 10, 100);
    platter.state().room_bytes = used + 150;
    spool.append(&record(11, 1_000)).expect("memory has room");
    spool.sync().expect_err("there is no room");
    platter.state().room_bytes = usize::MAX;
    assert_eq!(spool.sync().expect("there is room now"), 11);
    let found = all(&mut open(&platter.lose_power()));
    assert_eq!(found.len(), 11);
    assert_eq!(found[10].1, record(11, 1_000));
}

#[test]
fn after_a_failed_fsync_nothing_is_called_safe_again() {
    for seed in 0..50 {
        let platter = Platter::new(seed);
        let mut spool = open(&platter);
        fill(&mut spool, 20, 100);
        platter.state().failing_syncs = 1;
        for number in 21..=30 {
            spool.append(&record(number, 100)).expect("there is room");
        }
        let said = spool.sync().expect_err("the fsync failed").to_string();
        assert!(said.contains("platter failed"), "{said}");
        // The next fsync would succeed: the kernel has forgotten.
        assert_eq!(spool.sync().expect_err("it stays so").to_string(), said);
        let Err(AppendError::Io(error)) = spool.append(b"more") else {
            panic!("it takes more");
        };
        assert_eq!(error.to_string(), said);
        assert_eq!(spool.failure(), Some(&*said));
        assert_eq!(spool.durable(), 20);
        assert_eq!(numbers(&mut spool, 100), (1..=20).collect::<Vec<_>>());
        spool.settle(5).expect("the marker is no promise");
        let platter = platter.lose_power();
        drop(spool);
        let found = numbers(&mut open(&platter), 100);
        let safe: Vec<_> = found
            .iter()
            .copied()
            .filter(|number| (6..=20).contains(number))
            .collect();
        assert_eq!(safe, (6..=20).collect::<Vec<_>>(), "seed {seed}");
    }
}

#[test]
fn a_failed_fsync_between_two_segments_is_as_final() {
    let platter = Platter::new(1);
    let mut spool = open(&platter);
    fill(&mut spool, 1, 100);
    platter.state().failing_syncs = 1;
    let error = loop {
        match spool.append(&[0; 100]) {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert!(matches!(error, AppendError::Io(_)));
    assert!(spool.failure().is_some());
    assert!(spool.sync().is_err());
    assert_eq!(spool.durable(), 1);
}

#[test]
fn a_read_that_fails_loses_nothing_and_can_be_tried_again() {
    let platter = Platter::new(1);
    let mut spool = open(&platter);
    fill(&mut spool, 500, 100);
    let (mut found, mut errors) = (Vec::new(), 0);
    let mut next = 0;
    loop {
        platter.state().failing_reads = 1;
        let answer = spool.visit(next, 10, 1 << 20, |number, bytes| {
            assert_eq!(bytes, record(number, 100));
            found.push(number);
        });
        let Ok(_) = answer else {
            errors += 1;
            platter.state().failing_reads = 0;
            next = spool
                .visit(
                    found.last().map_or(0, |last| last + 1),
                    10,
                    1 << 20,
                    |number, _| {
                        found.push(number);
                    },
                )
                .expect("it works now");
            continue;
        };
        next = found[found.len() - 1] + 1;
        if next > 500 {
            break;
        }
    }
    assert_eq!(found, (1..=500).collect::<Vec<_>>());
    assert!(errors > 3, "{errors} reads failed");
    assert_eq!(spool.counters().corrupt_records, 0);
    assert!(spool.failure().is_none());
}

#[test]
fn a_folder_that_cannot_be_read_is_refused_and_not_called_corrupt() {
    let platter = Platter::new(1);
    fill(&mut open(&platter), 100, 100);
    let platter = platter.kill();
    for failing in 1..=8 {
        platter.state().failing_reads = failing;
        while platter.state().failing_reads > 0 {
            let opened = Spool::on(Box::new(platter.clone()), OPTIONS);
            let Err(error @ OpenError::Io { .. }) = opened else {
                panic!("it opened");
            };
            assert!(error.to_string().contains("platter"), "{error}");
        }
    }
    let mut spool = open(&platter);
    assert_eq!(numbers(&mut spool, 100).len(), 100);
}

#[test]
fn a_segment_that_cannot_be_made_is_tried_again() {
    let platter = Platter::new(1);
    let mut spool = open(&platter);
    platter.state().failing_creations = 1;
    assert!(matches!(spool.append(b"one"), Err(AppendError::Io(_))));
    assert!(spool.failure().is_none());
    fill(&mut spool, 3, 100);
    assert_eq!(numbers(&mut spool, 100), [1, 2, 3]);
}
