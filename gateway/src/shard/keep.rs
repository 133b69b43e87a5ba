//! Keep: what must outlive the process goes to the store in batches, and whoever would be misled by
//! an answer that came before the disk is answered after it.
//!
//! ```text
//!  turn:   session changes --> batch --submit--> store thread
//!          answers of the clients concerned ---> held back under the batch's number
//!          claims of publishers ---------------> under the batch's number
//!  later:  committed(number) --> answers go out, claims are settled
//! ```
//!
//! A durable client's words leave in their order, so everything that it is told after a change
//! that matters waits for that change. A PUBLISH of QoS 2 must not go out before its packet id is
//! on disk, nor PUBREL before the PUBREC, nor PUBCOMP before the release; that is all of it.

use std::collections::{HashMap, VecDeque};
use std::mem;
use std::num::NonZeroU64;

use tributary_proto::reason::Reason;
use tributary_proto::session::Change;
use tributary_proto::version::Qos;

use super::client::Listed;
use super::world::World;
use crate::store::{Op, QueueEntry, SessionNumber, SessionRecord, StoreHandle, Submitted};

/// A shard's dealings with the store; does nothing when there is none.
#[derive(Default)]
pub(super) struct Keeper {
    handle: Option<StoreHandle>,
    batch: Vec<Op>,
    /// Publishers who are answered when `batch` is on disk.
    claims: Vec<NonZeroU64>,
    /// The store took the last batch not: publishers wait.
    is_full: bool,
    /// The store will take none ever again.
    is_failed: bool,
    /// Claims by the number of their batch.
    claimed: VecDeque<(u64, Vec<NonZeroU64>)>,
    /// Clients whose words wait, by the number of the batch.
    due: VecDeque<(u64, u32)>,
    /// What is held back, by client.
    held: HashMap<u32, Held>,
    /// The last batch known to be on disk.
    committed: u64,
}

/// What is held back for one client.
#[derive(Default)]
struct Held {
    /// The last batch that changes its session: what it is told from now on waits for that.
    until: u64,
    /// Words by the batch that they wait for.
    words: VecDeque<(u64, Vec<u8>)>,
}

impl Keeper {
    /// Over a shard's end of the store, if there is one.
    pub(super) fn new(handle: Option<StoreHandle>) -> Self {
        Self {
            handle,
            ..Self::default()
        }
    }

    /// Whether anything outlives the process.
    pub(super) fn is_durable(&self) -> bool {
        self.handle.is_some()
    }

    /// The last batch that the store has taken.
    #[cfg(test)]
    pub(super) fn submitted(&self) -> u64 {
        self.handle.as_ref().map_or(0, StoreHandle::last)
    }

    /// As if the store had had no room at the end of the last turn.
    #[cfg(test)]
    pub(super) fn refuse_for_test(&mut self) {
        self.is_full = true;
        let session = self.session_number();
        let ops = session.map(|session| Op::SessionDelete { session });
        self.batch.extend(ops);
    }

    /// Whether publishers must wait for the store.
    pub(super) fn is_full(&self) -> bool {
        self.is_full
    }

    /// Whether something was written down that is not on its way to disk yet.
    pub(super) fn is_waiting(&self) -> bool {
        !self.batch.is_empty() || self.is_failed
    }

    /// Writes something down.
    pub(super) fn write(&mut self, op: Op) {
        if self.handle.is_some() {
            self.batch.push(op);
        }
    }

    /// A name for a new session; none without a store.
    pub(super) fn session_number(&self) -> Option<SessionNumber> {
        self.handle.as_ref().map(StoreHandle::session_number)
    }

    /// Settles this claim when what was written down so far is on disk.
    pub(super) fn settle_with_batch(&mut self, claim: NonZeroU64) {
        self.claims.push(claim);
    }

    /// What is held back for a client is for a connection that is gone; the order stays.
    pub(super) fn drop_words(&mut self, index: u32) {
        if let Some(held) = self.held.get_mut(&index) {
            held.words.clear();
        }
    }

    /// The client's place may have a newcomer from now on.
    pub(super) fn forget(&mut self, index: u32) {
        self.held.remove(&index);
    }

    /// Whether what this client is told waits for the store.
    pub(super) fn holds_back(&self, index: u32) -> bool {
        self.held.contains_key(&index)
    }

    /// What this client is told from now on waits for the batch at hand: it changes its session.
    pub(super) fn touch(&mut self, index: u32) {
        // The batch will have the next number, whenever the store takes it.
        let number = self.handle.as_ref().map_or(0, StoreHandle::last) + 1;
        let held = self.held.entry(index).or_default();
        if held.until < number {
            held.until = number;
            self.due.push_back((number, index));
        }
    }

    /// Batches that the store has taken and not on disk yet.
    pub(super) fn waiting_count(&self) -> u64 {
        let last = self.handle.as_ref().map_or(0, StoreHandle::last);
        last.saturating_sub(self.committed)
    }

    /// Hands the batch over; says what became of it, if there was one.
    fn submit(&mut self) -> Option<Submitted> {
        let handle = self.handle.as_mut()?;
        if self.batch.is_empty() {
            self.claims.clear(); // Of a store that failed; else claims come with a batch.
            return None;
        }
        let submitted = handle.submit(&mut self.batch);
        match submitted {
            Submitted::Accepted(number) => {
                self.is_full = false;
                if !self.claims.is_empty() {
                    self.claimed
                        .push_back((number, mem::take(&mut self.claims)));
                }
            }
            Submitted::Full => self.is_full = true,
            // Nothing is kept for a disk that takes no more, nor does anyone hear that it was.
            Submitted::Failed => {
                (self.is_full, self.is_failed) = (true, true);
                self.batch.clear();
                self.claims.clear();
            }
        }
        Some(submitted)
    }
}

