//! The ledger, written and read back, whole and torn.

use super::*;
use std::fs::{self, OpenOptions};
use std::path::PathBuf;

/// A ledger file of its own for each test, gone at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let file = format!("tributary-ledger-{name}-{}", std::process::id());
        Self(std::env::temp_dir().join(file))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn header() -> Header {
    Header::new("demo", 10, 1, 64, "dev/{client}/telemetry")
}

fn read_all(reader: &mut Reader) -> Vec<Record> {
    let mut records = Vec::new();
    reader
        .read_new(|record| records.push(record))
        .expect("the ledger is whole");
    records
}

fn record(kind: Kind, device: u32, first: u32, count: u16) -> Record {
    Record {
        kind,
        device,
        first,
        count,
    }
}

#[test]
fn what_two_pens_wrote_comes_back_with_neighbours_joined() {
    let scratch = Scratch::new("round-trip");
    let header = header();
    let ledger = Ledger::create(&scratch.0, &header).expect("the directory is writable");
    let (mut one, mut two) = (ledger.pen(), ledger.pen());
    (0..100).for_each(|sequence| one.note(Kind::Acknowledged, 3, sequence));
    one.note(Kind::Acknowledged, 4, 100);
    two.note(Kind::Resent, 5, 7);
    one.finish().expect("written");
    two.finish().expect("written");
    ledger.pen().close().expect("written");
    let mut reader = Reader::open(&scratch.0).expect("the ledger is there");
    assert_eq!(reader.header, header);
    let expected = [
        record(Kind::Acknowledged, 3, 0, 100),
        record(Kind::Acknowledged, 4, 100, 1),
        record(Kind::Resent, 5, 7, 1),
        record(Kind::Closed, 0, 0, 1),
    ];
    assert_eq!(read_all(&mut reader), expected);
}

#[test]
fn a_range_longer_than_its_counter_becomes_two() {
    let scratch = Scratch::new("long-range");
    let ledger = Ledger::create(&scratch.0, &header()).expect("the directory is writable");
    let mut pen = ledger.pen();
    (0..70_000).for_each(|sequence| pen.note(Kind::Acknowledged, 0, sequence));
    pen.finish().expect("written");
    let records = read_all(&mut Reader::open(&scratch.0).expect("the ledger is there"));
    assert_eq!(
        records.iter().map(|r| u32::from(r.count)).sum::<u32>(),
        70_000
    );
    assert_eq!(records.len(), 2);
}

#[test]
fn a_tail_cut_anywhere_loses_only_the_cut_record() {
    let scratch = Scratch::new("torn");
    let ledger = Ledger::create(&scratch.0, &header()).expect("the directory is writable");
    let mut pen = ledger.pen();
    (0..5).for_each(|device| pen.note(Kind::Acknowledged, device, 1));
    pen.finish().expect("written");
    let whole = fs::metadata(&scratch.0).expect("the ledger is there").len();
    for cut in 1..RECORD_BYTES as u64 {
        let file = OpenOptions::new()
            .write(true)
            .open(&scratch.0)
            .expect("writable");
        file.set_len(whole - cut).expect("truncated");
        let mut reader = Reader::open(&scratch.0).expect("the header is whole");
        assert_eq!(read_all(&mut reader).len(), 4, "cut by {cut}");
    }
}

#[test]
fn a_reader_that_follows_gets_each_record_once_even_when_it_arrives_in_halves() {
    let scratch = Scratch::new("follow");
    drop(Ledger::create(&scratch.0, &header()).expect("the directory is writable"));
    let mut reader = Reader::open(&scratch.0).expect("the header is whole");
    let mut file = OpenOptions::new()
        .append(true)
        .open(&scratch.0)
        .expect("writable");
    let bytes = record(Kind::Acknowledged, 1, 2, 3).encode();
    file.write_all(&bytes[..5]).expect("written");
    assert_eq!(read_all(&mut reader), []);
    file.write_all(&bytes[5..]).expect("written");
    assert_eq!(read_all(&mut reader), [record(Kind::Acknowledged, 1, 2, 3)]);
    assert_eq!(read_all(&mut reader), []);
}

#[test]
fn a_damaged_record_is_an_error_and_not_a_record() {
    let bytes = record(Kind::Acknowledged, 1, 2, 3).encode();
    for at in 0..RECORD_BYTES {
        let mut damaged = bytes;
        damaged[at] ^= 0x10;
        assert_eq!(Record::decode(&damaged), None, "byte {at}");
    }
}
