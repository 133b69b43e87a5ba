//! Overload: when newcomers are turned away, so that those who are in keep their service.
//!
//! ```text
//!   drift   the shard's own bell comes late   ---\
//!   memory  the process is over its bound     ----+-- begins above a bound, ends well below it
//!   lane    all lanes have been full for long ---/
//!   rate    the shard's share of the budget is spent ---\__ asked for each newcomer
//!   table   a ring's table is full of clients ----------/
//!   tls_handshakes  their share of the shard's time is spent: asked for by `handshakes.rs`
//! ```
//!
//! Accepting never pauses for it: who hangs in a backlog does not know why
//! and tries again besides.

use std::sync::Arc;

use tributary_proto::close::Close;
use tributary_proto::session;
use tributary_proto::version::Version;

use super::admit::Entrance;
use super::world::{Order, Socket, World};
use crate::limits::{SHED_LINE_TICKS_MIN, SHED_SPELL_TICKS, TICKS_PER_SEC};
use crate::overload::{Memory, Overload};

/// From when on newcomers are turned away.
#[derive(Clone)]
pub struct ShedPlan {
    /// CONNECTs let in per second by this shard.
    pub connects_per_sec: u32,
    /// How long an event may wait, smoothed.
    pub event_delay_micros_max: u64,
    /// How long all lanes may be full, in ticks; 0 does not mind.
    pub lane_full_ticks_max: u32,
    /// The process's memory.
    pub memory: Arc<Memory>,
}

/// What a shard knows of its overload.
pub(super) struct Shed {
    plan: Option<ShedPlan>,
    /// Newcomers that may still come in, in tenths of one: a tick brings a tenth of a second's.
    tokens: u64,
    delay_micros: u64,
    lanes_full_since: Option<u32>,
    spells: [Spell; Overload::COUNT],
    /// The ring at hand has no slot left for one more client; whoever looks at a newcomer says so.
    pub(super) is_crowded: bool,
}

/// One reason from its beginning to its end.
#[derive(Clone, Copy, Default)]
struct Spell {
    is_on: bool,
    /// When someone was last turned away for it.
    turned_away_tick: u32,
    turned_away_count: u64,
    /// When its last line was written, and whether its end deserves one too.
    line_tick: Option<u32>,
    owes_line: bool,
}

impl Default for Shed {
    /// Lets everyone in, until there is a plan.
    fn default() -> Self {
        Self {
            plan: None,
            tokens: 0,
            delay_micros: 0,
            lanes_full_since: None,
            spells: [Spell::default(); Overload::COUNT],
            is_crowded: false,
        }
    }
}

impl Shed {
    /// Begins with a budget for one second.
    pub(super) fn new(plan: ShedPlan) -> Self {
        Self {
            tokens: burst(&plan),
            plan: Some(plan),
            ..Self::default()
        }
    }

    /// Whether there is more to do than can be done: newcomers get less of a turn then.
    pub(super) fn is_behind(&self) -> bool {
        self.is_on(Overload::Drift)
    }

    /// Whether connections that say nothing are not to be waited for as long as usual.
    pub(super) fn is_impatient(&self) -> bool {
        self.is_on(Overload::Memory)
    }

    /// An event has waited so long.
    pub(super) fn on_event_delay(&mut self, micros: u64) {
        self.delay_micros = (self.delay_micros * 3 + micros) / 4;
    }

    /// How long an event waits of late.
    pub(super) fn event_delay_micros(&self) -> u64 {
        self.delay_micros
    }

    /// Why a newcomer is not let in. Takes its share of the budget when it has not been asked for
    /// it on another shard.
    fn verdict(&mut self, is_first_asked: bool) -> Option<Overload> {
        let lasting = [Overload::Memory, Overload::Drift, Overload::Lane];
        if let Some(why) = lasting.into_iter().find(|why| self.is_on(*why)) {
            return Some(why);
        }
        if !is_first_asked || self.plan.is_none() {
            return None;
        }
        match self.tokens.checked_sub(u64::from(TICKS_PER_SEC)) {
            None => Some(Overload::Rate),
            Some(left) => {
                self.tokens = left;
                None
            }
        }
    }

    pub(super) fn on_turned_away(&mut self, why: Overload, now_tick: u32) {
        let spell = &mut self.spells[why.index()];
        spell.turned_away_tick = now_tick;
        spell.turned_away_count += 1;
        if !spell.is_on {
            spell.begin(why, now_tick);
        }
    }

