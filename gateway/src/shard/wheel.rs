//! One wheel of time per shard: a list of clients per slot of coarse time, linked through their
//! own records.
//!
//! A client that is heard of does not touch the wheel: its record says when it was last heard, and
//! a client that comes up too early is put back. A ping therefore costs a store.

use super::clients::Clients;

/// Slots of the wheel.
const SLOTS: usize = 512;
/// Ticks per slot: with 512 slots one turn takes 256 s, longer than most keep-alives.
const TICKS_PER_SLOT: u32 = 5;
const NOBODY: u32 = u32::MAX;

/// The wheel.
pub(super) struct Wheel {
    heads: Vec<u32>,
    /// The slot that is looked at next, counted without end.
    next_slot: u32,
}

impl Wheel {
    /// An empty wheel at `now`.
    pub(super) fn new(now_tick: u32) -> Self {
        Self {
            heads: vec![NOBODY; SLOTS],
            next_slot: now_tick / TICKS_PER_SLOT,
        }
    }

    /// Puts a client where it comes up at `tick` or up to a slot later; the furthest slot when
    /// that is more than a turn away.
    pub(super) fn put(&mut self, clients: &mut Clients, index: u32, tick: u32) {
        let furthest = self.next_slot + SLOTS as u32 - 1;
        let slot = (tick / TICKS_PER_SLOT + 1).clamp(self.next_slot, furthest) as usize % SLOTS;
        let head = self.heads[slot];
        if let Some(client) = clients.at(index) {
            client.wheel_next = head;
            client.wheel_previous = NOBODY - 1 - slot as u32;
        }
        if let Some(neighbour) = clients.at(head) {
            neighbour.wheel_previous = index;
        }
        self.heads[slot] = index;
    }

    /// Takes a client off the wheel.
    pub(super) fn take(&mut self, clients: &mut Clients, index: u32) {
        let Some(client) = clients.at(index) else {
            return;
        };
        let (next, previous) = (client.wheel_next, client.wheel_previous);
        if previous == NOBODY {
            return; // Not on the wheel.
        }
        (client.wheel_next, client.wheel_previous) = (NOBODY, NOBODY);
        if let Some(neighbour) = clients.at(next) {
            neighbour.wheel_previous = previous;
        }
        // A client at the head of its list names the slot instead of a neighbour.
        if previous >= NOBODY - SLOTS as u32 {
            self.heads[(NOBODY - 1 - previous) as usize] = next;
        } else if let Some(neighbour) = clients.at(previous) {
            neighbour.wheel_next = next;
        }
    }

    /// The next client whose slot has passed at `now`; it is off the wheel afterwards.
    pub(super) fn pop(&mut self, clients: &mut Clients, now_tick: u32) -> Option<u32> {
        while self.next_slot < now_tick / TICKS_PER_SLOT {
            let head = self.heads[self.next_slot as usize % SLOTS];
            if head != NOBODY {
                self.take(clients, head);
                return Some(head);
            }
            self.next_slot += 1;
        }
        None
    }

    /// What a client record says while it is on no wheel.
    pub(super) const OFF: u32 = NOBODY;
}

const _: () = assert!(SLOTS < u32::MAX as usize - crate::limits::CLIENTS_PER_SHARD_MAX);

#[cfg(test)]
mod tests;
