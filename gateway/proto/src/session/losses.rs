//! Counts the messages that did not reach a subscriber, by reason; the shard's books take them.

/// Why a copy of a message did not reach its subscriber.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Loss {
    /// Its time was over before it could be sent \[MQTT-3.3.2-5\].
    Expired,
    /// The client takes no packet of that size \[MQTT-3.1.2-25\].
    TooLarge,
    /// An offline session's queue was full.
    QueueFull,
    /// QoS 0 and nobody connected.
    Offline,
    /// QoS 0 and the client reads too slowly.
    Slow,
    /// The client answered with a failure \[MQTT-4.4.0-2\], or may not have it.
    Refused,
    /// The session ended with the message still in it.
    Ended,
}

/// How many were lost since the last look, by reason.
#[derive(Debug, Default)]
pub struct Losses {
    counts: [u64; Loss::NAMES.len()],
}

impl Loss {
    /// One name per reason, in the order of the variants: metric labels.
    pub const NAMES: [&'static str; 7] = [
        "expired",
        "too_large",
        "queue_full",
        "offline",
        "slow",
        "refused",
        "ended",
    ];

    /// Place of this reason in [`Loss::NAMES`].
    pub fn index(self) -> usize {
        self as usize
    }
}

impl Losses {
    /// Counts losses of one kind.
    pub fn add(&mut self, loss: Loss, count: usize) {
        self.counts[loss.index()] += count as u64;
    }

    /// How many of this kind there are.
    pub fn of(&self, loss: Loss) -> u64 {
        self.counts[loss.index()]
    }

    /// All counts, in the order of [`Loss::NAMES`]; they begin at zero again.
    pub fn take(&mut self) -> [u64; Loss::NAMES.len()] {
        std::mem::take(&mut self.counts)
    }
}
