//! The lean layer by itself: RFC 8448's trace, sizes, and what happens at its limits.

use super::burst::Burst;
use super::*;
use crate::fault::Fault;
use crate::limits::{HOLLOW_RECORDS_MAX, PLAIN_BYTES_MAX, RECORDS_PER_KEY_MAX};
use crate::opened::{Opened, Spent};

mod rfc8448;
mod take_over;

fn lean<const S: usize>(flags: u8) -> Lean<S> {
    Lean {
        rx_secret: [1; S],
        tx_secret: [2; S],
        rx_seq: 0,
        tx_seq: 0,
        aead: match S {
            32 => Aead::Aes128Gcm,
            _ => Aead::Aes256Gcm,
        },
        flags,
        pending: 0,
        hollow: 0,
    }
}

/// Two ends that open what the other seals.
fn pair() -> (Lean<32>, Lean<32>) {
    let (one, mut other) = (lean(0), lean(0));
    std::mem::swap(&mut other.rx_secret, &mut other.tx_secret);
    (one, other)
}

fn open<const S: usize>(lean: &mut Lean<S>, mut record: Vec<u8>) -> (Opened, Vec<u8>) {
    let mut out = Vec::new();
    let opened = lean.burst().open(&mut record, &mut out);
    (opened, out)
}

/// Seals content of any type, as the other end would never do by itself.
fn forge(lean: &mut Lean<32>, kind: u8, content: &[u8]) -> Vec<u8> {
    let mut record = Vec::new();
    lean.tx_keys()
        .seal(u64::from(lean.tx_seq), kind, content, &mut record);
    lean.tx_seq += 1;
    record
}

#[test]
fn an_idle_connection_has_80_bytes_or_112() {
    assert_eq!(size_of::<Lean<32>>(), 80);
    assert_eq!(size_of::<Lean<48>>(), 112);
}

#[test]
fn what_is_handed_over_goes_on_and_nothing_is_left_behind() {
    let (mut server, mut client) = pair();
    let mut out = Vec::new();
    server.burst().seal(b"one", &mut out).expect("it is open");
    let mut there = server.hand_over();
    assert_eq!((server.rx_secret, server.tx_secret), ([0; 32], [0; 32]));
    assert_eq!(server.burst().seal(b"two", &mut out), Err(Spent));
    there.burst().seal(b"two", &mut out).expect("it is open");
    let mut records = out.chunks(out.len() / 2);
    for _ in 0..2 {
        let record = records.next().expect("they are alike").to_vec();
        assert!(matches!(open(&mut client, record).0, Opened::Data(_)));
    }
}

#[test]
fn the_key_is_updated_before_it_has_sealed_too_much() {
    let (mut server, mut client) = pair();
    let first_secret = server.tx_secret;
    (server.tx_seq, client.rx_seq) = (RECORDS_PER_KEY_MAX, u64::from(RECORDS_PER_KEY_MAX));
    let mut out = Vec::new();
    server.burst().seal(b"data", &mut out).expect("it is open");
    assert_ne!(server.tx_secret, first_secret);
    assert_eq!(server.tx_seq, 1);
    let data = out.split_off(5 + 5 + 1 + 16);
    assert_eq!(open(&mut client, out).0, Opened::Control);
    assert_eq!(open(&mut client, data).0, Opened::Data(5..9));
}

#[test]
fn however_many_updates_are_asked_for_one_is_answered_and_only_before_data() {
    let (mut server, mut client) = pair();
    for _ in 0..3 {
        let mut update = Vec::new();
        client.burst().update_keys(true, &mut update);
        assert_eq!(open(&mut server, update), (Opened::Control, Vec::new()));
    }
    let mut out = Vec::new();
    server.burst().seal(b"data", &mut out).expect("it is open");
    let data = out.split_off(5 + 5 + 1 + 16);
    assert_eq!(open(&mut client, out).0, Opened::Control);
    assert_eq!(open(&mut client, data).0, Opened::Data(5..9));
    let mut out = Vec::new();
    server.burst().seal(b"data", &mut out).expect("it is open");
    assert_eq!(
        open(&mut client, out).0,
        Opened::Data(5..9),
        "the debt is paid"
    );
}

