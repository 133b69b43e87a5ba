//! Peers that mean harm, or another protocol.

use std::sync::Arc;

use rustls::CipherSuite;
use rustls::version::TLS12;
use tributary_tls::{Fault, Handshake, Layer, Verdict, limits};

use crate::support::NOW_SECS;
use crate::support::client::{Client, Wishes, config, pump};
use crate::support::forger::Forger;
use crate::support::random::Random;
use crate::support::server::{Server, Site, build};

const LAYERS: [Layer; 2] = [Layer::Lean, Layer::Rustls];

fn first(site: &Site, bytes: &[u8]) -> (Server, Vec<u8>) {
    let mut server = Server::new(&site.settings(Layer::Lean));
    server.on_read(bytes);
    let out = std::mem::take(&mut server.out);
    (server, out)
}

fn plain_alert(description: u8) -> Vec<u8> {
    vec![21, 3, 3, 0, 2, 2, description]
}

#[test]
fn other_protocols_are_told_at_their_first_byte() {
    let site = Site::new();
    let mqtt_connect = [0x10, 0x10, 0, 4, b'M', b'Q', b'T', b'T', 5];
    for bytes in [
        &b"GET / HTTP/1.1\r\n"[..],
        b"PROXY TCP4",
        b"SSH-2.0",
        &mqtt_connect,
        &[0x80],
    ] {
        let (server, out) = first(&site, bytes);
        assert_eq!(server.fault, Some(Fault::NotTls), "{bytes:?}");
        assert_eq!(out, plain_alert(10));
    }
}

#[test]
fn a_record_over_the_limit_is_refused_before_it_has_come() {
    let site = Site::new();
    let over = (limits::BODY_BYTES_MAX as u16 + 1).to_be_bytes();
    let (server, out) = first(&site, &[22, 3, 1, over[0], over[1]]);
    assert_eq!(
        (server.fault, out),
        (Some(Fault::RecordOverflow), plain_alert(22))
    );
}

#[test]
fn records_that_are_no_client_hello_are_refused() {
    let site = Site::new();
    let records: [&[u8]; 6] = [
        &[23, 3, 3, 0, 3, 1, 2, 3],
        &[20, 3, 3, 0, 1, 1],
        &[21, 3, 3, 0, 2, 2, 40],
        &[22, 3, 3, 0, 0],
        &[22, 3, 3, 0, 4, 20, 0, 0, 0],
        &[22, 3, 3, 0, 6, 1, 0, 0, 2, 3, 3],
    ];
    for record in records {
        let (server, _) = first(&site, record);
        assert!(server.fault.is_some(), "{record:?}");
        assert!(server.secured.is_none());
    }
}

#[test]
fn random_bytes_never_get_through_and_nothing_panics() {
    let site = Site::new();
    let settings = site.settings(Layer::Lean);
    for seed in 0..2000 {
        let mut random = Random::new(seed);
        let mut server = Server::new(&settings);
        for _ in 0..4 {
            let length = random.below(300);
            let mut record = vec![20 + random.below(4) as u8, 3, random.below(4) as u8];
            record.extend_from_slice(&(length as u16).to_be_bytes());
            record.extend(random.bytes(length));
            server.on_read(&record);
        }
        assert!(server.secured.is_none(), "seed {seed}");
    }
}

#[test]
fn a_garbled_hello_is_refused_and_nothing_panics() {
    let site = Site::new();
    let settings = site.settings(Layer::Lean);
    let hello = Client::new(&Arc::new(config(&site, &Wishes::default()))).take_out();
    for seed in 0..2000 {
        let mut random = Random::new(seed);
        let mut garbled = hello.clone();
        for _ in 0..1 + random.below(3) {
            // Behind the length of the record, so that something reads it.
            let at = 5 + random.below(garbled.len() - 5);
            garbled[at] = random.below(256) as u8;
        }
        let mut server = Server::new(&settings);
        server.on_read(&garbled);
        assert!(server.secured.is_none(), "seed {seed}: without a Finished");
    }
}

#[test]
fn a_client_that_only_opens_holds_little_and_ten_thousand_of_them_nothing_more() {
    let site = Site::new();
    let settings = site.settings(Layer::Lean);
    let hello = Client::new(&Arc::new(config(&site, &Wishes::default()))).take_out();
    let mut open: Vec<Handshake> = Vec::new();
    for _ in 0..10_000 {
        let mut handshake = Handshake::new(settings.clone());
        let taken = handshake.on_bytes(&hello[..hello.len() - 1], NOW_SECS, &mut Vec::new());
        assert!(matches!(taken.verdict, Verdict::NeedMore));
        open.push(handshake);
    }
    let mut out = Vec::new();
    for handshake in &mut open[..10] {
        let taken = handshake.on_bytes(&hello[hello.len() - 1..], NOW_SECS, &mut out);
        assert!(
            matches!(taken.verdict, Verdict::NeedMore),
            "the server's flight is out"
        );
    }
    assert!(!out.is_empty());
}

#[test]
fn a_finished_that_does_not_verify_gets_nobody_in() {
    let site = Site::new();
    for layer in LAYERS {
        let mut server = Server::new(&site.settings(layer));
        let suite = CipherSuite::TLS13_AES_128_GCM_SHA256;
        let (_, mut flight) = Forger::before_finished(&site, suite, &mut server);
        *flight.last_mut().expect("there is a flight") ^= 1;
        server.on_read(&flight);
        assert_eq!(server.fault, Some(Fault::BadRecordMac));
        assert!(server.secured.is_none());
    }
}

