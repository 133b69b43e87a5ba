//! A device's publishing, step by step.

use super::*;
use crate::codec::decode::u16_at;
use crate::codec::{Malformed, Version, each_frame};
use crate::plan::{FleetPlan, PublishPlan};

fn publisher(qos: u8, in_flight_max: u16, coalesce: u32) -> Publisher {
    let publish = PublishPlan {
        rate: 0.0,
        qos,
        payload_bytes: 20,
        topic: String::new(),
        in_flight_max,
        coalesce,
        secs: 1.0,
        drain_secs: 1.0,
    };
    let plan = Plan {
        way: None,
        target: "127.0.0.1:1".parse().expect("an address"),
        version: Version::V5,
        run: RunId(5),
        clients: 1,
        threads: 1,
        keepalive_secs: 0,
        connect_rate: 0.0,
        opening_max: 1,
        connack_wait_ns: 0,
        source_addresses: None,
        fleet: FleetPlan::default(),
        filters: Vec::new(),
        reconnect: true,
        publish: Some(publish),
    };
    Publisher::new(&plan, 3, 0, "t").expect("the plan publishes")
}

fn closed_loop() -> Timetable {
    Timetable::new(0, 0.0, 1, 1, 1.0)
}

/// A pump's frames as (DUP, packet id, sequence).
fn pump(publisher: &mut Publisher, table: &Timetable, books: &mut Books) -> Vec<(bool, u16, u32)> {
    let (mut out, mut frames) = (Vec::new(), Vec::new());
    publisher.pump(10, table, books, &mut out);
    each_frame::<Malformed>(&mut Vec::new(), &out, |first_byte, body| {
        let packet_id = u16_at(body, 3).expect("topic `t` takes three bytes");
        let stamp = Stamp::read(&body[body.len() - 20..]).expect("the payload has a stamp");
        assert_eq!((stamp.run, stamp.device), (RunId(5), 3));
        frames.push((first_byte & 0x08 != 0, packet_id, stamp.sequence));
        Ok(())
    })
    .expect("what a publisher writes is well formed");
    frames
}

fn ack(
    publisher: &mut Publisher,
    packet_type: u8,
    id: u16,
    reason: u8,
    books: &mut Books,
) -> Vec<u8> {
    let mut out = Vec::new();
    publisher
        .on_ack((packet_type, id, reason), 50, books, &mut out)
        .expect("the id is in flight");
    out
}

#[test]
fn no_more_is_in_flight_than_allowed_and_each_answer_makes_room_for_one() {
    let (mut device, mut books) = (publisher(1, 2, 1), Books::new(None, 0));
    device.owe(u32::MAX);
    let first = pump(&mut device, &closed_loop(), &mut books);
    assert_eq!(first, [(false, 1, 0), (false, 2, 1)]);
    assert_eq!(pump(&mut device, &closed_loop(), &mut books), []);
    ack(&mut device, packet::PUBACK, 2, 0, &mut books);
    assert_eq!(
        pump(&mut device, &closed_loop(), &mut books),
        [(false, 3, 2)]
    );
    assert_eq!(books.counts.acknowledged, 1);
    assert_eq!(
        books.publish_ns.max(),
        40,
        "a closed loop counts from when it sent"
    );
}

#[test]
fn the_servers_receive_maximum_narrows_the_window() {
    let (mut device, mut books) = (publisher(1, 100, 8), Books::new(None, 0));
    device.on_connack(3);
    device.owe(u32::MAX);
    assert_eq!(pump(&mut device, &closed_loop(), &mut books).len(), 3);
}

#[test]
fn an_open_loop_counts_from_the_intended_time_even_when_it_sends_late() {
    let table = Timetable::new(4, 1e9, 1, 1, 1.0);
    let (mut device, mut books) = (publisher(1, 100, 1), Books::new(None, 0));
    device.owe(2);
    assert_eq!(pump(&mut device, &table, &mut books).len(), 2);
    ack(&mut device, packet::PUBACK, 2, 0, &mut books);
    assert_eq!(books.publish_ns.max(), 50 - 5);
}

#[test]
fn a_refusal_settles_the_message_and_is_not_an_acknowledgement() {
    let (mut device, mut books) = (publisher(1, 1, 1), Books::new(None, 0));
    device.owe(1);
    pump(&mut device, &closed_loop(), &mut books);
    ack(&mut device, packet::PUBACK, 1, 0x97, &mut books);
    assert_eq!((books.counts.refused, books.counts.acknowledged), (1, 0));
    assert!(device.is_settled());
}

