//! What must outlive the process is on disk before anyone hears that it was taken.

use tributary_proto::close::Close;

use super::bench::{Durable, PINGREQ, connect_kept, publish_5, subscribe};
use crate::shard::world::Order;

const SUBACK: [u8; 6] = [0x90, 4, 0, 1, 0, 2];
const PINGRESP: [u8; 2] = [0xD0, 0];

/// A client whose session lasts; its CONNACK is sent.
fn lasting(durable: &mut Durable, id: &str) -> u32 {
    let index = durable.bench.enter(&connect_kept(id, false, 3_600));
    durable.commit();
    assert_eq!(durable.bench.sent(index)[0], 0x20);
    index
}

/// The same, subscribed to this filter.
fn subscriber(durable: &mut Durable, id: &str, filter: &str) -> u32 {
    let index = lasting(durable, id);
    durable
        .bench
        .world
        .on_bytes(index, &subscribe(1, filter, 2));
    durable.commit();
    assert_eq!(durable.bench.sent(index), SUBACK);
    index
}

#[test]
fn a_suback_waits_for_the_disk_and_what_comes_behind_it_stays_behind_it() {
    let mut durable = Durable::new("suback");
    let index = lasting(&mut durable, "c");
    durable.bench.world.on_bytes(index, &subscribe(1, "x/#", 2));
    durable.bench.carry();
    assert!(durable.bench.sent(index).is_empty());
    durable.bench.world.on_bytes(index, &PINGREQ);
    durable.bench.carry();
    assert!(durable.bench.sent(index).is_empty(), "it would overtake");
    durable.commit();
    assert_eq!(durable.bench.sent(index), [&SUBACK[..], &PINGRESP].concat());
    durable.bench.world.on_bytes(index, &PINGREQ);
    durable.bench.carry();
    assert_eq!(durable.bench.sent(index), PINGRESP, "nothing to wait for");
}

#[test]
fn what_the_disk_let_out_is_not_lost_with_buffers_that_fall_idle() {
    let mut durable = Durable::new("idle");
    let index = lasting(&mut durable, "c");
    durable.bench.world.on_bytes(index, &subscribe(1, "x/#", 2));
    durable.commit();
    durable.bench.world.fall_idle(index);
    assert_eq!(durable.bench.sent(index), SUBACK);
}

#[test]
fn words_for_a_connection_that_is_gone_are_not_said_on_the_next() {
    let mut durable = Durable::new("gone");
    let index = lasting(&mut durable, "c");
    durable.bench.world.on_bytes(index, &subscribe(1, "x/#", 2));
    durable.bench.carry();
    durable.bench.world.end(index, Close::PeerReset);
    let back = durable.bench.enter(&connect_kept("c", false, 3_600));
    durable.commit();
    let sent = durable.bench.sent(back);
    assert_eq!((back, sent[0], sent[2]), (index, 0x20, 1));
    assert_eq!(
        sent.len(),
        2 + usize::from(sent[1]),
        "CONNACK and no SUBACK"
    );
}

#[test]
fn a_clean_start_is_told_when_the_old_session_is_off_the_disk() {
    let mut durable = Durable::new("clean");
    subscriber(&mut durable, "c", "x/#");
    let index = durable.bench.enter(&connect_kept("c", true, 0));
    durable.bench.carry();
    assert!(durable.bench.sent(index).is_empty());
    durable.commit();
    let sent = durable.bench.sent(index);
    assert_eq!((sent[0], sent[2]), (0x20, 0), "no session is present");
    assert_eq!(durable.restart().bench.world.clients.len(), 0);
}

#[test]
fn last_words_tell_nothing_that_is_not_on_disk() {
    let mut durable = Durable::new("last");
    let index = lasting(&mut durable, "c");
    durable.bench.world.orders.clear();
    // A SUBSCRIBE, and behind it a packet that no client may send.
    let bytes = [&subscribe(1, "x/#", 2)[..], &[0x20, 0]].concat();
    durable.bench.world.on_bytes(index, &bytes);
    let [Order::Close { last_words, .. }] = &durable.bench.world.orders[..] else {
        panic!("it is closed");
    };
    assert_eq!(last_words[0], 0xE0, "DISCONNECT alone: {last_words:?}");
}

