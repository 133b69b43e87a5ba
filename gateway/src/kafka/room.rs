//! The room a lane has left: every un-acked record and byte is claimed here first.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};

use super::limits;
use super::outcome::Offer;

/// How much of a lane's bounds is claimed.
///
/// Both counts stand in one word, so that a claim is one addition and can never be half done.
///
/// ```text
///  63      40 39                      0
/// [ records  ][          bytes         ]
/// ```
#[derive(Debug)]
pub(super) struct Room {
    claimed: AtomicU64,
    /// Somebody was told `Full` and waits for [`Room::release`] to answer `true`.
    awaited: AtomicBool,
    records_max: u64,
    bytes_max: u64,
}

const RECORD: u64 = 1 << 40;
const BYTES: u64 = RECORD - 1;
const _: () = assert!(limits::PENDING_BYTES_CEILING * 2 < RECORD);
const _: () = assert!(limits::PENDING_RECORDS_CEILING < 1 << 24);

impl Room {
    pub(super) fn new(records_max: u64, bytes_max: u64) -> Room {
        Room {
            claimed: AtomicU64::new(0),
            awaited: AtomicBool::new(false),
            records_max,
            bytes_max,
        }
    }

    /// Claims room for one record of `bytes`, which must not be more than the lane's whole bound.
    pub(super) fn claim(&self, bytes: usize) -> Offer {
        let claim = RECORD + bytes as u64;
        if self.try_claim(claim) {
            return Offer::Accepted;
        }
        // Between the look above and this note the lane may have become empty without telling
        // anybody, so look again: whoever releases after the note sees it.
        self.awaited.store(true, SeqCst);
        if self.try_claim(claim) {
            Offer::Accepted
        } else {
            Offer::Full
        }
    }

    fn try_claim(&self, claim: u64) -> bool {
        self.claimed
            .fetch_update(SeqCst, SeqCst, |claimed| {
                let next = claimed + claim;
                (next >> 40 <= self.records_max && next & BYTES <= self.bytes_max).then_some(next)
            })
            .is_ok()
    }

    /// Gives back what `records` of `bytes` in all had claimed; `true` when somebody who waits for
    /// room is to be told that there is some again.
    #[must_use]
    pub(super) fn release(&self, records: u64, bytes: u64) -> bool {
        let before = self.claimed.fetch_sub(records * RECORD + bytes, SeqCst);
        debug_assert!(before >> 40 >= records && before & BYTES >= bytes);
        self.awaited.load(SeqCst) && self.is_below_low_water() && self.awaited.swap(false, SeqCst)
    }

    fn is_below_low_water(&self) -> bool {
        let claimed = self.claimed.load(SeqCst);
        (claimed >> 40) * 100 <= self.records_max * limits::LOW_WATER_PERCENT
            && (claimed & BYTES) * 100 <= self.bytes_max * limits::LOW_WATER_PERCENT
    }

    /// Somebody was told `Full` and there has not been room again since.
    pub(super) fn is_awaited(&self) -> bool {
        self.awaited.load(SeqCst)
    }

    /// Records claimed and not answered.
    pub(super) fn records(&self) -> u64 {
        self.claimed.load(SeqCst) >> 40
    }

    /// Bytes claimed and not answered.
    pub(super) fn bytes(&self) -> u64 {
        self.claimed.load(SeqCst) & BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_room_is_told_of_once_when_it_has_fallen_below_low_water() {
        let room = Room::new(10, 1_000_000);
        for _ in 0..10 {
            assert_eq!(room.claim(100), Offer::Accepted);
        }
        assert_eq!(room.claim(100), Offer::Full);
        assert_eq!((room.records(), room.bytes()), (10, 1_000));
        assert!(!room.release(2, 200), "8 of 10 is above low water");
        assert!(room.release(1, 100), "7 of 10 is low water");
        assert!(!room.release(1, 100), "told once");
    }

    #[test]
    fn bytes_are_a_bound_of_their_own() {
        let room = Room::new(1_000, 1_000);
        assert_eq!(room.claim(900), Offer::Accepted);
        assert_eq!(room.claim(101), Offer::Full);
        assert_eq!(room.claim(100), Offer::Accepted);
        assert!(room.release(1, 900));
    }

    #[test]
    fn nobody_is_told_who_never_waited() {
        let room = Room::new(10, 1_000);
        assert_eq!(room.claim(100), Offer::Accepted);
        assert!(!room.release(1, 100));
        assert_eq!((room.records(), room.bytes()), (0, 0));
    }

    #[test]
    fn threads_that_claim_and_release_leave_nothing_behind() {
        let room = Room::new(64, 1 << 20);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for bytes in 0..10_000 {
                        if room.claim(bytes) == Offer::Accepted {
                            let _ = room.release(1, bytes as u64);
                        }
                    }
                });
            }
        });
        assert_eq!((room.records(), room.bytes()), (0, 0));
    }
}
