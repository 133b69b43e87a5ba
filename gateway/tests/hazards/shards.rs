//! Subscribers on other shards than the publisher: in order, nothing lost, and each group's work
//! shared over all of them.

use crate::support::client::Client;
use crate::support::gateway::{Gateway, Launch};
use crate::support::subscriber::LOCAL_ONLY;
use crate::support::wire::*;

/// Enough that with four shards hardly one is without any.
const SUBSCRIBERS: usize = 24;
/// Fewer than wait for a subscriber that does not read.
const MESSAGES: u64 = 1000;
const TOPICS: u64 = 3;

fn start() -> Gateway {
    // What the gateway says of itself is forwarded too.
    let quiet = format!("{LOCAL_ONLY}[mqtt]\nsys_interval_secs = 0\n");
    Launch::default().config(&quiet).start()
}

fn subscribers(gateway: &Gateway, filter: &str) -> Vec<Client> {
    let connect = |number| Client::connect(gateway, V5, &format!("subscriber{number}"));
    let all = (0..SUBSCRIBERS).map(connect);
    all.map(|client| client.subscribed(filter, 1)).collect()
}

/// Publishes numbers in one go, to some topics in turn, and waits for all acknowledgements.
fn publish_numbers(gateway: &Gateway) {
    let mut publisher = Client::connect(gateway, V5, "publisher");
    let chunk = 100;
    for first in (0..MESSAGES).step_by(chunk as usize) {
        let mut bytes = Vec::new();
        for number in first..first + chunk {
            let topic = format!("many/{}", number % TOPICS);
            let payload = number.to_string();
            let publish = Publish::qos1(number as u16 + 1, &topic, payload.as_bytes());
            bytes.extend(publish.encode(V5));
        }
        publisher.send(&bytes);
        for number in first..first + chunk {
            let puback = publisher.expect(PUBACK);
            let id = number as u16 + 1;
            assert_eq!((puback.packet_id(), puback.reason()), (id, 0));
        }
    }
}

/// Everything up to a last message of the subscriber's own.
fn finish(subscriber: &mut Client, number: usize) -> Vec<(String, u64)> {
    let own = format!("own/{number}");
    assert_eq!(subscriber.subscribe(&own, 1), 1);
    subscriber.announce(Publish::qos1(0, &own, b"last"));
    let there = subscriber.receive_until(b"last").into_iter();
    there.map(|one| (one.topic.clone(), one.number())).collect()
}

#[test]
fn one_publisher_is_heard_on_all_shards_in_order_and_whole() {
    let gateway = start();
    let before = gateway.metrics().sum("tributary_forwarded_total");
    let mut subscribers = subscribers(&gateway, "many/+");
    publish_numbers(&gateway);
    let wanted = (0..MESSAGES).map(|number| (format!("many/{}", number % TOPICS), number));
    let wanted = Vec::from_iter(wanted);
    for (number, subscriber) in subscribers.iter_mut().enumerate() {
        // [MQTT-4.6.0-5]; it holds over the topics too, since each note stands behind the last.
        assert_eq!(finish(subscriber, number), wanted, "subscriber {number}");
    }
    let metrics = gateway.metrics();
    let forwarded = metrics.sum("tributary_forwarded_total") - before;
    // Once in 250 runs one of the four has no subscriber.
    let has_clients =
        |shard: &&str| metrics.labelled("tributary_shard_connections", "shard", shard) > 0.0;
    let homes = ["0", "1", "2", "3"].into_iter().filter(has_clients).count() as f64;
    assert!(
        homes > 1.0 && forwarded >= (homes - 1.0) * MESSAGES as f64,
        "each was told to all the other shards of {homes}: {forwarded}"
    );
}

#[test]
fn a_group_over_all_shards_shares_fairly() {
    let gateway = start();
    let mut members = subscribers(&gateway, "$share/crew/many/+");
    publish_numbers(&gateway);
    let mut heard = Vec::new();
    for (number, member) in members.iter_mut().enumerate() {
        let share = finish(member, number);
        let fair = MESSAGES as usize / SUBSCRIBERS;
        // Each shard is picked by its members, and each member on it in turn.
        assert!(
            (fair - 2..=fair + 2).contains(&share.len()),
            "member {number} has {} of {MESSAGES}",
            share.len()
        );
        heard.extend(share.into_iter().map(|(_, number)| number));
    }
    heard.sort_unstable();
    assert_eq!(heard, Vec::from_iter(0..MESSAGES));
}

#[test]
fn subscribers_that_come_and_go_on_all_shards_leave_nothing_behind() {
    let gateway = start();
    for _ in 0..5 {
        let all = subscribers(&gateway, "many/+");
        gateway.wait_until("all subscriptions", |metrics| {
            metrics.sum("tributary_subscriptions") == SUBSCRIBERS as f64
        });
        drop(all);
        gateway.wait_until("no subscription", |metrics| {
            metrics.sum("tributary_subscriptions") == 0.0
        });
    }
    let before = gateway.metrics().sum("tributary_forwarded_total");
    let mut publisher = Client::connect(&gateway, V5, "publisher");
    publisher.announce(Publish::qos1(0, "many/0", b"x"));
    let forwarded = gateway.metrics().sum("tributary_forwarded_total") - before;
    assert_eq!(forwarded, 0.0, "nobody subscribes");
}
