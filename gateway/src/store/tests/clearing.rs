//! What goes away and what stays: deleted and expired sessions, shared messages, wills, a changed
//! number of shards.

use std::sync::Arc;

use redb::{Builder, ReadableDatabase, ReadableTableMetadata};

use super::ground::*;
use crate::store::tables::{ALL, Definition};
use crate::store::{Op, Opened, SessionNumber, SessionRecord, StoredWill, limits};

/// How many entries each table has, in the order of [`ALL`]: sessions, flow, bodies, retained.
fn entries(folder: &Folder) -> [u64; 4] {
    let database = Builder::new().open(folder.file()).expect("a closed store");
    let reading = database.begin_read().expect("it can be read");
    let count = |definition: Definition| {
        let table = reading.open_table(definition).expect("it is there");
        table.len().expect("it can be read")
    };
    ALL.map(count)
}

#[test]
fn a_deleted_session_leaves_nothing_behind_however_long_its_queue_was() {
    const LONG: u64 = limits::SWEEP_PER_COMMIT as u64 * 2 + 10;
    let folder = Folder::new();
    let mut running = start(open(&folder).0);
    let numbers = [(); 3].map(|()| running.handle.session_number());
    for number in numbers {
        let text = message("t", b"x");
        let puts = (0..LONG).map(|seq| queue(number, seq, &text));
        running.commit(std::iter::once(session(number, "c")).chain(puts).collect());
    }
    let commits = running.store.stats().commits;
    running.commit(vec![Op::SessionDelete {
        session: numbers[1],
    }]);
    assert!(running.store.end());
    // The record of two sessions, two queues, and the two bodies of what each queue shares.
    assert_eq!(entries(&folder), [2, 2 * LONG, 2, 0]);
    assert_eq!(commits, 3);

    let sessions = reopen(&folder).sessions;
    let left: Vec<_> = sessions.iter().map(|s| (s.number, s.queue.len())).collect();
    let wanted = [numbers[0], numbers[2]].map(|number| (number, LONG as usize));
    assert_eq!(left, wanted);
}

#[test]
fn a_session_whose_clearing_was_cut_short_does_not_come_back_and_is_cleared_later() {
    const LONG: u64 = limits::SWEEP_PER_COMMIT as u64 * 3;
    let folder = Folder::new();
    let mut running = start(open(&folder).0);
    let (gone, stays) = (
        running.handle.session_number(),
        running.handle.session_number(),
    );
    let text = message("t", b"shared by both");
    let mut ops = vec![session(gone, "gone"), session(stays, "stays")];
    ops.extend((0..LONG).map(|seq| queue(gone, seq, &text)));
    ops.push(queue(stays, 0, &text));
    running.commit(ops);
    // Copied with the deletion on disk and most of the queue still there, as a crash leaves it.
    let crashed = Folder::new();
    running.commit(vec![Op::SessionDelete { session: gone }]);
    std::fs::copy(folder.file(), crashed.file()).expect("a copy");
    assert!(running.store.end());

    for _ in 0..2 {
        let (opened, recovered) = open(&crashed);
        let [ref left] = recovered.sessions[..] else {
            panic!("{:?}", recovered.sessions);
        };
        assert_eq!((left.number, left.queue.len()), (stays, 1));
        assert_eq!(left.queue[0].entry.message, text);
        assert!(start(opened).store.end());
    }
    assert_eq!(entries(&crashed), [1, 1, 1, 0]);
}

#[test]
fn a_message_for_many_is_written_once_and_goes_with_its_last_entry() {
    let folder = Folder::new();
    let mut running = start(open(&folder).0);
    let numbers: Vec<_> = (0..100).map(|_| running.handle.session_number()).collect();
    let records = numbers.iter().map(|number| session(*number, "c"));
    running.commit(records.collect());
    let (many, alone) = (message("t", &[1; 1_000]), message("t", &[2; 1_000]));
    let puts = numbers.iter().map(|number| queue(*number, 1, &many));
    let bytes = running.store.stats().bytes;
    running.commit(puts.chain([queue(numbers[0], 2, &alone)]).collect());
    let bytes = running.store.stats().bytes - bytes;
    assert!(bytes < 100 * 100, "{bytes} bytes for 2 messages of 1,000");
    let done = |number: &SessionNumber| Op::QueueDone {
        session: *number,
        seq: 1,
    };
    running.commit(numbers[..50].iter().map(done).collect());
    assert!(running.store.end());
    assert_eq!(entries(&folder), [100, 51, 1, 0]);

    let (opened, recovered) = open(&folder);
    let messages: Vec<_> = recovered.sessions[50..]
        .iter()
        .map(|session| session.queue[0].entry.message.clone())
        .collect();
    assert_eq!(messages.len(), 50);
    assert!(
        messages
            .iter()
            .all(|m| Arc::ptr_eq(m, &messages[0]) && *m == many)
    );
    assert_eq!(recovered.sessions[0].queue[0].entry.message, alone);

    // Counted anew after the restart: the last one takes it along, and a new one has a new number.
    let mut running = start(opened);
    running.commit(numbers[50..99].iter().map(done).collect());
    let next = message("t", b"next");
    running.commit(
        numbers[..2]
            .iter()
            .map(|number| queue(*number, 3, &next))
            .collect(),
    );
    running.commit(vec![done(&numbers[99])]);
    assert!(running.store.end());
    assert_eq!(entries(&folder), [100, 3, 1, 0]);
    assert_eq!(reopen(&folder).sessions[1].queue[0].entry.message, next);
}

