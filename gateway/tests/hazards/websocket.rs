//! Clients that speak MQTT through a WebSocket: whole sessions however they are cut, beside plain
//! clients, and every way to be wrong.

use crate::support::client::Client;
use crate::support::gateway::{Gateway, Launch};
use crate::support::kafka::read_topic;
use crate::support::websocket::*;
use crate::support::wire::{text as text_of, *};

const PROTOCOL: &str = "Sec-WebSocket-Protocol: mqtt\r\n";

fn gateway() -> Gateway {
    Launch::default().listeners(LISTENERS).shards(2).start()
}

#[test]
fn what_is_acknowledged_through_a_websocket_is_in_kafka() {
    let text = LISTENERS.replace("topic = \"\"", "topic = \"mqtt\"");
    let gateway = Launch::default().listeners(&text).shards(2).start();
    for version in VERSIONS {
        for number in 0..4 {
            let client_id = format!("web-{version}-{number}");
            let mut client = WebSocket::connect(&gateway, version, &client_id);
            client.publish(version, "web/says", client_id.as_bytes());
            client.send(&disconnect(version, 0, &[]));
            client.expect_close(1000, "it has said DISCONNECT");
        }
    }
    let records = read_topic(gateway.kafka(), "mqtt");
    assert_eq!(records.len(), VERSIONS.len() * 4);
    gateway.wait_for_connections(0);
}

/// All that a client says in a session, from the first byte of its request on.
fn session(client_id: &str) -> Vec<u8> {
    let mqtt = [
        Connect::new(V311, client_id).encode(),
        Publish::qos1(9, "cut/anywhere", &[0xC5; 200]).encode(V311),
    ]
    .concat();
    // CONNECT and PUBLISH in one message of three fragments, whose cuts are not the packets'.
    let mut bytes = good_request();
    for (first_byte, piece) in [(BINARY, &mqtt[..5]), (CONTINUATION, &mqtt[5..40])] {
        let mut frame = client_frame(first_byte, piece);
        frame[0] &= 0x7F;
        bytes.extend(frame);
    }
    bytes.extend(client_frame(PING, b"within a message"));
    bytes.extend(client_frame(CONTINUATION, &mqtt[40..]));
    bytes.extend(client_frame(BINARY, &PINGREQ_BYTES));
    bytes.extend(client_frame(BINARY, &disconnect(V311, 0, &[])));
    bytes.extend(client_frame(CLOSE, &1000_u16.to_be_bytes()));
    bytes
}

/// What it is told: MQTT, and the close frame behind it.
fn expect_whole_answer(mut socket: WebSocket, what: &str) {
    socket.expect_grant();
    let (mqtt, controls) = socket.read_to_end();
    let expected = [&[0x20, 2, 0, 0][..], &[0x40, 2, 0, 9], &[0xD0, 0]].concat();
    assert_eq!(mqtt, expected, "{what}");
    let close = (CLOSE, 1000_u16.to_be_bytes().to_vec());
    let pong = (PONG, b"within a message".to_vec());
    assert_eq!(controls, [pong, close], "{what}");
}

#[test]
fn a_session_comes_through_wherever_it_is_cut() {
    let gateway = gateway();
    let bytes = session("client-0000");
    for cut in 1..bytes.len() {
        let bytes = session(&format!("client-{cut:04}"));
        let before = gateway.metrics().sum("tributary_bytes_in_total");
        let mut socket = WebSocket::dial(gateway.listener("web"));
        socket.send_raw(&bytes[..cut]);
        gateway.wait_until("the first part being read", |metrics| {
            metrics.sum("tributary_bytes_in_total") >= before + cut as f64
        });
        socket.send_unless_closed(&bytes[cut..]);
        expect_whole_answer(socket, &format!("cut at {cut}"));
    }
    let metrics = gateway.wait_for_connections(0);
    assert_eq!(metrics.sum("tributary_transport_faults_total"), 0.0);
    assert_eq!(metrics.imbalance(), 0.0, "{}", metrics.text);
}

