//! Tickets: which handshakes they shorten, and which they must not.

use std::sync::Arc;

use rustls::version::TLS12;
use rustls::{CipherSuite, ClientConfig};
use tributary_tls::settings::ClientAuth;
use tributary_tls::{Fault, Layer, Settings, Tickets};

use crate::support::NOW_SECS;
use crate::support::client::{Client, Wishes, config, pump};
use crate::support::server::{Server, Site, build};

const DAY_SECS: u64 = 24 * 3600;

/// Connects, says something both ways, and tells whether it was resumed.
fn visit(config: &Arc<ClientConfig>, settings: &Arc<Settings>) -> bool {
    let (mut client, mut server) = (Client::new(config), Server::new(settings));
    pump(&mut client, &mut server, usize::MAX);
    assert_eq!((server.fault, &client.error), (None, &None));
    client.write(b"hello");
    pump(&mut client, &mut server, usize::MAX);
    assert_eq!(server.data, b"hello");
    server.send(b"hello");
    pump(&mut client, &mut server, usize::MAX);
    assert_eq!(client.read(), b"hello");
    server.secured().resumed
}

fn resuming(site: &Site) -> Arc<ClientConfig> {
    Arc::new(config(
        site,
        &Wishes {
            resume: true,
            ..Wishes::default()
        },
    ))
}

#[test]
fn the_second_visit_is_resumed_in_every_layer_and_so_is_the_third() {
    let site = Site::new();
    for layer in [Layer::Lean, Layer::Rustls] {
        let (config, settings) = (resuming(&site), site.settings(layer));
        let visits: Vec<bool> = (0..3).map(|_| visit(&config, &settings)).collect();
        assert_eq!(visits, [false, true, true], "{layer:?}");
    }
}

#[test]
fn tls_1_2_is_resumed_by_the_same_tickets() {
    let site = Site::new();
    let mut options = site.options(Layer::Lean);
    options.tls12 = true;
    let settings = build(&options);
    let wishes = Wishes {
        resume: true,
        versions: &[&TLS12],
        ..Wishes::default()
    };
    let config = Arc::new(config(&site, &wishes));
    assert_eq!(
        [visit(&config, &settings), visit(&config, &settings)],
        [false, true]
    );
}

#[test]
fn without_tickets_every_handshake_is_full() {
    let site = Site::new();
    let mut options = site.options(Layer::Lean);
    options.tickets = None;
    let (config, settings) = (resuming(&site), build(&options));
    assert_eq!(
        [visit(&config, &settings), visit(&config, &settings)],
        [false, false]
    );
}

#[test]
fn a_ticket_survives_a_reload() {
    let site = Site::new();
    let config = resuming(&site);
    assert!(!visit(&config, &site.settings(Layer::Lean)));
    assert!(visit(&config, &site.settings(Layer::Lean)));
}

#[test]
fn a_change_of_layer_costs_a_full_handshake_where_it_changes_the_suite() {
    let site = Site::new();
    for (suite, resumed) in [
        (None, false),
        (Some(CipherSuite::TLS13_CHACHA20_POLY1305_SHA256), true),
    ] {
        let wishes = Wishes {
            resume: true,
            suite,
            ..Wishes::default()
        };
        let config = Arc::new(config(&site, &wishes));
        assert!(!visit(&config, &site.settings(Layer::Lean)));
        assert_eq!(visit(&config, &site.settings(Layer::Rustls)), resumed);
        assert!(visit(&config, &site.settings(Layer::Rustls)), "{suite:?}");
    }
}

#[test]
fn a_ticket_survives_a_restart_where_the_secret_does() {
    let mut site = Site::new();
    let config = resuming(&site);
    let tickets = |secret: u8| {
        Arc::new(
            Tickets::from_secret(&[secret; 32], 3600, site.clock.clone()).expect("long enough"),
        )
    };
    let (before, after, stranger) = (tickets(1), tickets(1), tickets(2));
    site.tickets = before;
    assert!(!visit(&config, &site.settings(Layer::Lean)));
    site.tickets = after;
    assert!(visit(&config, &site.settings(Layer::Lean)));
    site.tickets = stranger;
    assert!(!visit(&config, &site.settings(Layer::Lean)));
}

