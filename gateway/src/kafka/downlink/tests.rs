//! A reader against a mock Kafka, with shards that are full, or slow to tell what became of it.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use tributary_proto::version::Qos;

use super::*;
use crate::kafka::{Embedded, Properties};

mod several;

const DEADLINE: Duration = Duration::from_secs(60);
const SHARDS: usize = 2;

/// Shards that keep what is left with them.
#[derive(Default)]
struct Shards {
    left: Mutex<Vec<(usize, Command)>>,
    is_full: AtomicBool,
    refused_count: AtomicUsize,
    /// The devices of what was withdrawn.
    withdrawn: Mutex<Vec<String>>,
    /// The last question that was answered.
    caught_up: AtomicU64,
}

impl CommandSink for Shards {
    fn shards(&self) -> usize {
        SHARDS
    }

    fn home(&self, device: &str) -> usize {
        device.len() % SHARDS
    }

    fn has_room(&self, _shard: usize, _bytes: usize) -> bool {
        let is_full = self.is_full.load(Ordering::SeqCst);
        self.refused_count
            .fetch_add(usize::from(is_full), Ordering::SeqCst);
        !is_full
    }

    fn leave(&self, shard: usize, command: Command) {
        self.left
            .lock()
            .expect("nobody panicked")
            .push((shard, command));
    }

    fn withdraw(&self, _shard: usize, withdrawal: Withdrawal) {
        let mut withdrawn = self.withdrawn.lock().expect("nobody panicked");
        withdrawn.push(withdrawal.device.to_string());
    }

    fn tell_caught_up(&self, _shard: usize, caught_up: CaughtUp) {
        self.caught_up.fetch_max(caught_up.asked, Ordering::SeqCst);
    }
}

impl Shards {
    fn count(&self) -> usize {
        self.left.lock().expect("nobody panicked").len()
    }

    fn take(&self) -> Vec<(usize, Command)> {
        std::mem::take(&mut *self.left.lock().expect("nobody panicked"))
    }
}

/// Waits for another thread to have brought this about.
fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !is_so() {
        assert!(Instant::now() < end, "never saw {what}");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

fn kafka() -> Embedded {
    Embedded::start(&[("commands", 1)]).expect("a mock cluster")
}

fn start(kafka: &Embedded, shards: &Arc<Shards>, device: Option<&str>) -> Downlink {
    start_as(kafka, shards, rule(device), None)
}

fn rule(device: Option<&str>) -> Rule {
    Rule {
        topic: "commands".to_owned(),
        to: Template::parse("dev/{key}/cmd").ok(),
        device: device.and_then(|device| Template::parse(device).ok()),
        qos: Qos::AtLeastOnce,
        expiry_secs: 0,
        user_properties: false,
        uncommitted_max: 1_000,
        from: From::Begin,
        terms: TrayTerms {
            rule: 0,
            waiting_max: 100,
            drops_newest: false,
            latest: false,
            several: false,
        },
    }
}

fn start_as(
    kafka: &Embedded,
    shards: &Arc<Shards>,
    rule: Rule,
    membership: Option<Membership>,
) -> Downlink {
    let config = DownlinkConfig {
        cluster: "main".to_owned(),
        brokers: vec![kafka.brokers().to_owned()],
        properties: Properties::default(),
        group_id: "tributary.test".to_owned(),
        membership,
        rules: vec![rule],
    };
    Downlink::start(config, shards.clone()).unwrap_or_else(|error| panic!("{error}"))
}

/// Writes these numbers, each for the device whose name it says.
fn write(kafka: &Embedded, numbers: std::ops::Range<u32>) {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", kafka.brokers());
    let producer: BaseProducer = config.create().expect("a producer");
    for number in numbers {
        let text = number.to_string();
        let record = BaseRecord::to("commands").key(&text).payload(&text);
        producer
            .send(record)
            .map_err(|(error, _)| error)
            .expect("room");
    }
    producer.flush(DEADLINE).expect("the mock takes all");
}

fn reading(downlink: &Downlink) -> Reading {
    let reading = downlink.tallies().next().map(|tally| tally.reading());
    reading.expect("one downlink")
}

#[test]
fn full_shards_stop_the_reading_and_lose_nothing() {
    let (kafka, shards) = (kafka(), Arc::new(Shards::default()));
    shards.is_full.store(true, Ordering::SeqCst);
    write(&kafka, 0..50);
    let mut downlink = start(&kafka, &shards, Some("{key}"));
    let asked = || shards.refused_count.load(Ordering::SeqCst) > 10;
    wait_until("a reader that asks again", asked);
    let read = reading(&downlink);
    assert_eq!((read.read, read.pending(), shards.count()), (1, 1, 0));
    shards.is_full.store(false, Ordering::SeqCst);
    wait_until("all of it", || shards.count() == 50);
    for (number, (shard, command)) in (0..).zip(shards.take()) {
        let device = number.to_string();
        assert_eq!(command.device.as_deref(), Some(&*device));
        assert_eq!(&*command.message.topic, format!("dev/{device}/cmd"));
        assert_eq!(shard, device.len() % SHARDS);
    }
    downlink.end();
}

#[test]
fn the_next_reader_gets_what_was_open_and_nothing_else() {
    let (kafka, shards) = (kafka(), Arc::new(Shards::default()));
    write(&kafka, 0..20);
    let mut downlink = start(&kafka, &shards, Some("{key}"));
    wait_until("all of it", || shards.count() == 20);
    let open = ["3", "4", "17"];
    for (_, command) in shards.take() {
        if !command
            .device
            .as_deref()
            .is_some_and(|device| open.contains(&device))
        {
            command.origin.tell(Fate::HandedOff);
        }
    }
    downlink.end();
    let before = reading(&downlink);
    assert_eq!((before.handed_off, before.pending()), (17, 3));

    write(&kafka, 20..21);
    let mut downlink = start(&kafka, &shards, Some("{key}"));
    wait_until("what is open, and the new one", || shards.count() == 4);
    let devices: Vec<_> = shards
        .take()
        .into_iter()
        .map(|(_, one)| one.device)
        .collect();
    let wanted = ["3", "4", "17", "20"].map(|device| Some(Arc::from(device)));
    assert_eq!(devices, wanted);
    assert_eq!(reading(&downlink).read, 4);
    downlink.end();
}

#[test]
fn a_record_for_everyone_goes_to_every_shard_and_all_must_have_it() {
    let (kafka, shards) = (kafka(), Arc::new(Shards::default()));
    write(&kafka, 0..1);
    let mut downlink = start(&kafka, &shards, None);
    wait_until("both copies", || shards.count() == SHARDS);
    let copies = shards.take();
    assert_eq!(
        copies.iter().map(|(shard, _)| *shard).collect::<Vec<_>>(),
        [0, 1]
    );
    for (told, (_, command)) in copies.into_iter().enumerate() {
        assert_eq!(reading(&downlink).handed_off, 0, "{told} have told");
        command.origin.tell(Fate::HandedOff);
    }
    wait_until("the last", || reading(&downlink).handed_off == 1);
    downlink.end();
}
