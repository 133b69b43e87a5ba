//! A subscriber that does not read: QoS 0 is dropped first, oldest first, and counted; then the
//! connection ends with 0x97 and the session stays.

use crate::support::client::Client;
use crate::support::gateway::{Gateway, Launch};
use crate::support::subscriber::LOCAL_ONLY;
use crate::support::wire::*;
use std::io::Read;

const PAYLOAD_BYTES: usize = 1000;
/// Far more than sockets and queues hold.
const FLOOD: u64 = 40_000;

/// Subscribes and takes as little as the kernel allows.
fn lazy(gateway: &Gateway, qos: u8) -> Client {
    let (client, _) = Client::resume(gateway, V5, "lazy");
    rustix::net::sockopt::set_socket_recv_buffer_size(client.stream(), 4096)
        .expect("a socket takes SO_RCVBUF");
    client.subscribed("flood", qos)
}

fn payload(number: u64) -> Vec<u8> {
    format!("{number} {}", "x".repeat(PAYLOAD_BYTES)).into_bytes()
}

fn flood_at_qos_0(publisher: &mut Client, count: u64) {
    for number in 0..count {
        let payload = payload(number);
        let publish = Publish {
            topic: b"flood",
            payload: &payload,
            ..Publish::default()
        };
        publisher.send(&publish.encode(V5));
        if number.is_multiple_of(100) {
            publisher.ping();
        }
    }
    publisher.ping();
}

#[test]
fn qos_0_is_dropped_oldest_first_and_counted_and_the_connection_stays() {
    const GROWTH_BYTES_MAX: f64 = (16 << 20) as f64;
    let gateway = Launch::default().config(LOCAL_ONLY).start();
    let mut bystander = Client::connect(&gateway, V5, "bystander").subscribed("quiet", 1);
    let mut lazy = lazy(&gateway, 0);
    let mut publisher = Client::connect(&gateway, V5, "publisher");
    let before = gateway.metrics().sum("tributary_user_bytes");
    flood_at_qos_0(&mut publisher, FLOOD);
    bystander.announce(Publish::qos1(0, "quiet", b"undisturbed"));
    bystander.receive();
    // What lies between two shards meanwhile is none of the subscriber's.
    gateway.wait_until("little memory for one lazy subscriber", |metrics| {
        metrics.sum("tributary_user_bytes") - before < GROWTH_BYTES_MAX
    });
    let dropped = |gateway: &Gateway| {
        let metrics = gateway.metrics();
        metrics.labelled("tributary_deliveries_dropped_total", "reason", "slow")
    };
    assert!(dropped(&gateway) > 0.0, "or this test shows nothing");
    let mut numbers = Vec::new();
    while numbers.last() != Some(&(FLOOD - 1)) {
        // The last is among them: what is dropped is the oldest that waits.
        numbers.push(lazy.receive().number());
    }
    assert!(
        numbers.is_sorted_by(|a, b| a < b),
        "what is left is in order"
    );
    assert_eq!(
        numbers.len() as f64 + dropped(&gateway),
        FLOOD as f64,
        "each came or was counted"
    );
    lazy.ping();
}

#[test]
fn qos_1_beyond_the_bound_ends_the_connection_and_keeps_the_session() {
    let gateway = Launch::default().config(LOCAL_ONLY).start();
    let lazy = lazy(&gateway, 1);
    let mut publisher = Client::connect(&gateway, V5, "publisher");
    let ended = |gateway: &Gateway| {
        let metrics = gateway.metrics();
        metrics.labelled("tributary_disconnects_total", "reason", "out_queue_full")
    };
    let mut published = 0;
    while ended(&gateway) == 0.0 {
        assert!(
            published < FLOOD,
            "a subscriber that reads nothing is kept for ever"
        );
        for _ in 0..100 {
            publisher.announce(Publish::qos1(0, "flood", &payload(published)));
            published += 1;
        }
    }
    // What had been sent before can be read; the reason behind it, if it found room. Whoever reads
    // too late finds the last packet cut.
    let mut received = Vec::new();
    let mut stream = lazy.stream();
    let _ = stream.read_to_end(&mut received);
    let (mut heard, mut last) = (Vec::new(), None);
    while let Some(packet) = take_packet(&mut received) {
        match packet.kind() {
            PUBLISH => heard.push(packet),
            _ => last = Some(packet),
        }
    }
    assert!(!heard.is_empty());
    if let Some(farewell) = last {
        // Quota exceeded.
        assert_eq!((farewell.kind(), farewell.reason()), (DISCONNECT, 0x97));
    }
    let (mut back, present) = Client::resume(&gateway, V5, "lazy");
    assert!(present, "the session is kept");
    publisher.announce(Publish::qos1(0, "flood", b"last"));
    let numbers: Vec<_> = back
        .receive_until(b"last")
        .iter()
        .map(|d| d.number())
        .collect();
    assert!(
        numbers.is_sorted_by(|a, b| a < b),
        "in order, each once: nothing was acknowledged"
    );
    let metrics = gateway.metrics();
    let dropped = metrics.labelled("tributary_deliveries_dropped_total", "reason", "queue_full");
    assert_eq!(
        numbers.len() as f64 + dropped,
        published as f64,
        "each came or was counted"
    );
}

#[test]
fn qos_0_makes_room_for_qos_1_which_is_not_dropped() {
    const KEPT: u64 = 50;
    let gateway = Launch::default().config(LOCAL_ONLY).start();
    let mut lazy = lazy(&gateway, 1);
    let mut publisher = Client::connect(&gateway, V5, "publisher");
    flood_at_qos_0(&mut publisher, FLOOD);
    for number in 0..KEPT {
        let payload = format!("{} kept", FLOOD + number);
        publisher.announce(Publish::qos1(0, "flood", payload.as_bytes()));
    }
    flood_at_qos_0(&mut publisher, FLOOD);
    let mut kept = Vec::new();
    while kept.len() < KEPT as usize {
        let delivery = lazy.receive();
        if delivery.qos == 1 {
            kept.push(delivery.number());
        }
    }
    assert_eq!(kept, Vec::from_iter(FLOOD..FLOOD + KEPT));
    lazy.announce(Publish::qos1(0, "elsewhere", b"it was never let go"));
}

#[test]
fn a_flood_from_one_client_does_not_starve_the_others() {
    const PINGS: usize = 200;
    let gateway = Launch::default().config(LOCAL_ONLY).start();
    let flooding = std::sync::atomic::AtomicBool::new(true);
    std::thread::scope(|scope| {
        let flood = scope.spawn(|| {
            let mut rounds = 0;
            let mut publisher = Client::connect(&gateway, V5, "publisher");
            while flooding.load(std::sync::atomic::Ordering::Relaxed) {
                flood_at_qos_0(&mut publisher, 1000);
                rounds += 1;
            }
            rounds
        });
        let mut quiet: Vec<_> = (0..8)
            .map(|number| Client::connect(&gateway, V311, &format!("quiet{number}")))
            .collect();
        for _ in 0..PINGS {
            quiet.iter_mut().for_each(Client::ping);
        }
        flooding.store(false, std::sync::atomic::Ordering::Relaxed);
        assert!(flood.join().expect("the flood is taken") > 0);
    });
}
