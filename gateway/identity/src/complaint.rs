//! Says what is wrong with rules that came along, now and then: a fleet of one issuer brings the
//! same mistake a million times.

use std::sync::atomic::{AtomicU64, Ordering};

use tributary_access::own::OwnFault;

use crate::clock::Clock;

/// The shortest time between two lines.
const PAUSE_MS: u64 = 10_000;

/// Lines about one method's rules.
pub(crate) struct Complaint {
    method: &'static str,
    clock: Clock,
    /// From when on there may be a line again.
    next_ms: AtomicU64,
}

impl Complaint {
    pub(crate) fn new(method: &'static str, clock: Clock) -> Self {
        Self {
            method,
            clock,
            next_ms: AtomicU64::new(0),
        }
    }

    /// A client's rules cannot be read, for this reason.
    pub(crate) fn say(&self, client: &str, fault: &OwnFault) {
        if self.may_speak() {
            let method = self.method;
            tracing::warn!(method, client, %fault, "rules that came along cannot be read");
        }
    }

    fn may_speak(&self) -> bool {
        let now_ms = self.clock.ticks_ms();
        let next_ms = self.next_ms.load(Ordering::Relaxed);
        let mine = now_ms >= next_ms;
        // Of two who come at once one speaks.
        mine && self
            .next_ms
            .compare_exchange(
                next_ms,
                now_ms + PAUSE_MS,
                Ordering::Relaxed,
                Ordering::Relaxed,
            )
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn there_is_a_line_at_once_and_the_next_after_a_pause() {
        let hand = Arc::new(AtomicU64::new(1_000));
        let complaint = Complaint::new("jwt", Clock::moved_by(Arc::clone(&hand)));
        assert!(complaint.may_speak());
        assert!(!complaint.may_speak());
        hand.store(1_000 + PAUSE_MS - 1, Ordering::Relaxed);
        assert!(!complaint.may_speak());
        hand.store(1_000 + PAUSE_MS, Ordering::Relaxed);
        assert!(complaint.may_speak() && !complaint.may_speak());
    }
}
