//! Clients, users and addresses that want more than their quota: they wait, are refused or closed,
//! and the others do not notice.

use crate::support::client::Client;
use crate::support::gateway::{Gateway, Launch};
use crate::support::metrics::Metrics;
use crate::support::wire::*;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

const NULL_ROUTE: &str = "[[route]]\nfilter = \"#\"\ntopic = \"\"\n";
const MESSAGE_RATE_TOO_HIGH: u8 = 0x96;
const QUOTA_EXCEEDED: u8 = 0x97;
const CONNECTION_RATE_EXCEEDED: u8 = 0x9F;
/// MQTT 3: Server unavailable.
const SERVER_UNAVAILABLE: u8 = 3;
/// What coarse time may be off by.
const TICK: Duration = Duration::from_millis(100);

fn launch(quotas: &str) -> Launch {
    Launch::default().config(&(NULL_ROUTE.to_owned() + quotas))
}

fn hits(metrics: &Metrics, quota: &str) -> f64 {
    metrics.labelled("tributary_quota_hits_total", "quota", quota)
}

/// A CONNECT with a user name.
fn connect_as(version: u8, client_id: &str, user: &str) -> Vec<u8> {
    let mut body = text(b"MQTT");
    body.extend([version, 0x82, 0, 0]);
    body.extend(properties(version, &[]));
    body.extend(text(client_id.as_bytes()));
    body.extend(text(user.as_bytes()));
    frame(0x10, &body)
}

/// A newcomer, and what it is told.
fn knock(target: SocketAddr, version: u8, connect: &[u8]) -> (Client, u8) {
    heard(Client::dial(target, version), connect)
}

fn heard(mut client: Client, connect: &[u8]) -> (Client, u8) {
    client.send(connect);
    let reason = client.expect(CONNACK).reason();
    (client, reason)
}

fn welcome(target: SocketAddr, version: u8, connect: &[u8]) -> Client {
    let (client, reason) = knock(target, version, connect);
    assert_eq!(reason, 0, "it is welcome");
    client
}

fn turned_away(target: SocketAddr, version: u8, connect: &[u8], with: u8) {
    let (mut client, reason) = knock(target, version, connect);
    assert_eq!(reason, with);
    assert_eq!(client.packet(), None, "nothing comes after the refusal");
}

/// So many messages of QoS 1 in one go.
fn send_many(client: &mut Client, count: u16) {
    let version = client.version();
    let packets = (1..=count).flat_map(|id| Publish::qos1(id, "a/b", b"x").encode(version));
    client.send(&packets.collect::<Vec<_>>());
}

/// The acknowledgements of these messages come, in this order and without a refusal.
fn expect_acknowledged(client: &mut Client, ids: std::ops::RangeInclusive<u16>) {
    for id in ids {
        let puback = client.expect(PUBACK);
        assert_eq!((puback.packet_id(), puback.reason()), (id, 0));
    }
}

#[test]
fn a_client_over_its_rate_is_read_later_and_loses_nothing() {
    let quota = "[quota.client]\npublishes_per_sec = 1\npublishes_burst = 10\n";
    let gateway = launch(quota).start();
    let mut bystander = Client::connect(&gateway, V5, "bystander");
    for version in [V311, V5] {
        let before = gateway.metrics();
        // A CONNECT makes its shard look at the clock.
        let begun = Instant::now();
        let mut client = Client::connect(&gateway, version, &format!("eager{version}"));
        send_many(&mut client, 13);
        expect_acknowledged(&mut client, 1..=10);
        gateway.wait_until("a client that waits", |metrics| {
            hits(metrics, "client_publishes") > hits(&before, "client_publishes")
        });
        for late in 1..=3 {
            bystander.publish("a/b", b"unhurried");
            expect_acknowledged(&mut client, 10 + late..=10 + late);
            let earliest = Duration::from_secs(u64::from(late)) - 3 * TICK;
            assert!(begun.elapsed() >= earliest, "message {late} came too early");
        }
        client.ping();
    }
    let metrics = gateway.metrics();
    assert_eq!(metrics.imbalance(), 0.0);
    assert_eq!(metrics.sum("tributary_publishes_refused_total"), 0.0);
}

