//! Certificates: those of clients, those that are renewed, and what is said of wrong lines.

use super::*;
use crate::support::gateway::{config_file, run_to_end};
use crate::support::pki::Identity;
use crate::support::rules::publish;

#[test]
fn who_must_show_a_certificate_and_does_not_is_kept_out_by_a_name() {
    let authority = Authority::new();
    let certificates = authority.install(&authority.server(1));
    let (good, bad) = (authority.client("good", 2), authority.client("bad", 3));
    let stranger = Authority::named("other").client("stranger", 4);
    let forged = Authority::new().client("good", 2);
    let ca = authority.write("ca.pem", &authority.pem);
    let list = authority.write("crl.pem", &authority.revocation_list(&[&bad]));
    let lines = format!(
        "client_auth = \"required\"\nclient_ca = \"{ca}\"\nclient_crl = [\"{list}\"]\n\
         record_layer = \"lean\"\n"
    );
    let gateway = start(&certificates, &lines);
    let tunnel_of = |identity: Option<&Identity>| tunnel(&gateway, &config(&authority, identity));
    let mut client = client(&tunnel_of(Some(&good)), "good");
    client.publish("any/topic", b"hello");
    let wrong = [
        (None, "certificate_missing"),
        (Some(&bad), "certificate_revoked"),
        (Some(&stranger), "certificate_untrusted"),
        (Some(&forged), "bad_signature"),
    ];
    for (identity, reason) in wrong {
        let before = gateway.metrics();
        let tunnel = tunnel_of(identity);
        let mut client = Client::dial(tunnel.address, V5);
        client.send_unless_closed(&Connect::new(V5, "wrong").encode());
        assert!(matches!(tunnel.end(), End::Failed(_)), "{reason}");
        gateway.wait_for_end("tls_failed", &before);
        let metrics = gateway.metrics();
        assert_eq!(
            failures(&metrics, reason) - failures(&before, reason),
            1.0,
            "{reason}"
        );
    }
    client.ping();
}

#[test]
fn the_name_in_a_certificate_is_the_user_that_rules_see() {
    let authority = Authority::new();
    let certificates = authority.install(&authority.server(1));
    let ann = authority.client("ann", 2);
    let ca = authority.write("ca.pem", &authority.pem);
    for layer in LAYERS {
        let text = format!(
            "[listen.mqtt]\naddress = \"127.0.0.1:0\"\n\
             [listen.mqtts]\naddress = \"127.0.0.1:0\"\nprotocol = \"mqtts\"\n{certificates}\
             client_auth = \"optional\"\nclient_ca = \"{ca}\"\nrecord_layer = \"{layer}\"\n\
             auth = [\"certificate\"]\n[access]\nclient_id = \"%u-*\"\n\
             rules = [{{ allow = [\"publish\"], topics = [\"dev/%u\"] }}]\n{NULL_ROUTE}"
        );
        let gateway = Launch::default().listeners(&text).shards(2).start();
        let tunnel_of = |identity: Option<&Identity>| {
            let config = config(&authority, identity);
            Tunnel::open(gateway.listener("mqtts"), &config, WHOLE)
        };
        // What it calls itself counts for nothing beside the name that was proven.
        let connect = |id| Connect {
            user: Some("mallory"),
            ..Connect::new(V5, id)
        };
        let hers = tunnel_of(Some(&ann));
        let mut client = Client::connect_to(hers.address, connect("ann-1")).0;
        assert_eq!(publish(&mut client, "dev/ann"), 0);
        assert_eq!(publish(&mut client, "dev/mallory"), 0x87);
        for (identity, id, reason) in [(Some(&ann), "bob-1", 0x85), (None, "ann-1", 0x86)] {
            let mut other = Client::dial(tunnel_of(identity).address, V5);
            other.send(&connect(id).encode());
            assert_eq!(other.expect(CONNACK).reason(), reason, "{layer} {id}");
        }
        client.ping();
    }
}

#[test]
fn a_new_certificate_is_shown_without_anyone_noticing_and_a_bad_one_is_not() {
    for layer in LAYERS {
        let authority = Authority::new();
        let (first, second) = (authority.server(1), authority.server(2));
        let certificates = authority.install(&first);
        let gateway = start(&certificates, &format!("record_layer = \"{layer}\"\n"));
        let first_tunnel = tunnel(&gateway, &config(&authority, None));
        let mut before = client(&first_tunnel, "before");
        let shown = first_tunnel.certificate();
        // Each has a memory of its own: who comes by a ticket is shown nothing.
        let shown_to = |name: &str| {
            let tunnel = tunnel(&gateway, &config(&authority, None));
            client(&tunnel, name).ping();
            tunnel.certificate()
        };
        let garbage = "-----BEGIN CERTIFICATE-----\nbad\n-----END CERTIFICATE-----\n";
        authority.write("chain.pem", garbage);
        gateway.reload();
        gateway.wait_for_line(&["the certificates from before stay in use", "chain.pem"]);
        assert_eq!(shown_to("between"), shown);
        authority.install(&second);
        gateway.reload();
        gateway.wait_for_line(&["certificates are renewed", "wss"]);
        assert_ne!(shown_to("after"), shown);
        before.publish("still/there", b"");
        assert!(!gateway.whole_log().contains("PRIVATE KEY"));
    }
}

