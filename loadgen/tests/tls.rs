//! Clients within TLS and WebSockets: every server is verified, tickets are used, and each failure
//! has its name.

mod support;

use support::pki::{Authority, Identity};
use support::tls_server::TlsServer;
use support::{Said, loadgen};

const NAME: &str = "gateway.test";

fn trial(command: &str, server: &TlsServer, authority: &Authority, more: &[&str]) -> Said {
    let target = ["--target", &server.address];
    let tls = ["--tls", authority.pem.path(), "--tls-name", NAME];
    loadgen(&[&[command], &target[..], &tls, more].concat())
}

fn one_client(server: &TlsServer, authority: &Authority) -> Said {
    let more = ["--connections", "1", "--hold", "0"];
    trial("connect", server, authority, &more)
}

/// How often a connect ended like this.
fn ends(run: &Said, name: &str) -> u64 {
    run.json["ends"][name].as_u64().unwrap_or(0)
}

#[test]
fn clients_come_back_by_their_tickets_after_a_storm() {
    let authority = Authority::new();
    let server = TlsServer::start(&authority.sign(NAME), None);
    for version in ["1.3", "1.2"] {
        let storm = [
            "--connections",
            "50",
            "--hold",
            "0",
            "--storms",
            "2",
            "--rest",
            "0",
        ];
        let resume = ["--tls-resume", "--tls-version", version];
        let with = trial(
            "connect",
            &server,
            &authority,
            &[&storm[..], &resume].concat(),
        );
        assert_eq!((with.exit_code, with.count("held")), (0, 50), "{with:?}");
        let handshakes = ["handshakes_full", "handshakes_resumed"].map(|name| with.count(name));
        assert_eq!(handshakes, [50, 100], "{with:?}");
        let without = trial(
            "connect",
            &server,
            &authority,
            &[&storm[..], &resume[1..]].concat(),
        );
        let handshakes = ["handshakes_full", "handshakes_resumed"].map(|name| without.count(name));
        assert_eq!(handshakes, [150, 0], "{without:?}");
    }
}

#[test]
fn idle_clients_ping_and_publishers_are_acknowledged() {
    let authority = Authority::new();
    let server = TlsServer::start(&authority.sign(NAME), None);
    let fleet = [
        "--connections",
        "20",
        "--hold",
        "1.5",
        "--keepalive",
        "1",
        "--publishers",
        "4",
    ];
    let run = trial("connect", &server, &authority, &fleet);
    assert_eq!((run.exit_code, run.count("held")), (0, 20), "{run:?}");
    assert!(run.count("pings_answered") >= 16, "{run:?}");
    assert!(run.count("sent") > 0, "{run:?}");
    assert_eq!(run.count("sent"), run.count("acknowledged"), "{run:?}");
}

#[test]
fn messages_longer_than_a_record_arrive_whole() {
    let authority = Authority::new();
    let server = TlsServer::start(&authority.sign(NAME), None);
    for version in ["1.3", "1.2"] {
        let load = [
            "--clients",
            "5",
            "--rate",
            "0",
            "--duration",
            "0.3",
            "--payload",
            "50000",
        ];
        let more = ["--tls-version", version, "--max-unacknowledged", "0"];
        let run = trial("publish", &server, &authority, &[&load[..], &more].concat());
        assert_eq!(
            (run.exit_code, run.count("handshakes_full")),
            (0, 5),
            "{run:?}"
        );
        assert!(run.count("acknowledged") > 0, "{run:?}");
        assert_eq!(run.count("connections_ended"), 0, "{run:?}");
    }
}

#[test]
fn servers_that_must_not_be_trusted_are_not() {
    // All authorities of the tests have one name, so that this one is an impostor.
    let (authority, impostor) = (Authority::new(), Authority::new());
    let refused = |identity: &Identity, why: &str| {
        let run = one_client(&TlsServer::start(identity, None), &authority);
        let name = format!("TLS handshake: the server's certificate: {why}");
        assert_eq!(
            (ends(&run, &name), run.count("connects_refused")),
            (1, 1),
            "{run:?}"
        );
        assert_eq!(run.count("handshakes_full"), 0, "{run:?}");
    };
    refused(&impostor.sign(NAME), "its signature is wrong");
    refused(&authority.sign("other.test"), "it is for another name");
    refused(&authority.sign_expired(NAME), "it has expired");
}

