//! Which ring of a shard takes newcomers: one after the other, so that a storm of them shares its
//! system calls.
//!
//! All rings have clones of the same listeners, and one at a time accepts. Spread over thirty
//! rings, each system call would serve a connection or two; what another shard hands over goes the
//! same way. Once no ring is nearly empty any more, the emptiest one takes them.

use tributary_ring::RingAddress;

use super::{Meeting, Shard};

/// Up to here a ring is filled before the next one is begun, in percent of its table: the backlog
/// may bring very many at once, and what a full table does not take is closed without a word.
const FIRST_FILL_PERCENT: u32 = 75;
/// How much emptier another ring must be to be worth the change.
const WORTH_A_CHANGE_PERCENT: u32 = 2;

impl Meeting {
    /// The ring of a shard that takes newcomers.
    pub(super) fn filling_ring(&self, shard: usize) -> &RingAddress {
        // Every shard has brought at least one ring before the first accept.
        let rings = self.addresses[shard].get().unwrap();
        let used = rings.iter().map(RingAddress::used_slots);
        &rings[choose(used, rings[0].table_slots())]
    }
}

impl Shard {
    /// Gives the listeners to another ring when the one that accepts is full enough.
    pub(super) fn keep_filling(&mut self) {
        let now = &self.planes[self.filling].ring;
        let (used, slots) = (now.used_slots(), now.table_slots());
        if self.planes.len() == 1 || used < percent(slots, FIRST_FILL_PERCENT) {
            return;
        }
        let next = choose(
            self.planes.iter().map(|plane| plane.ring.used_slots()),
            slots,
        );
        let margin = percent(slots, WORTH_A_CHANGE_PERCENT);
        if self.planes[next].ring.used_slots() + margin <= used {
            self.planes[self.filling].ring.set_accepting(false);
            self.planes[next].ring.set_accepting(true);
            self.filling = next;
        }
    }
}

/// The first ring that is not filled for the first time yet, else the emptiest one.
fn choose(used: impl Iterator<Item = u32> + Clone, slots: u32) -> usize {
    let full = percent(slots, FIRST_FILL_PERCENT);
    let first = used.clone().position(|used| used < full);
    let emptiest = || used.enumerate().min_by_key(|(_, used)| *used);
    first
        .or_else(|| emptiest().map(|(ring, _)| ring))
        .unwrap_or(0)
}

fn percent(slots: u32, percent: u32) -> u32 {
    (u64::from(slots) * u64::from(percent) / 100) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rings_are_filled_one_after_the_other_and_then_evenly() {
        let choose = |used: &[u32]| choose(used.iter().copied(), 100);
        assert_eq!(choose(&[0, 0, 0]), 0);
        assert_eq!(choose(&[74, 0, 0]), 0);
        assert_eq!(choose(&[75, 0, 0]), 1);
        assert_eq!(choose(&[10, 75, 75]), 0);
        assert_eq!(choose(&[80, 79, 81]), 1);
        assert_eq!(choose(&[100]), 0);
    }
}
