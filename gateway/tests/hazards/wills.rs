//! A will goes out on every end that the specification names, and on no other.

use crate::support::client::Client;
use crate::support::gateway::{Gateway, Launch};
use crate::support::property::*;
use crate::support::subscriber::{LASTING_SECS, LOCAL_ONLY};
use crate::support::wire::*;

/// Clients that speak for the witness's quiet: enough to have their homes on all shards.
const SPEAKERS: usize = 16;

/// A way to end a connection: its name, the versions that know it, whether the will goes out.
type End = (&'static str, &'static [u8], bool, fn(Client));

const ANY: &[u8] = &VERSIONS;
const ONLY_5: &[u8] = &[V5];

const ENDS: &[End] = &[
    ("a FIN", ANY, true, |client| drop(client)),
    ("a reset", ANY, true, Client::reset),
    ("DISCONNECT", ANY, false, |client| client.leave(0, &[])),
    ("DISCONNECT 0x04", ONLY_5, true, |client| {
        client.leave(0x04, &[])
    }),
    // [MQTT-3.1.2-8] names these beside a failing network.
    ("a keep-alive that was missed", ANY, true, wait_for_end),
    ("a packet of no type", ANY, true, |client| {
        send_wrong(client, &[0, 0])
    }),
    ("a second CONNECT", ANY, true, |client| {
        let connect = Connect::new(client.version(), "again").encode();
        send_wrong(client, &connect);
    }),
    ("a QoS of 3", ANY, true, |client| {
        send_wrong(client, &[0x36, 0])
    }),
    ("half a packet and a FIN", ANY, true, |mut client| {
        client.send(&[0x30, 100, 0, 1]);
    }),
    (
        "a DISCONNECT that lengthens no session",
        ONLY_5,
        true,
        |client| {
            let wrong = disconnect(V5, 0, &four(SESSION_EXPIRY, 60));
            send_wrong(client, &wrong);
        },
    ),
    ("more than its receive maximum", ONLY_5, true, |client| {
        let publish = |id| Publish::qos2(id, "elsewhere", b"x").encode(V5);
        send_wrong(client, &(1..=5).flat_map(publish).collect::<Vec<_>>());
    }),
    (
        "a topic alias that was not allowed",
        ONLY_5,
        true,
        |client| {
            let alias = two(0x23, 5);
            let publish = Publish {
                topic: b"elsewhere",
                properties: &alias,
                ..Publish::default()
            };
            send_wrong(client, &publish.encode(V5));
        },
    ),
];

fn send_wrong(mut client: Client, bytes: &[u8]) {
    client.send(bytes);
    wait_for_end(client);
}

fn wait_for_end(mut client: Client) {
    while client.packet().is_some() {}
}

fn start() -> Gateway {
    let limits = "[mqtt]\nreceive_max = 4\ntopic_alias_max = 4\n";
    let config = format!("{LOCAL_ONLY}{limits}");
    Launch::default().config(&config).start()
}

fn witness(gateway: &Gateway) -> Client {
    Client::connect(gateway, V5, "witness").subscribed("will/#", 2)
}

fn will<'a>(payload: &'a [u8], properties: &'a [u8]) -> Will<'a> {
    Will {
        topic: "will/of",
        payload,
        qos: 1,
        retain: false,
        properties,
    }
}

/// A client with a will that waits so long, and a session that lasts so long.
fn mortal(
    gateway: &Gateway,
    payload: &[u8],
    delay_secs: u32,
    expiry_secs: u32,
    clean: bool,
) -> Client {
    let delay = four(WILL_DELAY, delay_secs);
    let expiry = four(SESSION_EXPIRY, expiry_secs);
    let connect = Connect {
        clean,
        properties: &expiry,
        will: Some(will(payload, &delay)),
        ..Connect::new(V5, "mortal")
    };
    Client::connect_to(gateway.mqtt(), connect).0
}