#[test]
fn bytes_are_bounded_as_messages_are_and_a_long_one_is_paid_for_afterwards() {
    let quota = "[quota.client]\nbytes_per_sec = 10000\nbytes_burst = 20000\n";
    let gateway = launch(quota).start();
    let begun = Instant::now();
    let mut client = Client::connect(&gateway, V5, "long-winded");
    // The first is larger than the burst and passes all the same; the second waits for its debt.
    let long = vec![b'x'; 30_000];
    client.publish("a/b", &long);
    client.publish("a/b", b"short");
    assert!(begun.elapsed() >= Duration::from_secs(1) - 3 * TICK);
    assert!(hits(&gateway.metrics(), "client_bytes") >= 1.0);
}

#[test]
fn over_the_rate_mqtt_5_is_refused_by_name_and_mqtt_3_waits() {
    let quota = "[quota.client]\npublishes_per_sec = 1\npublishes_burst = 2\nover = \"refuse\"\n";
    let gateway = launch(quota).start();
    let mut five = Client::connect(&gateway, V5, "five");
    let packets = [
        Publish::qos1(1, "a/b", b"x"),
        Publish::qos1(2, "a/b", b"x"),
        Publish::qos1(3, "a/b", b"x"),
        Publish::qos2(4, "a/b", b"x"),
        Publish {
            topic: b"a/b",
            ..Publish::default()
        },
    ];
    five.send(&packets.map(|packet| packet.encode(V5)).concat());
    expect_acknowledged(&mut five, 1..=2);
    let puback = five.expect(PUBACK);
    assert_eq!((puback.packet_id(), puback.reason()), (3, QUOTA_EXCEEDED));
    let pubrec = five.expect(PUBREC);
    assert_eq!((pubrec.packet_id(), pubrec.reason()), (4, QUOTA_EXCEEDED));
    five.ping();
    let metrics = gateway.metrics();
    let refused = metrics.labelled("tributary_publishes_refused_total", "reason", "quota");
    assert_eq!((refused, hits(&metrics, "client_publishes")), (3.0, 3.0));
    assert_eq!(metrics.imbalance(), 0.0);
    let mut three = Client::connect(&gateway, V311, "three");
    send_many(&mut three, 3);
    expect_acknowledged(&mut three, 1..=3);
    assert_eq!(gateway.metrics().imbalance(), 0.0);
}

#[test]
fn where_it_is_so_configured_a_client_over_its_rate_is_closed() {
    let quota = "[quota.client]\npublishes_per_sec = 1\npublishes_burst = 2\n\
                 bytes_per_sec = 1000\nover = \"close\"\n";
    let gateway = launch(quota).start();
    let mut client = Client::connect(&gateway, V5, "messages");
    send_many(&mut client, 3);
    expect_acknowledged(&mut client, 1..=2);
    client.expect_end(&[MESSAGE_RATE_TOO_HIGH], "three at once");
    let mut client = Client::connect(&gateway, V5, "bytes");
    client.publish("a/b", &[b'x'; 60_000]);
    client.send(&Publish::qos1(9, "a/b", b"x").encode(V5));
    client.expect_end(&[QUOTA_EXCEEDED], "in debt");
    let mut client = Client::connect(&gateway, V311, "three");
    send_many(&mut client, 3);
    expect_acknowledged(&mut client, 1..=2);
    client.expect_end(&[], "three at once");
    let metrics = gateway.metrics();
    let ends = |reason| metrics.labelled("tributary_disconnects_total", "reason", reason);
    assert_eq!((ends("message_rate"), ends("quota_exceeded")), (2.0, 1.0));
}