#[test]
fn a_session_comes_through_a_byte_at_a_time() {
    let gateway = gateway();
    for number in 0..4 {
        let bytes = session(&format!("client-{number:04}"));
        let mut socket = WebSocket::dial(gateway.listener("web"));
        for byte in &bytes {
            socket.send_unless_closed(std::slice::from_ref(byte));
        }
        expect_whole_answer(socket, "a byte at a time");
    }
}

#[test]
fn a_client_id_is_taken_over_between_websocket_and_tcp() {
    let gateway = gateway();
    for number in 0..4 {
        let client_id = format!("twin-{number}");
        let mut web = WebSocket::connect(&gateway, V5, &client_id);
        let mut plain = Client::connect(&gateway, V5, &client_id);
        // Session taken over [MQTT-3.1.4-3].
        assert_eq!(web.expect(DISCONNECT).reason(), 0x8E);
        web.expect_close(1008, "its client id came again");
        plain.publish("twin/says", b"by tcp");
        let mut web = WebSocket::connect(&gateway, V5, &client_id);
        plain.expect_end(&[0x8E], "its client id came again");
        web.publish(V5, "twin/says", b"by websocket");
    }
}

#[test]
fn large_packets_pass_both_ways_between_websocket_and_tcp() {
    let gateway = gateway();
    let is_by_web = |packet: &Packet| packet.body.starts_with(b"\0\x0Clarge/by-web");
    let mut web = WebSocket::connect(&gateway, V311, "reader");
    web.send(&subscribe(V311, 1, &["large/#"]));
    web.expect(SUBACK);
    let mut plain = Client::connect(&gateway, V311, "writer").subscribed("large/#", 0);
    for bytes in [1, 125, 126, 65_000, 70_000, 400_000] {
        let payload = vec![0xA7; bytes];
        plain.send(&Publish::qos1(1, "large/by-tcp", &payload).encode(V311));
        let publish = web.expect(PUBLISH);
        assert!(publish.body.ends_with(&payload), "{bytes} bytes by TCP");
        let by_web = Publish {
            topic: b"large/by-web",
            payload: &payload,
            ..Publish::default()
        };
        web.send(&by_web.encode(V311));
        while !is_by_web(&plain.packet().expect("it stays open")) {}
        while !is_by_web(&web.expect(PUBLISH)) {}
    }
}

#[test]
fn a_request_that_is_wrong_is_answered_with_its_status_and_nobody_else_notices() {
    let gateway = gateway();
    let mut bystander = WebSocket::connect(&gateway, V5, "bystander");
    let upgrade = String::from_utf8(good_request()).expect("HTTP is text");
    let endless = format!("GET /mqtt HTTP/1.1\r\nX: {}", "x".repeat(9_000));
    let many = format!("GET /mqtt HTTP/1.1\r\n{}\r\n", "X: 1\r\n".repeat(100));
    let wrong: [(&str, &str, String); 8] = [
        (
            "no sub-protocol",
            "400",
            String::from_utf8(request("/mqtt", "")).expect("text"),
        ),
        (
            "another sub-protocol",
            "400",
            upgrade.replace("mqtt\r\n\r\n", "soap\r\n\r\n"),
        ),
        (
            "another path",
            "404",
            String::from_utf8(request("/", PROTOCOL)).expect("text"),
        ),
        (
            "no upgrade",
            "426",
            upgrade.replace("Upgrade: websocket", "Upgrade: h2c"),
        ),
        ("another method", "405", upgrade.replace("GET", "POST")),
        ("an endless head", "431", endless),
        ("too many fields", "431", many),
        (
            "MQTT as it is",
            "400",
            "\u{10}\u{c}\0\u{4}MQTT\u{4}\u{2}\0\0\0\0".into(),
        ),
    ];
    for (what, status, bytes) in wrong {
        let before = gateway.metrics();
        let mut socket = WebSocket::dial(gateway.listener("web"));
        socket.send_unless_closed(bytes.as_bytes());
        let head = socket.http_head();
        assert!(
            head.starts_with(&format!("HTTP/1.1 {status} ")),
            "{what}: {head}"
        );
        socket.expect_silent_end(what);
        gateway.wait_for_end("upgrade_refused", &before);
    }
    bystander.ping();
    bystander.publish(V5, "bystander/says", b"undisturbed");
}

