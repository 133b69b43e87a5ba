//! A block on its way: which of its records librdkafka has answered, and what comes back
//! unanswered.

use super::batch::Record;

/// Names one record of one flight in librdkafka's opaque word.
///
/// The ticket itself stays here: a position also says in which order the unanswered must be sent
/// again. `generation` is how a report of a producer that was given up misses the flight that came
/// after.
///
/// ```text
///  63        48 47      32 31        0
/// [ generation ][ flight  ][ position ]
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) generation: u16,
    pub(super) flight: u16,
    pub(super) position: u32,
}

impl Claim {
    pub(super) fn word(self) -> usize {
        (self.generation as usize) << 48 | (self.flight as usize) << 32 | self.position as usize
    }

    pub(super) fn from_word(word: usize) -> Claim {
        Claim {
            generation: (word >> 48) as u16,
            flight: (word >> 32) as u16,
            position: word as u32,
        }
    }
}

/// What is known of one record in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// With librdkafka.
    Open,
    /// Its ticket has been reported.
    Answered,
    /// Not in Kafka as far as we know: to be sent again.
    Returned,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Passenger {
    pub(super) ticket: u64,
    /// What it has claimed of the lane's room, see [`Record::claim`].
    pub(super) weight: u32,
    pub(super) is_replayed: bool,
    pub(super) fate: Fate,
}

/// One block with librdkafka.
#[derive(Debug, Default)]
pub(super) struct Flight {
    pub(super) generation: u16,
    pub(super) passengers: Vec<Passenger>,
    /// Passengers whose fate is open.
    pub(super) open: usize,
    /// Kafka refused the block because of one of its records: cut it before the next try.
    pub(super) to_cut: bool,
    /// Kafka would not have a record because of its topic: what is known of that may be old.
    pub(super) is_topic_in_doubt: bool,
}

impl Flight {
    /// Starts the next flight in this place.
    pub(super) fn depart(&mut self, records: &[Record]) {
        self.generation = self.generation.wrapping_add(1);
        self.passengers.clear();
        self.passengers
            .extend(records.iter().map(|record| Passenger {
                ticket: record.ticket,
                weight: record.claim().1 as u32,
                is_replayed: record.is_replayed,
                fate: Fate::Open,
            }));
        self.open = records.len();
        (self.to_cut, self.is_topic_in_doubt) = (false, false);
    }

    /// Settles the fate of one passenger; `None` when it is not open, thus a report of another
    /// time.
    pub(super) fn settle(&mut self, claim: Claim, fate: Fate) -> Option<Passenger> {
        if claim.generation != self.generation {
            return None;
        }
        let passenger = self.passengers.get_mut(claim.position as usize)?;
        if passenger.fate != Fate::Open {
            return None;
        }
        passenger.fate = fate;
        self.open -= 1;
        Some(*passenger)
    }

    /// How many of those that had claimed room were answered, and what they had claimed.
    pub(super) fn answered(&self) -> (u64, u64) {
        let answered = self
            .passengers
            .iter()
            .filter(|passenger| passenger.fate == Fate::Answered && !passenger.is_replayed);
        answered.fold((0, 0), |(count, weight), passenger| {
            (count + 1, weight + u64::from(passenger.weight))
        })
    }

    /// Gives up on what is open: nothing that comes later counts.
    pub(super) fn abandon(&mut self) {
        self.generation = self.generation.wrapping_add(1);
        for passenger in &mut self.passengers {
            if passenger.fate == Fate::Open {
                passenger.fate = Fate::Returned;
            }
        }
        self.open = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(ticket: u64) -> Record {
        Record {
            ticket,
            start: 0,
            key_bytes: 1,
            headers_bytes: 2,
            payload_bytes: 3,
            ..Record::default()
        }
    }

    #[test]
    fn a_claim_survives_the_way_through_librdkafka() {
        for generation in [0, 1, 0xffff] {
            for flight in [0, 1, 0xffff] {
                for position in [0, 1, u32::MAX] {
                    let claim = Claim {
                        generation,
                        flight,
                        position,
                    };
                    assert_eq!(Claim::from_word(claim.word()), claim);
                }
            }
        }
    }

    #[test]
    fn a_passenger_is_settled_once_and_never_by_a_report_of_another_flight() {
        let mut flight = Flight::default();
        flight.depart(&[record(10), record(11)]);
        let claim = Claim {
            generation: flight.generation,
            flight: 0,
            position: 1,
        };
        let passenger = flight
            .settle(claim, Fate::Answered)
            .map(|passenger| passenger.ticket);
        assert_eq!((passenger, flight.open), (Some(11), 1));
        assert!(flight.settle(claim, Fate::Answered).is_none(), "twice");
        assert_eq!(flight.answered(), (1, record(11).claim().1));
        flight.depart(&[record(12), record(13)]);
        assert!(flight.settle(claim, Fate::Answered).is_none(), "late");
        assert_eq!(flight.open, 2);
    }

    #[test]
    fn what_is_open_comes_back_when_a_flight_is_abandoned() {
        let mut flight = Flight::default();
        flight.depart(&[record(10), record(11)]);
        let first = Claim {
            generation: flight.generation,
            flight: 0,
            position: 0,
        };
        let second = Claim {
            position: 1,
            ..first
        };
        assert!(flight.settle(first, Fate::Answered).is_some());
        flight.abandon();
        let fates: Vec<_> = flight
            .passengers
            .iter()
            .map(|passenger| passenger.fate)
            .collect();
        assert_eq!(fates, [Fate::Answered, Fate::Returned]);
        assert!(flight.settle(second, Fate::Answered).is_none());
    }
}
