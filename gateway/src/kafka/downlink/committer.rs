//! The thread that commits offsets: the answer can take seconds, and no record may wait for it.
//!
//! rdkafka tells what became of a commit only to whoever waits for it, so somebody must.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use rdkafka::consumer::{CommitMode, Consumer as _};
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaErrorCode as Code;

use super::consumer::Client;

/// A reader's end; the thread ends when it is dropped.
pub(super) struct Committer {
    lists: SyncSender<TopicPartitionList>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    is_busy: AtomicBool,
    confirmed: AtomicU64,
    failed: AtomicBool,
}

impl Committer {
    /// Starts the thread.
    pub(super) fn start(client: Arc<Client>) -> std::io::Result<Self> {
        // One list at a time: the next has newer offsets anyway.
        let (lists, ordered) = sync_channel(1);
        let shared = Arc::new(Shared::default());
        let name = format!("commits {}", client.context().cluster);
        let run = {
            let shared = Arc::clone(&shared);
            move || run(&client, &ordered, &shared)
        };
        std::thread::Builder::new().name(name).spawn(run)?;
        Ok(Self { lists, shared })
    }

    /// Whether a commit is on its way.
    pub(super) fn is_busy(&self) -> bool {
        self.shared.is_busy.load(Ordering::Acquire)
    }

    /// Commits these offsets; ask [`Committer::is_busy`] first.
    pub(super) fn commit(&self, list: TopicPartitionList) {
        self.shared.is_busy.store(true, Ordering::Release);
        // The thread lives as long as this end, and nothing else is in the channel.
        let sent = self.lists.try_send(list);
        debug_assert!(sent.is_ok());
    }

    /// Commits that Kafka has confirmed.
    pub(super) fn confirmed(&self) -> u64 {
        self.shared.confirmed.load(Ordering::Relaxed)
    }

    /// Whether a commit has failed since the last look.
    pub(super) fn take_failed(&self) -> bool {
        self.shared.failed.swap(false, Ordering::Acquire)
    }
}

fn run(client: &Client, ordered: &Receiver<TopicPartitionList>, shared: &Shared) {
    while let Ok(list) = ordered.recv() {
        match client.commit(&list, CommitMode::Sync) {
            Ok(()) => {
                shared.confirmed.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => {
                shared.failed.store(true, Ordering::Release);
                let code = error.rdkafka_error_code().unwrap_or(Code::Unknown);
                let reason = "offsets were not committed; that is tried again";
                client.context().complain(code, reason);
            }
        }
        shared.is_busy.store(false, Ordering::Release);
    }
}
