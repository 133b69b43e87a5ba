//! Handshakes as stock clients make them: names, protocols, versions, pieces of any size.

use std::sync::Arc;

use rustls::version::{TLS12, TLS13};
use rustls::{AlertDescription as Alert, CipherSuite, HandshakeKind};
use tributary_tls::handshake::Awaits;
use tributary_tls::settings::ALPN_MQTT;
use tributary_tls::{Fault, Handshake, Layer, Settings, Suite, Verdict, Version, limits};

use crate::support::NOW_SECS;
use crate::support::client::{Client, Wishes, config, pump};
use crate::support::server::{Server, Site, build};

fn meet(site: &Site, settings: &Arc<Settings>, wishes: &Wishes<'_>) -> (Client, Server) {
    let mut client = Client::new(&Arc::new(config(site, wishes)));
    let mut server = Server::new(settings);
    pump(&mut client, &mut server, usize::MAX);
    (client, server)
}

fn alert(client: &Client) -> Option<Alert> {
    match client.error {
        Some(rustls::Error::AlertReceived(alert)) => Some(alert),
        _ => None,
    }
}

#[test]
fn a_handshake_is_the_same_in_pieces_of_any_size() {
    let site = Site::new();
    for layer in [Layer::Lean, Layer::Rustls] {
        for piece_bytes in [1, 2, 5, 7, 100, usize::MAX] {
            let mut client = Client::new(&Arc::new(config(&site, &Wishes::default())));
            let mut server = Server::new(&site.settings(layer));
            client.write(b"CONNECT");
            pump(&mut client, &mut server, piece_bytes);
            assert_eq!(
                (server.fault, &client.error),
                (None, &None),
                "{piece_bytes} bytes"
            );
            assert_eq!(server.data, b"CONNECT", "{piece_bytes} bytes");
        }
    }
}

#[test]
fn what_was_agreed_is_told() {
    let site = Site::new();
    let wishes = Wishes {
        alpn: &[ALPN_MQTT],
        ..Wishes::default()
    };
    let (_, server) = meet(&site, &site.settings(Layer::Lean), &wishes);
    let secured = server.secured();
    assert_eq!(
        (secured.version, secured.suite),
        (Version::Tls13, Suite::Aes128Gcm)
    );
    assert_eq!(secured.server_name.as_deref(), Some("localhost"));
    assert_eq!(secured.alpn.as_deref(), Some(ALPN_MQTT.as_bytes()));
    assert_eq!((secured.resumed, &secured.peer), (false, &None));
}

#[test]
fn a_client_without_alpn_is_welcome_and_one_with_other_protocols_is_told() {
    let site = Site::new();
    let settings = site.settings(Layer::Lean);
    let (_, server) = meet(&site, &settings, &Wishes::default());
    assert_eq!(server.secured().alpn, None);
    let (_, server) = meet(
        &site,
        &settings,
        &Wishes {
            alpn: &["h2", "mqtt"],
            ..Wishes::default()
        },
    );
    assert_eq!(server.secured().alpn.as_deref(), Some(&b"mqtt"[..]));
    let (client, server) = meet(
        &site,
        &settings,
        &Wishes {
            alpn: &["h2"],
            ..Wishes::default()
        },
    );
    assert_eq!(server.fault, Some(Fault::NoApplicationProtocol));
    assert_eq!(alert(&client), Some(Alert::NoApplicationProtocol));
}

#[test]
fn the_certificate_is_the_one_of_the_server_name() {
    let site = Site::new();
    let exact = site.authority.server(&["mqtt.example.org"]);
    let wild = site.authority.server(&["*.example.org", "example.org"]);
    let mut options = site.options(Layer::Lean);
    options.chains.extend([exact.chain(), wild.chain()]);
    let settings = build(&options);
    let config = Arc::new(config(&site, &Wishes::default()));
    // A client goes on only if the certificate has the name it asked for.
    for name in [
        "localhost",
        "mqtt.example.org",
        "MQTT.Example.ORG",
        "other.example.org",
    ] {
        let (mut client, mut server) = (Client::to(name, &config), Server::new(&settings));
        pump(&mut client, &mut server, usize::MAX);
        assert_eq!((server.fault, &client.error), (None, &None), "{name}");
        assert_eq!(
            server.secured().server_name,
            Some(name.to_ascii_lowercase())
        );
    }
    let shown = |name: &str| {
        let (mut client, mut server) = (Client::to(name, &config), Server::new(&settings));
        pump(&mut client, &mut server, usize::MAX);
        (client.error.is_some(), server.fault)
    };
    // A wildcard stands for one label; whoever no certificate fits gets the default one.
    assert_eq!(shown("a.b.example.org"), (true, Some(Fault::PeerAlert)));
    assert_eq!(shown("example.com"), (true, Some(Fault::PeerAlert)));
}