    /// Fills the budget up and looks which reasons begin and end.
    fn on_tick(&mut self, now_tick: u32, ticks: u32, lanes_are_full: bool) {
        let Some(plan) = self.plan.clone() else {
            return;
        };
        let more = u64::from(plan.connects_per_sec) * u64::from(ticks);
        self.tokens = (self.tokens + more).min(burst(&plan));
        self.lanes_full_since = match (lanes_are_full, self.lanes_full_since) {
            (true, None) => Some(now_tick),
            (true, since) => since,
            (false, _) => None,
        };
        for why in Overload::ALL {
            let was_on = self.is_on(why);
            let is_on = match why {
                Overload::Drift if was_on => self.delay_micros > plan.event_delay_micros_max / 2,
                Overload::Drift => self.delay_micros > plan.event_delay_micros_max,
                Overload::Memory => plan.memory.is_over(),
                Overload::Lane => self.lanes_full_since.is_some_and(|since| {
                    plan.lane_full_ticks_max > 0 && now_tick - since >= plan.lane_full_ticks_max
                }),
                Overload::Rate | Overload::Table | Overload::Handshakes => {
                    let last = self.spells[why.index()].turned_away_tick;
                    was_on && now_tick - last < SHED_SPELL_TICKS
                }
            };
            let spell = &mut self.spells[why.index()];
            match (was_on, is_on) {
                (false, true) => spell.begin(why, now_tick),
                (true, false) => spell.end(why),
                _ => {}
            }
        }
    }

    fn is_on(&self, why: Overload) -> bool {
        self.spells[why.index()].is_on
    }
}

/// A second's worth, in tenths.
fn burst(plan: &ShedPlan) -> u64 {
    u64::from(plan.connects_per_sec) * u64::from(TICKS_PER_SEC)
}

impl Spell {
    fn begin(&mut self, why: Overload, now_tick: u32) {
        self.is_on = true;
        let silent = |since: u32| now_tick - since < SHED_LINE_TICKS_MIN;
        if self.line_tick.is_some_and(silent) {
            return; // It comes and goes: the counters tell.
        }
        (self.line_tick, self.owes_line) = (Some(now_tick), true);
        tracing::warn!(reason = why.name(), "overloaded: newcomers are turned away");
    }

    fn end(&mut self, why: Overload) {
        self.is_on = false;
        if std::mem::take(&mut self.owes_line) {
            let turned_away = std::mem::take(&mut self.turned_away_count);
            tracing::info!(
                reason = why.name(),
                turned_away,
                "overloaded no more: newcomers are let in"
            );
        }
    }
}

impl World {
    /// Turns a newcomer away when the shard has too much to do; `settled` when another shard has
    /// let it pass already. `rest_bytes` came behind its CONNECT.
    pub(super) fn shed(
        &mut self,
        socket: Socket,
        version: Version,
        settled: bool,
        rest_bytes: usize,
    ) -> Option<Entrance> {
        let why = self.shed.verdict(!settled)?;
        Some(self.turn_away_for(why, socket, version, rest_bytes))
    }

    /// Turns a newcomer away, counts it, and says why.
    pub(super) fn turn_away_for(
        &mut self,
        why: Overload,
        socket: Socket,
        version: Version,
        rest_bytes: usize,
    ) -> Entrance {
        self.shed.on_turned_away(why, self.now_tick);
        self.book().shed.add(why.index(), 1);
        let mut last_words = Vec::new();
        session::turn_away(version, why.reason(), None, &mut last_words);
        let close = match why {
            Overload::Table => Close::TableFull,
            _ => Close::Shed,
        };
        let entrance = self.turn_away(socket, close, last_words);
        // Whoever waits for its CONNACK needs no time to read it; the slot is needed at once.
        if rest_bytes == 0
            && let Some(Order::Close { linger, .. }) = self.orders.last_mut()
        {
            *linger = false;
        }
        entrance
    }

    /// Looks at what has changed since the last tick.
    pub(super) fn tick_shed(&mut self, now_tick: u32, ticks: u32) {
        let mut lanes = self.desks.iter().map(|desk| &desk.lane).peekable();
        let lanes_are_full = lanes.peek().is_some() && lanes.all(|lane| lane.is_full());
        self.handshakes.on_tick(ticks);
        self.shed.on_tick(now_tick, ticks, lanes_are_full);
        let book = self.book();
        for why in Overload::ALL {
            book.overloaded
                .set(why.index(), u64::from(self.shed.is_on(why)));
        }
        book.event_delay_micros.set(self.shed.event_delay_micros());
    }
}

#[cfg(test)]
mod tests;
