//! Every fault of a file is told with the file, its role and the remedy.

use std::sync::Arc;

use super::*;

const CERTIFICATE: Pem<'_> = Pem {
    name: "server.pem",
    bytes: b"",
};

fn fault(certificates: &str, key: &str) -> String {
    let chain = Chain {
        certificates: Pem {
            bytes: certificates.as_bytes(),
            ..CERTIFICATE
        },
        key: Pem {
            name: "server.key",
            bytes: key.as_bytes(),
        },
    };
    told(vec![chain], ClientAuth::None)
}

fn told(chains: Vec<Chain<'_>>, client_auth: ClientAuth<'_>) -> String {
    let built = Settings::build(&Options {
        chains,
        client_auth,
        tls12: false,
        alpn: vec![ALPN_MQTT],
        layer: Layer::Lean,
        tickets: None,
        clock: Arc::new(Clock::default()),
    });
    built
        .map(|_| ())
        .expect_err("something is wrong")
        .to_string()
}

struct Own {
    certificate: String,
    key: String,
}

fn own() -> Own {
    let key = rcgen::KeyPair::generate().expect("P-256 is there");
    let params = rcgen::CertificateParams::new(["localhost".to_owned()]).expect("it is a name");
    let certificate = params.self_signed(&key).expect("it signs");
    Own {
        certificate: certificate.pem(),
        key: key.serialize_pem(),
    }
}

#[test]
fn no_certificate_at_all_is_told() {
    assert!(told(Vec::new(), ClientAuth::None).contains("give both"));
}

#[test]
fn a_file_without_what_it_should_have_is_named_with_its_role() {
    let own = own();
    let told = fault("", &own.key);
    assert!(
        told.starts_with("certificate file server.pem has no section"),
        "{told}"
    );
    let told = fault(&own.certificate, &own.certificate);
    assert!(
        told.starts_with("key file server.key has no section"),
        "{told}"
    );
}

#[test]
fn cut_and_garbled_pem_is_told_from_no_pem() {
    let own = own();
    let cut = &own.certificate[..own.certificate.len() / 2];
    let told = fault(cut, &own.key);
    assert!(
        told.contains("server.pem is not whole PEM (a section has no end)"),
        "{told}"
    );
    let garbled = own.certificate.replacen("MII", "M!I", 1);
    let told = fault(&garbled, &own.key);
    assert!(
        told.contains("server.pem is not whole PEM (a line is not base64)"),
        "{told}"
    );
}

#[test]
fn a_certificate_that_is_none_is_told() {
    let own = own();
    let text = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let told = fault(text, &own.key);
    assert!(
        told.starts_with("certificate file server.pem cannot be used ("),
        "{told}"
    );
}

#[test]
fn a_key_of_another_certificate_is_told_with_both_files() {
    let told = fault(&own().certificate, &own().key);
    assert!(
        told.starts_with("key file server.key is not the key of server.pem"),
        "{told}"
    );
}

#[test]
fn an_encrypted_key_is_told_with_the_command_that_decrypts_it() {
    let own = own();
    let encrypted = own.key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let told = fault(&own.certificate, &encrypted);
    assert!(
        told.contains("server.key is encrypted; decrypt it with `openssl pkey"),
        "{told}"
    );
}

#[test]
fn two_keys_in_a_file_are_one_too_many() {
    let own = own();
    let told = fault(&own.certificate, &own.key.repeat(2));
    assert!(told.contains("server.key has several keys"), "{told}");
}

#[test]
fn a_key_of_an_unknown_kind_is_told() {
    let own = own();
    let text = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let told = fault(&own.certificate, text);
    assert!(
        told.starts_with("key file server.key cannot be used ("),
        "{told}"
    );
}

#[test]
fn client_authorities_and_revocation_lists_are_checked_alike() {
    let own = own();
    let chain = Chain {
        certificates: Pem {
            bytes: own.certificate.as_bytes(),
            ..CERTIFICATE
        },
        key: Pem {
            name: "server.key",
            bytes: own.key.as_bytes(),
        },
    };
    let auth = |ca: &'static str, list: Option<&'static str>| {
        let pem = |name, text: &'static str| Pem {
            name,
            bytes: text.as_bytes(),
        };
        ClientAuth::Required(Trust {
            authorities: vec![pem("ca.pem", ca)],
            revocation_lists: list.map(|text| pem("ca.crl", text)).into_iter().collect(),
            expired_lists: ExpiredLists::Refuse,
        })
    };
    let bad_ca = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let bad_list = "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n";
    let text = told(vec![chain], auth("", None));
    assert!(
        text.starts_with("client CA file ca.pem has no section"),
        "{text}"
    );
    let text = told(vec![chain], auth(bad_ca, None));
    assert!(
        text.starts_with("client CA file ca.pem cannot be used ("),
        "{text}"
    );
    let good_ca: &'static str = own.certificate.clone().leak();
    let text = told(vec![chain], auth(good_ca, Some(bad_list)));
    assert!(
        text.starts_with("revocation list file ca.crl cannot be used ("),
        "{text}"
    );
    let nobody = Trust {
        authorities: Vec::new(),
        revocation_lists: Vec::new(),
        expired_lists: ExpiredLists::Refuse,
    };
    let text = told(vec![chain], ClientAuth::Optional(nobody));
    assert!(text.contains("no authority"), "{text}");
}

#[test]
fn no_fault_shows_bytes_of_a_key() {
    let own = own();
    let body = own.key.lines().nth(1).expect("it has a body");
    for key in [
        own.key.replacen("-----END", "", 1),
        own.key.replacen("MIG", "!!!", 1),
    ] {
        let told = fault(&own.certificate, &key);
        assert!(!told.contains(&body[4..20]), "{told}");
    }
    let pem = Pem {
        name: "server.key",
        bytes: own.key.as_bytes(),
    };
    assert_eq!(format!("{pem:?}"), "Pem { name: \"server.key\", .. }");
}
