//! Lanes against a mock cluster: nothing lost, nothing answered twice, everything in order.

mod outage;
mod repair;

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Headers, Message};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use rdkafka::{Offset, TopicPartitionList};

use super::*;
use crate::kafka::outcome::Outcome;
use crate::kafka::partition;
use crate::kafka::policy::Policy;

type Mock = MockCluster<'static, DefaultProducerContext>;

const PARTITIONS: i32 = 12;
const DEVICES: u64 = 500;
/// Every wait of a test; only a failure takes so long.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Default)]
struct Heard {
    answers: Vec<(u64, Outcome)>,
    /// Answers of which the shards were told.
    flushed: usize,
    rooms: usize,
}

#[derive(Default)]
struct Sink {
    heard: Mutex<Heard>,
    changed: Condvar,
}

impl Sink {
    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait(&self, what: &str, until: impl Fn(&Heard) -> bool) -> MutexGuard<'_, Heard> {
        let (heard, timeout) = self
            .changed
            .wait_timeout_while(self.heard(), PATIENCE, |heard| !until(heard))
            .unwrap_or_else(PoisonError::into_inner);
        assert!(
            !timeout.timed_out(),
            "{what}: {} answers in vain",
            heard.answers.len()
        );
        heard
    }

    /// Waits for so many answers that were flushed, and gives them by ticket, each exactly once.
    fn answers(&self, count: u64) -> HashMap<u64, Outcome> {
        let heard = self.wait("answers", |heard| heard.flushed as u64 >= count);
        let answers: HashMap<_, _> = heard.answers.iter().copied().collect();
        assert_eq!(
            answers.len(),
            heard.answers.len(),
            "a ticket was answered twice"
        );
        assert_eq!(answers.len() as u64, count);
        answers
    }
}

impl ReportSink for Sink {
    fn report(&self, ticket: u64, outcome: Outcome) {
        self.heard().answers.push((ticket, outcome));
    }

    fn flush(&self) {
        let mut heard = self.heard();
        heard.flushed = heard.answers.len();
        self.changed.notify_all();
    }

    fn room(&self) {
        self.heard().rooms += 1;
        self.changed.notify_all();
    }
}

fn mock() -> Mock {
    let mock = (0..9)
        .find_map(|_| MockCluster::new(1).ok())
        .expect("a free port");
    mock.create_topic("mqtt", PARTITIONS, 1)
        .expect("a new topic");
    mock
}

fn start(mock: &Mock, change: impl FnOnce(&mut LaneConfig)) -> (Lane, Arc<Sink>) {
    let mut config = LaneConfig::new("test", vec![mock.bootstrap_servers()]);
    change(&mut config);
    let sink = Arc::new(Sink::default());
    let lane = Lane::start(config, 2, Arc::clone(&sink) as Arc<dyn ReportSink>);
    (lane.unwrap_or_else(|error| panic!("{error}")), sink)
}

fn write(batch: &mut Batch, topic: &str, key: &str, payload: &[u8], ticket: u64) {
    let policy = Policy::default();
    write_as(batch, policy, topic, key, payload, ticket);
}

fn write_as(
    batch: &mut Batch,
    policy: Policy,
    topic: &str,
    key: &str,
    payload: &[u8],
    ticket: u64,
) {
    batch
        .open()
        .topic(|into| into.extend_from_slice(topic.as_bytes()))
        .key(|into| into.extend_from_slice(key.as_bytes()))
        .header("mqtt.topic", |into| into.extend_from_slice(b"a/b"))
        .policy(policy)
        .finish(payload, ticket);
}

/// What `write` writes beside the payload, as a route would weigh it.
fn weigh(key: &str, payload: &[u8]) -> usize {
    key.len() + Batch::header_bytes("mqtt.topic".len(), 3) + payload.len()
}

/// Admits and submits numbered records of all devices in turn, 100 a turn, from both shards: a
/// device has its home on one of them.
fn publish(lane: &Lane, numbers: std::ops::Range<u64>) {
    publish_as(lane, Policy::default(), numbers);
}

fn publish_as(lane: &Lane, policy: Policy, numbers: std::ops::Range<u64>) {
    let mut batches = [Batch::default(), Batch::default()];
    for number in numbers {
        let device = number % DEVICES;
        let (key, payload) = (format!("dev-{device}"), number.to_string());
        assert_eq!(lane.admit(weigh(&key, payload.as_bytes())), Offer::Accepted);
        let shard = (device % 2) as usize;
        let (batch, payload) = (&mut batches[shard], payload.as_bytes());
        write_as(batch, policy, "mqtt", &key, payload, number);
        if number % 100 == 99 {
            (0..2).for_each(|shard| lane.submit(shard, &mut batches[shard]));
        }
    }
    (0..2).for_each(|shard| lane.submit(shard, &mut batches[shard]));
}

