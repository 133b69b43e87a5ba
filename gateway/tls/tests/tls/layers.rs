//! Both record layers against a stock rustls client, in both directions.

use std::sync::Arc;

use rustls::CipherSuite;
use rustls::version::{TLS12, TLS13};
use tributary_tls::{Layer, Records, Suite, Version};

use crate::support::client::{Client, Wishes, config, pump};
use crate::support::random::Random;
use crate::support::server::{Server, Site, build};

const SUITES: [(CipherSuite, Suite); 3] = [
    (CipherSuite::TLS13_AES_128_GCM_SHA256, Suite::Aes128Gcm),
    (CipherSuite::TLS13_AES_256_GCM_SHA384, Suite::Aes256Gcm),
    (
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256,
        Suite::ChaCha20Poly1305,
    ),
];

const LAYERS: [Layer; 2] = [Layer::Lean, Layer::Rustls];

fn connected(site: &Site, layer: Layer, suite: CipherSuite) -> (Client, Server) {
    let mut server = Server::new(&site.settings(layer));
    let wishes = Wishes {
        suite: Some(suite),
        ..Wishes::default()
    };
    let mut client = Client::new(&Arc::new(config(site, &wishes)));
    pump(&mut client, &mut server, usize::MAX);
    assert_eq!((server.fault, &client.error), (None, &None));
    (client, server)
}

fn each(mut run: impl FnMut(Client, Server)) {
    let site = Site::new();
    for layer in LAYERS {
        for (suite, _) in SUITES {
            let (client, server) = connected(&site, layer, suite);
            run(client, server);
        }
    }
}

#[test]
fn each_suite_gets_the_layer_that_the_settings_say() {
    let site = Site::new();
    for (suite, agreed) in SUITES {
        let (_, server) = connected(&site, Layer::Lean, suite);
        let records = &server.secured().records;
        match agreed {
            Suite::Aes256Gcm => assert!(matches!(records, Records::LeanWide(_)), "{records:?}"),
            _ => assert!(matches!(records, Records::Lean(_)), "{records:?}"),
        }
        assert_eq!(server.secured().suite, agreed);
        let (_, server) = connected(&site, Layer::Rustls, suite);
        assert!(matches!(server.secured().records, Records::Rustls(_)));
    }
}

#[test]
fn tls_1_2_goes_to_rustls_also_where_the_layer_is_lean() {
    let site = Site::new();
    let mut options = site.options(Layer::Lean);
    options.tls12 = true;
    let settings = build(&options);
    let wishes = Wishes {
        versions: &[&TLS12],
        ..Wishes::default()
    };
    let mut client = Client::new(&Arc::new(config(&site, &wishes)));
    let mut server = Server::new(&settings);
    pump(&mut client, &mut server, usize::MAX);
    assert_eq!(server.secured().version, Version::Tls12);
    assert!(matches!(server.secured().records, Records::Rustls(_)));
    echo(&mut client, &mut server, b"over TLS 1.2");
    echo(&mut client, &mut server, &[7; 100_000]);
    server
        .secured
        .as_mut()
        .unwrap()
        .records
        .burst()
        .close(&mut server.out);
    pump(&mut client, &mut server, usize::MAX);
    assert!(client.tls.process_new_packets().unwrap().peer_has_closed());
}

fn echo(client: &mut Client, server: &mut Server, data: &[u8]) {
    let mut back = Vec::new();
    for piece in data.chunks(20_000) {
        client.write(piece);
        pump(client, server, usize::MAX);
        let came = std::mem::take(&mut server.data);
        server.send(&came);
        pump(client, server, usize::MAX);
        back.extend(client.read());
    }
    assert_eq!((server.fault, &client.error), (None, &None));
    assert!(
        back == data,
        "{} bytes came back of {}",
        back.len(),
        data.len()
    );
}

