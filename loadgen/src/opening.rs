//! Which client connects when: fresh ones at the rate asked for, lost ones after a pause, and
//! never too many on their way at a time.

use crate::clock::NANOS_PER_SEC;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// The pause before a lost client tries again, doubled with each failure.
const BACKOFF_NS: u64 = NANOS_PER_SEC / 10;
const BACKOFF_DOUBLINGS_MAX: u16 = 5;

pub struct Opener {
    start_ns: u64,
    interval_ns: f64,
    clients: u32,
    next_fresh: u32,
    on_the_way: u32,
    on_the_way_max: u32,
    retries: BinaryHeap<Reverse<(u64, u32)>>,
    /// All deadlines are equally far away, so the queue is in order.
    deadlines: VecDeque<(u64, u32, u32)>,
    connack_wait_ns: u64,
}

impl Opener {
    /// `rate` is in connects per second; 0 is as fast as they are answered.
    pub fn new(start_ns: u64, rate: f64, clients: u32, on_the_way_max: u32, wait_ns: u64) -> Self {
        Self {
            start_ns,
            interval_ns: if rate > 0.0 {
                NANOS_PER_SEC as f64 / rate
            } else {
                0.0
            },
            clients,
            next_fresh: 0,
            on_the_way: 0,
            on_the_way_max,
            retries: BinaryHeap::new(),
            deadlines: VecDeque::new(),
            connack_wait_ns: wait_ns,
        }
    }

    /// The next client to open, and when that ought to have happened.
    pub fn poll_due(&mut self, now_ns: u64) -> Option<(u32, u64)> {
        if self.on_the_way >= self.on_the_way_max {
            return None;
        }
        if self
            .retries
            .peek()
            .is_some_and(|Reverse((at_ns, _))| *at_ns <= now_ns)
        {
            return self.retries.pop().map(|Reverse((_, slot))| (slot, now_ns));
        }
        let intended_ns = self.fresh_ns().filter(|at_ns| *at_ns <= now_ns)?;
        self.next_fresh += 1;
        let paced = self.interval_ns > 0.0;
        Some((
            self.next_fresh - 1,
            if paced { intended_ns } else { now_ns },
        ))
    }

    fn fresh_ns(&self) -> Option<u64> {
        let after_ns = (f64::from(self.next_fresh) * self.interval_ns) as u64;
        (self.next_fresh < self.clients).then_some(self.start_ns + after_ns)
    }

    /// When there is something to do next.
    pub fn next_ns(&self) -> Option<u64> {
        let deadline_ns = self.deadlines.front().map(|(at_ns, _, _)| *at_ns);
        let open_ns = if self.on_the_way < self.on_the_way_max {
            let retry_ns = self.retries.peek().map(|Reverse((at_ns, _))| *at_ns);
            [retry_ns, self.fresh_ns()].into_iter().flatten().min()
        } else {
            None
        };
        [deadline_ns, open_ns].into_iter().flatten().min()
    }

    pub fn on_open(&mut self, slot: u32, generation: u32, now_ns: u64) {
        self.on_the_way += 1;
        self.deadlines
            .push_back((now_ns + self.connack_wait_ns, slot, generation));
    }

    /// A connect has come to its end, good or bad.
    pub fn on_settled(&mut self) {
        self.on_the_way -= 1;
    }

    pub fn retry(&mut self, slot: u32, attempts: u16, now_ns: u64) {
        let doublings = attempts.min(BACKOFF_DOUBLINGS_MAX);
        // Slots spread over the pause, so that the lost do not come back in one blow.
        let pause_ns = BACKOFF_NS << doublings;
        let spread_ns = u64::from(slot).wrapping_mul(0x9e37_79b9) % pause_ns;
        self.retries
            .push(Reverse((now_ns + pause_ns / 2 + spread_ns / 2, slot)));
    }

    pub fn retry_at_once(&mut self, slot: u32, now_ns: u64) {
        self.retries.push(Reverse((now_ns, slot)));
    }

    /// Everyone connects anew from `start_ns` on, as fast as is answered; what was planned is off.
    pub fn restart(&mut self, start_ns: u64) {
        (self.start_ns, self.interval_ns, self.next_fresh) = (start_ns, 0.0, 0);
        self.retries = BinaryHeap::new();
        self.deadlines = VecDeque::new();
    }

