//! The books balance at every moment, under load and whatever the clients do.

use crate::support::client::Client;
use crate::support::gateway::Gateway;
use crate::support::kafka::read_topic;
use crate::support::metrics::Metrics;
use crate::support::wire::*;
use crate::support::{DEADLINE, ask_until};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

#[test]
fn received_is_acknowledged_pending_refused_or_settled_at_every_scrape() {
    const SCRAPES: usize = 50;
    let gateway = Gateway::start();
    let stop = AtomicBool::new(false);
    let acknowledged = AtomicU64::new(0);
    thread::scope(|scope| {
        for number in 0..6 {
            let (gateway, stop, acknowledged) = (&gateway, &stop, &acknowledged);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    acknowledged.fetch_add(busy_life(gateway, number), Ordering::Relaxed);
                }
            });
        }
        // The load goes on until it has been weighed often enough, and it must have been a load.
        let mut scrapes = 0;
        while scrapes < SCRAPES || acknowledged.load(Ordering::Relaxed) < 5000 {
            let metrics = gateway.metrics();
            if metrics.imbalance() != 0.0 {
                stop.store(true, Ordering::Relaxed);
                panic!("off by {} in:\n{}", metrics.imbalance(), metrics.text);
            }
            scrapes += 1;
        }
        stop.store(true, Ordering::Relaxed);
    });
    // What a client sent before it went counts once it is read, and it is read before its end is.
    let is_settled = |metrics: &Metrics| {
        let open = ["tributary_connections", "tributary_publishes_pending"];
        open.iter().all(|name| metrics.sum(name) == 0.0)
    };
    // The turn of the last end shows what it has read when it is over, which may be a scrape later.
    let all_there = ask_until(DEADLINE, || {
        let metrics = gateway.wait_until("everything settled", is_settled);
        let received = metrics.sum("tributary_publishes_received_total");
        let there = read_topic(gateway.kafka(), "mqtt").len() as f64;
        (there == received).then_some(metrics)
    });
    let metrics = all_there.expect("all went to Kafka, and nothing twice");
    assert_eq!(metrics.imbalance(), 0.0);
    let named = ["1", "2"]
        .map(|qos| metrics.labelled("tributary_publishes_acknowledged_total", "qos", qos));
    // What a client has seen acknowledged, the books have too; the reverse may be lost on the way.
    assert!(
        named.iter().sum::<f64>() >= acknowledged.into_inner() as f64,
        "{}",
        metrics.text
    );
}

/// One connection's life: some publishes of every QoS, and an end that is good or bad. Returns how
/// many acknowledgements it saw.
fn busy_life(gateway: &Gateway, number: usize) -> u64 {
    let version = VERSIONS[number % VERSIONS.len()];
    let mut client = Client::connect(gateway, version, &format!("busy{number}"));
    let mut seen = 0;
    for _ in 0..20 {
        client.send(
            &Publish {
                qos: 0,
                ..Publish::qos1(0, "busy/0", b"x")
            }
            .encode(version),
        );
        client.publish("busy/1", b"x");
        let packet_id = client.take_packet_id();
        client.send(&Publish::qos2(packet_id, "busy/2", b"x").encode(version));
        client.expect(PUBREC);
        client.send(&pubrel(packet_id));
        client.expect(PUBCOMP);
        seen += 2;
    }
    // These are on their way when the client goes.
    for packet_id in 1000..1010 {
        client.send(&Publish::qos1(packet_id, "busy/gone", b"x").encode(version));
    }
    if number.is_multiple_of(2) {
        client.send(&frame(0xE0, &[]));
    } else {
        client.reset();
    }
    seen
}
