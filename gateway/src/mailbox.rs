//! Where other threads leave notes for a shard: delivery reports, other shards' messages, commands
//! for its devices, questions of operators, room in a lane, what the store has committed, orders to
//! drain.
//!
//! Delivery reports are bounded by what the lanes may have pending, messages of other shards by a
//! claim that the sender makes first; everything else is a flag or a number. One wake-up serves
//! however many notes came before it.

mod commands;
mod inquiry;
mod note;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use crossbeam_queue::SegQueue;
use tributary_ring::Wake;

pub use commands::Commands;
pub use inquiry::{Answer, Ask, Directory, Inquiry, Reply, Sight};
pub use note::{Chains, Note, Rules, Search, ToGroup};

use crate::kafka::{Outcome, ReportSink};
use crate::limits::{NOTE_BYTES_PER_SHARD_MAX, NOTES_PER_SHARD_MAX};
use crate::store::StoreSink;

/// One shard's letter box.
pub struct Mailbox {
    reports: SegQueue<(u64, Outcome)>,
    notes: SegQueue<Note>,
    note_count: AtomicUsize,
    note_bytes: AtomicUsize,
    /// A shard found no room here and waits for it.
    is_missed: AtomicBool,
    /// The last batch of this shard that the store has on disk.
    committed: AtomicU64,
    /// The store can no longer write.
    store_failed: AtomicBool,
    /// Something is in here that the shard was not yet told of.
    unseen: AtomicBool,
    room: AtomicBool,
    drain: AtomicBool,
    abandon: AtomicBool,
    wake: Wake,
}

impl Mailbox {
    /// A letter box that wakes its shard by `wake`.
    pub fn new(wake: Wake) -> Self {
        Self {
            reports: SegQueue::new(),
            notes: SegQueue::new(),
            note_count: AtomicUsize::new(0),
            note_bytes: AtomicUsize::new(0),
            is_missed: AtomicBool::new(false),
            committed: AtomicU64::new(0),
            store_failed: AtomicBool::new(false),
            unseen: AtomicBool::new(false),
            room: AtomicBool::new(false),
            drain: AtomicBool::new(false),
            abandon: AtomicBool::new(false),
            wake,
        }
    }

    /// The eventfd that this box and all rings of the shard share.
    pub fn wake(&self) -> &Wake {
        &self.wake
    }

    /// Whether something came since [`Self::open`].
    pub fn is_unseen(&self) -> bool {
        self.unseen.load(Ordering::SeqCst)
    }

    /// Says that the shard looks now; says whether there is anything to look at.
    pub fn open(&self) -> bool {
        // A plain load first: while nothing comes, no cache line is taken from anyone.
        self.unseen.load(Ordering::Relaxed) && self.unseen.swap(false, Ordering::SeqCst)
    }

    /// The next delivery report.
    pub fn next_report(&self) -> Option<(u64, Outcome)> {
        self.reports.pop()
    }

    /// Whether another shard may leave a message of this size here. What is left without asking
    /// (answers, and what they bring) is bounded by what was asked for.
    pub fn has_room(&self, bytes: usize) -> bool {
        let fits = || {
            self.note_count.load(Ordering::SeqCst) < NOTES_PER_SHARD_MAX
                && self.note_bytes.load(Ordering::SeqCst) + bytes <= NOTE_BYTES_PER_SHARD_MAX
        };
        if fits() {
            return true;
        }
        self.is_missed.store(true, Ordering::SeqCst);
        // Once more behind the flag: either the shard sees it when it next makes room, or it has
        // made room already.
        fits()
    }

    /// Leaves a note; the bell is rung by [`Self::ring_bell`].
    pub fn leave(&self, note: Note) {
        self.note_count.fetch_add(1, Ordering::Relaxed);
        self.note_bytes.fetch_add(note.bytes(), Ordering::Relaxed);
        self.notes.push(note);
    }

    /// Whether another shard has left something.
    pub fn has_notes(&self) -> bool {
        !self.notes.is_empty()
    }

    /// The next note of another shard.
    pub fn next_note(&self) -> Option<Note> {
        let note = self.notes.pop()?;
        self.note_bytes.fetch_sub(note.bytes(), Ordering::Relaxed);
        self.note_count.fetch_sub(1, Ordering::SeqCst);
        Some(note)
    }

    /// Whether someone found no room here and there is plenty by now.
    pub fn take_missed(&self) -> bool {
        self.is_missed.load(Ordering::Relaxed)
            && self.note_count.load(Ordering::Relaxed) <= NOTES_PER_SHARD_MAX / 2
            && self.note_bytes.load(Ordering::Relaxed) <= NOTE_BYTES_PER_SHARD_MAX / 2
            && self.is_missed.swap(false, Ordering::SeqCst)
    }

    /// The last batch of this shard that is on disk.
    pub fn committed(&self) -> u64 {
        self.committed.load(Ordering::Acquire)
    }

    /// Whether the store can no longer write.
    pub fn is_store_failed(&self) -> bool {
        self.store_failed.load(Ordering::Relaxed)
    }

    /// Whether a lane got room again since the last look.
    pub fn take_room(&self) -> bool {
        self.room.load(Ordering::Relaxed) && self.room.swap(false, Ordering::SeqCst)
    }

    /// Whether the shard is to let its clients go.
    pub fn is_draining(&self) -> bool {
        self.drain.load(Ordering::Relaxed)
    }

    /// Whether the time to drain is over.
    pub fn is_abandoned(&self) -> bool {
        self.abandon.load(Ordering::Relaxed)
    }

