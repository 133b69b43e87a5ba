//! Balancers that speak for others, and peers that would like to: PROXY headers right, wrong, cut,
//! doubled, missing, and from where none may come.

use crate::support::client::Client;
use crate::support::gateway::{Gateway, Launch};
use crate::support::websocket::WebSocket;
use crate::support::wire::*;
use std::net::{SocketAddr, TcpStream};

const LISTENERS: &str = "[listen.mqtt]\naddress = \"127.0.0.1:0\"\n\
    [listen.relayed]\naddress = \"127.0.0.1:0\"\nproxy_protocol = \"required\"\n\
    proxy_from = [\"127.0.0.0/8\"]\n\
    [listen.six]\naddress = \"[::1]:0\"\nproxy_protocol = \"required\"\nproxy_from = [\"::1\"]\n\
    [listen.web]\nprotocol = \"ws\"\naddress = \"127.0.0.1:0\"\nproxy_protocol = \"required\"\n\
    proxy_from = [\"127.0.0.1\"]\n\
    [listen.foreign]\naddress = \"127.0.0.1:0\"\nproxy_protocol = \"required\"\n\
    proxy_from = [\"10.0.0.0/8\", \"::1\"]\n\
    [[route]]\nfilter = \"#\"\ntopic = \"\"\n[log]\nlevel = \"debug\"\nformat = \"json\"\n";

const LINE: &[u8] = b"PROXY TCP4 203.0.113.7 10.0.0.1 40001 1883\r\n";

/// Version 2, command PROXY, TCP over IPv4 [proxy-protocol 2.2].
fn binary_header(source: [u8; 4], port: u16) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0C".to_vec();
    header.extend(source);
    header.extend([10, 0, 0, 1]);
    header.extend(port.to_be_bytes());
    header.extend(1883_u16.to_be_bytes());
    header
}

/// The same, with the name in a certificate that the balancer has verified [proxy-protocol 2.2.6].
fn certified_header(source: [u8; 4], port: u16, name: &str) -> Vec<u8> {
    let mut header = binary_header(source, port);
    // Shown over TLS and in this connection, verification 0, and the name behind it.
    let inner = [&[0x22, 0, name.len() as u8], name.as_bytes()].concat();
    let value = [&[0x07, 0, 0, 0, 0][..], &inner].concat();
    header.extend([0x20, 0, value.len() as u8]);
    header.extend(&value);
    let length = (header.len() - 16) as u16;
    header[14..16].copy_from_slice(&length.to_be_bytes());
    header
}

fn gateway() -> Gateway {
    Launch::default().listeners(LISTENERS).shards(2).start()
}

/// A connection that begins with these bytes.
fn relayed(target: SocketAddr, header: &[u8]) -> Client {
    let mut client = Client::dial(target, V5);
    client.send(header);
    client
}

fn welcome(client: &mut Client, client_id: &str) {
    client.send(&Connect::new(V5, client_id).encode());
    assert_eq!(client.expect(CONNACK).reason(), 0, "{client_id} is welcome");
    client.publish("relayed/says", b"hello");
}

#[test]
fn the_address_in_the_header_stands_in_the_log_and_the_balancers_does_not() {
    let gateway = gateway();
    for (number, listener) in ["relayed", "six"].into_iter().enumerate() {
        let target = gateway.listener(listener);
        let mut by_line = relayed(target, LINE);
        welcome(&mut by_line, &format!("by-line-{number}"));
        let mut by_binary = relayed(target, &binary_header([198, 51, 100, 9], 5_555));
        welcome(&mut by_binary, &format!("by-binary-{number}"));
        by_line.send(&disconnect(V5, 0, &[]));
        assert_eq!(by_line.packet(), None);
    }
    for number in 0..2 {
        let (line, binary) = (format!("by-line-{number}"), format!("by-binary-{number}"));
        gateway.wait_for_line(&["\"connected", &line, "203.0.113.7:40001"]);
        gateway.wait_for_line(&["\"disconnected", &line, "203.0.113.7:40001"]);
        gateway.wait_for_line(&["\"connected", &binary, "198.51.100.9:5555"]);
    }
    let told = gateway.whole_log();
    let of_clients = told.lines().filter(|line| line.contains("connected"));
    assert_eq!(
        of_clients
            .filter(|line| line.contains("127.0.0.1:"))
            .count(),
        0
    );
}

