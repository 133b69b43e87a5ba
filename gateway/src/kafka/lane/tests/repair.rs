//! Errors that a real Kafka gives seldom and the mock on order: fences, withdrawn rights, leaders.

use super::*;

/// A lane whose blocks librdkafka does not cut: of a block in two requests, the second is in Kafka
/// before the first, if that is refused, can be sent again.
fn start_uncut(mock: &Mock) -> (Lane, Arc<Sink>) {
    start(mock, |config| {
        config.properties.insert("linger.ms".into(), "200".into());
    })
}

/// Publishes one record and waits for its answer.
fn ask(lane: &Lane, sink: &Sink, topic: &str, number: u64) -> Outcome {
    let mut batch = Batch::default();
    assert_eq!(lane.admit(weigh("dev-0", b"0")), Offer::Accepted);
    write(&mut batch, topic, "dev-0", b"0", number);
    lane.submit(0, &mut batch);
    sink.answers(number + 1)[&number]
}

#[test]
fn a_producer_that_is_fenced_is_replaced_and_nothing_is_lost_or_out_of_order() {
    let mock = mock();
    let (lane, sink) = start_uncut(&mock);
    publish(&lane, 0..10_000);
    let fenced = RDKafkaRespErr::RD_KAFKA_RESP_ERR_PRODUCER_FENCED;
    mock.request_errors(RDKafkaApiKey::Produce, &[fenced]);
    publish(&lane, 10_000..30_000);
    assert_all_delivered(&sink, 30_000);
    assert!(lane.stats().rebuilds() >= 1);
    assert_eq!(read_back(&mock.bootstrap_servers()).len(), 30_000);
}

#[test]
fn a_stale_epoch_or_a_forgotten_producer_is_mended_in_place() {
    for error in [
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH,
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID,
    ] {
        let mock = mock();
        let (lane, sink) = start_uncut(&mock);
        publish(&lane, 0..5_000);
        mock.request_errors(RDKafkaApiKey::Produce, &[error; 3]);
        publish(&lane, 5_000..20_000);
        assert_all_delivered(&sink, 20_000);
        assert_eq!(read_back(&mock.bootstrap_servers()).len(), 20_000);
    }
}

#[test]
fn a_topic_that_kafka_refused_once_is_tried_again_before_long_and_others_never_notice() {
    let mock = mock();
    mock.create_topic("other", 1, 1).expect("a new topic");
    let (lane, sink) = start(&mock, |_| {});
    assert_eq!(ask(&lane, &sink, "other", 0), Outcome::Delivered);
    assert_eq!(ask(&lane, &sink, "mqtt", 1), Outcome::Delivered);
    let denied = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    mock.request_errors(RDKafkaApiKey::Produce, &[denied]);
    let refused = Outcome::Failed(Refusal::NotAllowed);
    assert_eq!(ask(&lane, &sink, "mqtt", 2), refused);
    assert_eq!(ask(&lane, &sink, "other", 3), Outcome::Delivered);
    let deadline = Instant::now() + PATIENCE / 2;
    let mut number = 4;
    while ask(&lane, &sink, "mqtt", number) != Outcome::Delivered {
        // librdkafka by itself would look again after a minute.
        assert!(Instant::now() < deadline, "never delivered again");
        std::thread::park_timeout(Duration::from_millis(5));
        number += 1;
    }
    assert_eq!(ask(&lane, &sink, "other", number + 1), Outcome::Delivered);
    assert_eq!(lane.stats().rebuilds(), 0);
    assert_eq!(lane.drain(PATIENCE), 0);
}

#[test]
fn leaders_that_move_lose_nothing_and_keep_the_order() {
    let mock = (0..9)
        .find_map(|_| MockCluster::new(3).ok())
        .expect("free ports");
    mock.create_topic("mqtt", PARTITIONS, 3)
        .expect("a new topic");
    let (lane, sink) = start(&mock, |_| {});
    for round in 0..6u64 {
        publish(&lane, round * 5_000..(round + 1) * 5_000);
        for partition in 0..PARTITIONS {
            let leader = (partition + round as i32) % 3 + 1;
            mock.partition_leader("mqtt", partition, Some(leader))
                .expect("a broker");
        }
    }
    assert_all_delivered(&sink, 30_000);
    assert_eq!(lane.stats().rebuilds(), 0);
    let seen = read_back(&mock.bootstrap_servers());
    assert_eq!(seen.len(), 30_000);
    assert!(seen.values().all(|count| *count == 1));
}
