//! Bytes that are no MQTT, or MQTT that is wrong: each ends its own connection by the book, is
//! counted, and disturbs nobody else.

use crate::support::client::Client;
use crate::support::gateway::{Gateway, Launch};
use crate::support::wire::*;

/// One whole packet of every type that a client may send.
fn every_packet(version: u8) -> Vec<(&'static str, Vec<u8>)> {
    let alias: &[u8] = if version == V5 { &[0x23, 0, 1] } else { &[] };
    let publish = |qos| {
        let properties = alias;
        Publish {
            qos,
            properties,
            ..Publish::qos1(5, "half/a/packet", b"payload")
        }
        .encode(version)
    };
    let mut packets = vec![
        ("PUBLISH QoS 0", publish(0)),
        ("PUBLISH QoS 1", publish(1)),
        ("PUBLISH QoS 2", publish(2)),
        ("PUBACK", frame(0x40, &[0, 5])),
        ("PUBREC", frame(0x50, &[0, 5])),
        ("PUBREL", pubrel(5)),
        ("PUBCOMP", frame(0x70, &[0, 5])),
        ("SUBSCRIBE", subscribe(version, 5, &["a/+", "b/#"])),
        ("UNSUBSCRIBE", unsubscribe(version, 5, &["a/+", "b/#"])),
        ("PINGREQ", PINGREQ_BYTES.to_vec()),
    ];
    if version == V5 {
        packets.push(("DISCONNECT", frame(0xE0, &[0x04, 5, 0x11, 0, 0, 0, 0])));
        packets.push(("AUTH", frame(0xF0, &[0x18, 5, 0x15, 0, 2, b'o', b'k'])));
    } else {
        packets.push(("DISCONNECT", frame(0xE0, &[])));
    }
    packets
}

/// A client that goes on with its work while others misbehave.
struct Bystander {
    client: Client,
    published: usize,
}

impl Bystander {
    fn of(gateway: &Gateway) -> Bystander {
        Bystander {
            client: Client::connect(gateway, V5, "bystander"),
            published: 0,
        }
    }

    fn goes_on(&mut self) {
        self.published += 1;
        self.client
            .publish("bystander/says", self.published.to_string().as_bytes());
        self.client.ping();
    }
}

/// The ends of connections that were welcomed or not, by whatever reason.
fn ends(gateway: &Gateway) -> f64 {
    gateway.metrics().sum("tributary_disconnects_total")
}

#[test]
fn every_prefix_of_every_packet_may_be_the_last_thing_a_client_says() {
    let gateway = Gateway::start();
    let mut bystander = Bystander::of(&gateway);
    let before = ends(&gateway);
    let mut ended = 0;
    for version in VERSIONS {
        let connect = Connect::new(version, "cut").encode();
        for cut in 1..connect.len() {
            let mut client = Client::dial(gateway.mqtt(), version);
            client.send(&connect[..cut]);
            client.finish_sending();
            assert_eq!(
                client.packet(),
                None,
                "v{version} CONNECT cut after {cut} gets no answer"
            );
            ended += 1;
        }
        for (name, packet) in every_packet(version) {
            for cut in 1..packet.len() {
                let mut client = Client::connect(&gateway, version, "cut");
                client.send(&packet[..cut]);
                client.finish_sending();
                assert_eq!(
                    client.packet(),
                    None,
                    "v{version} {name} cut after {cut}: no answer"
                );
                ended += 1;
            }
            bystander.goes_on();
        }
    }
    assert!(
        ended > 300,
        "the packets have prefixes, and these are only {ended}"
    );
    let metrics = gateway.wait_until("an end counted for each cut connection", |metrics| {
        metrics.sum("tributary_disconnects_total") == before + f64::from(ended)
    });
    let received = metrics.sum("tributary_publishes_received_total");
    assert_eq!(
        received, bystander.published as f64,
        "no half PUBLISH was taken for a whole one"
    );
    gateway.wait_for_connections(1);
    bystander.goes_on();
}

#[test]
fn a_packet_that_is_wrong_ends_its_connection_with_the_reason_of_the_specification() {
    let gateway = Gateway::start();
    let mut bystander = Bystander::of(&gateway);
    let before = ends(&gateway);
    let mut ended = 0;
    for version in VERSIONS {
        for (why, packet, reasons) in wrong_packets(version) {
            let mut client = Client::connect(&gateway, version, "wrong");
            client.send(&packet);
            client.expect_end(reasons, &format!("v{version} {why}"));
            ended += 1;
            bystander.goes_on();
        }
    }
    gateway.wait_until("an end counted for each wrong packet", |metrics| {
        metrics.sum("tributary_disconnects_total") == before + f64::from(ended)
    });
    let metrics = gateway.wait_for_connections(1);
    let received = metrics.sum("tributary_publishes_received_total");
    assert_eq!(
        received, bystander.published as f64,
        "no wrong PUBLISH was received"
    );
}