#[test]
fn tls_1_2_is_there_only_when_asked_for() {
    let site = Site::new();
    let old = Wishes {
        versions: &[&TLS12],
        ..Wishes::default()
    };
    let (client, server) = meet(&site, &site.settings(Layer::Lean), &old);
    assert_eq!(server.fault, Some(Fault::WrongVersion));
    assert_eq!(alert(&client), Some(Alert::ProtocolVersion));
    let mut options = site.options(Layer::Lean);
    options.tls12 = true;
    let settings = build(&options);
    assert_eq!(
        meet(&site, &settings, &old).1.secured().version,
        Version::Tls12
    );
    let new = Wishes {
        versions: &[&TLS13, &TLS12],
        ..Wishes::default()
    };
    assert_eq!(
        meet(&site, &settings, &new).1.secured().version,
        Version::Tls13
    );
}

#[test]
fn a_client_that_wants_aes_256_first_gets_aes_128_all_the_same() {
    let site = Site::new();
    let wishes = Wishes {
        prefers: Some(CipherSuite::TLS13_AES_256_GCM_SHA384),
        ..Wishes::default()
    };
    let (_, server) = meet(&site, &site.settings(Layer::Lean), &wishes);
    assert_eq!(server.secured().suite, Suite::Aes128Gcm);
}

#[test]
fn handshakes_that_take_turns_on_a_thread_keep_their_own_secrets() {
    let site = Site::new();
    let settings = site.settings(Layer::Lean);
    let config = Arc::new(config(&site, &Wishes::default()));
    let mut pairs: Vec<(Client, Server)> = (0..20)
        .map(|_| (Client::new(&config), Server::new(&settings)))
        .collect();
    // All hellos first, then all answers, then all the Finished: nobody is done before anybody.
    for (client, server) in &mut pairs {
        server.on_read(&client.take_out());
    }
    for (client, server) in pairs.iter_mut().rev() {
        client.on_read(&std::mem::take(&mut server.out));
    }
    for (index, (client, server)) in pairs.iter_mut().enumerate() {
        client.write(&[index as u8]);
        pump(client, server, usize::MAX);
        assert_eq!(
            (server.fault, server.data.as_slice()),
            (None, &[index as u8][..])
        );
    }
}

#[test]
fn every_key_exchange_goes_through_also_after_a_retry() {
    use rustls::crypto::aws_lc_rs::kx_group::{MLKEM1024, SECP256R1, X25519, X25519MLKEM768};
    let site = Site::new();
    for layer in [Layer::Lean, Layer::Rustls] {
        // Nobody here takes MLKEM1024 alone: a HelloRetryRequest asks for the next one.
        for (groups, retried) in [
            (&[SECP256R1][..], false),
            (&[X25519MLKEM768], false),
            (&[MLKEM1024, X25519], true),
        ] {
            let wishes = Wishes {
                groups,
                versions: &[&TLS13],
                ..Wishes::default()
            };
            let mut client = Client::new(&Arc::new(config(&site, &wishes)));
            let mut server = Server::new(&site.settings(layer));
            client.write(b"CONNECT");
            pump(&mut client, &mut server, 100);
            assert_eq!((server.fault, &client.error), (None, &None));
            assert_eq!(server.data, b"CONNECT");
            let kind = client.tls.handshake_kind();
            assert_eq!(
                kind == Some(HandshakeKind::FullWithHelloRetryRequest),
                retried
            );
        }
    }
}

