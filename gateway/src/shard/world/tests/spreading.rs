//! From shard to shard: messages, groups, retained messages, and the bound on notes.

use std::collections::BTreeMap;

use tributary_proto::session::Terms;

use super::bench::{Bench, Ground, publish_5, subscribe};
use crate::limits::NOTES_PER_SHARD_MAX;
use crate::shard::client::Paused;

/// A client of this shard, by an id whose home it is.
fn client(bench: &mut Bench, name: &str) -> u32 {
    let mut ids = (0..).map(|number| format!("{name}{number}"));
    let index = bench.world.index;
    let id = ids.find(|id| bench.world.home(id) == index);
    bench.connect(&id.expect("some id lives here"), 5, 0)
}

fn subscriber(bench: &mut Bench, name: &str, filter: &str) -> u32 {
    let index = client(bench, name);
    bench.world.on_bytes(index, &subscribe(1, filter, 1));
    bench.carry();
    assert_eq!(bench.sent(index), [0x90, 4, 0, 1, 0, 1]);
    index
}

/// Lets all shards read their notes until there are no more.
fn settle(shards: &mut [Bench]) {
    while shards
        .iter_mut()
        .filter_map(|one| one.take_notes().then_some(()))
        .count()
        > 0
    {}
}

/// The payloads of the PUBLISHes of QoS 1 and this topic that a client was sent.
fn payloads(sent: &[u8], topic: &str) -> Vec<u8> {
    let bytes = publish_5(topic, 0b010, 1, b"?").len();
    sent.chunks(bytes)
        .map(|publish| publish[bytes - 1])
        .collect()
}

#[test]
fn a_message_reaches_every_shard_that_wants_it_in_order_and_no_other() {
    let mut shards = Ground::new(4).shards(&Terms::default());
    let readers: Vec<_> = (1..4)
        .map(|at| subscriber(&mut shards[at], "r", "x/+"))
        .collect();
    let publisher = client(&mut shards[0], "p");
    for id in 1..=100 {
        let publish = publish_5("x/a", 0b010, id, &[id as u8]);
        shards[0].world.on_bytes(publisher, &publish);
    }
    shards[0].carry();
    assert_eq!(
        shards[0].sent(publisher).len(),
        4 * 100,
        "each is acknowledged"
    );
    shards[0]
        .world
        .on_bytes(publisher, &publish_5("elsewhere", 0b010, 101, b"x"));
    assert_eq!(shards[0].world.book().forwarded.read(), 3 * 100);
    settle(&mut shards);
    for (shard, reader) in shards[1..].iter_mut().zip(readers) {
        let sent = shard.sent(reader);
        assert_eq!(payloads(&sent, "x/a"), Vec::from_iter(1..=100));
    }
}

#[test]
fn members_of_a_group_share_by_their_number_wherever_they_are() {
    let mut shards = Ground::new(3).shards(&Terms::default());
    let filter = "$share/crew/x/#";
    let mut members = Vec::new();
    for (shard, count) in [(0, 1), (1, 3), (2, 1)] {
        for number in 0..count {
            let member = subscriber(&mut shards[shard], &format!("m{number}-"), filter);
            members.push((shard, member));
        }
    }
    let publisher = client(&mut shards[2], "p");
    for id in 1..=100 {
        let publish = publish_5("x/a", 0b010, id, &[id as u8]);
        shards[2].world.on_bytes(publisher, &publish);
    }
    settle(&mut shards);
    let mut times = BTreeMap::new();
    for (shard, member) in members {
        let sent = shards[shard].sent(member);
        let share = payloads(&sent, "x/a");
        assert_eq!(share.len(), 20, "member {member} of shard {shard}");
        share
            .iter()
            .for_each(|number| *times.entry(*number).or_insert(0) += 1);
    }
    assert!(times.len() == 100 && times.values().all(|count| *count == 1));
    let picks: u64 = shards
        .iter()
        .map(|one| one.world.book().group_picks.read())
        .sum();
    assert_eq!(picks, 100);
}

#[test]
fn a_new_subscriber_gets_what_is_retained_on_every_shard() {
    let mut shards = Ground::new(3).shards(&Terms::default());
    let publisher = client(&mut shards[0], "p");
    for id in 1..=50 {
        let topic = format!("x/{}", char::from(48 + id as u8));
        let publish = publish_5(&topic, 0b011, id, &[id as u8]);
        shards[0].world.on_bytes(publisher, &publish);
    }
    settle(&mut shards);
    assert_eq!(shards[0].sent(publisher).len(), 4 * 50);
    let kept = shards.iter().map(|one| one.world.retained.count());
    let kept: Vec<_> = kept.collect();
    assert!(kept.iter().all(|count| *count > 0) && kept.iter().sum::<usize>() == 50);
    let reader = client(&mut shards[1], "r");
    shards[1].world.on_bytes(reader, &subscribe(1, "x/+", 1));
    shards[1].carry();
    settle(&mut shards);
    let sent = shards[1].sent(reader);
    assert_eq!(sent[..6], [0x90, 4, 0, 1, 0, 1]);
    let mut there = payloads(&sent[6..], "x/a");
    there.sort_unstable();
    assert_eq!(there, Vec::from_iter(1..=50));
}

#[test]
fn a_shard_that_does_not_read_its_notes_makes_publishers_wait_and_lets_them_go_on() {
    let mut shards = Ground::new(2).shards(&Terms::default());
    let reader = subscriber(&mut shards[1], "r", "x/#");
    let publisher = client(&mut shards[0], "p");
    let publish = publish_5("x/a", 0, 0, b"x");
    for _ in 0..NOTES_PER_SHARD_MAX {
        shards[0].world.on_bytes(publisher, &publish);
    }
    assert!(
        !shards[0].has(publisher, Paused::LANE),
        "the bound itself is allowed"
    );
    shards[0]
        .world
        .on_bytes(publisher, &publish_5("x/a", 0b010, 1, b"x"));
    shards[0].carry();
    assert!(shards[0].has(publisher, Paused::LANE));
    assert!(shards[0].sent(publisher).is_empty());
    let mailboxes = shards[0].world.mailboxes.clone();
    while !mailboxes.0[0].take_room() {
        assert!(shards[1].take_notes(), "nobody says that there is room");
        shards[1].sent(reader);
    }
    shards[0].world.on_room();
    shards[0].carry();
    assert!(!shards[0].has(publisher, Paused::LANE));
    assert_eq!(shards[0].sent(publisher), [0x40, 2, 0, 1]);
    assert!(
        !mailboxes.0[1].has_room(usize::MAX / 2),
        "bytes are bounded too"
    );
}