/// Frames that are wrong, and the code that the close frame says [RFC 6455 7.4.1].
fn wrong_frames() -> Vec<(&'static str, u16, Vec<u8>)> {
    let mut reserved = client_frame(BINARY, &PINGREQ_BYTES);
    reserved[0] |= 0x40;
    let mut cut_ping = client_frame(PING, b"");
    cut_ping[0] &= 0x7F;
    let unmasked = [&header(0x80 | BINARY, 0, 2)[..], &PINGREQ_BYTES].concat();
    vec![
        ("text", 1003, client_frame(TEXT, b"mqtt")),
        ("unmasked", 1002, unmasked),
        (
            "a frame of 4 GiB",
            1009,
            header(0x80 | BINARY, 0x80, 1 << 32),
        ),
        (
            "a frame of 2^63 bytes",
            1002,
            header(0x80 | BINARY, 0x80, 1 << 63),
        ),
        ("a reserved bit", 1002, reserved),
        ("an unknown opcode", 1002, client_frame(3, b"")),
        ("a fragmented ping", 1002, cut_ping),
        ("a long ping", 1002, header(0x80 | PING, 0x80, 126)),
        (
            "nothing to continue",
            1002,
            client_frame(CONTINUATION, b"x"),
        ),
        ("a close of one byte", 1002, client_frame(CLOSE, b"x")),
        (
            "a flood of pings",
            1008,
            client_frame(PING, b"flood").repeat(2_000),
        ),
        (
            "a flood of nothing",
            1008,
            client_frame(BINARY, b"").repeat(2_000),
        ),
    ]
}

#[test]
fn a_frame_that_is_wrong_ends_the_connection_before_and_after_its_connect() {
    let gateway = gateway();
    let mut bystander = Client::connect(&gateway, V5, "bystander");
    for (what, code, bytes) in wrong_frames() {
        for is_client in [false, true] {
            let before = gateway.metrics();
            let mut socket = match is_client {
                false => WebSocket::open(gateway.listener("web")),
                true => WebSocket::connect(&gateway, V5, "wrong"),
            };
            socket.send_unless_closed(&bytes);
            expect_violation(&mut socket, code, what);
            gateway.wait_for_end("websocket_violation", &before);
        }
    }
    gateway.wait_for_connections(1);
    bystander.publish("bystander/says", b"undisturbed");
}

/// The close frame, perhaps behind answers to pings that were still right.
fn expect_violation(socket: &mut WebSocket, code: u16, what: &str) {
    loop {
        match socket.control() {
            Some((PONG, _)) => {}
            Some((CLOSE, said)) => return assert_eq!(said, code.to_be_bytes(), "{what}"),
            other => panic!("{what}: {other:?}"),
        }
    }
}

#[test]
fn pings_are_answered_with_what_they_held() {
    let gateway = gateway();
    for is_client in [false, true] {
        let mut socket = match is_client {
            false => WebSocket::open(gateway.listener("web")),
            true => WebSocket::connect(&gateway, V311, "pinging"),
        };
        for payload in [&b""[..], b"once", &[0x80; 125]] {
            socket.send_raw(&client_frame(PING, payload));
            assert_eq!(socket.control(), Some((PONG, payload.to_vec())));
        }
        if is_client {
            socket.ping();
        }
    }
}

#[test]
fn a_close_frame_is_answered_with_its_code_and_publishes_the_will() {
    let gateway = gateway();
    let mut heir = Client::connect(&gateway, V311, "heir").subscribed("will/#", 0);
    for code in [1000_u16, 1001, 4001] {
        let mut socket = WebSocket::open(gateway.listener("web"));
        let mut connect = Connect::new(V311, "mortal");
        connect.will = Some(Will {
            topic: "will/of",
            payload: b"gone",
            qos: 0,
            retain: false,
            properties: &[],
        });
        socket.send(&connect.encode());
        socket.expect(CONNACK);
        socket.send_raw(&client_frame(CLOSE, &code.to_be_bytes()));
        socket.expect_close(code, "its own code comes back");
        // It has said no DISCONNECT [MQTT-3.1.2-8].
        assert!(heir.expect(PUBLISH).body.ends_with(b"gone"));
    }
}