#[test]
fn data_of_every_length_comes_through_in_both_directions() {
    each(|mut client, mut server| {
        for length in [1, 2, 64, 1000, 16_383, 16_384, 16_385, 50_000] {
            let data = Random::new(length as u64).bytes(length);
            echo(&mut client, &mut server, &data);
        }
    });
}

#[test]
fn records_that_come_a_byte_at_a_time_are_the_same_records() {
    each(|mut client, mut server| {
        client.write(b"in pieces");
        pump(&mut client, &mut server, 1);
        assert_eq!(server.data, b"in pieces");
    });
}

#[test]
fn nothing_is_sent_for_nothing() {
    each(|_, mut server| {
        server.send(b"");
        assert_eq!(server.out, b"");
    });
}

#[test]
fn keys_are_updated_by_the_client_as_often_as_it_likes() {
    each(|mut client, mut server| {
        for round in 0..40 {
            client.tls.refresh_traffic_keys().expect("TLS 1.3 has them");
            echo(
                &mut client,
                &mut server,
                format!("round {round}").as_bytes(),
            );
        }
    });
}

#[test]
fn keys_are_updated_by_the_server_and_the_client_follows() {
    each(|mut client, mut server| {
        for round in 0..40 {
            let secured = server.secured.as_mut().expect("it is connected");
            secured.records.burst().update_keys(true, &mut server.out);
            assert!(!server.out.is_empty(), "a KeyUpdate goes out");
            echo(
                &mut client,
                &mut server,
                format!("round {round}").as_bytes(),
            );
        }
    });
}

#[test]
fn the_clients_close_notify_ends_its_direction_alone() {
    each(|mut client, mut server| {
        client.write(b"last words");
        client.tls.send_close_notify();
        pump(&mut client, &mut server, usize::MAX);
        assert_eq!(
            (server.data.as_slice(), server.closed),
            (&b"last words"[..], true)
        );
        server.send(b"farewell");
        pump(&mut client, &mut server, usize::MAX);
        assert_eq!(
            (client.read().as_slice(), server.fault),
            (&b"farewell"[..], None)
        );
    });
}

#[test]
fn behind_our_close_notify_nothing_is_sealed() {
    each(|mut client, mut server| {
        let secured = server.secured.as_mut().expect("it is connected");
        let mut burst = secured.records.burst();
        burst.close(&mut server.out);
        let closed = server.out.clone();
        burst.close(&mut server.out);
        burst.update_keys(true, &mut server.out);
        assert!(burst.seal(b"more", &mut server.out).is_err());
        assert_eq!(server.out, closed, "it is said once");
        pump(&mut client, &mut server, usize::MAX);
        assert!(
            client
                .tls
                .process_new_packets()
                .expect("it is in order")
                .peer_has_closed()
        );
    });
}

#[test]
fn a_client_that_sends_with_its_finished_loses_nothing() {
    let site = Site::new();
    for layer in LAYERS {
        for (suite, _) in SUITES {
            let mut server = Server::new(&site.settings(layer));
            let wishes = Wishes {
                suite: Some(suite),
                versions: &[&TLS13],
                ..Wishes::default()
            };
            let mut client = Client::new(&Arc::new(config(&site, &wishes)));
            // rustls sends it behind the Finished in one flight, as stock clients send CONNECT.
            client.write(b"CONNECT");
            pump(&mut client, &mut server, usize::MAX);
            assert_eq!(std::mem::take(&mut server.data), b"CONNECT");
            echo(&mut client, &mut server, b"and goes on");
        }
    }
}

#[test]
fn a_connection_goes_to_another_thread_between_two_records() {
    each(|mut client, mut server| {
        echo(&mut client, &mut server, b"here");
        let moved = std::thread::spawn(move || {
            echo(&mut client, &mut server, b"and there");
            (client, server)
        });
        let (mut client, mut server) = moved.join().expect("it went well");
        echo(&mut client, &mut server, b"and back");
    });
}