#[test]
fn quality_2_takes_four_packets() {
    let (mut device, mut books) = (publisher(2, 1, 1), Books::new(None, 0));
    device.owe(1);
    pump(&mut device, &closed_loop(), &mut books);
    let pubrel = ack(&mut device, packet::PUBREC, 1, 0, &mut books);
    assert_eq!(pubrel, [0x62, 2, 0, 1]);
    assert!(!device.is_settled());
    assert!(ack(&mut device, packet::PUBCOMP, 1, 0, &mut books).is_empty());
    assert!(device.is_settled());
    assert_eq!(books.counts.acknowledged, 1);
}

#[test]
fn an_answer_that_fits_no_message_is_an_error() {
    let (mut device, mut books) = (publisher(1, 1, 1), Books::new(None, 0));
    device.owe(1);
    pump(&mut device, &closed_loop(), &mut books);
    for (packet_type, id) in [
        (packet::PUBACK, 2),
        (packet::PUBACK, 0),
        (packet::PUBREC, 1),
    ] {
        let answer = device.on_ack((packet_type, id, 0), 50, &mut books, &mut Vec::new());
        assert_eq!(answer, Err(Close::UnknownPacketId));
    }
}

#[test]
fn what_was_unanswered_goes_again_first_marked_and_in_order() {
    let (mut device, mut books) = (publisher(1, 4, 1), Books::new(None, 0));
    device.owe(6);
    assert_eq!(pump(&mut device, &closed_loop(), &mut books).len(), 4);
    ack(&mut device, packet::PUBACK, 2, 0, &mut books);
    device.on_close(&mut books);
    assert_eq!(device.unacknowledged(), 3);
    let again = pump(&mut device, &closed_loop(), &mut books);
    assert_eq!(
        again,
        [(true, 1, 0), (true, 2, 2), (true, 3, 3), (false, 4, 4)]
    );
    assert_eq!(books.counts.resent, 3);
    device.on_close(&mut books);
    let twice = pump(&mut device, &closed_loop(), &mut books);
    assert_eq!(
        twice,
        [(true, 1, 0), (true, 2, 2), (true, 3, 3), (true, 4, 4)]
    );
}

#[test]
fn what_the_server_has_taken_at_quality_2_does_not_go_again() {
    let (mut device, mut books) = (publisher(2, 2, 1), Books::new(None, 0));
    device.owe(2);
    pump(&mut device, &closed_loop(), &mut books);
    ack(&mut device, packet::PUBREC, 1, 0, &mut books);
    device.on_close(&mut books);
    assert_eq!(
        pump(&mut device, &closed_loop(), &mut books),
        [(true, 1, 1)]
    );
    assert_eq!(books.counts.acknowledged, 1);
}

#[test]
fn a_closed_loop_waits_until_a_whole_write_fits() {
    let (mut device, mut books) = (publisher(1, 4, 2), Books::new(None, 0));
    device.owe(u32::MAX);
    assert_eq!(pump(&mut device, &closed_loop(), &mut books).len(), 4);
    ack(&mut device, packet::PUBACK, 1, 0, &mut books);
    assert_eq!(pump(&mut device, &closed_loop(), &mut books).len(), 0);
    ack(&mut device, packet::PUBACK, 2, 0, &mut books);
    assert_eq!(pump(&mut device, &closed_loop(), &mut books).len(), 2);
}

#[test]
fn quality_0_in_a_closed_loop_goes_no_further_than_the_server_has_read() {
    let (mut device, mut books) = (publisher(0, u16::MAX, 100), Books::new(None, 0));
    let mut out = Vec::new();
    device.owe(u32::MAX);
    while device.pump(10, &closed_loop(), &mut books, &mut out) == Pumped::More {}
    let (sent, pings) = (books.counts.sent, books.counts.pings_sent);
    assert_eq!(pings, u64::from(MARKS_OPEN_MAX));
    assert!(out.len() >= 2 * MARK_BYTES && out.len() < 3 * MARK_BYTES);
    device.on_pingresp();
    while device.pump(10, &closed_loop(), &mut books, &mut out) == Pumped::More {}
    assert!(books.counts.sent > sent);
    assert_eq!(books.counts.pings_sent, pings + 1);
}

#[test]
fn quality_0_is_settled_when_the_server_has_read_the_last_message() {
    let (mut device, mut books) = (publisher(0, u16::MAX, 1), Books::new(None, 0));
    let (table, mut out) = (Timetable::new(0, 10.0, 1, 1, 1.0), Vec::new());
    device.owe(3);
    device.pump(10, &table, &mut books, &mut out);
    device.on_last_due();
    assert!(!device.is_settled());
    device.pump(10, &table, &mut books, &mut out);
    assert!(out.ends_with(&PINGREQ) && !device.is_settled());
    device.on_close(&mut books);
    device.pump(10, &table, &mut books, &mut out);
    assert_eq!(
        books.counts.pings_sent, 2,
        "a lost answer is asked for again"
    );
    device.on_pingresp();
    assert!(device.is_settled());
}
