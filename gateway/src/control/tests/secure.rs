//! The control plane under TLS: who trusts its authority and knows the token gets in, and a renewed
//! certificate needs no restart.

use std::fs;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::{Plane, status_in};
use crate::control_tls::{ControlTls, ControlTlsFiles};

const TOKEN: &str = "s3cret";

/// An authority, and a folder with a certificate of its own making and the key.
struct Authority {
    folder: PathBuf,
    issuer: Issuer<'static, KeyPair>,
    root: CertificateDer<'static>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let folder = format!("tributary-tls-{}-{name}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        fs::create_dir_all(&folder).expect("a place for temporary files");
        let mut params = CertificateParams::new(Vec::new()).expect("no names are no fault");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("the system has randomness");
        let root = params.self_signed(&key).expect("the key is its own");
        let authority = Self {
            folder,
            root: root.der().clone(),
            issuer: Issuer::new(params, key),
        };
        authority.issue("localhost");
        authority
    }

    /// Writes a certificate for this name, and its key.
    fn issue(&self, name: &str) {
        let params = CertificateParams::new(vec![name.to_owned()]).expect("a right name");
        let key = KeyPair::generate().expect("the system has randomness");
        let certificate = params.signed_by(&key, &self.issuer).expect("it may sign");
        fs::write(self.files().certificate, certificate.pem()).expect("the folder is ours");
        fs::write(self.files().key, key.serialize_pem()).expect("the folder is ours");
    }

    fn files(&self) -> ControlTlsFiles {
        ControlTlsFiles {
            certificate: self.folder.join("certificate.pem"),
            key: self.folder.join("key.pem"),
        }
    }

    /// Status and text of an answer to a client that trusts this authority alone.
    fn ask(&self, plane: &Plane, name: &'static str, head: &str) -> io::Result<(u16, String)> {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).expect("it is a certificate");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider has suites for both")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from(name).expect("a right name");
        let client = ClientConnection::new(Arc::new(config), name).expect("a right config");
        let mut stream = StreamOwned::new(client, TcpStream::connect(plane.address)?);
        write!(
            stream,
            "{head} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
        )?;
        write!(stream, "authorization: Bearer {TOKEN}\r\n\r\n")?;
        let mut text = String::new();
        // The gateway closes the socket behind its last byte; not every path says so first.
        match stream.read_to_string(&mut text) {
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(error),
            _ => Ok((status_in(&text), text)),
        }
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[test]
fn under_tls_the_token_is_asked_for_and_whoever_speaks_plainly_gets_nothing() {
    let authority = Authority::new("plain");
    let plane = Plane::with_tls(Some(TOKEN), Some(authority.files()));
    let (status, text) = authority
        .ask(&plane, "localhost", "GET /metrics")
        .expect("TLS");
    assert_eq!(status, 200);
    assert!(text.contains("tributary_connections"), "{text}");
    let mut stream = TcpStream::connect(plane.address).expect("it listens");
    // At once: the first byte that is no TLS may end the connection.
    let request = format!("GET /metrics HTTP/1.1\r\nauthorization: Bearer {TOKEN}\r\n\r\n");
    stream
        .write_all(request.as_bytes())
        .expect("a fresh socket has room");
    let mut said = Vec::new();
    // An alert at most.
    let _ = stream.read_to_end(&mut said);
    assert!(!said.windows(4).any(|bytes| bytes == b"HTTP"), "{said:?}");
    // Neither an authority of somebody else nor another name is believed.
    let other = Authority::new("other");
    assert!(other.ask(&plane, "localhost", "GET /healthz").is_err());
    assert!(authority.ask(&plane, "elsewhere", "GET /healthz").is_err());
}

#[test]
fn a_renewed_certificate_serves_whoever_comes_next_and_a_broken_one_changes_nothing() {
    let authority = Authority::new("renewed");
    let plane = Plane::with_tls(Some(TOKEN), Some(authority.files()));
    let tls = plane.tls.clone().expect("it has one");
    let serves = |name| authority.ask(&plane, name, "GET /healthz").is_ok();
    assert!(serves("localhost") && !serves("renewed"));
    authority.issue("renewed");
    assert!(!serves("renewed"), "nobody has asked for it");
    tls.renew().expect("both files are right");
    assert!(serves("renewed") && !serves("localhost"));
    fs::write(authority.files().key, "no key").expect("the folder is ours");
    assert_eq!(tls.renew().expect_err("the key is none").key, "key");
    assert!(serves("renewed"));
}

#[test]
fn files_that_make_no_tls_are_named_and_not_quoted() {
    let (one, other) = (Authority::new("one"), Authority::new("two"));
    let write = |name: &str, text: &str| {
        let path = one.folder.join(name);
        fs::write(&path, text).expect("the folder is ours");
        path
    };
    let (empty, garbage) = (write("empty.pem", ""), write("garbage.pem", "xyzzy"));
    let long = write("long.pem", &"xyzzy\n".repeat(200_000));
    let right = one.files();
    let cases: [(&Path, &Path, &str, &str); 6] = [
        (
            &empty,
            &right.key,
            "certificate",
            "has no certificate in PEM",
        ),
        (
            &right.key,
            &right.key,
            "certificate",
            "has no certificate in PEM",
        ),
        (&long, &right.key, "certificate", "longer than 1 MiB"),
        (&right.certificate, &garbage, "key", "has no key in PEM"),
        (
            &right.certificate,
            Path::new("/no/key"),
            "key",
            "cannot be read",
        ),
        (
            &right.certificate,
            &other.files().key,
            "key",
            "does not go with",
        ),
    ];
    for (certificate, key, wrong_key, wrong) in cases {
        let files = ControlTlsFiles {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
        };
        let why = ControlTls::open(&files).expect_err(wrong);
        assert_eq!(why.key, wrong_key, "{why}");
        let said = why.to_string();
        assert!(said.contains(wrong) && !said.contains("xyzzy"), "{said}");
    }
}
