//! Decides which records go to disk instead of into a line, and when that is over.
//!
//! ```text
//!   off --lane down: what waits and may, moves to disk--> on
//!    ^                                                    |
//!    '---- lane up, and Kafka has all that was spooled ---'   nothing overtakes: until then what
//!                                                             is new goes behind it
//! ```

use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use super::Feeder;
use crate::kafka::batch::{Batch, Record};
use crate::kafka::limits;
use crate::kafka::outcome::Refusal;
use crate::kafka::policy::Policy;
use crate::kafka::shared::Mailbox;
use crate::kafka::spool::{Desk, Intake};
use crate::kafka::topics::TopicIndex;

/// For so long shards' batches stay where they are, so that the spool can empty under a steady
/// load: some round trips to Kafka.
const HOLD: Duration = Duration::from_millis(20);
/// And then at least so long not.
const HOLD_PAUSE: Duration = Duration::from_millis(200);

/// What the lane's thread knows of its spool.
pub(super) struct Spooling {
    /// An outage is not over: what may go to disk does.
    is_on: bool,
    intake: Intake,
    /// Intakes so far; what an earlier process has left counts as the first.
    handed: u64,
    /// The last of them with a record for an outage.
    handed_for_outage: u64,
    hold_from: Instant,
    hold_until: Option<Instant>,
}

impl Spooling {
    pub(super) fn new(desk: &Desk, now: Instant) -> Spooling {
        let is_on = desk.recovered() > 0;
        desk.is_awaited.store(is_on, SeqCst);
        Spooling {
            is_on,
            intake: Intake::default(),
            handed: 1,
            handed_for_outage: 1,
            hold_from: now,
            hold_until: None,
        }
    }

    /// How long shards' batches are still held back, if they are.
    pub(super) fn hold_ends(&self, now: Instant) -> Option<Duration> {
        let until = self.hold_until?;
        Some(until.saturating_duration_since(now))
    }

    fn put(&mut self, desk: &Desk, topic: &[u8], record: &Record, bytes: &[u8]) {
        self.intake.push(topic, record, bytes);
        if self.intake.is_full() {
            self.hand(desk);
        }
    }

    fn hand(&mut self, desk: &Desk) {
        if self.intake.is_empty() {
            return;
        }
        let empty = desk.spare.pop().unwrap_or_default();
        let intake = std::mem::replace(&mut self.intake, empty);
        self.handed += 1;
        if intake.is_for_outage() {
            self.handed_for_outage = self.handed;
        }
        desk.intakes.push(intake);
        desk.bell.ring();
    }

    fn is_cleared(&self, desk: &Desk) -> bool {
        desk.cleared.load(SeqCst) >= self.handed_for_outage
    }

    /// Holds back for a moment when little is left.
    fn hold(&mut self, desk: &Desk, now: Instant) {
        match self.hold_until {
            Some(until) if until <= now => {
                self.hold_until = None;
                self.hold_from = now + HOLD_PAUSE;
            }
            None if self.hold_from <= now && desk.messages() <= limits::HOLD_RECORDS_MAX => {
                self.hold_until = Some(now + HOLD);
            }
            _ => {}
        }
    }

    fn end(&mut self, desk: &Desk) {
        self.is_on = false;
        self.hold_until = None;
        desk.is_awaited.store(false, SeqCst);
    }
}

impl Feeder {
    /// Whether a record goes to disk first.
    pub(super) fn spools(&self, record: &Record) -> bool {
        let spooling = self.spooling.as_ref();
        match record.policy {
            Policy::Withhold | Policy::Reject => false,
            Policy::SpoolFirst => spooling.is_some(),
            Policy::SpoolInOutage => spooling.is_some_and(|spooling| spooling.is_on),
        }
    }

    /// Puts a record of a batch down for the spool, unless Kafka is known not to want it.
    pub(super) fn spool(
        &mut self,
        topic: TopicIndex,
        batch: &Batch,
        record: &Record,
    ) -> Result<(), Refusal> {
        if let Some(refusal) = self.topics.refusal(topic) {
            return Err(refusal);
        }
        if let (Some(spooling), Some(desk)) = (&mut self.spooling, &self.shared.spool) {
            spooling.put(desk, batch.topic(record.topic), record, batch.bytes());
        }
        Ok(())
    }

    /// Hands over what a batch had for the spool.
    pub(super) fn hand_intake(&mut self) {
        if let (Some(spooling), Some(desk)) = (&mut self.spooling, &self.shared.spool) {
            spooling.hand(desk);
        }
    }

    /// The lane is down: what waits for Kafka and may go to disk does so, in order, before anything
    /// that comes.
    pub(super) fn begin_spooling(&mut self) {
        match (&mut self.spooling, &self.shared.spool) {
            (Some(spooling), Some(desk)) if !spooling.is_on => {
                spooling.is_on = true;
                desk.is_awaited.store(true, SeqCst);
            }
            _ => return,
        }
        let cluster = &*self.shared.name;
        tracing::warn!(
            cluster,
            "the lane is down; the spool takes what its routes let it"
        );
        let mut aloft = self.aloft.iter().flatten();
        if aloft.any(|aloft| aloft.block.is_spoolable()) {
            self.give_up_producers();
        }
        let (Some(spooling), Some(desk)) = (&mut self.spooling, &self.shared.spool) else {
            return;
        };
        let mut put = |topic: &str, record: &Record, bytes: &[u8]| {
            spooling.put(desk, topic.as_bytes(), record, bytes);
        };
        self.lines.take_spoolable(&mut put);
        self.topics.take_spoolable(&mut put);
        spooling.hand(desk);
    }

    /// Ends the outage when it is over, and helps it to end when little is missing.
    pub(super) fn settle_spooling(&mut self) {
        let is_over = self.is_spooling_over();
        let (Some(spooling), Some(desk)) = (&mut self.spooling, &self.shared.spool) else {
            return;
        };
        match (is_over, self.watch.is_down) {
            (true, _) => {
                let cluster = &*self.shared.name;
                tracing::info!(cluster, "Kafka has all that was spooled for the outage");
                spooling.end(desk);
            }
            (false, true) => spooling.hold_until = None,
            (false, false) if spooling.is_on => spooling.hold(desk, Instant::now()),
            (false, false) => {}
        }
    }

    pub(super) fn is_spooling_over(&self) -> bool {
        match (&self.spooling, &self.shared.spool) {
            (Some(spooling), Some(desk)) if spooling.is_on && !self.watch.is_down => {
                spooling.is_cleared(desk)
            }
            _ => false,
        }
    }

    /// The mailboxes that are looked at: while shards' are held back, only that of the spool.
    pub(super) fn open_mailboxes<'a>(&self, all: &'a [Mailbox]) -> &'a [Mailbox] {
        let is_held = |spooling: &Spooling| spooling.hold_until.is_some();
        match self.spooling.as_ref().is_some_and(is_held) {
            true => &all[all.len() - 1..],
            false => all,
        }
    }
}
