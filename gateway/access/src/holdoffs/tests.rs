//! Hold-offs double up to their bound, end when they should, and are forgotten.

use std::collections::HashMap;

use super::*;
use crate::address::Grouping;
use crate::draw::Draw;

const SEED: u64 = 0x5EED_0005;
const SECOND: Duration = Duration::from_secs(1);

/// Three events at once or one per ten seconds; then 1 s, 2 s, 4 s, at most 5 s; forgiven after 20.
fn terms() -> Terms {
    let rate = Rate::per(1, 10 * SECOND, 3).expect("in bounds");
    Terms::new(rate, SECOND, 5 * SECOND, 20 * SECOND).expect("in bounds")
}

#[test]
fn each_hold_off_is_twice_the_last_up_to_the_longest() {
    let mut holdoffs = Holdoffs::new(terms(), 10, 7);
    for _ in 0..3 {
        assert_eq!(holdoffs.note(0, "flapper"), Ok(Note::Fine));
    }
    let mut now = 0;
    for secs in [1, 2, 4, 5, 5] {
        let hold = secs * SECOND;
        assert_eq!(holdoffs.held(now, &"flapper"), None);
        assert_eq!(holdoffs.note(now, "flapper"), Ok(Note::Held(hold)));
        assert_eq!(holdoffs.held(now, &"flapper"), Some(hold));
        now += u64::from(secs) * 1_000;
        assert_eq!(holdoffs.held(now - 1, &"flapper"), Some(SECOND / 1_000));
        assert_eq!(holdoffs.held(now, &"other"), None);
        if now == 12_000 {
            // One event has come back by now.
            assert_eq!(holdoffs.note(now, "flapper"), Ok(Note::Fine));
        }
    }
}

#[test]
fn coming_while_held_makes_it_no_longer() {
    let mut holdoffs = Holdoffs::new(terms(), 10, 7);
    while holdoffs.note(0, 1) == Ok(Note::Fine) {}
    for now in 0..1_000 {
        let left = Duration::from_millis(1_000 - now);
        assert_eq!(holdoffs.note(now, 1), Ok(Note::Held(left)));
    }
    assert_eq!(holdoffs.held(1_000, &1), None);
    assert_eq!(
        holdoffs.note(1_000, 1),
        Ok(Note::Held(2 * SECOND)),
        "the second strike"
    );
}

#[test]
fn after_a_quiet_time_it_begins_anew() {
    let mut holdoffs = Holdoffs::new(terms(), 10, 7);
    let strike = |holdoffs: &mut Holdoffs<u8>, now| loop {
        match holdoffs.note(now, 1) {
            Ok(Note::Fine) => {}
            Ok(Note::Held(hold)) => return hold,
            Err(Full) => panic!("one key fills nothing"),
        }
    };
    assert_eq!(strike(&mut holdoffs, 0), SECOND);
    assert_eq!(strike(&mut holdoffs, 1_000), 2 * SECOND);
    // Held until 3,000; forgiven at 23,000, not before.
    assert_eq!(strike(&mut holdoffs, 22_999), 4 * SECOND);
    // Held until 26,999.
    assert_eq!(strike(&mut holdoffs, 46_999), SECOND);
    assert!(holdoffs.forgive(&1) && !holdoffs.forgive(&1));
    assert_eq!(strike(&mut holdoffs, 47_000), SECOND);
}

#[test]
fn a_thousand_wrong_passwords_a_second_get_few_tries_and_harm_no_neighbour() {
    let mut holdoffs = Holdoffs::new(terms(), 100, 7);
    let by = Grouping::default();
    let guesser = by.of("2001:db8:bad::1".parse().expect("an address"));
    let neighbour = by.of("2001:db8:600d::1".parse().expect("an address"));
    let mut tries = 0;
    for now in 0..3_600_000_u64 {
        if holdoffs.held(now, &guesser).is_none() {
            tries += 1;
            holdoffs.note(now, guesser).expect("there is room");
        }
        assert_eq!(holdoffs.held(now, &neighbour), None);
    }
    // 3 at once, then at most one per 10 s and one per hold-off of 5 s.
    assert!(
        (300..=3 + 360 + 720 + 3).contains(&tries),
        "{tries} tries in an hour"
    );
}

#[test]
fn a_key_with_nothing_against_it_is_forgotten_and_that_changes_no_answer() {
    let mut draw = Draw::new(SEED);
    let mut swept = Holdoffs::new(terms(), 1_000, 7);
    let mut kept: HashMap<u64, Hold> = HashMap::new();
    let (mut now, mut forgotten_count, mut held_count) = (0, 0, 0);
    for step in 0..200_000 {
        now += draw.below(250);
        let key = draw.below(100) * draw.below(10);
        let own = kept.entry(key).or_default();
        assert_eq!(
            swept.held(now, &key),
            own.left(now),
            "seed {SEED:#x}, step {step}"
        );
        let expected = own.note(now, &terms());
        assert_eq!(
            swept.note(now, key),
            Ok(expected),
            "seed {SEED:#x}, step {step}"
        );
        held_count += u64::from(expected != Note::Fine);
        if draw.once_in(5) {
            forgotten_count += swept.sweep(now, 5);
        }
    }
    assert!(
        forgotten_count > 1_000 && held_count > 1_000,
        "{forgotten_count} {held_count}"
    );
    assert!(swept.sweep(now + 3_600_000, 1_000) > 0);
    assert!(swept.is_empty());
}

#[test]
fn a_full_table_is_said_and_counted() {
    let mut holdoffs = Holdoffs::new(terms(), 2, 7);
    assert_eq!(holdoffs.note(0, 1), Ok(Note::Fine));
    assert_eq!(holdoffs.note(0, 2), Ok(Note::Fine));
    assert_eq!(holdoffs.note(0, 3), Err(Full));
    assert_eq!((holdoffs.len(), holdoffs.turned_away_count()), (2, 1));
    assert_eq!(holdoffs.note(10_000, 3), Ok(Note::Fine));
}

#[test]
fn terms_out_of_order_or_bounds_are_none() {
    let rate = Rate::per_sec(1, 1).expect("in bounds");
    let most = Duration::from_millis(HOLD_MILLIS_MAX);
    assert!(Terms::new(rate, most, most, most).is_some());
    assert_eq!(Terms::new(rate, Duration::ZERO, SECOND, SECOND), None);
    assert_eq!(Terms::new(rate, 2 * SECOND, SECOND, SECOND), None);
    assert_eq!(Terms::new(rate, SECOND, most + SECOND, SECOND), None);
    assert_eq!(Terms::new(rate, SECOND, SECOND, most + SECOND), None);
}

#[test]
fn the_longest_hold_off_after_the_most_strikes_fits_its_word() {
    let rate = Rate::per(1, Duration::from_secs(86_400), 1).expect("in bounds");
    let most = Duration::from_millis(HOLD_MILLIS_MAX);
    let terms = Terms::new(rate, most, most, most).expect("in bounds");
    let mut hold = Hold::default();
    let mut now = 0;
    for _ in 0..1_000 {
        while hold.note(now, &terms) == Note::Fine {}
        assert_eq!(hold.left(now), Some(most));
        if now > crate::limits::NOW_MILLIS_MAX - HOLD_MILLIS_MAX {
            break;
        }
        now += HOLD_MILLIS_MAX;
    }
    assert!(hold.strikes() == STRIKES_MAX && now > crate::limits::NOW_MILLIS_MAX / 2);
}
