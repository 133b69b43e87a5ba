//! Decides how long a wait lets completions gather, by how many came of late.
//!
//! A wake-up costs several times what the next message does, so a busy shard sleeps a little longer
//! and takes many at once. A quiet one takes each as it comes: gathering would only cost it a timer
//! that fires for nothing, and the message a delay. What a single wait brought says little about
//! that; what came within a millisecond does.
//!
//! A ping is in no hurry. While nothing but pings comes, they gather for as long as two
//! milliseconds, and with newcomers among them for half a one; the first sign of anything else ends
//! that.

use crate::limits::{
    GATHER_BUSY_MICROS, GATHER_MICROS, GATHER_NEWCOMERS_MICROS, GATHER_PATIENT_MICROS,
    GATHER_PER_MILLI, GATHER_PER_MILLI_BUSY, GATHER_PER_MILLI_PATIENT, GATHER_PINGS_ONLY_MILLIS,
    NEWCOMER_COMPLETIONS, PATIENT_COMPLETIONS, WAIT_COMPLETIONS,
};

/// Counts completions by the millisecond.
#[derive(Debug, Default)]
pub(super) struct Gather {
    milli: u64,
    count: usize,
    micros: u32,
    /// Until when something other than pings is expected, since it came just before.
    urgent_until_milli: u64,
    /// Until when more newcomers are expected.
    newcomers_until_milli: u64,
    /// Pings came at all.
    is_worth_patience: bool,
}

impl Gather {
    /// Something came that somebody waits for.
    pub(super) fn on_urgent(&mut self) {
        self.urgent_until_milli = self.milli + GATHER_PINGS_ONLY_MILLIS;
    }

    /// A newcomer came, which will not notice half a millisecond.
    pub(super) fn on_newcomer(&mut self) {
        self.newcomers_until_milli = self.milli + GATHER_PINGS_ONLY_MILLIS;
    }

    /// So many completions came by this time since the start.
    pub(super) fn on_completions(&mut self, count: usize, since_start_micros: u64) {
        let milli = since_start_micros / 1_000;
        if milli != self.milli {
            let millis = (milli - self.milli) as usize;
            let per_milli = self.count / millis;
            self.is_worth_patience = per_milli >= GATHER_PER_MILLI_PATIENT;
            self.micros = match per_milli {
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
        match (self.is_patient(), self.is_greeting()) {
            (true, true) => GATHER_NEWCOMERS_MICROS,
            (true, false) => GATHER_PATIENT_MICROS,
            (false, _) => self.micros,
        }
    }

    /// How many end that wait before its time.
    pub(super) fn completions(&self) -> usize {
        match self.micros() {
            0 => 1,
            _ if self.is_patient() && self.is_greeting() => NEWCOMER_COMPLETIONS,
            _ if self.is_patient() => PATIENT_COMPLETIONS,
            _ => WAIT_COMPLETIONS,
        }
    }

    fn is_patient(&self) -> bool {
        self.is_worth_patience && self.milli > self.urgent_until_milli
    }

    fn is_greeting(&self) -> bool {
        self.milli <= self.newcomers_until_milli
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One that has just seen a PUBLISH.
    fn urgent() -> Gather {
        let mut gather = Gather::default();
        gather.on_urgent();
        gather
    }

    #[test]
    fn a_quiet_shard_takes_each_as_it_comes() {
        let mut gather = Gather::default();
        for micros in (0..100_000).step_by(1_000) {
            gather.on_completions(1, micros);
            assert_eq!(gather.micros(), 0);
        }
    }

    #[test]
    fn a_busy_shard_lets_them_gather_and_a_busier_one_for_longer() {
        let mut gather = urgent();
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
        let mut gather = urgent();
        (0..2_000)
            .step_by(10)
            .for_each(|micros| gather.on_completions(1, micros));
        assert_eq!(gather.micros(), GATHER_BUSY_MICROS);
        gather.on_completions(1, 900_000);
        assert_eq!(gather.micros(), 0);
    }

    #[test]
    fn pings_gather_for_long_until_anything_else_comes() {
        let mut gather = urgent();
        let pings = |gather: &mut Gather, millis: std::ops::Range<u64>| {
            for milli in millis {
                (0..8).for_each(|part| gather.on_completions(1, milli * 1_000 + part * 100));
            }
        };
        pings(&mut gather, 0..GATHER_PINGS_ONLY_MILLIS);
        assert_eq!(gather.micros(), 0, "a PUBLISH came just before");
        let later = GATHER_PINGS_ONLY_MILLIS + 2;
        pings(&mut gather, GATHER_PINGS_ONLY_MILLIS..later);
        assert_eq!(gather.micros(), GATHER_PATIENT_MICROS);
        assert_eq!(gather.completions(), PATIENT_COMPLETIONS);
        gather.on_urgent();
        assert_eq!((gather.micros(), gather.completions()), (0, 1));
    }

    #[test]
    fn newcomers_gather_for_less() {
        let mut gather = Gather::default();
        (0..40_000).step_by(100).for_each(|micros| {
            gather.on_newcomer();
            gather.on_completions(1, micros);
        });
        assert_eq!(gather.micros(), GATHER_NEWCOMERS_MICROS);
        assert_eq!(gather.completions(), NEWCOMER_COMPLETIONS);
    }
}
