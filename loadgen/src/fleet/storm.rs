//! Storms: all clients of a thread end their connections at once, and later come back at once.
//!
//! ```text
//!  up --order to drop--> dropping --last socket closed--> down --order to return--> up
//! ```

use super::Fleet;
use super::client::{SETTLED, State};
use crate::close::Close;

/// Connections ended between two looks at the rings.
const DROPS_PER_LOOP: u32 = 1_024;

#[derive(Default)]
pub(super) struct Storm {
    phase: Phase,
    /// Drops carried out to the last socket, and returns begun.
    dropped: u32,
    returned: u32,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Up,
    Dropping {
        next: u32,
    },
    Down,
}

impl Storm {
    /// Whether clients may connect.
    pub(super) fn is_up(&self) -> bool {
        self.phase == Phase::Up
    }

    /// Whether there are connections left to end, and not only sockets to wait for.
    pub(super) fn has_more(&self) -> bool {
        matches!(self.phase, Phase::Dropping { next } if next < u32::MAX)
    }

    pub(super) fn dropped(&self) -> u32 {
        self.dropped
    }
}

impl Fleet {
    /// Whether the run is over: the clients of a released thread leave as in a storm.
    pub(super) fn is_over(&self) -> bool {
        self.storm.phase == Phase::Down && self.stage.is_released()
    }

    pub(super) fn storm_due(&mut self) {
        let is_told = self.storm.dropped < self.stage.drops_ordered() || self.stage.is_released();
        match self.storm.phase {
            Phase::Up if is_told => {
                self.opener.pause();
                self.storm.phase = Phase::Dropping { next: 0 };
                self.drop_some(0);
            }
            Phase::Dropping { next } => self.drop_some(next),
            Phase::Down if self.storm.returned < self.stage.returns_ordered() => {
                self.storm.returned += 1;
                self.storm.phase = Phase::Up;
                self.books.begin_return();
                self.opener.restart(self.now_ns);
            }
            Phase::Up | Phase::Down => {}
        }
    }

    fn drop_some(&mut self, next: u32) {
        let count = self.clients.len() as u32;
        let end = count.min(next.saturating_add(DROPS_PER_LOOP));
        for place in next.min(end)..end {
            if self.clients[place as usize].state != State::Away {
                self.close(place, Close::Dropped);
            }
        }
        if end < count {
            self.storm.phase = Phase::Dropping { next: end };
            return;
        }
        self.storm.phase = Phase::Dropping { next: u32::MAX };
        if self.closing == 0 {
            for client in &mut self.clients {
                client.set(SETTLED, false);
            }
            self.settled = 0;
            self.storm.dropped += 1;
            self.storm.phase = Phase::Down;
            // The watcher must not see the counters of before beside the new number of drops.
            self.cared_ns = 0;
            self.care();
        }
    }
}