/// What the witness has heard when clients of all shards have spoken after everything else.
fn heard(gateway: &Gateway, witness: &mut Client) -> Vec<String> {
    for number in 0..SPEAKERS {
        let mut speaker = Client::connect(gateway, V311, &format!("speaker{number}"));
        speaker.announce(Publish::qos1(0, "will/none", b"speaker"));
    }
    let mut speakers = 0;
    let mut heard = Vec::new();
    while speakers < SPEAKERS {
        let payload = String::from_utf8(witness.receive().payload).expect("text was sent");
        match payload.as_str() {
            "speaker" => speakers += 1,
            _ => heard.push(payload),
        }
    }
    heard
}

#[test]
fn each_end_publishes_the_will_or_does_not_as_the_specification_says() {
    let gateway = start();
    let mut witness = witness(&gateway);
    let mut wanted = 0;
    for (end, versions, goes_out, act) in ENDS {
        for version in *versions {
            let name = format!("{end}, version {version}");
            println!("{name}");
            let connect = Connect {
                // Nothing else waits for it.
                keep_alive_secs: if end.contains("keep-alive") { 1 } else { 0 },
                will: Some(will(name.as_bytes(), &[])),
                ..Connect::new(*version, "mortal")
            };
            act(Client::connect_to(gateway.mqtt(), connect).0);
            if *goes_out {
                wanted += 1;
                assert_eq!(String::from_utf8_lossy(&witness.receive().payload), name);
            }
            gateway.wait_for_connections(1);
        }
    }
    // No second one of any, and none of those that must not be.
    assert_eq!(heard(&gateway, &mut witness), [""; 0]);
    let metrics = gateway.metrics();
    assert_eq!(
        metrics.sum("tributary_wills_published_total"),
        f64::from(wanted)
    );
}

#[test]
fn a_will_that_was_taken_back_by_disconnect_does_not_come_with_a_later_end() {
    let gateway = start();
    let mut witness = witness(&gateway);
    mortal(&gateway, b"of the first", 0, LASTING_SECS, true).leave(0, &[]);
    let (second, present) = Client::resume(&gateway, V5, "mortal");
    assert!(present);
    second.reset();
    gateway.wait_for_connections(1);
    assert_eq!(heard(&gateway, &mut witness), [""; 0], "[MQTT-3.14.4-3]");
}

#[test]
fn a_will_carries_its_payload_qos_and_properties() {
    let gateway = start();
    let mut witness = witness(&gateway);
    let pair = |name: &str, value: &str| {
        [
            &[USER_PROPERTY][..],
            &text(name.as_bytes()),
            &text(value.as_bytes()),
        ]
        .concat()
    };
    let list = [
        four(MESSAGE_EXPIRY, LASTING_SECS),
        [&[CONTENT_TYPE][..], &text(b"text/plain")].concat(),
        pair("b", "1"),
        pair("a", "2"),
        pair("b", "3"),
    ]
    .concat();
    let connect = Connect {
        will: Some(Will {
            qos: 2,
            ..will(b"last words", &list)
        }),
        ..Connect::new(V5, "mortal")
    };
    Client::connect_to(gateway.mqtt(), connect).0.reset();
    let delivery = witness.receive();
    assert_eq!(
        (delivery.topic.as_str(), &delivery.payload[..]),
        ("will/of", &b"last words"[..])
    );
    assert_eq!(
        (delivery.qos, delivery.retain, delivery.dup),
        (2, false, false)
    );
    assert_eq!(
        delivery.property(CONTENT_TYPE),
        Some(&text(b"text/plain")[..])
    );
    let pairs: Vec<_> = delivery
        .properties
        .iter()
        .filter(|(id, _)| *id == USER_PROPERTY)
        .collect();
    let wanted = [pair("b", "1"), pair("a", "2"), pair("b", "3")];
    // In their order [MQTT-3.3.2-18].
    assert!(
        pairs
            .iter()
            .map(|(_, value)| &value[..])
            .eq(wanted.iter().map(|pair| &pair[1..]))
    );
    assert!(
        delivery
            .expiry_secs()
            .is_some_and(|secs| secs <= LASTING_SECS + 1)
    );
}