#[test]
fn a_key_update_may_come_a_byte_a_record() {
    let (mut server, mut client) = pair();
    for byte in [24, 0, 0, 1] {
        assert_eq!(
            open(&mut server, forge(&mut client, 22, &[byte])).0,
            Opened::Control
        );
    }
    assert_eq!(
        open(&mut server, forge(&mut client, 22, &[0])).0,
        Opened::Control
    );
    client.update_tx();
    assert_eq!(
        open(&mut server, forge(&mut client, 23, b"x")).0,
        Opened::Data(5..6)
    );
}

#[test]
fn everything_after_a_fault_is_refused_and_the_secrets_are_gone() {
    let (mut server, mut client) = pair();
    let good = forge(&mut client, 23, b"x");
    let mut bad = good.clone();
    bad[6] ^= 1;
    let (opened, alert) = open(&mut server, bad);
    assert_eq!(opened, Opened::Failed(Fault::BadRecordMac));
    assert_eq!(
        open(&mut client, alert),
        (Opened::Failed(Fault::PeerAlert), Vec::new())
    );
    for lean in [&server, &client] {
        assert_eq!((lean.rx_secret, lean.tx_secret), ([0; 32], [0; 32]));
    }
    assert_eq!(
        open(&mut server, good),
        (Opened::Failed(Fault::Over), Vec::new())
    );
    let mut out = Vec::new();
    let mut burst = server.burst();
    assert!(burst.seal(b"more", &mut out).is_err());
    burst.update_keys(true, &mut out);
    burst.close(&mut out);
    burst.refuse(Fault::Malformed, &mut out);
    assert_eq!(out, b"", "one alert is all");
}

#[test]
fn behind_close_notify_what_comes_is_ignored() {
    let (mut server, mut client) = pair();
    let close = forge(&mut client, 21, &[1, 0]);
    let late = forge(&mut client, 23, b"late");
    assert_eq!(open(&mut server, close), (Opened::Closed, Vec::new()));
    assert_eq!(open(&mut server, late), (Opened::Closed, Vec::new()));
    assert_eq!(open(&mut server, vec![0; 40]), (Opened::Closed, Vec::new()));
}

/// What must be refused, and by which name.
#[test]
fn each_wrong_record_has_its_alert() {
    let long = vec![0; PLAIN_BYTES_MAX + 1];
    let cases: [(u8, &[u8], Fault); 14] = [
        (0, b"", Fault::UnexpectedMessage),
        (20, &[1], Fault::UnexpectedMessage),
        (24, b"heartbeat", Fault::UnexpectedMessage),
        (23, &long, Fault::RecordOverflow),
        (22, b"", Fault::UnexpectedMessage),
        (22, &[1, 0, 0, 1, 0], Fault::UnexpectedMessage),
        (22, &[24, 0, 0, 2, 0], Fault::Malformed),
        (22, &[24, 0, 0, 1, 2], Fault::IllegalParameter),
        (
            22,
            &[24, 0, 0, 1, 0, 24, 0, 0, 1, 0],
            Fault::UnexpectedMessage,
        ),
        (21, b"", Fault::UnexpectedMessage),
        (21, &[2], Fault::Malformed),
        (21, &[1, 0, 1, 0], Fault::Malformed),
        (21, &[3, 0], Fault::IllegalParameter),
        (21, &[1, 40], Fault::PeerAlert),
    ];
    for (kind, content, fault) in cases {
        let (mut server, mut client) = pair();
        let (opened, out) = open(&mut server, forge(&mut client, kind, content));
        assert_eq!(
            opened,
            Opened::Failed(fault),
            "type {kind}, {} bytes",
            content.len()
        );
        assert_eq!(out.is_empty(), fault.alert().is_none(), "type {kind}");
    }
}