    /// Orders the shard to let its clients go.
    pub fn order_drain(&self) {
        self.drain.store(true, Ordering::SeqCst);
        self.ring_bell();
    }

    /// Orders the shard to go now, whatever is still owed.
    pub fn order_abandon(&self) {
        self.abandon.store(true, Ordering::SeqCst);
        self.ring_bell();
    }

    /// Wakes the shard, unless it has been woken since it last looked.
    pub fn ring_bell(&self) {
        // Load before swap: in a burst of reports only the first one pays for the exchange.
        if !self.unseen.load(Ordering::SeqCst) && !self.unseen.swap(true, Ordering::SeqCst) {
            self.wake.signal();
        }
    }
}

/// The letter boxes of all shards, as a lane sees them.
#[derive(Clone)]
pub struct Mailboxes(pub Arc<[Mailbox]>);

impl Mailboxes {
    /// Tells every shard that one of them has room for notes again.
    pub fn announce_room(&self) {
        ReportSink::room(self);
    }
}

impl ReportSink for Mailboxes {
    fn report(&self, ticket: u64, outcome: Outcome) {
        let shard = usize::from(crate::kafka::Ticket::from_word(ticket).shard);
        self.0[shard].reports.push((ticket, outcome));
    }

    fn flush(&self) {
        for mailbox in self.0.iter().filter(|mailbox| !mailbox.reports.is_empty()) {
            mailbox.ring_bell();
        }
    }

    fn room(&self) {
        for mailbox in self.0.iter() {
            mailbox.room.store(true, Ordering::SeqCst);
            mailbox.ring_bell();
        }
    }
}

impl StoreSink for Mailboxes {
    fn committed(&self, shard: usize, number: u64) {
        self.0[shard].committed.store(number, Ordering::Release);
        self.0[shard].ring_bell();
    }

    fn room(&self, shard: usize) {
        self.0[shard].room.store(true, Ordering::SeqCst);
        self.0[shard].ring_bell();
    }

    fn failed(&self) {
        for mailbox in self.0.iter() {
            mailbox.store_failed.store(true, Ordering::SeqCst);
            mailbox.ring_bell();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Read;

    use super::*;
    use crate::kafka::Ticket;

    fn boxes(count: usize) -> Mailboxes {
        let mailbox = || Mailbox::new(Wake::new().expect("an eventfd"));
        Mailboxes((0..count).map(|_| mailbox()).collect())
    }

    fn ticket(shard: u8, packet_id: u16) -> u64 {
        Ticket {
            shard,
            generation: 0,
            slot: 0,
            packet_id,
        }
        .word()
    }

    /// How often the bell rang since the last look; it must have.
    fn rung(mailbox: &Mailbox) -> u64 {
        let fd = mailbox.wake().try_clone_fd().expect("a descriptor");
        let mut count = [0; 8];
        File::from(fd).read_exact(&mut count).expect("an eventfd");
        u64::from_ne_bytes(count)
    }

    #[test]
    fn a_burst_of_reports_rings_once_and_only_where_it_belongs() {
        let boxes = boxes(2);
        (1..=100).for_each(|id| boxes.report(ticket(1, id), Outcome::Delivered));
        assert!(
            !boxes.0[1].is_unseen(),
            "nobody is woken before the burst is over"
        );
        boxes.flush();
        boxes.flush();
        assert!(!boxes.0[0].is_unseen() && !boxes.0[0].open());
        assert_eq!(rung(&boxes.0[1]), 1);
        assert!(boxes.0[1].open());
        for id in 1..=100 {
            assert_eq!(
                boxes.0[1].next_report(),
                Some((ticket(1, id), Outcome::Delivered))
            );
        }
        assert_eq!(boxes.0[1].next_report(), None);
        assert!(!boxes.0[1].open(), "it was opened already");
    }

    #[test]
    fn a_note_left_after_the_look_rings_again() {
        let boxes = boxes(1);
        let mailbox = &boxes.0[0];
        boxes.announce_room();
        assert_eq!(rung(mailbox), 1);
        assert!(mailbox.open() && mailbox.take_room() && !mailbox.take_room());
        boxes.announce_room();
        assert!(mailbox.is_unseen());
        assert_eq!(rung(mailbox), 1);
        assert!(mailbox.take_room());
    }

    #[test]
    fn an_order_stands_until_the_end() {
        let boxes = boxes(1);
        let mailbox = &boxes.0[0];
        assert!(!mailbox.is_draining() && !mailbox.is_abandoned());
        mailbox.order_drain();
        assert!(mailbox.open() && mailbox.is_draining() && mailbox.is_draining());
        mailbox.order_abandon();
        assert!(mailbox.open() && mailbox.is_abandoned());
    }

    #[test]
    fn nothing_is_lost_between_a_busy_lane_and_a_shard_that_sleeps() {
        const REPORTS: u64 = 20_000;
        let boxes = boxes(1);
        let lane = boxes.clone();
        let writer = std::thread::spawn(move || {
            for number in 0..REPORTS {
                lane.report(number & 0xffff, Outcome::Delivered);
                lane.flush();
            }
        });
        let mailbox = &boxes.0[0];
        let mut heard = 0;
        while heard < REPORTS {
            // As the shard does: look, look once more, and only then sleep on the eventfd. A
            // wake-up that is lost makes this test hang.
            if !mailbox.open() && !mailbox.is_unseen() {
                rung(mailbox);
            }
            while mailbox.next_report().is_some() {
                heard += 1;
            }
        }
        assert!(writer.join().is_ok());
        assert_eq!(mailbox.next_report(), None);
    }
}
