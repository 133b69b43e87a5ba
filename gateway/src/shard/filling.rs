//! Which ring of a shard takes newcomers.

use tributary_ring::{RingAddress, filling};

use super::{Meeting, Shard};

impl Meeting {
    /// The ring of a shard that takes what others hand over.
    pub(super) fn filling_ring(&self, shard: usize) -> &RingAddress {
        // Every shard has brought at least one ring before the first accept.
        let rings = self.addresses[shard].get().unwrap();
        let used = rings.iter().map(RingAddress::used_slots);
        &rings[filling::choose(used, rings[0].table_slots())]
    }
}

impl Shard {
    /// Gives the listeners to another ring when the one that accepts is full enough.
    pub(super) fn keep_filling(&mut self) {
        let slots = self.planes[self.filling].ring.table_slots();
        let used = self.planes.iter().map(|plane| plane.ring.used_slots());
        let next = filling::next(self.filling, used, slots);
        if next != self.filling {
            self.planes[self.filling].ring.set_accepting(false);
            self.planes[next].ring.set_accepting(true);
            self.filling = next;
        }
    }
}
