//! Clients that take without giving room: they never read, stop in the middle of a packet, or
//! vanish there.

use crate::support::client::Client;
use crate::support::gateway::Gateway;
use crate::support::wire::*;
use std::io::{ErrorKind, Write};
use std::time::Duration;

#[test]
fn a_client_that_never_reads_costs_a_bounded_amount_and_disturbs_nobody() {
    const PINGS_BYTES_MAX: usize = 64 << 20;
    const GROWTH_BYTES_MAX: f64 = (16 << 20) as f64;
    let gateway = Gateway::start();
    let mut bystander = Client::connect(&gateway, V5, "bystander");
    bystander.publish("bystander/says", b"warm");
    let before = gateway.metrics().sum("tributary_user_bytes");
    let greedy = Client::connect(&gateway, V5, "greedy");
    rustix::net::sockopt::set_socket_recv_buffer_size(greedy.stream(), 4096)
        .expect("a socket takes SO_RCVBUF");
    let stalled = Duration::from_secs(2);
    greedy
        .stream()
        .set_write_timeout(Some(stalled))
        .expect("a socket takes a timeout");
    let pings = PINGREQ_BYTES.repeat(32 << 10);
    let mut sent = 0;
    let refused = loop {
        assert!(
            sent < PINGS_BYTES_MAX,
            "the gateway takes pings for ever and answers nobody"
        );
        match greedy.stream().write(&pings) {
            Ok(written) => sent += written,
            Err(error) => break error.kind(),
        }
    };
    let refusals = [
        ErrorKind::WouldBlock,
        ErrorKind::TimedOut,
        ErrorKind::ConnectionReset,
        ErrorKind::BrokenPipe,
    ];
    assert!(refusals.contains(&refused), "{refused}");
    bystander.publish("bystander/says", b"undisturbed");
    bystander.ping();
    let growth = gateway.metrics().sum("tributary_user_bytes") - before;
    assert!(
        growth < GROWTH_BYTES_MAX,
        "one client that never reads costs {growth} bytes"
    );
}

#[test]
fn a_client_reset_in_the_middle_of_a_packet_leaves_nothing_behind() {
    const CLIENTS: usize = 200;
    let gateway = Gateway::start();
    let mut bystander = Client::connect(&gateway, V5, "bystander");
    bystander.publish("bystander/says", b"warm");
    let before = gateway.metrics();
    for number in 0..CLIENTS {
        let mut client = Client::connect(&gateway, V5, &format!("cut{number}"));
        let packet = Publish::qos1(1, "cut/off", &[7; 3000]).encode(V5);
        client.send(&packet[..1 + number * 10]);
        client.reset();
        bystander.ping();
    }
    let metrics = gateway.wait_until("every reset counted", |metrics| {
        let name = "tributary_disconnects_total";
        metrics.sum(name) == before.sum(name) + CLIENTS as f64
    });
    assert_eq!(
        metrics.sum("tributary_publishes_received_total"),
        1.0,
        "the bystander's alone"
    );
    gateway.wait_for_connections(1);
    bystander.publish("bystander/says", b"undisturbed");
}

#[test]
fn a_thousand_half_packets_are_kept_apart_and_all_become_whole() {
    let gateway = Gateway::start();
    let mut bystander = Client::connect(&gateway, V5, "bystander");
    let mut halves: Vec<(Client, Vec<u8>)> = (0..1000_usize)
        .map(|number| {
            let mut client = Client::connect(&gateway, V5, &format!("half{number}"));
            let payload = number.to_be_bytes().repeat(250);
            let mut packet = Publish::qos1(1, "half/packet", &payload).encode(V5);
            let rest = packet.split_off(packet.len() / 2);
            client.send(&packet);
            (client, rest)
        })
        .collect();
    bystander.publish("bystander/says", b"undisturbed");
    for (client, rest) in &mut halves {
        client.send(rest);
    }
    for (client, _) in &mut halves {
        assert_eq!(client.expect(PUBACK).reason(), 0);
    }
    let mut values: Vec<_> = crate::support::kafka::read_topic(gateway.kafka(), "mqtt")
        .into_iter()
        .filter(|record| record.mqtt_topic == b"half/packet")
        .map(|record| record.value)
        .collect();
    values.sort();
    let wanted: Vec<_> = (0..1000_usize)
        .map(|number| number.to_be_bytes().repeat(250))
        .collect();
    assert!(
        values == wanted,
        "each whole packet is in Kafka once, byte for byte"
    );
}
