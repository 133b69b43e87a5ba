//! A newcomer behind its predecessor: what a client has said on its last connection is heard before
//! its next one takes over.
//!
//! A device that says DISCONNECT and comes back at once reaches a busy shard with both in one turn,
//! and the kernel does not report them in their order: its CONNECT may come in by another shard,
//! and an idle socket only says that it is readable. Taken as they come, the session would never
//! hear that it was to end, and a will would be published that DISCONNECT had taken back
//! \[MQTT-3.14.4-3\]. So whoever takes a living connection over waits for one turn, and
//! for as many more as that one goes on to bring something, up to a bound.

use std::collections::VecDeque;

use super::Shard;
use super::admit::Entrance;
use super::client::{Listed, Reading};
use super::world::{Socket, World};
use crate::limits::BEHIND_TURNS_MAX;

/// Newcomers that wait for what their predecessors have said; nothing is armed on them.
#[derive(Default)]
pub(super) struct Behind {
    waiting: VecDeque<Waiter>,
    /// The one that is being looked at once more.
    looked_at: Option<Waiter>,
}

#[derive(Clone, Copy)]
struct Waiter {
    socket: Socket,
    /// How often it has been looked at in vain.
    turns: u8,
}

impl Behind {
    /// Looks at a newcomer in the next turn, whose CONNECT was kept.
    pub(super) fn call_up(&mut self, socket: Socket) {
        self.waiting.push_back(Waiter { socket, turns: 0 });
    }
}

impl World {
    /// Whether the connection that a newcomer would take over may have something to say that came
    /// before it.
    pub(super) fn is_predecessor_talking(&mut self, client_id: &str) -> bool {
        if self.is_reassembly_full() {
            return false; // Rather too early than turned away.
        }
        let looked_at = self.behind.looked_at;
        let earlier = self.clients.by_id(client_id);
        let Some(earlier) = earlier.and_then(|index| self.clients.at(index)) else {
            return false;
        };
        if !earlier.session.is_connected() || earlier.paused.any() {
            return false;
        }
        let has_spoken = earlier.listed.has(Listed::SPOKEN);
        earlier.listed.leave(Listed::SPOKEN);
        match looked_at {
            None => earlier.reading != Reading::Nothing,
            Some(waiter) if waiter.turns >= BEHIND_TURNS_MAX => false,
            Some(_) => has_spoken || earlier.reading == Reading::Once,
        }
    }

    /// Keeps a newcomer's CONNECT until its predecessor's socket is read.
    pub(super) fn wait_behind(&mut self, socket: Socket, bytes: &[u8]) -> Entrance {
        let entrance = self.await_connect(socket, bytes);
        if !matches!(entrance, Entrance::Wait) {
            return entrance;
        }
        let turns = self.behind.looked_at.map_or(0, |waiter| waiter.turns + 1);
        self.behind.waiting.push_back(Waiter { socket, turns });
        Entrance::Behind
    }

    /// Gives back the memory of a storm that is over.
    pub(super) fn shrink_behind(&mut self) {
        super::thrift::shrink_queue(&mut self.behind.waiting);
    }
}

impl Shard {
    /// How many wait whom no event will bring up.
    pub(super) fn behind_count(&self) -> usize {
        self.world.behind.waiting.len()
    }

    /// Looks once more at the first so many who wait; all rings have been entered and drained since
    /// they came.
    pub(super) fn look_behind(&mut self, count: usize) {
        for _ in 0..count {
            let Some(waiter) = self.world.behind.waiting.pop_front() else {
                return;
            };
            // Whoever has been dropped meanwhile has left no CONNECT.
            if let Some(bytes) = self.world.take_half_connect(waiter.socket) {
                self.world.behind.looked_at = Some(waiter);
                self.look_again(waiter.socket, &bytes);
                self.world.behind.looked_at = None;
            }
        }
    }
}
