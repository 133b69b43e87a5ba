//! Starts the shards: each with its part of everything, and all of them before the first accept.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::mpsc::Sender;

use super::common::Common;
use super::lanes::Lanes;
use super::layout::{self, Layout};
use super::{Happening, Refusal, memory, sentence};
use crate::books::ShardBooks;
use crate::config::Settings;
use crate::limits::{CONNECTS_PER_SEC_AND_SHARD, TICKS_PER_SEC};
use crate::mailbox::Mailboxes;
use crate::overload::Memory;
use crate::shard::{self, Door, Listening, Meeting, ShardPlan, ShedPlan, WorldPlan};

/// What is there before the shards are.
pub(super) struct Parts<'a> {
    pub(super) settings: &'a Settings,
    pub(super) layout: &'a Layout,
    pub(super) mailboxes: &'a Mailboxes,
    pub(super) lanes: &'a Lanes,
    pub(super) books: &'a Arc<[ShardBooks]>,
    pub(super) doors: &'a Arc<[Door]>,
}

impl Parts<'_> {
    /// Starts all shards; their end is a happening.
    pub(super) fn start(
        &self,
        common: &mut Common,
        listeners: Vec<Vec<Listening>>,
        happenings: &Sender<Happening>,
    ) -> Result<(), Refusal> {
        let layout = self.layout;
        let meeting = Arc::new(Meeting::new(layout.shards));
        let connected = Arc::new(AtomicUsize::new(0));
        let memory = Arc::new(memory::bound(&self.settings.overload));
        tracing::debug!(
            bytes_max = memory.bytes_max(),
            "newcomers stop at this memory"
        );
        let mut listeners = listeners.into_iter();
        let mut threads = Vec::new();
        for index in 0..layout.shards {
            let plan = ShardPlan {
                world: self.world(index, common, &connected),
                cpu: layout.cpus[index % layout.cpus.len()],
                ring: layout.ring.clone(),
                listeners: listeners.by_ref().take(layout.rings_per_shard).collect(),
                mailboxes: self.mailboxes.clone(),
                meeting: Arc::clone(&meeting),
                shed: self.shed(&memory),
                quota: common.quota.clone(),
            };
            let thread = shard::start(plan).map_err(|error| {
                format!(
                    "shard {index} cannot start: {error}; the runtime needs 512 KiB of locked \
                     memory per shard: raise it by `ulimit -l`, LimitMEMLOCK= or CAP_IPC_LOCK"
                )
            })?;
            threads.push(thread);
        }
        let all_open = meeting.wait();
        memory::watch(memory, meeting).map_err(|error| sentence("thread", &error))?;
        let happenings = happenings.clone();
        let join = move || {
            let results: Vec<_> = threads.into_iter().map(shard::join).collect();
            let result = results.into_iter().collect::<Result<(), _>>();
            // The receiver lives as long as the process.
            let _ = happenings.send(Happening::ShardsEnded(result));
        };
        if !all_open {
            return Err(layout::cannot_open_rings());
        }
        let thread = std::thread::Builder::new().name("join".into()).spawn(join);
        thread.map(drop).map_err(|error| sentence("thread", &error))
    }

    fn world(&self, index: usize, common: &mut Common, connected: &Arc<AtomicUsize>) -> WorldPlan {
        let mqtt = &self.settings.mqtt;
        WorldPlan {
            index,
            shard_count: self.layout.shards,
            connections_max: self.layout.connections_max,
            connected: Arc::clone(connected),
            terms: common.terms.clone(),
            connect_ticks_max: u32::from(mqtt.connect_timeout_secs) * TICKS_PER_SEC,
            routes: self.lanes.routes(),
            lanes: self.lanes.handles(),
            doors: Arc::clone(self.doors),
            handshakes: self.settings.handshakes,
            books: Arc::clone(self.books),
            hasher: common.hasher.clone(),
            topic_hasher: common.topic_hasher.clone(),
            interest: Arc::clone(&common.interest),
            mailboxes: self.mailboxes.clone(),
            subscription_bounds: common.subscription_bounds,
            retained_bounds: common.retained_bounds,
            store: common.end_of(index),
            base_sec: common.base_sec,
            users: Arc::clone(&common.users),
            rules: common.rules.clone(),
            gate: common.identity.gate.clone(),
            sys_interval_secs: mqtt.sys_interval_secs,
            will_delay_secs_max: mqtt.will_delay_secs_max,
            server_reference: common.server_reference.clone(),
        }
    }

    fn shed(&self, memory: &Arc<Memory>) -> ShedPlan {
        let overload = &self.settings.overload;
        let shards = self.layout.shards as u32;
        let per_shard = overload
            .connects_per_sec
            .map_or(CONNECTS_PER_SEC_AND_SHARD, |rate| rate.div_ceil(shards));
        ShedPlan {
            connects_per_sec: per_shard,
            event_delay_micros_max: u64::from(overload.event_delay_millis_max) * 1_000,
            lane_full_ticks_max: overload.lane_full_secs_max * TICKS_PER_SEC,
            memory: Arc::clone(memory),
        }
    }
}
