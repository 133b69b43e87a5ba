//! What the tests stand on: a folder that is removed at the end, a sink that can be waited for, and
//! short ways to write operations.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use tributary_proto::message::Message;
use tributary_proto::version::{Qos, Version};

use crate::store::{
    Op, Opened, QueueEntry, Recovered, RecoveredSession, SessionNumber, SessionRecord, Store,
    StoreHandle, StoreSink, Submitted, Whose,
};

/// Now, in the tests' own time.
pub(super) const NOW: u32 = 1_000_000;
/// A test that waits longer hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder of its own.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new() -> Folder {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name = format!(
            "tributary-store-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, SeqCst)
        );
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("a folder");
        Folder(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn file(&self) -> PathBuf {
        self.0.join("tributary.redb")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Left behind at worst: the test's answer does not depend on it.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Notes what the store says, and lets a test wait for it.
#[derive(Default)]
pub(super) struct Ear {
    heard: Mutex<Heard>,
    changed: Condvar,
}

#[derive(Default)]
pub(super) struct Heard {
    /// Per shard: the highest number, and how often there was room again.
    pub(super) committed: [u64; 4],
    pub(super) room: [u64; 4],
    pub(super) failed: u64,
}

impl StoreSink for Ear {
    fn committed(&self, shard: usize, number: u64) {
        self.note(|heard| {
            assert!(number > heard.committed[shard], "numbers grow");
            heard.committed[shard] = number;
        });
    }

    fn room(&self, shard: usize) {
        self.note(|heard| heard.room[shard] += 1);
    }

    fn failed(&self) {
        self.note(|heard| heard.failed += 1);
    }
}

impl Ear {
    fn note(&self, change: impl FnOnce(&mut Heard)) {
        change(&mut self.heard.lock().expect("no test panicked with it"));
        self.changed.notify_all();
    }

    /// Waits until `is_so`.
    pub(super) fn wait(&self, is_so: impl Fn(&Heard) -> bool) {
        let heard = self.heard.lock().expect("no test panicked with it");
        let (_heard, timeout) = self
            .changed
            .wait_timeout_while(heard, PATIENCE, |heard| !is_so(heard))
            .expect("no test panicked with it");
        assert!(!timeout.timed_out(), "the store never said so");
    }

    pub(super) fn look<T>(&self, look: impl FnOnce(&Heard) -> T) -> T {
        look(&self.heard.lock().expect("no test panicked with it"))
    }
}

/// A store that runs, with one shard.
pub(super) struct Running {
    pub(super) store: Store,
    pub(super) handle: StoreHandle,
    pub(super) ear: Arc<Ear>,
}

impl Running {
    /// Commits `ops` as one batch and waits until they are on disk.
    pub(super) fn commit(&mut self, mut ops: Vec<Op>) {
        let Submitted::Accepted(number) = self.handle.submit(&mut ops) else {
            panic!("it was not taken");
        };
        assert!(ops.is_empty());
        self.ear.wait(|heard| heard.committed[0] >= number);
    }
}

pub(super) fn start(opened: Opened) -> Running {
    let ear = Arc::new(Ear::default());
    let (store, mut handles) = opened.start(ear.clone()).expect("a thread");
    assert_eq!(handles.len(), 1);
    let handle = handles.pop().expect("there is one");
    Running { store, handle, ear }
}

/// Opens with one shard.
pub(super) fn open(folder: &Folder) -> (Opened, Recovered) {
    open_at(folder, NOW)
}

pub(super) fn open_at(folder: &Folder, now_sec: u32) -> (Opened, Recovered) {
    let opened = Opened::at(folder.path(), 1, now_sec, |_| 0);
    let (opened, mut recovered) = opened.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(recovered.len(), 1);
    let mut recovered = recovered.pop().expect("there is one");
    recovered.sessions.sort_by_key(|session| session.number);
    (opened, recovered)
}

/// Opens, looks, and closes again.
pub(super) fn reopen(folder: &Folder) -> Recovered {
    open(folder).1
}

pub(super) fn message(topic: &str, payload: &[u8]) -> Arc<Message> {
    Arc::new(Message {
        topic: topic.into(),
        payload: payload.into(),
        properties: Box::default(),
        publisher: 7,
        expires_at_sec: Message::NEVER,
        qos: Qos::AtLeastOnce,
        retain: false,
    })
}

pub(super) fn entry(message: &Arc<Message>) -> QueueEntry {
    QueueEntry {
        message: message.clone(),
        qos: Qos::AtLeastOnce,
        retain: false,
        identifiers: Box::default(),
    }
}

pub(super) const RECORD: SessionRecord = SessionRecord {
    version: Version::V5,
    whose: Whose::Unknown,
    expiry_secs: 3_600,
    disconnected_at_sec: None,
};

pub(super) fn session(number: SessionNumber, client_id: &str) -> Op {
    Op::SessionPut {
        session: number,
        client_id: client_id.into(),
        record: Box::new(RECORD),
    }
}

pub(super) fn queue(number: SessionNumber, seq: u64, message: &Arc<Message>) -> Op {
    Op::QueuePut {
        session: number,
        seq,
        entry: entry(message),
    }
}

/// A session of which nothing but the record is there.
pub(super) fn bare(number: SessionNumber, client_id: &str) -> RecoveredSession {
    RecoveredSession {
        number,
        client_id: client_id.into(),
        record: RECORD,
        subscriptions: Box::default(),
        queue: Box::default(),
        taken: Box::default(),
        will: None,
    }
}