#[test]
fn clients_of_one_user_share_its_rate_over_all_shards_and_another_user_has_its_own() {
    const SHARDS: u32 = 2;
    const BURST: u32 = 40;
    let quota = format!("[quota.user]\npublishes_per_sec = 1\npublishes_burst = {BURST}\n");
    let gateway = launch(&quota).shards(SHARDS as usize).start();
    let begun = Instant::now();
    let mut clients: Vec<_> = (0..8)
        .map(|number| {
            welcome(
                gateway.mqtt(),
                V5,
                &connect_as(V5, &format!("c{number}"), "many"),
            )
        })
        .collect();
    let mut other = welcome(gateway.mqtt(), V5, &connect_as(V5, "other", "few"));
    clients.iter_mut().for_each(|client| send_many(client, 10));
    let metrics = gateway.wait_until("the user's tokens at their end", |metrics| {
        metrics.sum("tributary_publishes_received_total") >= f64::from(BURST)
            && hits(metrics, "user_publishes") >= 4.0
    });
    let received = metrics.sum("tributary_publishes_received_total");
    // What has come back meanwhile, and at most one token lying on each shard.
    let most = f64::from(BURST + SHARDS) + begun.elapsed().as_secs_f64();
    assert!(received <= most, "{received} of at most {most}");
    (0..20).for_each(|_| other.publish("a/b", b"of another user"));
    drop(clients);
    gateway.wait_for_connections(1);
}

#[test]
fn the_rate_of_the_node_holds_for_all_together() {
    let quota = "[quota.node]\npublishes_per_sec = 10\npublishes_burst = 20\n";
    let gateway = launch(quota).shards(2).start();
    let begun = Instant::now();
    let mut clients: Vec<_> = (0..6)
        .map(|number| Client::connect(&gateway, V5, &format!("c{number}")))
        .collect();
    clients.iter_mut().for_each(|client| send_many(client, 10));
    clients
        .iter_mut()
        .for_each(|client| expect_acknowledged(client, 1..=10));
    // Sixty, of which 20 come at once and one may lie on each shard.
    assert!(begun.elapsed() >= Duration::from_millis(2_800));
    assert!(hits(&gateway.metrics(), "node_publishes") >= 1.0);
}

#[test]
fn a_user_has_so_many_connections_and_taking_over_its_own_needs_no_further_one() {
    let gateway = launch("[quota.user]\nconnections_max = 2\n")
        .shards(2)
        .start();
    let target = gateway.mqtt();
    let one = welcome(target, V5, &connect_as(V5, "one", "user"));
    let mut two = welcome(target, V5, &connect_as(V5, "two", "user"));
    turned_away(target, V5, &connect_as(V5, "three", "user"), QUOTA_EXCEEDED);
    turned_away(
        target,
        V311,
        &connect_as(V311, "three", "user"),
        SERVER_UNAVAILABLE,
    );
    let mut other = welcome(target, V5, &connect_as(V5, "three", "another"));
    let mut again = welcome(target, V5, &connect_as(V5, "two", "user"));
    two.expect_end(&[0x8E], "taken over");
    turned_away(target, V5, &connect_as(V5, "four", "user"), QUOTA_EXCEEDED);
    let before = gateway.metrics();
    assert_eq!(hits(&before, "user_connections"), 3.0);
    drop(one);
    gateway.wait_for_end("peer_closed", &before);
    let mut four = welcome(target, V5, &connect_as(V5, "four", "user"));
    // The place of another user's client is none of its own.
    turned_away(target, V5, &connect_as(V5, "three", "user"), QUOTA_EXCEEDED);
    for client in [&mut other, &mut again, &mut four] {
        client.ping();
    }
}

