//! TLS: whoever comes by it is served as anybody else, and whatever is wrong with it has a name.

mod certificates;
mod hostile;

use crate::support::client::Client;
use crate::support::gateway::{Gateway, Launch};
use crate::support::metrics::Metrics;
use crate::support::pki::Authority;
use crate::support::tunnel::{End, Tunnel, config, config_of};
use crate::support::websocket::WebSocket;
use crate::support::wire::*;
use rustls::version::TLS12;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::sync::Arc;

const NULL_ROUTE: &str = "[[route]]\nfilter = \"#\"\ntopic = \"\"\n";
const LAYERS: [&str; 2] = ["lean", "rustls"];
const CLIENTS: usize = 24;
const WHOLE: usize = usize::MAX;

/// A gateway with a plain listener and one for each kind of TLS, with these lines for both.
fn start(certificates: &str, lines: &str) -> Gateway {
    let text = format!(
        "[listen.mqtt]\naddress = \"127.0.0.1:0\"\n\
         [listen.mqtts]\naddress = \"127.0.0.1:0\"\nprotocol = \"mqtts\"\n{certificates}{lines}\
         [listen.wss]\naddress = \"127.0.0.1:0\"\nprotocol = \"wss\"\n{certificates}{lines}\
         {NULL_ROUTE}"
    );
    Launch::default().listeners(&text).shards(2).start()
}

fn by_layer(authority: &Authority, layer: &str) -> Gateway {
    let certificates = authority.install(&authority.server(1));
    start(&certificates, &format!("record_layer = \"{layer}\"\n"))
}

fn tunnel(gateway: &Gateway, config: &Arc<ClientConfig>) -> Tunnel {
    Tunnel::open(gateway.listener("mqtts"), config, WHOLE)
}

fn client(tunnel: &Tunnel, client_id: &str) -> Client {
    Client::connect_to(tunnel.address, Connect::new(V5, client_id)).0
}

/// A connection of rustls's own by this listener, behind these bytes in the clear.
fn secure(
    gateway: &Gateway,
    listener: &str,
    config: &Arc<ClientConfig>,
    before: &[u8],
) -> StreamOwned<ClientConnection, TcpStream> {
    let name = "localhost".try_into().expect("it is a name");
    let mut tls = ClientConnection::new(Arc::clone(config), name).expect("it is whole");
    let mut first = before.to_vec();
    tls.write_tls(&mut first).expect("a list takes all");
    let mut stream = TcpStream::connect(gateway.listener(listener)).expect("it accepts");
    stream.write_all(&first).expect("the gateway reads");
    StreamOwned::new(tls, stream)
}

/// Comes in as a client of MQTT 3.1.1 and hears that it may.
fn enter(stream: &mut StreamOwned<ClientConnection, TcpStream>, client_id: &str) {
    let connect = Connect::new(V311, client_id).encode();
    stream.write_all(&connect).expect("the gateway reads");
    let mut connack = [0; 4];
    stream.read_exact(&mut connack).expect("it is let in");
    assert_eq!(connack, [0x20, 2, 0, 0], "{client_id}");
}

fn failures(metrics: &Metrics, reason: &str) -> f64 {
    metrics.labelled("tributary_tls_failures_total", "reason", reason)
}

fn handshakes(metrics: &Metrics, kind: &str) -> f64 {
    metrics.labelled("tributary_tls_handshakes_total", "kind", kind)
}

#[test]
fn clients_of_both_record_layers_are_served_and_told_goodbye() {
    for layer in LAYERS {
        let authority = Authority::new();
        let gateway = by_layer(&authority, layer);
        let tunnel = tunnel(&gateway, &config(&authority, None));
        let names = (0..CLIENTS).map(|number| format!("{layer}-{number}"));
        // Half of them belong to the shard that did not accept them.
        let mut clients: Vec<_> = names.map(|name| client(&tunnel, &name)).collect();
        for client in &mut clients {
            client.publish("any/topic", b"hello");
            client.publish("any/topic", &[7; 100_000]);
            client.ping();
        }
        let metrics = gateway.wait_for_connections(CLIENTS);
        assert!(
            metrics.sum("tributary_handed_over_total") > 0.0,
            "{}",
            metrics.text
        );
        let all = handshakes(&metrics, "full") + handshakes(&metrics, "resumed");
        assert_eq!(all, CLIENTS as f64);
        for mut client in clients {
            client.send(&disconnect(V5, 0, &[]));
            assert_eq!(client.packet(), None);
            assert_eq!(tunnel.end(), End::CloseNotify);
        }
    }
}

