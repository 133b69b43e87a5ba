//! Certificates that must not get in, in full handshakes; and on the client's side, ours.

use std::sync::Arc;

use rustls::AlertDescription as Alert;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{CertificateError, Error};
use tributary_tls::settings::{ClientAuth, ExpiredLists, Pem};
use tributary_tls::{Fault, Layer, Settings};

use crate::support::client::{Client, Wishes, config, pump};
use crate::support::pki::{Authority, Identity, client_params};
use crate::support::server::{Server, Site, build};

fn meet(site: &Site, settings: &Arc<Settings>, identity: Option<&Identity>) -> (Client, Server) {
    let wishes = Wishes {
        identity,
        ..Wishes::default()
    };
    let mut client = Client::new(&Arc::new(config(site, &wishes)));
    let mut server = Server::new(settings);
    pump(&mut client, &mut server, usize::MAX);
    (client, server)
}

/// The fault for the log, and what the client was told.
fn refused(site: &Site, settings: &Arc<Settings>, identity: &Identity) -> (Fault, Alert) {
    let (client, server) = meet(site, settings, Some(identity));
    match (server.fault, client.error) {
        (Some(fault), Some(Error::AlertReceived(alert))) => (fault, alert),
        other => panic!("{other:?}"),
    }
}

fn required(site: &Site, lists: &[String]) -> Arc<Settings> {
    let mut options = site.options(Layer::Lean);
    options.client_auth = ClientAuth::Required(site.trust(lists));
    build(&options)
}

#[test]
fn a_good_certificate_becomes_a_name() {
    let site = Site::new();
    let identity = site.authority.client("device-7", 0x0123);
    for layer in [Layer::Lean, Layer::Rustls] {
        let mut options = site.options(layer);
        options.client_auth = ClientAuth::Required(site.trust(&[]));
        let (_, server) = meet(&site, &build(&options), Some(&identity));
        let peer = server.secured().peer.as_ref().expect("it showed one");
        assert_eq!(peer.common_name.as_deref(), Some("device-7"));
        assert_eq!(peer.subject, r"O=Example\, Inc.,CN=device-7");
        assert_eq!(peer.issuer, "CN=Test Authority");
        assert_eq!(peer.uris, ["spiffe://example.org/device-7"]);
        assert!(peer.serial.ends_with("0123"), "{}", peer.serial);
    }
}

#[test]
fn whom_is_asked_for_a_certificate_decides_who_gets_in_without() {
    let site = Site::new();
    let (_, server) = meet(&site, &required(&site, &[]), None);
    assert_eq!(server.fault, Some(Fault::CertificateMissing));
    let mut options = site.options(Layer::Lean);
    options.client_auth = ClientAuth::Optional(site.trust(&[]));
    let (_, server) = meet(&site, &build(&options), None);
    assert_eq!((server.fault, &server.secured().peer), (None, &None));
    let identity = site.authority.client("device-7", 7);
    let (_, server) = meet(&site, &site.settings(Layer::Lean), Some(&identity));
    assert_eq!(server.secured().peer, None, "nobody asked");
}

#[test]
fn a_bad_certificate_is_refused_also_where_none_would_do() {
    let site = Site::new();
    let mut options = site.options(Layer::Lean);
    options.client_auth = ClientAuth::Optional(site.trust(&[]));
    let settings = build(&options);
    let expired = site.authority.expired_client("old");
    assert_eq!(
        refused(&site, &settings, &expired).0,
        Fault::CertificateExpired
    );
}

#[test]
fn expired_and_self_signed_and_foreign_certificates_are_told_apart() {
    let site = Site::new();
    let settings = required(&site, &[]);
    let expired = site.authority.expired_client("old");
    let (fault, alert) = refused(&site, &settings, &expired);
    assert_eq!(
        (fault, alert),
        (Fault::CertificateExpired, Alert::CertificateExpired)
    );
    let own = Identity::self_signed_client("self");
    let (fault, alert) = refused(&site, &settings, &own);
    assert_eq!(
        (fault, alert),
        (Fault::CertificateUntrusted, Alert::UnknownCA)
    );
    let foreign = Authority::new("Other Authority").client("foreign", 1);
    let (fault, alert) = refused(&site, &settings, &foreign);
    assert_eq!(
        (fault, alert),
        (Fault::CertificateUntrusted, Alert::UnknownCA)
    );
    // The same name, but another key signed it.
    let forged = Authority::new("Test Authority").client("forged", 1);
    let (fault, _) = refused(&site, &settings, &forged);
    assert!(
        matches!(fault, Fault::CertificateUntrusted | Fault::BadSignature),
        "{fault}"
    );
}

#[test]
fn a_servers_certificate_does_not_make_a_client() {
    let site = Site::new();
    let server = site.authority.server(&["localhost"]);
    let (fault, alert) = refused(&site, &required(&site, &[]), &server);
    assert_eq!(
        (fault, alert),
        (Fault::CertificateUnfit, Alert::UnsupportedCertificate)
    );
}

