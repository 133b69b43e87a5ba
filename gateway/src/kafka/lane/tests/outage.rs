//! A Kafka that goes away or falls silent: the lane's state, and the spool that takes over.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::kafka::LaneState;

/// A folder of its own, gone with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static FOLDERS: AtomicU32 = AtomicU32::new(0);
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let name = format!("tributary-lane-{}-{number}", std::process::id());
        Folder(std::env::temp_dir().join(name))
    }

    fn start(&self, mock: &Mock, change: impl FnOnce(&mut LaneConfig)) -> (Lane, Arc<Sink>) {
        start(mock, |config| {
            config.spool = Some(SpoolConfig {
                path: self.0.clone(),
                bytes_max: 64 << 20,
            });
            change(config);
        })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Looks until it is so.
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "never saw {what}");
        std::thread::park_timeout(Duration::from_millis(1));
    }
}

fn wait_for_state(lane: &Lane, state: LaneState) {
    wait_until(state.name(), || lane.stats().state() == state);
}

fn wait_for_empty_spool(lane: &Lane) {
    wait_until("an empty spool", || spool(lane).messages == 0);
}

fn spool(lane: &Lane) -> SpoolReading {
    lane.spool().expect("a lane with a spool")
}

fn assert_balance(lane: &Lane, answered: u64) {
    let (stats, spool) = (lane.stats(), spool(lane));
    let safe = stats.delivered() - spool.replayed + stats.spooled();
    assert_eq!(safe, answered, "{spool:?}");
    let in_and_out = spool.replayed + spool.dropped + spool.messages;
    assert_eq!(spool.recovered + stats.spooled(), in_and_out, "{spool:?}");
}

fn count_of(answers: &HashMap<u64, Outcome>, outcome: Outcome) -> usize {
    answers.values().filter(|other| **other == outcome).count()
}

#[test]
fn a_lane_without_its_brokers_is_down_until_they_answer() {
    let mock = mock();
    let (lane, sink) = start(&mock, |_| {});
    publish(&lane, 0..100);
    assert_all_delivered(&sink, 100);
    wait_for_state(&lane, LaneState::Up);
    mock.broker_down(-1).expect("down");
    wait_for_state(&lane, LaneState::Down);
    assert!(lane.is_down());
    mock.broker_up(-1).expect("up");
    publish(&lane, 100..200);
    assert_all_delivered(&sink, 200);
    wait_for_state(&lane, LaneState::Up);
    assert!(!lane.is_down());
}

#[test]
fn a_broker_that_says_nothing_makes_a_lane_slow_and_then_down_though_it_stays_connected() {
    let mock = mock();
    let (lane, sink) = start(&mock, |config| {
        config.down_after = Duration::from_secs(2);
    });
    publish(&lane, 0..100);
    assert_all_delivered(&sink, 100);
    mock.broker_round_trip_time(-1, Duration::from_secs(5))
        .expect("late");
    publish(&lane, 100..200);
    wait_for_state(&lane, LaneState::Slow);
    assert!(!lane.is_down());
    wait_for_state(&lane, LaneState::Down);
    mock.broker_round_trip_time(-1, Duration::ZERO)
        .expect("prompt");
    assert_all_delivered(&sink, 200);
    wait_for_state(&lane, LaneState::Up);
    assert_eq!(lane.stats().rebuilds(), 0, "nothing wants to go to disk");
}

#[test]
fn an_outage_goes_to_disk_and_comes_back_in_order_while_devices_go_on() {
    let (mock, folder) = (mock(), Folder::new());
    let (lane, sink) = folder.start(&mock, |_| {});
    publish_as(&lane, Policy::SpoolInOutage, 0..20_000);
    drop(sink.wait("the first answers", |heard| heard.flushed > 0));
    mock.broker_down(-1).expect("down");
    publish_as(&lane, Policy::SpoolInOutage, 20_000..40_000);
    let answers = sink.answers(40_000);
    let (delivered, spooled) = (
        count_of(&answers, Outcome::Delivered),
        count_of(&answers, Outcome::Spooled),
    );
    assert_eq!(delivered + spooled, 40_000);
    assert!(spooled >= 20_000, "{spooled} answers without Kafka");
    mock.broker_up(-1).expect("up");
    // Steadily, so that the spool is never empty by itself.
    let mut next = 40_000;
    wait_until(
        "a record that goes straight to Kafka while others come",
        || {
            publish_as(&lane, Policy::SpoolInOutage, next..next + 50);
            next += 50;
            std::thread::park_timeout(Duration::from_millis(5));
            let heard = sink.heard();
            let mut latest = heard.answers.iter().rev().take(200);
            latest.any(|(number, outcome)| *number >= 40_000 && *outcome == Outcome::Delivered)
        },
    );
    sink.answers(next);
    wait_for_empty_spool(&lane);
    assert_eq!(read_back(&mock.bootstrap_servers()).len() as u64, next);
    assert_balance(&lane, next);
}