impl World {
    /// Writes down what a session has changed.
    pub(super) fn note_changes(&mut self, index: u32) {
        if self.journal.is_empty() {
            return;
        }
        let Some(session) = self.clients.look(index).and_then(|client| client.number()) else {
            self.journal.drain().for_each(drop);
            return;
        };
        let keeper = &mut self.keeper;
        let mut must_wait = false;
        for change in self.journal.drain() {
            must_wait |= is_awaited(&change);
            keeper.write(op_of(session, change));
        }
        if must_wait {
            keeper.touch(index);
        }
    }

    /// Writes a durable session's record down, as of now.
    pub(super) fn write_record(&mut self, index: u32, disconnected_at_sec: Option<u32>) {
        let Some(client) = self.clients.look(index) else {
            return;
        };
        let Some(session) = client.number() else {
            return;
        };
        let record = SessionRecord {
            version: client.session.version(),
            whose: self.whose(client),
            expiry_secs: client.session.session_expiry_secs(&self.commons.profiles),
            disconnected_at_sec,
        };
        let client_id = client.id.clone();
        self.keeper.write(Op::SessionPut {
            session,
            client_id,
            record: Box::new(record),
        });
    }

    /// Hands over what was written down so far.
    pub(super) fn submit_batch(&mut self) {
        match self.keeper.submit() {
            Some(Submitted::Accepted(_)) => self.book().store_batches.add(1),
            Some(Submitted::Full) => self.book().store_full.add(1),
            Some(Submitted::Failed) | None => {}
        }
    }

    /// Hands over what was written down in this turn, and holds back the words that depend on it.
    pub(super) fn submit_changes(&mut self) {
        if !self.keeper.is_durable() {
            return;
        }
        self.submit_batch();
        for index in &self.dirty {
            let Some(held) = self.keeper.held.get_mut(index) else {
                continue;
            };
            let Some(io) = self.clients.at(*index).and_then(|one| one.io.as_mut()) else {
                continue;
            };
            if !io.out.is_empty() {
                let words = mem::replace(&mut io.out, self.spares.lend());
                held.words.push_back((held.until, words));
            }
        }
    }

    /// The store has everything up to a batch on disk.
    pub(super) fn on_committed(&mut self, number: u64) {
        if number <= self.keeper.committed {
            return;
        }
        self.keeper.committed = number;
        while let Some((claimed, _)) = self.keeper.claimed.front()
            && *claimed <= number
            && let Some((_, claims)) = self.keeper.claimed.pop_front()
        {
            for claim in claims {
                self.settle(claim, Reason::Success);
            }
        }
        while let Some((due, index)) = self.keeper.due.front().copied()
            && due <= number
        {
            self.keeper.due.pop_front();
            self.release_words(index, number);
        }
    }

    fn release_words(&mut self, index: u32, number: u64) {
        let Some(held) = self.keeper.held.get_mut(&index) else {
            return;
        };
        let mut released = Vec::new();
        while held.words.front().is_some_and(|(due, _)| *due <= number)
            && let Some((_, words)) = held.words.pop_front()
        {
            released.push(words);
        }
        if held.until <= number {
            self.keeper.held.remove(&index);
        }
        let Some(client) = self.clients.at(index) else {
            return;
        };
        if !client.session.is_connected() || released.is_empty() {
            return;
        }
        let io = client.io.get_or_insert_with(|| self.spares.lend_io());
        for words in released {
            io.ready.extend_from_slice(&words);
            self.spares.give_back(words);
        }
        if client.listed.enter(Listed::DIRTY) {
            self.dirty.push(index);
        }
    }
}

/// Whether what a client is told after this change must wait for the disk. At QoS 1 nothing must: a
/// message that was delivered and then forgotten by a crash comes again from its publisher, who has
/// no PUBACK yet, and its packet id means nothing to the subscriber's next connection. So it is
/// mostly done with before it was ever written, and need not be.
fn is_awaited(change: &Change) -> bool {
    match change {
        Change::Queued { .. } | Change::Done { .. } => false,
        Change::Sent { qos, .. } => *qos == Qos::ExactlyOnce,
        Change::Received { .. } | Change::Taken { .. } | Change::Released { .. } => true,
    }
}

fn op_of(session: SessionNumber, change: Change) -> Op {
    match change {
        Change::Queued {
            seq,
            message,
            qos,
            retain,
            identifiers,
        } => Op::QueuePut {
            session,
            seq,
            entry: QueueEntry {
                message,
                qos,
                retain,
                identifiers: identifiers.as_slice().into(),
            },
        },
        Change::Sent { seq, packet_id, .. } => Op::QueueSent {
            session,
            seq,
            packet_id,
        },
        Change::Received { seq } => Op::QueueReceived { session, seq },
        Change::Done { seq } => Op::QueueDone { session, seq },
        Change::Taken { packet_id } => Op::IdTaken { session, packet_id },
        Change::Released { packet_id } => Op::IdReleased { session, packet_id },
    }
}
