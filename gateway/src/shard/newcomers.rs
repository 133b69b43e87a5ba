//! Newcomers in their turn: reads the first bytes of so many per turn, so that a storm of connects
//! leaves the shard to the clients it has.
//!
//! A connection that waits here is accepted, and nothing is armed on it: it costs its slot and what
//! the kernel takes for a socket.

use std::collections::VecDeque;

use super::Shard;
use super::world::{Socket, Stranger, World};
use crate::limits::{NEWCOMERS_PER_TURN, NEWCOMERS_PER_TURN_BEHIND, TABLE_HEADROOM_PERCENT};

/// Connections that were accepted and are not read yet, oldest first.
#[derive(Default)]
pub(super) struct Newcomers {
    waiting: VecDeque<Socket>,
    left_this_turn: usize,
}

impl Newcomers {
    /// Whether someone waits whom no event will bring up.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Gives back the memory of a storm that is over.
    pub(super) fn shrink(&mut self) {
        super::thrift::shrink_queue(&mut self.waiting);
    }
}

impl World {
    /// A client id that no one else has and whose home is here \[MQTT-3.1.3-6\].
    pub(super) fn assign_id(&mut self) -> String {
        loop {
            self.assigned_count += 1;
            // The process-wide hash is seeded at random, so ids do not repeat after a restart.
            let seed = format!("{}/{}", self.index, self.assigned_count);
            let id = format!("auto-{:016x}", self.clients.hash(&seed));
            if self.home(&id) == self.index && self.clients.by_id(&id).is_none() {
                return id;
            }
        }
    }

    /// From now on the time runs in which this stranger has to become a client.
    pub(super) fn expect_connect(&mut self, socket: Socket) {
        self.strangers.push_back(Stranger {
            socket,
            deadline_tick: self.now_tick + self.connect_ticks_max,
        });
    }
}

impl Shard {
    /// A new turn: reads from those who have waited longest.
    pub(super) fn begin_newcomers(&mut self) {
        self.newcomers.left_this_turn = match self.world.shed.is_behind() {
            true => NEWCOMERS_PER_TURN_BEHIND,
            false => NEWCOMERS_PER_TURN,
        };
        while self.newcomers.left_this_turn > 0
            && let Some(socket) = self.newcomers.waiting.pop_front()
        {
            self.read_newcomer(socket);
        }
    }

    /// Reads from a connection that has just been accepted, or lets it wait its turn.
    pub(super) fn greet(&mut self, socket: Socket) {
        if self.newcomers.left_this_turn > 0 {
            self.read_newcomer(socket);
        } else {
            self.newcomers.waiting.push_back(socket);
        }
    }

    fn read_newcomer(&mut self, socket: Socket) {
        self.newcomers.left_this_turn -= 1;
        self.world.expect_connect(socket);
        // Nothing else may be armed: the socket is likely to be handed on with its CONNECT.
        self.plane(socket.ring).ring.receive_armed(socket.conn);
    }

    /// Whether a ring has as many clients as it may have: what is left is for those who come to be
    /// told so, and for hand-overs.
    pub(super) fn is_crowded(&self, ring: u8) -> bool {
        let plane = &self.planes[usize::from(ring)];
        let slots = plane.ring.table_slots();
        plane.owners.client_count() >= slots - slots / 100 * TABLE_HEADROOM_PERCENT
    }

    /// Whether some ring is nearly out of slots, whoever has them.
    pub(super) fn is_any_table_short(&self) -> bool {
        self.planes.iter().any(|plane| {
            let (used, slots) = (plane.ring.used_slots(), plane.ring.table_slots());
            slots - used < slots / 100 * TABLE_HEADROOM_PERCENT / 2
        })
    }
}