const MALFORMED: &[u8] = &[0x81];
const PROTOCOL_ERROR: &[u8] = &[0x82];
const TOPIC_NAME_INVALID: &[u8] = &[0x90];

/// What is wrong in words, the packet, and the reasons the specification leaves to choose from.
type Wrong = (&'static str, Vec<u8>, &'static [u8]);

fn wrong_packets(version: u8) -> Vec<Wrong> {
    let mut wrong = wrong_frames(version);
    wrong.extend(out_of_place(version));
    wrong.extend(wrong_topics(version));
    if version == V5 {
        wrong.extend(wrong_properties());
    } else {
        // AUTH came with version 5.
        wrong.push(("AUTH", frame(0xF0, &[]), MALFORMED));
    }
    wrong
}

fn wrong_frames(version: u8) -> Vec<Wrong> {
    let five_bytes = vec![0x30, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F];
    let beyond = frame(0x30, b"\xFF\xFFa/short/topic");
    let qos_3 = frame(0x36, b"\x00\x01a\x00\x01");
    let id_0 = Publish::qos1(0, "a", b"x").encode(version);
    let nothing = subscribe(version, 1, &[]);
    vec![
        // At most four bytes, so the fifth cannot be [MQTT-1.5.5-1].
        ("remaining length of five bytes", five_bytes, MALFORMED),
        ("string longer than its packet", beyond, MALFORMED),
        ("QoS 3", qos_3, MALFORMED),
        ("flags of PUBREL", frame(0x60, &[0, 1]), MALFORMED),
        ("flags of SUBSCRIBE", frame(0x80, &[0, 1]), MALFORMED),
        ("PINGREQ with a body", frame(0xC0, &[0]), MALFORMED),
        ("packet type 0", frame(0x00, &[]), MALFORMED),
        // [MQTT-2.2.1-3]
        ("packet id 0", id_0, &[0x81, 0x82]),
        ("SUBSCRIBE without a filter", nothing, &[0x81, 0x82]),
    ]
}

fn out_of_place(version: u8) -> Vec<Wrong> {
    let connect = Connect::new(version, "wrong").encode();
    vec![
        ("second CONNECT", connect, PROTOCOL_ERROR),
        ("CONNACK to us", frame(0x20, &[0, 0]), PROTOCOL_ERROR),
        ("SUBACK to us", frame(0x90, &[0, 1, 0]), PROTOCOL_ERROR),
        ("UNSUBACK to us", frame(0xB0, &[0, 1]), PROTOCOL_ERROR),
        ("PINGRESP to us", frame(0xD0, &[]), PROTOCOL_ERROR),
    ]
}

fn wrong_topics(version: u8) -> Vec<Wrong> {
    let with = |topic| {
        let publish = Publish::qos1(1, "", b"x");
        Publish { topic, ..publish }.encode(version)
    };
    vec![
        ("topic with +", with(b"a/+/b"), TOPIC_NAME_INVALID),
        ("topic with #", with(b"a/#"), TOPIC_NAME_INVALID),
        ("topic with NUL", with(b"a/\0/b"), MALFORMED),
        ("stray continuation byte", with(b"a/\x80/b"), MALFORMED),
        ("surrogate", with(b"a/\xED\xA0\x80"), MALFORMED),
        ("overlong slash", with(b"a\xC0\xAFb"), MALFORMED),
        ("empty topic", with(b""), &[0x81, 0x82, 0x90]),
    ]
}

fn wrong_properties() -> Vec<Wrong> {
    let with = |list: &[u8]| {
        let body = [text(b"a"), vec![0, 1], varint(list.len()), list.to_vec()].concat();
        frame(0x32, &body)
    };
    let beyond = frame(0x32, &[text(b"a"), vec![0, 1, 0x7F, 0x01]].concat());
    let endless = frame(
        0x32,
        &[text(b"a"), vec![0, 1, 0xFF, 0xFF, 0xFF, 0xFF, 1]].concat(),
    );
    vec![
        ("property length beyond the packet", beyond, MALFORMED),
        ("property length of five bytes", endless, MALFORMED),
        ("property that does not exist", with(&[0x7E, 0]), MALFORMED),
        (
            "property of another packet",
            with(&[0x27, 0, 0, 0, 9]),
            &[0x81, 0x82],
        ),
        ("property twice", with(&[0x01, 0, 0x01, 0]), PROTOCOL_ERROR),
        ("boolean 2", with(&[0x01, 2]), &[0x81, 0x82]),
        // A client must not send one [MQTT-3.3.4-6].
        (
            "subscription identifier from a client",
            with(&[0x0B, 1]),
            PROTOCOL_ERROR,
        ),
        (
            "response topic with a wildcard",
            with(&[0x08, 0, 1, b'#']),
            &[0x82, 0x90],
        ),
    ]
}

