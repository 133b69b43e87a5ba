//! A group's members over the shards, and whose turn it is by their number.

use super::ShardSet;

/// Where the members of a group are.
#[derive(Default, Debug)]
pub(super) struct Balance {
    seats: Vec<Seat>,
}

#[derive(Debug)]
struct Seat {
    shard: usize,
    members: u32,
    /// What it is owed: grows with every message by its members, falls by all when it gets one.
    credit: i64,
}

impl Balance {
    /// Whether there are no members anywhere.
    pub(super) fn is_empty(&self) -> bool {
        self.seats.is_empty()
    }

    /// A shard has so many members now.
    pub(super) fn set(&mut self, shard: usize, members: u32) {
        let place = self.seats.iter().position(|seat| seat.shard == shard);
        match (place, members) {
            (None, 0) => {}
            (Some(place), 0) => {
                self.seats.swap_remove(place);
            }
            (Some(place), members) => self.seats[place].members = members,
            (None, members) => self.seats.push(Seat {
                shard,
                members,
                credit: 0,
            }),
        }
    }

    /// The shard whose turn it is, of those that were not tried with this message: each as often as
    /// it has members, spread as evenly as can be (the smooth weighted round robin of nginx).
    pub(super) fn pick(&mut self, tried: &ShardSet) -> Option<usize> {
        let mut all = 0;
        let mut best: Option<&mut Seat> = None;
        for seat in &mut self.seats {
            if tried.contains(seat.shard) {
                continue;
            }
            seat.credit += i64::from(seat.members);
            all += i64::from(seat.members);
            if best.as_ref().is_none_or(|best| seat.credit > best.credit) {
                best = Some(seat);
            }
        }
        let best = best?;
        best.credit -= all;
        Some(best.shard)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_shard_is_picked_as_often_as_it_has_members() {
        let mut balance = Balance::default();
        for (shard, members) in [(0, 5), (1, 1), (2, 0), (3, 2)] {
            balance.set(shard, members);
        }
        let mut counts = [0; 4];
        for _ in 0..80 {
            let shard = balance
                .pick(&ShardSet::default())
                .expect("there are members");
            counts[shard] += 1;
        }
        assert_eq!(counts, [50, 10, 0, 20]);
    }

    #[test]
    fn a_shard_that_was_tried_or_has_no_members_is_not_picked() {
        let mut balance = Balance::default();
        balance.set(0, 3);
        balance.set(1, 1);
        let mut tried = ShardSet::default();
        tried.insert(0);
        assert_eq!(balance.pick(&tried), Some(1));
        tried.insert(1);
        assert_eq!(balance.pick(&tried), None);
        balance.set(0, 0);
        assert_eq!(balance.pick(&ShardSet::default()), Some(1));
        balance.set(1, 0);
        assert!(balance.is_empty());
    }
}
