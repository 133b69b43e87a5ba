//! How many shards and rings this machine gets, and how many connections they can hold.

use tributary_ring::{RingOptions, limits as process, placement};

use super::Refusal;
use crate::cli::Descriptors;
use crate::config::Shards;
use crate::limits::{
    SHARDS_MAX, TABLE_HEADROOM_PERCENT, TABLE_SLOTS_MAX, rings_per_shard_max, usable_table_slots,
};

/// Smallest table worth having.
const TABLE_SLOTS_MIN: u32 = 64;

/// The layout of a process.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) shards: usize,
    pub(super) rings_per_shard: usize,
    pub(super) connections_max: usize,
    pub(super) cpus: Vec<usize>,
    pub(super) ring: RingOptions,
}

impl Layout {
    /// Plans for what was asked and what this process may have.
    pub(super) fn plan(asked: &Shards, listeners: usize) -> Result<Self, Refusal> {
        let features = tributary_ring::probe();
        if !features.will_run() {
            return Err(format!("io_uring: {}", features.missing.join("; ")));
        }
        let nofile =
            process::raise_nofile().map_err(|error| super::sentence("RLIMIT_NOFILE", &error))?;
        let cpus = placement::online_cpus();
        let shards = asked.count.map_or(cpus.len(), usize::from);
        if !(1..=SHARDS_MAX).contains(&shards) {
            return Err(format!(
                "[shards].count: {shards} shards; 1 to {SHARDS_MAX} are possible"
            ));
        }
        let wanted = asked.max_connections.map(|count| count as usize);
        Self::fit(shards, cpus, listeners, nofile, wanted, asked.descriptors)
    }

    fn fit(
        shards: usize,
        cpus: Vec<usize>,
        listeners: usize,
        nofile: u64,
        wanted: Option<usize>,
        descriptors: Descriptors,
    ) -> Result<Self, Refusal> {
        let table_slots_max = u32::try_from(nofile)
            .unwrap_or(u32::MAX)
            .min(TABLE_SLOTS_MAX);
        let usable = usable_table_slots(table_slots_max);
        let rings_for = |connections: usize| connections.div_ceil(shards * usable.max(1));
        let mut wanted = wanted;
        let mut rings_per_shard = wanted.map_or(1, rings_for).max(1);
        let rings_max = rings_per_shard_max(shards, listeners, nofile as usize);
        if rings_per_shard > rings_max {
            let fitting = rings_max * shards * usable;
            let asked = wanted.unwrap_or(0);
            if descriptors == Descriptors::Refuse {
                return Err(format!(
                    "[shards].max_connections: {asked} connections need {rings_per_shard} tables \
                     of {table_slots_max} descriptors per shard, {rings_max} are possible; \
                     raise RLIMIT_NOFILE (`ulimit -n`, LimitNOFILE=), now {nofile}, or \
                     start for the {fitting} that fit by --descriptors fit"
                ));
            }
            tracing::warn!(
                asked,
                connections_max = fitting,
                nofile,
                "the descriptor limit is too low for the connections asked for; starting for as \
                 many as fit"
            );
            (wanted, rings_per_shard) = (Some(fitting), rings_max);
        }
        let table_slots = match wanted {
            Some(connections) if rings_per_shard == 1 => {
                // One table per shard: hashing spreads clients, so leave room for a full half more.
                let per_shard = connections.div_ceil(shards) * 3 / 2 + TABLE_SLOTS_MIN as usize;
                (per_shard * 100 / (100 - TABLE_HEADROOM_PERCENT as usize)) as u32
            }
            _ => table_slots_max,
        };
        // Many rings in a shard take turns, so each needs few buffers; one ring takes all.
        let (receive_buffers, receive_buffer_bytes) = if rings_per_shard == 1 {
            (256, 16 << 10)
        } else {
            (64, 4 << 10)
        };
        Ok(Self {
            shards,
            rings_per_shard,
            connections_max: wanted.unwrap_or(shards * usable),
            cpus,
            ring: RingOptions {
                table_slots: table_slots.clamp(TABLE_SLOTS_MIN, table_slots_max),
                receive_buffers,
                receive_buffer_bytes,
                ..RingOptions::default()
            },
        })
    }
}

/// The sentence for rings that did not open; the shard has logged the error itself.
pub(super) fn cannot_open_rings() -> Refusal {
    "the rings of a shard could not be opened (see the line above); check RLIMIT_MEMLOCK, \
     kernel.io_uring_disabled and the memory limit of this process"
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::RINGS_PER_SHARD_MAX;

    #[test]
    fn one_ring_per_shard_while_the_descriptor_limit_allows() {
        let layout =
            Layout::fit(2, vec![0, 1], 1, 20_000, Some(20_000), Descriptors::Refuse).unwrap();
        assert_eq!(layout.rings_per_shard, 1);
        assert_eq!(layout.connections_max, 20_000);
    }

    #[test]
    fn a_million_connections_under_a_limit_of_20_000_take_30_rings_per_shard() {
        let layout = Layout::fit(
            2,
            vec![0, 1],
            1,
            20_000,
            Some(1_000_000),
            Descriptors::Refuse,
        )
        .unwrap();
        assert_eq!(layout.rings_per_shard, 30);
        assert_eq!(layout.ring.table_slots, 20_000);
    }

    #[test]
    fn a_million_connections_under_a_high_limit_take_one_ring_per_shard() {
        let layout = Layout::fit(
            2,
            vec![0, 1],
            1,
            1 << 20,
            Some(1_000_000),
            Descriptors::Refuse,
        )
        .unwrap();
        assert_eq!(layout.rings_per_shard, 1);
        assert!(layout.ring.table_slots >= 500_000);
    }

    #[test]
    fn more_than_the_tables_can_hold_is_refused_with_the_remedy() {
        let refusal =
            Layout::fit(1, vec![0], 1, 1024, Some(1_000_000), Descriptors::Refuse).unwrap_err();
        assert!(refusal.contains("ulimit -n"), "{refusal}");
    }

    #[test]
    fn or_starts_for_what_the_tables_can_hold_when_that_is_asked_for() {
        let wanted = Some(1_000_000);
        let layout = Layout::fit(1, vec![0], 1, 1024, wanted, Descriptors::Fit).unwrap();
        assert_eq!(layout.rings_per_shard, RINGS_PER_SHARD_MAX);
        let usable = usable_table_slots(1024);
        assert_eq!(layout.connections_max, RINGS_PER_SHARD_MAX * usable);
    }

    #[test]
    fn rings_take_descriptors_themselves() {
        let wanted = Some(1_000_000);
        let layout = Layout::fit(4, vec![0], 1, 300, wanted, Descriptors::Fit).unwrap();
        assert_eq!(layout.rings_per_shard, 12);
        let layout = Layout::fit(4, vec![0], 1, 64, wanted, Descriptors::Fit).unwrap();
        assert_eq!(layout.rings_per_shard, 1);
    }

    #[test]
    fn so_does_each_listener_in_each_ring() {
        let wanted = Some(1_000_000);
        let layout = Layout::fit(4, vec![0], 2, 300, wanted, Descriptors::Fit).unwrap();
        assert_eq!(layout.rings_per_shard, 9);
    }
}
