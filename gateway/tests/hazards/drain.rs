//! SIGTERM under load: the clients are told, what is acknowledged is in Kafka, and the end is a
//! good one.

use crate::support::client::Client;
use crate::support::gateway::{Gateway, Launch};
use crate::support::kafka::{RealKafka, read_topic};
use crate::support::wire::*;
use std::collections::HashSet;
use std::io::ErrorKind;
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// What one device saw until the gateway let it go.
struct Life {
    acknowledged: Vec<Vec<u8>>,
    farewell: Option<Packet>,
}

#[test]
fn a_drain_under_load_tells_the_clients_and_loses_nothing_acknowledged() {
    const DEVICES: usize = 20;
    let kafka = RealKafka::start();
    let mut gateway = Launch::default().kafka(&kafka.bootstrap()).start();
    let (acknowledged_count, taking_part) = (AtomicU64::new(0), AtomicU64::new(0));
    let lives: Vec<Life> = thread::scope(|scope| {
        let (gateway, counts) = (&gateway, [&acknowledged_count, &taking_part]);
        let devices: Vec<_> = (0..DEVICES)
            .map(|number| scope.spawn(move || publish_until_let_go(gateway, number, counts)))
            .collect();
        gateway.wait_until("a load by all of them", |_| {
            let [acknowledged, taking_part] = counts.map(|count| count.load(Ordering::Relaxed));
            acknowledged >= 2000 && taking_part == DEVICES as u64
        });
        gateway.terminate();
        devices
            .into_iter()
            .map(|device| device.join().expect("no device fails"))
            .collect()
    });
    let status = gateway.exit_status();
    assert_eq!(status.code(), Some(0), "{}", gateway.log());

    let records = read_topic(&kafka.bootstrap(), "mqtt");
    let mut there = HashSet::new();
    for record in records {
        assert!(there.insert(record.value), "no record twice");
    }
    for (number, life) in lives.iter().enumerate() {
        if number.is_multiple_of(2) {
            let farewell = life.farewell.as_ref().expect("version 5 is told");
            // Server shutting down.
            assert_eq!(
                (farewell.kind(), farewell.reason()),
                (DISCONNECT, 0x8B),
                "{number}"
            );
        } else {
            assert_eq!(life.farewell, None, "version 3.1.1 has no word for it");
        }
        assert!(!life.acknowledged.is_empty(), "device {number} took part");
        for value in &life.acknowledged {
            let text = String::from_utf8_lossy(value);
            assert!(
                there.contains(value),
                "{text} was acknowledged and is not in Kafka"
            );
        }
    }
}

/// Keeps 16 publishes in flight until the gateway ends the connection. Counts what is acknowledged,
/// and itself with the first of it.
fn publish_until_let_go(
    gateway: &Gateway,
    number: usize,
    [count, taking_part]: [&AtomicU64; 2],
) -> Life {
    const WINDOW: usize = 16;
    let version = if number.is_multiple_of(2) { V5 } else { V311 };
    let mut client = Client::connect(gateway, version, &format!("drained{number}"));
    let mut acknowledged = Vec::new();
    let payload = |sequence: usize| format!("{number} {sequence}").into_bytes();
    // The packet id of a sequence number, and no 0.
    let packet_id = |sequence: usize| (sequence % 65_535) as u16 + 1;
    let publish = |sequence| {
        Publish::qos1(packet_id(sequence), "drained", &payload(sequence)).encode(version)
    };
    client.send(&(0..WINDOW).flat_map(publish).collect::<Vec<_>>());
    for sequence in 0.. {
        let Some(packet) = client.packet() else {
            return Life {
                acknowledged,
                farewell: None,
            };
        };
        if packet.kind() == DISCONNECT {
            assert_eq!(
                client.packet(),
                None,
                "nothing comes after DISCONNECT [MQTT-3.14.4-1]"
            );
            return Life {
                acknowledged,
                farewell: Some(packet),
            };
        }
        assert_eq!(
            (packet.kind(), packet.packet_id()),
            (PUBACK, packet_id(sequence))
        );
        assert_eq!(packet.reason(), 0);
        acknowledged.push(payload(sequence));
        count.fetch_add(1, Ordering::Relaxed);
        if sequence == 0 {
            taking_part.fetch_add(1, Ordering::Relaxed);
        }
        client.send_unless_closed(&publish(sequence + WINDOW));
    }
    unreachable!("the gateway ends it");
}

#[test]
fn a_drained_gateway_takes_no_new_connections_and_ends_well_without_any() {
    let mut gateway = Gateway::start();
    let address = gateway.mqtt();
    gateway.terminate();
    assert_eq!(gateway.exit_status().code(), Some(0), "{}", gateway.log());
    let refused = TcpStream::connect(address).map_err(|error| error.kind());
    assert_eq!(refused.err(), Some(ErrorKind::ConnectionRefused));
}