#[test]
fn a_thousand_connects_from_one_address_are_turned_away_and_another_address_comes_in() {
    const BURST: u32 = 20;
    let quota = format!("[quota.address]\nconnects_per_sec = 10\nconnects_burst = {BURST}\n");
    let gateway = launch(&quota).shards(2).start();
    let begun = Instant::now();
    let (mut inside, mut outside) = (0_u32, 0_u32);
    for number in 0..1_000 {
        let version = [V5, V311][number % 2];
        let connect = Connect::new(version, &format!("c{number}")).encode();
        match (version, knock(gateway.mqtt(), version, &connect).1) {
            (_, 0) => inside += 1,
            (V5, CONNECTION_RATE_EXCEEDED) | (V311, SERVER_UNAVAILABLE) => outside += 1,
            other => panic!("unexpected answer {other:?}"),
        }
        if number % 100 == 0 {
            let far = Ipv4Addr::new(127, 0, 0, 2 + (number / 100) as u8);
            let far = Client::dial_from(far, gateway.mqtt(), V5);
            let (mut far, reason) = heard(far, &Connect::new(V5, &format!("far{number}")).encode());
            assert_eq!(reason, 0, "another address has a quota of its own");
            far.publish("a/b", b"undisturbed");
        }
    }
    // The shards look at clocks of their own.
    let most = f64::from(BURST + 12) + 10.0 * begun.elapsed().as_secs_f64();
    assert!(f64::from(inside) <= most, "{inside} of at most {most}");
    assert!(inside >= BURST && outside > 0, "{inside} in, {outside} out");
    let metrics = gateway.metrics();
    assert_eq!(hits(&metrics, "address_connects"), f64::from(outside));
    let ends = metrics.labelled("tributary_disconnects_total", "reason", "connect_refused");
    assert_eq!(ends, f64::from(outside));
    let log = gateway.whole_log();
    let is_about_it = |line: &&str| line.contains("turned away over a quota");
    let lines: Vec<_> = log.lines().filter(is_about_it).collect();
    // Each shard has 20 lines for every second.
    let most_lines = 2 * 20 * (begun.elapsed().as_secs() as usize + 2);
    assert!(
        (1..=most_lines).contains(&lines.len()),
        "{} lines",
        lines.len()
    );
    let says_where = |line: &&str| line.contains("\"address\":\"127.0.0.1\"");
    assert!(lines.iter().all(says_where), "{lines:?}");
}

#[test]
fn behind_a_balancer_the_device_counts_and_not_the_balancer() {
    let config = "[listen.mqtt]\naddress = \"127.0.0.1:0\"\n\
        [listen.relayed]\naddress = \"127.0.0.1:0\"\nproxy_protocol = \"required\"\n\
        proxy_from = [\"127.0.0.1\"]\n[quota.address]\nconnections_max = 1\n";
    let config = NULL_ROUTE.to_owned() + config;
    let gateway = Launch::default().listeners(&config).shards(2).start();
    let relayed = |source: &str, client_id: &str| {
        let mut client = Client::dial(gateway.listener("relayed"), V5);
        client.send(format!("PROXY {source} 40001 1883\r\n").as_bytes());
        heard(client, &Connect::new(V5, client_id).encode())
    };
    let mut inside = Vec::new();
    for device in 1..=20 {
        let source = format!("TCP4 203.0.113.{device} 10.0.0.1");
        let (client, reason) = relayed(&source, &format!("c{device}"));
        assert_eq!(reason, 0, "device {device} has an address of its own");
        inside.push(client);
    }
    let (_, reason) = relayed("TCP4 203.0.113.7 10.0.0.1", "further");
    assert_eq!(reason, QUOTA_EXCEEDED);
    // A household has a network of its own.
    let household = |host: u16| format!("TCP6 2001:db8:1:2::{host:x} 2001:db8::1");
    let (home, reason) = relayed(&household(1), "home");
    assert_eq!(reason, 0);
    let (_, reason) = relayed(&household(2), "home too");
    assert_eq!(reason, QUOTA_EXCEEDED);
    let direct = Connect::new(V5, "direct").encode();
    let mut direct = welcome(gateway.mqtt(), V5, &direct);
    let connect = Connect::new(V5, "direct too").encode();
    turned_away(gateway.mqtt(), V5, &connect, QUOTA_EXCEEDED);
    let before = gateway.metrics();
    assert_eq!(hits(&before, "address_connections"), 3.0);
    drop(home);
    gateway.wait_for_end("peer_closed", &before);
    assert_eq!(relayed(&household(2), "home too").1, 0);
    inside.iter_mut().for_each(Client::ping);
    direct.ping();
}

