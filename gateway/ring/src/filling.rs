//! Which of several rings takes newcomers: one after the other, so that a storm of them shares its
//! system calls.
//!
//! Spread over thirty rings, each system call would serve a connection or two. So one ring at a
//! time accepts from listeners that all have clones of, and is handed what others hand over. Once
//! none is nearly empty any more, the emptiest one takes them.

/// Up to here a ring is filled before the next one is begun, in percent of its table: the backlog
/// may bring very many at once, and what a full table does not take is closed without a word.
const FIRST_FILL_PERCENT: u32 = 75;
/// How much emptier another ring must be to be worth the change.
const WORTH_A_CHANGE_PERCENT: u32 = 2;

/// The ring for the next newcomer, out of so many with that many slots in `used`.
pub fn choose(used: impl Iterator<Item = u32> + Clone, slots: u32) -> usize {
    let full = percent(slots, FIRST_FILL_PERCENT);
    let first = used.clone().position(|used| used < full);
    let emptiest = || used.enumerate().min_by_key(|(_, used)| *used);
    first
        .or_else(|| emptiest().map(|(ring, _)| ring))
        .unwrap_or(0)
}

/// The ring that is to accept after `now`, which goes on doing so until another one is worth it.
pub fn next(now: usize, used: impl Iterator<Item = u32> + Clone, slots: u32) -> usize {
    let used_now = used.clone().nth(now).unwrap_or(0);
    if used_now < percent(slots, FIRST_FILL_PERCENT) {
        return now;
    }
    let other = choose(used.clone(), slots);
    let used_there = used.clone().nth(other).unwrap_or(0);
    match used_there + percent(slots, WORTH_A_CHANGE_PERCENT) <= used_now {
        true => other,
        false => now,
    }
}

fn percent(slots: u32, percent: u32) -> u32 {
    (u64::from(slots) * u64::from(percent) / 100) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rings_are_filled_one_after_the_other_and_then_evenly() {
        let choose = |used: &[u32]| choose(used.iter().copied(), 100);
        assert_eq!(choose(&[0, 0, 0]), 0);
        assert_eq!(choose(&[74, 0, 0]), 0);
        assert_eq!(choose(&[75, 0, 0]), 1);
        assert_eq!(choose(&[10, 75, 75]), 0);
        assert_eq!(choose(&[80, 79, 81]), 1);
        assert_eq!(choose(&[100]), 0);
    }

    #[test]
    fn a_ring_goes_on_accepting_until_another_one_is_worth_the_change() {
        let next = |now, used: &[u32]| next(now, used.iter().copied(), 100);
        assert_eq!(next(1, &[10, 74]), 1);
        assert_eq!(next(1, &[10, 75]), 0);
        assert_eq!(next(1, &[79, 80]), 1);
        assert_eq!(next(1, &[78, 80]), 0);
        assert_eq!(next(0, &[100]), 0);
    }
}
