//! TLS: whoever comes by it is served as anybody else, and whatever is wrong with it has a name.

use crate::support::client::Client;
use crate::support::gateway::{Gateway, Launch};
use crate::support::metrics::Metrics;
use crate::support::pki::{Authority, Identity};
use crate::support::tunnel::{End, Tunnel, config};
use crate::support::websocket::WebSocket;
use crate::support::wire::*;
use rustls::ClientConfig;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::sync::Arc;

const NULL_ROUTE: &str = "[[route]]\nfilter = \"#\"\ntopic = \"\"\n";
const LAYERS: [&str; 2] = ["lean", "rustls"];
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

fn failures(metrics: &Metrics, reason: &str) -> f64 {
    metrics.labelled("tributary_tls_failures_total", "reason", reason)
}

fn handshakes(metrics: &Metrics, kind: &str) -> f64 {
    metrics.labelled("tributary_tls_handshakes_total", "kind", kind)
}

/// All that the gateway still says in the clear to whoever said this.
fn answer_to(gateway: &Gateway, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(gateway.listener("mqtts")).expect("the gateway accepts");
    stream.write_all(bytes).expect("the gateway reads");
    let mut said = Vec::new();
    // A reset behind the answer is an end as well.
    let _ = stream.read_to_end(&mut said);
    said
}

