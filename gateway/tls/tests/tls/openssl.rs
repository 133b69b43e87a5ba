//! `openssl s_client` over loopback against both layers: what a stock client really sends.

mod s_client;

use std::sync::Arc;

use tributary_tls::settings::ClientAuth;
use tributary_tls::{Layer, Suite, Version};

use crate::support::server::{Site, build};
use s_client::{Echo, Folder, SClient, absent};

const LAYERS: [Layer; 2] = [Layer::Lean, Layer::Rustls];

/// A site whose authority is in a file that `s_client` trusts.
fn site() -> (Site, Folder) {
    let site = Site::new();
    let folder = Folder::new();
    folder.write("ca.pem", &site.authority.pem);
    (site, folder)
}

#[test]
fn every_suite_carries_data_and_key_updates_both_ways() {
    if absent() {
        return;
    }
    let (site, folder) = site();
    for layer in LAYERS {
        for (name, suite) in [
            ("TLS_AES_128_GCM_SHA256", Suite::Aes128Gcm),
            ("TLS_AES_256_GCM_SHA384", Suite::Aes256Gcm),
            ("TLS_CHACHA20_POLY1305_SHA256", Suite::ChaCha20Poly1305),
        ] {
            let echo = Echo::start(site.settings(layer));
            let mut client = SClient::start(&folder, echo.port(), &["-ciphersuites", name]);
            client.type_and_see("first\n", "FIRST");
            client.type_and_see("K\n", "KEYUPDATE");
            client.type_and_see("after its request\n", "AFTER ITS REQUEST");
            client.type_and_see("k\n", "KEYUPDATE");
            client.type_and_see("after its update\n", "AFTER ITS UPDATE");
            client.type_and_see("server update\n", "SERVER UPDATE");
            client.type_and_see("after ours\n", "AFTER OURS");
            client.type_and_see("big\n", "THE END OF IT");
            client.quit();
            let server = echo.join();
            assert_eq!(
                (server.fault, server.closed),
                (None, true),
                "{layer:?} {name}"
            );
            assert_eq!(server.secured().suite, suite);
            assert_eq!(server.secured().server_name.as_deref(), Some("localhost"));
        }
    }
}

#[test]
fn a_session_in_a_file_is_resumed_also_by_the_other_layer_with_the_same_suite() {
    if absent() {
        return;
    }
    let (site, folder) = site();
    let path = folder.path("session.pem");
    for (layer, flag, resumed) in [
        (Layer::Lean, "-sess_out", false),
        (Layer::Lean, "-sess_in", true),
        (Layer::Rustls, "-sess_in", true),
    ] {
        let echo = Echo::start(site.settings(layer));
        let suite = ["-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"];
        let arguments = [suite[0], suite[1], flag, &path];
        let mut client = SClient::start(&folder, echo.port(), &arguments);
        client.type_and_see("hello\n", "HELLO");
        client.quit();
        assert_eq!(echo.join().secured().resumed, resumed, "{layer:?} {flag}");
    }
}

#[test]
fn tls_1_2_is_served_and_a_renegotiation_refused() {
    if absent() {
        return;
    }
    let (site, folder) = site();
    let mut options = site.options(Layer::Lean);
    options.tls12 = true;
    let echo = Echo::start(build(&options));
    let mut client = SClient::start(&folder, echo.port(), &["-tls1_2"]);
    client.type_and_see("hello\n", "HELLO");
    client.type_and_see("R\n", "RENEGOTIATING");
    client.type_and_see("", "no renegotiation");
    drop(client);
    let server = echo.join();
    assert_eq!(server.secured().version, Version::Tls12);
    assert_eq!(server.data, b"", "nothing came behind it");
}

#[test]
fn a_client_of_tls_1_1_is_turned_away() {
    if absent() {
        return;
    }
    let (site, folder) = site();
    let echo = Echo::start(site.settings(Layer::Lean));
    // Security level 0 lets OpenSSL offer what it no longer would.
    let arguments = ["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"];
    let mut client = SClient::start(&folder, echo.port(), &arguments);
    client.see("SSL alert number");
    let server = echo.join();
    assert!(server.fault.is_some() && server.secured.is_none());
}

#[test]
fn a_client_certificate_is_taken_from_a_file() {
    if absent() {
        return;
    }
    let (site, folder) = site();
    let identity = site.authority.client("device-7", 7);
    let certificate = folder.write("client.pem", &identity.pem);
    let key = folder.write("client.key", &identity.key_pem);
    for layer in LAYERS {
        let mut options = site.options(layer);
        options.client_auth = ClientAuth::Required(site.trust(&[]));
        let echo = Echo::start(build(&options));
        let arguments = ["-cert", &certificate, "-key", &key];
        let mut client = SClient::start(&folder, echo.port(), &arguments);
        client.type_and_see("K\n", "KEYUPDATE");
        client.type_and_see("hello\n", "HELLO");
        client.quit();
        let server = echo.join();
        let peer = server.secured().peer.as_ref().expect("it showed one");
        assert_eq!(peer.common_name.as_deref(), Some("device-7"));
    }
}

#[test]
fn the_certificate_is_the_one_of_the_server_name() {
    if absent() {
        return;
    }
    let (site, folder) = site();
    let other = site.authority.server(&["*.example.org"]);
    let mut options = site.options(Layer::Lean);
    options.chains.push(other.chain());
    let settings = build(&options);
    for (name, subject) in [
        ("mqtt.example.org", "CN = *.example.org"),
        ("localhost", "CN = localhost"),
        ("unknown.example.com", "CN = localhost"),
    ] {
        let echo = Echo::start(Arc::clone(&settings));
        let mut client = SClient::start(&folder, echo.port(), &["-servername", name]);
        client.see(subject);
        client.type_and_see("hello\n", "HELLO");
        client.quit();
        assert_eq!(echo.join().secured().server_name.as_deref(), Some(name));
    }
}

#[test]
fn alpn_is_agreed_on() {
    if absent() {
        return;
    }
    let (site, folder) = site();
    let echo = Echo::start(site.settings(Layer::Lean));
    let mut client = SClient::start(&folder, echo.port(), &["-alpn", "h2,mqtt"]);
    client.see("ALPN protocol: mqtt");
    client.type_and_see("hello\n", "HELLO");
    client.quit();
    assert_eq!(echo.join().secured().alpn.as_deref(), Some(&b"mqtt"[..]));
}