#[test]
fn a_client_is_taken_over_from_tls_to_plain_and_back() {
    let authority = Authority::new();
    let gateway = by_layer(&authority, "lean");
    let tunnel = tunnel(&gateway, &config(&authority, None));
    for _ in 0..4 {
        let mut sealed = client(&tunnel, "one");
        let mut plain = Client::connect(&gateway, V5, "one");
        sealed.expect_end(&[0x8E], "it is taken over");
        assert_eq!(tunnel.end(), End::CloseNotify);
        plain.publish("still/there", b"");
        let mut again = client(&tunnel, "one");
        plain.expect_end(&[0x8E], "and so is the other");
        again.ping();
        drop(again);
        tunnel.end();
    }
    gateway.wait_for_connections(0);
}

#[test]
fn messages_come_to_subscribers_under_tls_as_they_were_sent() {
    for layer in LAYERS {
        let authority = Authority::new();
        let gateway = by_layer(&authority, layer);
        let tunnel = tunnel(&gateway, &config(&authority, None));
        let mut subscriber = client(&tunnel, "subscriber");
        subscriber.send(&subscribe(V5, 1, &["to/me"]));
        subscriber.expect(SUBACK);
        let mut publisher = Client::connect(&gateway, V5, "publisher");
        // Some fit a record together, one takes several.
        for payload in [&b"short"[..], b"", &[3; 50_000]] {
            publisher.publish("to/me", payload);
        }
        for payload in [&b"short"[..], b"", &[3; 50_000]] {
            let publish = subscriber.expect(PUBLISH);
            assert!(publish.body.ends_with(payload), "{} bytes", payload.len());
        }
    }
}

#[test]
fn records_may_come_byte_by_byte() {
    for layer in LAYERS {
        let authority = Authority::new();
        let gateway = by_layer(&authority, layer);
        let tunnel = Tunnel::open(gateway.listener("mqtts"), &config(&authority, None), 1);
        let mut client = client(&tunnel, "slow");
        client.publish("any/topic", &[5; 500]);
        client.ping();
    }
}

#[test]
fn a_websocket_under_tls_is_a_websocket() {
    for layer in LAYERS {
        let authority = Authority::new();
        let gateway = by_layer(&authority, layer);
        let tunnel = Tunnel::open(gateway.listener("wss"), &config(&authority, None), WHOLE);
        for number in 0..4 {
            let name = format!("web-{number}");
            let mut socket = WebSocket::open(tunnel.address);
            socket.send(&Connect::new(V5, &name).encode());
            assert_eq!(socket.expect(CONNACK).reason(), 0);
            socket.publish(V5, "any/topic", &[1; 40_000]);
            socket.ping();
            socket.send(&disconnect(V5, 0, &[]));
            socket.expect_close(1000, "it has said DISCONNECT");
            assert_eq!(tunnel.end(), End::CloseNotify);
        }
    }
}

#[test]
fn openssl_is_served() {
    let authority = Authority::new();
    let gateway = by_layer(&authority, "lean");
    let target = gateway.listener("mqtts").to_string();
    let command = ["s_client", "-quiet", "-no_ign_eof", "-connect", &target];
    let child = Command::new("openssl")
        .args(command)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut child) = child else {
        eprintln!("SKIPPED: there is no openssl on this machine");
        return;
    };
    let mut stdin = child.stdin.take().expect("it is piped");
    let said = [
        Connect::new(V311, "openssl").encode(),
        Publish::qos1(9, "any/topic", b"hello").encode(V311),
    ];
    stdin.write_all(&said.concat()).expect("openssl reads");
    let mut answer = [0; 8];
    let mut stdout = child.stdout.take().expect("it is piped");
    stdout.read_exact(&mut answer).expect("the gateway answers");
    assert_eq!(answer, [0x20, 2, 0, 0, 0x40, 2, 0, 9]);
    drop(stdin);
    child.wait().expect("it is our child");
}

#[test]
fn a_client_that_comes_again_has_a_ticket_that_all_shards_know() {
    let authority = Authority::new();
    let gateway = by_layer(&authority, "lean");
    let tunnel = tunnel(&gateway, &config(&authority, None));
    for number in 0..8 {
        client(&tunnel, &format!("again-{number}")).ping();
        tunnel.end();
    }
    let metrics = gateway.metrics();
    assert!(handshakes(&metrics, "resumed") >= 1.0, "{}", metrics.text);
    assert_eq!(
        handshakes(&metrics, "full") + handshakes(&metrics, "resumed"),
        8.0
    );
}

