//! The bound on what waits, the order of the answers, and the end.

use std::sync::{Arc, Condvar, Mutex};

use super::ground::*;
use crate::store::shared::Room;
use crate::store::{Op, Opened, StoreSink, Submitted, limits};

/// Holds the store thread in its first note until the test lets it go.
#[derive(Default)]
struct Gate {
    open: Mutex<bool>,
    changed: Condvar,
    ear: Ear,
}

impl Gate {
    fn open(&self) {
        *self.open.lock().expect("no test panicked with it") = true;
        self.changed.notify_all();
    }
}

/// Opens the gate also when a test fails, since a store that is dropped waits for its thread.
struct Opening(Arc<Gate>);

impl Drop for Opening {
    fn drop(&mut self) {
        self.0.open();
    }
}

impl StoreSink for Gate {
    fn committed(&self, shard: usize, number: u64) {
        self.ear.committed(shard, number);
        let open = self.open.lock().expect("no test panicked with it");
        let _open = self
            .changed
            .wait_while(open, |open| !*open)
            .expect("no test panicked with it");
    }

    fn room(&self, shard: usize) {
        self.ear.room(shard);
    }

    fn failed(&self) {
        self.ear.failed();
    }
}

#[test]
fn everything_that_waits_is_one_commit_and_each_shard_hears_once() {
    let folder = Folder::new();
    let opened = Opened::at(folder.path(), 2, NOW, |_| 0);
    let (opened, _) = opened.unwrap_or_else(|error| panic!("{error}"));
    let gate = Arc::new(Gate::default());
    let (store, mut handles) = opened.start(gate.clone()).expect("a thread");
    let _opening = Opening(gate.clone());
    let first = handles[0].submit(&mut vec![]);
    assert_eq!(first, Submitted::Accepted(1));
    gate.ear.wait(|heard| heard.committed[0] == 1);
    assert_eq!(store.stats().commits, 0, "an empty batch needs no fsync");
    // The thread is held: all of this waits.
    for index in 0..10u64 {
        let handle = &mut handles[index as usize % 2];
        let mut ops = vec![session(handle.session_number(), "c")];
        let number = index / 2 + if index % 2 == 0 { 2 } else { 1 };
        assert_eq!(handle.submit(&mut ops), Submitted::Accepted(number));
    }
    assert_eq!(store.stats().queued_ops, 10);
    gate.open();
    gate.ear
        .wait(|heard| heard.committed[0] == 6 && heard.committed[1] == 5);
    let stats = store.stats();
    assert_eq!((stats.commits, stats.ops, stats.queued_ops), (1, 10, 0));
    assert!(stats.bytes > 0);
    assert!(store.end());
    assert_eq!(reopen(&folder).sessions.len(), 10);
}

#[test]
fn a_full_queue_is_an_answer_and_room_is_told_once() {
    let folder = Folder::new();
    let (opened, _) = open(&folder);
    let gate = Arc::new(Gate::default());
    let (store, mut handles) = opened.start(gate.clone()).expect("a thread");
    let _opening = Opening(gate.clone());
    let handle = &mut handles[0];
    assert_eq!(handle.submit(&mut vec![]), Submitted::Accepted(1));
    gate.ear.wait(|heard| heard.committed[0] == 1);

    let number = handle.session_number();
    let released = Op::IdReleased {
        session: number,
        packet_id: 1,
    };
    let most = limits::OPS_PER_SHARD_MAX as usize - 1;
    let mut many = vec![released.clone(); most];
    assert_eq!(handle.submit(&mut many), Submitted::Accepted(2));
    let mut one_more = vec![released; 2];
    assert_eq!(handle.submit(&mut one_more), Submitted::Full);
    assert_eq!(one_more.len(), 2, "the batch stays with its shard");
    assert_eq!(handle.submit(&mut one_more), Submitted::Full);
    assert_eq!(handle.last(), 2);
    gate.open();
    gate.ear.wait(|heard| heard.room[0] == 1);
    assert_eq!(handle.submit(&mut one_more), Submitted::Accepted(3));
    assert!(store.end());
    gate.ear.look(|heard| {
        assert_eq!((heard.committed[0], heard.room[0], heard.failed), (3, 1, 0));
    });
}

#[test]
fn a_batch_larger_than_the_bounds_goes_when_nothing_else_waits() {
    let room = Room::default();
    let (ops, bytes) = (limits::OPS_PER_SHARD_MAX, limits::BYTES_PER_SHARD_MAX);
    assert!(room.claim(1, bytes + 1));
    assert!(!room.claim(1, 1));
    assert!(room.release(1, bytes + 1));
    assert!(room.claim(ops + 1, 1));
    assert!(!room.claim(1, 1));
    assert!(!room.claim(0, 1));
    assert!(room.release(ops + 1, 1));
    assert!(room.claim(1, 1) && !room.release(1, 1), "nobody waits");
}

#[test]
fn room_is_told_below_low_water_only() {
    let room = Room::default();
    let bytes = limits::BYTES_PER_SHARD_MAX / 100;
    assert!((0..100).all(|_| room.claim(1, bytes)));
    assert!(!room.claim(1, bytes));
    let told = (1..=100).find(|_| room.release(1, bytes));
    assert_eq!(told, Some(100 - limits::LOW_WATER_PERCENT));
}

#[test]
fn nothing_accepted_is_left_behind_at_the_end() {
    let folder = Folder::new();
    let mut running = start(open(&folder).0);
    let number = running.handle.session_number();
    let mut ops = vec![session(number, "c")];
    assert_eq!(running.handle.submit(&mut ops), Submitted::Accepted(1));
    for seq in 1..=500 {
        let mut ops = vec![queue(number, seq, &message("t", b"x"))];
        assert_eq!(
            running.handle.submit(&mut ops),
            Submitted::Accepted(seq + 1)
        );
    }
    assert!(running.store.end());
    assert_eq!(running.ear.look(|heard| heard.committed[0]), 501);
    assert_eq!(reopen(&folder).sessions[0].queue.len(), 500);
}