#[test]
fn clients_of_both_record_layers_are_served_and_told_goodbye() {
    const CLIENTS: usize = 24;
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
fn who_must_show_a_certificate_and_does_not_is_kept_out_by_a_name() {
    let authority = Authority::new();
    let certificates = authority.install(&authority.server(1));
    let (good, bad) = (authority.client("good", 2), authority.client("bad", 3));
    let stranger = Authority::new().client("stranger", 4);
    let ca = authority.write("ca.pem", &authority.pem);
    let list = authority.write("crl.pem", &authority.revocation_list(&[&bad]));
    let lines = format!(
        "client_auth = \"required\"\nclient_ca = \"{ca}\"\nclient_crl = [\"{list}\"]\n\
         record_layer = \"lean\"\n"
    );
    let gateway = start(&certificates, &lines);
    let tunnel_of = |identity: Option<&Identity>| tunnel(&gateway, &config(&authority, identity));
    let mut client = client(&tunnel_of(Some(&good)), "good");
    client.publish("any/topic", b"hello");
    let wrong = [
        (None, "certificate_missing"),
        (Some(&bad), "certificate_revoked"),
        (Some(&stranger), "certificate_untrusted"),
    ];
    for (identity, reason) in wrong {
        let before = gateway.metrics();
        let tunnel = tunnel_of(identity);
        let mut client = Client::dial(tunnel.address, V5);
        client.send_unless_closed(&Connect::new(V5, "wrong").encode());
        assert!(matches!(tunnel.end(), End::Failed(_)), "{reason}");
        gateway.wait_for_end("tls_failed", &before);
        let metrics = gateway.metrics();
        assert_eq!(
            failures(&metrics, reason) - failures(&before, reason),
            1.0,
            "{reason}"
        );
    }
    client.ping();
}

#[test]
fn what_is_not_tls_gets_an_alert_and_a_name() {
    let authority = Authority::new();
    let gateway = by_layer(&authority, "lean");
    let plain = Connect::new(V5, "plain").encode();
    let too_long = [22, 3, 1, 0xFF, 0xFF, 1];
    let said = [
        (&plain[..], "not_tls", 10),
        (b"GET / HTTP/1.1\r\n\r\n", "not_tls", 10),
        (&too_long, "record_overflow", 22),
    ];
    for (bytes, reason, description) in said {
        let before = gateway.metrics();
        assert_eq!(
            answer_to(&gateway, bytes),
            [21, 3, 3, 0, 2, 2, description],
            "{reason}"
        );
        gateway.wait_for_end("tls_failed", &before);
        let metrics = gateway.metrics();
        assert_eq!(
            failures(&metrics, reason) - failures(&before, reason),
            1.0,
            "{reason}"
        );
    }
}

#[test]
fn a_new_certificate_is_shown_without_anyone_noticing_and_a_bad_one_is_not() {
    for layer in LAYERS {
        let authority = Authority::new();
        let (first, second) = (authority.server(1), authority.server(2));
        let certificates = authority.install(&first);
        let gateway = start(&certificates, &format!("record_layer = \"{layer}\"\n"));
        let first_tunnel = tunnel(&gateway, &config(&authority, None));
        let mut before = client(&first_tunnel, "before");
        let shown = first_tunnel.certificate();
        // Each has a memory of its own: who comes by a ticket is shown nothing.
        let shown_to = |name: &str| {
            let tunnel = tunnel(&gateway, &config(&authority, None));
            client(&tunnel, name).ping();
            tunnel.certificate()
        };
        let garbage = "-----BEGIN CERTIFICATE-----\nbad\n-----END CERTIFICATE-----\n";
        authority.write("chain.pem", garbage);
        gateway.reload();
        gateway.wait_for_line(&["the certificates from before stay in use", "chain.pem"]);
        assert_eq!(shown_to("between"), shown);
        authority.install(&second);
        gateway.reload();
        gateway.wait_for_line(&["certificates are renewed", "wss"]);
        assert_ne!(shown_to("after"), shown);
        before.publish("still/there", b"");
        assert!(!gateway.whole_log().contains("PRIVATE KEY"));
    }
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
fn handshakes_beyond_the_budget_are_turned_away_and_counted() {
    let authority = Authority::new();
    let certificates = authority.install(&authority.server(1));
    let text = format!(
        "[listen.mqtt]\naddress = \"127.0.0.1:0\"\nprotocol = \"mqtts\"\n{certificates}\
         [tls]\nfull_handshakes_per_sec = 1\n{NULL_ROUTE}"
    );
    let gateway = Launch::default().listeners(&text).shards(1).start();
    let hello = [22, 3, 1, 0, 200, 1];
    let streams: Vec<_> = (0..50)
        .map(|_| {
            let mut stream = TcpStream::connect(gateway.mqtt()).expect("the gateway accepts");
            // Whoever is turned away may be gone already.
            let _ = stream.write_all(&hello);
            stream
        })
        .collect();
    let turned_away =
        |metrics: &Metrics| metrics.labelled("tributary_shed_total", "reason", "tls_handshakes");
    gateway.wait_until("someone turned away", |metrics| turned_away(metrics) > 0.0);
    drop(streams);
}

#[test]
fn a_flood_of_half_open_handshakes_is_bounded_and_ends() {
    let authority = Authority::new();
    let certificates = authority.install(&authority.server(1));
    let text = format!(
        "[listen.mqtt]\naddress = \"127.0.0.1:0\"\n\
         [listen.mqtts]\naddress = \"127.0.0.1:0\"\nprotocol = \"mqtts\"\n{certificates}\
         handshake_timeout_secs = 5\n[tls]\nfull_handshakes_per_sec = 1000000\n{NULL_ROUTE}"
    );
    let gateway = Launch::default().listeners(&text).shards(1).start();
    let tunnel = tunnel(&gateway, &config(&authority, None));
    let mut bystander = client(&tunnel, "bystander");
    // More than HALF_OPEN_PER_SHARD_MAX of them.
    const FLOOD: usize = 4_200;
    let flood: Vec<_> = (0..FLOOD)
        .map(|_| {
            let mut stream = TcpStream::connect(gateway.listener("mqtts")).expect("it accepts");
            stream
                .write_all(&[22, 3, 1, 0, 200, 1])
                .expect("the gateway reads");
            stream
        })
        .collect();
    bystander.publish("any/topic", b"undisturbed");
    let mut newcomer = client(&tunnel, "newcomer");
    newcomer.ping();
    gateway.wait_until("the bound", |metrics| {
        metrics.labelled("tributary_bounds_hit_total", "bound", "half_open") > 0.0
    });
    let ends = |metrics: &Metrics| {
        metrics.labelled("tributary_disconnects_total", "reason", "tls_unfinished")
    };
    gateway.wait_until("the end of the flood", |metrics| {
        ends(metrics) == FLOOD as f64 && metrics.sum("tributary_tls_half_open") == 0.0
    });
    bystander.ping();
    drop(flood);
}

#[test]
fn garbage_instead_of_a_record_ends_the_connection_by_a_name() {
    for layer in LAYERS {
        let authority = Authority::new();
        let gateway = by_layer(&authority, layer);
        let before = gateway.metrics();
        let mut stream = TcpStream::connect(gateway.listener("mqtts")).expect("it accepts");
        let name = "localhost".try_into().expect("it is a name");
        let config = config(&authority, None);
        let mut tls = rustls::ClientConnection::new(config, name).expect("it is whole");
        while tls.is_handshaking() {
            tls.complete_io(&mut stream)
                .expect("the handshake ends well");
        }
        rustls::Stream::new(&mut tls, &mut stream)
            .write_all(&Connect::new(V311, "garbage").encode())
            .expect("the gateway reads");
        gateway.wait_for_connections(1);
        stream
            .write_all(&[23, 3, 3, 0, 20])
            .expect("the gateway reads");
        stream.write_all(&[9; 20]).expect("the gateway reads");
        gateway.wait_for_end("tls_violation", &before);
        let metrics = gateway.wait_for_connections(0);
        assert_eq!(failures(&metrics, "bad_record_mac"), 1.0, "{layer}");
    }
}

#[test]
fn every_wrong_line_about_tls_is_named() {
    let authority = Authority::new();
    let certificates = authority.install(&authority.server(1));
    let chain = authority.write("alone.pem", &authority.server(2).pem);
    let other_key = authority.write("other.pem", &authority.server(3).key_pem);
    let pair = format!("certificates = [{{ chain = \"{chain}\", key = \"{other_key}\" }}]\n");
    let ca = authority.write("empty.pem", "");
    let secure = "protocol = \"mqtts\"\n";
    let wrong = [
        (secure.to_string(), "certificates"),
        (
            format!("{secure}certificates = []\n"),
            "names no certificate",
        ),
        (
            format!("{secure}certificates = [{{ chain = \"/none\", key = \"/none\" }}]\n"),
            "/none",
        ),
        (
            format!("{secure}certificates = [{{ chain = \"/none\" }}]\n"),
            "key",
        ),
        (format!("{secure}{pair}"), "is not the key of"),
        (
            format!("{secure}{certificates}tls_versions = [\"1.1\"]\n"),
            "1.1",
        ),
        (
            format!("{secure}{certificates}client_auth = \"maybe\"\n"),
            "maybe",
        ),
        (
            format!("{secure}{certificates}client_auth = \"required\"\n"),
            "client_ca",
        ),
        (
            format!("{secure}{certificates}client_auth = \"required\"\nclient_ca = \"{ca}\"\n"),
            "client_ca",
        ),
        (
            format!("{secure}{certificates}client_crl = [\"/none\"]\n"),
            "client_crl",
        ),
        (
            format!("{secure}{certificates}record_layer = \"fat\"\n"),
            "fat",
        ),
        (
            format!("{secure}{certificates}handshake_timeout_secs = 0\n"),
            "handshake_timeout_secs",
        ),
        (certificates.clone(), "means nothing without TLS"),
    ];
    for (lines, part) in wrong {
        let text = format!("[listen.mqtt]\naddress = \"127.0.0.1:0\"\n{lines}{NULL_ROUTE}");
        let path = crate::support::gateway::config_file(&text)
            .display()
            .to_string();
        let ended = crate::support::gateway::run_to_end(&["check", "--config", &path]);
        assert_eq!(ended.code, Some(1), "{lines}");
        let said = ended.stderr + &ended.stdout;
        assert!(
            said.contains(part) && said.contains("[listen.mqtt]"),
            "{part}: {said}"
        );
        assert!(!said.contains("PRIVATE KEY"), "{said}");
    }
}
