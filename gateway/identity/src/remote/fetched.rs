//! Something that is fetched from an endpoint now and then, and kept while that is down.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use hyper::StatusCode;
use tokio::sync::Mutex as Turn;

use super::fetch::Endpoint;
use crate::clock::Clock;

/// A value with its age. One fetches at a time; whoever wants it meanwhile waits for that one.
pub(crate) struct Fetched<V> {
    endpoint: Endpoint,
    clock: Clock,
    refresh_ms: u64,
    retry_ms: u64,
    value: Mutex<Option<Arc<V>>>,
    /// When it was last got, and when that was last tried; 0: never.
    got_ms: AtomicU64,
    tried_ms: AtomicU64,
    is_fetching: AtomicBool,
    turn: Turn<()>,
}

impl<V> Fetched<V> {
    /// Fetches every `refresh_ms` while somebody asks, and never twice within `retry_ms`.
    pub(crate) fn new(endpoint: Endpoint, refresh_ms: u64, retry_ms: u64, clock: Clock) -> Self {
        Self {
            endpoint,
            clock,
            refresh_ms,
            retry_ms,
            value: Mutex::default(),
            got_ms: AtomicU64::new(0),
            tried_ms: AtomicU64::new(0),
            is_fetching: AtomicBool::new(false),
            turn: Turn::new(()),
        }
    }

    /// The newest, however old.
    pub(crate) fn value(&self) -> Option<Arc<V>> {
        self.value
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Whether it has never been got, or is due for being fetched again.
    pub(crate) fn is_stale(&self) -> bool {
        let got_ms = self.got_ms.load(Ordering::Acquire);
        got_ms == 0 || self.now_ms().saturating_sub(got_ms) >= self.refresh_ms
    }

    /// Whether waiting for [`Self::fetch`] can bring something new.
    pub(crate) fn can_fetch(&self) -> bool {
        let tried_ms = self.tried_ms.load(Ordering::Acquire);
        let is_soon = tried_ms != 0 && self.now_ms().saturating_sub(tried_ms) < self.retry_ms;
        !is_soon || self.is_fetching.load(Ordering::Acquire)
    }

    /// Fetches, or waits for who does. What `read` does not take leaves the value as it is.
    pub(crate) async fn fetch(&self, read: impl Fn(&[u8]) -> Option<V>) {
        let tried_before_ms = self.tried_ms.load(Ordering::Acquire);
        let was_fetching = self.is_fetching.load(Ordering::Acquire);
        let _turn = self.turn.lock().await;
        let has_changed = self.tried_ms.load(Ordering::Acquire) != tried_before_ms;
        if was_fetching || has_changed || !self.can_fetch() {
            return;
        }
        self.tried_ms.store(self.now_ms(), Ordering::Release);
        self.is_fetching.store(true, Ordering::Release);
        let _end = Ending(&self.is_fetching);
        let Ok((StatusCode::OK, body)) = self.endpoint.request(None).await else {
            return;
        };
        if let Some(value) = read(&body) {
            let mut kept = self.value.lock().unwrap_or_else(PoisonError::into_inner);
            *kept = Some(Arc::new(value));
            self.got_ms.store(self.now_ms(), Ordering::Release);
        }
    }

    /// 0 stands for never.
    fn now_ms(&self) -> u64 {
        self.clock.ticks_ms().max(1)
    }
}

/// Says that fetching is over, also when its future is dropped.
struct Ending<'a>(&'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}
