//! How MQTT travels beside plain TCP, the same for all clients of a run: certificates, versions and
//! names, read once and refused with a sentence.

use crate::failure::Failure;
use clap::ValueEnum;
use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{CipherSuite, ClientConfig, RootCertStore};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// TLS, a WebSocket, or the one in the other.
#[derive(Clone, Debug)]
pub struct Way {
    pub tls: Option<TlsSettings>,
    /// Where the server has its WebSocket; `None` is no WebSocket.
    pub path: Option<String>,
    /// What a request to it calls the server.
    pub host: String,
}

#[derive(Clone, Debug)]
pub struct TlsSettings {
    pub config: ClientConfig,
    pub name: ServerName<'static>,
    pub resumes: bool,
}

/// The version of TLS that the clients offer, and no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TlsVersion {
    #[value(name = "1.2")]
    V12,
    #[value(name = "1.3")]
    V13,
}

/// The files that a TLS client needs, as the command line names them.
pub struct TlsFiles<'a> {
    pub authorities: &'a Path,
    /// The clients' own chain and key.
    pub identity: Option<(&'a Path, &'a Path)>,
}

impl TlsSettings {
    /// # Errors
    /// A file or name that is no good, and what would be.
    pub fn read(
        files: &TlsFiles<'_>,
        name: &str,
        version: TlsVersion,
        resumes: bool,
    ) -> Result<Self, Failure> {
        let version = match version {
            TlsVersion::V12 => &TLS12,
            TlsVersion::V13 => &TLS13,
        };
        let builder = ClientConfig::builder_with_provider(Arc::new(provider()))
            .with_protocol_versions(&[version])
            .map_err(|error| Failure::start("cannot use this TLS version", error, "report it"))?
            .with_root_certificates(authorities(files.authorities)?);
        let mut config = match files.identity {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => builder
                .with_client_auth_cert(certificates("--tls-cert", chain)?, private_key(key)?)
                .map_err(|error| unusable("--tls-key", key, &error, "give it the chain's key"))?,
        };
        config.resumption = Resumption::disabled();
        let name = ServerName::try_from(name.to_owned()).map_err(|error| {
            let what = format!("--tls-name {name} is no name of a server");
            Failure::start(what, error, "give it a DNS name or an address")
        })?;
        Ok(Self {
            config,
            name,
            resumes,
        })
    }
}

/// AES-128 first: rustls would begin with AES-256, and servers that let the client choose would be
/// measured with another cipher than those that do not.
fn provider() -> CryptoProvider {
    let mut provider = aws_lc_rs::default_provider();
    let first = [
        CipherSuite::TLS13_AES_128_GCM_SHA256,
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    ];
    // The order within the two halves stays.
    provider
        .cipher_suites
        .sort_by_key(|suite| !first.contains(&suite.suite()));
    provider
}

fn authorities(path: &Path) -> Result<RootCertStore, Failure> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates("--tls", path)? {
        let added = roots.add(certificate);
        added.map_err(|error| unusable("--tls", path, &error, "give it the authority's PEM"))?;
    }
    Ok(roots)
}

fn certificates(flag: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let remedy = "give it a PEM file with certificates";
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    let all: Vec<_> = read.map_err(|error| unusable(flag, path, &error, remedy))?;
    match all.is_empty() {
        true => Err(unusable(flag, path, &"it holds no certificate", remedy)),
        false => Ok(all),
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, Failure> {
    PrivateKeyDer::from_pem_file(path)
        .map_err(|error| unusable("--tls-key", path, &error, "give it a PEM file with one key"))
}

fn unusable(flag: &str, path: &Path, why: &dyn fmt::Display, next: &str) -> Failure {
    Failure::start(format!("cannot use {flag} {}", path.display()), why, next)
}
