//! Several listeners side by side, each with its own bounds: IPv4, IPv6, Unix sockets, WebSockets.

use crate::support::client::Client;
use crate::support::gateway::{Gateway, Launch};
use crate::support::websocket::WebSocket;
use crate::support::wire::*;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

const NULL_ROUTE: &str = "[[route]]\nfilter = \"#\"\ntopic = \"\"\n";

/// A path of its own; short, since the kernel takes no more than 107 bytes.
fn socket_path() -> PathBuf {
    static PATHS: AtomicU32 = AtomicU32::new(0);
    let number = PATHS.fetch_add(1, Ordering::Relaxed);
    let name = format!("tributary-{}-{number}.sock", std::process::id());
    let path = std::env::temp_dir().join(name);
    let _ = std::fs::remove_file(&path);
    path
}

fn start(listeners: &str) -> Gateway {
    let text = format!("{listeners}{NULL_ROUTE}");
    Launch::default().listeners(&text).shards(2).start()
}

fn by_unix(path: &Path) -> String {
    let path = path.display();
    format!(
        "[listen.mqtt]\naddress = \"127.0.0.1:0\"\n\
         [listen.local]\naddress = \"unix:{path}\"\nmode = \"0622\"\n"
    )
}

/// A client of a Unix socket that was welcomed.
fn connect(path: &Path, client_id: &str) -> UnixStream {
    let mut stream = UnixStream::connect(path).expect("the gateway listens");
    let timeout = Some(crate::support::DEADLINE);
    stream
        .set_read_timeout(timeout)
        .expect("a socket takes a timeout");
    ask(
        &mut stream,
        &Connect::new(V311, client_id).encode(),
        &[0x20, 2, 0, 0],
    );
    stream
}

fn ask(stream: &mut UnixStream, packet: &[u8], answer: &[u8]) {
    stream.write_all(packet).expect("the gateway reads");
    let mut said = vec![0; answer.len()];
    stream.read_exact(&mut said).expect("the gateway answers");
    assert_eq!(said, answer);
}

#[test]
fn each_listener_says_its_name_and_serves() {
    let gateway = start(
        "[listen.mqtt]\naddress = \"127.0.0.1:0\"\n[listen.six]\naddress = \"[::1]:0\"\n\
         [listen.web]\naddress = \"127.0.0.1:0\"\nprotocol = \"ws\"\npath = \"/here\"\n\
         [listen.again]\naddress = \"127.0.0.1:0\"\n",
    );
    let names: Vec<_> = gateway.listeners().keys().map(String::as_str).collect();
    assert_eq!(names, ["again", "mqtt", "six", "web"]);
    for name in ["mqtt", "six", "again"] {
        let connect = Connect::new(V5, name);
        let (mut client, _) = Client::connect_to(gateway.listener(name), connect);
        client.publish("any/listener", name.as_bytes());
    }
    let mut socket = WebSocket::dial(gateway.listener("web"));
    let protocol = "Sec-WebSocket-Protocol: mqtt\r\n";
    socket.send_raw(&crate::support::websocket::request("/here", protocol));
    socket.expect_grant();
}

#[test]
fn a_unix_socket_serves_the_clients_of_all_shards() {
    const CLIENTS: usize = 16;
    let path = socket_path();
    let gateway = start(&by_unix(&path));
    let file = std::fs::metadata(&path).expect("the socket is there");
    assert_eq!(file.permissions().mode() & 0o777, 0o622);
    assert_eq!(
        gateway.listeners()["local"],
        format!("unix:{}", path.display())
    );
    let names = (0..CLIENTS).map(|number| format!("local-{number}"));
    let mut clients: Vec<_> = names.map(|name| connect(&path, &name)).collect();
    for client in &mut clients {
        let publish = Publish::qos1(5, "local/says", b"hello").encode(V311);
        ask(client, &publish, &[0x40, 2, 0, 5]);
    }
    let metrics = gateway.wait_for_connections(CLIENTS);
    for shard in ["0", "1"] {
        let name = "tributary_shard_connections";
        assert!(
            metrics.labelled(name, "shard", shard) > 0.0,
            "{}",
            metrics.text
        );
    }
    // A client is taken over from one kind of socket to the other.
    let mut by_tcp = Client::connect(&gateway, V311, "local-3");
    by_tcp.ping();
    assert_eq!(
        clients[3].read(&mut [0; 8]).expect("it ends in good order"),
        0
    );
}

