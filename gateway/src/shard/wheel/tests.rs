//! Who comes up when, and that nobody is lost between two slots.

use std::hash::RandomState;

use super::*;
use crate::shard::client::Client;

fn many(count: usize) -> (Clients, Vec<u32>) {
    let mut clients = Clients::new(RandomState::new());
    let all = (0..count)
        .map(|number| clients.insert(Client::example(&number.to_string(), 0)))
        .map(|at| at.unwrap_or_else(|_| panic!("there is room")).index)
        .collect();
    (clients, all)
}

/// Everyone who comes up until `now`, in their order.
fn up(wheel: &mut Wheel, clients: &mut Clients, now_tick: u32) -> Vec<u32> {
    std::iter::from_fn(|| wheel.pop(clients, now_tick)).collect()
}

#[test]
fn nobody_comes_up_before_the_time_and_everyone_within_two_slots_after_it() {
    let (mut clients, all) = many(400);
    let mut wheel = Wheel::new(0);
    let due = |index: u32| index * 7 % 2_000;
    all.iter()
        .for_each(|index| wheel.put(&mut clients, *index, due(*index)));
    let mut met = Vec::new();
    for now_tick in 0..2_100 {
        for index in up(&mut wheel, &mut clients, now_tick) {
            assert!(due(index) <= now_tick, "{index} is early");
            assert!(
                now_tick <= due(index) + 2 * TICKS_PER_SLOT,
                "{index} is late"
            );
            met.push(index);
        }
    }
    met.sort_unstable();
    assert_eq!(met, all);
}

#[test]
fn who_was_taken_off_does_not_come_up() {
    let (mut clients, all) = many(5);
    let mut wheel = Wheel::new(0);
    // All in one list: the head, the tail and one between.
    all.iter()
        .for_each(|index| wheel.put(&mut clients, *index, 3));
    for index in [all[0], all[2], all[4]] {
        wheel.take(&mut clients, index);
        wheel.take(&mut clients, index);
    }
    let mut met = up(&mut wheel, &mut clients, 100);
    met.sort_unstable();
    assert_eq!(met, [all[1], all[3]]);
    assert!(up(&mut wheel, &mut clients, 10_000).is_empty());
}

#[test]
fn a_time_beyond_one_turn_comes_up_early_and_can_be_put_off_again() {
    let (mut clients, all) = many(1);
    let mut wheel = Wheel::new(0);
    let turn_ticks = SLOTS as u32 * TICKS_PER_SLOT;
    let due = 3 * turn_ticks;
    wheel.put(&mut clients, all[0], due);
    let mut looks = 0;
    for now_tick in 0..=due + 2 * TICKS_PER_SLOT {
        for index in up(&mut wheel, &mut clients, now_tick) {
            looks += 1;
            if now_tick < due {
                wheel.put(&mut clients, index, due);
            }
        }
    }
    assert!((3..=5).contains(&looks), "{looks} looks");
    assert_eq!(
        clients.at(all[0]).map(|client| client.wheel_previous),
        Some(Wheel::OFF)
    );
}

#[test]
fn a_long_stall_of_the_shard_brings_everyone_up_at_once() {
    let (mut clients, all) = many(50);
    let mut wheel = Wheel::new(0);
    all.iter()
        .for_each(|index| wheel.put(&mut clients, *index, index * 50));
    let mut met = up(&mut wheel, &mut clients, 1_000_000);
    met.sort_unstable();
    assert_eq!(met, all);
    // Whoever is put back now is not lost behind the hand.
    wheel.put(&mut clients, all[0], 1_000_010);
    assert_eq!(up(&mut wheel, &mut clients, 1_000_020), [all[0]]);
}

#[test]
fn put_and_take_in_any_order_keep_the_lists_whole() {
    let (mut clients, all) = many(64);
    let mut wheel = Wheel::new(0);
    let mut on = vec![false; all.len()];
    let mut state = 7_u64;
    for now_tick in 0..20_000 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let who = (state >> 33) as usize % all.len();
        if on[who] {
            wheel.take(&mut clients, all[who]);
        } else {
            wheel.put(
                &mut clients,
                all[who],
                now_tick + (state >> 40) as u32 % 600,
            );
        }
        on[who] = !on[who];
        for index in up(&mut wheel, &mut clients, now_tick) {
            assert!(
                std::mem::take(&mut on[index as usize]),
                "{index} was off the wheel"
            );
        }
    }
    let left = on.iter().filter(|on| **on).count();
    assert_eq!(up(&mut wheel, &mut clients, 1_000_000).len(), left);
}