    /// Opens nobody until the next restart.
    pub fn pause(&mut self) {
        self.next_fresh = self.clients;
        self.retries = BinaryHeap::new();
    }

    /// Forgets the deadlines at the front whose connects have come to their end, so that they are
    /// no more than the connects on their way.
    pub fn forget_settled(&mut self, mut is_settled: impl FnMut(u32) -> bool) {
        while let Some((_, slot, _)) = self.deadlines.front()
            && is_settled(*slot)
        {
            self.deadlines.pop_front();
        }
    }

    /// The slot and generation of a connect whose time for a CONNACK is over; the caller knows
    /// whether that connect is still on its way.
    pub fn poll_overdue(&mut self, now_ns: u64) -> Option<(u32, u32)> {
        self.deadlines
            .front()
            .filter(|(at_ns, _, _)| *at_ns <= now_ns)?;
        self.deadlines
            .pop_front()
            .map(|(_, slot, generation)| (slot, generation))
    }
}

/// Goes round the clients so that each has its turn once in an interval.
pub struct Round {
    start_ns: u64,
    step_ns: f64,
    clients: u32,
    taken: u64,
}

impl Round {
    /// `None` where there is nobody to visit or no interval.
    pub fn new(start_ns: u64, interval_secs: f64, clients: u32) -> Option<Self> {
        let step_ns = interval_secs * NANOS_PER_SEC as f64 / f64::from(clients);
        let sane = clients > 0 && step_ns.is_finite() && step_ns > 0.0;
        sane.then_some(Self {
            start_ns,
            step_ns,
            clients,
            taken: 0,
        })
    }

    pub fn next_ns(&self) -> u64 {
        self.start_ns + ((self.taken + 1) as f64 * self.step_ns) as u64
    }

    pub fn poll_slot(&mut self, now_ns: u64) -> Option<u32> {
        if self.next_ns() > now_ns {
            return None;
        }
        let slot = (self.taken % u64::from(self.clients)) as u32;
        self.taken += 1;
        Some(slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fresh_clients_open_at_the_rate_and_never_too_many_at_a_time() {
        let mut opener = Opener::new(1_000, 1_000.0, 10, 3, 5_000_000);
        let opened: Vec<_> = std::iter::from_fn(|| {
            let due = opener.poll_due(1_000 + 9_000_000)?;
            opener.on_open(due.0, 0, 0);
            Some(due)
        })
        .collect();
        assert_eq!(opened, [(0, 1_000), (1, 1_001_000), (2, 2_001_000)]);
        opener.on_settled();
        assert_eq!(opener.poll_due(1_000 + 9_000_000), Some((3, 3_001_000)));
    }

    #[test]
    fn a_lost_client_waits_longer_after_each_failure() {
        let pause_ns = |attempts| {
            let mut opener = Opener::new(0, 0.0, 0, 1, 1);
            opener.retry(7, attempts, 0);
            opener.next_ns().expect("a retry is planned")
        };
        assert!(pause_ns(0) >= BACKOFF_NS / 2 && pause_ns(0) <= BACKOFF_NS);
        assert!(pause_ns(3) >= BACKOFF_NS * 4 && pause_ns(3) <= BACKOFF_NS * 8);
        assert!(pause_ns(60_000) <= BACKOFF_NS << BACKOFF_DOUBLINGS_MAX);
    }

    #[test]
    fn after_a_restart_everyone_is_fresh_again() {
        let mut opener = Opener::new(0, 10.0, 2, 8, 1);
        opener.retry_at_once(1, 0);
        opener.pause();
        assert_eq!(opener.poll_due(NANOS_PER_SEC), None);
        opener.restart(50);
        let due: Vec<_> = std::iter::from_fn(|| opener.poll_due(50)).collect();
        assert_eq!(due, [(0, 50), (1, 50)]);
    }

    #[test]
    fn a_round_visits_everyone_once_in_its_interval() {
        let mut round = Round::new(0, 2.0, 4).expect("there are clients");
        let seen: Vec<u32> = std::iter::from_fn(|| round.poll_slot(2 * NANOS_PER_SEC)).collect();
        assert_eq!(seen, [0, 1, 2, 3]);
        assert_eq!(round.next_ns(), 2 * NANOS_PER_SEC + NANOS_PER_SEC / 2);
        assert!(Round::new(0, 0.0, 4).is_none() && Round::new(0, 1.0, 0).is_none());
    }
}