#[test]
fn a_certificate_that_does_not_begin_before_now_is_refused() {
    let site = Site::new();
    let mut params = client_params("early");
    params.not_before = rcgen::date_time_ymd(2027, 1, 1);
    let early = site.authority.sign(params, 3);
    assert_eq!(
        refused(&site, &required(&site, &[]), &early).0,
        Fault::CertificateExpired
    );
}

#[test]
fn a_certificate_cut_anywhere_is_refused() {
    let site = Site::new();
    let settings = required(&site, &[]);
    let identity = site.authority.client("device-7", 7);
    let der = CertificateDer::from_pem_slice(identity.pem.as_bytes()).expect("it is PEM");
    let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes()).expect("it is PEM");
    for length in [0, 1, 20, der.len() / 2, der.len() - 1] {
        let mut config = config(&site, &Wishes::default());
        let signer = config
            .crypto_provider()
            .key_provider
            .load_private_key(key.clone_key());
        let cut = CertificateDer::from(der[..length].to_vec());
        let certified = CertifiedKey::new(vec![cut], signer.expect("it is a key"));
        config.client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(certified));
        let mut client = Client::new(&Arc::new(config));
        let mut server = Server::new(&settings);
        pump(&mut client, &mut server, usize::MAX);
        let fault = server.fault.expect("it is refused");
        let malformed = [Fault::CertificateMalformed, Fault::Malformed];
        assert!(malformed.contains(&fault), "{length} bytes: {fault}");
    }
}

#[test]
fn a_revoked_certificate_is_refused_and_its_neighbour_is_not() {
    let site = Site::new();
    let (good, bad) = (
        site.authority.client("good", 1),
        site.authority.client("bad", 2),
    );
    let lists = [site.authority.revocation_list(&[&bad], 2027)];
    let settings = required(&site, &lists);
    assert_eq!(meet(&site, &settings, Some(&good)).1.fault, None);
    let (fault, alert) = refused(&site, &settings, &bad);
    assert_eq!(
        (fault, alert),
        (Fault::CertificateRevoked, Alert::CertificateRevoked)
    );
}

#[test]
fn a_status_that_no_list_states_is_not_taken_for_a_good_one() {
    let site = Site::new();
    let other = Authority::new("Other Authority");
    let client = site.authority.client("good", 1);
    let lists = [other.revocation_list(&[], 2027)];
    let (fault, _) = refused(&site, &required(&site, &lists), &client);
    assert_eq!(fault, Fault::CertificateStatusUnknown);
}

#[test]
fn an_expired_list_does_what_the_settings_say() {
    let site = Site::new();
    let (good, bad) = (
        site.authority.client("good", 1),
        site.authority.client("bad", 2),
    );
    let lists = [site.authority.revocation_list(&[&bad], 2026)];
    let (fault, _) = refused(&site, &required(&site, &lists), &good);
    assert_eq!(fault, Fault::CertificateStatusUnknown);
    let mut options = site.options(Layer::Lean);
    let mut trust = site.trust(&lists);
    trust.expired_lists = ExpiredLists::Accept;
    options.client_auth = ClientAuth::Required(trust);
    let settings = build(&options);
    assert_eq!(meet(&site, &settings, Some(&good)).1.fault, None);
    assert_eq!(refused(&site, &settings, &bad).0, Fault::CertificateRevoked);
}

#[test]
fn several_authorities_are_trusted_side_by_side() {
    let site = Site::new();
    let other = Authority::new("Other Authority");
    let mut options = site.options(Layer::Lean);
    let mut trust = site.trust(&[]);
    trust.authorities.push(Pem {
        name: "other.pem",
        bytes: other.pem.as_bytes(),
    });
    options.client_auth = ClientAuth::Required(trust);
    let settings = build(&options);
    for authority in [&site.authority, &other] {
        let client = authority.client("device", 1);
        assert_eq!(meet(&site, &settings, Some(&client)).1.fault, None);
    }
}

#[test]
fn a_client_that_asks_another_name_does_not_take_our_certificate() {
    let site = Site::new();
    for versions in [&[&TLS13][..], &[&TLS12][..]] {
        let mut options = site.options(Layer::Lean);
        options.tls12 = true;
        let wishes = Wishes {
            versions,
            ..Wishes::default()
        };
        let mut client = Client::to("other.example.org", &Arc::new(config(&site, &wishes)));
        let mut server = Server::new(&build(&options));
        pump(&mut client, &mut server, usize::MAX);
        let error = client.error.expect("the name is wrong");
        assert!(
            matches!(
                error,
                Error::InvalidCertificate(CertificateError::NotValidForNameContext { .. })
            ),
            "{error}"
        );
        assert_eq!(server.fault, Some(Fault::PeerAlert));
    }
}
