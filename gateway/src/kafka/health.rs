//! What has been heard of a cluster lately, noted by whoever hears it and judged by the lane's own
//! thread.

use std::sync::atomic::{AtomicBool, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

/// Signs of life and of death since the last look.
#[derive(Debug, Default)]
pub(super) struct Health {
    /// The cluster has answered since [`Health::forget`].
    heard: AtomicBool,
    /// librdkafka says that no broker is connected, and nothing was heard since.
    brokers_down: AtomicBool,
    /// Something of this has changed, or the producers have.
    news: AtomicBool,
    /// The lane's own judgement, for those who admit.
    down: AtomicBool,
}

impl Health {
    /// The cluster has answered; says whether that is news.
    pub(super) fn note_heard(&self) -> bool {
        // Two plain loads for each delivery of a healthy cluster.
        if self.heard.load(Relaxed) && !self.brokers_down.load(Relaxed) {
            return false;
        }
        self.brokers_down.store(false, Relaxed);
        self.heard.store(true, Relaxed);
        self.note_change();
        true
    }

    pub(super) fn note_brokers_down(&self) {
        self.brokers_down.store(true, Relaxed);
        self.note_change();
    }

    pub(super) fn note_change(&self) {
        self.news.store(true, Release);
    }

    pub(super) fn has_changed(&self) -> bool {
        self.news.load(Relaxed)
    }

    /// Whether something has changed since the last call.
    pub(super) fn take_change(&self) -> bool {
        self.has_changed() && self.news.swap(false, Acquire)
    }

    /// From here on only a new answer counts.
    pub(super) fn forget(&self) {
        self.heard.store(false, Relaxed);
    }

    pub(super) fn is_heard(&self) -> bool {
        self.heard.load(Relaxed)
    }

    pub(super) fn are_brokers_down(&self) -> bool {
        self.brokers_down.load(Relaxed)
    }

    pub(super) fn judge(&self, is_down: bool) {
        self.down.store(is_down, Relaxed);
    }

    pub(super) fn is_down(&self) -> bool {
        self.down.load(Relaxed)
    }
}
