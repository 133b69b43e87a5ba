//! Operators who look at clients and end their connections: by pages over all shards, by ids of any
//! kind, with the device's own address whatever it came by, many of them at once.

use crate::support::client::Client;
use crate::support::gateway::{Gateway, Launch};
use crate::support::pki::Authority;
use crate::support::property::{SESSION_EXPIRY, four};
use crate::support::tunnel::{Tunnel, config};
use crate::support::wire::*;
use crate::support::{DEADLINE, ask_until};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::Ipv4Addr;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};

const NULL_ROUTE: &str = "[[route]]\nfilter = \"#\"\ntopic = \"\"\n";
/// MQTT 5: an operator has ended it.
const ADMINISTRATIVE_ACTION: u8 = 0x98;

fn gateway(shards: usize) -> Gateway {
    Launch::default().config(NULL_ROUTE).shards(shards).start()
}

fn ask(gateway: &Gateway, method: &str, path: &str) -> (u16, Value) {
    let path = format!("/api/v1/clients{path}");
    let answer = ask_until(DEADLINE, || {
        let answer = gateway.request(method, &path, "");
        // A shard that was held up for two seconds is asked again; nobody is ended twice.
        (answer.0 != 503 || method != "GET").then_some(answer)
    });
    let (status, body) = answer.expect("the shards answer");
    let body = match body.is_empty() {
        true => Value::Null,
        false => serde_json::from_str(&body).unwrap_or_else(|_| panic!("JSON: {body}")),
    };
    (status, body)
}

/// One client as an operator sees it.
fn show(gateway: &Gateway, encoded: &str) -> Value {
    let (status, client) = ask(gateway, "GET", &format!("/{encoded}"));
    assert_eq!(status, 200, "{encoded}: {client}");
    client
}

/// Every client, page by page.
fn walk(gateway: &Gateway, limit: usize) -> Vec<Value> {
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let (status, mut page) = ask(gateway, "GET", &format!("?limit={limit}{after}"));
        assert_eq!(status, 200, "{page}");
        let clients = page["clients"].take();
        let clients = clients.as_array().expect("a list");
        assert!(clients.len() <= limit, "{} of {limit}", clients.len());
        seen.extend(clients.iter().cloned());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return seen,
        }
    }
}

fn lasting(version: u8, client_id: &str) -> Connect<'_> {
    Connect {
        clean: false,
        ..Connect::new(version, client_id)
    }
}

#[test]
fn pages_over_four_shards_show_everybody_once_connected_or_not() {
    let gateway = gateway(4);
    let name = |number: usize| format!("device-{number:04}");
    let mut here: Vec<_> = (0..300)
        .map(|number| Client::connect_to(gateway.mqtt(), lasting(V311, &name(number))).0)
        .collect();
    here.drain(200..).for_each(|client| client.leave(0, &[]));
    gateway.wait_for_connections(200);
    let wanted: BTreeSet<_> = (0..300).map(name).collect();
    for limit in [1, 7, 100, 299, 300, 301, 1000] {
        let all = walk(&gateway, limit);
        let ids = all.iter().map(|one| one["client_id"].as_str());
        let ids: BTreeSet<_> = ids.map(|id| id.expect("an id").to_owned()).collect();
        assert_eq!(all.len(), 300, "by {limit}");
        assert_eq!(ids, wanted, "by {limit}");
        let shards: BTreeSet<_> = all.iter().map(|one| one["shard"].as_u64()).collect();
        assert_eq!(shards.len(), 4, "by {limit}");
        for one in &all {
            let is_here = one["client_id"].as_str() < Some(name(200).as_str());
            assert_eq!(one["connected"], is_here, "{one}");
            assert_eq!(one["listener"].is_string(), is_here, "{one}");
            assert_eq!(one["address"].is_string(), is_here, "{one}");
        }
    }
    let (status, page) = ask(&gateway, "GET", "");
    assert_eq!(
        (status, page["clients"].as_array().map(Vec::len)),
        (200, Some(100))
    );
}

#[test]
fn whoever_stays_is_shown_once_however_many_come_and_go_meanwhile() {
    let gateway = gateway(3);
    let names: BTreeSet<_> = (0..150).map(|number| format!("stays-{number}")).collect();
    let stay: Vec<_> = names
        .iter()
        .map(|id| Client::connect(&gateway, V5, id))
        .collect();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..2_000 {
                let some: Vec<_> = (0..20)
                    .map(|one| Client::connect(&gateway, V311, &format!("comes-{number}-{one}")))
                    .collect();
                drop(some);
                if is_over.load(Ordering::Relaxed) {
                    return;
                }
            }
        });
        let mut others = 0;
        // As often as it takes to meet somebody who does not stay.
        for walks in 0..1_000 {
            if walks >= 20 && others > 0 {
                break;
            }
            let all = walk(&gateway, 7);
            let ids = all.iter().filter_map(|one| one["client_id"].as_str());
            let mut staying: Vec<_> = ids.filter(|id| id.starts_with("stays")).collect();
            others += all.len() - staying.len();
            staying.sort_unstable();
            assert!(staying.iter().eq(names.iter()), "{staying:?}");
        }
        assert!(others > 0, "nobody came and went");
        is_over.store(true, Ordering::Relaxed);
    });
    drop(stay);
}