#[test]
fn keys_are_updated_as_often_as_a_client_asks_with_data_between() {
    for layer in LAYERS {
        let authority = Authority::new();
        let gateway = by_layer(&authority, layer);
        let mut stream = secure(&gateway, "mqtts", &config(&authority, None), b"");
        enter(&mut stream, "updater");
        for packet_id in 1..100 {
            let update = stream.conn.refresh_traffic_keys();
            update.expect("the handshake is over");
            let publish = Publish::qos1(packet_id, "any/topic", b"under a new key");
            stream
                .write_all(&publish.encode(V311))
                .expect("the gateway reads");
            let mut puback = [0; 4];
            stream.read_exact(&mut puback).expect("keys agree");
            assert_eq!(puback, [0x40, 2, 0, packet_id as u8], "{layer}");
        }
    }
}

#[test]
fn older_clients_are_served_where_tls_1_2_is_offered() {
    for layer in LAYERS {
        let authority = Authority::new();
        let certificates = authority.install(&authority.server(1));
        let lines = format!("record_layer = \"{layer}\"\ntls_versions = [\"1.3\", \"1.2\"]\n");
        let gateway = start(&certificates, &lines);
        let tunnel = tunnel(&gateway, &config_of(&authority, None, &[&TLS12]));
        for number in 0..4 {
            let mut client = client(&tunnel, &format!("{layer}-{number}"));
            client.publish("any/topic", &[7; 40_000]);
            client.ping();
            client.send(&disconnect(V5, 0, &[]));
            assert_eq!(client.packet(), None);
            assert_eq!(tunnel.end(), End::CloseNotify);
        }
        assert!(handshakes(&gateway.metrics(), "resumed") >= 1.0);
    }
}

#[test]
fn gateways_with_one_secret_take_each_others_tickets_and_no_others() {
    let authority = Authority::new();
    let certificates = authority.install(&authority.server(1));
    let gateway = |letter: &str| {
        let secret = letter.repeat(32);
        let text = format!(
            "[listen.mqtt]\naddress = \"127.0.0.1:0\"\n\
             [listen.mqtts]\naddress = \"127.0.0.1:0\"\nprotocol = \"mqtts\"\n{certificates}\
             [tls]\nticket_secret = \"{secret}\"\n{NULL_ROUTE}"
        );
        Launch::default().listeners(&text).shards(2).start()
    };
    let config = config(&authority, None);
    for (letter, resumed) in [("a", 0.0), ("a", 1.0), ("b", 0.0), ("b", 1.0)] {
        let gateway = gateway(letter);
        let tunnel = tunnel(&gateway, &config);
        client(&tunnel, "roams").ping();
        tunnel.end();
        assert_eq!(handshakes(&gateway.metrics(), "resumed"), resumed);
    }
}

#[test]
fn a_drain_says_goodbye_under_tls_and_does_not_wait_for_handshakes() {
    let authority = Authority::new();
    let mut gateway = by_layer(&authority, "lean");
    let tunnel = tunnel(&gateway, &config(&authority, None));
    let mut clients: Vec<_> = (0..4)
        .map(|number| client(&tunnel, &format!("drained-{number}")))
        .collect();
    let mut half_open = TcpStream::connect(gateway.listener("mqtts")).expect("it accepts");
    half_open
        .write_all(&[22, 3, 1, 0, 200, 1])
        .expect("the gateway reads");
    gateway.wait_until("a handshake", |metrics| {
        metrics.sum("tributary_tls_half_open") == 1.0
    });
    gateway.terminate();
    for client in &mut clients {
        client.expect_end(&[0x8B], "the gateway drains");
        assert_eq!(tunnel.end(), End::CloseNotify);
    }
    assert_eq!(gateway.exit_status().code(), Some(0));
}

#[test]
fn who_leaves_in_the_same_breath_as_it_comes_has_left_wherever_its_home_is() {
    for layer in LAYERS {
        let authority = Authority::new();
        let gateway = by_layer(&authority, layer);
        let config = config(&authority, None);
        let mut number = 0;
        // Half of them, by chance, come to the shard that is not their home.
        while gateway.metrics().sum("tributary_handed_over_total") == 0.0 || number < 6 {
            assert!(number < CLIENTS, "none was handed over");
            let before = gateway.metrics();
            number += 1;
            let mut stream = secure(&gateway, "mqtts", &config, b"");
            stream.flush().expect("the handshake ends well");
            let connect = Connect::new(V311, &format!("hasty-{number}")).encode();
            let mut writer = stream.conn.writer();
            writer.write_all(&connect).expect("it buffers");
            stream.conn.send_close_notify();
            let mut records = Vec::new();
            while stream.conn.wants_write() {
                stream.conn.write_tls(&mut records).expect("it is a list");
            }
            stream.sock.write_all(&records).expect("the gateway reads");
            gateway.wait_for_end("peer_closed", &before);
        }
        gateway.wait_for_connections(0);
    }
}