#[test]
fn a_balancer_may_come_by_a_unix_socket() {
    let path = socket_path();
    let required = "proxy_protocol = \"required\"\nproxy_from = [\"unix\"]\n";
    let gateway = start(&format!("{}{required}", by_unix(&path)));
    let mut stream = UnixStream::connect(&path).expect("the gateway listens");
    let header = b"PROXY TCP6 2001:db8::7 2001:db8::1 40001 1883\r\n";
    let connect = Connect::new(V311, "behind").encode();
    ask(
        &mut stream,
        &[&header[..], &connect].concat(),
        &[0x20, 2, 0, 0],
    );
    let before = gateway.metrics();
    let mut direct = UnixStream::connect(&path).expect("the gateway listens");
    direct.write_all(&connect).expect("the gateway reads");
    gateway.wait_for_end("proxy_missing", &before);
}

#[test]
fn the_file_of_a_unix_socket_goes_with_the_gateway_and_a_stale_one_is_replaced() {
    let path = socket_path();
    let mut gateway = start(&by_unix(&path));
    drop(connect(&path, "first"));
    gateway.terminate();
    assert_eq!(gateway.exit_status().code(), Some(0));
    assert!(!path.exists(), "removed at the drain");
    let gateway = start(&by_unix(&path));
    gateway.kill();
    drop(gateway);
    let left = std::fs::symlink_metadata(&path).expect("nobody has removed it");
    assert!(left.file_type().is_socket());
    let gateway = start(&by_unix(&path));
    drop(connect(&path, "second"));
    drop(gateway);
    let _ = std::fs::remove_file(&path);
}

#[test]
fn a_path_that_another_one_has_is_left_to_it() {
    let path = socket_path();
    let text = format!("{}{NULL_ROUTE}", by_unix(&path));
    let other = UnixListener::bind(&path).expect("the path is free");
    let ended = Launch::default().listeners(&text).start_in_vain();
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.stderr.contains("another process listens there"),
        "{}",
        ended.stderr
    );
    UnixStream::connect(&path).expect("the other one has kept its path");
    drop(other);
    std::fs::remove_file(&path).expect("it is still there");
    std::fs::write(&path, "kept").expect("a folder for such files");
    let ended = Launch::default().listeners(&text).start_in_vain();
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("[listen.local]"), "{}", ended.stderr);
    assert_eq!(
        std::fs::read_to_string(&path).expect("it is a file still"),
        "kept"
    );
    std::fs::remove_file(&path).expect("it is still there");
}

#[test]
fn a_listener_that_is_full_turns_newcomers_away_and_the_others_do_not() {
    let gateway = start(
        "[listen.mqtt]\naddress = \"127.0.0.1:0\"\n\
         [listen.few]\naddress = \"127.0.0.1:0\"\nmax_connections = 2\n\
         [listen.web]\naddress = \"127.0.0.1:0\"\nprotocol = \"ws\"\nmax_connections = 1\n",
    );
    let few = gateway.listener("few");
    let mut first = Client::connect_to(few, Connect::new(V5, "first")).0;
    let second = Client::connect_to(few, Connect::new(V5, "second")).0;
    let mut third = Client::dial(few, V5);
    third.send(&Connect::new(V5, "third").encode());
    // Server busy.
    assert_eq!(third.expect(CONNACK).reason(), 0x89);
    let mut web = WebSocket::connect(&gateway, V5, "web");
    let mut late = WebSocket::open(gateway.listener("web"));
    late.send(&Connect::new(V5, "late").encode());
    assert_eq!(late.expect(CONNACK).reason(), 0x89);
    late.expect_close(1001, "the listener is full");
    let mut elsewhere = Client::connect(&gateway, V5, "third");
    let name = "tributary_bounds_hit_total";
    let hits = gateway.metrics().labelled(name, "bound", "listener");
    assert_eq!(hits, 2.0);
    // Whoever is turned away has ended nobody's connection: `first` is here, and by another way.
    let mut late = WebSocket::open(gateway.listener("web"));
    late.send(&Connect::new(V5, "first").encode());
    assert_eq!(late.expect(CONNACK).reason(), 0x89);
    first.ping();
    // A client may take its own place over, and a place that was left is free again.
    let mut again = Client::connect_to(few, Connect::new(V5, "first")).0;
    first.expect_end(&[0x8E], "its client id came again");
    drop(second);
    gateway.wait_for_connections(3);
    let mut third = Client::connect_to(few, Connect::new(V5, "fourth")).0;
    for client in [&mut again, &mut third, &mut elsewhere] {
        client.ping();
    }
    web.ping();
}

