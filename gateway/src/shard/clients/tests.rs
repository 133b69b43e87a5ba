//! Places, lives and the index of clients.

use std::collections::HashMap;

use super::*;

fn clients() -> Clients {
    Clients::new(RandomState::new())
}

fn enter(clients: &mut Clients, id: &str) -> ClientRef {
    clients
        .insert(Client::example(id, 0))
        .unwrap_or_else(|_| panic!("there is room"))
}

/// SplitMix64, enough to pick who comes and who goes.
fn chance(state: &mut u64) -> usize {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    (z ^ (z >> 27)) as usize
}

#[test]
fn a_client_is_found_by_id_and_by_place_until_it_goes() {
    let mut clients = clients();
    let at = enter(&mut clients, "a");
    enter(&mut clients, "b");
    assert_eq!(clients.len(), 2);
    assert_eq!(clients.by_id("a"), Some(at.index));
    assert_eq!(clients.find(at).map(|client| &*client.id), Some("a"));
    assert_eq!(
        clients.remove(at.index).map(|client| client.id),
        Some("a".into())
    );
    assert_eq!(clients.by_id("a"), None);
    assert!(clients.find(at).is_none() && clients.at(at.index).is_none());
    assert!(clients.remove(at.index).is_none(), "it has gone already");
    assert_eq!(clients.len(), 1);
}

#[test]
fn what_was_meant_for_one_who_has_gone_misses_the_newcomer() {
    let mut clients = clients();
    enter(&mut clients, "stays");
    let gone = enter(&mut clients, "a");
    clients.remove(gone.index);
    let newcomer = enter(&mut clients, "b");
    assert_eq!(newcomer.index, gone.index, "the place is used again");
    assert!(clients.find(gone).is_none());
    assert!(clients.find(newcomer).is_some());
    assert_eq!(clients.generation(newcomer.index), newcomer.generation);
}

#[test]
fn lives_go_on_counting_when_a_chunk_was_given_back() {
    let mut clients = clients();
    let mut seen = Vec::new();
    for _ in 0..100 {
        let at = enter(&mut clients, "alone");
        assert!(!seen.contains(&at), "{at:?} was someone else");
        seen.push(at);
        clients.remove(at.index);
        assert!(clients.chunks[0].places.is_empty(), "the memory went back");
    }
    assert!(seen.iter().all(|at| clients.find(*at).is_none()));
}

#[test]
fn a_mass_disconnect_gives_its_memory_back() {
    let mut clients = clients();
    let all: Vec<_> = (0..5 * CHUNK_CLIENTS)
        .map(|number| enter(&mut clients, &format!("c{number}")))
        .collect();
    assert_eq!(clients.chunks.len(), 5);
    let index_room = clients.by_id.capacity();
    all.iter().for_each(|at| drop(clients.remove(at.index)));
    assert!(clients.chunks.iter().all(|chunk| chunk.places.is_empty()));
    assert!(clients.by_id.capacity() * 100 < index_room);
}

#[test]
fn a_sweep_in_steps_meets_everyone_once() {
    let mut clients = clients();
    let all: Vec<_> = (0..3 * CHUNK_CLIENTS)
        .map(|number| enter(&mut clients, &format!("c{number}")).index)
        .collect();
    // A chunk in the middle that is empty, and holes elsewhere.
    for index in &all {
        if split(*index).0 == 1 || *index % 3 == 0 {
            clients.remove(*index);
        }
    }
    let mut met = Vec::new();
    let mut from = Some(0);
    while let Some(start) = from {
        let (some, next) = clients.some_from(start, 100);
        assert!(some.len() <= 100);
        met.extend(some);
        from = next;
    }
    let stayed = all
        .iter()
        .copied()
        .filter(|index| split(*index).0 != 1 && index % 3 != 0);
    assert_eq!(met, stayed.collect::<Vec<_>>());
}

#[test]
fn a_sweep_that_may_look_at_few_places_ends_in_the_middle_and_goes_on_there() {
    let mut clients = clients();
    let all: Vec<_> = (0..2 * CHUNK_CLIENTS)
        .map(|number| enter(&mut clients, &format!("c{number}")).index)
        .collect();
    let (stays, gone): (Vec<_>, Vec<_>) = all.into_iter().partition(|index| *index % 700 == 699);
    gone.into_iter()
        .for_each(|index| drop(clients.remove(index)));
    let (mut met, mut looks, mut from) = (Vec::new(), 0, Some(0));
    while let Some(start) = from {
        let (some, next) = clients.some_within(start, 100, 64);
        assert!(next.is_none_or(|next| next <= start + 64));
        met.extend(some);
        looks += 1;
        from = next;
    }
    assert_eq!(met, stays);
    assert_eq!(looks, 2 * CHUNK_CLIENTS / 64);
}

#[test]
fn whoever_comes_and_goes_the_index_and_the_slab_agree() {
    let mut clients = clients();
    let mut here: HashMap<String, ClientRef> = HashMap::new();
    let mut gone = Vec::new();
    let mut state = 1;
    for _ in 0..50_000 {
        let id = format!("c{}", chance(&mut state) % 3_000);
        match here.remove(&id) {
            Some(at) => {
                assert_eq!(clients.by_id(&id), Some(at.index));
                assert_eq!(&*clients.remove(at.index).expect("it is here").id, id);
                gone.push(at);
            }
            None => {
                assert_eq!(clients.by_id(&id), None);
                let at = enter(&mut clients, &id);
                here.insert(id, at);
            }
        }
        assert_eq!(clients.len(), here.len());
    }
    assert!(
        here.iter()
            .all(|(id, at)| clients.find(*at).is_some_and(|one| *one.id == **id))
    );
    assert!(gone.iter().all(|at| clients.find(*at).is_none()));
}