#[test]
fn a_will_with_retain_is_there_for_who_comes_later() {
    let gateway = start();
    let mut first = witness(&gateway);
    for retain in [false, true] {
        let connect = Connect {
            will: Some(Will {
                retain,
                ..will(b"gone", &[])
            }),
            ..Connect::new(V311, "mortal")
        };
        Client::connect_to(gateway.mqtt(), connect).0.reset();
        // A subscription that was there gets it as new [MQTT-3.3.1-12].
        assert!(!first.receive().retain);
    }
    let mut later = Client::connect(&gateway, V5, "later").subscribed("will/#", 2);
    let delivery = later.receive();
    assert!(delivery.retain, "[MQTT-3.1.2-15]");
    assert_eq!(delivery.payload, b"gone");
    assert_eq!(
        heard(&gateway, &mut later),
        [""; 0],
        "once, since [MQTT-3.1.2-14]"
    );
}

#[test]
fn a_will_waits_for_its_delay_or_the_end_of_its_session_whichever_is_first() {
    let gateway = start();
    let mut witness = witness(&gateway);
    mortal(&gateway, b"delay", 1, LASTING_SECS, true).reset();
    assert_eq!(witness.receive().payload, b"delay");
    mortal(&gateway, b"expiry", LASTING_SECS, 1, true).reset();
    assert_eq!(witness.receive().payload, b"expiry");
    mortal(&gateway, b"no session", LASTING_SECS, 0, true).reset();
    assert_eq!(witness.receive().payload, b"no session");
}

#[test]
fn a_client_that_comes_back_within_the_delay_takes_its_will_back() {
    let gateway = start();
    let mut witness = witness(&gateway);
    for _ in 0..3 {
        mortal(&gateway, b"too early", 5, LASTING_SECS, false).reset();
    }
    let mut back = mortal(&gateway, b"the last", LASTING_SECS, LASTING_SECS, false);
    // The wills of a clock that began later have gone out: theirs would have as well.
    let delay = four(WILL_DELAY, 5);
    let expiry = four(SESSION_EXPIRY, LASTING_SECS);
    let clock = Connect {
        properties: &expiry,
        will: Some(will(b"clock", &delay)),
        ..Connect::new(V5, "clock")
    };
    Client::connect_to(gateway.mqtt(), clock).0.reset();
    assert_eq!(witness.receive().payload, b"clock", "[MQTT-3.1.3-9]");
    assert_eq!(heard(&gateway, &mut witness), [""; 0]);
    back.ping();
}

#[test]
fn a_clean_start_ends_the_session_and_so_the_will_goes_out_before_its_delay() {
    let gateway = start();
    let mut witness = witness(&gateway);
    mortal(
        &gateway,
        b"of the old session",
        LASTING_SECS,
        LASTING_SECS,
        true,
    )
    .reset();
    gateway.wait_for_connections(1);
    let _clean = Client::connect(&gateway, V5, "mortal");
    // Section 3.1.2.5: the session ends.
    assert_eq!(witness.receive().payload, b"of the old session");
}

#[test]
fn a_takeover_is_an_end_and_the_session_decides_whether_the_will_waits() {
    let gateway = start();
    let mut witness = witness(&gateway);
    // Section 3.1.4: no delay, a clean start or no session: it goes out. Else it is taken back.
    let cases = [
        (0, LASTING_SECS, false, true),
        (LASTING_SECS, LASTING_SECS, true, true),
        (LASTING_SECS, 0, false, true),
        (LASTING_SECS, LASTING_SECS, false, false),
    ];
    for (delay_secs, expiry_secs, clean, goes_out) in cases {
        let name = format!("delay {delay_secs}, expiry {expiry_secs}, clean {clean}");
        println!("{name}");
        let mut old = mortal(&gateway, name.as_bytes(), delay_secs, expiry_secs, true);
        let newcomer = Connect {
            clean,
            ..Connect::new(V5, "mortal")
        };
        let (newcomer, _) = Client::connect_to(gateway.mqtt(), newcomer);
        while old.packet().is_some() {}
        let wanted = Vec::from_iter(goes_out.then_some(name));
        if goes_out {
            assert_eq!(witness.receive().payload, wanted[0].as_bytes());
        }
        assert_eq!(
            heard(&gateway, &mut witness),
            [""; 0],
            "{wanted:?} and no more"
        );
        newcomer.leave(0, &[]);
    }
}