#[test]
fn a_client_that_comes_over_and_over_is_held_off_while_others_come_in() {
    let quota = "[quota.flapping]\nconnects = 5\nwithin_secs = 3600\nhold_off_secs = 3600\n\
                 hold_off_secs_max = 3600\n";
    let gateway = launch(quota).shards(2).start();
    let target = gateway.mqtt();
    for version in [V5, V311] {
        let flapping = format!("flapping{version}");
        let connect = Connect::new(version, &flapping).encode();
        let mut last = None;
        for _ in 0..5 {
            last = Some(welcome(target, version, &connect));
        }
        let told = [SERVER_UNAVAILABLE, CONNECTION_RATE_EXCEEDED][usize::from(version == V5)];
        for number in 0..20 {
            turned_away(target, version, &connect, told);
            let other = Connect::new(version, &format!("other{version}-{number}")).encode();
            welcome(target, version, &other).ping();
        }
        last.expect("the fifth is in").ping();
    }
    assert_eq!(hits(&gateway.metrics(), "flapping"), 40.0);
}

#[test]
fn a_client_retains_so_many_messages_and_another_its_own() {
    let quota = "[quota.client]\nretained_max = 3\n[mqtt]\nsys_interval_secs = 0\n";
    let gateway = launch(quota).shards(2).start();
    let keeps = |client: &mut Client, topic: &str, payload: &[u8]| {
        let packet = Publish {
            retain: true,
            ..Publish::qos1(1, topic, payload)
        };
        client.send(&packet.encode(V5));
        client.expect(PUBACK).reason()
    };
    let mut one = Client::connect(&gateway, V5, "one");
    let mut two = Client::connect(&gateway, V5, "two");
    let reasons: Vec<_> = (0..6)
        .map(|number| keeps(&mut one, &format!("t/{number}"), b"x"))
        .collect();
    assert_eq!(
        reasons
            .iter()
            .filter(|reason| **reason == QUOTA_EXCEEDED)
            .count(),
        3
    );
    assert_eq!(keeps(&mut two, "t/9", b"x"), 0);
    assert_eq!(
        keeps(&mut one, "t/0", b"another"),
        0,
        "in the place of its own"
    );
    assert_eq!(keeps(&mut one, "t/9", b"x"), QUOTA_EXCEEDED);
    assert!(keeps(&mut one, "t/1", b"") < 0x80, "it is forgotten");
    assert_eq!(keeps(&mut one, "t/8", b"x"), 0);
    let metrics = gateway.metrics();
    assert_eq!(hits(&metrics, "client_retained"), 4.0);
    assert_eq!(metrics.sum("tributary_retained_messages"), 4.0);
}

#[test]
fn a_gateway_drains_in_good_order_with_clients_that_wait_for_tokens() {
    let quota = "[quota.client]\npublishes_per_sec = 1\npublishes_burst = 1\n";
    let mut gateway: Gateway = launch(quota).start();
    let mut clients: Vec<_> = (0..20)
        .map(|number| Client::connect(&gateway, V5, &format!("c{number}")))
        .collect();
    clients.iter_mut().for_each(|client| send_many(client, 20));
    gateway.wait_until("all of them held up", |metrics| {
        hits(metrics, "client_publishes") >= 20.0
    });
    gateway.terminate();
    assert_eq!(gateway.exit_status().code(), Some(0));
}
