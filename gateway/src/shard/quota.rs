//! Quotas on a shard: who may send how much, who has to wait, and when it goes on.
//!
//! ```text
//!  PUBLISH --> tab of this read --covers it--> offer.rs
//!                 | does not            ^
//!                 v                     | enough for all that the read may hold
//!              client's meter, lots of user, address, node --none left--> slow, refuse, close
//!                 ^                                                         |
//!                 +------------- tick: there may be tokens now <-- queue ---+
//! ```
//!
//! The tab makes it one look at each level per read, however many messages there are in it.

mod entry;
mod kept;
mod lots;
mod owner;
mod tab;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use tributary_access::address::Grouping;
use tributary_access::holdoffs::Holdoffs;
use tributary_access::meter::{Short, Tokens};
use tributary_access::meters::Meters;
use tributary_proto::close::Close;
use tributary_proto::packet::Publish;
use tributary_proto::version::{Qos, Version};

use super::client::Paused;
use super::clients::ClientRef;
use super::offer::{Answer, Offered};
use super::thrift::shrink_heap;
use super::world::World;
use crate::kafka::Refusal;
use crate::limits::{
    CLIENTS_PER_SHARD_MAX, FLAPPING_KEYS_PER_SHARD_MAX, QUOTA_LINE_TICKS_MIN, QUOTA_SWEEP_PER_TICK,
    QUOTA_WAKES_PER_TICK, TICK, TICKS_PER_SEC,
};
use crate::quota::{self, Hit, Ledger, Level, Over, Shared, Terms};
use lots::Lots;
use owner::Owners;
use tab::{Tab, Who};

/// Notes of clients that wait for tokens, below which it does not pay to look who has gone.
const QUEUE_SWEEP_MIN: usize = 1_024;

/// What a shard's quotas are made with.
#[derive(Clone)]
pub struct QuotaPlan {
    /// The quotas.
    pub terms: Terms,
    /// The accounts of all shards.
    pub ledger: Ledger,
    /// The hash that all shards agree on.
    pub hasher: RandomState,
    /// How many shards there are.
    pub shards: usize,
}

/// The quotas of a shard; where there are none, nothing.
#[derive(Default)]
pub(super) struct Quota(Option<Box<Rules>>);

struct Rules {
    client: Option<(Meters<u64>, Over)>,
    user: Option<Lots>,
    address: Option<Lots>,
    node: Option<Lots>,
    /// Who retains how much.
    kept: Option<Arc<Shared>>,
    flapping: Option<Holdoffs<u64>>,
    grouping: Grouping,
    hasher: RandomState,
    /// Whether any message has to be looked at.
    is_metering: bool,
    /// For each client whose it is; empty where neither users nor addresses have quotas.
    owners: Vec<Owners>,
    /// Where a newcomer counts that has no place yet.
    claim: Owners,
    tab: Tab,
    /// Who waits for tokens: tick, number, client.
    queue: BinaryHeap<Reverse<(u32, u32, u32, u16)>>,
    queued_count: u32,
    /// When a line about each quota was last written.
    line_ticks: [Option<u32>; quota::NAMES.len()],
}

/// Why a message does not go on.
struct Held {
    level: Level,
    short: Short,
    over: Over,
}

impl Quota {
    /// Everything within its limits.
    pub(super) fn new(plan: QuotaPlan) -> Self {
        if plan.terms.is_empty() {
            return Self(None);
        }
        let QuotaPlan {
            terms,
            ledger,
            hasher,
            shards,
        } = plan;
        let hash_key = hasher.hash_one("quotas");
        let client = terms.client.map(|flow| {
            let meters = Meters::new(flow.meter, CLIENTS_PER_SHARD_MAX, hash_key);
            (meters, flow.over)
        });
        let lots = |shared, meter, over| Lots::new(shared, &meter, over, shards);
        let user = terms.user.zip(ledger.user);
        let user = user.map(|(share, shared)| lots(shared, share.accounts.meter, share.over));
        let grouping = terms.address.map(|(grouping, _)| grouping);
        let address = terms.address.zip(ledger.address);
        let address =
            address.map(|((_, share), shared)| lots(shared, share.accounts.meter, share.over));
        let node = terms.node.zip(ledger.node);
        let node = node.map(|(flow, shared)| lots(shared, flow.meter, flow.over));
        let of_many = [&user, &address, &node];
        let is_metering =
            client.is_some() || of_many.into_iter().flatten().any(|lots| lots.is_metering);
        let flapping = terms
            .flapping
            .map(|terms| Holdoffs::new(terms, FLAPPING_KEYS_PER_SHARD_MAX, hash_key));
        Self(Some(Box::new(Rules {
            client,
            user,
            address,
            node,
            kept: ledger.kept,
            flapping,
            grouping: grouping.unwrap_or_default(),
            hasher,
            is_metering,
            owners: Vec::new(),
            claim: Owners::default(),
            tab: Tab::default(),
            queue: BinaryHeap::new(),
            queued_count: 0,
            line_ticks: [None; quota::NAMES.len()],
        })))
    }

