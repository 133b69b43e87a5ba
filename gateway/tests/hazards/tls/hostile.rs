//! Peers that are wrong under TLS, or want to hold up those who are not.

use super::*;

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
    crate::budget::raise_descriptor_limit();
    let authority = Authority::new();
    let certificates = authority.install(&authority.server(1));
    let text = format!(
        "[listen.mqtt]\naddress = \"127.0.0.1:0\"\n\
         [listen.mqtts]\naddress = \"127.0.0.1:0\"\nprotocol = \"mqtts\"\n{certificates}\
         handshake_timeout_secs = 12\n[tls]\nfull_handshakes_per_sec = 1000000\n{NULL_ROUTE}"
    );
    let gateway = Launch::default().listeners(&text).shards(1).start();
    let tunnel = tunnel(&gateway, &config(&authority, None));
    let mut bystander = client(&tunnel, "bystander");
    // More than HALF_OPEN_PER_SHARD_MAX of them.
    const FLOOD: usize = 10_000;
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
        let mut stream = secure(&gateway, "mqtts", &config(&authority, None), b"");
        stream
            .write_all(&Connect::new(V311, "garbage").encode())
            .expect("the gateway reads");
        gateway.wait_for_connections(1);
        let socket = &mut stream.sock;
        socket
            .write_all(&[23, 3, 3, 0, 20])
            .expect("the gateway reads");
        socket.write_all(&[9; 20]).expect("the gateway reads");
        gateway.wait_for_end("tls_violation", &before);
        let metrics = gateway.wait_for_connections(0);
        assert_eq!(failures(&metrics, "bad_record_mac"), 1.0, "{layer}");
    }
}

#[test]
fn who_offers_only_an_older_version_is_refused_where_it_is_not_taken() {
    let authority = Authority::new();
    let gateway = by_layer(&authority, "lean");
    let before = gateway.metrics();
    let tunnel = tunnel(&gateway, &config_of(&authority, None, &[&TLS12]));
    let mut client = Client::dial(tunnel.address, V5);
    client.send_unless_closed(&Connect::new(V5, "old").encode());
    assert!(matches!(tunnel.end(), End::Failed(_)));
    gateway.wait_for_end("tls_failed", &before);
    assert_eq!(failures(&gateway.metrics(), "wrong_version"), 1.0);
}

#[test]
fn key_updates_without_data_between_are_a_flood() {
    for layer in LAYERS {
        let authority = Authority::new();
        let gateway = by_layer(&authority, layer);
        let mut stream = secure(&gateway, "mqtts", &config(&authority, None), b"");
        enter(&mut stream, "flooder");
        let before = gateway.metrics();
        for _ in 0..40 {
            let update = stream.conn.refresh_traffic_keys();
            update.expect("the handshake is over");
            // It may have closed already.
            let _ = stream.conn.write_tls(&mut stream.sock);
        }
        gateway.wait_for_end("tls_violation", &before);
        assert_eq!(failures(&gateway.metrics(), "flood"), 1.0, "{layer}");
    }
}
