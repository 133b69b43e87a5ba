//! What a client has unfinished, and the pool it is taken from while needed.

use super::alias::{Aliases, Spoken};
use super::flight::Flight;
use super::queue::Queue;
use super::window::Window;

/// What a client has unfinished.
#[derive(Debug, Default)]
pub(super) struct Busy {
    /// Upwards: acknowledgements owed.
    pub(super) window: Window,
    /// Upwards: packet ids of QoS 2 PUBLISHes taken, until their PUBREL \[MQTT-4.3.3-10\].
    pub(super) unreleased: Unreleased,
    /// Upwards: what the client's topic aliases stand for.
    pub(super) aliases: Aliases,
    /// Downwards: sent and not acknowledged.
    pub(super) flight: Flight,
    /// Downwards: not sent yet.
    pub(super) queue: Queue,
    /// Downwards: what the server's topic aliases stand for.
    pub(super) spoken: Spoken,
    /// Bytes of `flight` and `queue`, as far as they hold messages.
    pub(super) held_bytes: usize,
    /// What is left of what waited when the client came back.
    pub(super) backlog: Backlog,
    /// The `seq` of the next message downwards. It begins anew with a new box: everything that bore
    /// a number before is done then.
    pub(super) next_seq: u64,
}

/// What waited for a client when it came back: no fault of a connection that has only begun, so its
/// bounds count from there until it is done with.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Backlog {
    pub(super) messages: usize,
    pub(super) bytes: usize,
}

/// Packet ids of QoS 2 PUBLISHes taken and not released.
#[derive(Debug, Default)]
pub(super) struct Unreleased {
    /// Those of earlier connections in front.
    ids: Vec<u16>,
    earlier_count: usize,
}

/// Boxes for what is unfinished, which wait for their next client; bounded.
#[derive(Debug, Default)]
pub struct BusyPool {
    // A box goes from here into a session and back as it is: no copy, no allocation.
    #[allow(clippy::vec_box)]
    pub(super) spare: Vec<Box<Busy>>,
}

/// Spare boxes kept per shard; beyond that they go back to the allocator.
const BUSY_SPARE_COUNT_MAX: usize = 1024;
/// Entries of each list that a spare box may keep allocated.
pub(super) const ENTRIES_KEPT: usize = 64;

impl Busy {
    /// Whether nothing is unfinished.
    pub(super) fn is_idle(&self) -> bool {
        self.window.is_empty()
            && self.unreleased.is_empty()
            && self.aliases.is_empty()
            && self.spoken.is_empty()
            && self.flight.is_empty()
            && self.queue.is_empty()
    }

    /// A number for one more message downwards.
    pub(super) fn take_seq(&mut self) -> u64 {
        self.next_seq += 1;
        self.next_seq - 1
    }
}

impl Unreleased {
    pub(super) fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    pub(super) fn holds(&self, packet_id: u16) -> bool {
        self.ids.contains(&packet_id)
    }

    pub(super) fn add(&mut self, packet_id: u16) {
        self.ids.push(packet_id);
    }

    /// Says whether it was there.
    pub(super) fn remove(&mut self, packet_id: u16) -> bool {
        let Some(place) = self.ids.iter().position(|id| *id == packet_id) else {
            return false;
        };
        self.ids.remove(place);
        self.earlier_count -= usize::from(place < self.earlier_count);
        true
    }

    /// The client says the PUBLISH again: it counts on this connection now.
    pub(super) fn said_again(&mut self, packet_id: u16) {
        let mut earlier = self.ids.iter().take(self.earlier_count);
        if let Some(place) = earlier.position(|id| *id == packet_id) {
            self.ids[place..].rotate_left(1);
            self.earlier_count -= 1;
        }
    }

    /// How many were taken on this connection: the count against the Receive Maximum begins anew
    /// with each \[MQTT-4.9.0-1\].
    pub(super) fn count_here(&self) -> usize {
        self.ids.len() - self.earlier_count
    }

    /// The connection is gone and the ids stay.
    pub(super) fn on_gone(&mut self) {
        self.earlier_count = self.ids.len();
    }

    fn clear(&mut self) {
        self.ids.clear();
        self.ids.shrink_to(ENTRIES_KEPT);
        self.earlier_count = 0;
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.ids.capacity()
    }
}

impl BusyPool {
    pub(super) fn lend(&mut self) -> Box<Busy> {
        self.spare.pop().unwrap_or_default()
    }

    pub(super) fn give_back(&mut self, busy: Option<Box<Busy>>) {
        let Some(mut busy) = busy else { return };
        if self.spare.len() == BUSY_SPARE_COUNT_MAX {
            return;
        }
        busy.window.clear(ENTRIES_KEPT);
        busy.unreleased.clear();
        busy.aliases.clear(ENTRIES_KEPT);
        busy.flight.clear(ENTRIES_KEPT);
        busy.queue.clear(ENTRIES_KEPT);
        busy.spoken.clear();
        busy.held_bytes = 0;
        busy.backlog = Backlog::default();
        busy.next_seq = 0;
        self.spare.push(busy);
    }
}