    /// Whether messages have to be looked at.
    fn is_metering(&self) -> bool {
        self.0.as_ref().is_some_and(|rules| rules.is_metering)
    }

    /// Gives back the memory of a storm that is over.
    pub(super) fn shrink(&mut self) {
        if let Some(rules) = &mut self.0 {
            shrink_heap(&mut rules.queue);
        }
    }

    /// Who retains how much, where that is bounded.
    fn kept(&self) -> Option<&Shared> {
        self.0.as_ref()?.kept.as_deref()
    }

    /// What is remembered of clients: meters, notes of who waits, and places.
    #[cfg(test)]
    pub(super) fn remembered(&self) -> [usize; 3] {
        self.0.as_ref().map_or([0; 3], |rules| {
            let meters = rules.client.as_ref().map_or(0, |(meters, _)| meters.len());
            [meters, rules.queue.len(), rules.owners.len()]
        })
    }

    /// A read has been looked at: tokens that it did not need go back.
    pub(super) fn settle(&mut self) {
        if let Some(rules) = &mut self.0 {
            rules.settle();
        }
    }
}

impl World {
    /// Offers a message to its route and its subscribers if it is within all quotas. `packet_bytes`
    /// is its packet, and `rest_bytes` came behind it.
    pub(super) fn offer_within_quotas(
        &mut self,
        index: u32,
        publish: &Publish<'_>,
        alias: u16,
        [packet_bytes, rest_bytes]: [usize; 2],
    ) -> Offered {
        if !self.quota.is_metering() {
            return self.offer(index, publish, alias);
        }
        let packet = Tokens {
            messages: 1,
            // No packet is longer than 256 MB.
            bytes: packet_bytes as u32,
        };
        if let Err(held) = self.draw(index, packet, rest_bytes) {
            return self.hold_up(index, publish, &held);
        }
        let offered = self.offer(index, publish, alias);
        // What is looked at again later is paid for then.
        if matches!(offered, Offered::Done | Offered::Close(_))
            && let Some(rules) = &mut self.quota.0
        {
            rules.tab.spend(packet);
        }
        offered
    }

    /// Sees to it that the tab of this client's read covers a packet.
    fn draw(&mut self, index: u32, packet: Tokens, rest_bytes: usize) -> Result<(), Held> {
        let (Some(rules), Some(client)) = (&mut self.quota.0, self.clients.look(index)) else {
            return Ok(());
        };
        if rules.tab.covers(index, packet) {
            return Ok(());
        }
        rules.settle();
        let owners = rules.owners.get(index as usize).copied();
        let owners = owners.unwrap_or_default();
        let who = Who {
            index,
            client: match rules.client {
                Some(_) => rules.hasher.hash_one(&*client.id),
                None => 0,
            },
            user: owners.user.key(),
            address: owners.address.key(),
        };
        rules.open_tab(self.now_tick, who, packet, rest_bytes)
    }

    /// Does what is to be done with a message that is over a quota.
    fn hold_up(&mut self, index: u32, publish: &Publish<'_>, held: &Held) -> Offered {
        let hit = Hit::of(held.short, held.level);
        self.note_hit(hit, index);
        let version = self
            .clients
            .look(index)
            .map(|client| client.session.version());
        let is_told = publish.qos == Qos::AtMostOnce || version == Some(Version::V5);
        match held.over {
            Over::Close => Offered::Close(match held.short {
                Short::Messages(_) => Close::MessageRate,
                Short::Bytes(_) => Close::QuotaExceeded,
            }),
            Over::Refuse if is_told => self.answer(index, publish, Answer::Refused(Refusal::Quota)),
            // MQTT 3 has no word for a refusal, and need not lose its message for that.
            Over::Refuse | Over::Slow => {
                self.await_tokens(index, held.short);
                Offered::Slowed
            }
        }
    }

