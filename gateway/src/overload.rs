//! Names what makes the gateway turn newcomers away, and holds the one figure all shards look at.

use std::sync::atomic::{AtomicBool, Ordering};

use tributary_proto::reason::Reason;

/// Why a newcomer is turned away although nothing is wrong with its CONNECT.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Overload {
    /// What happens on a socket waits too long until the shard looks at it.
    Drift,
    /// The process has nearly all the memory that it may have.
    Memory,
    /// Newcomers come faster than the node's budget allows.
    Rate,
    /// No lane has had room for a long time: whoever came in could publish nothing.
    Lane,
    /// The table of descriptors is full but for what hand-overs need.
    Table,
    /// TLS handshakes are asked for faster than the shard's budget of them allows.
    Handshakes,
}

impl Overload {
    /// How many there are.
    pub const COUNT: usize = 6;

    /// All of them, in the order of [`Overload::index`].
    pub const ALL: [Self; Self::COUNT] = [
        Self::Drift,
        Self::Memory,
        Self::Rate,
        Self::Lane,
        Self::Table,
        Self::Handshakes,
    ];

    /// One name per kind: metric labels and log fields.
    pub const NAMES: &[&str] = &["drift", "memory", "rate", "lane", "table", "tls_handshakes"];

    /// Place of this kind in [`Overload::NAMES`].
    pub fn index(self) -> usize {
        self as usize
    }

    /// The name of this kind.
    pub fn name(self) -> &'static str {
        Self::NAMES[self.index()]
    }

    /// What CONNACK says; MQTT 3 has one word for all, 3 \[MQTT-3.2.2-4\].
    pub fn reason(self) -> Reason {
        match self {
            Self::Lane => Reason::QuotaExceeded,
            Self::Drift | Self::Memory | Self::Rate | Self::Table | Self::Handshakes => {
                Reason::ServerBusy
            }
        }
    }
}

/// Whether the process has more memory than it should; one thread looks, every shard asks.
#[derive(Debug)]
pub struct Memory {
    bytes_max: u64,
    is_over: AtomicBool,
}

impl Memory {
    /// A bound in bytes.
    pub fn new(bytes_max: u64) -> Self {
        Self {
            bytes_max,
            is_over: AtomicBool::new(false),
        }
    }

    /// So much is used now. What was over is so until a sixteenth is free again: at the edge each
    /// client that leaves would let one in.
    pub fn on_reading(&self, used_bytes: u64) {
        let is_over = match self.is_over() {
            true => used_bytes > self.bytes_max - self.bytes_max / 16,
            false => used_bytes > self.bytes_max,
        };
        self.is_over.store(is_over, Ordering::Relaxed);
    }

    /// Whether it is too much.
    pub fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// The bound, in bytes.
    pub fn bytes_max(&self) -> u64 {
        self.bytes_max
    }
}

const _: () = assert!(Overload::NAMES.len() == Overload::COUNT);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_overload_has_its_own_place_and_mqtt_3_is_told_that_the_server_is_unavailable() {
        for (place, overload) in Overload::ALL.into_iter().enumerate() {
            assert_eq!(overload.index(), place);
            assert_eq!(overload.reason().connack_return_code(), 3, "{overload:?}");
        }
    }

    #[test]
    fn memory_that_was_over_its_bound_is_so_until_a_sixteenth_is_free() {
        let memory = Memory::new(1_600);
        let seen = [1_600, 1_601, 1_600, 1_501, 1_500, 1_600, 1_601].map(|used| {
            memory.on_reading(used);
            memory.is_over()
        });
        assert_eq!(seen, [false, true, true, true, false, false, true]);
    }
}
