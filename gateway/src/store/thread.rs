//! The store thread: everything that waits becomes one transaction, again and again.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::time::Instant;

use redb::Database;

use super::apply::Ledger;
use super::handle::StoreSink;
use super::shared::{Batch, Shared};
use super::tables::Tables;

pub(super) struct Committer {
    pub(super) database: Database,
    pub(super) ledger: Ledger,
    pub(super) shared: Arc<Shared>,
    pub(super) sink: Arc<dyn StoreSink>,
    /// What goes into the next transaction.
    pub(super) group: Vec<Batch>,
    /// Retained messages that had expired when the store was opened.
    pub(super) expired: Vec<Box<[u8]>>,
}

impl Committer {
    /// Serves until the store is ended; says whether everything accepted is on disk.
    pub(super) fn run(mut self) -> bool {
        loop {
            let ended = self.shared.ended.load(SeqCst);
            while let Some(batch) = self.shared.batches.pop() {
                self.group.push(batch);
            }
            if self.group.is_empty() && !self.has_chores() {
                if ended {
                    return self.database.close().is_ok();
                }
                self.shared.sleep();
                continue;
            }
            // The database promises not to panic; if it does, the disk is not to be trusted either.
            let written = catch_unwind(AssertUnwindSafe(|| self.commit()));
            match written {
                Ok(Ok(())) => self.tell(),
                Ok(Err(error)) => return self.fail(&error.to_string()),
                Err(_) => return self.fail("it panicked"),
            }
        }
    }

    fn has_chores(&self) -> bool {
        !self.ledger.doomed.is_empty() || !self.expired.is_empty()
    }

    fn commit(&mut self) -> Result<(), redb::Error> {
        let all = self.group.iter().flat_map(|batch| &batch.ops);
        if !self.ledger.begin(all) && !self.has_chores() {
            return Ok(());
        }
        let begun = Instant::now();
        let transaction = self.database.begin_write()?;
        {
            let mut tables = Tables::new(&transaction);
            for topic in &self.expired {
                tables.retained.delete(topic)?;
            }
            for batch in &self.group {
                self.ledger.apply(&batch.ops, &mut tables)?;
            }
            self.ledger.sweep(&mut tables)?;
        }
        transaction.commit()?;
        self.expired.clear();
        let counters = &self.shared.counters;
        let ops: usize = self.group.iter().map(|batch| batch.ops.len()).sum();
        counters.commits.fetch_add(1, Relaxed);
        counters.ops.fetch_add(ops as u64, Relaxed);
        let bytes = std::mem::take(&mut self.ledger.bytes);
        counters.bytes.fetch_add(bytes, Relaxed);
        let micros = begun.elapsed().as_micros() as u64;
        counters.last_commit_micros.store(micros, Relaxed);
        Ok(())
    }

    /// Tells each shard once, however many batches of its were in the group.
    fn tell(&mut self) {
        // Batches of one shard stand in order, so the last one speaks for those before it.
        self.group.sort_by_key(|batch| batch.shard);
        for batches in self.group.chunk_by(|one, other| one.shard == other.shard) {
            let (shard, number) = (batches[0].shard, batches[batches.len() - 1].number);
            let ops = batches.iter().map(|batch| batch.ops.len().max(1) as u64);
            let bytes = batches.iter().map(|batch| batch.bytes).sum();
            let has_room = self.shared.rooms[shard].release(ops.sum(), bytes);
            self.sink.committed(shard, number);
            if has_room {
                self.sink.room(shard);
            }
        }
        self.group.clear();
    }

    /// Ends the thread after an error: nothing more is ever called committed.
    fn fail(self, why: &str) -> bool {
        self.shared.failed.store(true, SeqCst);
        tracing::error!(
            "the session store cannot write ({why}): nothing that needs it is acknowledged from \
             now on; see to the disk, then restart"
        );
        self.sink.failed();
        false
    }
}