#[test]
fn a_listener_may_take_smaller_packets_and_says_so() {
    let gateway = start(
        "[listen.mqtt]\naddress = \"127.0.0.1:0\"\n\
         [listen.small]\naddress = \"127.0.0.1:0\"\npacket_bytes_max = 1000\n",
    );
    for number in 0..4 {
        let client_id = format!("small-{number}");
        let connect = Connect::new(V5, &client_id);
        let (mut client, connack) = Client::connect_to(gateway.listener("small"), connect);
        // Maximum Packet Size [MQTT-3.2.2-15].
        assert_eq!(connack.connack_properties()[&0x27], 1000_u32.to_be_bytes());
        client.publish("small/says", &[0; 900]);
        client.send(&Publish::qos1(3, "small/says", &[0; 1_000]).encode(V5));
        // Packet too large [MQTT-3.2.2-15].
        client.expect_end(&[0x95], "more than its listener takes");
    }
    let mut large = Client::connect(&gateway, V5, "large");
    large.publish("large/says", &[0; 10_000]);
}

#[test]
fn an_idle_websocket_client_fits_the_budget_of_a_plain_one() {
    const FEW: usize = 1000;
    const MANY: usize = 4000;
    /// What a plain client may cost; the gateway proves at compile time what it is made of.
    const IDLE_CLIENT_BYTES_MAX: f64 = 128.0;
    crate::budget::raise_descriptor_limit();
    let text = format!(
        "{}[mqtt]\nsys_interval_secs = 0\n",
        crate::support::websocket::LISTENERS
    );
    let gateway = Launch::default().listeners(&text).counts_memory().start();
    let mut clients = Vec::new();
    let mut connect_up_to = |count: usize| {
        for number in clients.len()..count {
            let client_id = format!("device{number:010}");
            let mut client = WebSocket::connect(&gateway, V311, &client_id);
            client.ping();
            clients.push(client);
        }
        gateway.wait_for_connections(count)
    };
    let few = connect_up_to(FEW).sum("tributary_user_bytes");
    connect_up_to(MANY);
    let each = |bytes: f64| (bytes - few) / (MANY - FEW) as f64;
    // What the storm of connects has left in pools is given back within seconds.
    let after = gateway.wait_until("idle clients within their budget", |metrics| {
        each(metrics.sum("tributary_user_bytes")) <= IDLE_CLIENT_BYTES_MAX
    });
    let bytes = after.sum("tributary_user_bytes");
    assert!(
        each(bytes) > 0.0,
        "the allocator does not count the clients: {few}, {bytes}"
    );
}

/// Waits for the line about the end of this connection; it names the peer as it names itself.
fn wait_for_last_line(gateway: &Gateway, client_id: &str, reason: &str, peer: SocketAddr) {
    let client = format!("\"client\":\"{client_id}\"");
    let address = format!("\"address\":\"{peer}\"");
    let reason = format!("\"reason\":\"{reason}\"");
    gateway.wait_for_line(&["\"disconnected\"", &client, &address, &reason]);
}

#[test]
fn who_is_told_to_go_stands_in_the_log_with_its_address() {
    let gateway = start(
        "[listen.mqtt]\naddress = \"127.0.0.1:0\"\n\
         [listen.six]\naddress = \"[::1]:0\"\n\
         [mqtt]\nconnect_timeout_secs = 1\n",
    );
    let own = |client: &Client| client.stream().local_addr().expect("it is connected");
    for listener in ["mqtt", "six"] {
        let target = gateway.listener(listener);
        let id = format!("wrong-by-{listener}");
        let (mut client, _) = Client::connect_to(target, Connect::new(V5, &id));
        // A SUBSCRIBE with the wrong flags [MQTT-3.8.1-1].
        client.send(&[0x80, 0]);
        wait_for_last_line(&gateway, &id, "malformed", own(&client));
        let mut stranger = Client::dial(target, V5);
        stranger.send(&[0xFF; 9]);
        wait_for_last_line(&gateway, "", "malformed", own(&stranger));
        let silent = Client::dial(target, V5);
        wait_for_last_line(&gateway, "", "connect_deadline", own(&silent));
        let (first, _) = Client::connect_to(target, Connect::new(V5, "twice"));
        let _second = Client::connect_to(target, Connect::new(V5, "twice"));
        wait_for_last_line(&gateway, "twice", "taken_over", own(&first));
    }
}

#[test]
fn who_comes_by_a_unix_socket_has_a_line_without_an_address() {
    let path = socket_path();
    let gateway = start(&by_unix(&path));
    let mut stream = connect(&path, "wrong-by-file");
    stream.write_all(&[0x80, 0]).expect("the gateway reads");
    let line = ["\"disconnected\"", "wrong-by-file", "malformed"];
    gateway.wait_for_line(&line);
    let log = gateway.whole_log();
    let told = log
        .lines()
        .find(|told| line.iter().all(|part| told.contains(part)));
    assert!(!told.expect("it was there").contains("address"));
}