#[test]
fn a_client_is_shown_with_its_address_its_user_and_what_it_subscribes_to() {
    let gateway = gateway(2);
    let source = Ipv4Addr::new(127, 0, 0, 77);
    let mut client = Client::dial_from(source, gateway.mqtt(), V5);
    let port = client.stream().local_addr().expect("it is bound").port();
    let expiry = four(SESSION_EXPIRY, 3_600);
    let connect = Connect {
        user: Some("ada"),
        password: Some(b"s3cret-of-ada"),
        properties: &expiry,
        ..Connect::new(V5, "whole")
    };
    client.send(&connect.encode());
    assert_eq!(client.expect(CONNACK).reason(), 0);
    client.subscribe("a/+", 0);
    client.subscribe("$share/g/b", 1);
    let mut shown = show(&gateway, "whole");
    let shard = shown["shard"].take();
    assert!(shard.as_u64().is_some_and(|shard| shard < 2), "{shard}");
    let wanted = json!({
        "client_id": "whole", "user": "ada", "certificate": null, "connected": true,
        "address": format!("127.0.0.77:{port}"), "listener": "mqtt", "protocol": "MQTT 5.0",
        "tls": null, "session_expiry_secs": 3600, "subscriptions": 2, "shard": null,
    });
    assert_eq!(shown, wanted);
    client.leave(0, &[]);
    gateway.wait_for_connections(0);
    let shown = show(&gateway, "whole");
    let (listener, address) = (&shown["listener"], &shown["address"]);
    assert_eq!((listener, address), (&Value::Null, &Value::Null), "{shown}");
    assert_eq!(
        (&shown["connected"], &shown["subscriptions"]),
        (&json!(false), &json!(2))
    );
    let (_, all) = gateway.request("GET", "/api/v1/clients", "");
    assert!(!all.contains("s3cret") && !gateway.whole_log().contains("s3cret"));
}

#[test]
fn an_id_of_any_kind_is_shown_and_its_connection_ended() {
    let gateway = gateway(3);
    for (id, encoded) in [
        ("a/b", "a%2Fb"),
        ("100%", "100%25"),
        ("a b+c", "a%20b+c"),
        ("né/🌍", "n%C3%A9%2F%F0%9F%8C%8D"),
        ("..", "%2E%2E"),
        ("\"quoted\"\u{1}\n", "%22quoted%22%01%0A"),
    ] {
        let mut client = Client::connect(&gateway, V5, id);
        assert_eq!(show(&gateway, encoded)["client_id"], id);
        assert_eq!(
            ask(&gateway, "DELETE", &format!("/{encoded}")).0,
            204,
            "{id}"
        );
        client.expect_end(&[ADMINISTRATIVE_ACTION], id);
        let (status, gone) = ask(&gateway, "GET", &format!("/{encoded}"));
        assert_eq!(status, 404, "{gone}");
        assert!(
            gone["message"]
                .as_str()
                .is_some_and(|said| said.contains("lists them"))
        );
    }
}

#[test]
fn who_is_ended_by_an_operator_is_told_why_and_keeps_its_session() {
    let gateway = gateway(2);
    let before = gateway.metrics();
    for version in VERSIONS {
        let id = format!("ended-{version}");
        let expiry = four(SESSION_EXPIRY, 600);
        let connect = Connect {
            properties: if version == V5 { &expiry } else { &[] },
            ..lasting(version, &id)
        };
        let (client, _) = Client::connect_to(gateway.mqtt(), connect);
        let mut client = client.subscribed("kept", 1);
        let mut other = Client::connect(&gateway, version, &format!("other-{version}"));
        assert_eq!(ask(&gateway, "DELETE", &format!("/{id}")).0, 204);
        client.expect_end(&[ADMINISTRATIVE_ACTION], &id);
        let shown = show(&gateway, &id);
        assert_eq!(
            (&shown["connected"], &shown["subscriptions"]),
            (&json!(false), &json!(1))
        );
        let (status, again) = ask(&gateway, "DELETE", &format!("/{id}"));
        assert_eq!(status, 404, "{again}");
        assert!(
            again["message"]
                .as_str()
                .is_some_and(|said| said.contains("not connected"))
        );
        other.ping();
        let (_, connack) = Client::connect_to(gateway.mqtt(), connect);
        // MQTT 3.1 has no word for it in its CONNACK.
        assert_eq!(
            connack.body[0],
            u8::from(version != V31),
            "a session is there"
        );
        gateway.wait_for_line(&["disconnected", &id, "kicked"]);
    }
    gateway.wait_until("three ends by an operator", |metrics| {
        let count = |of: &crate::support::metrics::Metrics| {
            of.labelled("tributary_disconnects_total", "reason", "kicked")
        };
        count(metrics) == count(&before) + 3.0
    });
}

