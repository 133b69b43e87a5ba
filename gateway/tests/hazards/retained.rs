//! Retained messages: bounded in count and bytes, replaced and cleared, and room comes back when
//! one expires.

use crate::support::client::Client;
use crate::support::delivery::Delivery;
use crate::support::gateway::{Gateway, Launch};
use crate::support::metrics::Metrics;
use crate::support::property::*;
use crate::support::subscriber::LOCAL_ONLY;
use crate::support::wire::*;
use crate::support::{DEADLINE, ask_until};
use std::collections::BTreeMap;

fn start(bounds: &str) -> Gateway {
    // What the server says of itself is retained as well, and would be counted.
    let config = format!("{LOCAL_ONLY}[mqtt]\nsys_interval_secs = 0\n{bounds}");
    Launch::default().config(&config).start()
}

fn retain(publisher: &mut Client, topic: &str, payload: &[u8], list: &[u8]) -> u8 {
    publisher.announce(Publish {
        retain: true,
        properties: list,
        ..Publish::qos1(0, topic, payload)
    })
}

/// The next message that is no retained one. One that was published right after SUBSCRIBE may come
/// as both: what is retained is looked for on another shard, while publishing goes on.
fn receive_live(subscriber: &mut Client) -> Delivery {
    loop {
        let delivery = subscriber.receive();
        if !delivery.retain {
            return delivery;
        }
        assert!(!delivery.payload.is_empty(), "an empty one is not kept");
    }
}

/// What a newcomer gets, by topic, once the gauge says that so many are kept.
fn kept(gateway: &Gateway, count: usize) -> BTreeMap<String, Vec<u8>> {
    gateway.wait_until(&format!("{count} retained messages"), |metrics| {
        metrics.sum("tributary_retained_messages") == count as f64
    });
    let mut newcomer = Client::connect(gateway, V5, "newcomer").subscribed("kept/#", 1);
    let all = (0..count).map(|_| newcomer.receive());
    let there: BTreeMap<_, _> = all
        .inspect(|delivery| assert!(delivery.retain, "{delivery:?}"))
        .map(|delivery| (delivery.topic, delivery.payload))
        .collect();
    assert_eq!(there.len(), count, "no topic twice");
    newcomer.announce(Publish::qos1(0, "kept/last", b"last"));
    let more = newcomer.receive_until(b"last");
    assert_eq!(more, [], "no more than the gauge says");
    there
}

/// Waits until each of `published` topics is retained or counted as not, and says how many are.
fn retained_of(gateway: &Gateway, published: usize) -> usize {
    let metrics = gateway.wait_until("each one retained or counted as not", |metrics| {
        metrics.sum("tributary_retained_messages") + not_retained(metrics) == published as f64
    });
    metrics.sum("tributary_retained_messages") as usize
}

fn not_retained(metrics: &Metrics) -> f64 {
    metrics.labelled("tributary_bounds_hit_total", "bound", "retained")
}

#[test]
fn beyond_their_count_new_topics_are_not_retained_and_old_ones_stay() {
    const COUNT_MAX: usize = 100;
    let gateway = start(&format!("retained_count_max = {COUNT_MAX}\n"));
    let mut publisher = Client::connect(&gateway, V5, "publisher");
    let mut subscriber = Client::connect(&gateway, V5, "subscriber").subscribed("kept/#", 1);
    for number in 0..COUNT_MAX * 3 {
        let reason = retain(&mut publisher, &format!("kept/{number}"), b"first", &[]);
        assert!(
            [0, 0x97].contains(&reason),
            "quota exceeded or nothing: {reason:#04x}"
        );
        // Who is there gets it in any case.
        assert_eq!(
            receive_live(&mut subscriber).topic,
            format!("kept/{number}")
        );
    }
    drop(subscriber);
    let count = retained_of(&gateway, COUNT_MAX * 3);
    assert!(
        count <= COUNT_MAX && count > COUNT_MAX / 2,
        "{count} are retained"
    );
    let there = kept(&gateway, count);
    assert!(there.values().all(|payload| payload == b"first"));
    // Replacing needs no room, clearing makes some.
    let topics: Vec<_> = there.keys().collect();
    let reason = retain(&mut publisher, topics[0], b"second", &[]);
    assert!(
        [0, 0x10].contains(&reason),
        "nobody subscribes: {reason:#04x}"
    );
    let replaced = || (kept(&gateway, count)[topics[0]] == b"second").then_some(());
    ask_until(DEADLINE, replaced).expect("the new one takes the old one's place");
    retain(&mut publisher, topics[1], b"", &[]);
    assert!(!kept(&gateway, count - 1).contains_key(topics[1]));
    retain(&mut publisher, topics[1], b"back", &[]);
    assert_eq!(kept(&gateway, count)[topics[1]], b"back");
}

#[test]
fn their_bytes_are_bounded_too() {
    const PAYLOAD: [u8; 1000] = [7; 1000];
    const BYTES_MAX: usize = 128 << 10;
    let gateway = start(&format!("retained_bytes_max = {BYTES_MAX}\n"));
    let mut publisher = Client::connect(&gateway, V5, "publisher");
    for number in 0..1000 {
        retain(&mut publisher, &format!("kept/{number}"), &PAYLOAD, &[]);
    }
    let count = retained_of(&gateway, 1000);
    let bytes = count * PAYLOAD.len();
    assert!(
        bytes <= BYTES_MAX && bytes > BYTES_MAX / 2,
        "{count} are retained"
    );
    assert_eq!(kept(&gateway, count).len(), count);
    let bytes = gateway.metrics().sum("tributary_retained_bytes");
    assert!(bytes <= BYTES_MAX as f64, "{bytes} bytes are retained");
}

#[test]
fn the_place_of_an_expired_message_is_free_again_without_anyone_asking_for_it() {
    let gateway = start("retained_count_max = 100\n");
    let mut publisher = Client::connect(&gateway, V5, "publisher");
    let one_second = four(MESSAGE_EXPIRY, 1);
    for number in 0..300 {
        retain(
            &mut publisher,
            &format!("kept/short/{number}"),
            b"short",
            &one_second,
        );
    }
    gateway.wait_until("no retained message", |metrics| {
        metrics.sum("tributary_retained_messages") == 0.0
    });
    let before = gateway.metrics();
    for number in 0..20 {
        retain(&mut publisher, &format!("kept/long/{number}"), b"long", &[]);
    }
    assert_eq!(kept(&gateway, 20).len(), 20);
    assert_eq!(not_retained(&gateway.metrics()), not_retained(&before));
}

#[test]
fn an_empty_payload_clears_and_is_itself_not_kept() {
    let gateway = start("");
    let mut publisher = Client::connect(&gateway, V5, "publisher");
    let mut subscriber = Client::connect(&gateway, V5, "subscriber").subscribed("kept/#", 1);
    for number in 0..50 {
        retain(&mut publisher, &format!("kept/{number}"), b"there", &[]);
    }
    for number in 0..49 {
        retain(&mut publisher, &format!("kept/{number}"), b"", &[]);
    }
    let heard: Vec<_> = (0..99).map(|_| receive_live(&mut subscriber)).collect();
    // Who is there gets the empty ones too, as messages like any other [MQTT-3.3.1-6].
    let empty = heard.iter().filter(|delivery| delivery.payload.is_empty());
    assert_eq!(empty.count(), 49);
    drop(subscriber);
    assert_eq!(Vec::from_iter(kept(&gateway, 1).into_keys()), ["kept/49"]);
}
