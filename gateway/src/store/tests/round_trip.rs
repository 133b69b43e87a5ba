//! Every operation, written and read back after a restart.

use std::sync::Arc;

use tributary_proto::message::Message;
use tributary_proto::version::{Qos, Version};

use super::ground::*;
use crate::store::{
    EntryState, Op, QueueEntry, SessionNumber, SessionRecord, StoredGrant, StoredWill, Whose,
};

#[test]
fn a_new_store_is_empty_and_stays_so() {
    let folder = Folder::new();
    for _ in 0..2 {
        let (opened, recovered) = open(&folder);
        assert!(recovered.sessions.is_empty() && recovered.retained.is_empty());
        let running = start(opened);
        assert!(running.store.end());
        assert_eq!(running.ear.look(|heard| heard.committed[0]), 0);
    }
}

#[test]
fn a_session_comes_back_with_all_that_hangs_on_it() {
    let folder = Folder::new();
    let mut running = start(open(&folder).0);
    let number = running.handle.session_number();
    let record = SessionRecord {
        version: Version::V311,
        whose: Whose::User("änn".into()),
        expiry_secs: 60,
        disconnected_at_sec: Some(NOW - 59),
    };
    let grant = StoredGrant {
        qos: Qos::ExactlyOnce,
        no_local: true,
        retain_as_published: true,
        retain_handling: 2,
        identifier: 268_435_455,
    };
    let plain = StoredGrant {
        qos: Qos::AtMostOnce,
        no_local: false,
        retain_as_published: false,
        retain_handling: 0,
        identifier: 0,
    };
    let will = StoredWill {
        message: message("gone/a", b"bye"),
        delay_secs: 5,
        due_sec: Some(NOW + 5),
    };
    running.commit(vec![
        Op::SessionPut {
            session: number,
            client_id: "a".into(),
            record: Box::new(RECORD),
        },
        Op::SessionPut {
            session: number,
            client_id: "a".into(),
            record: Box::new(record.clone()),
        },
        subscribe(number, "$share/g/x/+", grant),
        subscribe(number, "y/#", plain),
        subscribe(number, "z", plain),
        Op::SubscriptionDelete {
            session: number,
            filter: "z".into(),
        },
        Op::WillPut {
            session: number,
            will: Box::new(will.clone()),
        },
        taken(number, 9),
        taken(number, 65_535),
        taken(number, 1),
        Op::IdReleased {
            session: number,
            packet_id: 9,
        },
    ]);
    assert!(running.store.end());

    let mut wanted = bare(number, "a");
    wanted.record = record;
    wanted.subscriptions = [("$share/g/x/+".into(), grant), ("y/#".into(), plain)].into();
    wanted.will = Some(Box::new(will));
    wanted.taken = [1, 65_535].into();
    assert_eq!(reopen(&folder).sessions, [wanted]);
}

#[test]
fn whose_a_session_is_comes_back_and_nobody_is_told_from_unknown() {
    let folder = Folder::new();
    let mut running = start(open(&folder).0);
    let long = "u".repeat(usize::from(u16::MAX));
    let all = [
        Whose::Unknown,
        Whose::Anonymous,
        Whose::User("".into()),
        Whose::User("a".into()),
        Whose::User(long.into()),
    ];
    for whose in &all {
        let session = running.handle.session_number();
        let record = SessionRecord {
            whose: whose.clone(),
            ..RECORD
        };
        running.commit(vec![Op::SessionPut {
            session,
            client_id: "c".into(),
            record: Box::new(record),
        }]);
    }
    assert!(running.store.end());
    let sessions = reopen(&folder).sessions;
    assert!(sessions.iter().all(|session| &*session.client_id == "c"));
    let found: Vec<_> = sessions.into_iter().map(|one| one.record.whose).collect();
    assert_eq!(found, all);
}

fn subscribe(session: SessionNumber, filter: &str, grant: StoredGrant) -> Op {
    Op::SubscriptionPut {
        session,
        filter: filter.into(),
        grant,
    }
}

