//! A newcomer behind its predecessor: what a client has said on its last connection is heard before
//! its next one takes over.
//!
//! A device that says DISCONNECT and comes back at once reaches a busy shard with both in one turn,
//! and the kernel does not report them in their order: its CONNECT may come in by another shard, and
//! an idle socket only says that it is readable. Taken as they come, the session would never hear
//! that it was to end, and a will would be published that DISCONNECT had taken back
//! \[MQTT-3.14.4-3\]. So whoever takes a living connection over waits for one turn.

use std::mem;

use super::Shard;
use super::admit::Entrance;
use super::client::Reading;
use super::world::{Socket, World};

/// Newcomers that wait for what their predecessors have said; nothing is armed on them.
#[derive(Default)]
pub(super) struct Behind {
    waiting: Vec<Socket>,
    /// Whether they are being looked at once more.
    is_again: bool,
}

impl World {
    /// Whether the connection that a newcomer would take over may have something to say that came
    /// before it.
    pub(super) fn is_predecessor_talking(&self, client_id: &str) -> bool {
        let earlier = self.clients.by_id(client_id);
        let Some(earlier) = earlier.and_then(|index| self.clients.look(index)) else {
            return false;
        };
        let is_read = earlier.session.is_connected() && !earlier.paused.any();
        let is_open = match self.behind.is_again {
            true => earlier.reading == Reading::Once,
            false => earlier.reading != Reading::Nothing,
        };
        // Rather too early than turned away.
        is_read && is_open && !self.is_reassembly_full()
    }

    /// Keeps a newcomer's CONNECT until its predecessor's socket is read.
    pub(super) fn wait_behind(&mut self, socket: Socket, bytes: &[u8]) -> Entrance {
        let entrance = self.await_connect(socket, bytes);
        if !matches!(entrance, Entrance::Wait) {
            return entrance;
        }
        self.behind.waiting.push(socket);
        Entrance::Behind
    }
}

impl Shard {
    /// Whether someone waits whom no event will bring up.
    pub(super) fn is_anyone_behind(&self) -> bool {
        !self.world.behind.waiting.is_empty()
    }

    /// Those who wait; all rings are to be entered and drained before they are looked at.
    pub(super) fn take_behind(&mut self) -> Vec<Socket> {
        mem::take(&mut self.world.behind.waiting)
    }

    /// Looks once more at those who have waited.
    pub(super) fn look_behind(&mut self, waited: Vec<Socket>) {
        self.world.behind.is_again = true;
        for socket in waited {
            // Whoever has been dropped meanwhile has left no CONNECT.
            if let Some(bytes) = self.world.take_half_connect(socket) {
                self.look_again(socket, &bytes);
            }
        }
        self.world.behind.is_again = false;
    }
}
