//! Whoever gave a message under a receipt hears once what became of it.

use super::bench::*;
use crate::message::Message;
use crate::packet::Packet;
use crate::reason::Reason;
use crate::session::{Change, Delivered, Delivery, Handed, Loss, Profile, Receipt, Terms};
use crate::version::{Qos, Version};

const QOS_0: Qos = Qos::AtMostOnce;
const QOS_1: Qos = Qos::AtLeastOnce;
const QOS_2: Qos = Qos::ExactlyOnce;

fn receipt(number: u32) -> Receipt {
    Receipt::new(number).expect("counted from 1")
}

/// Gives a message under this receipt.
fn give(bench: &mut Bench, number: u32, qos: Qos) -> Delivered {
    let delivery = Delivery {
        receipt: Some(receipt(number)),
        ..delivery(qos)
    };
    bench.deliver_as(&message(&number.to_string(), qos), delivery)
}

/// What was told since the last look, by number.
fn told(bench: &mut Bench) -> Vec<(u32, Handed)> {
    let handed = bench.commons.handed.drain(..);
    handed
        .map(|(number, handed)| (number.get(), handed))
        .collect()
}

/// A client that takes so many at once.
fn taking(receive_max: u16) -> Bench {
    let profile = Profile {
        receive_max,
        ..Profile::PLAIN
    };
    Bench::with(Version::V5, profile)
}

#[test]
fn a_puback_or_pubrec_hands_the_message_over() {
    let mut bench = taking(10);
    assert_eq!(give(&mut bench, 1, QOS_1), Delivered::Sent);
    assert_eq!(give(&mut bench, 2, QOS_2), Delivered::Sent);
    assert_eq!(told(&mut bench), []);
    bench.give(puback(1));
    assert_eq!(told(&mut bench), [(1, Handed::Over)]);
    bench.give(pubrec(2));
    assert_eq!(told(&mut bench), [(2, Handed::Over)]);
    bench.give(pubcomp(2));
    assert_eq!(told(&mut bench), [], "it was told before");
}

#[test]
fn an_acknowledgement_that_is_a_failure_loses_it() {
    let mut bench = taking(10);
    give(&mut bench, 1, QOS_1);
    give(&mut bench, 2, QOS_2);
    bench.give(Packet::PubAck(ack(1, Reason::QuotaExceeded)));
    bench.give(Packet::PubRec(ack(2, Reason::QuotaExceeded)));
    let lost = Handed::Lost(Loss::Refused);
    assert_eq!(told(&mut bench), [(1, lost), (2, lost)]);
}

#[test]
fn a_session_that_ends_gives_all_of_it_back() {
    let mut bench = taking(2);
    give(&mut bench, 1, QOS_1);
    give(&mut bench, 2, QOS_2);
    assert_eq!(give(&mut bench, 3, QOS_1), Delivered::Queued);
    bench.room_bytes = 0;
    assert_eq!(give(&mut bench, 4, QOS_0), Delivered::Queued);
    bench.gone(false);
    let mut back = told(&mut bench);
    back.sort_unstable_by_key(|(number, _)| *number);
    assert_eq!(back, [1, 2, 3, 4].map(|number| (number, Handed::Back)));
    let losses = bench.commons.losses.take();
    assert_eq!(losses.iter().sum::<u64>(), 0, "nothing is lost by that");
}

#[test]
fn a_session_that_is_kept_keeps_all_but_qos_0() {
    let mut bench = taking(1);
    give(&mut bench, 1, QOS_1);
    give(&mut bench, 2, QOS_1);
    bench.room_bytes = 0;
    give(&mut bench, 3, QOS_0);
    bench.gone(true);
    assert_eq!(told(&mut bench), [(3, Handed::Back)]);
}

#[test]
fn what_expires_or_is_too_large_behind_others_is_lost() {
    let profile = Profile {
        receive_max: 1,
        packet_bytes_max: 100,
        ..Profile::PLAIN
    };
    let mut bench = Bench::with(Version::V5, profile);
    give(&mut bench, 1, QOS_1);
    let delivery = |number| Delivery {
        receipt: Some(receipt(number)),
        ..delivery(QOS_1)
    };
    let mortal = Message {
        expires_at_sec: bench.now_sec + 1,
        ..(*message("mortal", QOS_1)).clone()
    };
    bench.deliver_as(&mortal.into(), delivery(2));
    bench.deliver_as(&message(&"x".repeat(200), QOS_1), delivery(3));
    bench.now_sec += 1;
    bench.give(puback(1));
    let wanted = [
        (1, Handed::Over),
        (2, Handed::Lost(Loss::Expired)),
        (3, Handed::Lost(Loss::TooLarge)),
    ];
    assert_eq!(told(&mut bench), wanted);
}

#[test]
fn a_full_queue_of_a_session_that_is_away_gives_back_what_it_drops() {
    let mut bench = taking(1);
    bench.terms = Terms {
        queue_messages_max: 1,
        ..bench.terms
    };
    bench.gone(true);
    give(&mut bench, 1, QOS_1);
    give(&mut bench, 2, QOS_1);
    assert_eq!(told(&mut bench), [(1, Handed::Back)]);
}

#[test]
fn a_store_keeps_it_at_qos_2_alone_since_its_giver_does() {
    let mut bench = taking(10);
    bench.journal.switch(true);
    give(&mut bench, 1, QOS_1);
    bench.give(puback(1));
    assert_eq!(bench.changes(), []);
    give(&mut bench, 2, QOS_2);
    bench.give(pubrec(2));
    bench.give(pubcomp(2));
    let changes = bench.changes();
    let [
        Change::Queued { .. },
        Change::Sent { packet_id: 2, .. },
        Change::Received { .. },
        Change::Done { .. },
    ] = &changes[..]
    else {
        panic!("{changes:?}")
    };
}
