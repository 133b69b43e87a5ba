//! A crowd on one filter leaves in a few steps each, and nothing stays behind.

use super::*;
use crate::version::Qos;

#[test]
fn a_mass_disconnect_leaves_nothing_behind() {
    const CLIENTS: u32 = 100_000;
    let mut all = Subscriptions::new(TopicHasher::new(1), Bounds::default());
    let mut changes = Vec::new();
    let mut held: Vec<Held> = Vec::new();
    for client in 0..CLIENTS {
        let mut one = Held::default();
        for filter in ["news", "news/#", "$share/g/news"] {
            let grant = Grant {
                qos: Qos::AtLeastOnce,
                identifier: 1 + client % 2,
                ..Grant::default()
            };
            let added = all.subscribe(client, "id", &mut one, filter, grant, &mut changes);
            assert_eq!(added, Added::New);
        }
        held.push(one);
    }
    let mut found = Found::default();
    all.find("news", &mut |_| None, &mut found);
    assert_eq!(found.receivers().len(), CLIENTS as usize);
    assert_eq!(found.groups().len(), 1);
    for (client, held) in (0..).zip(&mut held) {
        all.unsubscribe_all(client, held, &mut changes);
    }
    assert!(all.is_empty());
    assert_eq!((all.filters.count(), all.groups.count()), (0, 0));
    assert_eq!((all.lists.count(), all.patterns.count()), (0, 0));
    assert_eq!((all.exact.len(), all.groups_by_key.len()), (0, 0));
    all.find("news", &mut |_| None, &mut found);
    assert!(found.is_empty());
}

/// Who receives a message on `news`, each with how many identifiers.
fn receivers(all: &mut Subscriptions) -> Vec<(u32, usize)> {
    let mut found = Found::default();
    all.find("news", &mut |_| None, &mut found);
    let receivers = found.receivers();
    let mut receivers: Vec<_> = receivers.map(|r| (r.client, r.identifiers.len())).collect();
    receivers.sort_unstable();
    receivers
}

#[test]
fn a_crowd_and_those_who_listen_to_everything_are_told_once_each_however_many_they_are() {
    for listeners in [1_u32, 2, 8, 9, 30] {
        let mut all = Subscriptions::new(TopicHasher::new(1), Bounds::default());
        let mut held: Vec<Held> = (0..130).map(|_| Held::default()).collect();
        let grant = |identifier| Grant {
            identifier,
            ..Grant::default()
        };
        let mut subscribe = |client: u32, filter: &str, identifier| {
            let held = &mut held[client as usize];
            let changes = &mut Vec::new();
            all.subscribe(client, "id", held, filter, grant(identifier), changes);
        };
        (0..100).for_each(|client| subscribe(client, "news", 1 + client % 2));
        // Every other one of them is in the crowd as well.
        for listener in 0..listeners {
            let client = if listener.is_multiple_of(2) {
                100 + listener
            } else {
                listener
            };
            subscribe(client, "#", 2);
            subscribe(client, "+", 3);
        }
        let wanted = |client: u32| match client {
            0..100 if client % 2 == 1 && client < listeners => Some((client, 2)),
            0..100 => Some((client, 1)),
            _ if client.is_multiple_of(2) && client - 100 < listeners => Some((client, 2)),
            _ => None,
        };
        let wanted: Vec<(u32, usize)> = (0..130).filter_map(wanted).collect();
        assert_eq!(receivers(&mut all), wanted, "{listeners} listeners");
    }
}
