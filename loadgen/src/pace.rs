//! When each message ought to leave: an open loop that never waits for answers, so that a slow
//! server cannot hide its delays by slowing the clients down.

/// The timetable of one thread's clients: groups of messages at even distances, one client after
/// the other.
#[derive(Clone, Copy, Debug)]
pub struct Timetable {
    pub start_ns: u64,
    /// From one group to the next; 0 is the closed loop, where answers set the pace.
    pub group_interval_ns: f64,
    /// Messages that one client sends together.
    pub group_messages: u32,
    pub clients: u32,
    pub groups: u64,
}

impl Timetable {
    /// `rate` is in messages per second over all `clients` of the thread; 0 is a closed loop.
    pub fn new(start_ns: u64, rate: f64, group_messages: u32, clients: u32, secs: f64) -> Self {
        let groups_per_sec = rate / f64::from(group_messages);
        let (group_interval_ns, groups) = if rate > 0.0 && clients > 0 {
            (1e9 / groups_per_sec, (groups_per_sec * secs).round() as u64)
        } else {
            (0.0, 0)
        };
        Self {
            start_ns,
            group_interval_ns,
            group_messages,
            clients,
            groups,
        }
    }

    pub fn is_closed_loop(&self) -> bool {
        self.group_interval_ns == 0.0
    }

    pub fn group_ns(&self, group: u64) -> u64 {
        self.start_ns + (group as f64 * self.group_interval_ns) as u64
    }

    /// When a client's message ought to leave; `None` where answers set the pace.
    pub fn intended_ns(&self, place: u32, sequence: u32) -> Option<u64> {
        if self.is_closed_loop() {
            return None;
        }
        let turn = u64::from(sequence / self.group_messages);
        Some(self.group_ns(turn * u64::from(self.clients) + u64::from(place)))
    }
}

/// Walks along a timetable.
pub struct Pacer {
    pub timetable: Timetable,
    next_group: u64,
}

/// One client's turn to send.
pub struct Turn {
    pub place: u32,
    pub late_ns: u64,
}

impl Pacer {
    pub fn new(timetable: Timetable) -> Self {
        Self {
            timetable,
            next_group: 0,
        }
    }

    /// The next turn that is due, each once.
    pub fn poll_turn(&mut self, now_ns: u64) -> Option<Turn> {
        let late_ns = now_ns.checked_sub(self.next_ns()?)?;
        let place = (self.next_group % u64::from(self.timetable.clients)) as u32;
        self.next_group += 1;
        Some(Turn { place, late_ns })
    }

    /// When the next turn is due; `None` when there is none left.
    pub fn next_ns(&self) -> Option<u64> {
        (self.next_group < self.timetable.groups).then(|| self.timetable.group_ns(self.next_group))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_go_round_the_clients_and_agree_with_the_intended_times() {
        let timetable = Timetable::new(1_000, 6_000.0, 2, 3, 1.0);
        assert_eq!(timetable.groups, 3_000);
        let mut pacer = Pacer::new(timetable);
        let mut sent = [0u32; 3];
        let mut due_ns = timetable.start_ns;
        while let Some(next_ns) = pacer.next_ns() {
            assert!(pacer.poll_turn(next_ns.saturating_sub(1)).is_none());
            let turn = pacer.poll_turn(next_ns).expect("the turn is due");
            let place = turn.place as usize;
            assert_eq!(turn.late_ns, 0);
            assert_eq!(
                timetable.intended_ns(turn.place, sent[place]),
                Some(next_ns)
            );
            assert_eq!(
                timetable.intended_ns(turn.place, sent[place] + 1),
                Some(next_ns)
            );
            assert!(next_ns >= due_ns);
            due_ns = next_ns;
            sent[place] += 2;
        }
        assert_eq!(sent, [2_000; 3]);
    }

    #[test]
    fn a_late_pacer_catches_up_and_says_how_late_it_was() {
        let mut pacer = Pacer::new(Timetable::new(0, 1_000.0, 1, 10, 1.0));
        let turns: Vec<u64> = std::iter::from_fn(|| pacer.poll_turn(5_000_000))
            .map(|turn| turn.late_ns)
            .collect();
        assert_eq!(
            turns,
            [5_000_000, 4_000_000, 3_000_000, 2_000_000, 1_000_000, 0]
        );
    }

    #[test]
    fn without_a_rate_nothing_is_ever_due() {
        let mut pacer = Pacer::new(Timetable::new(0, 0.0, 1, 10, 1.0));
        assert!(pacer.timetable.is_closed_loop());
        assert!(pacer.poll_turn(u64::MAX).is_none());
    }
}