#[test]
fn every_wrong_line_about_tls_is_named() {
    let authority = Authority::new();
    let certificates = authority.install(&authority.server(1));
    let chain = authority.write("alone.pem", &authority.server(2).pem);
    let other_key = authority.write("other.pem", &authority.server(3).key_pem);
    let pair = format!("certificates = [{{ chain = \"{chain}\", key = \"{other_key}\" }}]\n");
    let ca = authority.write("empty.pem", "");
    let secure = "protocol = \"mqtts\"\n";
    let wrong = [
        (secure.to_string(), "certificates"),
        (
            format!("{secure}certificates = []\n"),
            "names no certificate",
        ),
        (
            format!("{secure}certificates = [{{ chain = \"/none\", key = \"/none\" }}]\n"),
            "/none",
        ),
        (
            format!("{secure}certificates = [{{ chain = \"/none\" }}]\n"),
            "key",
        ),
        (format!("{secure}{pair}"), "is not the key of"),
        (
            format!("{secure}{certificates}tls_versions = [\"1.1\"]\n"),
            "1.1",
        ),
        (
            format!("{secure}{certificates}client_auth = \"maybe\"\n"),
            "maybe",
        ),
        (
            format!("{secure}{certificates}client_auth = \"required\"\n"),
            "client_ca",
        ),
        (
            format!("{secure}{certificates}client_auth = \"required\"\nclient_ca = \"{ca}\"\n"),
            "client_ca",
        ),
        (
            format!("{secure}{certificates}client_crl = [\"/none\"]\n"),
            "client_crl",
        ),
        (
            format!("{secure}{certificates}record_layer = \"fat\"\n"),
            "fat",
        ),
        (
            format!("{secure}{certificates}handshake_timeout_secs = 0\n"),
            "handshake_timeout_secs",
        ),
        (certificates.clone(), "means nothing without TLS"),
    ];
    for (lines, part) in wrong {
        let text = format!("[listen.mqtt]\naddress = \"127.0.0.1:0\"\n{lines}{NULL_ROUTE}");
        let path = config_file(&text).display().to_string();
        let ended = run_to_end(&["check", "--config", &path]);
        assert_eq!(ended.code, Some(1), "{lines}");
        let said = ended.stderr + &ended.stdout;
        assert!(
            said.contains(part) && said.contains("[listen.mqtt]"),
            "{part}: {said}"
        );
        assert!(!said.contains("PRIVATE KEY"), "{said}");
    }
}

#[test]
fn the_name_in_a_certificate_goes_with_its_client() {
    for layer in LAYERS {
        let authority = Authority::new();
        let certificates = authority.install(&authority.server(1));
        let ca = authority.write("ca.pem", &authority.pem);
        let secure = format!(
            "{certificates}client_auth = \"optional\"\nclient_ca = \"{ca}\"\n\
             record_layer = \"{layer}\"\naddress = \"127.0.0.1:0\"\nprotocol = \"mqtts\"\n"
        );
        let text = format!(
            "[listen.mqtts]\n{secure}[listen.relayed]\n{secure}proxy_protocol = \"required\"\n\
             proxy_from = [\"127.0.0.0/8\"]\n{NULL_ROUTE}\
             [log]\nlevel = \"debug\"\nformat = \"json\"\n"
        );
        let gateway = Launch::default().listeners(&text).shards(2).start();
        for number in 0..6 {
            let identity = authority.client(&format!("name-{number}"), number);
            let tunnel = tunnel(&gateway, &config(&authority, Some(&identity)));
            let name = format!("\"certificate\":\"name-{number}\"");
            // The second time by a ticket, with the certificate in it.
            for time in ["first", "again"] {
                let id = format!("{time}-{number}");
                client(&tunnel, &id).ping();
                gateway.wait_for_line(&["\"connected", &id, &name]);
            }
        }
        assert!(handshakes(&gateway.metrics(), "resumed") >= 1.0);
        let identity = authority.client("name-proxied", 9);
        let config = config(&authority, Some(&identity));
        let header = b"PROXY TCP4 203.0.113.7 10.0.0.1 40001 8883\r\n";
        for number in 0..4 {
            let id = format!("proxied-{number}");
            let mut stream = super::secure(&gateway, "relayed", &config, header);
            enter(&mut stream, &id);
            let address = "\"address\":\"203.0.113.7:40001\"";
            let name = "\"certificate\":\"name-proxied\"";
            gateway.wait_for_line(&["\"connected", &id, address, name]);
        }
        let mut anonymous = client(
            &tunnel(&gateway, &super::config(&authority, None)),
            "nobody",
        );
        anonymous.ping();
    }
}
