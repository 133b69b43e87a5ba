//! `verify` against a Kafka that the test fills by hand: with holes, copies and changes, each of
//! which has to be named.

mod support;

use rdkafka::config::ClientConfig;
use rdkafka::message::{Header as KafkaHeader, OwnedHeaders};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer};
use std::time::Duration;
use support::{Said, Scratch, loadgen, start};
use tributary_loadgen::ledger::{Header, Kind, Ledger};
use tributary_loadgen::stamp::{RunId, Stamp, topic};
use tributary_loadgen::verify::murmur;

const RUN: &str = "filled-by-hand";
const TOPIC: &str = "mqtt";
const PARTITIONS: i32 = 4;
const PAYLOAD_BYTES: usize = 50;
const TEMPLATE: &str = "dev/{client}/telemetry";

struct Kafka {
    cluster: MockCluster<'static, DefaultProducerContext>,
    producer: BaseProducer,
}

impl Kafka {
    fn start() -> Self {
        let cluster = MockCluster::new(1).expect("a mock cluster starts");
        cluster
            .create_topic(TOPIC, PARTITIONS, 1)
            .expect("the topic is new");
        let producer = ClientConfig::new()
            .set("bootstrap.servers", cluster.bootstrap_servers())
            .create()
            .expect("the settings are valid");
        Self { cluster, producer }
    }

    /// What a good gateway would write for one message.
    fn write(&self, device: u32, sequence: u32) {
        self.write_payload(device, &payload(device, sequence));
    }

    fn write_payload(&self, device: u32, payload: &[u8]) {
        let key = RunId::from_name(RUN).client_id(device);
        let name = topic(TEMPLATE, &key, device);
        let header = KafkaHeader {
            key: "mqtt.topic",
            value: Some(name.as_bytes()),
        };
        let record = BaseRecord::to(TOPIC)
            .partition(murmur::partition(key.as_bytes(), PARTITIONS))
            .key(key.as_bytes())
            .payload(payload)
            .headers(OwnedHeaders::new().insert(header));
        self.producer
            .send(record)
            .map_err(|(error, _)| error)
            .expect("the queue has room");
    }

    /// Returns when Kafka has taken everything that was written.
    fn settle(&self) {
        self.producer
            .flush(Duration::from_secs(10))
            .expect("the mock takes it");
    }

    fn verify(&self, ledger: &Scratch) -> Said {
        self.settle();
        let brokers = self.cluster.bootstrap_servers();
        loadgen(&[
            "verify",
            "--kafka",
            &brokers,
            "--topic",
            TOPIC,
            "--ledger",
            ledger.path(),
        ])
    }
}

fn payload(device: u32, sequence: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    Stamp {
        run: RunId::from_name(RUN),
        device,
        sequence,
    }
    .write(&mut bytes, PAYLOAD_BYTES);
    bytes
}

/// A ledger of 3 devices that each sent 10 messages, all acknowledged.
fn ledger(file: &Scratch, resent: &[(u32, u32)]) {
    let header = Header::new(RUN, 3, 1, PAYLOAD_BYTES, TEMPLATE);
    let ledger = Ledger::create(&file.0, &header).expect("the directory is writable");
    let mut pen = ledger.pen();
    for device in 0..3 {
        (0..10).for_each(|sequence| pen.note(Kind::Acknowledged, device, sequence));
        pen.note(Kind::Sent, device, 10);
    }
    resent
        .iter()
        .for_each(|(device, sequence)| pen.note(Kind::Resent, *device, *sequence));
    pen.finish().expect("written");
    ledger.pen().close().expect("written");
}

#[test]
fn a_kafka_that_holds_everything_once_is_exit_code_0() {
    let (kafka, file) = (Kafka::start(), Scratch::new("ledger"));
    ledger(&file, &[]);
    (0..30).for_each(|n| kafka.write(n % 3, n / 3));
    let run = kafka.verify(&file);
    assert_eq!(run.exit_code, 0, "{run:?}");
    assert_eq!(
        (run.count("acknowledged"), run.count("found")),
        (30, 30),
        "{run:?}"
    );
}