#[test]
fn an_old_ticket_costs_a_full_handshake_and_nothing_else() {
    let site = Site::new();
    let (config, settings) = (resuming(&site), site.settings(Layer::Lean));
    assert!(!visit(&config, &settings));
    let (mut client, mut server) = (Client::new(&config), Server::new(&settings));
    // The server's clock alone is a day on: the client still offers its ticket.
    server.on_read_at(&client.take_out(), NOW_SECS + DAY_SECS);
    client.on_read(&std::mem::take(&mut server.out));
    server.on_read_at(&client.take_out(), NOW_SECS + DAY_SECS);
    assert_eq!((server.fault, &client.error), (None, &None));
    assert!(!server.secured().resumed);
}

#[test]
fn a_resumed_client_keeps_its_name() {
    let site = Site::new();
    let identity = site.authority.client("device-7", 7);
    let mut options = site.options(Layer::Lean);
    options.client_auth = ClientAuth::Required(site.trust(&[]));
    let settings = build(&options);
    let wishes = Wishes {
        resume: true,
        identity: Some(&identity),
        ..Wishes::default()
    };
    let config = Arc::new(config(&site, &wishes));
    let mut names = Vec::new();
    for resumed in [false, true] {
        let (mut client, mut server) = (Client::new(&config), Server::new(&settings));
        pump(&mut client, &mut server, usize::MAX);
        assert_eq!(server.secured().resumed, resumed);
        names.push(server.secured().peer.clone().expect("it showed one"));
    }
    assert_eq!(names[0], names[1]);
    assert_eq!(names[0].common_name.as_deref(), Some("device-7"));
}

#[test]
fn a_ticket_from_a_listener_that_asks_nobody_opens_none_that_asks() {
    let site = Site::new();
    let config = resuming(&site);
    assert!(!visit(&config, &site.settings(Layer::Lean)));
    let mut options = site.options(Layer::Lean);
    options.client_auth = ClientAuth::Required(site.trust(&[]));
    let (mut client, mut server) = (Client::new(&config), Server::new(&build(&options)));
    pump(&mut client, &mut server, usize::MAX);
    assert_eq!(server.fault, Some(Fault::CertificateMissing));
}

#[test]
fn a_client_revoked_since_its_ticket_stays_out() {
    let site = Site::new();
    let (good, bad) = (
        site.authority.client("good", 1),
        site.authority.client("bad", 2),
    );
    let lists = |revoked: &[_]| [site.authority.revocation_list(revoked, 2027)];
    let (before, after) = (lists(&[]), lists(&[&bad]));
    let settings = |lists| {
        let mut options = site.options(Layer::Lean);
        options.client_auth = ClientAuth::Required(site.trust(lists));
        build(&options)
    };
    let (before, after) = (settings(&before), settings(&after));
    for (identity, fault) in [(&good, None), (&bad, Some(Fault::CertificateRevoked))] {
        let wishes = Wishes {
            resume: true,
            identity: Some(identity),
            ..Wishes::default()
        };
        let config = Arc::new(config(&site, &wishes));
        assert_eq!(
            [visit(&config, &before), visit(&config, &before)],
            [false, true]
        );
        let (mut client, mut server) = (Client::new(&config), Server::new(&after));
        pump(&mut client, &mut server, usize::MAX);
        assert_eq!(server.fault, fault);
        if fault.is_none() {
            assert!(!server.secured().resumed, "it was looked at again");
        }
    }
}

#[test]
fn a_certificate_that_expired_since_its_ticket_stays_out() {
    let site = Site::new();
    let identity = site.authority.client_until("brief", 3600);
    for layer in [Layer::Lean, Layer::Rustls] {
        let mut options = site.options(layer);
        options.client_auth = ClientAuth::Optional(site.trust(&[]));
        let settings = build(&options);
        let wishes = Wishes {
            resume: true,
            identity: Some(&identity),
            ..Wishes::default()
        };
        let config = Arc::new(config(&site, &wishes));
        assert_eq!(
            [visit(&config, &settings), visit(&config, &settings)],
            [false, true]
        );
        let (mut client, mut server) = (Client::new(&config), Server::new(&settings));
        server.on_read_at(&client.take_out(), NOW_SECS + 3601);
        client.on_read(&std::mem::take(&mut server.out));
        server.on_read_at(&client.take_out(), NOW_SECS + 3601);
        assert_eq!(server.fault, Some(Fault::CertificateExpired), "{layer:?}");
        site.clock.set(NOW_SECS);
        client.on_read(&std::mem::take(&mut server.out));
        assert!(
            client.error.is_some() || closed(&mut client),
            "{layer:?}: the client is told"
        );
    }
}

fn closed(client: &mut Client) -> bool {
    client
        .tls
        .process_new_packets()
        .is_ok_and(|state| state.peer_has_closed())
}
