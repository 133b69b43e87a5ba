//! Whether a load balancer should send clients here.
//!
//! ```text
//! Starting --listening--> Ready --draining--> Draining
//!     \------------------draining-------------/
//! ```

use std::sync::atomic::{AtomicU8, Ordering};

/// Where the process stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Starting,
    Ready,
    Draining,
}

/// Written by the wiring, read by `/readyz`.
#[derive(Debug, Default)]
pub struct Readiness(AtomicU8);

impl Readiness {
    pub const fn new() -> Self {
        Readiness(AtomicU8::new(Phase::Starting as u8))
    }

    /// Every listener takes clients. Does nothing once draining: there is no way back.
    pub fn on_listening(&self) {
        let (from, to) = (Phase::Starting as u8, Phase::Ready as u8);
        let _ = self
            .0
            .compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire);
    }

    /// No client is taken any more.
    pub fn on_draining(&self) {
        self.0.store(Phase::Draining as u8, Ordering::Release);
    }

    pub fn phase(&self) -> Phase {
        match self.0.load(Ordering::Acquire) {
            phase if phase == Phase::Starting as u8 => Phase::Starting,
            phase if phase == Phase::Ready as u8 => Phase::Ready,
            _ => Phase::Draining,
        }
    }
}