#[test]
fn servers_have_keys_of_every_common_kind() {
    let site = Site::new();
    let kinds = [
        &rcgen::PKCS_ECDSA_P256_SHA256,
        &rcgen::PKCS_ECDSA_P384_SHA384,
        &rcgen::PKCS_ED25519,
        &rcgen::PKCS_RSA_SHA256,
    ];
    for kind in kinds {
        let identity = site.authority.server_with_key(&["localhost"], kind);
        for versions in [&[&TLS13][..], &[&TLS12][..]] {
            let mut options = site.options(Layer::Lean);
            options.tls12 = true;
            options.chains = vec![identity.chain()];
            let wishes = Wishes {
                versions,
                ..Wishes::default()
            };
            let (client, server) = meet(&site, &build(&options), &wishes);
            assert_eq!(
                (server.fault, &client.error),
                (None, &None),
                "{kind:?} {versions:?}"
            );
        }
    }
}

#[test]
fn a_reload_leaves_what_has_begun_alone() {
    let site = Site::new();
    let mut settings = site.settings(Layer::Lean);
    let (mut client, mut server) = (
        Client::new(&Arc::new(config(&site, &Wishes::default()))),
        Server::new(&settings),
    );
    server.on_read(&client.take_out());
    // The old settings have no owner but the handshake, and the new ones another certificate.
    let other = Site::new();
    settings = other.settings(Layer::Rustls);
    client.on_read(&std::mem::take(&mut server.out));
    pump(&mut client, &mut server, usize::MAX);
    assert_eq!((server.fault, &client.error), (None, &None));
    client.write(b"still here");
    pump(&mut client, &mut server, usize::MAX);
    assert_eq!(server.data, b"still here");
    let (client, _) = meet(&site, &settings, &Wishes::default());
    assert!(
        client.error.is_some(),
        "the new certificate is from an authority it does not know"
    );
}

#[test]
fn a_half_open_handshake_holds_no_more_than_its_bound() {
    let site = Site::new();
    let settings = site.settings(Layer::Lean);
    // One ClientHello that says it is 64 KB long, in records that are all right.
    let mut handshake = Handshake::new(settings);
    let (mut sent, mut out) = (0, Vec::new());
    let mut piece = [&[22, 3, 1, 0x10, 0, 1, 0, 0xff, 0xff][..], &[0; 4092]].concat();
    loop {
        let taken = handshake.on_bytes(&piece, NOW_SECS, &mut out);
        sent += taken.bytes;
        assert_eq!(out.is_empty(), matches!(taken.verdict, Verdict::NeedMore));
        match taken.verdict {
            Verdict::NeedMore => piece = [&[22, 3, 1, 0x10, 0][..], &[0; 4096]].concat(),
            verdict => {
                assert!(matches!(verdict, Verdict::Failed(Fault::HandshakeOverflow)));
                break;
            }
        }
        assert!(sent <= limits::HANDSHAKE_BYTES_MAX, "{sent} bytes are held");
    }
}

#[test]
fn what_a_handshake_awaits_is_told() {
    let site = Site::new();
    let mut client = Client::new(&Arc::new(config(&site, &Wishes::default())));
    let mut handshake = Handshake::new(site.settings(Layer::Lean));
    let mut out = Vec::new();
    let hello = client.take_out();
    let (last, most) = hello.split_last().expect("it is long");
    assert_eq!(handshake.awaits(), Awaits::Hello);
    let _ = handshake.on_bytes(most, NOW_SECS, &mut out);
    assert_eq!((handshake.awaits(), out.len()), (Awaits::Hello, 0));
    let _ = handshake.on_bytes(&[*last], NOW_SECS, &mut out);
    assert_eq!(handshake.awaits(), Awaits::Finished);
    client.on_read(&out);
    let _ = handshake.on_bytes(&client.take_out(), NOW_SECS, &mut out);
    assert_eq!(handshake.awaits(), Awaits::Nothing);
}

#[test]
fn a_handshake_that_is_over_takes_nothing_more() {
    let site = Site::new();
    let mut handshake = Handshake::new(site.settings(Layer::Lean));
    let mut out = Vec::new();
    let taken = handshake.on_bytes(b"GET / HTTP/1.1\r\n", NOW_SECS, &mut out);
    assert!(matches!(taken.verdict, Verdict::Failed(Fault::NotTls)));
    assert_eq!(out, [21, 3, 3, 0, 2, 2, 10]);
    let taken = handshake.on_bytes(&[22, 3, 1, 0, 1, 1], NOW_SECS, &mut out);
    assert!(matches!(taken.verdict, Verdict::Failed(Fault::Over)));
    assert_eq!((taken.bytes, out.len()), (0, 7));
}