/// Reads everything that is in the topic; asserts partition, header and order per device.
/// Gives how often each number is there.
fn read_back(brokers: &str) -> HashMap<u64, usize> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "test")
        .set("enable.partition.eof", "true")
        .set("fetch.queue.backoff.ms", "5")
        .create()
        .expect("a consumer");
    let mut list = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        list.add_partition_offset("mqtt", partition, Offset::Beginning)
            .expect("a partition");
    }
    consumer.assign(&list).expect("an assignment");
    let (mut seen, mut last, mut ends) = (HashMap::new(), HashMap::new(), 0);
    while ends < PARTITIONS {
        let message = match consumer.poll(PATIENCE).expect("a message or an end") {
            Ok(message) => message,
            Err(KafkaError::PartitionEOF(_)) => {
                ends += 1;
                continue;
            }
            Err(error) => panic!("{error}"),
        };
        let key = message.key().expect("a key").to_vec();
        let text = std::str::from_utf8(message.payload().expect("a payload")).expect("text");
        let number: u64 = text.parse().expect("a number");
        assert_eq!(key, format!("dev-{}", number % DEVICES).as_bytes());
        assert_eq!(
            message.partition(),
            partition::choose(&key, PARTITIONS as u32) as i32
        );
        let header = message.headers().expect("headers").get(0);
        assert_eq!(
            (header.key, header.value),
            ("mqtt.topic", Some(&b"a/b"[..]))
        );
        // A record that is sent again may be there twice; that a first one comes late is the fault.
        if *seen
            .entry(number)
            .and_modify(|count| *count += 1)
            .or_insert(1)
            == 1
        {
            let before = last.insert(key, number);
            assert!(
                before.is_none_or(|before| before < number),
                "{number} after {before:?}"
            );
        }
    }
    seen
}

fn assert_all_delivered(sink: &Sink, count: u64) {
    let answers = sink.answers(count);
    assert!(
        answers
            .values()
            .all(|outcome| *outcome == Outcome::Delivered)
    );
    assert!((0..count).all(|number| answers.contains_key(&number)));
}

#[test]
fn a_hundred_thousand_records_are_answered_once_each_and_are_in_kafka_in_order() {
    let mock = mock();
    let (lane, sink) = start(&mock, |_| {});
    publish(&lane, 0..100_000);
    assert_all_delivered(&sink, 100_000);
    assert_eq!(lane.drain(PATIENCE), 0);
    assert_eq!((lane.pending(), lane.pending_bytes()), (0, 0));
    assert_eq!(lane.stats().delivered(), 100_000);
    assert_eq!(lane.stats().state(), LaneState::Up);
    let seen = read_back(&mock.bootstrap_servers());
    assert_eq!(seen.len(), 100_000);
    assert!(seen.values().all(|count| *count == 1));
}

#[test]
fn a_full_lane_says_so_and_tells_when_there_is_room_again() {
    let mock = mock();
    mock.broker_down(-1).expect("down");
    let (lane, sink) = start(&mock, |config| config.bounds.pending_records_max = 1_000);
    publish(&lane, 0..1_000);
    assert_eq!(lane.admit(10), Offer::Full);
    assert_eq!(sink.heard().rooms, 0);
    assert_eq!(lane.pending(), 1_000);
    mock.broker_up(-1).expect("up");
    drop(sink.wait("room", |heard| heard.rooms == 1));
    assert_eq!(lane.admit(10), Offer::Accepted);
    lane.withdraw(10);
    assert_all_delivered(&sink, 1_000);
    assert_eq!(lane.drain(PATIENCE), 0);
    assert_eq!(lane.admit(10), Offer::Refused(Refusal::Stopping));
}

#[test]
fn nothing_is_lost_when_the_broker_goes_away_in_the_middle() {
    let mock = mock();
    let (lane, sink) = start(&mock, |_| {});
    publish(&lane, 0..20_000);
    drop(sink.wait("the first answers", |heard| heard.flushed > 0));
    mock.broker_down(-1).expect("down");
    publish(&lane, 20_000..40_000);
    assert!(
        lane.drain(Duration::from_millis(200)) > 0,
        "the broker is away"
    );
    mock.broker_up(-1).expect("up");
    assert_all_delivered(&sink, 40_000);
    assert_eq!(read_back(&mock.bootstrap_servers()).len(), 40_000);
}

#[test]
fn a_producer_that_is_done_for_is_replaced_and_nothing_is_lost_or_out_of_order() {
    let mock = mock();
    let (lane, sink) = start(&mock, |_| {});
    publish(&lane, 0..10_000);
    let error = RDKafkaRespErr::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER;
    mock.request_errors(RDKafkaApiKey::Produce, &[error]);
    publish(&lane, 10_000..50_000);
    assert_all_delivered(&sink, 50_000);
    assert!(lane.stats().rebuilds() >= 1);
    assert_eq!(read_back(&mock.bootstrap_servers()).len(), 50_000);
}