#[test]
fn an_alert_in_the_middle_of_a_handshake_ends_it() {
    let site = Site::new();
    let mut client = Client::new(&Arc::new(config(&site, &Wishes::default())));
    let mut server = Server::new(&site.settings(Layer::Lean));
    server.on_read(&client.take_out());
    server.on_read(&plain_alert(40));
    assert_eq!(server.fault, Some(Fault::PeerAlert));
    server.on_read(&client.take_out());
    assert!(server.secured.is_none());
}

#[test]
fn a_downgrade_shows_in_the_servers_random() {
    let site = Site::new();
    let mut options = site.options(Layer::Lean);
    options.tls12 = true;
    let wishes = Wishes {
        versions: &[&TLS12],
        ..Wishes::default()
    };
    let mut client = Client::new(&Arc::new(config(&site, &wishes)));
    let mut server = Server::new(&build(&options));
    server.on_read(&client.take_out());
    // Record header, handshake header, version, then 32 bytes of random [RFC 8446 4.1.3].
    assert_eq!(&server.out[11 + 24..11 + 32], b"DOWNGRD\x01");
}

#[test]
fn a_renegotiation_is_answered_once_and_ends_the_connection_the_second_time() {
    let site = Site::new();
    for forgeries in [1, 2] {
        let mut options = site.options(Layer::Lean);
        options.tls12 = true;
        let wishes = Wishes {
            versions: &[&TLS12],
            ..Wishes::default()
        };
        let mut config = config(&site, &wishes);
        config.enable_secret_extraction = true;
        let mut client = Client::new(&Arc::new(config));
        let mut server = Server::new(&build(&options));
        pump(&mut client, &mut server, usize::MAX);
        assert_eq!((server.fault, &client.error), (None, &None));
        let secrets = client
            .tls
            .dangerous_extract_secrets()
            .expect("it was asked for");
        for seq in 0..forgeries {
            let record = renegotiate(&secrets, seq);
            server.on_read(&record);
            let answered = !std::mem::take(&mut server.out).is_empty();
            assert_eq!(answered, seq == 0, "no_renegotiation goes out once");
        }
        let fault = (forgeries == 2).then_some(Fault::Flood);
        assert_eq!(server.fault, fault);
    }
}

/// A ClientHello under TLS 1.2's keys, with ids of nothing: its type is what is looked at.
fn renegotiate(secrets: &rustls::ExtractedSecrets, index: u64) -> Vec<u8> {
    use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
    let rustls::ConnectionTrafficSecrets::Aes128Gcm { key, iv } = &secrets.tx.1 else {
        panic!("the server picks AES-128");
    };
    let seq = (secrets.tx.0 + index).to_be_bytes();
    let mut hello = vec![1, 0, 0, 43, 3, 3];
    hello.extend([7; 32]);
    hello.extend([0, 0, 2, 0xc0, 0x2b, 1, 0, 0, 0]);
    let length = (hello.len() as u16).to_be_bytes();
    let aad = [&seq[..], &[22, 3, 3], &length].concat();
    let explicit = [&iv.as_ref()[4..12]].concat();
    let explicit: Vec<u8> = explicit.iter().zip(seq).map(|(iv, seq)| iv ^ seq).collect();
    let nonce = [&iv.as_ref()[..4], &explicit].concat();
    let nonce = Nonce::try_assume_unique_for_key(&nonce).expect("12 bytes");
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, key.as_ref()).expect("16 bytes"));
    key.seal_in_place_append_tag(nonce, Aad::from(aad), &mut hello)
        .expect("it fits");
    let body_bytes = (explicit.len() + hello.len()) as u16;
    [
        &[22, 3, 3][..],
        &body_bytes.to_be_bytes(),
        &explicit,
        &hello,
    ]
    .concat()
}

#[test]
fn a_record_over_the_limit_ends_a_connection_that_was_fine() {
    let site = Site::new();
    let over = (limits::BODY_BYTES_MAX as u16 + 1).to_be_bytes();
    // rustls cannot be made to send an alert of our choice: it says goodbye.
    for (layer, alert) in [(Layer::Lean, (2, 22)), (Layer::Rustls, (1, 0))] {
        let mut server = Server::new(&site.settings(layer));
        let suite = CipherSuite::TLS13_AES_128_GCM_SHA256;
        let mut forger = Forger::connect(&site, suite, &mut server);
        server.on_read(&forger.tx.seal(23, b"fine", 0));
        server.on_read(&[23, 3, 3, over[0], over[1]]);
        forger.listen(&mut server);
        assert_eq!(
            (server.fault, server.data.as_slice()),
            (Some(Fault::RecordOverflow), &b"fine"[..])
        );
        assert_eq!(forger.heard.alerts, [alert], "{layer:?}");
        let mut burst = server.secured.as_mut().expect("it was").records.burst();
        assert!(burst.seal(b"more", &mut server.out).is_err(), "{layer:?}");
    }
}

#[test]
fn what_comes_with_the_finished_is_not_rustlss_to_read() {
    let site = Site::new();
    for layer in LAYERS {
        let mut server = Server::new(&site.settings(layer));
        let suite = CipherSuite::TLS13_CHACHA20_POLY1305_SHA256;
        let (mut forger, mut flight) = Forger::before_finished(&site, suite, &mut server);
        flight.extend(forger.tx.seal(23, b"early ", 3));
        flight.extend(forger.tx.seal(22, &[24, 0, 0, 1, 1], 0));
        forger.tx.update();
        flight.extend(forger.tx.seal(23, b"late", 0));
        server.on_read(&flight);
        assert_eq!(
            (server.fault, server.data.as_slice()),
            (None, &b"early late"[..])
        );
        server.send(b"heard");
        forger.listen(&mut server);
        assert_eq!(
            (forger.heard.data.as_slice(), forger.heard.key_updates.len()),
            (&b"heard"[..], 1)
        );
    }
}
