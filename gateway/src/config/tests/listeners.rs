//! Listeners: what each may ask of whoever comes by it, and what is said of every mistake.

use tributary_tls::Layer;
use tributary_transport::proxy::Mode;

use super::*;
use crate::tls::{Certificate, ClientAuth, Tls};

/// What stands in `[listen.x]`, and parts of all that is said of it.
type Mistake = (&'static str, &'static [&'static str]);

const TCP: &str = "address = \"127.0.0.1:1\"\n";

#[test]
fn every_key_of_a_listener_arrives() {
    let settings = good(include_str!("../../../tests/check/every_key.toml"), &[]);
    let [inside, local, mqtt, secure, web] = &settings.listeners[..] else {
        panic!("{:?}", settings.listeners)
    };
    assert_eq!(
        (inside.connections_max, inside.packet_bytes_max),
        (Some(1_000), Some(65_536))
    );
    let unix = Address::Unix {
        path: "/run/tributary/mqtt.sock".into(),
        mode: 0o600,
    };
    assert_eq!((&local.address, local.protocol), (&unix, Protocol::Mqtt));
    let mut plain = Listener::plain("mqtt".into(), "0.0.0.0:1883".parse().unwrap());
    plain.auth.clone_from(&settings.identity.chain);
    assert_eq!(mqtt, &plain);
    assert_eq!(inside.auth, Some(vec![Method::Users, Method::Anonymous]));
    let file = |name: &str| PathBuf::from(format!("tests/check/tls/{name}.pem"));
    let tls = Tls {
        certificates: vec![Certificate {
            chain: file("chain"),
            key: file("key"),
        }],
        tls12: true,
        client_auth: ClientAuth::Optional,
        client_ca: Some(file("ca")),
        client_crl: vec![file("crl")],
        record_layer: Layer::Lean,
        handshake_timeout_secs: 5,
    };
    assert_eq!(secure.tls.as_deref(), Some(&tls));
    assert_eq!(
        (web.protocol, web.path.as_deref()),
        (Protocol::WebSocket, Some("/"))
    );
    assert_eq!(web.proxy.mode, Mode::Required);
    assert!(
        web.proxy
            .trusted
            .contains(Some("10.1.2.3".parse().unwrap()))
    );
    assert!(
        !web.proxy
            .trusted
            .contains(Some("11.1.2.3".parse().unwrap()))
    );
}

#[test]
fn a_listener_that_says_little_takes_the_defaults() {
    let text = "[listen.web]\naddress = \"[::1]:80\"\nprotocol = \"ws\"\n\
                [listen.local]\naddress = \"unix:/run/mqtt\"\nproxy_protocol = \"required\"\n\
                proxy_from = [\"unix\"]\n";
    let settings = good(text, &[]);
    let [local, web] = &settings.listeners[..] else {
        panic!("{:?}", settings.listeners)
    };
    assert_eq!(local.address.to_string(), "unix:/run/mqtt");
    assert!(matches!(local.address, Address::Unix { mode: 0o660, .. }));
    assert!(local.proxy.trusted.contains(None));
    assert_eq!(web.path.as_deref(), Some("/mqtt"));
    assert_eq!((web.proxy.mode, web.connections_max), (Mode::Refused, None));
}

#[test]
fn the_environment_makes_a_listener_too() {
    let env = [
        ("TRIBUTARY_LISTEN__WEB__ADDRESS", "127.0.0.1:80"),
        ("TRIBUTARY_LISTEN__WEB__PROTOCOL", "ws"),
        ("TRIBUTARY_LISTEN__WEB__PROXY_PROTOCOL", "required"),
        ("TRIBUTARY_LISTEN__WEB__PROXY_FROM", "10.0.0.0/8, ::1"),
        ("TRIBUTARY_LISTEN__WEB__MAX_CONNECTIONS", "7"),
    ];
    let settings = good("", &env);
    let web = &settings.listeners[0];
    assert_eq!((&*web.name, web.protocol), ("web", Protocol::WebSocket));
    assert!(web.proxy.trusted.contains(Some("::1".parse().unwrap())));
    assert_eq!(web.connections_max, Some(7));
}

const MISTAKES: &[Mistake] = &[
    (
        "address = \"unix:mqtt\"\n",
        &["2: [listen.x].address: \"mqtt\" is not the full path"],
    ),
    (
        "address = \"unix:/mqtt\"\nprotocol = \"ws\"\n",
        &["2: [listen.x].address: a Unix socket takes MQTT as it is; write protocol = \"mqtt\""],
    ),
    (
        "address = \"unix:/mqtt\"\nmode = \"0999\"\n",
        &["3: [listen.x].mode: \"0999\" is not three octal digits"],
    ),
    (
        "address = \"127.0.0.1:1\"\nmode = \"0600\"\n",
        &["3: [listen.x].mode: only a Unix socket has permissions; leave it out"],
    ),
    (
        "address = \"127.0.0.1:1\"\npath = \"/mqtt\"\n",
        &["3: [listen.x].path: only a WebSocket has a path"],
    ),
    (
        "address = \"127.0.0.1:1\"\nprotocol = \"ws\"\npath = \"mqtt?a\"\n",
        &["4: [listen.x].path: \"mqtt?a\" is not a path"],
    ),
    (
        "address = \"127.0.0.1:1\"\nprotocol = \"wss\"\n",
        &["1: [listen.x].certificates: is missing; write [{ chain = "],
    ),
    (
        "address = \"127.0.0.1:1\"\nproxy_protocol = \"required\"\n",
        &["1: [listen.x].proxy_from: is missing: whoever may send a header may be anybody"],
    ),
    (
        "address = \"127.0.0.1:1\"\nproxy_protocol = \"required\"\nproxy_from = []\n",
        &["4: [listen.x].proxy_from: is empty: nobody could come in"],
    ),
    (
        "address = \"127.0.0.1:1\"\nproxy_from = [\"10.0.0.0/8\"]\n",
        &["3: [listen.x].proxy_from: means nothing where headers are refused"],
    ),
    (
        "address = \"127.0.0.1:1\"\nproxy_protocol = \"required\"\nproxy_from = [\"10.1.0.0/8\"]\n",
        &["4: [listen.x].proxy_from: \"10.1.0.0/8\": "],
    ),
    (
        "address = \"127.0.0.1:1\"\nproxy_protocol = \"optional\"\n",
        &["3: [listen.x].proxy_protocol: \"optional\" is unknown; there is: required, refused"],
    ),
    (
        "address = \"127.0.0.1:1\"\nmax_connections = 0\npacket_bytes_max = 100\n",
        &[
            "3: [listen.x].max_connections: is 0; a number from 1 to",
            "4: [listen.x].packet_bytes_max: is 100; a number from 512 to",
        ],
    ),
];

#[test]
fn every_mistake_of_a_listener_is_said_with_its_line() {
    for (text, expected) in MISTAKES {
        let said = faults(&format!("[listen.x]\n{text}"), &[]);
        assert_eq!(said.len(), expected.len(), "{text}\n{said:?}");
        for (said, part) in said.iter().zip(*expected) {
            assert!(said.starts_with(part) && said.contains("; "), "{said}");
        }
    }
}

#[test]
fn a_listener_is_not_called_as_other_lines_on_stdout_are() {
    for name in ["control", "kafka", "\"two words\""] {
        let said = faults(&format!("[listen.{name}]\n{TCP}"), &[]);
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].contains("a listener cannot be called"), "{said:?}");
    }
}

#[test]
fn two_listeners_do_not_share_a_place() {
    for address in ["127.0.0.1:1", "unix:/mqtt"] {
        let text =
            format!("[listen.a]\naddress = {address:?}\n[listen.b]\naddress = {address:?}\n");
        let said = faults(&text, &[]);
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].contains("is taken by [listen.a]"), "{said:?}");
    }
}

#[test]
fn there_are_no_more_listeners_than_a_socket_can_name() {
    let listener = |number| {
        format!(
            "[listen.l{number:03}]\naddress = \"127.0.0.1:{}\"\n",
            number + 1
        )
    };
    let text: String = (0..257).map(listener).collect();
    let said = faults(&text, &[]);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].contains("one more than the 256 listeners"),
        "{said:?}"
    );
}
