//! The judge, on records that are right and wrong in every way it names.

use super::*;

const RUN: &str = "judged";
const PAYLOAD_BYTES: usize = 40;
const PARTITIONS: i32 = 6;

/// A judge of a run with 4 clients, told that these messages of device 1 were acknowledged.
fn judge(acknowledged: std::ops::Range<u32>) -> Judge {
    let header = Header::new(RUN, 4, 1, PAYLOAD_BYTES, "dev/{client}/telemetry");
    let mut judge = Judge::new(RunId::from_name(RUN), Some(header), KeyRule::Client);
    let count = acknowledged.len() as u16;
    if count > 0 {
        note(&mut judge, Kind::Acknowledged, acknowledged.start, count);
    }
    judge
}

fn note(judge: &mut Judge, kind: Kind, first: u32, count: u16) {
    judge.on_ledger(Record {
        kind,
        device: 1,
        first,
        count,
    });
}

fn payload(device: u32, sequence: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let run = RunId::from_name(RUN);
    Stamp {
        run,
        device,
        sequence,
    }
    .write(&mut bytes, PAYLOAD_BYTES);
    bytes
}

fn find_payload(judge: &mut Judge, device: u32, payload: &[u8]) {
    let key = RunId::from_name(RUN).client_id(device);
    let topic = format!("dev/{key}/telemetry");
    judge.on_found(&Found {
        partition: murmur::partition(key.as_bytes(), PARTITIONS),
        partitions: PARTITIONS,
        key: Some(key.as_bytes()),
        payload,
        topic: Some(topic.as_bytes()),
    });
}

fn find(judge: &mut Judge, sequences: &[u32]) {
    for sequence in sequences {
        find_payload(judge, 1, &payload(1, *sequence));
    }
}

/// The kinds of fault that a verdict names, with device and sequence.
fn faults(judge: &Judge) -> Vec<(&'static str, Vec<(u32, u32)>)> {
    let verdict = judge.verdict();
    let faulty = verdict
        .faults()
        .into_iter()
        .filter(|(_, fault)| fault.count > 0);
    faulty
        .map(|(name, fault)| (name, fault.first.clone()))
        .collect()
}

#[test]
fn everything_acknowledged_once_and_in_order_is_no_fault() {
    let mut judge = judge(0..5);
    assert!(!judge.is_satisfied());
    find(&mut judge, &[0, 1, 2, 3, 4]);
    assert!(!judge.is_satisfied(), "the ledger is still open");
    note(&mut judge, Kind::Sent, 5, 1);
    note(&mut judge, Kind::Closed, 0, 1);
    assert!(judge.is_satisfied());
    assert_eq!(faults(&judge), []);
    let verdict = judge.verdict();
    assert_eq!(
        (verdict.sent, verdict.acknowledged, verdict.found),
        (5, 5, 5)
    );
}

#[test]
fn the_order_in_which_ledger_and_kafka_are_read_makes_no_difference() {
    let mut judge = judge(0..0);
    find(&mut judge, &[0, 1, 2]);
    assert_eq!(judge.outstanding(), 0);
    note(&mut judge, Kind::Acknowledged, 0, 4);
    assert_eq!(judge.outstanding(), 1);
    find(&mut judge, &[3]);
    assert_eq!(judge.outstanding(), 0);
    assert_eq!(faults(&judge), []);
}

#[test]
fn an_acknowledged_message_that_is_not_in_kafka_is_lost() {
    let mut judge = judge(0..5);
    find(&mut judge, &[0, 1, 4]);
    assert_eq!(faults(&judge), [("lost", vec![(1, 2), (1, 3)])]);
}

#[test]
fn a_second_copy_is_a_fault_unless_the_ledger_says_it_was_sent_again() {
    let mut judge = judge(0..5);
    find(&mut judge, &[0, 1, 1, 2, 3, 2, 3, 4]);
    note(&mut judge, Kind::Resent, 2, 2);
    assert_eq!(faults(&judge), [("duplicated", vec![(1, 1)])]);
    assert_eq!(judge.verdict().duplicates_excused, 2);
}

