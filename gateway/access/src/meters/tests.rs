//! Only those who have sent something lately have a meter, and each has its own.

use super::*;
use crate::rate::Rate;

const ONE: Tokens = Tokens {
    messages: 1,
    bytes: 100,
};

fn meters(keys_max: usize) -> Meters<u64> {
    let terms = Terms {
        messages: Some(Rate::per_sec(1, 2).expect("in bounds")),
        bytes: None,
    };
    Meters::new(terms, keys_max, 7)
}

#[test]
fn each_key_has_its_own_and_those_that_are_full_are_forgotten() {
    let mut meters = meters(1_000);
    for key in 0..100 {
        for _ in 0..2 {
            assert_eq!(meters.grab(0, key, ONE, ONE), Ok(ONE));
        }
        assert!(meters.grab(0, key, ONE, ONE).is_err());
    }
    assert_eq!(meters.len(), 100);
    assert_eq!(meters.sweep(1_000, 100), 0);
    assert_eq!(meters.sweep(2_000, 100), 100);
    assert!(meters.is_empty());
}

#[test]
fn what_is_given_back_can_be_taken_again() {
    let mut meters = meters(10);
    let two = ONE.more(ONE);
    assert_eq!(meters.grab(0, 1, ONE, two), Ok(two));
    meters.give_back(&1, ONE);
    assert_eq!(
        meters.grab(0, 1, ONE, two).map(|granted| granted.messages),
        Ok(1)
    );
    meters.give_back(&2, ONE);
    assert_eq!(meters.len(), 1, "who took nothing gives nothing back");
}

#[test]
fn a_full_table_leaves_newcomers_unmetered_and_says_so() {
    let mut meters = meters(4);
    (0..4).for_each(|key| assert!(meters.grab(0, key, ONE, ONE).is_ok()));
    (0..9).for_each(|_| assert!(meters.grab(0, 99, ONE, ONE).is_ok()));
    assert_eq!((meters.len(), meters.unmetered_count()), (4, 9));
    assert!(meters.grab(0, 0, ONE, ONE).is_ok());
    assert!(
        meters.grab(0, 0, ONE, ONE).is_err(),
        "who is known stays metered"
    );
    assert!(meters.grab(1_000, 99, ONE, ONE).is_ok());
    assert_eq!(meters.unmetered_count(), 9, "the full ones have made room");
}
