//! Two clients with one client id: the newcomer wins, at once and every time.

use crate::support::client::Client;
use crate::support::gateway::{Gateway, Launch};
use crate::support::property::*;
use crate::support::subscriber::LOCAL_ONLY;
use crate::support::wire::*;
use std::thread;

#[test]
fn the_newcomer_takes_over_and_the_first_is_told_so() {
    let gateway = Gateway::start();
    for (first_version, second_version) in [(V5, V5), (V5, V311), (V311, V5), (V31, V31)] {
        let mut first = Client::connect(&gateway, first_version, "twin");
        first.publish("twin/says", b"first");
        let mut second = Client::connect(&gateway, second_version, "twin");
        // Session taken over [MQTT-3.1.4-3].
        first.expect_end(&[0x8E], "its client id came again");
        second.publish("twin/says", b"second");
        second.ping();
        gateway.wait_for_connections(1);
    }
}

/// The gateway finds DISCONNECT and the next CONNECT at once, on two sockets.
#[test]
fn what_a_client_has_said_before_it_comes_back_is_heard_first() {
    const DEVICES: usize = 32;
    let gateway = Launch::default().config(LOCAL_ONLY).start();
    let mut witness = Client::connect(&gateway, V5, "witness").subscribed("last/words", 1);
    let expiry = four(SESSION_EXPIRY, 60);
    for round in 0..4 {
        let ids: Vec<String> = (0..DEVICES).map(|n| format!("{round}/{n}")).collect();
        let connect = |id| Connect {
            clean: false,
            properties: &expiry,
            will: Some(Will {
                topic: "last/words",
                payload: b"it went without a word",
                qos: 1,
                retain: false,
                properties: &[],
            }),
            ..Connect::new(V5, id)
        };
        let earlier: Vec<Client> = ids
            .iter()
            .map(|id| Client::connect_to(gateway.mqtt(), connect(id)).0)
            .collect();
        gateway.wait_for_connections(1 + DEVICES);
        gateway.pause();
        let mut later = Vec::new();
        for (mut client, id) in earlier.into_iter().zip(&ids) {
            client.send(&disconnect(V5, 0, &four(SESSION_EXPIRY, 0)));
            drop(client);
            let mut client = Client::dial(gateway.mqtt(), V5);
            client.send(&connect(id).encode());
            later.push(client);
        }
        gateway.go_on();
        for (client, id) in later.iter_mut().zip(&ids) {
            let connack = client.expect(CONNACK);
            assert_eq!(connack.body[0], 0, "{id} has ended its session");
        }
        later.into_iter().for_each(|client| client.leave(0, &[]));
        gateway.wait_for_connections(1);
    }
    witness.ping();
    // A will would have gone out before the CONNACK of the one who took over.
    assert_eq!(witness.kept().count(), 0, "DISCONNECT takes the will back");
}

/// As a script does that calls a QoS 0 publisher per message: nobody waits for an answer.
#[test]
fn however_much_it_has_said_before_it_comes_back_is_taken() {
    const ROUNDS: u32 = 20;
    const PUBLISHES: u32 = 50;
    let gateway = Launch::default().config(LOCAL_ONLY).start();
    // All of it is in the gateway's socket when it was sent.
    let payload = vec![b'x'; 1 << 10];
    let publish = Publish {
        topic: b"said/in/haste",
        payload: &payload,
        ..Publish::default()
    };
    let mut said = publish.encode(V311).repeat(PUBLISHES as usize);
    said.extend(disconnect(V311, 0, &[]));
    for round in 1..=ROUNDS {
        let mut client = Client::dial(gateway.mqtt(), V311);
        client.send(&Connect::new(V311, "hasty").encode());
        // Not before it is a client: what a stranger may say at once is bounded.
        client.expect(CONNACK);
        client.send(&said);
        let _later = Client::connect(&gateway, V311, "hasty");
        let wanted = f64::from(round * PUBLISHES);
        let metrics = gateway.metrics();
        assert_eq!(metrics.sum("tributary_publishes_received_total"), wanted);
    }
}

#[test]
fn a_takeover_while_publishes_are_pending_breaks_neither_the_books_nor_the_newcomer() {
    let gateway = Gateway::start();
    for round in 0..50_u16 {
        let mut first = Client::connect(&gateway, V5, "twin");
        for packet_id in 1..=20 {
            first.send(&Publish::qos1(packet_id, "twin/says", &round.to_be_bytes()).encode(V5));
        }
        let mut second = Client::connect(&gateway, V5, "twin");
        second.publish("twin/says", b"mine alone is acknowledged to me");
        while first.packet().is_some() {}
    }
    let metrics = gateway.wait_until("everything settled", |metrics| {
        metrics.sum("tributary_publishes_pending") == 0.0
    });
    assert_eq!(metrics.imbalance(), 0.0, "{}", metrics.text);
}

#[test]
fn of_many_that_hammer_one_client_id_exactly_one_survives() {
    const THREADS: usize = 8;
    const CONNECTS: usize = 50;
    let gateway = Gateway::start();
    let mut bystander = Client::connect(&gateway, V5, "bystander");
    let clients: Vec<Client> = thread::scope(|scope| {
        let hammer = || {
            (0..CONNECTS)
                .map(|_| Client::connect(&gateway, V5, "twin"))
                .collect()
        };
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(hammer)).collect();
        let joined = threads
            .into_iter()
            .map(|thread| thread.join().expect("all are welcome"));
        joined.flat_map(|clients: Vec<Client>| clients).collect()
    });
    gateway.wait_for_connections(2);
    let mut survivors = 0;
    for mut client in clients {
        client.send_unless_closed(&PINGREQ_BYTES);
        match client.packet() {
            Some(packet) if packet.kind() == PINGRESP => survivors += 1,
            Some(packet) => assert_eq!((packet.kind(), packet.reason()), (DISCONNECT, 0x8E)),
            // The ping met a closed socket, and the reset overtook the DISCONNECT.
            None => {}
        }
    }
    assert_eq!(survivors, 1);
    bystander.publish("bystander/says", b"undisturbed");
}