#[test]
fn in_a_silence_what_may_goes_to_disk_and_what_may_not_waits_for_kafka() {
    let (mock, folder) = (mock(), Folder::new());
    let (lane, sink) = folder.start(&mock, |config| {
        config.down_after = Duration::from_secs(2);
    });
    publish(&lane, 0..1_000);
    assert_all_delivered(&sink, 1_000);
    mock.broker_round_trip_time(-1, Duration::from_secs(6))
        .expect("late");
    // One device has one policy: even ones wait.
    let mut batches = [Batch::default(), Batch::default()];
    for number in 1_000..3_000u64 {
        let device = number % DEVICES;
        let (key, payload) = (format!("dev-{device}"), number.to_string());
        let payload = payload.as_bytes();
        assert_eq!(lane.admit(weigh(&key, payload)), Offer::Accepted);
        let policy = [Policy::Withhold, Policy::SpoolInOutage][(device % 2) as usize];
        let shard = (device % 2) as usize;
        write_as(&mut batches[shard], policy, "mqtt", &key, payload, number);
    }
    (0..2).for_each(|shard| lane.submit(shard, &mut batches[shard]));
    let answers = sink.answers(2_000);
    for (number, outcome) in answers.iter().filter(|(number, _)| **number >= 1_000) {
        assert_eq!((number % 2, *outcome), (1, Outcome::Spooled), "{number}");
    }
    mock.broker_round_trip_time(-1, Duration::ZERO)
        .expect("prompt");
    sink.answers(3_000);
    wait_for_empty_spool(&lane);
    assert_eq!(read_back(&mock.bootstrap_servers()).len(), 3_000);
    assert_balance(&lane, 3_000);
}

#[test]
fn what_was_spooled_is_in_kafka_after_a_lane_that_ended_without_it() {
    let (mock, folder) = (mock(), Folder::new());
    mock.broker_down(-1).expect("down");
    let (lane, sink) = folder.start(&mock, |_| {});
    publish_as(&lane, Policy::SpoolFirst, 0..5_000);
    let answers = sink.answers(5_000);
    assert_eq!(count_of(&answers, Outcome::Spooled), 5_000);
    assert_eq!(spool(&lane).messages, 5_000, "before anybody is told");
    wait_until("room for all", || lane.pending() == 0);
    assert!(
        spool(&lane).fsyncs < 500,
        "one for many: {:?}",
        spool(&lane)
    );
    drop(lane);

    mock.broker_up(-1).expect("up");
    let (lane, sink) = folder.start(&mock, |_| {});
    assert_eq!(spool(&lane).recovered, 5_000);
    publish_as(&lane, Policy::SpoolInOutage, 5_000..6_000);
    sink.answers(1_000);
    wait_for_empty_spool(&lane);
    let seen = read_back(&mock.bootstrap_servers());
    assert_eq!(seen.len(), 6_000);
    assert_balance(&lane, 1_000);
    drop(lane);
    let (lane, _) = folder.start(&mock, |_| {});
    assert_eq!(
        spool(&lane).recovered,
        0,
        "nothing comes twice after a clean end"
    );
}

#[test]
fn a_full_spool_refuses_and_takes_again_when_kafka_has_what_it_had() {
    let (mock, folder) = (mock(), Folder::new());
    mock.broker_down(-1).expect("down");
    let (lane, sink) = folder.start(&mock, |config| {
        config.spool = Some(SpoolConfig {
            path: folder.0.clone(),
            bytes_max: 128 << 10,
        });
    });
    publish_as(&lane, Policy::SpoolFirst, 0..5_000);
    let answers = sink.answers(5_000);
    let spooled = count_of(&answers, Outcome::Spooled);
    let full = count_of(&answers, Outcome::Failed(Refusal::SpoolFull));
    assert!(spooled > 500 && full > 500, "{spooled} and {full}");
    assert_eq!(spooled + full, 5_000);
    wait_until("room for all", || lane.pending() == 0);
    mock.broker_up(-1).expect("up");
    wait_for_empty_spool(&lane);
    publish_as(&lane, Policy::SpoolFirst, 5_000..5_500);
    let answers = sink.answers(5_500);
    assert_eq!(count_of(&answers, Outcome::Spooled), spooled + 500);
    wait_for_empty_spool(&lane);
    assert_eq!(read_back(&mock.bootstrap_servers()).len(), spooled + 500);
    assert_balance(&lane, spooled as u64 + 500);
}

#[test]
fn a_replayed_record_that_kafka_refuses_is_dropped_with_a_count_and_the_others_go_on() {
    let (mock, folder) = (mock(), Folder::new());
    mock.broker_down(-1).expect("down");
    let (lane, sink) = folder.start(&mock, |_| {});
    let mut batch = Batch::default();
    for (number, topic) in (0..400).zip(["missing", "mqtt"].iter().cycle()) {
        assert_eq!(lane.admit(weigh("dev-0", b"0")), Offer::Accepted);
        write_as(&mut batch, Policy::SpoolFirst, topic, "dev-0", b"0", number);
    }
    lane.submit(0, &mut batch);
    let answers = sink.answers(400);
    assert_eq!(count_of(&answers, Outcome::Spooled), 400);
    let error = RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    mock.topic_error("missing", error)
        .expect("an error to come");
    mock.broker_up(-1).expect("up");
    wait_for_empty_spool(&lane);
    wait_until("the drops", || spool(&lane).dropped == 200);
    assert_eq!(lane.stats().failed(Refusal::TopicMissing), 200);
    assert_balance(&lane, 400);
}

#[test]
fn two_lanes_cannot_have_one_spool() {
    let (mock, folder) = (mock(), Folder::new());
    let (_lane, _) = folder.start(&mock, |_| {});
    let mut config = LaneConfig::new("other", vec![mock.bootstrap_servers()]);
    config.spool = Some(SpoolConfig {
        path: folder.0.clone(),
        bytes_max: 64 << 20,
    });
    match Lane::start(config, 2, Arc::new(Sink::default())) {
        Ok(_) => panic!("it must not start"),
        Err(error) => assert_eq!(error.key, "spool"),
    }
}
