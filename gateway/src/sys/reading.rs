//! What the `$SYS` topics are told from: the books of all shards, added up.

use crate::books::ShardBooks;

/// The node as it stood at the end of one interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    pub uptime_secs: u64,
    /// Live bytes of the process.
    pub heap_bytes: u64,
    /// Clients connected now.
    pub connected: u64,
    /// Sessions, of those who are connected and of those who are away.
    pub sessions: u64,
    pub subscriptions: u64,
    pub shared_subscriptions: u64,
    pub retained: u64,
    pub retained_bytes: u64,
    /// Copies that wait for their subscriber.
    pub queued: u64,
    pub queued_bytes: u64,
    pub in_flight: u64,
    // From here on, counts since the start.
    pub sessions_expired: u64,
    pub packets_received: u64,
    pub packets_sent: u64,
    pub bytes_received: u64,
    pub bytes_sent: u64,
    pub publishes_received: u64,
    pub publishes_sent: u64,
    pub publishes_dropped: u64,
    pub payload_bytes_received: u64,
    pub payload_bytes_sent: u64,
    /// CONNECTs that were accepted.
    pub connects: u64,
    /// Sockets that were accepted, whatever came over them.
    pub sockets: u64,
}

impl Reading {
    /// Of all shards together.
    pub fn of<'a>(
        shards: impl IntoIterator<Item = &'a ShardBooks>,
        uptime_secs: u64,
        heap_bytes: u64,
    ) -> Self {
        let mut reading = Self {
            uptime_secs,
            heap_bytes,
            ..Self::default()
        };
        for books in shards {
            reading.add(books);
        }
        reading
    }

    fn add(&mut self, books: &ShardBooks) {
        let received = books.publishes.received();
        for (sum, count) in [
            (&mut self.connected, books.connections.read()),
            (&mut self.sessions, books.sessions.read()),
            (&mut self.subscriptions, books.subscriptions.read()),
            (
                &mut self.shared_subscriptions,
                books.shared_subscriptions.read(),
            ),
            (&mut self.retained, books.retained_messages.read()),
            (&mut self.retained_bytes, books.retained_bytes.read()),
            (&mut self.queued, books.queued_messages.read()),
            (&mut self.queued_bytes, books.queued_bytes.read()),
            (&mut self.in_flight, books.in_flight.read()),
            (&mut self.sessions_expired, books.sessions_expired.read()),
            (&mut self.packets_received, books.packets_in.read()),
            (&mut self.packets_sent, books.packets_out.read()),
            (&mut self.bytes_received, books.bytes_in.read()),
            (&mut self.bytes_sent, books.bytes_out.read()),
            (&mut self.publishes_received, received),
            (&mut self.publishes_sent, books.deliveries.sum()),
            (&mut self.publishes_dropped, books.deliveries_dropped.sum()),
            (
                &mut self.payload_bytes_received,
                books.payload_bytes_in.read(),
            ),
            (&mut self.payload_bytes_sent, books.payload_bytes_out.read()),
            (&mut self.connects, books.connects.sum()),
            (&mut self.sockets, books.ring_accepted.read()),
        ] {
            *sum += count;
        }
    }

    /// Sessions whose client is away. The two gauges are not read at one moment.
    pub(super) fn disconnected(&self) -> u64 {
        self.sessions.saturating_sub(self.connected)
    }

    pub(super) fn stored(&self) -> u64 {
        self.retained + self.queued
    }
}