#[test]
fn the_name_of_a_verified_certificate_stands_in_the_log() {
    let gateway = gateway();
    let header = certified_header([198, 51, 100, 9], 5_555, "device-0042");
    let mut client = relayed(gateway.listener("relayed"), &header);
    welcome(&mut client, "certified");
    let name = "\"certificate\":\"device-0042\"";
    gateway.wait_for_line(&["\"connected", "certified", name]);
}

#[test]
fn a_header_comes_through_wherever_it_is_cut() {
    let gateway = gateway();
    let connect = Connect::new(V5, "cut").encode();
    for header in [LINE.to_vec(), binary_header([198, 51, 100, 9], 5_555)] {
        let bytes = [&header[..], &connect].concat();
        for cut in 1..bytes.len() {
            let before = gateway.metrics().sum("tributary_bytes_in_total");
            let mut client = relayed(gateway.listener("relayed"), &bytes[..cut]);
            gateway.wait_until("the first part being read", |metrics| {
                metrics.sum("tributary_bytes_in_total") >= before + cut as f64
            });
            client.send(&bytes[cut..]);
            assert_eq!(client.expect(CONNACK).reason(), 0, "cut at {cut}");
        }
    }
}

#[test]
fn a_websocket_behind_a_header_is_served_too() {
    let gateway = gateway();
    for number in 0..4 {
        let mut socket = WebSocket::dial(gateway.listener("web"));
        let request = crate::support::websocket::good_request();
        socket.send_raw(&[LINE, &request].concat());
        socket.expect_grant();
        socket.send(&Connect::new(V5, &format!("web-{number}")).encode());
        assert_eq!(socket.expect(CONNACK).reason(), 0);
        socket.publish(V5, "relayed/says", b"hello");
        gateway.wait_for_line(&[&format!("web-{number}"), "203.0.113.7:40001"]);
    }
}

#[test]
fn a_health_check_of_the_balancer_keeps_the_balancers_own_address() {
    let gateway = gateway();
    let mut local = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0".to_vec();
    local.extend(Connect::new(V5, "health").encode());
    let mut client = relayed(gateway.listener("relayed"), &local);
    assert_eq!(client.expect(CONNACK).reason(), 0);
    let mut client = relayed(gateway.listener("relayed"), b"PROXY UNKNOWN\r\n");
    welcome(&mut client, "unknown");
}

#[test]
fn headers_that_are_wrong_end_the_connection_without_an_answer() {
    let gateway = gateway();
    let mut bystander = relayed(gateway.listener("relayed"), LINE);
    welcome(&mut bystander, "bystander");
    let connect = Connect::new(V5, "forged").encode();
    let mut too_long = binary_header([1, 2, 3, 4], 1);
    too_long[14] = 0xFF;
    let wrong: [(&str, &str, Vec<u8>); 8] = [
        (
            "a line without end",
            "proxy_bad",
            [b"PROXY TCP4 ", &[b'1'; 120][..]].concat(),
        ),
        (
            "no address",
            "proxy_bad",
            b"PROXY TCP4 a b 1 2\r\n".to_vec(),
        ),
        (
            "another family",
            "proxy_bad",
            b"PROXY UDP4 1.1.1.1 2.2.2.2 1 2\r\n".to_vec(),
        ),
        ("LF alone", "proxy_bad", b"PROXY UNKNOWN\n\n".to_vec()),
        ("a header over the maximum", "proxy_bad", too_long),
        ("two headers", "proxy_bad", [LINE, LINE, &connect].concat()),
        ("none", "proxy_missing", connect.clone()),
        (
            "HTTP",
            "proxy_missing",
            crate::support::websocket::good_request(),
        ),
    ];
    for (what, reason, bytes) in wrong {
        let before = gateway.metrics();
        let mut client = relayed(gateway.listener("relayed"), &bytes);
        assert_eq!(client.packet(), None, "{what} is not answered");
        gateway.wait_for_end(reason, &before);
    }
    bystander.publish("bystander/says", b"undisturbed");
}