#[test]
fn records_of_a_missing_topic_are_refused_and_others_are_not_disturbed() {
    let mock = mock();
    let error = RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    mock.topic_error("missing", error)
        .expect("an error to come");
    let (lane, sink) = start(&mock, |_| {});
    let mut batch = Batch::default();
    for (number, topic) in (0..400).zip(["missing", "mqtt", "not legal", "mqtt"].iter().cycle()) {
        assert_eq!(lane.admit(weigh("dev-0", b"0")), Offer::Accepted);
        write(&mut batch, topic, "dev-0", b"0", number);
    }
    lane.submit(0, &mut batch);
    let answers = sink.answers(400);
    for (ticket, outcome) in answers {
        let expected = match ticket % 4 {
            0 => Outcome::Failed(Refusal::TopicMissing),
            2 => Outcome::Failed(Refusal::TopicIllegal),
            _ => Outcome::Delivered,
        };
        assert_eq!(outcome, expected, "{ticket}");
    }
    assert_eq!(lane.stats().failed(Refusal::TopicMissing), 100);
    assert_eq!(lane.stats().failed(Refusal::TopicIllegal), 100);
    assert_eq!(lane.drain(PATIENCE), 0);
}

#[test]
fn a_block_refused_for_one_of_its_records_is_cut_until_only_that_one_is_refused() {
    let mock = mock();
    mock.broker_down(-1).expect("down");
    // With a linger librdkafka sends what it is given as one request, so that requests can be
    // counted.
    let (lane, sink) = start(&mock, |config| {
        config.properties.insert("linger.ms".into(), "20".into());
    });
    // All for one partition, gathered while the broker is away: one block of 64.
    let mut batch = Batch::default();
    for number in 0..64 {
        assert_eq!(lane.admit(weigh("dev-0", b"x")), Offer::Accepted);
        write(&mut batch, "mqtt", "dev-0", b"x", number);
    }
    lane.submit(0, &mut batch);
    // The block and the first piece of each cut: 64, 32, 16, 8, 4, 2 and 1 records.
    let error = RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
    mock.request_errors(RDKafkaApiKey::Produce, &[error; 7]);
    mock.broker_up(-1).expect("up");
    let answers = sink.answers(64);
    let failed: Vec<_> = answers
        .iter()
        .filter(|(_, outcome)| **outcome != Outcome::Delivered)
        .collect();
    assert_eq!(failed, [(&0, &Outcome::Failed(Refusal::TooLarge))]);
}

#[test]
fn a_record_larger_than_kafka_takes_is_refused_at_once() {
    let mock = mock();
    let (lane, _sink) = start(&mock, |config| {
        config
            .properties
            .insert("message.max.bytes".into(), "2000".into());
    });
    assert_eq!(lane.admit(2001), Offer::Refused(Refusal::TooLarge));
    assert_eq!(lane.admit(2000), Offer::Accepted);
}

#[test]
fn a_lane_starts_without_its_cluster_and_its_batches_come_back_empty() {
    let mut config = LaneConfig::new("away", vec!["127.0.0.1:1".into()]);
    config.topics = vec!["mqtt".into()];
    let sink = Arc::new(Sink::default());
    let lane = Lane::start(config, 1, Arc::clone(&sink) as Arc<dyn ReportSink>).expect("a lane");
    let mut batch = Batch::default();
    for number in 0..10 {
        assert_eq!(lane.admit(weigh("k", b"x")), Offer::Accepted);
        write(&mut batch, "mqtt", "k", b"x", number);
    }
    lane.submit(0, &mut batch);
    assert!(batch.is_empty());
    assert_eq!(lane.drain(Duration::from_millis(100)), 10);
    assert!(
        sink.heard().answers.is_empty(),
        "nothing is answered that Kafka does not have"
    );
}

#[test]
fn a_bad_configuration_is_told_with_its_key() {
    let told = |change: &dyn Fn(&mut LaneConfig)| {
        let mut config = LaneConfig::new("main", vec!["127.0.0.1:1".into()]);
        change(&mut config);
        match Lane::start(config, 1, Arc::new(Sink::default())) {
            Ok(_) => panic!("it must not start"),
            Err(error) => (error.key.clone(), error.to_string()),
        }
    };
    let property = |config: &mut LaneConfig, key: &str, value: &str| {
        config.properties.insert(key.into(), value.into());
    };
    let (key, text) = told(&|config| property(config, "no.such.thing", "1"));
    assert!(
        key == "properties.no.such.thing" && text.contains("No such"),
        "{text}"
    );
    assert_eq!(
        told(&|config| property(config, "acks", "1")).0,
        "properties.acks"
    );
    assert_eq!(told(&|config| config.brokers.clear()).0, "brokers");
    assert_eq!(
        told(&|config| config.bounds.pending_bytes_max = 1).0,
        "pending_bytes_max"
    );
    assert_eq!(
        told(&|config| config.bounds.pending_records_max = 0).0,
        "pending_records_max"
    );
}

#[test]
fn the_embedded_kafka_takes_records_and_gives_them_back() {
    let kafka = crate::kafka::Embedded::start(&[("mqtt", PARTITIONS)]).expect("an embedded Kafka");
    let sink = Arc::new(Sink::default());
    let config = LaneConfig::new("embedded", vec![kafka.brokers().to_owned()]);
    let lane = Lane::start(config, 2, Arc::clone(&sink) as Arc<dyn ReportSink>).expect("a lane");
    publish(&lane, 0..1_000);
    assert_all_delivered(&sink, 1_000);
    assert_eq!(read_back(kafka.brokers()).len(), 1_000);
}