    /// Counts a message over a quota, and writes a line now and then.
    fn note_hit(&mut self, hit: Hit, index: u32) {
        self.book().quota_hits.add(hit.index(), 1);
        let now_tick = self.now_tick;
        let Some(rules) = &mut self.quota.0 else {
            return;
        };
        let last_tick = &mut rules.line_ticks[hit.index()];
        if last_tick.is_some_and(|tick| now_tick - tick < QUOTA_LINE_TICKS_MIN) {
            return;
        }
        *last_tick = Some(now_tick);
        if self.lines.budget.allows(now_tick / TICKS_PER_SEC) {
            let client = self.clients.look(index).map_or("", |client| &*client.id);
            let (quota, shard) = (hit.name(), self.index);
            let address = self.whence(index);
            let address = address.as_deref();
            tracing::info!(
                quota,
                client,
                address,
                shard,
                "over a quota, as others may be"
            );
        }
    }

    /// Remembers who waits for tokens.
    fn await_tokens(&mut self, index: u32, short: Short) {
        let generation = self.clients.generation(index);
        let now_tick = self.now_tick;
        let clients = &mut self.clients;
        let Some(rules) = &mut self.quota.0 else {
            return;
        };
        // Clients that come and go leave their notes here; those are swept out whenever they may be
        // the greater part.
        if rules.queue.len() > 2 * clients.len() + QUEUE_SWEEP_MIN {
            rules.queue.retain(|Reverse((_, _, index, generation))| {
                let at = ClientRef {
                    index: *index,
                    generation: *generation,
                };
                let client = clients.find(at);
                client.is_some_and(|client| client.paused.has(Paused::QUOTA))
            });
        }
        let (Short::Messages(wait) | Short::Bytes(wait)) = short;
        let due_tick = now_tick.saturating_add(ticks(wait));
        let number = rules.queued_count;
        rules.queued_count = number.wrapping_add(1);
        rules
            .queue
            .push(Reverse((due_tick, number, index, generation)));
    }

    /// Lets those go on for whom there may be tokens now, and forgets what nobody owes any more.
    pub(super) fn tick_quotas(&mut self) {
        let now_tick = self.now_tick;
        for _ in 0..QUOTA_WAKES_PER_TICK {
            let due = self
                .quota
                .0
                .as_mut()
                .and_then(|rules| rules.next_due(now_tick));
            let Some(at) = due else {
                break;
            };
            if self.clients.find(at).is_some() {
                self.resume(at.index, Paused::QUOTA);
            }
        }
        if let Some(rules) = &mut self.quota.0 {
            rules.sweep(now_tick, self.index == 0);
        }
    }
}

impl Rules {
    fn next_due(&mut self, now_tick: u32) -> Option<ClientRef> {
        let Reverse((due_tick, ..)) = self.queue.peek()?;
        if *due_tick > now_tick {
            return None;
        }
        let Reverse((_, _, index, generation)) = self.queue.pop()?;
        Some(ClientRef { index, generation })
    }

    fn sweep(&mut self, now_tick: u32, is_first_shard: bool) {
        let now_millis = millis(now_tick);
        if let Some((meters, _)) = &mut self.client {
            meters.sweep(now_millis, QUOTA_SWEEP_PER_TICK);
        }
        if let Some(holdoffs) = &mut self.flapping {
            holdoffs.sweep(now_millis, QUOTA_SWEEP_PER_TICK);
        }
        let several = [&mut self.user, &mut self.address, &mut self.node];
        for lots in several.into_iter().flatten() {
            if is_first_shard {
                lots.shared.sweep(now_millis, now_tick);
            }
            if now_tick.is_multiple_of(TICKS_PER_SEC) {
                lots.sweep(now_tick);
            }
        }
    }
}

/// Coarse time as quotas count it.
fn millis(tick: u32) -> u64 {
    u64::from(tick) * TICK.as_millis() as u64
}

/// The ticks after which that time has passed; at least one.
fn ticks(wait: Duration) -> u32 {
    let ticks = wait.as_millis().div_ceil(TICK.as_millis());
    u32::try_from(ticks).unwrap_or(u32::MAX).max(1)
}