#[test]
fn a_second_header_that_comes_later_stands_where_mqtt_must() {
    let gateway = gateway();
    let before = gateway.metrics();
    let mut client = relayed(gateway.listener("relayed"), LINE);
    gateway.wait_until("the first header being read", |metrics| {
        let name = "tributary_bytes_in_total";
        metrics.sum(name) >= before.sum(name) + LINE.len() as f64
    });
    client.send(LINE);
    assert_eq!(client.packet(), None);
    gateway.wait_for_end("proxy_bad", &before);
}

#[test]
fn a_peer_that_may_not_speak_for_others_is_not_even_read() {
    let gateway = gateway();
    for bytes in [LINE, &Connect::new(V5, "stranger").encode()] {
        let before = gateway.metrics();
        let mut client = Client::dial(gateway.listener("foreign"), V5);
        client.send_unless_closed(bytes);
        assert_eq!(client.packet(), None);
        let after = gateway.wait_until("one more end", |metrics| {
            let name = "tributary_disconnects_total";
            metrics.labelled(name, "reason", "proxy_untrusted")
                == before.labelled(name, "reason", "proxy_untrusted") + 1.0
        });
        let read =
            |metrics: &crate::support::metrics::Metrics| metrics.sum("tributary_bytes_in_total");
        assert_eq!(read(&before), read(&after), "not a byte of it was read");
    }
}

#[test]
fn a_header_on_a_listener_that_takes_none_is_refused_by_name() {
    let gateway = gateway();
    for header in [LINE.to_vec(), binary_header([198, 51, 100, 9], 5_555)] {
        let before = gateway.metrics();
        let mut client = relayed(gateway.mqtt(), &header);
        assert_eq!(client.packet(), None);
        gateway.wait_for_end("proxy_bad", &before);
    }
    let mut client = Client::connect(&gateway, V5, "direct");
    client.publish("direct/says", b"no header, no harm");
}

#[test]
fn half_headers_are_waited_for_no_longer_than_a_connect() {
    let text = format!("{LISTENERS}[mqtt]\nconnect_timeout_secs = 1\n");
    let gateway = Launch::default().listeners(&text).shards(2).start();
    let before = gateway.metrics();
    let whole = binary_header([198, 51, 100, 9], 5_555);
    let said = [
        &b""[..],
        &LINE[..1],
        &LINE[..LINE.len() - 1],
        LINE,
        &whole[..20],
    ];
    let mut clients = said.map(|said| relayed(gateway.listener("relayed"), said));
    for client in &mut clients {
        assert_eq!(client.packet(), None);
    }
    gateway.wait_until("five ends counted", |metrics| {
        let name = "tributary_disconnects_total";
        metrics.labelled(name, "reason", "connect_deadline")
            == before.labelled(name, "reason", "connect_deadline") + 5.0
    });
}

#[test]
fn many_relayed_clients_at_once_are_each_known_by_their_own_address() {
    const CLIENTS: u16 = 200;
    let gateway = gateway();
    let target = gateway.listener("relayed");
    let streams: Vec<TcpStream> = (0..CLIENTS)
        .map(|number| {
            let mut bytes = binary_header([192, 0, 2, number as u8], 10_000 + number);
            bytes.extend(Connect::new(V5, &format!("crowd-{number:03}")).encode());
            let client = relayed(target, &bytes);
            client.stream().try_clone().expect("a descriptor is free")
        })
        .collect();
    gateway.wait_for_connections(CLIENTS.into());
    for number in 0..CLIENTS {
        let address = format!("192.0.2.{}:{}\"", number as u8, 10_000 + number);
        gateway.wait_for_line(&[&format!("crowd-{number:03}"), &address]);
    }
    drop(streams);
}