#[test]
fn a_message_after_a_later_one_of_its_device_is_reordered() {
    let mut judge = judge(0..5);
    find(&mut judge, &[0, 2, 1, 3, 4]);
    assert_eq!(faults(&judge), [("reordered", vec![(1, 1)])]);
    note(&mut judge, Kind::Resent, 1, 1);
    assert_eq!(faults(&judge), []);
    assert_eq!(judge.verdict().reorders_excused, 1);
}

#[test]
fn devices_do_not_disturb_each_others_order() {
    let mut judge = judge(0..2);
    find(&mut judge, &[0]);
    find_payload(&mut judge, 2, &payload(2, 7));
    find(&mut judge, &[1]);
    assert_eq!(faults(&judge), []);
}

#[test]
fn one_changed_byte_or_another_length_is_corruption() {
    let mut judge = judge(0..3);
    let mut changed = payload(1, 0);
    changed[PAYLOAD_BYTES - 1] ^= 1;
    find_payload(&mut judge, 1, &changed);
    find_payload(&mut judge, 1, &payload(1, 1)[..PAYLOAD_BYTES - 1]);
    find(&mut judge, &[2]);
    assert_eq!(faults(&judge), [("corrupted", vec![(1, 0), (1, 1)])]);
}

#[test]
fn key_partition_and_topic_have_to_be_those_of_the_device() {
    let mut judge = judge(0..1);
    let other = RunId::from_name(RUN).client_id(2);
    let mine = RunId::from_name(RUN).client_id(1);
    judge.on_found(&Found {
        partition: (murmur::partition(mine.as_bytes(), PARTITIONS) + 1) % PARTITIONS,
        partitions: PARTITIONS,
        key: Some(other.as_bytes()),
        payload: &payload(1, 0),
        topic: Some(b"dev/else"),
    });
    let wrong = vec![(1, 0)];
    let expected =
        ["wrong key", "wrong partition", "wrong topic"].map(|name| (name, wrong.clone()));
    assert_eq!(faults(&judge), expected);
}

#[test]
fn what_no_device_sent_is_foreign_and_other_runs_are_only_counted() {
    let mut judge = judge(0..1);
    find(&mut judge, &[0, 1]);
    note(&mut judge, Kind::Sent, 1, 1);
    find_payload(&mut judge, 9, &payload(9, 0));
    find_payload(&mut judge, 1, b"no stamp at all, yet long enough for one");
    assert_eq!(faults(&judge), [("foreign", vec![(9, 0), (1, 1)])]);
    assert_eq!(judge.verdict().records_of_others, 1);
}

#[test]
fn missing_messages_of_quality_0_are_counted_and_no_fault() {
    let header = Header::new(RUN, 4, 0, PAYLOAD_BYTES, "dev/{client}/telemetry");
    let mut judge = Judge::new(RunId::from_name(RUN), Some(header), KeyRule::Client);
    find(&mut judge, &[0, 3]);
    note(&mut judge, Kind::Sent, 5, 1);
    assert_eq!(faults(&judge), []);
    assert_eq!(judge.verdict().missing_qos0, 3);
}

#[test]
fn refused_and_unanswered_messages_may_be_in_kafka_or_not() {
    let mut judge = judge(0..1);
    note(&mut judge, Kind::Refused, 1, 2);
    note(&mut judge, Kind::Sent, 5, 1);
    find(&mut judge, &[0, 2, 3]);
    assert_eq!(faults(&judge), []);
    let verdict = judge.verdict();
    assert_eq!((verdict.found_refused, verdict.found_unanswered), (1, 1));
}

#[test]
fn only_the_first_twenty_are_named_and_all_are_counted() {
    let judge = judge(0..1_000);
    let lost = judge.verdict().lost;
    assert_eq!(lost.count, 1_000);
    assert_eq!(lost.first.len(), NAMED_MAX);
    assert_eq!(lost.first[NAMED_MAX - 1], (1, NAMED_MAX as u32 - 1));
}