#[test]
fn a_page_in_a_browser_ends_nobody() {
    let gateway = gateway(1);
    let mut client = Client::connect(&gateway, V311, "stays");
    let origin = "Origin: http://127.0.0.1:9883\r\n";
    let (status, said) = gateway.request("DELETE", "/api/v1/clients/stays", origin);
    assert_eq!(status, 403, "{said}");
    client.ping();
}

#[test]
fn the_address_is_the_devices_own_and_the_listener_the_one_it_came_by() {
    let authority = Authority::new();
    let certificates = authority.install(&authority.server(1));
    let socket = std::env::temp_dir().join(format!("tributary-api-{}.sock", std::process::id()));
    let text = format!(
        "[listen.mqtt]\naddress = \"127.0.0.1:0\"\n\
         [listen.second]\naddress = \"127.0.0.1:0\"\n\
         [listen.six]\naddress = \"[::1]:0\"\n\
         [listen.local]\naddress = \"unix:{}\"\n\
         [listen.relayed]\naddress = \"127.0.0.1:0\"\nproxy_protocol = \"required\"\n\
         proxy_from = [\"127.0.0.0/8\"]\n\
         [listen.lean]\naddress = \"127.0.0.1:0\"\nprotocol = \"mqtts\"\n{certificates}\
         record_layer = \"lean\"\n\
         [listen.rustls]\naddress = \"127.0.0.1:0\"\nprotocol = \"mqtts\"\n{certificates}\
         record_layer = \"rustls\"\n{NULL_ROUTE}",
        socket.display()
    );
    let gateway = Launch::default().listeners(&text).shards(2).start();
    let mut connected = Vec::new();
    for listener in ["mqtt", "second", "six"] {
        let connect = Connect::new(V311, listener);
        let (client, _) = Client::connect_to(gateway.listener(listener), connect);
        let own = client.stream().local_addr().expect("it is bound");
        let shown = show(&gateway, listener);
        assert_eq!(shown["address"], own.to_string(), "{shown}");
        assert_eq!(shown["listener"], listener, "{shown}");
        connected.push(client);
    }
    for layer in ["lean", "rustls"] {
        let target = gateway.listener(layer);
        let tunnel = Tunnel::open(target, &config(&authority, None), usize::MAX);
        connected.push(Client::connect_to(tunnel.address, Connect::new(V5, layer)).0);
        let shown = show(&gateway, layer);
        assert_eq!(
            (&shown["tls"], &shown["listener"]),
            (&json!(layer), &json!(layer))
        );
        let address = shown["address"].as_str();
        assert!(
            address.is_some_and(|one| one.starts_with("127.0.0.1:")),
            "{shown}"
        );
    }
    let mut relayed = Client::dial(gateway.listener("relayed"), V5);
    relayed.send(b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0C\xCB\0\x71\x07\x0A\0\0\x01\x9C\x41\x07\x5B");
    relayed.send(&Connect::new(V5, "relayed").encode());
    assert_eq!(relayed.expect(CONNACK).reason(), 0);
    assert_eq!(show(&gateway, "relayed")["address"], "203.0.113.7:40001");
    let mut local = UnixStream::connect(&socket).expect("it listens");
    let connect = Connect::new(V311, "local").encode();
    local.write_all(&connect).expect("the gateway reads");
    local.read_exact(&mut [0; 4]).expect("it is let in");
    let shown = show(&gateway, "local");
    assert_eq!(
        (&shown["address"], &shown["listener"]),
        (&Value::Null, &json!("local"))
    );
    assert_eq!(walk(&gateway, 3).len(), 7);
}

#[test]
fn many_operators_at_once_are_answered_or_turned_away_and_devices_do_not_notice() {
    let gateway = gateway(2);
    let mut clients: Vec<_> = (0..200)
        .map(|number| Client::connect(&gateway, V5, &format!("busy-{number}")))
        .collect();
    let mut watched = clients.pop().expect("there is one");
    std::thread::scope(|scope| {
        let operators: Vec<_> = (0..12)
            .map(|number| {
                let gateway = &gateway;
                scope.spawn(move || {
                    let mut answered = 0;
                    for turn in 0..20 {
                        // One in four ends somebody while the others look.
                        let (method, path) = match number % 4 {
                            0 => ("DELETE", format!("/busy-{}", number * 16 + turn)),
                            _ => ("GET", "?limit=1000".to_owned()),
                        };
                        let (status, said) = ask(gateway, method, &path);
                        assert!(
                            [200, 204, 404, 429, 503].contains(&status),
                            "{status}: {said}"
                        );
                        answered += usize::from(status != 429);
                    }
                    answered
                })
            })
            .collect();
        for number in 0..50 {
            watched.publish("still/served", &[number]);
        }
        let answered: usize = operators
            .into_iter()
            .map(|operator| operator.join().expect("it was answered"))
            .sum();
        assert!(answered > 0);
    });
    watched.ping();
    let metrics = gateway.metrics();
    assert_eq!(metrics.imbalance(), 0.0);
    let here = walk(&gateway, 50);
    assert_eq!(here.len() as f64, metrics.sum("tributary_connections"));
    assert!(here.len() < 200, "somebody was ended");
}
