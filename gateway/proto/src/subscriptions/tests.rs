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
