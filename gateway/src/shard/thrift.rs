//! Gives memory back that a storm has left behind in lists which are short again.

use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::hash::Hash;

use super::Shard;
use super::gate::Gate;
use super::world::World;

/// Entries that a list keeps room for, however few it has.
const ROOM_MIN: usize = 1024;

impl Shard {
    /// Looks at every list that grows with the connections in motion.
    pub(super) fn shrink(&mut self) {
        self.newcomers.shrink();
        self.world.shrink();
    }
}

impl World {
    fn shrink(&mut self) {
        shrink_queue(&mut self.strangers);
        shrink_queue(&mut self.hot);
        shrink_queue(&mut self.wills);
        shrink_map(&mut self.half_connects);
        self.links.shrink();
        self.gate.iter_mut().for_each(Gate::shrink);
        self.seals.shrink();
        shrink_map(&mut self.departures);
        self.shrink_behind();
        shrink_map(&mut self.leaving);
        shrink_map(&mut self.exchanges);
        shrink_map(&mut self.reproofs);
        shrink_map(&mut self.held);
        shrink_list(&mut self.dirty);
        shrink_list(&mut self.orders);
        shrink_list(&mut self.waiting);
        shrink_list(&mut self.stalled);
        shrink_list(&mut self.later);
        self.quota.shrink();
        self.spares.shrink();
    }
}

/// The room to shrink to, when three quarters of it lie idle.
fn fewer(len: usize, capacity: usize) -> Option<usize> {
    (capacity > ROOM_MIN && len < capacity / 4).then_some((len * 2).max(ROOM_MIN / 2))
}

pub(super) fn shrink_queue<T>(queue: &mut VecDeque<T>) {
    if let Some(room) = fewer(queue.len(), queue.capacity()) {
        queue.shrink_to(room);
    }
}

fn shrink_list<T>(list: &mut Vec<T>) {
    if let Some(room) = fewer(list.len(), list.capacity()) {
        list.shrink_to(room);
    }
}

pub(super) fn shrink_heap<T: Ord>(heap: &mut BinaryHeap<T>) {
    if let Some(room) = fewer(heap.len(), heap.capacity()) {
        heap.shrink_to(room);
    }
}

pub(super) fn shrink_map<K: Eq + Hash, V>(map: &mut HashMap<K, V>) {
    if let Some(room) = fewer(map.len(), map.capacity()) {
        map.shrink_to(room);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_was_long_is_given_back_and_a_short_one_is_left_alone() {
        let mut list = Vec::with_capacity(ROOM_MIN);
        shrink_list::<u64>(&mut list);
        assert_eq!(list.capacity(), ROOM_MIN);
        let mut queue: VecDeque<u64> = (0..100_000).collect();
        shrink_queue(&mut queue);
        assert!(queue.capacity() >= 100_000);
        queue.drain(..99_000);
        shrink_queue(&mut queue);
        assert!(queue.capacity() < 10_000 && queue.len() == 1_000);
        let mut map: HashMap<u64, u64> = (0..100_000).map(|key| (key, key)).collect();
        map.clear();
        shrink_map(&mut map);
        assert!(map.capacity() <= ROOM_MIN);
    }
}