fn taken(session: SessionNumber, packet_id: u16) -> Op {
    Op::IdTaken { session, packet_id }
}

#[test]
fn a_queue_comes_back_in_order_with_how_far_each_delivery_had_come() {
    let folder = Folder::new();
    let mut running = start(open(&folder).0);
    let number = running.handle.session_number();
    let full = Arc::new(Message {
        topic: "t/ü".into(),
        payload: vec![0xff; 300].into(),
        properties: vec![1, 2, 3].into(),
        publisher: u64::MAX,
        expires_at_sec: NOW + 1,
        qos: Qos::ExactlyOnce,
        retain: true,
    });
    let rich = QueueEntry {
        message: full,
        qos: Qos::ExactlyOnce,
        retain: true,
        identifiers: [1, 128, 268_435_455].into(),
    };
    let poor = entry(&message("t", b""));
    // Numbers on both sides of a byte: their order on disk is the order of the queue.
    let put = |(seq, entry): (u64, &QueueEntry)| Op::QueuePut {
        session: number,
        seq,
        entry: entry.clone(),
    };
    let puts = [
        (300, &rich),
        (2, &poor),
        (255, &rich),
        (256, &poor),
        (1, &poor),
    ];
    running.commit(
        std::iter::once(session(number, "q"))
            .chain(puts.map(put))
            .collect(),
    );
    let sent = |seq, packet_id| sent(number, seq, packet_id);
    let received = |seq| received(number, seq);
    let done = |seq| done(number, seq);
    running.commit(vec![
        sent(1, 11),
        sent(2, 12),
        sent(255, 13),
        received(255),
        done(1),
    ]);
    // PUBREC again, and for what was never sent: nothing happens.
    running.commit(vec![received(255), received(300), done(77)]);
    assert!(running.store.end());

    let sessions = reopen(&folder).sessions;
    let found: Vec<_> = sessions[0]
        .queue
        .iter()
        .map(|e| (e.seq, e.state, &e.entry))
        .collect();
    let wanted = [
        (2, EntryState::Sent { packet_id: 12 }, &poor),
        (255, EntryState::Received { packet_id: 13 }, &rich),
        (256, EntryState::Waiting, &poor),
        (300, EntryState::Waiting, &rich),
    ];
    assert_eq!(found, wanted);
}

fn sent(session: SessionNumber, seq: u64, packet_id: u16) -> Op {
    Op::QueueSent {
        session,
        seq,
        packet_id,
    }
}

fn received(session: SessionNumber, seq: u64) -> Op {
    Op::QueueReceived { session, seq }
}

fn done(session: SessionNumber, seq: u64) -> Op {
    Op::QueueDone { session, seq }
}

#[test]
fn a_retained_message_comes_back_until_it_is_replaced_deleted_or_expired() {
    let folder = Folder::new();
    let mut running = start(open(&folder).0);
    let mut fleeting = Message::clone(&message("fleeting", b"soon gone"));
    fleeting.expires_at_sec = NOW + 10;
    running.commit(vec![
        Op::RetainedPut {
            message: message("kept", b"old"),
        },
        Op::RetainedPut {
            message: message("kept", b"new"),
        },
        Op::RetainedPut {
            message: message("deleted", b"x"),
        },
        Op::RetainedDelete {
            topic: "deleted".into(),
        },
        Op::RetainedPut {
            message: Arc::new(fleeting.clone()),
        },
    ]);
    assert!(running.store.end());

    let kept = message("kept", b"new");
    let retained = reopen(&folder).retained;
    assert_eq!(retained, [Arc::new(fleeting), kept.clone()]);

    let (opened, recovered) = open_at(&folder, NOW + 10);
    assert_eq!(recovered.retained, std::slice::from_ref(&kept));
    assert!(start(opened).store.end());
    // Had the expired one only been skipped, it would come back with an earlier clock.
    assert_eq!(reopen(&folder).retained, [kept]);
}
