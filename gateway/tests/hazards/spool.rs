//! Kafka away while routes have a word about it: on disk it outlives kill -9, rejected it is said.

use crate::support::client::Client;
use crate::support::gateway::{Gateway, Launch};
use crate::support::kafka::{RealKafka, read_topic};
use crate::support::wire::*;
use std::collections::BTreeSet;
use std::path::PathBuf;

const DEVICES: usize = 4;
const PUBLISHES: usize = 200;

/// A spool in a folder of its own, gone with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let name = format!("spool-{}-{name}", std::process::id());
        Folder(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name))
    }

    fn start(&self, brokers: &str, policy: &str) -> Gateway {
        let config = format!(
            "[kafka.main]\nbrokers = [\"{brokers}\"]\nspool = \"{}\"\n\n\
             [[route]]\nfilter = \"#\"\ntopic = \"mqtt\"\n{policy}\n",
            self.0.display()
        );
        Launch::default().config(&config).start()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Publishes from all devices and waits for each PUBACK; the payloads say who and how many.
fn publish_acknowledged(gateway: &Gateway, round: usize) {
    let mut devices: Vec<_> = (0..DEVICES)
        .map(|device| Client::connect(gateway, V5, &format!("device{device}")))
        .collect();
    for number in 0..PUBLISHES {
        for device in &mut devices {
            device.publish("spool/says", payload(round, number).as_bytes());
        }
    }
}

fn payload(round: usize, number: usize) -> String {
    format!("{round}-{number:05}")
}

/// Every device's payloads stand in Kafka in order, repeats aside, with none missing.
fn assert_all_there(kafka: &RealKafka, rounds: usize) {
    let records = read_topic(&kafka.bootstrap(), "mqtt");
    for device in 0..DEVICES {
        let key = format!("device{device}");
        let of_device = records.iter().filter(|record| record.key == key.as_bytes());
        let mut seen = BTreeSet::new();
        let first = of_device.filter(|record| seen.insert(record.value.clone()));
        let first: Vec<_> = first.map(|record| record.value.clone()).collect();
        let expected: Vec<_> = (0..rounds)
            .flat_map(|round| (0..PUBLISHES).map(move |number| payload(round, number)))
            .map(String::into_bytes)
            .collect();
        assert!(
            first == expected,
            "{key}: {} of {}",
            first.len(),
            expected.len()
        );
    }
}

#[test]
fn what_the_spool_has_acknowledged_is_in_kafka_after_the_gateway_was_killed_without_it() {
    let kafka = RealKafka::start();
    kafka.stop();
    let folder = Folder::new("killed");
    let gateway = folder.start(&kafka.bootstrap(), "ack = \"spool\"");
    publish_acknowledged(&gateway, 0);
    let metrics = gateway.metrics();
    let count = (DEVICES * PUBLISHES) as f64;
    assert_eq!(metrics.sum("tributary_publishes_acknowledged_total"), count);
    assert_eq!(metrics.sum("tributary_spool_messages"), count);
    assert_eq!(metrics.imbalance(), 0.0);
    gateway.kill();
    drop(gateway);

    let gateway = folder.start(&kafka.bootstrap(), "ack = \"spool\"");
    assert_eq!(
        gateway.metrics().sum("tributary_spool_recovered_total"),
        count
    );
    publish_acknowledged(&gateway, 1);
    kafka.restart();
    let metrics = gateway.wait_until("an empty spool", |metrics| {
        metrics.sum("tributary_spool_messages") == 0.0
    });
    assert_eq!(metrics.sum("tributary_spool_replayed_total"), 2.0 * count);
    assert_eq!(metrics.sum("tributary_spool_corrupt_total"), 0.0);
    assert_eq!(metrics.imbalance(), 0.0);
    assert_all_there(&kafka, 2);
}

/// Devices publish before, in and after an outage and never wait for Kafka to come back.
fn go_through(name: &str, begin: fn(&RealKafka), end: fn(&RealKafka)) {
    let kafka = RealKafka::start();
    let folder = Folder::new(name);
    let gateway = folder.start(&kafka.bootstrap(), "on_outage = \"spool\"");
    publish_acknowledged(&gateway, 0);
    // A Kafka that has just come up may let the lane wait.
    let before = gateway.metrics().sum("tributary_spool_spooled_total");
    begin(&kafka);
    publish_acknowledged(&gateway, 1);
    let metrics = gateway.metrics();
    assert!(metrics.sum("tributary_spool_spooled_total") > before);
    let is_down = |state: &str| metrics.labelled("tributary_kafka_state", "state", state);
    assert_eq!(
        (is_down("down") + is_down("rebuilding"), is_down("up")),
        (1.0, 0.0)
    );
    end(&kafka);
    publish_acknowledged(&gateway, 2);
    let metrics = gateway.wait_until("an empty spool", |metrics| {
        metrics.sum("tributary_spool_messages") == 0.0
            && metrics.labelled("tributary_kafka_state", "state", "up") == 1.0
    });
    let safe = metrics.sum("tributary_kafka_delivered_total")
        - metrics.sum("tributary_spool_replayed_total")
        + metrics.sum("tributary_spool_spooled_total");
    assert_eq!(safe, metrics.sum("tributary_publishes_acknowledged_total"));
    assert_eq!(metrics.imbalance(), 0.0);
    assert_all_there(&kafka, 3);
}

#[test]
fn devices_go_on_while_kafka_is_killed_and_it_gets_what_they_said_in_order() {
    go_through("killed-kafka", RealKafka::kill, RealKafka::restart);
}

#[test]
fn devices_go_on_while_kafka_is_stopped_in_its_tracks_as_if_it_were_gone() {
    go_through("silent-kafka", RealKafka::pause, RealKafka::resume);
}

#[test]
fn a_route_that_rejects_in_an_outage_says_so_to_those_who_can_hear_it() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = nobody.local_addr().expect("it is bound").to_string();
    drop(nobody);
    let routes = "[[route]]\nfilter = \"#\"\ntopic = \"mqtt\"\non_outage = \"reject\"\n";
    let gateway = Launch::default().config(routes).kafka(&address).start();
    gateway.wait_until("a lane that is down", |metrics| {
        metrics.labelled("tributary_kafka_state", "state", "down") == 1.0
    });
    let mut newer = Client::connect(&gateway, V5, "newer");
    newer.send(&Publish::qos1(1, "outage/says", b"x").encode(V5));
    let puback = newer.expect(PUBACK);
    // Quota exceeded.
    assert_eq!((puback.packet_id(), puback.reason()), (1, 0x97));
    newer.ping();
    let mut older = Client::connect(&gateway, V311, "older");
    older.send(&Publish::qos1(1, "outage/says", b"x").encode(V311));
    // Version 3.1.1 cannot refuse one message: the connection ends without an acknowledgement.
    assert_eq!(older.packet(), None);
    let metrics = gateway.metrics();
    let refused = metrics.labelled("tributary_publishes_refused_total", "reason", "outage");
    assert_eq!((refused, metrics.imbalance()), (2.0, 0.0));
}