#[test]
fn a_publisher_is_answered_when_its_message_is_on_disk_and_a_restart_finds_it() {
    let mut durable = Durable::new("publish");
    let away = subscriber(&mut durable, "away", "x/#");
    durable.bench.world.end(away, Close::PeerReset);
    let publisher = durable.bench.connect("publisher", 5, 0);
    for id in 1..=3 {
        let publish = publish_5("x/a", 0b010, id, &[id as u8]);
        durable.bench.world.on_bytes(publisher, &publish);
    }
    durable.bench.carry();
    assert!(durable.bench.sent(publisher).is_empty());
    assert_eq!(durable.bench.world.book().publishes.pending(), 3);
    durable.commit();
    let pubacks = [0x40, 2, 0, 1, 0x40, 2, 0, 2, 0x40, 2, 0, 3];
    assert_eq!(durable.bench.sent(publisher), pubacks);
    assert_eq!(durable.bench.world.book().publishes.pending(), 0);
    let mut durable = durable.restart();
    let back = durable.bench.enter(&connect_kept("away", false, 3_600));
    durable.commit();
    let sent = durable.bench.sent(back);
    assert_eq!(sent[2], 1, "its session is present");
    let there: Vec<u8> = (1..=3_u8)
        .flat_map(|id| publish_5("x/a", 0b010, u16::from(id), &[id]))
        .collect();
    assert!(sent.ends_with(&there), "{sent:?}");
}

#[test]
fn an_exchange_of_qos_2_goes_on_after_a_restart_where_it_stopped() {
    let mut durable = Durable::new("exact");
    let reader = subscriber(&mut durable, "reader", "x/#");
    let writer = lasting(&mut durable, "writer");
    let publish = publish_5("x/a", 0b100, 9, b"once");
    durable.bench.world.on_bytes(writer, &publish);
    // The message first, then that its packet id was taken.
    durable.commit();
    durable.commit();
    assert_eq!(durable.bench.sent(writer), [0x50, 2, 0, 9]);
    assert_eq!(
        durable.bench.sent(reader),
        publish_5("x/a", 0b100, 1, b"once")
    );
    durable.bench.world.on_bytes(reader, &[0x50, 2, 0, 1]);
    durable.commit();
    assert_eq!(durable.bench.sent(reader), [0x62, 2, 0, 1]);
    let mut durable = durable.restart();
    let reader = durable.bench.enter(&connect_kept("reader", false, 3_600));
    let writer = durable.bench.enter(&connect_kept("writer", false, 3_600));
    durable
        .bench
        .world
        .on_bytes(writer, &publish_5("x/a", 0b1100, 9, b"once"));
    durable.commit();
    assert!(
        durable.bench.sent(reader).ends_with(&[0x62, 2, 0, 1]),
        "PUBREL and no PUBLISH"
    );
    assert!(
        durable.bench.sent(writer).ends_with(&[0x50, 2, 0, 9]),
        "PUBREC again"
    );
    durable.bench.world.on_bytes(writer, &[0x62, 2, 0, 9]);
    durable.bench.world.on_bytes(reader, &[0x70, 2, 0, 1]);
    durable.commit();
    assert_eq!(durable.bench.sent(writer), [0x70, 2, 0, 9]);
    assert!(
        durable.bench.sent(reader).is_empty(),
        "nobody gets it twice"
    );
}

#[test]
fn who_waited_for_the_store_goes_on_once_it_has_taken_what_it_refused() {
    let mut durable = Durable::new("room");
    let away = subscriber(&mut durable, "away", "x/#");
    durable.bench.world.end(away, Close::PeerReset);
    durable.commit();
    let publisher = durable.bench.connect("publisher", 5, 0);
    durable.bench.world.keeper.refuse_for_test();
    let publish = publish_5("x/a", 0b010, 1, b"x");
    durable.bench.world.on_bytes(publisher, &publish);
    durable.bench.world.on_room();
    durable.commit();
    assert_eq!(durable.bench.sent(publisher), [0x40, 2, 0, 1]);
}
