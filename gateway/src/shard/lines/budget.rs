//! Keeps a storm of bad clients from becoming a storm of log lines.

use crate::limits::CONNECTION_LINES_PER_SEC_MAX;

/// Lines about single connections that a shard may still write this second.
#[derive(Default)]
pub(in crate::shard) struct LogBudget {
    sec: u32,
    written_count: u32,
    kept_back_count: u64,
}

impl LogBudget {
    /// Whether one more line may be written.
    pub(in crate::shard) fn allows(&mut self, now_sec: u32) -> bool {
        if self.sec != now_sec {
            if self.kept_back_count > 0 {
                tracing::warn!(
                    lines = self.kept_back_count,
                    "kept back lines about connections; the counters have them all"
                );
            }
            *self = Self {
                sec: now_sec,
                ..Self::default()
            };
        }
        self.written_count += 1;
        let allowed = self.written_count <= CONNECTION_LINES_PER_SEC_MAX;
        self.kept_back_count += u64::from(!allowed);
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_so_many_lines_and_the_next_as_many_again() {
        let mut budget = LogBudget::default();
        for sec in 0..3 {
            let written = (0..10_000).filter(|_| budget.allows(sec)).count();
            assert_eq!(written as u32, CONNECTION_LINES_PER_SEC_MAX);
            let kept_back = 10_000 - u64::from(CONNECTION_LINES_PER_SEC_MAX);
            assert_eq!(budget.kept_back_count, kept_back);
        }
    }
}
