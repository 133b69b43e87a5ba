//! What was sent to a client at QoS 1 and 2 and is not finished: the sender's side of section 4.3.
//!
//! ```text
//! QoS 1:  PUBLISH -> sent -- PUBACK --> done
//! QoS 2:  PUBLISH -> sent -- PUBREC --> released (PUBREL) -- PUBCOMP --> done
//! ```

use std::collections::VecDeque;

use super::queue::Waiting;
use crate::version::Qos;

/// A PUBLISH that was sent and has neither PUBACK nor PUBREC.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) waiting: Waiting,
    pub(super) packet_id: u16,
}

/// A PUBREL that was sent and has no PUBCOMP.
#[derive(Clone, Copy, Debug)]
pub(super) struct Released {
    pub(super) seq: u64,
    pub(super) packet_id: u16,
}

/// Everything in flight to one client.
#[derive(Debug, Default)]
pub(super) struct Flight {
    /// In the order of the PUBLISHes, in which they are sent again \[MQTT-4.6.0-1\].
    pub(super) sent: VecDeque<Sent>,
    /// In the order of the PUBRECs, in which PUBRELs are sent \[MQTT-4.6.0-4\].
    pub(super) released: VecDeque<Released>,
    /// How many of `sent` went out on this connection; the others are to be sent again.
    told_count: usize,
}

impl Flight {
    /// Whether nothing is in flight.
    pub(super) fn is_empty(&self) -> bool {
        self.sent.is_empty() && self.released.is_empty()
    }

    /// How much of the client's Receive Maximum is used \[MQTT-4.9.0-1\]. A PUBREL that is sent
    /// again on a new connection need not be counted and is: that can only be too careful.
    pub(super) fn unacknowledged_count(&self) -> usize {
        self.told_count + self.released.len()
    }

    /// Whether something is still to be sent again on this connection.
    pub(super) fn owes_repeats(&self) -> bool {
        self.told_count < self.sent.len()
    }

    /// The next PUBLISH to be sent again.
    pub(super) fn next_repeat(&self) -> Option<&Sent> {
        self.sent.get(self.told_count)
    }

    /// It was sent again.
    pub(super) fn repeated(&mut self) {
        self.told_count += 1;
    }

    /// The packet id after `last` that stands for nothing \[MQTT-2.2.1-3\]; there is one, since the
    /// Receive Maximum is below the number of packet ids by at least one.
    pub(super) fn free_id(&self, last: u16) -> u16 {
        let mut id = last;
        loop {
            id = id.checked_add(1).unwrap_or(1);
            if !self.holds(id) {
                return id;
            }
        }
    }

    /// Whether a packet id is in use \[MQTT-2.2.1-4\].
    fn holds(&self, packet_id: u16) -> bool {
        self.sent.iter().any(|sent| sent.packet_id == packet_id)
            || self.released.iter().any(|one| one.packet_id == packet_id)
    }

    /// A PUBLISH went out for the first time.
    pub(super) fn send(&mut self, waiting: Waiting, packet_id: u16) {
        self.sent.push_back(Sent { waiting, packet_id });
        self.told_count += 1;
    }

    /// Where a packet id stands among the PUBLISHes sent.
    pub(super) fn find(&self, packet_id: u16) -> Option<(usize, Qos)> {
        let place = self
            .sent
            .iter()
            .position(|sent| sent.packet_id == packet_id)?;
        Some((place, self.sent[place].waiting.qos))
    }

    /// Takes out a PUBLISH whose exchange ends or moves on.
    pub(super) fn take(&mut self, place: usize) -> Option<Sent> {
        self.told_count -= usize::from(place < self.told_count);
        self.sent.remove(place)
    }

    /// Takes out the PUBREL whose PUBCOMP came.
    pub(super) fn complete(&mut self, packet_id: u16) -> Option<Released> {
        let place = self
            .released
            .iter()
            .position(|one| one.packet_id == packet_id)?;
        self.released.remove(place)
    }

    /// The connection is gone: whatever was sent must be sent again on the next \[MQTT-4.4.0-1\].
    pub(super) fn on_gone(&mut self) {
        self.told_count = 0;
    }

    /// Forgets all, and gives memory back that one busy moment needed and the next does not.
    pub(super) fn clear(&mut self, entries_kept: usize) {
        self.told_count = 0;
        self.sent.clear();
        self.sent.shrink_to(entries_kept);
        self.released.clear();
        self.released.shrink_to(entries_kept);
    }
}