#[test]
fn data_between_the_parts_of_a_key_update_is_refused() {
    let (mut server, mut client) = pair();
    assert_eq!(
        open(&mut server, forge(&mut client, 22, &[24, 0])).0,
        Opened::Control
    );
    let (opened, _) = open(&mut server, forge(&mut client, 23, b"x"));
    assert_eq!(opened, Opened::Failed(Fault::UnexpectedMessage));
}

#[test]
fn records_that_look_like_a_handshake_or_nothing_at_all_are_refused() {
    for record in [
        vec![22, 3, 3, 0, 1, 1],
        vec![20, 3, 3, 0, 1, 1],
        vec![21, 3, 3, 0, 2, 1, 0],
    ] {
        let (mut server, _) = pair();
        assert_eq!(
            open(&mut server, record).0,
            Opened::Failed(Fault::UnexpectedMessage)
        );
    }
    for length in 0..17 {
        let (mut server, _) = pair();
        let record = [&[23, 3, 3, 0, length][..], &vec![0; length as usize]].concat();
        assert_eq!(
            open(&mut server, record).0,
            Opened::Failed(Fault::BadRecordMac)
        );
    }
    let (mut server, _) = pair();
    assert_eq!(
        open(&mut server, vec![23, 3]).0,
        Opened::Failed(Fault::Malformed)
    );
}

#[test]
fn a_run_of_records_without_data_ends_and_data_begins_a_new_one() {
    let (mut server, mut client) = pair();
    for _ in 0..2 {
        for _ in 0..HOLLOW_RECORDS_MAX {
            assert_eq!(
                open(&mut server, forge(&mut client, 23, b"")).0,
                Opened::Control
            );
        }
        assert_eq!(
            open(&mut server, forge(&mut client, 23, b"x")).0,
            Opened::Data(5..6)
        );
    }
    for _ in 0..HOLLOW_RECORDS_MAX {
        assert_eq!(
            open(&mut server, forge(&mut client, 23, b"")).0,
            Opened::Control
        );
    }
    let (opened, _) = open(&mut server, forge(&mut client, 23, b""));
    assert_eq!(opened, Opened::Failed(Fault::Flood));
}

#[test]
fn a_direction_that_has_counted_to_its_end_is_refused() {
    let (mut server, mut client) = pair();
    server.rx_seq = u64::MAX;
    let (opened, _) = open(&mut server, forge(&mut client, 23, b"x"));
    assert_eq!(opened, Opened::Failed(Fault::SequenceSpent));
}

#[test]
fn a_replayed_record_does_not_open() {
    let (mut server, mut client) = pair();
    let record = forge(&mut client, 23, b"x");
    assert_eq!(open(&mut server, record.clone()).0, Opened::Data(5..6));
    assert_eq!(
        open(&mut server, record).0,
        Opened::Failed(Fault::BadRecordMac)
    );
}

#[test]
fn nothing_secret_is_printed() {
    let text = format!("{:?}", lean::<48>(0));
    assert_eq!(text, "Lean { aead: Aes256Gcm, rx_seq: 0, tx_seq: 0, .. }");
}

/// A burst keeps its keys for as long as they are the right ones.
#[test]
fn a_burst_goes_on_under_the_next_key() {
    let (mut server, mut client) = pair();
    let mut records = vec![
        forge(&mut client, 23, b"old"),
        forge(&mut client, 22, &[24, 0, 0, 1, 1]),
    ];
    client.update_tx();
    records.push(forge(&mut client, 23, b"new"));
    let (mut burst, mut out): (Burst<'_, 32>, _) = (server.burst(), Vec::new());
    let opened: Vec<Opened> = records
        .iter_mut()
        .map(|r| burst.open(r, &mut out))
        .collect();
    assert_eq!(
        opened,
        [Opened::Data(5..8), Opened::Control, Opened::Data(5..8)]
    );
    assert_eq!(
        (&records[0][5..8], &records[2][5..8]),
        (&b"old"[..], &b"new"[..])
    );
}