#[test]
fn every_kind_of_fault_is_named_by_device_and_sequence() {
    let (kafka, file) = (Kafka::start(), Scratch::new("ledger"));
    ledger(&file, &[(2, 5)]);
    for sequence in [0, 1, 3, 4, 5, 6, 7, 8, 9] {
        kafka.write(0, sequence);
    }
    for sequence in [0, 1, 2, 3, 3, 5, 4, 6, 7, 8, 9] {
        kafka.write(1, sequence);
    }
    for sequence in [0, 1, 2, 3, 4, 5, 5, 6, 7, 8, 10] {
        kafka.write(2, sequence);
    }
    let mut changed = payload(2, 9);
    changed[PAYLOAD_BYTES - 1] ^= 0x40;
    kafka.write_payload(2, &changed);
    kafka.write_payload(0, b"from somebody else, with a payload of its own");
    let run = kafka.verify(&file);
    assert_eq!(run.exit_code, 3, "{run:?}");
    let named = |kind: &str| run.json["counts"][kind]["first"].to_string();
    assert_eq!(named("lost"), "[[0,2]]", "{run:?}");
    assert_eq!(named("duplicated"), "[[1,3]]");
    assert_eq!(named("reordered"), "[[1,4],[2,9]]");
    assert_eq!(named("corrupted"), "[[2,9]]");
    assert_eq!(named("foreign"), "[[2,10]]");
    assert_eq!(named("wrong_key"), "[]");
    assert_eq!(
        (
            run.count("duplicates_excused"),
            run.count("records_of_others")
        ),
        (1, 1)
    );
    assert!(
        run.stdout.contains("lost 1: device/sequence 0/2"),
        "{run:?}"
    );
}

#[test]
fn a_ledger_that_acknowledges_more_than_kafka_holds_is_not_satisfied_by_waiting() {
    let (kafka, file) = (Kafka::start(), Scratch::new("ledger"));
    ledger(&file, &[]);
    kafka.write(0, 0);
    let run = kafka.verify(&file);
    assert_eq!(run.exit_code, 3, "{run:?}");
    assert_eq!(run.json["counts"]["lost"]["count"], 29);
    assert_eq!(
        run.json["counts"]["lost"]["first"].as_array().map(Vec::len),
        Some(20)
    );
}

#[test]
fn following_ends_when_the_ledger_is_closed_and_everything_was_found() {
    let (kafka, file) = (Kafka::start(), Scratch::new("ledger"));
    let brokers = kafka.cluster.bootstrap_servers();
    let follower = start(&[
        "verify",
        "--kafka",
        &brokers,
        "--topic",
        TOPIC,
        "--ledger",
        file.path(),
        "--run",
        RUN,
        "--follow",
        "--idle",
        "30",
    ]);
    let header = Header::new(RUN, 1, 1, PAYLOAD_BYTES, TEMPLATE);
    let ledger = Ledger::create(&file.0, &header).expect("the directory is writable");
    let mut pen = ledger.pen();
    for batch in 0..4 {
        for sequence in batch * 50..(batch + 1) * 50 {
            kafka.write(0, sequence);
            pen.note(Kind::Acknowledged, 0, sequence);
        }
        kafka.settle();
        pen.flush();
    }
    pen.note(Kind::Sent, 0, 200);
    pen.finish().expect("written");
    ledger.pen().close().expect("written");
    let run = follower.wait();
    assert_eq!(run.exit_code, 0, "{run:?}");
    assert_eq!(
        (run.count("acknowledged"), run.count("found")),
        (200, 200),
        "{run:?}"
    );
}

#[test]
fn an_empty_ledger_is_not_taken_for_success() {
    let (kafka, file) = (Kafka::start(), Scratch::new("ledger"));
    let header = Header::new(RUN, 1, 1, PAYLOAD_BYTES, TEMPLATE);
    let ledger = Ledger::create(&file.0, &header).expect("the directory is writable");
    ledger.pen().close().expect("written");
    kafka.write(0, 0);
    let run = kafka.verify(&file);
    assert_eq!(run.exit_code, 3, "{run:?}");
    assert!(run.stdout.contains("nothing was verified"), "{run:?}");
}

#[test]
fn a_kafka_that_is_not_there_is_exit_code_1_with_the_next_step() {
    let file = Scratch::new("ledger");
    ledger(&file, &[]);
    let run = loadgen(&[
        "verify",
        "--kafka",
        "127.0.0.1:1",
        "--topic",
        TOPIC,
        "--ledger",
        file.path(),
        "--idle",
        "0.5",
    ]);
    assert_eq!(run.exit_code, 1, "{run:?}");
    assert!(run.stderr.contains("check --kafka"), "{run:?}");
}
