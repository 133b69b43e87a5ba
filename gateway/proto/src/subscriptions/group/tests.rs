//! Turns are taken fairly, also while members come, go, and cannot take a message.

use super::*;
use crate::subscriptions::Grant;

fn group(clients: impl IntoIterator<Item = u32>) -> Group {
    let mut group = Group::new("$share/g/a", 0, 0);
    for client in clients {
        group.insert(Subscriber::new(client, Grant::default()));
    }
    group
}

fn picks(group: &mut Group, count: usize, fit: impl Fn(u32) -> Fit) -> Vec<u32> {
    let picked = (0..count).filter_map(|_| group.pick(&mut |client| fit(client)));
    picked.map(Subscriber::client).collect()
}

#[test]
fn every_member_has_one_turn_in_a_round() {
    let mut group = group([7, 8, 9]);
    assert_eq!(picks(&mut group, 6, |_| Fit::Ready), [7, 8, 9, 7, 8, 9]);
}

#[test]
fn a_member_that_is_not_ready_is_passed_over_for_one_that_is() {
    let mut group = group([7, 8, 9]);
    let fit = |client| match client {
        7 => Fit::Later,
        8 => Fit::No,
        _ => Fit::Ready,
    };
    assert_eq!(picks(&mut group, 3, fit), [9, 9, 9]);
    let nobody_ready = |client| match client {
        8 => Fit::No,
        _ => Fit::Later,
    };
    assert_eq!(picks(&mut group, 4, nobody_ready), [7, 9, 7, 9]);
    assert_eq!(picks(&mut group, 2, |_| Fit::No), []);
}

#[test]
fn nobody_gains_or_loses_a_turn_when_another_member_leaves() {
    for leaving in 0..8 {
        for turns in 0..8 {
            let mut group = group(0..8);
            let mut had_turn = picks(&mut group, turns, |_| Fit::Ready);
            group.remove(leaving);
            let rest = 8 - turns - usize::from(!had_turn.contains(&leaving));
            had_turn.extend(picks(&mut group, rest, |_| Fit::Ready));
            had_turn.sort_unstable();
            let wanted: Vec<u32> = (0..8)
                .filter(|client| *client != leaving || (leaving as usize) < turns)
                .collect();
            assert_eq!(had_turn, wanted, "{leaving} left after {turns} turns");
        }
    }
}

#[test]
fn a_group_of_many_who_cannot_is_searched_in_bounded_steps_and_to_its_end() {
    let last = 3 * limits::LOOKS_MAX as u32;
    let mut group = group(0..=last);
    let mut looks = 0;
    let mut tries = 0;
    let found = loop {
        tries += 1;
        let mut fit = |client| {
            looks += 1;
            if client == last { Fit::Ready } else { Fit::No }
        };
        if let Some(found) = group.pick(&mut fit) {
            break found;
        }
        assert!(looks <= tries * limits::LOOKS_MAX && tries < 10);
    };
    assert_eq!(found.client(), last);
    let mut looks = 0;
    let mut later = |_| {
        looks += 1;
        Fit::Later
    };
    assert!(group.pick(&mut later).is_some());
    assert_eq!(looks, limits::READY_LOOKS_MAX);
}

#[test]
fn members_are_told_of_exactly_while_few_and_roughly_when_many() {
    let mut group = group([]);
    let mut told = Vec::new();
    for client in 0..10_000 {
        group.insert(Subscriber::new(client, Grant::default()));
        told.extend(group.news());
    }
    assert_eq!(told[..17], (1..=17).collect::<Vec<u32>>());
    assert!((18..100).contains(&told.len()), "told {} times", told.len());
    for client in 0..10_000 {
        group.remove(client);
        told.extend(group.news());
    }
    assert_eq!(told.last(), Some(&0));
    assert!(told.len() < 200, "told {} times", told.len());
}