#[test]
fn clients_show_the_certificate_that_they_were_given() {
    let authority = Authority::new();
    let server = TlsServer::start(&authority.sign(NAME), Some(&authority));
    let client = authority.sign("device.test");
    let shown = [
        "--tls-cert",
        client.chain.path(),
        "--tls-key",
        client.key.path(),
    ];
    let fleet = ["--connections", "3", "--hold", "0"];
    let run = trial(
        "connect",
        &server,
        &authority,
        &[&fleet[..], &shown].concat(),
    );
    assert_eq!(run.count("held"), 3, "{run:?}");
    let run = trial("connect", &server, &authority, &fleet);
    // A client of TLS 1.3 is done before the server has looked at its certificate.
    let name = "TLS: alert CertificateRequired";
    assert_eq!((run.count("held"), ends(&run, name)), (0, 3), "{run:?}");
}

#[test]
fn a_server_without_tls_is_named_as_such() {
    let authority = Authority::new();
    let floor = support::floor(1);
    let server = TlsServer {
        address: floor.address.clone(),
    };
    let run = one_client(&server, &authority);
    assert_eq!(
        (run.count("held"), run.count("connects_refused")),
        (0, 1),
        "{run:?}"
    );
    assert_eq!(ends(&run, "closed during the TLS handshake"), 1, "{run:?}");
}

#[test]
fn a_websocket_carries_mqtt_in_any_pieces_with_tls_and_without() {
    let authority = Authority::new();
    let identity = authority.sign(NAME);
    let secure = [
        "--tls",
        authority.pem.path(),
        "--tls-name",
        NAME,
        "--tls-resume",
    ];
    let server = TlsServer::start_websocket(Some(&identity));
    fleet_by_websocket(&server, &secure, [20, 20]);
    let plain = TlsServer::start_websocket(None);
    fleet_by_websocket(&plain, &[], [0, 0]);
}

fn fleet_by_websocket(server: &TlsServer, flags: &[&str], handshakes: [u64; 2]) {
    let target = [
        "--target",
        &server.address,
        "--ws",
        "/mqtt",
        "--storms",
        "1",
        "--rest",
        "0",
    ];
    let fleet = [
        "connect",
        "--connections",
        "20",
        "--keepalive",
        "1",
        "--hold",
        "1.5",
    ];
    let run = loadgen(&[&fleet[..], &target, &["--publishers", "4"], flags].concat());
    assert_eq!((run.exit_code, run.count("held")), (0, 20), "{run:?}");
    let counted = ["handshakes_full", "handshakes_resumed"].map(|name| run.count(name));
    assert_eq!(counted, handshakes, "{run:?}");
    assert!(run.count("pings_answered") >= 16, "{run:?}");
    assert!(run.count("sent") > 0, "{run:?}");
    assert_eq!(run.count("sent"), run.count("acknowledged"), "{run:?}");
}

#[test]
fn files_that_are_no_good_end_the_start_with_a_sentence() {
    let authority = Authority::new();
    let nobody = TlsServer {
        address: "127.0.0.1:1".to_owned(),
    };
    let run = loadgen(&[
        "connect",
        "--target",
        &nobody.address,
        "--tls",
        "/nowhere/ca.pem",
    ]);
    assert_eq!(run.exit_code, 1, "{run:?}");
    assert!(
        run.stderr.contains("cannot use --tls /nowhere/ca.pem"),
        "{run:?}"
    );
    let (one, other) = (authority.sign(NAME), authority.sign(NAME));
    let mixed = [
        "--tls-cert",
        one.chain.path(),
        "--tls-key",
        other.key.path(),
    ];
    let run = trial("connect", &nobody, &authority, &mixed);
    assert_eq!(run.exit_code, 1, "{run:?}");
    assert!(run.stderr.contains("give it the chain's key"), "{run:?}");
}
