//! Decides how long a wait lets completions gather, by how many came of late.
//!
//! A wake-up costs several times what the next message does, so a busy shard sleeps a little longer
//! and takes many at once. A quiet one takes each as it comes: gathering would only cost it a timer
//! that fires for nothing, and the message a delay. What a single wait brought says little about
//! that; what came within a millisecond does.

use crate::limits::{GATHER_BUSY_MICROS, GATHER_MICROS, GATHER_PER_MILLI, GATHER_PER_MILLI_BUSY};

/// Counts completions by the millisecond.
#[derive(Debug, Default)]
pub(super) struct Gather {
    milli: u64,
    count: usize,
    micros: u32,
}

impl Gather {
    /// So many completions came by this time since the start.
    pub(super) fn on_completions(&mut self, count: usize, since_start_micros: u64) {
        let milli = since_start_micros / 1_000;
        if milli != self.milli {
            let millis = (milli - self.milli) as usize;
            self.micros = match self.count / millis {
                GATHER_PER_MILLI_BUSY.. => GATHER_BUSY_MICROS,
                GATHER_PER_MILLI.. => GATHER_MICROS,
                _ => 0,
            };
            (self.milli, self.count) = (milli, 0);
        }
        self.count += count;
    }

    /// How long the next wait lets completions gather; 0 takes the first at once.
    pub(super) fn micros(&self) -> u32 {
        self.micros
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quiet_shard_takes_each_as_it_comes() {
        let mut gather = Gather::default();
        for micros in (0..100_000).step_by(200) {
            gather.on_completions(1, micros);
            assert_eq!(gather.micros(), 0);
        }
    }

    #[test]
    fn a_busy_shard_lets_them_gather_and_a_busier_one_for_longer() {
        let mut gather = Gather::default();
        (0..3_000)
            .step_by(50)
            .for_each(|micros| gather.on_completions(1, micros));
        assert_eq!(gather.micros(), GATHER_MICROS);
        (3_000..6_000)
            .step_by(100)
            .for_each(|micros| gather.on_completions(8, micros));
        assert_eq!(gather.micros(), GATHER_BUSY_MICROS);
    }

    #[test]
    fn what_was_busy_before_a_pause_is_quiet_after_it() {
        let mut gather = Gather::default();
        (0..2_000)
            .step_by(10)
            .for_each(|micros| gather.on_completions(1, micros));
        assert_eq!(gather.micros(), GATHER_BUSY_MICROS);
        gather.on_completions(1, 900_000);
        assert_eq!(gather.micros(), 0);
    }
}