#[test]
fn a_connection_that_does_not_open_with_a_connect_is_closed() {
    let gateway = Gateway::start();
    let mut bystander = Bystander::of(&gateway);
    let before = ends(&gateway);
    let openings: [&[u8]; 6] = [
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        &[0x16, 0x03, 0x01, 0x00, 0x05, 1, 0, 0, 1, 3],
        &PINGREQ_BYTES,
        &[0x30, 0x03, 0, 1, b'a'],
        &[0x10, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F],
        &[0x10, 0x08, 0xFF, 0xFF, b'M', b'Q', b'T', b'T', 4, 2],
    ];
    for opening in openings {
        let mut client = Client::dial(gateway.mqtt(), V311);
        client.send_unless_closed(opening);
        assert_eq!(client.packet(), None, "{opening:x?} is no CONNECT");
        bystander.goes_on();
    }
    gateway.wait_until("an end counted for each", |metrics| {
        metrics.sum("tributary_disconnects_total") == before + openings.len() as f64
    });
}

#[test]
fn a_protocol_level_from_the_future_is_refused_in_words_the_client_understands() {
    let gateway = Gateway::start();
    let mut client = Client::dial(gateway.mqtt(), V311);
    client.send(&frame(
        0x10,
        &[text(b"MQTT"), vec![9, 2, 0, 0], text(b"future")].concat(),
    ));
    // Version 3 names it 1; version 5 would be 0x84 [MQTT-3.1.2-2].
    let connack = client.expect(CONNACK);
    assert!([1, 0x84].contains(&connack.reason()), "{connack:?}");
    assert_eq!(client.packet(), None);
}

#[test]
fn a_connect_of_256_kilobytes_is_answered_or_refused_and_hurts_nobody() {
    let gateway = Gateway::start();
    let mut bystander = Bystander::of(&gateway);
    for version in [V311, V5] {
        let name: &[u8] = b"MQTT";
        let long = text(&[b'x'; 65_535]);
        // Clean session, will, user name and password: four strings of 65,535 bytes.
        let mut body = [text(name), vec![version, 0xC6], vec![0, 0]].concat();
        body.extend(properties(version, &[]));
        body.extend(&long);
        body.extend(properties(version, &[]));
        body.extend([text(b"will"), long.clone(), long.clone(), long.clone()].concat());
        assert!(body.len() > 256 << 10);
        let mut client = Client::dial(gateway.mqtt(), version);
        client.send_unless_closed(&frame(0x10, &body));
        if let Some(answer) = client.packet() {
            assert_eq!(answer.kind(), CONNACK, "v{version}: {answer:?}");
        }
        bystander.goes_on();
    }
}

#[test]
fn a_packet_over_the_limit_is_refused_before_its_body_has_come() {
    let gateway = Launch::default()
        .config("[mqtt]\npacket_bytes_max = 65536\n")
        .start();
    let mut bystander = Bystander::of(&gateway);
    for version in VERSIONS {
        let (mut client, connack) =
            Client::connect_to(gateway.mqtt(), Connect::new(version, "large"));
        if version == V5 {
            let maximum = connack.connack_properties().remove(&0x27);
            assert_eq!(
                maximum,
                Some(65_536_u32.to_be_bytes().to_vec()),
                "the CONNACK says so"
            );
        }
        client.publish("fits", &[7; 60_000]);
        bystander.goes_on();
        // Only the front of it is sent: a gateway that waited for the rest would wait for ever.
        let packet = Publish::qos1(9, "too/large", &[7; 70_000]).encode(version);
        client.send(&packet[..100]);
        client.expect_end(&[0x95], "packet too large [MQTT-3.2.2-15]");
    }
    let received = gateway.metrics().sum("tributary_publishes_received_total");
    assert_eq!(received, (bystander.published + VERSIONS.len()) as f64);
    bystander.goes_on();
}
