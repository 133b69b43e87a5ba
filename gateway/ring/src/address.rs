//! Where to hand a connection over to: a ring, as other threads may know it.

use std::any::TypeId;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// The address of a ring, to be given to other shards. Cloning it is cheap.
///
/// It keeps the kernel's half of the ring alive, so that a hand-over to a ring whose owner is gone
/// is refused instead of reaching whoever got the descriptor number next.
#[derive(Clone)]
pub struct RingAddress(Arc<Shared>);

struct Shared {
    ring: OwnedFd,
    /// A parcel crosses as a bare pointer, so both ends must mean the same type by it.
    parcel: TypeId,
    table_slots: u32,
    used_slots: AtomicU32,
    open: AtomicBool,
}

impl RingAddress {
    pub(crate) fn new(ring: OwnedFd, parcel: TypeId, table_slots: u32) -> RingAddress {
        RingAddress(Arc::new(Shared {
            ring,
            parcel,
            table_slots,
            used_slots: AtomicU32::new(0),
            open: AtomicBool::new(true),
        }))
    }

    /// Slots in use when the ring last looked; hand-overs under way are not in it yet.
    pub fn used_slots(&self) -> u32 {
        self.0.used_slots.load(Ordering::Relaxed)
    }

    pub fn table_slots(&self) -> u32 {
        self.0.table_slots
    }

    /// False once the ring has been dropped.
    pub fn is_open(&self) -> bool {
        self.0.open.load(Ordering::Acquire)
    }

    pub(crate) fn takes(&self, parcel: TypeId) -> bool {
        self.0.parcel == parcel
    }

    pub(crate) fn ring_fd(&self) -> RawFd {
        self.0.ring.as_raw_fd()
    }

    pub(crate) fn publish(&self, used_slots: u32) {
        self.0.used_slots.store(used_slots, Ordering::Relaxed);
    }

    pub(crate) fn shut(&self) {
        self.0.open.store(false, Ordering::Release);
    }
}