#[test]
fn a_refusal_of_mqtt_comes_in_a_frame_and_a_close_frame_behind_it() {
    let gateway = gateway();
    let mut socket = WebSocket::open(gateway.listener("web"));
    socket.send(&frame(
        0x10,
        &[0, 4, b'M', b'Q', b'T', b'T', 9, 2, 0, 0, 0, 0],
    ));
    // Unsupported protocol version [MQTT-3.1.2-2].
    assert_eq!(socket.expect(CONNACK).reason(), 0x84);
    socket.expect_close(1008, "a version that nobody knows");
    let mut socket = WebSocket::connect(&gateway, V5, "out-of-turn");
    socket.send(&Connect::new(V5, "out-of-turn").encode());
    assert_eq!(socket.expect(DISCONNECT).reason(), 0x82);
    socket.expect_close(1008, "a second CONNECT [MQTT-3.1.0-2]");
}

#[test]
fn an_exchange_of_authentication_goes_through_frames() {
    const AUTH: u8 = 15;
    let text = format!("{LISTENERS}[auth]\nscram_users = {{ user = \"pencil\" }}\n");
    let gateway = Launch::default().listeners(&text).shards(2).start();
    let auth = |data: &[u8]| {
        let method = [&[0x15][..], &text_of(b"SCRAM-SHA-256")].concat();
        [method, [&[0x16][..], &text_of(data)].concat()].concat()
    };
    for number in 0..4 {
        let client_id = format!("proving-{number}");
        let begins = auth(b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let mut connect = Connect::new(V5, &client_id);
        connect.properties = &begins;
        let mut socket = WebSocket::open(gateway.listener("web"));
        // A ping in the same breath: neither answer may be lost.
        let bytes = [
            client_frame(PING, b"?"),
            client_frame(BINARY, &connect.encode()),
        ];
        socket.send_raw(&bytes.concat());
        assert_eq!(socket.control(), Some((PONG, b"?".to_vec())));
        assert_eq!(socket.expect(AUTH).body[0], 0x18, "continue");
        let wrong = auth(b"c=biws,r=wrong,p=d3Jvbmc=");
        let body = [vec![0x18], properties(V5, &wrong)].concat();
        socket.send(&frame(0xF0, &body));
        assert_eq!(socket.expect(CONNACK).reason(), 0x87, "not authorized");
        socket.expect_close(1008, "it has not proven who it is");
    }
}

#[test]
fn the_whole_approach_has_the_time_of_a_connect_and_no_more() {
    let text = format!("{LISTENERS}[mqtt]\nconnect_timeout_secs = 4\n");
    let gateway = Launch::default().listeners(&text).shards(2).start();
    let mut bystander = WebSocket::connect(&gateway, V5, "bystander");
    let request = good_request();
    let connect = client_frame(BINARY, &Connect::new(V5, "slow").encode());
    let granted = [&request[..], &connect[..connect.len() - 1]].concat();
    let before = gateway.metrics();
    let said = [
        &b""[..],
        &request[..1],
        &request[..request.len() - 1],
        &request,
        &granted,
    ];
    let sockets = said.map(|said| {
        let mut socket = WebSocket::dial(gateway.listener("web"));
        socket.send_raw(said);
        socket
    });
    for (socket, said) in sockets.into_iter().zip(said) {
        let mut socket = socket;
        if said.len() >= request.len() {
            socket.expect_grant();
        }
        socket.expect_silent_end("its time is over");
    }
    gateway.wait_until("five ends counted", |metrics| {
        let name = "tributary_disconnects_total";
        let count = |metrics: &crate::support::metrics::Metrics| {
            metrics.labelled(name, "reason", "connect_deadline")
        };
        count(metrics) == count(&before) + 5.0
    });
    bystander.ping();
}

#[test]
fn a_drain_says_so_in_frames() {
    let mut gateway = gateway();
    let mut client = WebSocket::connect(&gateway, V5, "drained");
    gateway.terminate();
    assert_eq!(client.expect(DISCONNECT).reason(), 0x8B);
    client.expect_close(1001, "the gateway goes away");
    drop(client);
    assert_eq!(gateway.exit_status().code(), Some(0));
}
