//! The table against a map of the standard library, and its bounds.

use std::collections::HashMap;

use super::*;
use crate::draw::Draw;

const SEED: u64 = 0x5EED_0003;

#[test]
fn random_changes_agree_with_a_map() {
    let mut draw = Draw::new(SEED);
    let mut table: Table<u64, u64> = Table::new(500, 7);
    let mut map: HashMap<u64, u64> = HashMap::new();
    let (mut swept_count, mut full_count) = (0, 0);
    for step in 0..60_000 {
        // Values are the step at which they are spent; a map's are dropped when the table's are.
        let key = draw.below(2_000);
        let life = 1 + draw.below(if step % 20_000 < 10_000 { 3_000 } else { 200 });
        let is_spent = |until: &u64| *until <= step;
        match draw.below(10) {
            0 => assert_eq!(table.forget(&key), map.remove(&key).is_some()),
            1 => swept_count += table.sweep(10, is_spent),
            _ if map.contains_key(&key) => {
                *table.find_mut(&key).expect("both have it") = step + life;
                map.insert(key, step + life);
            }
            _ => match table.insert(key, step + life, is_spent) {
                Ok(()) => drop(map.insert(key, step + life)),
                Err(Full) => full_count += 1,
            },
        }
        map.retain(|key, until| *until > step || table.find(key).is_some());
        assert_eq!(table.len(), map.len(), "seed {SEED:#x}, step {step}");
        assert_eq!(
            table.find(&key),
            map.get(&key),
            "seed {SEED:#x}, step {step}"
        );
        assert!(table.len() <= 500);
    }
    let all = map
        .iter()
        .all(|(key, until)| table.find(key) == Some(until));
    assert!(
        all && swept_count > 1_000 && full_count > 100,
        "{swept_count} {full_count}"
    );
}

#[test]
fn a_full_table_forgets_what_is_spent_before_it_turns_anyone_away() {
    let mut table = Table::new(100, 7);
    for key in 0..100 {
        assert_eq!(table.insert(key, false, |spent| *spent), Ok(()));
    }
    assert_eq!(table.insert(100, false, |spent| *spent), Err(Full));
    assert_eq!((table.len(), table.find(&100)), (100, None));
    *table.find_mut(&50).expect("it is in") = true;
    // Each try looks at a part of the table; after some the cursor has been everywhere.
    let tries = (0..4).find(|_| table.insert(100, false, |spent| *spent).is_ok());
    assert!(tries.is_some(), "a spent entry was never found");
    assert_eq!((table.len(), table.find(&50)), (100, None));
    assert_eq!(table.find(&100), Some(&false));
}

#[test]
fn memory_comes_back_when_what_filled_it_is_spent() {
    let mut table: Table<u64, u64> = Table::new(1 << 20, 7);
    assert_eq!(table.bytes(), 0);
    for key in 0..100_000 {
        table.insert(key, 0, |_| false).expect("there is room");
    }
    let peak = table.bytes();
    assert!(peak >= 100_000 * size_of::<(u64, u64)>());
    while table.len() > 0 {
        assert!(table.sweep(1_000, |_| true) > 0);
    }
    assert!(
        table.bytes() < 8_192,
        "{} of {peak} bytes are left",
        table.bytes()
    );
}
