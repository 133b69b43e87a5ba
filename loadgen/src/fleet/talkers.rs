//! The few clients of a fleet that publish.

use crate::books::Books;
use crate::pace::{Pacer, Timetable};
use crate::plan::Plan;
use crate::publisher::Publisher;
use crate::stamp;

/// Longer than any run: what is due ends with the last call.
const SECS: f64 = 1e6;

/// The first clients of a thread, each with what it owes.
pub(super) struct Talkers {
    all: Vec<Publisher>,
    pacer: Option<Pacer>,
    is_over: bool,
}

impl Talkers {
    pub(super) fn new(plan: &Plan, thread: u32, first: u32) -> Self {
        let publisher = |place| {
            let number = first + place;
            let template = plan.publish.as_ref().map_or("", |publish| &publish.topic);
            let topic = stamp::topic(template, &plan.run.client_id(number), number);
            Publisher::new(plan, number, place, &topic)
        };
        Self {
            all: (0..plan.publishers_of(thread))
                .filter_map(publisher)
                .collect(),
            pacer: None,
            is_over: false,
        }
    }

    pub(super) fn start(&mut self, plan: &Plan, start_ns: u64) {
        let Some(publish) = plan.publish.as_ref().filter(|_| !self.all.is_empty()) else {
            return;
        };
        let count = self.all.len() as u32;
        let rate = publish.rate * f64::from(count) / f64::from(plan.fleet.publishers.max(1));
        self.pacer = Some(Pacer::new(Timetable::new(start_ns, rate, 1, count, SECS)));
    }

    pub(super) fn has_started(&self) -> bool {
        self.pacer.is_some() || self.all.is_empty()
    }

    pub(super) fn next_ns(&self) -> Option<u64> {
        self.pacer.as_ref().filter(|_| !self.is_over)?.next_ns()
    }

    /// A client whose turn has come; it owes one message more.
    pub(super) fn poll_turn(&mut self, now_ns: u64, books: &mut Books) -> Option<u32> {
        let pacer = self.pacer.as_mut().filter(|_| !self.is_over)?;
        let turn = pacer.poll_turn(now_ns)?;
        books.came_late(turn.late_ns);
        self.all[turn.place as usize].owe(1);
        Some(turn.place)
    }

    pub(super) fn at(&mut self, place: u32) -> Option<&mut Publisher> {
        self.all.get_mut(place as usize)
    }

    /// Writes what a client may send now.
    pub(super) fn pump(&mut self, place: u32, now_ns: u64, books: &mut Books, out: &mut Vec<u8>) {
        if let (Some(publisher), Some(pacer)) = (self.all.get_mut(place as usize), &self.pacer) {
            publisher.pump(now_ns, &pacer.timetable, books, out);
        }
    }

    /// Nothing new becomes due from here on.
    pub(super) fn call_last(&mut self) {
        if !std::mem::replace(&mut self.is_over, true) {
            self.all.iter_mut().for_each(Publisher::on_last_due);
        }
    }

    pub(super) fn are_settled(&self) -> bool {
        self.all.iter().all(Publisher::is_settled)
    }

    /// Books what is left.
    pub(super) fn finish(&mut self, books: &mut Books) {
        for publisher in &mut self.all {
            books.counts.unsent += u64::from(publisher.stop());
            books.counts.unacknowledged += u64::from(publisher.unacknowledged());
        }
    }
}
