//! Where other threads leave notes for a shard: delivery reports, room in a lane, orders to drain.
//!
//! Delivery reports are bounded by what the lanes may have pending; everything else is a flag, so
//! nothing here can grow without a bound. One wake-up serves however many notes came before it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_queue::SegQueue;
use tributary_ring::Wake;

use crate::kafka::{Outcome, ReportSink};

/// One shard's letter box.
pub struct Mailbox {
    reports: SegQueue<(u64, Outcome)>,
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

    fn ring_bell(&self) {
        // Load before swap: in a burst of reports only the first one pays for the exchange.
        if !self.unseen.load(Ordering::SeqCst) && !self.unseen.swap(true, Ordering::SeqCst) {
            self.wake.signal();
        }
    }
}

/// The letter boxes of all shards, as a lane sees them.
#[derive(Clone)]
pub struct Mailboxes(pub Arc<[Mailbox]>);

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
        boxes.room();
        assert_eq!(rung(mailbox), 1);
        assert!(mailbox.open() && mailbox.take_room() && !mailbox.take_room());
        boxes.room();
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
