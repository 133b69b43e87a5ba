//! A disk that is full or broken: nothing is called safe that is not, and everybody hears of it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};

use redb::StorageBackend;
use redb::backends::{FileBackend, InMemoryBackend};

use super::ground::*;
use crate::store::{Op, Opened, Submitted};

/// A disk in memory that fails on order.
#[derive(Debug)]
struct Disk {
    memory: InMemoryBackend,
    fault: Arc<Fault>,
}

#[derive(Debug, Default)]
struct Fault {
    no_room: AtomicBool,
    no_sync: AtomicBool,
    met: AtomicU64,
}

impl Fault {
    fn meet(&self, is_on: &AtomicBool, kind: io::ErrorKind) -> io::Result<()> {
        if !is_on.load(SeqCst) {
            return Ok(());
        }
        self.met.fetch_add(1, SeqCst);
        Err(kind.into())
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        self.memory.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.memory.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.fault
            .meet(&self.fault.no_room, io::ErrorKind::StorageFull)?;
        self.memory.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.fault.meet(&self.fault.no_sync, io::ErrorKind::Other)?;
        self.memory.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.fault
            .meet(&self.fault.no_room, io::ErrorKind::StorageFull)?;
        self.memory.write(offset, data)
    }
}

fn start_on(disk: Disk) -> Running {
    let Ok((opened, _)) = Opened::on(disk, 1, NOW, |_| 0) else {
        panic!("an empty disk");
    };
    start(opened)
}

fn fails(break_it: impl FnOnce(&Fault)) {
    let fault = Arc::new(Fault::default());
    let mut running = start_on(Disk {
        memory: InMemoryBackend::new(),
        fault: fault.clone(),
    });
    let number = running.handle.session_number();
    running.commit(vec![session(number, "c")]);
    let safe = running.handle.last();
    break_it(&fault);
    let mut ops = vec![queue(number, 1, &message("t", b"x"))];
    let submitted = running.handle.submit(&mut ops);
    assert_eq!(submitted, Submitted::Accepted(safe + 1));
    running.ear.wait(|heard| heard.failed == 1);
    assert!(fault.met.load(SeqCst) > 0);

    // The disk is well again, and still nothing is taken: what is on it is not known.
    fault.no_room.store(false, SeqCst);
    fault.no_sync.store(false, SeqCst);
    let mut more = vec![Op::WillDelete { session: number }];
    assert_eq!(running.handle.submit(&mut more), Submitted::Failed);
    assert_eq!(more.len(), 1, "the batch stays with its shard");
    let stats = running.store.stats();
    assert!(stats.failed);
    assert_eq!((stats.commits, stats.queued_ops), (1, 1));
    assert!(!running.store.end(), "not everything accepted is on disk");
    running.ear.look(|heard| {
        assert_eq!((heard.committed[0], heard.failed), (safe, 1));
    });
}

#[test]
fn after_a_full_disk_nothing_is_called_safe() {
    fails(|fault| fault.no_room.store(true, SeqCst));
}

#[test]
fn after_a_failed_fsync_nothing_is_called_safe() {
    fails(|fault| fault.no_sync.store(true, SeqCst));
}

/// A file that may not grow beyond a length, as on a disk that is full.
#[derive(Debug)]
struct Small {
    file: FileBackend,
    bytes_max: u64,
}

impl StorageBackend for Small {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        if len > self.bytes_max {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.file.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }
}

#[test]
fn what_was_called_safe_before_the_disk_was_full_is_there_after_a_restart_with_room() {
    let folder = Folder::new();
    let file = std::fs::File::options()
        .read(true)
        .write(true)
        .create_new(true)
        .open(folder.file())
        .expect("a file");
    let small = Small {
        file: FileBackend::new(file).expect("a file"),
        bytes_max: 4 << 20,
    };
    let Ok((opened, _)) = Opened::on(small, 1, NOW, |_| 0) else {
        panic!("4 MiB are enough for an empty store");
    };
    let mut running = start(opened);
    let number = running.handle.session_number();
    running.commit(vec![session(number, "c")]);
    let mut seq = 0;
    loop {
        seq += 1;
        let mut ops = vec![queue(number, seq, &message("t", &[seq as u8; 10_000]))];
        let submitted = running.handle.submit(&mut ops);
        let Submitted::Accepted(batch) = submitted else {
            break;
        };
        running
            .ear
            .wait(|heard| heard.committed[0] >= batch || heard.failed == 1);
        assert!(seq < 10_000, "the disk is never full");
    }
    let safe = running.ear.look(|heard| heard.committed[0]) - 1;
    assert!(safe > 10, "only {safe} messages fit");
    assert!(!running.store.end());

    let sessions = reopen(&folder).sessions;
    let found = sessions[0].queue.iter().map(|entry| entry.seq);
    let found: Vec<_> = found.collect();
    // One more than was called safe may be there: it was not answered, which promises nothing.
    assert!(found.len() as u64 >= safe && found.len() as u64 <= safe + 1);
    assert_eq!(found, (1..=found.len() as u64).collect::<Vec<_>>());
}
