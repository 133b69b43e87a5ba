//! Opens the file: one process at a time, of a format that this version knows, checked from end to
//! end.

use std::fs::{File, OpenOptions, create_dir_all};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::thread::JoinHandle;

use redb::backends::FileBackend;
use redb::{Builder, Database, ReadableDatabase, StorageBackend, TableError};

use super::error::{Cause, StoreError};
use super::handle::{StoreHandle, StoreSink};
use super::limits;
use super::recover::{Recovery, recover};
use super::recovered::Recovered;
use super::shared::{Shared, StoreStats};
use super::tables::{ALL, FORMAT, FORMAT_KEY, FORMAT_WITHOUT_USERS, META};
use super::thread::Committer;

/// The file in the store's folder.
const FILE_NAME: &str = "tributary.redb";

/// A store that was opened and read, and does not run yet.
pub struct Opened {
    database: Database,
    shards: usize,
    recovery: Recovery,
}

impl Opened {
    /// Opens the store in the folder `path`, or makes an empty one, and gives back what was in it,
    /// for each of `shards` shards. `home` says which shard a client id or a topic belongs to; the
    /// number of shards may be another one than last time.
    ///
    /// Blocks for as long as it takes to read the file twice, once to check it.
    pub fn at(
        path: &Path,
        shards: usize,
        now_sec: u32,
        home: impl Fn(&str) -> usize,
    ) -> Result<(Opened, Vec<Recovered>), StoreError> {
        let file = path.join(FILE_NAME);
        open_file(path, &file)
            .and_then(|backend| Opened::on(backend, shards, now_sec, home))
            .map_err(|cause| StoreError::new(&file, cause))
    }

    /// Opens a store on anything that can be read and written.
    pub(super) fn on(
        backend: impl StorageBackend,
        shards: usize,
        now_sec: u32,
        home: impl Fn(&str) -> usize,
    ) -> Result<(Opened, Vec<Recovered>), Cause> {
        // The database says of itself that it may panic on a file that others have changed.
        let opened = catch_unwind(AssertUnwindSafe(|| {
            let database = Builder::new()
                .set_cache_size(limits::CACHE_BYTES)
                .set_check_integrity_on_open(true)
                .create_with_backend(backend)?;
            check_format(&database)?;
            let recovery = recover(&database, shards, now_sec, home)?;
            Ok((database, recovery))
        }));
        let (database, mut recovery) = opened.unwrap_or_else(|_| {
            Err(Cause::Corrupt {
                what: "it cannot be read".to_owned(),
            })
        })?;
        let recovered = std::mem::take(&mut recovery.shards);
        let opened = Opened {
            database,
            shards,
            recovery,
        };
        Ok((opened, recovered))
    }

    /// Starts the store thread; gives one handle per shard, in their order.
    pub fn start(self, sink: Arc<dyn StoreSink>) -> io::Result<(Store, Vec<StoreHandle>)> {
        let shared = Arc::new(Shared::new(self.shards, self.recovery.next_session));
        let committer = Committer {
            database: self.database,
            ledger: self.recovery.ledger,
            shared: shared.clone(),
            sink,
            group: Vec::new(),
            expired: self.recovery.expired,
        };
        let thread = std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || {
                committer.shared.set_thread(std::thread::current());
                committer.run()
            })?;
        let handle = |shard| StoreHandle::new(shard, shared.clone());
        let handles = (0..self.shards).map(handle).collect();
        let store = Store {
            shared,
            thread: Some(thread),
        };
        Ok((store, handles))
    }
}

/// A running store. Dropping it is [`Store::end`] without the answer.
pub struct Store {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<bool>>,
}

impl Store {
    /// What it has done so far.
    pub fn stats(&self) -> StoreStats {
        self.shared.stats()
    }

    /// Commits what was accepted, closes the file and ends the thread; says whether all of it is on
    /// disk. Handles must not submit any more.
    pub fn end(mut self) -> bool {
        self.join()
    }

    fn join(&mut self) -> bool {
        self.shared.ended.store(true, SeqCst);
        self.shared.ring();
        let thread = self.thread.take();
        thread.is_some_and(|thread| thread.join().unwrap_or(false))
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.join();
    }
}

/// Opens the file, made with its folder if need be. It holds payloads: nobody else may read it.
fn open_file(folder: &Path, file: &Path) -> Result<FileBackend, Cause> {
    create_dir_all(folder)?;
    let opened = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(file)?;
    // The name must be as durable as what is written under it.
    File::open(folder)?.sync_all()?;
    Ok(FileBackend::new(opened)?)
}

/// Takes a file of this format, and makes an empty one and one of an earlier format into such.
fn check_format(database: &Database) -> Result<(), Cause> {
    let reading = database.begin_read().map_err(redb::Error::from)?;
    let found = match reading.open_table(META) {
        Ok(table) => table.get(FORMAT_KEY)?.map(|format| format.value()),
        Err(TableError::TableDoesNotExist(_)) => None,
        Err(error) => return Err(redb::Error::from(error).into()),
    };
    match found {
        Some(FORMAT) => Ok(()),
        // What it holds can be read; what is written from now on an earlier version cannot read.
        Some(FORMAT_WITHOUT_USERS) => Ok(mark(database)?),
        Some(found) if found > FORMAT => Err(Cause::Newer { found }),
        Some(found) => Err(Cause::Corrupt {
            what: format!("it says format {found}, which no version has written"),
        }),
        None => Ok(make(database)?),
    }
}

fn make(database: &Database) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    if transaction.list_tables()?.next().is_some() {
        return Err(redb::Error::Corrupted(
            "it is not a session store".to_owned(),
        ));
    }
    transaction.open_table(META)?.insert(FORMAT_KEY, FORMAT)?;
    for definition in ALL {
        transaction.open_table(definition)?;
    }
    transaction.commit()?;
    Ok(())
}

/// Says that a file is of this format.
fn mark(database: &Database) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    transaction.open_table(META)?.insert(FORMAT_KEY, FORMAT)?;
    transaction.commit()?;
    Ok(())
}