#[test]
fn a_route_that_accepts_answers_at_once_and_counts_what_kafka_does_not_take() {
    let kafka = RealKafka::start();
    let routes = "[[route]]\nfilter = \"absent/#\"\ntopic = \"absent\"\nack = \"accept\"\n\n\
                  [[route]]\nfilter = \"#\"\ntopic = \"mqtt\"\nack = \"accept\"\n";
    let launch = Launch::default().config(routes);
    let gateway = launch.kafka(&kafka.bootstrap()).start();
    kafka.pause();
    let mut device = Client::connect(&gateway, V5, "device");
    // Each gets its PUBACK while Kafka hears nothing.
    for number in 0..PUBLISHES {
        device.publish("says", payload(0, number).as_bytes());
    }
    device.publish("absent/says", b"lost");
    kafka.resume();
    let count = PUBLISHES as f64;
    let metrics = gateway.wait_until("everything in Kafka or dropped", |metrics| {
        metrics.sum("tributary_kafka_delivered_total") == count
            && metrics.sum("tributary_accepted_dropped_total") == 1.0
    });
    let dropped = metrics.labelled(
        "tributary_accepted_dropped_total",
        "reason",
        "topic_missing",
    );
    assert_eq!(dropped, 1.0);
    let acknowledged = metrics.sum("tributary_publishes_acknowledged_total");
    assert_eq!((acknowledged, metrics.imbalance()), (count + 1.0, 0.0));
    let records = read_topic(&kafka.bootstrap(), "mqtt");
    let values: Vec<_> = records.into_iter().map(|record| record.value).collect();
    let sent: Vec<_> = (0..PUBLISHES)
        .map(|number| payload(0, number).into_bytes())
        .collect();
    assert!(values == sent, "each once and in order");
}