#[test]
fn an_expired_session_is_dropped_and_its_will_handed_over() {
    let folder = Folder::new();
    let mut running = start(open(&folder).0);
    let mut put = |client_id: &str, expiry_secs, disconnected_at_sec| {
        let session = running.handle.session_number();
        let will = StoredWill {
            message: message(client_id, b"will"),
            delay_secs: 0,
            due_sec: None,
        };
        let record = SessionRecord {
            expiry_secs,
            disconnected_at_sec,
            ..RECORD
        };
        running.commit(vec![
            Op::SessionPut {
                session,
                client_id: client_id.into(),
                record: Box::new(record),
            },
            Op::WillPut {
                session,
                will: Box::new(will),
            },
            queue(session, 1, &message("t", b"")),
        ]);
    };
    put("ended", 10, Some(NOW - 10));
    put("almost", 10, Some(NOW - 9));
    put("connected", 10, None);
    put("unkept", 0, None);
    put("for ever", SessionRecord::NEVER, Some(1));
    put("overflow", SessionRecord::NEVER - 1, Some(NOW));
    assert!(running.store.end());

    let (opened, recovered) = open(&folder);
    let left: Vec<_> = recovered.sessions.iter().map(|s| &*s.client_id).collect();
    assert_eq!(left, ["almost", "connected", "for ever", "overflow"]);
    let wills: Vec<_> = recovered.wills.iter().map(|w| &*w.message.topic).collect();
    assert_eq!(wills, ["ended", "unkept"]);
    assert!(start(opened).store.end());
    assert_eq!(entries(&folder), [8, 4, 0, 0]);
    assert!(reopen(&folder).wills.is_empty(), "handed over once");
}

#[test]
fn another_number_of_shards_finds_every_session_and_topic_at_its_new_home() {
    let folder = Folder::new();
    let mut running = start(open(&folder).0);
    let mut ops = Vec::new();
    for index in 0..20u8 {
        let number = running.handle.session_number();
        ops.push(session(number, &index.to_string()));
        ops.push(queue(number, 1, &message("t", &[index])));
        ops.push(Op::RetainedPut {
            message: message(&index.to_string(), b"r"),
        });
    }
    running.commit(ops);
    assert!(running.store.end());

    let home = |name: &str| name.parse::<usize>().expect("a number") % 3;
    let (_, recovered) =
        Opened::at(folder.path(), 3, NOW, home).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(recovered.len(), 3);
    for (shard, recovered) in recovered.iter().enumerate() {
        assert_eq!(recovered.sessions.len(), if shard == 2 { 6 } else { 7 });
        for session in &recovered.sessions {
            assert_eq!(home(&session.client_id), shard);
            let index = session.client_id.parse::<u8>().expect("a number");
            assert_eq!(*session.queue[0].entry.message.payload, [index]);
        }
        assert_eq!(recovered.retained.len(), recovered.sessions.len());
        assert!(recovered.retained.iter().all(|m| home(&m.topic) == shard));
    }
}

#[test]
fn a_number_is_not_given_twice_also_after_a_restart() {
    let folder = Folder::new();
    let mut running = start(open(&folder).0);
    let numbers = [(); 2].map(|()| running.handle.session_number());
    assert_ne!(numbers[0], numbers[1]);
    running.commit(numbers.map(|number| session(number, "c")).into());
    assert!(running.store.end());
    let running = start(open(&folder).0);
    assert!(!numbers.contains(&running.handle.session_number()));
}
