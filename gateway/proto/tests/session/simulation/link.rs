//! One direction of a connection: bytes arrive late, in any pieces, and not at all once it is cut.

use std::collections::VecDeque;

use crate::chance::Chance;

/// Longest time that a piece is under way.
const DELAY_MAX: usize = 20;

#[derive(Default)]
pub(crate) struct Pipe {
    /// Bytes under way, each with the time at which it arrives; none overtakes another.
    bytes: VecDeque<(u64, u8)>,
}

impl Pipe {
    pub(crate) fn write(&mut self, bytes: &[u8], now: u64, chance: &mut Chance) {
        let last = self.bytes.back().map_or(0, |(arrives, _)| *arrives);
        let arrives = last.max(now + chance.below(DELAY_MAX) as u64);
        self.bytes.extend(bytes.iter().map(|byte| (arrives, *byte)));
    }

    /// Some of what has arrived, perhaps a part of a packet.
    pub(crate) fn read(&mut self, now: u64, chance: &mut Chance) -> Vec<u8> {
        let there = self.bytes.iter().take_while(|(arrives, _)| *arrives <= now);
        let count = chance.below(there.count() + 1);
        self.bytes.drain(..count).map(|(_, byte)| byte).collect()
    }

    pub(crate) fn backlog(&self) -> usize {
        self.bytes.len()
    }

    /// Whatever was under way is lost.
    pub(crate) fn cut(&mut self) {
        self.bytes.clear();
    }
}
